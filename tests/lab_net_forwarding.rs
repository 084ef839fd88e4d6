//! What becomes of a host that forwards only since there are networks: it is no router for anybody else, those who come later may
//! rely on it, and it goes on learning its own routes. Each test's host is a house of its own, with a namespace outside.
//!
//! Needs root, `ip` (iproute2), `ping` (iputils) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;

use networks::crafted::router_advertisement;
use networks::{HOST, Networks, OUTSIDE, SILENCE, Seat, WORLD};
use std::net::IpAddr;

/// Gives the host another neighbour `name`: 10.90.N.2 and fd90:N::2 beyond the host's own …1. The world knows the way there.
fn neighbour(host: &Networks, name: &str, number: u8) -> [IpAddr; 2] {
    let [v4, v6] = [format!("10.90.{number}"), format!("fd90:{number}:")];
    host.script(&format!(
        "ip netns add {name}
         ip link add {name}0 type veth peer name {name}1 netns {name}
         ip address add {v4}.1/24 dev {name}0; ip address add {v6}:1/64 dev {name}0 nodad; ip link set {name}0 up
         ip -n {name} address add {v4}.2/24 dev {name}1; ip -n {name} address add {v6}:2/64 dev {name}1 nodad
         ip -n {name} link set {name}1 up
         ip -n {name} route add default via {v4}.1; ip -n {name} -6 route add default via {v6}:1
         ip -n {WORLD} route add {v4}.0/24 via {}; ip -n {WORLD} -6 route add {v6}:/64 via {}",
        HOST[0], HOST[1]
    ));
    [format!("{v4}.2"), format!("{v6}:2")].map(|text| text.parse().expect("an address"))
}

/// Whether an echo request from a namespace of the host's is answered; one that is to be is waited for.
fn answered(host: &Networks, from: &str, to: IpAddr, is_to_be: bool) -> bool {
    let patience = if is_to_be { "20".to_owned() } else { SILENCE.as_secs_f64().to_string() };
    let words = format!("ip netns exec {from} ping -n -c 1 -W {patience} -w {} {to}", if is_to_be { 20 } else { 1 });
    host.command(&words.split(' ').collect::<Vec<_>>()).output().expect("ping").status.success()
}

/// Whether the host forwards IPv4, and IPv6.
fn forwards(host: &Networks) -> [bool; 2] {
    ["ipv4/ip_forward", "ipv6/conf/all/forwarding"].map(|name| host.sh(&format!("cat /proc/sys/net/{name}")) == "1\n")
}

#[test]
fn a_host_becomes_no_router_between_its_neighbours_and_those_who_come_later_may_rely_on_its_forwarding() {
    let Some(host) = Networks::new() else { return };
    let before = neighbour(&host, "before", 1);
    assert_eq!(forwards(&host), [false; 2]);
    host.network(1, "");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    assert_eq!(forwards(&host), [true; 2]);
    let later = neighbour(&host, "later", 2);
    let check = |what: &str| {
        for (family, world) in OUTSIDE.into_iter().enumerate() {
            assert!(answered(&host, "later", world, true), "{what}");
            assert!(answered(&host, WORLD, later[family], true), "{what}");
            assert!(answered(&host, "before", later[family], true), "{what}");
            assert!(!answered(&host, "before", world, false), "{what}");
            assert!(!answered(&host, WORLD, before[family], false), "{what}");
        }
    };
    check("with a network");
    OUTSIDE.into_iter().chain(before).chain(later).for_each(|to| host.reaches("a", to));
    host.says("sandbox delete a");
    host.says("network rm n1");
    assert_eq!(forwards(&host), [true; 2], "somebody relies on it");
    check("with no network any more");
    host.sh("ip link delete later0");
    host.network(1, "");
    host.says("network rm n1");
    assert_eq!(forwards(&host), [false; 2]);
    assert!(!host.sh("nft list ruleset").contains("lanloom"), "nothing is left");
}

/// Has the host's rules see what its bridges pass on, if the kernel can do that (`br_netfilter`). With CI set it must.
fn bridges_are_seen(host: &Networks) -> bool {
    let seen = !host.script("! test -d /proc/sys/net/bridge || echo yes").is_empty();
    assert!(seen || std::env::var_os("CI").is_none(), "br_netfilter is not there, and with CI set nothing is skipped");
    match seen {
        true => {
            drop(host.script("cd /proc/sys/net/bridge; for name in iptables ip6tables; do echo 1 > bridge-nf-call-$name; done"))
        }
        false => println!("skipped: rules see what bridges pass on with br_netfilter only, which is not there"),
    }
    seen
}

/// Gives the host a bridge `lan0` with `one` and `two` on it: 10.91.0.1 and fd91::1, and so on. The way from `one` to two's 10.92.0.2
/// and fd92::2 is by the host's own address there.
fn bridge(host: &Networks) {
    host.script(
        "ip link add lan0 type bridge; ip link set lan0 up
         ip address add 10.91.0.9/24 dev lan0; ip address add fd91::9/64 dev lan0 nodad",
    );
    for (number, name) in [(1, "one"), (2, "two")] {
        host.script(&format!(
            "ip netns add {name}
             ip link add {name}0 type veth peer name {name}1 netns {name}
             ip link set {name}0 master lan0 up
             ip -n {name} address add 10.91.0.{number}/24 dev {name}1; ip -n {name} address add fd91::{number}/64 dev {name}1 nodad
             ip -n {name} link set {name}1 up"
        ));
    }
    host.script(
        "ip -n two address add 10.92.0.2/32 dev two1; ip -n two address add fd92::2/128 dev two1 nodad
         ip route add 10.92.0.2 via 10.91.0.2; ip -6 route add fd92::2 via fd91::2
         ip -n one route add 10.92.0.2 via 10.91.0.9; ip -n one -6 route add fd92::2 via fd91::9",
    );
}

