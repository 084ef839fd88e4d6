//! The options of networks, typed. Their names and defaults are libnetwork's, but for those that begin with
//! `lanloom.`.

mod value;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use value::{interface, interfaces, mode};

use crate::driver::{DriverError, GuardMode, NetworkSpec, OWN_PREFIX};
use crate::kernel::IfName;
use crate::switched::options::{
    BRIDGE_PREFIX, Fault, GUARD, IFACE_PREFIX, Known, MTU, MTU_MIN_V6, TRUSTED, address, boolean, guard, mtu, refuse_unknown,
    unknown,
};

const NAME: &str = "com.docker.network.bridge.name";
const ENABLE_ICC: &str = "com.docker.network.bridge.enable_icc";
const ENABLE_MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const INHIBIT_V4: &str = "com.docker.network.bridge.inhibit_ipv4";
const HOST_BINDING_V4: &str = "com.docker.network.bridge.host_binding_ipv4";
const MODE_V4: &str = "com.docker.network.bridge.gateway_mode_ipv4";
const MODE_V6: &str = "com.docker.network.bridge.gateway_mode_ipv6";
const TRUSTED_INTERFACES: &str = "com.docker.network.bridge.trusted_host_interfaces";
const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";
const HOST_V4: &str = "com.docker.network.host_ipv4";
const HOST_V6: &str = "com.docker.network.host_ipv6";

/// All that a network may have of what begins with our own and libnetwork's prefix.
const OF_NETWORKS: [&str; 11] = [
    NAME,
    ENABLE_ICC,
    ENABLE_MASQUERADE,
    INHIBIT_V4,
    HOST_BINDING_V4,
    MODE_V4,
    MODE_V6,
    TRUSTED_INTERFACES,
    DEFAULT_BRIDGE,
    GUARD,
    TRUSTED,
];

/// What `docs/networks.md` tells of networks' options, in its order: for whoever misspelled one.
const DOCUMENTED_OF_NETWORKS: [&str; 12] =
    [NAME, ENABLE_ICC, ENABLE_MASQUERADE, INHIBIT_V4, MODE_V4, MODE_V6, HOST_V4, HOST_V6, MTU, IFACE_PREFIX, GUARD, TRUSTED];

/// What every network has for itself.
const OF_ONE_NETWORK: [&str; 5] = [NAME, DEFAULT_BRIDGE, HOST_V4, HOST_V6, IFACE_PREFIX];

/// How a family's gateway serves its network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GatewayMode {
    /// What goes out has the host's address; what comes in reaches published ports only.
    #[default]
    Nat,
    /// What goes out has the host's address; what is routed here from outside comes in.
    NatUnprotected,
    /// Nothing is translated.
    Routed,
    /// The host has no address in the network.
    Isolated,
}

impl GatewayMode {
    /// Whether sources are translated.
    pub(super) const fn translates(self) -> bool {
        match self {
            Self::Nat | Self::NatUnprotected => true,
            Self::Routed | Self::Isolated => false,
        }
    }
}

/// A network's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NetworkOptions {
    /// The gateway's interface; of our own naming if not given.
    pub(super) ifname: Option<IfName>,
    /// Whether endpoints reach each other.
    pub(super) icc: bool,
    /// Whether what goes out gets the host's address.
    pub(super) masquerade: bool,
    /// Whether the gateway's interface goes without an IPv4 address.
    pub(super) inhibit_v4: bool,
    /// Where ports are published by default.
    pub(super) host_binding_v4: Option<Ipv4Addr>,
    /// The mode of IPv4.
    pub(super) mode_v4: GatewayMode,
    /// The mode of IPv6.
    pub(super) mode_v6: GatewayMode,
    /// Interfaces of the host from which endpoints' published ports are reached without translation.
    pub(super) trusted_interfaces: Vec<IfName>,
    /// MTU in bytes; the kernel's if not given.
    pub(super) mtu: Option<u32>,
    /// The source address of what goes out by IPv4, instead of masquerade.
    pub(super) host_v4: Option<Ipv4Addr>,
    /// The source address of what goes out by IPv6, instead of masquerade.
    pub(super) host_v6: Option<Ipv6Addr>,
    /// What source addresses endpoints may use.
    pub(super) guard: GuardMode,
    /// Whether endpoints may send router advertisements, DHCP answers and BPDUs.
    pub(super) trusted: bool,
}

