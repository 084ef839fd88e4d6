//! What a network is to look like: everything that follows from what was asked for. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use super::GATEWAY;
use super::options::{GatewayMode, NetworkOptions};
use crate::driver::{DriverError, EndpointSpec, GuardMode, NetworkSpec, PoolData, PortGuard, PortKind, Role, SwitchPort};
use crate::kernel::{Egress, Gate, IfName, SysctlKey};
use crate::switched::options::Fault;
use crate::switched::{self, Layout as _, mac, overlaps};

/// Digits of a network's id that its gateway interface is named by.
const ID_DIGITS: usize = 12;

/// Libnetwork's names of the addresses that are an endpoint's gateway though the host does not have them.
const OTHER_GATEWAY: [&str; 2] = ["DefaultGatewayIPv4", "DefaultGatewayIPv6"];

/// A network, with what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What was asked for.
    pub(super) spec: NetworkSpec,
    /// Its options.
    pub(super) options: NetworkOptions,
    /// The gateway's interface.
    pub(super) ifname: IfName,
}

impl Layout {
    /// Reads what was asked for.
    pub(super) fn of(what: &str, spec: &NetworkSpec) -> Result<Self, DriverError> {
        let options = NetworkOptions::parse(what, spec)?;
        let ifname = options.ifname.clone().map_or_else(|| own_name(spec), Ok);
        let layout = Self { spec: spec.clone(), options, ifname: ifname.map_err(|fault| fault.at(what, &spec.name))? };
        layout.check().map_err(|fault| fault.at(what, &spec.name))?;
        Ok(layout)
    }

    fn check(&self) -> Result<(), Fault> {
        for pool in self.pools() {
            let inside = |address: IpAddr| pool.pool.contains(&address);
            let others = OTHER_GATEWAY.iter().filter_map(|name| pool.auxiliary.get(*name)).copied();
            if let Some(outside) = pool.gateway.map(|net| net.addr()).into_iter().chain(others).find(|one| !inside(*one)) {
                let why = format!("the gateway {outside} is not in the subnet {}", pool.pool);
                return Err(Fault::new(why, "give one of the subnet's own addresses"));
            }
        }
        Ok(())
    }

    fn mode(&self, pool: &PoolData) -> GatewayMode {
        if pool.pool.addr().is_ipv4() { self.options.mode_v4 } else { self.options.mode_v6 }
    }

    /// The pools in which the host takes part.
    fn shared(&self) -> impl Iterator<Item = &PoolData> {
        self.pools().filter(|pool| self.mode(pool) != GatewayMode::Isolated)
    }

    /// Whether the host takes part in it at all.
    pub(super) fn has_gateway(&self) -> bool {
        self.shared().next().is_some()
    }

    /// Whether its gateway speaks IPv6.
    pub(super) fn has_gateway_v6(&self) -> bool {
        self.shared().any(|pool| pool.pool.addr().is_ipv6())
    }

    /// The addresses of the gateway's interface.
    pub(super) fn gateway_addresses(&self) -> Vec<IpNet> {
        let inhibited = |net: &IpNet| self.options.inhibit_v4 && net.addr().is_ipv4();
        self.shared().filter_map(|pool| pool.gateway).filter(|net| !inhibited(net)).collect()
    }

    /// What the firewall does for it: an entry for each family that the host takes part in.
    pub(super) fn egress(&self) -> Vec<Egress> {
        let options = &self.options;
        let (v4, v6) = (options.host_v4.map(IpAddr::V4), options.host_v6.map(IpAddr::V6));
        let families = [(true, options.mode_v4, v4), (false, options.mode_v6, v6)];
        let entry = |(is_v4, mode, snat): (bool, GatewayMode, Option<IpAddr>)| {
            let pools: Vec<_> = self.shared().map(|pool| pool.pool).filter(|pool| pool.addr().is_ipv4() == is_v4).collect();
            let masquerade = options.masquerade && mode.translates();
            let (gateway, internal, protected) = (self.ifname.clone(), self.spec.internal, mode == GatewayMode::Nat);
            let (own_sources, apart) = (options.guard != GuardMode::Off, !options.icc);
            (!pools.is_empty()).then_some(Egress { gateway, pools, masquerade, snat, internal, protected, own_sources, apart })
        };
        families.into_iter().filter_map(entry).collect()
    }

