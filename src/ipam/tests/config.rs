//! What a network's creator may say about addresses.

use super::*;
use std::collections::BTreeMap;

fn text(subnet: &str, ip_range: &str, gateway: &str, aux: &[(&str, &str)]) -> ConfigText {
    let aux = aux.iter().map(|(name, address)| ((*name).to_owned(), (*address).to_owned())).collect();
    ConfigText { subnet: subnet.to_owned(), ip_range: ip_range.to_owned(), gateway: gateway.to_owned(), aux }
}

fn said(texts: &[ConfigText]) -> String {
    Config::parse(texts).map_or_else(|errors| errors.to_string(), |configs| format!("{configs:?}"))
}

#[test]
fn a_sound_configuration_is_read_as_it_is_written() {
    let texts = [
        text("10.1.0.0/16", "10.1.2.0/24", "10.1.2.254", &[("router", "10.1.0.9"), (DEFAULT_GATEWAY_V4, "10.1.0.8")]),
        text("fd00::/64", "", "", &[(DEFAULT_GATEWAY_V6, "fd00::9")]),
        text("", "", "", &[]),
    ];
    let configs = Config::parse(&texts).unwrap();
    let aux = BTreeMap::from([("router".to_owned(), ip("10.1.0.9")), (DEFAULT_GATEWAY_V4.to_owned(), ip("10.1.0.8"))]);
    let (subnet, ip_range, gateway) = (Some(net("10.1.0.0/16")), Some(net("10.1.2.0/24")), Some(ip("10.1.2.254")));
    assert_eq!(configs[0], Config { subnet, ip_range, gateway, aux });
    assert_eq!(configs[2], Config::default());
    let families: Vec<_> = configs.iter().map(Config::family).collect();
    assert_eq!(families, [Some(Family::V4), Some(Family::V6), None]);
    let gateways: Vec<_> = configs.iter().map(Config::default_gateway).collect();
    assert_eq!(gateways, [Some(ip("10.1.0.8")), Some(ip("fd00::9")), None]);
    assert_eq!(Config::check(&configs), Ok(()));
}

#[test]
fn each_fault_is_named_with_what_would_be_right() {
    for (config, why, hint) in [
        (text("10.1/16", "", "", &[]), "invalid subnet 10.1/16: invalid CIDR block notation", "like 10.1.0.0/16"),
        (text("10.1.0.5/16", "", "", &[]), "invalid subnet 10.1.0.5/16: it should be 10.1.0.0/16", "write 10.1.0.0/16"),
        (text("10.1.0.0/16", "10.1.0.0", "", &[]), "invalid ip-range 10.1.0.0: invalid CIDR block notation", "prefix length"),
        (text("10.1.0.0/16", "fd00::/64", "", &[]), "invalid ip-range fd00::/64: parent subnet is an IPv4 block", "family"),
        (
            text("10.1.0.0/16", "10.0.0.0/8", "", &[]),
            "invalid ip-range 10.0.0.0/8: CIDR block is bigger than its parent subnet 10.1.0.0/16",
            "inside 10.1.0.0/16",
        ),
        (
            text("10.1.0.0/16", "10.1.2.9/24", "", &[]),
            "invalid ip-range 10.1.2.9/24: it should be 10.1.2.0/24",
            "write 10.1.2.0/24",
        ),
        (
            text("10.1.0.0/16", "10.2.0.0/24", "", &[]),
            "invalid ip-range 10.2.0.0/24: parent subnet 10.1.0.0/16 doesn't contain ip-range",
            "inside 10.1.0.0/16",
        ),
        (text("10.1.0.0/16", "", "router", &[]), "invalid gateway router: invalid address", "like 10.1.0.1"),
        (text("fd00::/64", "", "10.1.0.1", &[]), "invalid gateway 10.1.0.1: parent subnet is an IPv6 block", "family"),
        (
            text("10.1.0.0/16", "", "10.2.0.1", &[]),
            "invalid gateway 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
            "inside 10.1.0.0/16",
        ),
        (
            text("10.1.0.0/16", "", "10.1.255.255", &[]),
            "invalid gateway 10.1.255.255: of 10.1.0.0/16 it is its broadcast address",
            "another address of 10.1.0.0/16",
        ),
        (text("10.1.0.0/16", "", "", &[("a", "")]), "invalid auxiliary address a : invalid address", "like 10.1.0.1"),
        (
            text("10.1.0.0/16", "", "", &[("a", "10.2.0.1")]),
            "invalid auxiliary address a 10.2.0.1: parent subnet 10.1.0.0/16 doesn't contain this address",
            "inside 10.1.0.0/16",
        ),
        (
            text("10.1.0.0/16", "", "", &[(DEFAULT_GATEWAY_V6, "10.1.0.1")]),
            "invalid auxiliary address DefaultGatewayIPv6 10.1.0.1: parent subnet is an IPv4 block",
            "family",
        ),
        (
            text("10.1.0.0/16", "", "10.1.0.1", &[("a", "10.1.0.1")]),
            "invalid auxiliary address a 10.1.0.1: it is the gateway as well",
            "its own address",
        ),
        (
            text("10.1.0.0/16", "", "", &[("a", "10.1.0.1"), ("b", "10.1.0.1")]),
            "invalid auxiliary address b 10.1.0.1: it is the auxiliary address a as well",
            "its own address",
        ),
        (
            text("", "10.1.0.0/16", "", &[]),
            "every ip-range or gateway must have a corresponding subnet: ip-range 10.1.0.0/16 has none",
            "--subnet",
        ),
        (
            text("", "", "10.1.0.1", &[]),
            "every ip-range or gateway must have a corresponding subnet: gateway 10.1.0.1 has none",
            "--subnet",
        ),
        (
            text("", "", "", &[("a", "10.1.0.1")]),
            "every auxiliary address must have a corresponding subnet: auxiliary address a 10.1.0.1 has none",
            "--subnet",
        ),
    ] {
        let errors = Config::parse(&[config]).unwrap_err();
        assert_eq!(errors.to_string(), format!("invalid network config: {why}"));
        assert!(errors.hint().contains(hint), "{why}: {}", errors.hint());
    }
}

