//! The names of all networks of a daemon: which endpoint has which names, addresses and services.
//!
//! The controller says when an endpoint comes and goes; [`resolve`](super::resolve) asks. It is *not* the wire format, and it does not
//! know who may ask what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All names, by network. Names of endpoints are the same in any case (RFC 4343), names of networks are not.
#[derive(Clone, Debug, Default)]
pub struct Zone {
    networks: BTreeMap<String, Network>,
}

/// What an endpoint is known by on its network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The sandbox's name first, which reverse lookups answer; then aliases, the short id, the hostname.
    pub names: Vec<String>,
    /// Its addresses.
    pub v4: Vec<Ipv4Addr>,
    /// Its addresses.
    pub v6: Vec<Ipv6Addr>,
    /// What it offers: the service's name, without underscore, its port, and what carries it (RFC 2782).
    pub services: Vec<(String, u16, Proto)>,
}

/// What carries a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proto {
    /// `_tcp`
    Tcp,
    /// `_udp`
    Udp,
    /// `_sctp`
    Sctp,
}

/// The endpoints of one network, found by what they are asked by.
#[derive(Clone, Debug, Default)]
struct Network {
    endpoints: BTreeMap<String, Names>,
    by_name: BTreeMap<String, BTreeSet<String>>,
    by_address: BTreeMap<IpAddr, BTreeSet<String>>,
}

impl Zone {
    /// A zone without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what an endpoint, by its id, is known by on a network, by its name. What was said of it there before is forgotten.
    pub fn set(&mut self, network: &str, endpoint: &str, names: Names) {
        self.remove(network, endpoint);
        self.networks.entry(network.to_owned()).or_default().insert(endpoint, names);
    }

    /// Forgets an endpoint of a network, if it is known.
    pub fn remove(&mut self, network: &str, endpoint: &str) {
        let Some(found) = self.networks.get_mut(network) else { return };
        found.remove(endpoint);
        if found.endpoints.is_empty() {
            self.networks.remove(network);
        }
    }

    /// Forgets all endpoints of a network.
    pub fn remove_network(&mut self, network: &str) {
        self.networks.remove(network);
    }

    /// The endpoints of a network that have a name, in any case. More than one may share an alias.
    pub(super) fn named<'z>(&'z self, network: &str, name: &str) -> impl Iterator<Item = &'z Names> + use<'z> {
        let found = self.networks.get(network).and_then(|network| network.with(&network.by_name, &name.to_ascii_lowercase()));
        found.into_iter().flatten()
    }

    /// The endpoints of a network that have an address.
    pub(super) fn holding<'z>(&'z self, network: &str, address: IpAddr) -> impl Iterator<Item = &'z Names> + use<'z> {
        let found = self.networks.get(network).and_then(|network| network.with(&network.by_address, &address));
        found.into_iter().flatten()
    }

    /// The networks that have endpoints, in the order of their names.
    pub(super) fn networks(&self) -> impl Iterator<Item = &str> {
        self.networks.keys().map(String::as_str)
    }
}

impl Names {
    /// All addresses, IPv4 first.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.v4.iter().copied().map(IpAddr::V4).chain(self.v6.iter().copied().map(IpAddr::V6))
    }
}

impl Network {
    fn insert(&mut self, endpoint: &str, names: Names) {
        for name in &names.names {
            self.by_name.entry(name.to_ascii_lowercase()).or_default().insert(endpoint.to_owned());
        }
        for address in names.addresses() {
            self.by_address.entry(address).or_default().insert(endpoint.to_owned());
        }
        self.endpoints.insert(endpoint.to_owned(), names);
    }

    fn remove(&mut self, endpoint: &str) {
        let Some(names) = self.endpoints.remove(endpoint) else { return };
        for name in &names.names {
            forget(&mut self.by_name, &name.to_ascii_lowercase(), endpoint);
        }
        for address in names.addresses() {
            forget(&mut self.by_address, &address, endpoint);
        }
    }

    fn with<'z, K: Ord>(
        &'z self,
        index: &'z BTreeMap<K, BTreeSet<String>>,
        key: &K,
    ) -> Option<impl Iterator<Item = &'z Names> + use<'z, K>> {
        Some(index.get(key)?.iter().filter_map(|endpoint| self.endpoints.get(endpoint)))
    }
}

fn forget<K: Ord>(index: &mut BTreeMap<K, BTreeSet<String>>, key: &K, endpoint: &str) {
    let Some(endpoints) = index.get_mut(key) else { return };
    endpoints.remove(endpoint);
    if endpoints.is_empty() {
        index.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str, last: u8) -> Names {
        Names { names: vec![name.to_owned(), "shared".to_owned()], v4: vec![Ipv4Addr::new(10, 0, 0, last)], ..Names::default() }
    }

    fn found(zone: &Zone, network: &str, name: &str) -> Vec<String> {
        zone.named(network, name).map(|names| names.names[0].clone()).collect()
    }

    #[test]
    fn an_endpoint_is_found_by_its_names_in_any_case_and_by_its_addresses_on_its_network_alone() {
        let mut zone = Zone::new();
        zone.set("web", "e1", names("Db", 2));
        assert_eq!(found(&zone, "web", "dB"), ["Db"]);
        assert_eq!(found(&zone, "web", "SHARED"), ["Db"]);
        assert_eq!(found(&zone, "Web", "db"), Vec::<String>::new());
        assert_eq!(zone.holding("web", "10.0.0.2".parse().unwrap()).count(), 1);
        assert_eq!(zone.holding("lab", "10.0.0.2".parse().unwrap()).count(), 0);
    }

    #[test]
    fn what_was_said_before_of_an_endpoint_is_forgotten() {
        let mut zone = Zone::new();
        zone.set("web", "e1", names("old", 2));
        zone.set("web", "e1", names("new", 3));
        assert_eq!(found(&zone, "web", "old"), Vec::<String>::new());
        assert_eq!(found(&zone, "web", "new"), ["new"]);
        assert_eq!(zone.holding("web", "10.0.0.2".parse().unwrap()).count(), 0);
    }

    #[test]
    fn an_endpoint_that_goes_leaves_those_that_share_its_alias() {
        let mut zone = Zone::new();
        zone.set("web", "e1", names("a", 2));
        zone.set("web", "e2", names("b", 3));
        assert_eq!(found(&zone, "web", "shared"), ["a", "b"]);
        zone.remove("web", "e1");
        assert_eq!(found(&zone, "web", "shared"), ["b"]);
        zone.remove("web", "e1");
        zone.remove("lab", "e2");
        zone.remove("web", "e2");
        assert_eq!(zone.networks().count(), 0);
    }

    #[test]
    fn a_network_goes_with_all_its_names() {
        let mut zone = Zone::new();
        zone.set("web", "e1", names("a", 2));
        zone.set("lab", "e2", names("a", 2));
        zone.remove_network("web");
        assert_eq!(zone.networks().collect::<Vec<_>>(), ["lab"]);
    }
}