#[test]
fn what_comes_and_goes_by_one_interface_of_the_hosts_passes_as_what_its_bridges_pass_on_does() {
    let Some(host) = Networks::new() else { return };
    bridge(&host);
    let [bridged, turned] = [["10.91.0.2", "fd91::2"], ["10.92.0.2", "fd92::2"]]
        .map(|texts| texts.map(|text| text.parse::<IpAddr>().expect("an address")));
    let seen = bridges_are_seen(&host);
    bridged.into_iter().for_each(|to| assert!(answered(&host, "one", to, true), "{to}, before"));
    host.network(1, "");
    bridged
        .into_iter()
        .filter(|_| seen)
        .chain(turned)
        .for_each(|to| assert!(answered(&host, "one", to, true), "{to}, beside a network"));
    host.says("network rm n1");
    bridged.into_iter().filter(|_| seen).for_each(|to| assert!(answered(&host, "one", to, true), "{to}, after it"));
}

#[test]
fn a_host_that_forwarded_by_some_interfaces_alone_goes_on_to_and_has_its_settings_back_with_the_last_network() {
    let Some(host) = Networks::new() else { return };
    let (one, two) = (neighbour(&host, "one", 1), neighbour(&host, "two", 2));
    let mut settings = vec!["ipv4/conf/all/accept_redirects 0".to_owned(), "ipv6/conf/default/forwarding 1".to_owned()];
    for family in ["ipv4", "ipv6"] {
        settings.extend(["up0", "one0"].map(|name| format!("{family}/conf/{name}/forwarding 1")));
        settings.push(format!("{family}/conf/two0/forwarding 0"));
    }
    for setting in &settings {
        let (name, value) = setting.split_once(' ').expect("a name and a value");
        host.script(&format!("echo {value} > /proc/sys/net/{name}"));
    }
    let check = |what: &str| {
        assert!(answered(&host, "one", OUTSIDE[0], true), "{what}");
        assert!(answered(&host, WORLD, one[0], true), "{what}");
        assert!(!answered(&host, "two", OUTSIDE[0], false), "{what}");
        assert!(!answered(&host, "one", OUTSIDE[1], false), "{what}: of IPv6 the kernel forwards nothing for that alone");
        assert!(!answered(&host, WORLD, two[1], false), "{what}");
    };
    check("before");
    host.network(1, "");
    assert_eq!(forwards(&host), [true; 2]);
    check("with a network");
    host.says("network rm n1");
    assert_eq!(forwards(&host), [false; 2]);
    for setting in &settings {
        let (name, value) = setting.split_once(' ').expect("a name and a value");
        assert_eq!(host.sh(&format!("cat /proc/sys/net/{name}")).trim(), value, "{name}");
    }
    check("after it");
}

#[test]
fn where_ipv4_was_forwarded_before_it_goes_on_to_be_for_everybody_and_ipv6_is_for_networks_alone() {
    let Some(host) = Networks::new() else { return };
    let before = neighbour(&host, "before", 1);
    host.script("echo 1 > /proc/sys/net/ipv4/ip_forward");
    host.network(1, "");
    assert!(answered(&host, WORLD, before[0], true));
    assert!(!answered(&host, WORLD, before[1], false));
    host.says("network rm n1");
    assert_eq!(forwards(&host), [true, false]);
}

#[test]
fn a_host_that_learns_its_way_out_from_router_advertisements_keeps_it_and_goes_on_learning() {
    let Some(host) = Networks::new() else { return };
    let accept = || host.sh("cat /proc/sys/net/ipv6/conf/up0/accept_ra");
    host.script("ip -6 route del default; echo 1 > /proc/sys/net/ipv6/conf/up0/accept_ra");
    let routes = || host.sh("ip -6 route show default");
    let mut router = host.wire(WORLD, "up1");
    let mut advertise = |number: u8| {
        host.wait_for("a route by way of a router", || {
            router.send(&router_advertisement(Seat::new(number, 9)));
            routes().lines().filter(|line| line.contains("proto ra")).count() == usize::from(number)
        });
    };
    advertise(1);
    let output = host.lanloom("network create n1 --subnet 10.81.1.0/24 --ipv6 --subnet fd81:1::/64");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("up0 goes on listening to router advertisements"), "{said}");
    assert!(forwards(&host)[1]);
    assert_eq!(routes().lines().filter(|line| line.contains("proto ra")).count(), 1, "{}", routes());
    advertise(2);
    host.says("network rm n1");
    assert_eq!((accept(), forwards(&host)[1]), ("1\n".to_owned(), false));
    assert_eq!(routes().lines().filter(|line| line.contains("proto ra")).count(), 2, "{}", routes());
}