#[test]
fn subnets_of_addresses_that_no_host_can_have_are_refused() {
    for (subnet, block, hint) in [
        ("127.0.0.0/8", "127.0.0.0/8", "10.0.0.0/8"),
        ("127.3.0.0/16", "127.0.0.0/8", "10.0.0.0/8"),
        ("0.1.0.0/16", "0.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/8", "10.0.0.0/8"),
        ("224.0.0.0/8", "224.0.0.0/4", "10.0.0.0/8"),
        ("192.0.0.0/2", "224.0.0.0/4", "10.0.0.0/8"),
        ("240.0.0.0/8", "240.0.0.0/4", "10.0.0.0/8"),
        ("255.255.255.255/32", "240.0.0.0/4", "10.0.0.0/8"),
        ("::/0", "::/128", "fd00::/8"),
        ("::/128", "::/128", "fd00::/8"),
        ("::1/128", "::1/128", "fd00::/8"),
        ("::ffff:10.0.0.0/104", "::ffff:0.0.0.0/96", "fd00::/8"),
        ("fe80::/64", "fe80::/10", "fd00::/8"),
        ("ff00::/64", "ff00::/8", "fd00::/8"),
    ] {
        let errors = Config::parse(&[text(subnet, "", "", &[])]).expect_err(subnet);
        let why = format!("no network can have addresses of {}: it is ", net(block));
        assert!(errors.to_string().contains(&why), "{errors}");
        assert!(errors.hint().contains(hint), "{}", errors.hint());
    }
}

#[test]
fn a_subnet_may_be_link_local_ipv4_as_in_docker_or_any_of_a_length() {
    for subnet in ["169.254.0.0/16", "0.0.0.0/24", "::/64", "100.64.0.0/10", "fc00::/64", "2001:db8::/64", "192.0.2.0/24"] {
        assert!(Config::parse(&[text(subnet, "", "", &[])]).is_ok(), "{subnet}");
    }
}

#[test]
fn all_faults_are_said_at_once() {
    let texts = [text("10.1.0.1/16", "10.2.0.0/24", "::1", &[("a", "x")]), text("fd00::/64", "", "fd00::", &[])];
    let errors = Config::parse(&texts).unwrap_err();
    assert_eq!(errors.0.len(), 5);
    let all = said(&texts);
    for fault in ["subnet 10.1.0.1/16", "ip-range 10.2.0.0/24", "gateway ::1", "auxiliary address a x", "gateway fd00::"] {
        assert!(all.contains(&format!("invalid {fault}: ")), "{fault} in {all}");
    }
    assert!(!all.contains('\n'));
}

#[test]
fn subnets_of_one_network_do_not_overlap_unless_they_are_parts_of_the_same() {
    let sub = |subnet: &str, ip_range: &str| text(subnet, ip_range, "", &[]);
    for (texts, refused) in [
        ([sub("10.1.0.0/16", ""), sub("10.2.0.0/16", "")], None),
        ([sub("10.1.0.0/16", "10.1.0.0/24"), sub("10.1.0.0/16", "10.1.1.0/24")], None),
        ([sub("0.0.0.0/24", ""), sub("0.0.0.0/24", "")], None),
        ([sub("10.1.0.0/16", ""), sub("10.1.0.0/16", "")], Some(("10.1.0.0/16", "10.1.0.0/16"))),
        ([sub("10.1.0.0/16", "10.1.0.0/24"), sub("10.1.0.0/16", "")], Some(("10.1.0.0/16", "10.1.0.0/16"))),
        ([sub("10.1.0.0/16", ""), sub("10.1.7.0/24", "")], Some(("10.1.7.0/24", "10.1.0.0/16"))),
        ([sub("fd00::/64", ""), sub("fd00::/48", "")], Some(("fd00::/48", "fd00::/64"))),
    ] {
        let Some((subnet, other)) = refused else {
            assert!(Config::parse(&texts).is_ok_and(|configs| Config::check(&configs).is_ok()), "{texts:?}");
            continue;
        };
        let errors = Config::parse(&texts).unwrap_err();
        let why =
            format!("invalid network config: invalid subnet {subnet}: it overlaps with subnet {other} of the same network");
        assert_eq!(errors.to_string(), why);
        assert!(errors.hint().contains("do not overlap"));
    }
}

#[test]
fn nothing_is_held_against_a_subnet_that_cannot_be_read() {
    let all = said(&[text("nonsense", "10.2.0.0/24", "10.2.0.1", &[])]);
    assert_eq!(all, "invalid network config: invalid subnet nonsense: invalid CIDR block notation");
}

#[test]
fn what_is_typed_is_shown_without_control_characters_and_cut() {
    let all = said(&[text(&format!("\u{1b}[31m{}", "x".repeat(500)), "", "", &[("\n", "y")])]);
    assert!(!all.contains(char::is_control) && all.len() < 300, "{all}");
}
