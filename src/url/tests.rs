//! What reads, what is refused, and that what is printed reads back.

use super::*;
use lanloom_switch_core::MacAddr;
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
    ] {
        assert_eq!(text.parse::<PortUrl>().map(|url| url.to_string()), Ok(text.to_owned()));
    }
    let spelt_out = "tap://t0?persist=yes&offload=on&mtu=1500".parse::<PortUrl>();
    assert_eq!(spelt_out.map(|url| url.to_string()), Ok("tap://t0?mtu=1500".to_owned()));
}

#[test]
fn a_refused_url_is_told_what_exists() {
    for (text, said) in [
        ("t0", "there are tap://, veth://, iface://"),
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

fn any_url() -> impl Strategy<Value = PortUrl> {
    let ifname = || "[!-~]{1,15}".prop_filter_map("an interface name", |text| text.parse::<IfName>().ok());
    let mtu = || option::of(MTU_MIN..=TAP_MTU_MAX);
    let tap = (ifname(), option::of(netns()), any::<bool>(), mtu(), any::<bool>(), option::of(mac()));
    let tap = tap.prop_map(|(ifname, netns, offload, mtu, persist, mac)| {
        PortUrl::Tap(TapUrl { ifname, netns, offload, mtu, persist, mac })
    });
    let veth = (ifname(), netns(), mtu(), option::of(mac()));
    let veth = veth.prop_map(|(ifname, netns, mtu, mac)| PortUrl::Veth(VethUrl { ifname, netns, mtu, mac }));
    prop_oneof![tap, veth, ifname().prop_map(PortUrl::Iface)]
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(url in any_url()) {
        let text = url.to_string();
        prop_assert!(text.is_ascii(), "{}", text);
        prop_assert_eq!(text.parse(), Ok(url));
    }

    #[test]
    fn whatever_is_typed_is_read_or_refused_in_one_line(text in "(tap|veth|iface)?(://)?.{0,40}") {
        match text.parse::<PortUrl>() {
            Ok(url) => prop_assert_eq!(url.to_string().parse(), Ok(url)),
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
        }
    }
}
