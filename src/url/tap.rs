//! `tap://`: a TAP that we make.

use super::error::Fault;
use super::query::{Keys, Pairs};
use super::value::{TAP_MTU_MAX, mac_value, mtu_value, switch_value};
use crate::names::{IfName, NetnsRef};
use lanloom_switch_core::MacAddr;

/// A TAP to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TapUrl {
    /// Its name.
    pub ifname: IfName,
    /// Where it goes; `None` leaves it in the daemon's namespace.
    pub netns: Option<NetnsRef>,
    /// Whether super-frames and partial checksums pass. `off` for who wants to see frames as they would be on a wire.
    pub offload: bool,
    /// Its MTU in bytes; `None` is the kernel's 1500.
    pub mtu: Option<u32>,
    /// Whether it stays when the daemon stops.
    pub persist: bool,
    /// Its address; `None` is a random local one.
    pub mac: Option<MacAddr>,
}

const KEYS: &str = "netns, offload, mtu, persist, mac";

impl TapUrl {
    pub(super) fn new(ifname: IfName) -> Self {
        Self { ifname, netns: None, offload: true, mtu: None, persist: true, mac: None }
    }

    pub(super) fn parse(target: &str, query: &str) -> Result<Self, Fault> {
        let mut tap = Self::new(target.parse()?);
        for pair in Pairs::of(query) {
            let (key, value) = pair?;
            match key {
                "netns" => tap.netns = Some(value.parse()?),
                "offload" => tap.offload = switch_value(key, &value, "on", "off")?,
                "mtu" => tap.mtu = Some(mtu_value(&value, TAP_MTU_MAX)?),
                "persist" => tap.persist = switch_value(key, &value, "yes", "no")?,
                "mac" => tap.mac = Some(mac_value(&value)?),
                _ => return Err(Fault::unknown_key(key, "tap", KEYS)),
            }
        }
        Ok(tap)
    }

    pub(super) fn keys(&self) -> Keys {
        let mut keys = Keys::default();
        keys.say_if("netns", self.netns.as_ref());
        keys.say_if("offload", (!self.offload).then_some("off"));
        keys.say_if("mtu", self.mtu);
        keys.say_if("persist", (!self.persist).then_some("no"));
        keys.say_if("mac", self.mac);
        keys
    }
}
