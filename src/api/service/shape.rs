//! Networks, endpoints and sandboxes as the controller shows them, with the API's keys.

use crate::api::time::rfc3339;
use crate::api::types::{
    ConfigFrom, EndpointInfo, ExtraHost, GatewayChoice, Ipam, IpamPool, NetworkInfo, NetworkMember, NetworkMore, PeerInfo,
    RouteInfo, SandboxInfo,
};
use crate::controller::model::{EndpointState, Pool, PoolAsked};
use crate::controller::view::{EndpointView, NetworkView, SandboxView};
use crate::names::Name;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// A network; `switch` is the one that it is, if it is one, and `peers` are the hosts that it reaches by tunnels.
pub(super) fn network(view: NetworkView, switch: Option<String>, peers: Vec<PeerInfo>) -> NetworkInfo {
    let NetworkView { network, scope, endpoints, notes } = view;
    let in_use = |pool: &Pool| {
        let addresses = endpoints.iter().flat_map(|view| &view.endpoint.addresses);
        (pool.subnet.to_string(), addresses.filter(|address| pool.subnet.contains(&address.addr())).count())
    };
    let lanloom = NetworkMore {
        state: network.state.name().to_owned(),
        switch,
        in_use: network.pools().map(in_use).collect(),
        endpoints: endpoints.iter().cloned().map(endpoint).collect(),
        peers,
        notes,
    };
    // A network that is only a configuration has no pools, but what others will ask for.
    let asked = network.spec.pools.iter().filter(|_| network.spec.config_only).map(asked_pool);
    let config = network.pools().map(pool).chain(asked).collect();
    let spec = network.spec;
    NetworkInfo {
        name: network.name.into(),
        id: network.id.into(),
        created: moment(network.created),
        scope: scope.to_owned(),
        driver: spec.driver,
        enable_ipv4: spec.ipv4,
        enable_ipv6: spec.ipv6,
        ipam: Ipam { driver: Some(spec.ipam_driver), options: Some(spec.ipam_options), config: Some(config) },
        internal: spec.internal,
        attachable: spec.attachable,
        ingress: false,
        config_from: ConfigFrom { network: spec.config_from.map(String::from).unwrap_or_default() },
        config_only: spec.config_only,
        containers: members(&endpoints),
        options: spec.options,
        labels: spec.labels,
        lanloom,
    }
}

/// Who is on a network, by the sandbox's id. Docker gives endpoints without one the key `ep-` and their own id.
fn members(endpoints: &[EndpointView]) -> BTreeMap<String, NetworkMember> {
    let of_family = |view: &EndpointView, v4: bool| {
        let address = view.endpoint.addresses.iter().find(|address| matches!(address, IpNet::V4(_)) == v4);
        address.map(ToString::to_string).unwrap_or_default()
    };
    let mut members = BTreeMap::new();
    for view in endpoints {
        let endpoint = &view.endpoint;
        let member = NetworkMember {
            name: view.sandbox.as_ref().map_or(&endpoint.name, |(_, name)| name).to_string(),
            endpoint_id: endpoint.id.to_string(),
            mac_address: endpoint.mac.map(String::from).unwrap_or_default(),
            ipv4_address: of_family(view, true),
            ipv6_address: of_family(view, false),
        };
        let alone = format!("ep-{}", endpoint.id);
        let key = view.sandbox.as_ref().map(|(id, _)| id.to_string()).filter(|id| !members.contains_key(id));
        members.insert(key.unwrap_or(alone), member);
    }
    members
}

fn pool(pool: &Pool) -> IpamPool {
    let Pool { subnet, range, gateway, auxiliary } = pool.clone();
    asked_pool(&PoolAsked { subnet: Some(subnet), range, gateway, auxiliary })
}

fn asked_pool(pool: &PoolAsked) -> IpamPool {
    let auxiliary: BTreeMap<String, String> =
        pool.auxiliary.iter().map(|(name, address)| (name.clone(), address.to_string())).collect();
    IpamPool {
        subnet: pool.subnet.map(|subnet| subnet.to_string()),
        ip_range: pool.range.map(|range| range.to_string()),
        gateway: pool.gateway.map(|gateway| gateway.to_string()),
        auxiliary_addresses: Some(auxiliary).filter(|auxiliary| !auxiliary.is_empty()),
    }
}

