//! Whose a name is: what the zone has for it, that it is ours and does not exist, or that it is not ours.

use super::question::QName;
use super::{View, arpa};
use crate::dns::zone::{Names, Proto, Zone};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whose a name is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is known, and this is all there is under it.
    Records(Records),
    /// It would be ours, and nobody has it.
    Missing,
    /// It is not ours.
    Elsewhere,
}

/// What there is under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Records {
    /// Under the name of endpoints: each address once.
    Addresses(Addresses),
    /// Under the name of a service.
    Services(Vec<Service>),
    /// Under a reverse name: names, without the last dot.
    Pointers(Vec<String>),
}

/// Addresses of both families.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) v4: Vec<Ipv4Addr>,
    pub(super) v6: Vec<Ipv6Addr>,
}

/// An endpoint that offers a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Service {
    /// `<name>.<network>`, without the last dot.
    pub(super) target: String,
    /// Not empty.
    pub(super) ports: Vec<u16>,
    pub(super) addresses: Addresses,
}

/// Endpoints that share a name on one network.
struct Hosts<'z> {
    network: &'z str,
    endpoints: Vec<&'z Names>,
}

/// Whose `name` is, as a sandbox with this view sees it.
pub(super) fn find(zone: &Zone, view: &View, name: &QName) -> Found {
    let text = name.as_str();
    // The root is nobody's name, whatever the zone was told.
    if text.is_empty() {
        return Found::Elsewhere;
    }
    if let Some((_, addresses)) = view.links.iter().find(|(link, _)| link.eq_ignore_ascii_case(text)) {
        return Found::Records(Records::Addresses(addresses.iter().copied().collect()));
    }
    if let Some(address) = arpa::address(text) {
        return pointers(zone, view, address);
    }
    if let Some(hosts) = hosts(zone, view, text) {
        return Found::Records(Records::Addresses(hosts.endpoints.iter().flat_map(|names| names.addresses()).collect()));
    }
    if let Some((service, proto, host)) = service_of(text)
        && let Some(hosts) = hosts(zone, view, host)
    {
        let services = hosts.services(service, proto);
        return if services.is_empty() { Found::Missing } else { Found::Records(Records::Services(services)) };
    }
    if is_ours(zone, view, text) { Found::Missing } else { Found::Elsewhere }
}

/// The endpoints that `name` means on the first of the sandbox's networks where it has an address; if it has none anywhere, on the
/// first where it is known. As names of endpoints and networks may have dots in them, `a.b.c` is tried as itself on every network,
/// then as `a.b` on `c`, then as `a` on `b.c`.
fn hosts<'z>(zone: &'z Zone, view: &'z View, name: &str) -> Option<Hosts<'z>> {
    let mut bare = None;
    for (host, on) in splits(name) {
        let networks = view.networks.iter().filter(|network| on.is_none_or(|on| *network == on));
        for network in networks {
            let hosts = Hosts { network, endpoints: zone.named(network, host).collect() };
            if hosts.endpoints.iter().any(|names| names.addresses().next().is_some()) {
                return Some(hosts);
            }
            bare = bare.or_else(|| (!hosts.endpoints.is_empty()).then_some(hosts));
        }
    }
    bare
}

/// `a.b.c` as `a.b.c` on any network, `a.b` on `c`, and `a` on `b.c`.
fn splits(name: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let dots = name.rmatch_indices('.').map(|(at, _)| at);
    std::iter::once((name, None)).chain(dots.map(|at| (&name[..at], Some(&name[at + 1..]))))
}

fn pointers(zone: &Zone, view: &View, address: IpAddr) -> Found {
    for network in &view.networks {
        let holders: BTreeSet<String> = zone.holding(network, address).filter_map(|names| full_name(names, network)).collect();
        if !holders.is_empty() {
            return Found::Records(Records::Pointers(holders.into_iter().collect()));
        }
    }
    let is_ours = zone.networks().any(|network| zone.holding(network, address).next().is_some());
    if is_ours { Found::Missing } else { Found::Elsewhere }
}

impl Hosts<'_> {
    fn services(&self, service: &str, proto: Proto) -> Vec<Service> {
        let offered = |names: &&Names| {
            let offers = names.services.iter().filter(|(name, _, by)| name.eq_ignore_ascii_case(service) && *by == proto);
            let ports: Vec<u16> = offers.map(|(_, port, _)| *port).collect();
            let target = full_name(names, self.network).filter(|_| !ports.is_empty())?;
            Some(Service { target, ports, addresses: names.addresses().collect() })
        };
        self.endpoints.iter().filter_map(offered).collect()
    }
}

fn full_name(names: &Names, network: &str) -> Option<String> {
    names.names.first().map(|name| format!("{name}.{network}"))
}

/// `_http._tcp.db` is the service `http` over TCP of `db` (RFC 2782).
fn service_of(name: &str) -> Option<(&str, Proto, &str)> {
    let (service, rest) = name.strip_prefix('_')?.split_once("._")?;
    let (proto, host) = rest.split_once('.')?;
    let known = [("tcp", Proto::Tcp), ("udp", Proto::Udp), ("sctp", Proto::Sctp)];
    let proto = known.into_iter().find(|(name, _)| proto.eq_ignore_ascii_case(name))?.1;
    (!service.contains('.')).then_some((service, proto, host))
}

/// Whether nobody else is to hear of `name`, which has no records here: it is under one of the sandbox's networks, or exists on
/// another, alone or with that network's name. Case does not matter, as it would not to those who hear of it.
fn is_ours(zone: &Zone, view: &View, name: &str) -> bool {
    let exists = |host: &str, network: &str| zone.named(network, host).next().is_some();
    let under_own = view.networks.iter().any(|network| below(name, network).is_some());
    under_own
        || zone.networks().any(|network| {
            let alone = (!name.contains('.')).then_some(name);
            let host = below(name, network).or(alone);
            host.is_some_and(|host| exists(host, network) || service_of(host).is_some_and(|(_, _, host)| exists(host, network)))
        })
}

/// What stands before `.network`, in any case.
fn below<'n>(name: &'n str, network: &str) -> Option<&'n str> {
    let at = name.len().checked_sub(network.len())?;
    // QName's text is ASCII, so it may be cut anywhere.
    let (host, end) = name.split_at(at);
    end.eq_ignore_ascii_case(network).then(|| host.strip_suffix('.'))?.filter(|host| !host.is_empty())
}

impl FromIterator<IpAddr> for Addresses {
    fn from_iter<I: IntoIterator<Item = IpAddr>>(addresses: I) -> Self {
        let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
        for address in addresses {
            match address {
                IpAddr::V4(address) => v4.insert(address),
                IpAddr::V6(address) => v6.insert(address),
            };
        }
        Self { v4: v4.into_iter().collect(), v6: v6.into_iter().collect() }
    }
}
