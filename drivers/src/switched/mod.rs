//! Networks that are one of our switches, named after it: what the drivers `bridge` and `overlay` share.
//!
//! An endpoint is a port of the switch: a TAP, or a veth, in the sandbox's namespace. What else a network has, and so what
//! making and deleting one takes, is its driver's own ([`Kind`]).
//!
//! | file | one idea |
//! |---|---|
//! | `options/` | options' values, and those of endpoints |
//! | `registry.rs` | the networks that are there, and their endpoints |
//! | `network.rs` | making, changing and deleting one, and taking one up again |
//! | `endpoint.rs` | endpoints, and their ports |
//! | `mac.rs` | hardware addresses |

mod endpoint;
pub(crate) mod mac;
mod network;
pub(crate) mod options;
mod registry;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use crate::driver::{DriverError, EndpointSpec, Fabric, GuardMode, NetworkSpec, PoolData, PortGuard, Role, StaticRoute};
pub(crate) use endpoint::endpoint_guards;
pub(crate) use network::{Kind, also};
use options::Fault;
pub(crate) use registry::{Network, Registry};

/// What a network is to look like: everything that follows from what was asked for.
pub(crate) trait Layout: Clone + Send + Sync + 'static {
    /// What of a network there is, or may be, beside its endpoints.
    type Made: Clone + Default + Send + Sync;

    /// What was asked for.
    fn spec(&self) -> &NetworkSpec;

    /// Why two networks cannot be at the same time, and what to do about it.
    fn conflict(&self, other: &Self) -> Option<Fault>;

    /// What endpoints' sources are held to, and whether endpoints are trusted, where these do not say.
    fn guard(&self) -> (GuardMode, bool);

    /// MTU of endpoints' interfaces, in bytes; the kernel's if none is given.
    fn mtu(&self) -> Option<u32>;

    /// Whether endpoints are kept apart.
    fn isolated(&self) -> bool;

    /// Of its switch's tunnels, the one that an endpoint's floods go out by.
    fn segment(&self, endpoint: &EndpointSpec) -> u16;

    /// What a port of its switch is for that is no endpoint's, if one of that name is.
    fn own_port(&self, name: &str) -> Option<&'static str>;

    /// Whose hardware address that is, if it is one of its own.
    fn own_mac(&self, mac: MacAddr) -> Option<&'static str>;

    /// The layout of a network that had an old one: this one, if what it changes may be changed.
    fn follow(self, what: &str, old: &Self) -> Result<Self, DriverError>;

    /// The way out of the network for an endpoint, by family.
    fn ways_out(&self, endpoint: &EndpointSpec) -> (Option<Ipv4Addr>, Option<Ipv6Addr>);

    /// Its pools of both families.
    fn pools(&self) -> impl Iterator<Item = &PoolData> {
        self.spec().v4.iter().chain(&self.spec().v6)
    }

    /// The network's other subnets, which are on the same link.
    fn routes(&self, endpoint: &EndpointSpec) -> Vec<StaticRoute> {
        let own = |pool: &IpNet| endpoint.addresses.iter().any(|address| pool.contains(&address.addr()));
        let same = |pool: &IpNet| endpoint.addresses.iter().any(|address| address.addr().is_ipv4() == pool.addr().is_ipv4());
        let others = self.pools().map(|pool| pool.pool).filter(|pool| same(pool) && !own(pool));
        others.map(|to| StaticRoute { to: to.trunc(), via: None }).collect()
    }
}

/// The networks of a driver, and the switches that they are on.
pub(crate) struct Switched<L: Layout> {
    /// The switches.
    pub(crate) fabric: Arc<dyn Fabric>,
    /// The networks.
    pub(crate) registry: Registry<L>,
}

impl<L: Layout> Switched<L> {
    /// No networks yet.
    pub(crate) fn new(fabric: Arc<dyn Fabric>) -> Self {
        Self { fabric, registry: Registry::default() }
    }

    /// The layout of a network, whole or not.
    pub(crate) fn layout(&self, what: &str, id: &str) -> Result<Arc<L>, DriverError> {
        self.registry.any(id).map(|network| network.layout).ok_or_else(|| DriverError::no_network(what, id))
    }
}

/// What an endpoint's port is held to.
fn endpoint_guard(spec: &EndpointSpec, mac: Option<MacAddr>, (mode, trusted): (GuardMode, bool)) -> PortGuard {
    let addresses = spec.addresses.iter().map(IpNet::addr).collect();
    PortGuard { role: Role::Endpoint, mode, trusted, mac, addresses, inside: None, apart: None }
}

/// Whether two subnets have addresses in common.
pub(crate) fn overlaps(one: &IpNet, two: &IpNet) -> bool {
    one.contains(two) || two.contains(one)
}
