//! How networks are shown.

use crate::api::types::{EndpointInfo, IpamPool, NetworkInfo};
use crate::cli::output::{Failure, Output};
use crate::cli::page::Page;
use crate::cli::table::Table;
use crate::cli::words::{addresses, short, written};

/// A line per network; the first columns are Docker's.
pub(super) fn table(networks: &[NetworkInfo], whole: bool) -> Table {
    let mut table = Table::new(&["NETWORK ID", "NAME", "DRIVER", "SCOPE", "SUBNETS", ">ENDPOINTS", "STATE", "KIND"]);
    for network in networks {
        let id = if whole { &network.id } else { short(&network.id) };
        let subnets: Vec<&str> = pools(network).filter_map(|pool| pool.subnet.as_deref()).collect();
        table.row([
            id.to_owned(),
            network.name.clone(),
            network.driver.clone(),
            network.scope.clone(),
            subnets.join(", "),
            network.lanloom.endpoints.len().to_string(),
            network.lanloom.state.clone(),
            kinds(network),
        ]);
    }
    table
}

/// What a network is beside the usual, in a word each.
fn kinds(network: &NetworkInfo) -> String {
    let kinds = [(network.config_only, "config-only"), (network.internal, "internal"), (network.enable_ipv6, "IPv6")];
    kinds.into_iter().filter_map(|(is, kind)| is.then_some(kind)).collect::<Vec<_>>().join(", ")
}

/// A line per property, a table of who is on it, and one of the hosts that it reaches.
pub(super) fn details(network: &NetworkInfo, verbose: bool, out: &mut Output) -> Result<(), Failure> {
    out.page(&page(network))?;
    let (endpoints, peers) = (&network.lanloom.endpoints, &network.lanloom.peers);
    if !endpoints.is_empty() {
        out.line("")?;
        out.table(&if verbose { members_with_names(endpoints) } else { members(endpoints) })?;
    }
    if !peers.is_empty() {
        out.line("")?;
        out.table(&crate::cli::doctor::peers(peers))?;
    }
    Ok(())
}

fn page(network: &NetworkInfo) -> Page {
    let mut page = Page::default();
    page.say("network", &network.name);
    page.say("id", &network.id);
    page.say("state", &network.lanloom.state);
    page.say("created", &network.created);
    page.say("driver", format_args!("{}, scope {}", network.driver, network.scope));
    let families: Vec<&str> = [("IPv4", network.enable_ipv4), ("IPv6", network.enable_ipv6)]
        .into_iter()
        .filter_map(|(family, has)| has.then_some(family))
        .collect();
    let none = if families.is_empty() { "none" } else { "" };
    page.say("families", format_args!("{}{none}", families.join(", ")));
    for (is, what) in [
        (network.internal, "internal: no way to the world outside"),
        (network.attachable, "attachable"),
        (network.config_only, "a configuration for other networks only"),
    ] {
        page.say_if("kind", is.then_some(what));
    }
    page.say_if("taken from", Some(&network.config_from.network).filter(|from| !from.is_empty()));
    page.say_all("pool", pools(network).map(|pool| pool_line(pool, network)));
    let reserved = pools(network).flat_map(|pool| pool.auxiliary_addresses.iter().flatten());
    page.say_all("reserved", reserved.map(|(name, address)| format!("{address} for {name}")));
    let ipam = &network.ipam;
    page.say_if("ipam", ipam.driver.as_ref().filter(|driver| *driver != "default"));
    page.say_all("ipam option", ipam.options.iter().flat_map(written));
    page.say_all("option", written(&network.options));
    page.say_all("label", written(&network.labels));
    page.say_if("switch", network.lanloom.switch.as_ref());
    page.say_all("note", &network.lanloom.notes);
    page
}

fn pool_line(pool: &IpamPool, network: &NetworkInfo) -> String {
    let subnet = pool.subnet.as_deref().unwrap_or_default();
    let gateway = pool.gateway.as_ref().map_or_else(|| "no gateway".to_owned(), |gateway| format!("gateway {gateway}"));
    let range = pool.ip_range.as_ref().map(|range| format!(", addresses from {range}")).unwrap_or_default();
    let used = network.lanloom.in_use.get(subnet).copied().unwrap_or_default();
    format!("{subnet}, {gateway}{range}, {used} in use by endpoints")
}

fn members(endpoints: &[EndpointInfo]) -> Table {
    let mut table = Table::new(&["SANDBOX", "ENDPOINT", "INTERFACE", "ADDRESSES", "MAC", "STATE"]);
    for endpoint in endpoints {
        table.row(cells(endpoint));
    }
    table
}

