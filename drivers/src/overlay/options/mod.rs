//! The options of networks, typed. Their names are libnetwork's, but for those that begin with `lanloom.`.

mod value;

use std::collections::BTreeMap;
use std::net::IpAddr;

use lanloom_switch_core::vxlan::UDP_PORT;
use value::{host, hosts, port, vnis};

use crate::driver::{DriverError, GuardMode, NetworkSpec, OWN_PREFIX};
use crate::switched::options::{
    Fault, GUARD, IFACE_PREFIX, Known, MTU, OVERLAY_PREFIX, TRUSTED, boolean, guard, mtu, refuse_unknown, unknown,
};

/// The identifiers of a network's subnets.
pub(super) const VNIS: &str = "com.docker.network.driver.overlay.vxlanid_list";
/// The other hosts' addresses in the underlay.
pub(super) const PEERS: &str = "lanloom.peers";
/// This host's address in the underlay.
pub(super) const LOCAL: &str = "lanloom.local";
/// The UDP port of the underlay.
pub(super) const PORT: &str = "lanloom.port";
/// Whether what passes the underlay is encrypted.
const ENCRYPTED: &str = "encrypted";
/// In the configuration file: this host's address in the underlay, for networks that do not say.
const UNDERLAY: &str = "underlay";

/// All that a network may have of what begins with our own and libnetwork's prefix.
const OF_NETWORKS: [&str; 6] = [VNIS, PEERS, LOCAL, PORT, GUARD, TRUSTED];

/// What `docs/overlay.md` tells of networks' options, in its order: for whoever misspelled one.
const DOCUMENTED: [&str; 8] = [PEERS, LOCAL, PORT, VNIS, MTU, IFACE_PREFIX, GUARD, TRUSTED];

/// What the configuration file may say.
const OF_ALL_NETWORKS: [&str; 5] = [UNDERLAY, PORT, MTU, GUARD, TRUSTED];

/// A network's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NetworkOptions {
    /// Identifiers of its subnets, in order, as far as given; 0 for one that is to be found.
    pub(super) vnis: Vec<u32>,
    /// The other hosts.
    pub(super) peers: Vec<IpAddr>,
    /// This host's address in the underlay, if given.
    pub(super) local: Option<IpAddr>,
    /// The UDP port of the underlay.
    pub(super) port: u16,
    /// The largest packets of the underlay, in bytes; what its path takes if not given.
    pub(super) mtu: Option<u32>,
    /// What source addresses endpoints may use.
    pub(super) guard: GuardMode,
    /// Whether endpoints may send router advertisements, DHCP answers and BPDUs.
    pub(super) trusted: bool,
}

impl NetworkOptions {
    /// Reads a network's options.
    pub(super) fn parse(what: &str, spec: &NetworkSpec) -> Result<Self, DriverError> {
        Self::read(&spec.options).map_err(|fault| fault.at(what, &spec.name))
    }

    fn read(all: &BTreeMap<String, String>) -> Result<Self, Fault> {
        // With libnetwork it is there or not, whatever it says.
        if all.contains_key(ENCRYPTED) {
            let why = "encryption is not there yet, and no clear-text network is made in its name";
            return Err(Fault::new(why, format!("leave {ENCRYPTED} out, and keep the underlay to hosts that you trust")));
        }
        refuse_unknown(all, &[OWN_PREFIX, OVERLAY_PREFIX], &OF_NETWORKS, &DOCUMENTED)?;
        let known = Known(all);
        let options = Self {
            vnis: known.read(VNIS, vnis)?.unwrap_or_default(),
            peers: known.read(PEERS, hosts)?.unwrap_or_default(),
            local: known.read(LOCAL, host)?,
            port: known.read(PORT, port)?.unwrap_or(UDP_PORT),
            mtu: known.read(MTU, mtu)?.flatten(),
            guard: known.read(GUARD, guard)?.unwrap_or_default(),
            trusted: known.read(TRUSTED, boolean)?.unwrap_or(false),
        };
        options.check().map(|()| options)
    }

    fn check(&self) -> Result<(), Fault> {
        let Some(local) = self.local else { return Ok(()) };
        match self.peers.iter().find(|peer| peer.is_ipv4() != local.is_ipv4()) {
            None => Ok(()),
            Some(peer) => {
                let why = format!("{LOCAL} {local} and the peer {peer} are of different families");
                Err(Fault::new(why, "give all of them by IPv4, or all by IPv6"))
            }
        }
    }
}

/// What the configuration file says of all networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Usual {
    /// This host's address in the underlay.
    pub(super) underlay: Option<IpAddr>,
    /// Options of networks that do not say otherwise.
    pub(super) options: BTreeMap<String, String>,
}

impl Usual {
    /// Reads it.
    pub(super) fn parse(all: &BTreeMap<String, String>) -> Result<Self, DriverError> {
        Self::read(all).map_err(|fault| fault.at("configure driver", super::NAME))
    }

    fn read(all: &BTreeMap<String, String>) -> Result<Self, Fault> {
        all.iter().try_for_each(|(key, value)| default_option(key).and_then(|()| default_value(key, value)))?;
        let underlay = Known(all).read(UNDERLAY, host)?;
        let options = all.iter().filter(|(key, _)| *key != UNDERLAY);
        Ok(Self { underlay, options: options.map(|(key, value)| (key.clone(), value.clone())).collect() })
    }
}

/// Whether an option can hold for every network that does not say otherwise.
pub(super) fn default_option(key: &str) -> Result<(), Fault> {
    if OF_ALL_NETWORKS.contains(&key) {
        return Ok(());
    }
    if DOCUMENTED.contains(&key) {
        return Err(Fault::new(format!("{key} is for one network"), "give it to that with `network create -o`"));
    }
    Err(unknown(key, &OF_ALL_NETWORKS))
}

/// Whether an option that can hold for every network can have that value.
pub(super) fn default_value(key: &str, value: &str) -> Result<(), Fault> {
    match key {
        UNDERLAY => host(key, value).map(drop),
        _ => NetworkOptions::read(&BTreeMap::from([(key.to_owned(), value.to_owned())])).map(drop),
    }
}

#[cfg(test)]
mod tests;
