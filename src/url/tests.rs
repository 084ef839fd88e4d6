//! What reads, what is refused, and that what is printed reads back.

use super::*;
use lanloom_switch_core::MacAddr;
use lanloom_switch_core::vxlan::{InnerTags, ReservedBits, Tos, Ttl, VNI_MAX};
use proptest::option;
use proptest::prelude::*;

fn refusal(text: &str) -> String {
    text.parse::<PortUrl>().err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn every_form_of_the_manual_reads_and_prints_back() {
    for text in [
        "tap://t0",
        "tap://t0?netns=blue&offload=off&mtu=9000&persist=no&mac=02:00:00:00:00:0a",
        "veth://eth0?netns=/run/netns/blue&mtu=1400",
        "iface://enp3s0",
        "tap://a%26b?netns=/tmp/with%20space/%3F",
        "vxlan://0?local=10.0.0.1",
        "vxlan://16777215?local=fd00::1&remote=fd00::2,fd00::3&port=8472&group=ff05::7&dev=eth0&learning=off&reserved=ignore\
         &tags=keep&ttl=inherit&tos=inherit&mtu=1400&suppress=off",
        "vxlan://42?local=10.0.0.1&remote=10.0.0.2&ttl=255&tos=255",
    ] {
        assert_eq!(text.parse::<PortUrl>().map(|url| url.to_string()), Ok(text.to_owned()));
    }
    let spelt_out = "vxlan://042?suppress=on&tos=0&ttl=0&tags=discard&reserved=strict&learning=on&port=4789&local=10.0.0.1";
    assert_eq!(spelt_out.parse::<PortUrl>().map(|url| url.to_string()), Ok("vxlan://42?local=10.0.0.1".to_owned()));
    let spelt_out = "tap://t0?persist=yes&offload=on&mtu=1500".parse::<PortUrl>();
    assert_eq!(spelt_out.map(|url| url.to_string()), Ok("tap://t0?mtu=1500".to_owned()));
}

#[test]
fn a_tunnel_that_cannot_be_is_told_what_is_wrong_and_what_would_be_right() {
    let with = |rest: &str| format!("vxlan://42?local=10.0.0.1{rest}");
    for (text, said) in [
        ("vxlan://16777216?local=10.0.0.1".into(), "\"16777216\" is no VXLAN network identifier; write 0 to 16777215"),
        ("vxlan://?local=10.0.0.1".into(), "\"\" is no VXLAN network identifier"),
        ("vxlan://+1?local=10.0.0.1".into(), "\"+1\" is no VXLAN"),
        ("vxlan://42".into(), "add ?local=ADDRESS, one of this host's"),
        ("vxlan://42?local=[fd00::1]".into(), "that of IPv6 without brackets"),
        ("vxlan://42?local=0.0.0.0".into(), "local=0.0.0.0 is not the address of one host"),
        ("vxlan://42?local=224.0.0.1".into(), "local=224.0.0.1 is not the address of one host"),
        ("vxlan://42?local=fe80::1".into(), "local=fe80::1 is an address of one link only"),
        ("vxlan://42?local=::ffff:10.0.0.1".into(), "write the address of a host"),
        (with("&remote="), "remote=\"\" is not possible"),
        (with("&remote=10.0.0.2,"), "remote=\"\" is not possible"),
        (with("&remote=there"), "remote=\"there\" is not possible; write the address of a host"),
        (with("&remote=10.0.0.2,fd00::2"), "local=10.0.0.1 is IPv4 and fd00::2 is IPv6; give all addresses of one family"),
        (with("&group=ff05::7&dev=eth0"), "ff05::7 is IPv6"),
        (with("&remote=10.0.0.2,10.0.0.1"), "remote=10.0.0.1 is this end's own address"),
        (with("&remote=10.0.0.2,10.0.0.3,10.0.0.2"), "remote=10.0.0.2 is given twice; leave one out"),
        (with("&remote=239.1.1.1"), "is a multicast group, and no host; write group=239.1.1.1&dev=IFNAME"),
        (with("&remote=255.255.255.255"), "is not the address of one host"),
        (with("&group=10.0.0.2&dev=eth0"), "group=10.0.0.2 is no multicast group; write one of 224.0.0.0/4, or remote="),
        (with("&group=239.1.1.1"), "add &dev=IFNAME"),
        (with("&dev=eth0"), "add &group=ADDRESS"),
        (with("&group=239.1.1.1&dev=a/b"), "is no name for an interface"),
        (with("&port=0"), "port=\"0\" is not possible; write 1 to 65535"),
        (with("&port=65536"), "write 1 to 65535"),
        (with("&ttl=256"), "write 0 to 255, or inherit"),
        (with("&tos=-1"), "write 0 to 255, or inherit"),
        (with("&mtu=65486"), "write 68 to 65485"),
        (with("&learning=no"), "write on or off"),
        (with("&reserved=tolerant"), "write ignore or strict"),
        (with("&tags=no"), "write keep or discard"),
        (with("&suppress=no"), "write on or off"),
        (with("&local=10.0.0.1"), "is given twice"),
        (with("&id=1"), "vxlan:// has no key \"id\"; it has local, remote, port, group, dev, learning, reserved, tags, ttl"),
    ] {
        assert!(refusal(&text).contains(said), "{text}: {}", refusal(&text));
    }
    let many: Vec<String> = (0..=4096).map(|peer| format!("fd00::{peer:x}:1")).collect();
    assert!(refusal(&format!("vxlan://1?local=fd01::1&remote={}", many.join(","))).contains("name at most 4096"));
    assert_eq!(refusal(&format!("vxlan://1?local=fd01::1&remote={}", many[1..].join(","))), "");
}

#[test]
fn two_ends_exclude_each_other_only_at_one_address_and_port_in_one_network() {
    let place = |text: &str| text.parse::<PortUrl>().expect("a URL").place().expect("a place");
    let here = place("vxlan://1?local=10.0.0.1&remote=10.0.0.2");
    assert_eq!(here, place("vxlan://1?local=10.0.0.1&remote=10.0.0.3&mtu=1400"));
    for other in ["vxlan://2?local=10.0.0.1", "vxlan://1?local=10.0.0.2", "vxlan://1?local=10.0.0.1&port=8472"] {
        assert_ne!(here, place(other), "{other}");
    }
}

#[test]
fn a_refused_url_is_told_what_exists() {
    for (text, said) in [
        ("t0", "there are tap://, veth://, iface://, vxlan://"),
        ("vde://x", "no kind of port is called \"vde\"; there are tap://"),
        ("memory://demo", "made in process only; write one of tap://"),
        ("tap://t0?color=red", "no key \"color\"; it has netns, offload, mtu, persist, mac"),
        ("veth://t0?netns=a&offload=off", "no key \"offload\"; it has netns, mtu, mac"),
        ("veth://t0", "add ?netns=NAME"),
        ("iface://t0?mtu=1", "has no keys"),
        ("tap://t0?mtu=67", "write 68 to 65521"),
        ("tap://t0?mtu=+1500", "write 68 to 65521"),
        ("tap://t0?mac=ff:ff:ff:ff:ff:ff", "address of one station"),
        ("tap://t0?persist=maybe", "yes or no"),
        ("tap://t0?mtu=1500&mtu=1500", "given twice"),
        ("tap://t0?", ""),
        ("tap://t0?&", "has no value"),
        ("tap://", "it is empty"),
        ("tap://a/b", "'/' in it"),
        ("tap://t0?netns=../x", "absolute path"),
        ("tap://t0?netns=%00", "it has '\\0' in it"),
        ("tap://%zz", "write %25"),
        ("tap://%é", "write %25"),
        ("tap://%ff", "not UTF-8"),
    ] {
        assert!(refusal(text).contains(said), "{text}: {}", refusal(text));
        assert_eq!(refusal(text).is_empty(), said.is_empty(), "{text}");
    }
}

fn netns() -> impl Strategy<Value = NetnsRef> {
    "/?[A-Za-z0-9_][A-Za-z0-9_.]{0,9}|/[ -~é]{1,20}".prop_filter_map("a namespace", |text| text.parse().ok())
}

fn mac() -> impl Strategy<Value = MacAddr> {
    (1u64..1 << 40).prop_map(MacAddr::from_bits)
}

/// Addresses of one family: this end's, those of other ends, and a group's.
fn addresses() -> impl Strategy<Value = (IpAddr, Vec<IpAddr>, IpAddr)> {
    let others = prop::collection::btree_set(2..200u8, 0..5);
    (any::<bool>(), others).prop_map(|(six, others)| {
        let host = |last: u8| match six {
            true => IpAddr::from([0xfd00, 0, 0, 0, 0, 0, 0, u16::from(last)]),
            false => IpAddr::from([10, 0, 0, last]),
        };
        let group = if six { "ff05::7" } else { "239.1.1.1" };
        (host(1), others.into_iter().map(host).collect(), group.parse().expect("an address"))
    })
}

fn any_tunnel(dev: impl Strategy<Value = IfName>) -> impl Strategy<Value = VxlanUrl> {
    let ttl = prop_oneof![Just(Ttl::Default), (1..=255u8).prop_map(Ttl::Fixed), Just(Ttl::Inherit)];
    let tos = prop_oneof![any::<u8>().prop_map(Tos::Fixed), Just(Tos::Inherit)];
    let at = (0..=VNI_MAX, addresses(), 1..=u16::MAX, option::of(dev));
    (at, any::<[bool; 4]>(), ttl, tos, option::of(MTU_MIN..=VXLAN_MTU_MAX)).prop_map(|(at, flags, ttl, tos, mtu)| {
        let ((vni, (local, remotes, group), port, dev), [learning, strict, discard, suppress]) = (at, flags);
        let (vni, group) = (Vni::new(vni).expect("24 bits"), dev.map(|dev| (group, dev)));
        let reserved = if strict { ReservedBits::Strict } else { ReservedBits::Tolerant };
        let tags = if discard { InnerTags::Discard } else { InnerTags::Keep };
        VxlanUrl { vni, local, remotes, port, group, learning, reserved, tags, ttl, tos, mtu, suppress }
    })
}

fn any_url() -> impl Strategy<Value = PortUrl> {
    let ifname = || "[!-~]{1,15}".prop_filter_map("an interface name", |text| text.parse::<IfName>().ok());
    let mtu = || option::of(MTU_MIN..=TAP_MTU_MAX);
    let tap = (ifname(), option::of(netns()), any::<bool>(), mtu(), any::<bool>(), option::of(mac()));
    let tap = tap.prop_map(|(ifname, netns, offload, mtu, persist, mac)| {
        PortUrl::Tap(TapUrl { ifname, netns, offload, mtu, persist, mac })
    });
    let veth = (ifname(), netns(), mtu(), option::of(mac()));
    let veth = veth.prop_map(|(ifname, netns, mtu, mac)| PortUrl::Veth(VethUrl { ifname, netns, mtu, mac }));
    prop_oneof![tap, veth, ifname().prop_map(PortUrl::Iface), any_tunnel(ifname()).prop_map(PortUrl::Vxlan)]
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(url in any_url()) {
        let text = url.to_string();
        prop_assert!(text.is_ascii(), "{}", text);
        prop_assert_eq!(text.parse(), Ok(url));
    }

    #[test]
    fn whatever_is_typed_is_read_or_refused_in_one_line(text in "(tap|veth|iface|vxlan)?(://)?([0-9]{1,3}\\?local=10.0.0.1)?.{0,40}") {
        match text.parse::<PortUrl>() {
            Ok(url) => prop_assert_eq!(url.to_string().parse(), Ok(url)),
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
        }
    }
}
