use super::*;
use crate::driver::StaticRoute;

fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

fn pool(subnet: &str, gateway: &str) -> PoolData {
    let gateway = Some(net(gateway));
    PoolData { pool: net(subnet), gateway, auxiliary: std::collections::BTreeMap::new() }
}

fn spec(name: &str, v4: &[(&str, &str)], v6: &[(&str, &str)], options: &[(&str, &str)]) -> NetworkSpec {
    NetworkSpec {
        id: format!("{:0<64}", name.len()),
        name: name.to_owned(),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        internal: false,
        v4: v4.iter().map(|(subnet, gateway)| pool(subnet, gateway)).collect(),
        v6: v6.iter().map(|(subnet, gateway)| pool(subnet, gateway)).collect(),
    }
}

fn layout(spec: &NetworkSpec) -> Layout {
    Layout::of("create network", spec).expect("it can be")
}

fn endpoint(addresses: &[&str]) -> EndpointSpec {
    EndpointSpec { addresses: addresses.iter().map(|text| net(text)).collect(), ..EndpointSpec::default() }
}

const ISOLATED_V4: (&str, &str) = ("com.docker.network.bridge.gateway_mode_ipv4", "isolated");
const ISOLATED_V6: (&str, &str) = ("com.docker.network.bridge.gateway_mode_ipv6", "isolated");
const V4: [(&str, &str); 1] = [("10.1.0.0/24", "10.1.0.1/24")];
const V6: [(&str, &str); 1] = [("fd01::/64", "fd01::1/64")];

fn dual(options: &[(&str, &str)]) -> NetworkSpec {
    spec("dual", &V4, &V6, options)
}

#[test]
fn the_gateway_s_interface_is_named_after_the_network_s_id_unless_asked_otherwise() {
    let plain = NetworkSpec { id: "0123456789abcdef".repeat(4), ..dual(&[]) };
    assert_eq!(layout(&plain).ifname.as_str(), "ll-0123456789ab");
    let named = dual(&[("com.docker.network.bridge.name", "web0")]);
    assert_eq!(layout(&named).gateway_port().ifname, "web0");
}

#[test]
fn the_gateway_has_an_address_of_each_pool_that_has_one() {
    let layout = layout(&spec(
        "several",
        &[("10.1.0.0/24", "10.1.0.1/24"), ("10.2.0.0/24", "10.2.0.254/24")],
        &[("fd01::/64", "fd01::1/64")],
        &[],
    ));
    assert_eq!(layout.gateway_addresses(), [net("10.1.0.1/24"), net("10.2.0.254/24"), net("fd01::1/64")]);
    let port = layout.gateway_port();
    assert_eq!(port.mac, Some("02:42:0a:01:00:01".parse().expect("a MAC")));
    assert_eq!((port.guard.role, port.isolated, port.netns), (Role::Gateway, false, None));
    assert_eq!(port.guard.addresses.len(), 3);
}

#[test]
fn an_inhibited_gateway_has_no_ipv4_address_and_is_the_way_out_all_the_same() {
    let layout = layout(&dual(&[("com.docker.network.bridge.inhibit_ipv4", "true")]));
    assert_eq!(layout.gateway_addresses(), [net("fd01::1/64")]);
    let (v4, v6) = layout.ways_out(&endpoint(&["10.1.0.2/24", "fd01::2/64"]));
    assert_eq!((v4, v6), ("10.1.0.1".parse().ok(), "fd01::1".parse().ok()));
}

#[test]
fn in_an_isolated_family_the_host_takes_no_part() {
    let spec = NetworkSpec { internal: true, ..dual(&[ISOLATED_V4]) };
    assert_eq!(layout(&spec).gateway_addresses(), [net("fd01::1/64")]);
    let spec = NetworkSpec { internal: true, ..dual(&[ISOLATED_V6]) };
    assert!(!layout(&spec).has_gateway_v6() && layout(&spec).has_gateway());
    let spec = NetworkSpec { internal: true, ..dual(&[ISOLATED_V4, ISOLATED_V6]) };
    assert!(!layout(&spec).has_gateway());
}

