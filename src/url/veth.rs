//! `veth://`: a pair that we make.

use super::error::Fault;
use super::query::{Keys, Pairs};
use super::value::{VETH_MTU_MAX, mac_value, mtu_value};
use crate::names::{IfName, NetnsRef};
use lanloom_switch_core::MacAddr;

/// A veth pair to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VethUrl {
    /// The name of the end in the namespace.
    pub ifname: IfName,
    /// Where that end goes.
    pub netns: NetnsRef,
    /// MTU of both ends in bytes; `None` is the kernel's 1500.
    pub mtu: Option<u32>,
    /// The address of that end; `None` is a random local one.
    pub mac: Option<MacAddr>,
}

const KEYS: &str = "netns, mtu, mac";

impl VethUrl {
    pub(super) fn parse(target: &str, query: &str) -> Result<Self, Fault> {
        let (ifname, mut netns, mut mtu, mut mac) = (target.parse()?, None, None, None);
        for pair in Pairs::of(query) {
            let (key, value) = pair?;
            match key {
                "netns" => netns = Some(value.parse()?),
                "mtu" => mtu = Some(mtu_value(&value, VETH_MTU_MAX)?),
                "mac" => mac = Some(mac_value(&value)?),
                _ => return Err(Fault::unknown_key(key, "veth", KEYS)),
            }
        }
        let netns = netns.ok_or(Fault::NoNetns)?;
        Ok(Self { ifname, netns, mtu, mac })
    }

    pub(super) fn keys(&self) -> Keys {
        let mut keys = Keys::default();
        keys.say("netns", &self.netns);
        keys.say_if("mtu", self.mtu);
        keys.say_if("mac", self.mac);
        keys
    }
}
