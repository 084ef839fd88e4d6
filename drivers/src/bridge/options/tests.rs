use super::*;
use crate::driver::DriverErrorKind;

fn spec(options: &[(&str, &str)]) -> NetworkSpec {
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NetworkSpec { name: "net".to_owned(), options, ..NetworkSpec::default() }
}

fn parsed(options: &[(&str, &str)]) -> NetworkOptions {
    NetworkOptions::parse("create network", &spec(options)).expect("they can be")
}

fn refused(options: &[(&str, &str)]) -> String {
    let error = NetworkOptions::parse("create network", &spec(options)).expect_err("they cannot be");
    assert_eq!(error.kind, DriverErrorKind::Invalid);
    error.to_string()
}

#[test]
fn without_options_the_defaults_are_libnetwork_s() {
    let options = parsed(&[]);
    assert_eq!((options.icc, options.masquerade, options.inhibit_v4, options.mtu), (true, true, false, None));
    assert_eq!((options.mode_v4, options.mode_v6), (GatewayMode::Nat, GatewayMode::Nat));
    assert_eq!((options.guard, options.trusted, options.ifname), (GuardMode::Leased, false, None));
}

#[test]
fn each_option_is_read() {
    let options = parsed(&[
        (NAME, "web0"),
        (ENABLE_ICC, "f"),
        (ENABLE_MASQUERADE, "False"),
        (INHIBIT_V4, "1"),
        (HOST_BINDING_V4, "127.0.0.1"),
        (MODE_V4, "routed"),
        (MODE_V6, "nat-unprotected"),
        (TRUSTED_INTERFACES, "eth1:eth2"),
        (DEFAULT_BRIDGE, "true"),
        (MTU, "1400"),
        (HOST_V4, "192.0.2.1"),
        (HOST_V6, "2001:db8::1"),
        (GUARD, "strict"),
        (TRUSTED, "true"),
    ]);
    let name = |name| IfName::new(name).expect("a valid name");
    let expected = NetworkOptions {
        ifname: Some(name("web0")),
        icc: false,
        masquerade: false,
        inhibit_v4: true,
        host_binding_v4: Some(Ipv4Addr::LOCALHOST),
        mode_v4: GatewayMode::Routed,
        mode_v6: GatewayMode::NatUnprotected,
        trusted_interfaces: vec![name("eth1"), name("eth2")],
        mtu: Some(1400),
        host_v4: Some(Ipv4Addr::new(192, 0, 2, 1)),
        host_v6: Some("2001:db8::1".parse().expect("an address")),
        guard: GuardMode::Strict,
        trusted: true,
    };
    assert_eq!(options, expected);
}

#[test]
fn a_value_that_cannot_be_is_refused_as_libnetwork_does() {
    for (options, says) in [
        ((MTU, "-1"), "invalid MTU number: -1"),
        ((MTU, "65522"), "invalid MTU number: 65522"),
        ((MTU, "67"), "invalid MTU number: 67"),
        ((MTU, "much"), "failed to parse com.docker.network.driver.mtu value: much ("),
        ((ENABLE_ICC, "yes"), "failed to parse com.docker.network.bridge.enable_icc value: yes (invalid syntax)"),
        ((MODE_V4, "open"), "unknown gateway mode open"),
        ((MODE_V6, "isolated"), "gateway mode 'isolated' can only be used for an internal network"),
        ((HOST_V4, "2001:db8::1"), "failed to parse com.docker.network.host_ipv4 value: 2001:db8::1 ("),
        ((HOST_V6, "192.0.2.1"), "failed to parse com.docker.network.host_ipv6 value: 192.0.2.1 ("),
        ((NAME, "a-name-that-is-too-long"), "at most 15 bytes"),
        ((TRUSTED_INTERFACES, "eth0:a/b"), "value: a/b ("),
        ((GUARD, "on"), "strict, leased or off"),
    ] {
        let error = refused(&[options]);
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn zero_is_the_kernel_s_mtu() {
    assert_eq!(parsed(&[(MTU, "0")]).mtu, None);
}

#[test]
fn ipv6_needs_its_least_mtu() {
    let pool =
        |pool: &str| crate::driver::PoolData { pool: pool.parse().expect("a pool"), gateway: None, auxiliary: BTreeMap::new() };
    let small = NetworkSpec { v6: vec![pool("fd00::/64")], ..spec(&[(MTU, "1279")]) };
    let error = NetworkOptions::parse("create network", &small).expect_err("too small");
    assert!(error.to_string().contains("invalid MTU number: 1279"), "{error}");
    let least = NetworkSpec { v6: vec![pool("fd00::/64")], ..spec(&[(MTU, "1280")]) };
    assert_eq!(NetworkOptions::parse("create network", &least).map(|options| options.mtu), Ok(Some(1280)));
}

#[test]
fn an_internal_network_may_be_isolated() {
    let internal = NetworkSpec { internal: true, ..spec(&[(MODE_V4, "isolated")]) };
    let options = NetworkOptions::parse("create network", &internal).expect("it is internal");
    assert_eq!(options.mode_v4, GatewayMode::Isolated);
}

#[test]
fn what_is_ours_and_unknown_is_refused_with_what_is_known() {
    for key in ["com.docker.network.bridge.enable_iccc", "lanloom.gard", "lanloom.endpoint"] {
        let error = refused(&[(key, "1")]);
        assert!(error.contains(&format!("unknown option {key};")), "{error}");
        assert!(error.contains("lanloom.guard") && error.contains(ENABLE_ICC), "{error}");
        for documented in [MTU, HOST_V4, HOST_V6, IFACE_PREFIX] {
            assert!(error.contains(documented), "{error}");
        }
        assert!(!error.contains(DEFAULT_BRIDGE) && !error.contains(HOST_BINDING_V4), "{error}");
    }
    let meant = refused(&[("lanloom.trsuted", "1")]);
    assert!(meant.contains("unknown option lanloom.trsuted; did you mean lanloom.trusted? known here are"), "{meant}");
}

#[test]
fn what_is_others_is_carried() {
    parsed(&[("com.docker.network.portmap", "x"), ("com.example.colour", "blue"), ("parent", "eth0")]);
}

#[test]
fn defaults_for_all_networks_are_of_those_that_do_not_belong_to_one() {
    let defaults =
        |options: &[(&str, &str)]| NetworkOptions::defaults(&spec(options).options).map_err(|error| error.to_string());
    let held = defaults(&[("com.docker.network.driver.mtu", "1400"), ("lanloom.guard", "strict")]).expect("they can be");
    assert_eq!((held.mtu, held.guard), (Some(1400), GuardMode::Strict));
    let refused = defaults(&[("com.docker.network.bridge.name", "br0")]).expect_err("every network would have it");
    assert!(refused.contains("com.docker.network.bridge.name is for one network"), "{refused}");
    let refused = defaults(&[("mtu", "1400")]).expect_err("there is none");
    assert!(refused.contains("unknown option mtu"), "{refused}");
}