/// An endpoint.
pub(super) fn endpoint(view: EndpointView) -> EndpointInfo {
    let EndpointView { endpoint, network, sandbox, is_gateway, dns_names, info } = view;
    let state = endpoint.state.name().to_owned();
    let link_local = endpoint.link_local().map(|address| address.to_string()).collect();
    let (sandbox_id, sandbox) = sandbox.map(|(id, name)| (String::from(id), String::from(name))).unzip();
    let joint = match endpoint.state {
        EndpointState::Joining(joint) | EndpointState::Joined(joint) | EndpointState::Leaving(joint) => Some(joint),
        EndpointState::Creating | EndpointState::Free | EndpointState::Deleting => None,
    };
    let routes = joint.iter().flat_map(|joint| &joint.routes);
    EndpointInfo {
        name: endpoint.name.into(),
        id: endpoint.id.into(),
        network: network.into(),
        network_id: endpoint.network.into(),
        state,
        sandbox,
        sandbox_id,
        mac: endpoint.mac.map(String::from),
        addresses: endpoint.addresses.iter().map(ToString::to_string).collect(),
        link_local,
        gateway_v4: joint.as_ref().and_then(|joint| joint.gateway_v4).map(|gateway| gateway.to_string()),
        gateway_v6: joint.as_ref().and_then(|joint| joint.gateway_v6).map(|gateway| gateway.to_string()),
        is_gateway_v4: is_gateway.0,
        is_gateway_v6: is_gateway.1,
        routes: routes.map(|(to, via)| RouteInfo { to: to.to_string(), via: via.map(|via| via.to_string()) }).collect(),
        mtu: joint.as_ref().and_then(|joint| joint.mtu),
        priority: endpoint.spec.priority,
        aliases: endpoint.spec.aliases,
        dns_names,
        links: endpoint.spec.links.into_iter().map(|(sandbox, alias)| format!("{sandbox}:{alias}")).collect(),
        by_connect: endpoint.by_connect,
        options: endpoint.spec.options,
        info,
        ifname: joint.and_then(|joint| joint.ifname),
    }
}

/// A sandbox.
pub(super) fn sandbox(view: SandboxView) -> SandboxInfo {
    let SandboxView { sandbox, is_stale, is_lost, netns, files, endpoints, gateway, dns, notes } = view;
    let [gateway_v4, gateway_v6] = gateway.map(|gateway| gateway.map(choice));
    let spec = sandbox.spec;
    SandboxInfo {
        hostname: spec.hostname.unwrap_or_else(|| sandbox.name.to_string()),
        name: sandbox.name.into(),
        id: sandbox.id.into(),
        state: match (is_stale, is_lost) {
            (true, _) => "stale",
            (false, true) => "lost",
            (false, false) => sandbox.state.name(),
        }
        .to_owned(),
        created: moment(sandbox.created),
        netns: netns.map(|path| path.display().to_string()),
        files: files.map(|path| path.display().to_string()),
        domainname: spec.domainname,
        endpoints: endpoints.into_iter().map(endpoint).collect(),
        gateway_v4,
        gateway_v6,
        dns_server: dns,
        dns: spec.dns.iter().map(ToString::to_string).collect(),
        dns_search: spec.dns_search,
        dns_options: spec.dns_options,
        extra_hosts: spec.extra_hosts.into_iter().map(|(name, address)| ExtraHost { name, address }).collect(),
        sysctls: spec.sysctls.into_iter().collect(),
        labels: spec.labels,
        notes,
    }
}

fn choice((network, why): (Name, String)) -> GatewayChoice {
    GatewayChoice { network: network.into(), why }
}

