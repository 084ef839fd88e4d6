//! Interfaces: what is asked for, and what is there.

use std::net::IpAddr;

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use super::error::{KernelError, Why};
use super::name::IfName;
use super::netns::Netns;

/// The least MTU of an Ethernet interface in bytes (`ETH_MIN_MTU`).
const MTU_MIN: u32 = 68;
/// The largest MTU of a veth in bytes (`ETH_MAX_MTU`).
const MTU_MAX: u32 = 65_535;
/// The largest MTU of a TAP in bytes: its Ethernet header counts too.
pub(crate) const TAP_MTU_MAX: u32 = MTU_MAX - 14;

/// A veth pair to make: each end in its namespace from the start, both up, without addresses, the guest end without the
/// offloads that a virtio-net header cannot describe (with them, a kernel tunnel nested inside makes super-frames whose
/// headers lie, and SCTP is lost).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VethSpec {
    /// Where the guest end goes.
    pub netns: Netns,
    /// The guest end's name.
    pub name: IfName,
    /// Where the other end goes, for a switch's port: the plumbing namespace.
    pub peer_netns: Netns,
    /// The other end's name.
    pub peer_name: IfName,
    /// Bytes of payload of a frame, of both ends: 68 to 65535.
    pub mtu: u32,
    /// The guest end's address; a random local one if none is given.
    pub mac: Option<MacAddr>,
    /// Frames that each end may queue; the kernel's default (1000, unused while it has no qdisc) if none is given.
    pub tx_queue_len: Option<u32>,
}

/// A veth pair as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Veth {
    /// The end in [`VethSpec::netns`].
    pub guest: LinkInfo,
    /// The end in [`VethSpec::peer_netns`].
    pub peer: LinkInfo,
}

/// A TAP that goes to its place under its final name, and is set up there. One that was made there already goes nowhere, which spares
/// a wait of 16 ms in the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapMove {
    /// Where it is now.
    pub home: Netns,
    /// Its name there.
    pub from: IfName,
    /// Where it goes.
    pub netns: Netns,
    /// Its name then.
    pub name: IfName,
    /// Its MTU then in bytes.
    pub mtu: u32,
    /// Its address then; it keeps its own if none is given.
    pub mac: Option<MacAddr>,
    /// Frames that the kernel queues for its reader (1000 by default).
    pub tx_queue_len: Option<u32>,
}

/// Changes of an interface; what is `None` stays. All are made by one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkChange {
    /// Administratively up or down.
    pub up: Option<bool>,
    /// MTU in bytes.
    pub mtu: Option<u32>,
    /// Hardware address.
    pub mac: Option<MacAddr>,
    /// A new name.
    pub name: Option<IfName>,
    /// Frames in its queue.
    pub tx_queue_len: Option<u32>,
}

/// An interface as the kernel shows it. It does not say where it is: that would keep a namespace that is held alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkInfo {
    /// Its name.
    pub name: String,
    /// Its number in that namespace.
    pub index: u32,
    /// MTU in bytes.
    pub mtu: u32,
    /// Hardware address; none for interfaces without one.
    pub mac: Option<MacAddr>,
    /// Administratively up.
    pub up: bool,
    /// Has a carrier: somebody is at the other end.
    pub carrier: bool,
    /// What it is.
    pub kind: LinkKind,
    /// Frames in its queue.
    pub tx_queue_len: u32,
    /// Of one end of a veth: the number of the other end, in the namespace where that is.
    pub pair: Option<u32>,
}

/// What an interface is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `lo`.
    Loopback,
    /// One end of a veth pair.
    Veth,
    /// A TUN or TAP.
    Tun,
    /// A bridge of the kernel's.
    Bridge,
    /// A VXLAN of the kernel's.
    Vxlan,
    /// Something of hardware, or without a kind.
    Device,
    /// Any other kind, as the kernel names it.
    Other(String),
}

/// A route of the main table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where to: a default route is `0.0.0.0/0` or `::/0`.
    pub to: IpNet,
    /// The gateway; none for what is on the link.
    pub via: Option<IpAddr>,
    /// The interface.
    pub dev: IfName,
    /// Takes the gateway to be on the link, though no subnet of the interface holds it (`RTNH_F_ONLINK`).
    pub on_link: bool,
}

/// How packets to an address go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WayTo {
    /// The address that they have as their source.
    pub source: IpAddr,
    /// The largest that passes, in bytes: what the interface and the route take, and what is known of the path beyond.
    pub mtu: u32,
}

/// An interface, and what is set of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The interface.
    pub link: LinkInfo,
    /// Its addresses, also those that the kernel gave it by itself.
    pub addresses: Vec<IpNet>,
    /// The routes of the main table by this interface.
    pub routes: Vec<Route>,
    /// Whether these are all; there may be too many to look at.
    pub all_routes: bool,
}

/// Whether it is one such as the kernel gives each IPv6 interface by itself (RFC 4291, 2.5.6).
pub(crate) fn link_local(address: &IpNet) -> bool {
    matches!(address.addr(), IpAddr::V6(address) if address.is_unicast_link_local())
}

impl VethSpec {
    /// Whether it can be made at all.
    pub(crate) fn check(&self) -> Result<(), KernelError> {
        if self.netns == self.peer_netns && self.name == self.peer_name {
            return Err(refused("creating a veth", &self.name, "both ends have one name in one namespace".to_owned()));
        }
        check_values("creating a veth", &self.name, Some(self.mtu), self.mac)
    }
}

impl TapMove {
    /// Whether it can be made at all.
    pub(crate) fn check(&self) -> Result<(), KernelError> {
        if self.mtu > TAP_MTU_MAX {
            let rule = format!("an MTU of {} bytes is more than a TAP's {TAP_MTU_MAX}", self.mtu);
            return Err(refused("moving a TAP", &self.name, rule));
        }
        check_values("moving a TAP", &self.name, Some(self.mtu), self.mac)
    }
}

impl LinkChange {
    /// Whether it can be made at all.
    pub(crate) fn check(&self, name: &IfName) -> Result<(), KernelError> {
        check_values("changing an interface", name, self.mtu, self.mac)
    }
}

/// Whether packets from one address to another are possible at all.
pub(crate) fn check_way(from: Option<IpAddr>, to: IpAddr) -> Result<(), KernelError> {
    match from.filter(|from| from.is_ipv4() != to.is_ipv4()) {
        None => Ok(()),
        Some(from) => {
            let rule = format!("{from} is of another family");
            Err(KernelError::new("looking for a route", to.to_string(), Why::InvalidValue(rule)))
        }
    }
}

fn check_values(what: &'static str, name: &IfName, mtu: Option<u32>, mac: Option<MacAddr>) -> Result<(), KernelError> {
    if let Some(mtu) = mtu.filter(|mtu| !(MTU_MIN..=MTU_MAX).contains(mtu)) {
        return Err(refused(what, name, format!("an MTU of {mtu} bytes is outside {MTU_MIN} to {MTU_MAX}")));
    }
    if let Some(mac) = mac.filter(|mac| !mac.is_valid_source()) {
        return Err(refused(what, name, format!("{mac} is no address of a station: it is a group's or zero")));
    }
    Ok(())
}

fn refused(what: &'static str, name: &IfName, rule: String) -> KernelError {
    KernelError::new(what, name.as_str(), Why::InvalidValue(rule))
}
