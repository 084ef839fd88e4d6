//! What drivers are told, and what they answer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

/// How far the networks of a driver reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This host.
    Local,
    /// Several hosts.
    Global,
}

impl Scope {
    /// Its name in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Global => "global",
        }
    }
}

/// A network, as a driver is told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSpec {
    /// 64 hex digits.
    pub id: String,
    /// Its name: 1 to 63 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// Options, untouched.
    pub options: BTreeMap<String, String>,
    /// Whether it has no way to the world outside.
    pub internal: bool,
    /// Its pools of IPv4; none if it has no IPv4.
    pub v4: Vec<PoolData>,
    /// Its pools of IPv6; none if it has no IPv6.
    pub v6: Vec<PoolData>,
}

/// A pool of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolData {
    /// The subnet.
    pub pool: IpNet,
    /// The gateway's address with the subnet's prefix length; none if the network has none in it.
    pub gateway: Option<IpNet>,
    /// Addresses that are taken by others, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

/// An endpoint, as a driver is told it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointSpec {
    /// 64 hex digits.
    pub id: String,
    /// Its name, unique in its network.
    pub name: String,
    /// Options, untouched.
    pub options: BTreeMap<String, String>,
    /// Its hardware address, if it was asked for one.
    pub mac: Option<MacAddr>,
    /// Its addresses, each with its subnet's prefix length.
    pub addresses: Vec<IpNet>,
}

/// What a driver adds to an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointMade {
    /// The hardware address that its interface will have; none for an endpoint without an interface.
    pub mac: Option<MacAddr>,
}

/// Where an endpoint's interface goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The sandbox's namespace; none for the daemon's own.
    pub netns: Option<PathBuf>,
    /// The name that the interface is to have there.
    pub ifname: String,
}

/// What there is to set in the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The interface.
    pub interface: Interface,
    /// MTU in bytes that it is to have; the kernel's if none is given.
    pub mtu: Option<u32>,
    /// The way out of the network for IPv4.
    pub gateway_v4: Option<Ipv4Addr>,
    /// The way out of the network for IPv6.
    pub gateway_v6: Option<Ipv6Addr>,
    /// Routes beside the default one.
    pub routes: Vec<StaticRoute>,
}

/// The interface that a join brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Interface {
    /// There is none: `null` and `host`.
    #[default]
    None,
    /// It is in the sandbox under the name asked for, with its hardware address and MTU.
    Placed,
    /// It is in the daemon's namespace and to be moved and renamed.
    Away {
        /// Its name now.
        name: String,
        /// What its name in the sandbox begins with, before its number.
        prefix: String,
    },
}

/// A route to set in a sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticRoute {
    /// Where to.
    pub to: IpNet,
    /// The next hop; none for what is on the link.
    pub via: Option<IpAddr>,
}

/// What is opened to the world for an endpoint. Published ports come here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct External {
    /// Options, untouched.
    pub options: BTreeMap<String, String>,
}

/// Something outside that a driver may want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Another host that shares the store.
    Node {
        /// Its address.
        address: IpAddr,
        /// Whether it is this host.
        own: bool,
        /// Whether it is there now, or gone.
        there: bool,
    },
}