fn moment(nanos: u64) -> String {
    rfc3339(UNIX_EPOCH + Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::service::sample;
    use crate::controller::model::NewNetwork;
    use serde_json::json;

    #[test]
    fn a_network_has_docker_s_shape() {
        let mut view = sample::network("web");
        let free = sample::endpoint("web", "spare", "10.9.0.3/24", None);
        view.endpoints = vec![sample::endpoint("web", "a", "10.9.0.2/24", Some("a")), free];
        let (id, member, alone) = (view.network.id.clone(), &view.endpoints[0], &view.endpoints[1]);
        let (sandbox, endpoint, alone) =
            (member.sandbox.clone().expect("one").0, member.endpoint.id.clone(), &alone.endpoint.id);
        let expected = json!({
            "Name": "web", "Id": id, "Created": "2023-11-14T22:13:20.000000007Z", "Scope": "local", "Driver": "bridge",
            "EnableIPv4": true, "EnableIPv6": false,
            "IPAM": {"Driver": "default", "Options": {}, "Config": [
                {"Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "AuxiliaryAddresses": {"printer": "10.9.0.9"}}
            ]},
            "Internal": false, "Attachable": false, "Ingress": false, "ConfigFrom": {"Network": ""}, "ConfigOnly": false,
            "Containers": {
                sandbox.as_str(): {
                    "Name": "a", "EndpointID": endpoint, "MacAddress": "02:00:00:00:00:0a", "IPv4Address": "10.9.0.2/24",
                    "IPv6Address": ""
                },
                format!("ep-{alone}"): {
                    "Name": "spare", "EndpointID": alone, "MacAddress": "02:00:00:00:00:0a", "IPv4Address": "10.9.0.3/24",
                    "IPv6Address": ""
                }
            },
            "Options": {"com.docker.network.driver.mtu": "1400"}, "Labels": {"tier": "front"}
        });
        let mut shown = serde_json::to_value(network(view, Some("web".to_owned()), Vec::new())).expect("plain data");
        let ours = shown.as_object_mut().and_then(|object| object.remove("Lanloom")).expect("ours beside it");
        assert_eq!(shown, expected);
        assert_eq!(
            (&ours["state"], &ours["switch"], &ours["in_use"]),
            (&"ready".into(), &"web".into(), &json!({"10.9.0.0/24": 2}))
        );
        assert_eq!(ours["endpoints"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn a_network_that_is_only_a_configuration_shows_the_pools_that_others_will_ask_for() {
        let mut view = sample::network("web");
        let subnet = view.network.v4.remove(0).subnet;
        let asked = PoolAsked { subnet: Some(subnet), ..PoolAsked::default() };
        view.network.spec = NewNetwork { config_only: true, pools: vec![asked], ..view.network.spec };
        let expected = IpamPool { subnet: Some("10.9.0.0/24".into()), ..IpamPool::default() };
        assert_eq!(network(view, None, Vec::new()).ipam.config, Some(vec![expected]));
    }

    #[test]
    fn an_endpoint_shows_where_it_is_and_what_it_has_there() {
        let joined = endpoint(sample::endpoint("web", "a", "10.9.0.2/24", Some("a")));
        assert_eq!(
            (joined.state.as_str(), joined.sandbox.as_deref(), joined.ifname.as_deref()),
            ("joined", Some("a"), Some("eth0"))
        );
        assert_eq!((joined.gateway_v4.as_deref(), joined.gateway_v6, joined.is_gateway_v4), (Some("10.9.0.1"), None, true));
        assert_eq!(joined.routes, [RouteInfo { to: "10.0.0.0/8".into(), via: Some("10.9.0.254".into()) }]);
        let free = endpoint(sample::endpoint("web", "a", "10.9.0.2/24", None));
        assert_eq!((free.state.as_str(), free.sandbox, free.ifname, free.routes.len()), ("free", None, None, 0));
        let mut asked = sample::endpoint("web", "a", "10.9.0.2/24", None);
        asked.endpoint.spec.link_local = vec!["169.254.1.1".parse().expect("an address")];
        asked.endpoint.spec.aliases = vec!["db".to_owned()];
        let shown = endpoint(asked);
        assert_eq!((shown.link_local, shown.aliases), (vec!["169.254.1.1/16".to_owned()], vec!["db".to_owned()]));
    }

    #[test]
    fn a_sandbox_s_host_name_is_its_own_name_if_none_was_given() {
        let view = sample::sandbox("a");
        assert_eq!(sandbox(view.clone()).hostname, "a");
        let mut named = view;
        named.sandbox.spec.hostname = Some("front".into());
        let shown = sandbox(named);
        assert_eq!(
            (shown.hostname.as_str(), shown.netns.as_deref(), shown.state.as_str()),
            ("front", Some("/run/netns/a"), "ready")
        );
        let why = shown.gateway_v4.map(|choice| (choice.network, choice.why));
        assert_eq!(why, Some(("web".to_owned(), "the only network with a way out".to_owned())));
    }
}