fn members_with_names(endpoints: &[EndpointInfo]) -> Table {
    let mut table =
        Table::new(&["SANDBOX", "ENDPOINT", "INTERFACE", "ADDRESSES", "MAC", "STATE", "NAMES", "WAY OUT", "ENDPOINT ID"]);
    for endpoint in endpoints {
        let [sandbox, name, interface, addresses, mac, state] = cells(endpoint);
        let out = match (endpoint.is_gateway_v4, endpoint.is_gateway_v6) {
            (true, true) => "IPv4, IPv6",
            (true, false) => "IPv4",
            (false, true) => "IPv6",
            (false, false) => "",
        };
        let (names, id) = (endpoint.dns_names.join(", "), endpoint.id.clone());
        table.row([sandbox, name, interface, addresses, mac, state, names, out.to_owned(), id]);
    }
    table
}

fn cells(endpoint: &EndpointInfo) -> [String; 6] {
    [
        endpoint.sandbox.clone().unwrap_or_default(),
        endpoint.name.clone(),
        endpoint.ifname.clone().unwrap_or_default(),
        addresses(endpoint),
        endpoint.mac.clone().unwrap_or_default(),
        endpoint.state.clone(),
    ]
}

fn pools(network: &NetworkInfo) -> impl Iterator<Item = &IpamPool> {
    network.ipam.config.iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{Ipam, NetworkMore};

    fn network() -> NetworkInfo {
        let pool = IpamPool {
            subnet: Some("10.9.0.0/24".into()),
            ip_range: Some("10.9.0.128/25".into()),
            gateway: Some("10.9.0.1".into()),
            auxiliary_addresses: Some([("router".to_owned(), "10.9.0.5".to_owned())].into()),
        };
        let endpoint = EndpointInfo {
            name: "a".into(),
            id: "e1".into(),
            sandbox: Some("a".into()),
            ifname: Some("eth0".into()),
            addresses: vec!["10.9.0.128/24".into()],
            state: "joined".into(),
            dns_names: vec!["a".into(), "db".into()],
            is_gateway_v4: true,
            ..EndpointInfo::default()
        };
        NetworkInfo {
            name: "web".into(),
            id: "0123456789abcdef".into(),
            created: "2026-01-02T03:04:05Z".into(),
            scope: "local".into(),
            driver: "bridge".into(),
            enable_ipv4: true,
            ipam: Ipam { driver: Some("default".into()), options: None, config: Some(vec![pool]) },
            internal: true,
            options: [("com.docker.network.driver.mtu".to_owned(), "1400".to_owned())].into(),
            lanloom: NetworkMore {
                state: "ready".into(),
                switch: Some("web".into()),
                in_use: [("10.9.0.0/24".to_owned(), 1)].into(),
                endpoints: vec![endpoint],
                peers: Vec::new(),
                notes: vec!["no egress: nft is not there".into()],
            },
            ..NetworkInfo::default()
        }
    }

    #[test]
    fn a_network_s_page_has_its_pools_with_their_use_and_what_is_amiss() {
        let expected = "\
network   web
id        0123456789abcdef
state     ready
created   2026-01-02T03:04:05Z
driver    bridge, scope local
families  IPv4
kind      internal: no way to the world outside
pool      10.9.0.0/24, gateway 10.9.0.1, addresses from 10.9.0.128/25, 1 in use by endpoints
reserved  10.9.0.5 for router
option    com.docker.network.driver.mtu=1400
switch    web
note      no egress: nft is not there
";
        assert_eq!(page(&network()).render(false), expected);
    }

    #[test]
    fn who_is_on_a_network_is_listed_and_with_v_by_what_names() {
        let endpoints = network().lanloom.endpoints;
        let expected = "\
SANDBOX  ENDPOINT  INTERFACE  ADDRESSES      MAC  STATE
a        a         eth0       10.9.0.128/24       joined
";
        assert_eq!(members(&endpoints).render(false), expected);
        assert!(members_with_names(&endpoints).render(false).contains("joined  a, db  IPv4     e1\n"));
        let expected = "\
NETWORK ID    NAME  DRIVER  SCOPE  SUBNETS      ENDPOINTS  STATE  KIND
0123456789ab  web   bridge  local  10.9.0.0/24          1  ready  internal
";
        assert_eq!(table(&[network()], false).render(false), expected);
        let six = NetworkInfo { enable_ipv6: true, config_only: true, ..network() };
        assert_eq!(kinds(&six), "config-only, internal, IPv6");
        assert_eq!(kinds(&NetworkInfo { internal: false, ..network() }), "");
        assert!(table(&[network()], true).render(false).contains("0123456789abcdef  web"));
    }
}