impl NetworkOptions {
    /// Reads a network's options and holds them against what else it says.
    pub(super) fn parse(what: &str, spec: &NetworkSpec) -> Result<Self, DriverError> {
        let options = Self::read(&spec.options).map_err(|fault| fault.at(what, &spec.name))?;
        options.check(spec).map_err(|fault| fault.at(what, &spec.name))?;
        Ok(options)
    }

    /// Whether the host takes part in IPv4, or IPv6, of a network: unless it is to be isolated. What cannot be read is refused later.
    pub(super) fn wants_gateway(all: &BTreeMap<String, String>, v4: bool) -> bool {
        let asked = Known(all).read(if v4 { MODE_V4 } else { MODE_V6 }, mode);
        !matches!(asked, Ok(Some(GatewayMode::Isolated)))
    }

    /// Reads what is to hold for every network that does not say otherwise: of what each has for itself, nothing.
    pub(super) fn defaults(all: &BTreeMap<String, String>) -> Result<Self, DriverError> {
        let read = all.keys().try_for_each(|key| default_option(key)).and_then(|()| Self::read(all));
        read.map_err(|fault| fault.at("configure driver", "bridge"))
    }

    fn read(all: &BTreeMap<String, String>) -> Result<Self, Fault> {
        refuse_unknown(all, &[OWN_PREFIX, BRIDGE_PREFIX], &OF_NETWORKS, &DOCUMENTED_OF_NETWORKS)?;
        let known = Known(all);
        known.read(DEFAULT_BRIDGE, boolean)?;
        Ok(Self {
            ifname: known.read(NAME, interface)?,
            icc: known.read(ENABLE_ICC, boolean)?.unwrap_or(true),
            masquerade: known.read(ENABLE_MASQUERADE, boolean)?.unwrap_or(true),
            inhibit_v4: known.read(INHIBIT_V4, boolean)?.unwrap_or(false),
            host_binding_v4: known.read(HOST_BINDING_V4, address)?,
            mode_v4: known.read(MODE_V4, mode)?.unwrap_or_default(),
            mode_v6: known.read(MODE_V6, mode)?.unwrap_or_default(),
            trusted_interfaces: known.read(TRUSTED_INTERFACES, interfaces)?.unwrap_or_default(),
            mtu: known.read(MTU, mtu)?.flatten(),
            host_v4: known.read(HOST_V4, address)?,
            host_v6: known.read(HOST_V6, address)?,
            guard: known.read(GUARD, guard)?.unwrap_or_default(),
            trusted: known.read(TRUSTED, boolean)?.unwrap_or(false),
        })
    }

    fn check(&self, spec: &NetworkSpec) -> Result<(), Fault> {
        if [self.mode_v4, self.mode_v6].contains(&GatewayMode::Isolated) && !spec.internal {
            let why = "gateway mode 'isolated' can only be used for an internal network";
            return Err(Fault::new(why, "make the network internal, or choose nat, nat-unprotected or routed"));
        }
        if self.mtu.is_some_and(|mtu| !spec.v6.is_empty() && mtu < MTU_MIN_V6) {
            let why = format!("invalid MTU number: {}", self.mtu.unwrap_or_default());
            return Err(Fault::new(why, format!("IPv6 needs at least {MTU_MIN_V6} bytes (RFC 8200, 5)")));
        }
        Ok(())
    }
}

/// Whether an option can hold for every network that does not say otherwise.
pub(super) fn default_option(key: &str) -> Result<(), Fault> {
    if OF_ONE_NETWORK.contains(&key) {
        return Err(Fault::new(format!("{key} is for one network"), "give it to that with `network create -o`"));
    }
    let known: Vec<&str> = DOCUMENTED_OF_NETWORKS.iter().copied().filter(|key| !OF_ONE_NETWORK.contains(key)).collect();
    let is_known = known.contains(&key) || OF_NETWORKS.contains(&key);
    if is_known { Ok(()) } else { Err(unknown(key, &known)) }
}

/// Whether an option that can hold for every network can have that value.
pub(super) fn default_value(key: &str, value: &str) -> Result<(), Fault> {
    NetworkOptions::read(&BTreeMap::from([(key.to_owned(), value.to_owned())])).map(|_| ())
}

#[cfg(test)]
mod tests;