    /// What others' tables are to accept for it; nothing of an internal network.
    pub(super) fn gate(&self) -> Option<Gate> {
        let is_open = |mode| match mode {
            GatewayMode::NatUnprotected | GatewayMode::Routed => true,
            GatewayMode::Nat | GatewayMode::Isolated => false,
        };
        let gate = || Gate {
            interface: self.ifname.clone(),
            inbound_v4: is_open(self.options.mode_v4) && self.forwards(true),
            inbound_v6: is_open(self.options.mode_v6) && self.forwards(false),
        };
        (!self.spec.internal).then(gate)
    }

    /// Whether the host is to forward IPv4, or IPv6, for it.
    pub(super) fn forwards(&self, v4: bool) -> bool {
        !self.spec.internal && self.shared().any(|pool| pool.pool.addr().is_ipv4() == v4)
    }

    /// The gateway's port.
    pub(super) fn gateway_port(&self) -> SwitchPort {
        let gateways: Vec<_> = self.shared().filter_map(|pool| pool.gateway).collect();
        let mac = Some(mac::suited(&gateways, &self.spec.id));
        // Also where the host does not have the address itself: what endpoints are told to go by is nobody else's.
        let others = self.shared().flat_map(|pool| OTHER_GATEWAY.iter().filter_map(|name| pool.auxiliary.get(*name)).copied());
        let addresses = gateways.iter().map(IpNet::addr).chain(others).collect();
        let own = || self.pools().map(|pool| pool.pool).collect();
        let (inside, apart) = (self.spec.internal.then(own), (!self.options.icc).then(own));
        SwitchPort {
            name: GATEWAY.to_owned(),
            kind: PortKind::Tap,
            ifname: self.ifname.to_string(),
            netns: None,
            mtu: self.options.mtu,
            mac,
            isolated: false,
            segment: 0,
            guard: PortGuard { role: Role::Gateway, mode: GuardMode::Leased, trusted: true, mac, addresses, inside, apart },
        }
    }

    /// The settings of the gateway's interface that have to be there: all but those of IPv6 where the network has none, which a
    /// kernel without IPv6 has not either.
    pub(super) fn sysctls(&self, forwarding: bool) -> Result<Sysctls, DriverError> {
        let key = |family: &str, name: &str| SysctlKey::new(&format!("net/{family}/conf/{}/{name}", self.ifname));
        let on = |is_on: bool| if is_on { "1" } else { "0" }.to_owned();
        let failed = |error| DriverError::kernel("set up gateway of network", &self.spec.name, &error);
        let v4 = vec![(key("ipv4", "forwarding").map_err(failed)?, on(forwarding))];
        let v6 = [
            ("disable_ipv6", on(!self.has_gateway_v6())),
            ("accept_ra", on(false)),
            ("forwarding", on(forwarding && self.has_gateway_v6())),
        ];
        let v6: Result<Vec<_>, _> =
            v6.into_iter().map(|(name, value)| Ok((key("ipv6", name).map_err(failed)?, value))).collect();
        Ok(Sysctls { v4, v6: v6? })
    }

    fn way_out(&self, address: IpAddr) -> Option<IpAddr> {
        let pool = self.shared().find(|pool| pool.pool.contains(&address))?;
        let other = OTHER_GATEWAY.iter().find_map(|name| pool.auxiliary.get(*name)).copied();
        other.or_else(|| pool.gateway.map(|net| net.addr()))
    }
}

impl switched::Layout for Layout {
    type Made = Made;

    fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// In libnetwork's words.
    fn conflict(&self, other: &Self) -> Option<Fault> {
        let overlap = |mine: &[PoolData], others: &[PoolData]| {
            mine.iter().any(|one| others.iter().any(|two| overlaps(&one.pool, &two.pool)))
        };
        let why = if self.spec.name == other.spec.name {
            "networks have same name"
        } else if self.has_gateway() && other.has_gateway() && self.ifname == other.ifname {
            "networks have same bridge name"
        } else if overlap(&self.spec.v4, &other.spec.v4) {
            "networks have overlapping IPv4"
        } else if overlap(&self.spec.v6, &other.spec.v6) {
            "networks have overlapping IPv6"
        } else {
            return None;
        };
        let why = format!("conflicts with network {} ({}): {why}", other.spec.name, other.ifname);
        Some(Fault::new(why, "choose another name, bridge name or subnet"))
    }

    fn guard(&self) -> (GuardMode, bool) {
        (self.options.guard, self.options.trusted)
    }

    fn mtu(&self) -> Option<u32> {
        self.options.mtu
    }

    fn isolated(&self) -> bool {
        !self.options.icc
    }

    fn segment(&self, _endpoint: &EndpointSpec) -> u16 {
        0
    }

    fn own_port(&self, name: &str) -> Option<&'static str> {
        own_port(name)
    }

    fn own_mac(&self, mac: MacAddr) -> Option<&'static str> {
        (self.has_gateway() && self.gateway_port().mac == Some(mac)).then_some("the gateway")
    }

    fn follow(self, what: &str, old: &Self) -> Result<Self, DriverError> {
        check_change(what, old, &self).map(|()| self)
    }

    fn ways_out(&self, endpoint: &EndpointSpec) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
        if self.spec.internal {
            return (None, None);
        }
        let ways = endpoint.addresses.iter().filter_map(|address| self.way_out(address.addr()));
        ways.fold((None, None), |(v4, v6), way| match way {
            IpAddr::V4(way) => (v4.or(Some(way)), v6),
            IpAddr::V6(way) => (v4, v6.or(Some(way))),
        })
    }
}

/// Where a port leads that is no endpoint's.
pub(super) fn own_port(name: &str) -> Option<&'static str> {
    (name == GATEWAY).then_some("the host")
}

/// What of a network there is, or may be, beside its switch and its endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its gateway's port.
    pub(super) gateway: bool,
    /// Its way out of the host.
    pub(super) egress: bool,
}

/// Settings of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sysctls {
    /// Those of IPv4.
    pub(super) v4: Vec<(SysctlKey, String)>,
    /// Those of IPv6.
    pub(super) v6: Vec<(SysctlKey, String)>,
}

fn own_name(spec: &NetworkSpec) -> Result<IfName, Fault> {
    let id: String = spec.id.chars().take(ID_DIGITS).collect();
    IfName::new(&format!("ll-{id}")).map_err(|error| Fault::new(error.why().to_string(), "give it an id of hex digits"))
}

/// What changes between two layouts of one network, if it may.
pub(super) fn check_change(what: &str, old: &Layout, new: &Layout) -> Result<(), DriverError> {
    let fixed = [
        ("its name", old.spec.name == new.spec.name),
        ("whether it is internal", old.spec.internal == new.spec.internal),
        ("the gateway's interface", old.ifname == new.ifname),
        ("the MTU", old.options.mtu == new.options.mtu),
        ("inhibit_ipv4", old.options.inhibit_v4 == new.options.inhibit_v4),
        ("a gateway mode", (old.options.mode_v4, old.options.mode_v6) == (new.options.mode_v4, new.options.mode_v6)),
        ("a pool that is there", old.pools().all(|pool| new.pools().any(|other| other == pool))),
        ("whether it has a gateway", old.has_gateway() == new.has_gateway()),
    ];
    let Some((which, _)) = fixed.into_iter().find(|(_, stays)| !stays) else { return Ok(()) };
    let hint = "make a new network; pools can be added, and guard, trusted, enable_icc and masquerade changed";
    Err(Fault::new(format!("{which} cannot be changed"), hint).at(what, &old.spec.name))
}

#[cfg(test)]
mod tests;