#[test]
fn the_way_out_is_the_gateway_of_the_endpoint_s_own_subnet() {
    let spec = spec("several", &[("10.1.0.0/24", "10.1.0.1/24"), ("10.2.0.0/24", "10.2.0.1/24")], &[], &[]);
    let two = layout(&spec);
    assert_eq!(two.ways_out(&endpoint(&["10.2.0.7/24"])), ("10.2.0.1".parse().ok(), None));
    assert_eq!(two.routes(&endpoint(&["10.2.0.7/24"])), [StaticRoute { to: net("10.1.0.0/24"), via: None }]);
    assert_eq!(two.routes(&endpoint(&["fd00::7/64"])), []);
    let internal = layout(&NetworkSpec { internal: true, ..spec });
    assert_eq!(internal.ways_out(&endpoint(&["10.2.0.7/24"])), (None, None));
}

#[test]
fn an_auxiliary_address_may_be_the_way_out() {
    let mut spec = dual(&[]);
    spec.v4[0].auxiliary.insert("DefaultGatewayIPv4".to_owned(), "10.1.0.9".parse().expect("an address"));
    let (v4, v6) = layout(&spec).ways_out(&endpoint(&["10.1.0.2/24", "fd01::2/64"]));
    assert_eq!((v4, v6), ("10.1.0.9".parse().ok(), "fd01::1".parse().ok()));
    spec.v4[0].auxiliary.insert("DefaultGatewayIPv4".to_owned(), "10.9.0.9".parse().expect("an address"));
    let error = Layout::of("create network", &spec).expect_err("it is elsewhere").to_string();
    assert!(error.contains("10.9.0.9 is not in the subnet 10.1.0.0/24"), "{error}");
}

#[test]
fn ipv6_is_off_where_the_network_has_none() {
    let value = |layout: &Layout, name: &str| {
        let all = layout.sysctls(true).expect("settings");
        let found = all.v6.into_iter().find(|(key, _)| key.to_string().ends_with(name));
        found.map(|(_, value)| value).expect("it is set")
    };
    let without = layout(&spec("plain", &[("10.1.0.0/24", "10.1.0.1/24")], &[], &[]));
    assert_eq!((value(&without, "disable_ipv6"), value(&without, "forwarding")), ("1".to_owned(), "0".to_owned()));
    let with = layout(&dual(&[]));
    assert_eq!((value(&with, "disable_ipv6"), value(&with, "forwarding")), ("0".to_owned(), "1".to_owned()));
    assert_eq!(value(&with, "accept_ra"), "0");
}

#[test]
fn networks_that_take_the_same_are_in_each_other_s_way() {
    let one = layout(&spec("one", &[("10.1.0.0/16", "10.1.0.1/16")], &[("fd01::/64", "fd01::1/64")], &[]));
    let why = |spec: &NetworkSpec| layout(spec).conflict(&one).map(Fault::line).unwrap_or_default();
    let free = NetworkSpec { id: "f".repeat(64), ..spec("other", &[("10.2.0.0/16", "10.2.0.1/16")], &[], &[]) };
    assert_eq!(why(&free), "");
    assert!(why(&NetworkSpec { name: "one".to_owned(), ..free.clone() }).contains("same name"));
    let inside = NetworkSpec { v4: vec![pool("10.1.3.0/24", "10.1.3.1/24")], ..free.clone() };
    assert!(why(&inside).contains("overlapping IPv4"));
    let around = NetworkSpec { v6: vec![pool("fd00::/8", "fd00::1/8")], ..free.clone() };
    assert!(why(&around).contains("overlapping IPv6"));
    let same = NetworkSpec { id: one.spec.id.clone(), ..free };
    assert!(why(&same).contains("same bridge name"), "both are named after that id");
}

#[test]
fn pools_may_come_and_not_go() {
    let old = layout(&dual(&[]));
    let mut more = dual(&[]);
    more.v4.push(pool("10.3.0.0/24", "10.3.0.1/24"));
    let more = layout(&more);
    assert_eq!(check_change("update network", &old, &more), Ok(()));
    let error = check_change("update network", &more, &old).expect_err("one is gone").to_string();
    assert!(error.contains("a pool that is there cannot be changed"), "{error}");
    let mtu = layout(&dual(&[("com.docker.network.driver.mtu", "1400")]));
    assert!(check_change("update network", &old, &mtu).is_err());
    let guard = layout(&dual(&[("lanloom.guard", "off"), ("com.docker.network.bridge.enable_icc", "false")]));
    assert_eq!(check_change("update network", &old, &guard), Ok(()));
}
