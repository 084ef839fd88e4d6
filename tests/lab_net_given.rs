//! Networks and endpoints with what they were asked for, on a real kernel: names of interfaces, addresses of the link alone, another
//! way out; and a network seen by its name where a switch is.
//!
//! Each test's host is a house of its own. Needs root and `ip` (iproute2).

#[path = "lab/networks.rs"]
mod networks;

use networks::{HOST, Networks, OUTSIDE, STATE, Seat};
use nix::sys::signal::Signal;
use std::process::Stdio;

/// What the kernel has of a sandbox's interface: its addresses without those that it made itself, in order.
fn addresses(host: &Networks, sandbox: &str, ifname: &str) -> Vec<String> {
    let line = host.sh(&format!("ip -n {sandbox} -brief address show dev {ifname}"));
    let mut found: Vec<_> = line.split_whitespace().filter(|word| word.contains('/')).map(str::to_owned).collect();
    found.sort();
    found
}

#[test]
fn names_of_interfaces_addresses_of_the_link_and_another_way_out_are_as_asked_for_also_after_a_kill() {
    let Some(mut host) = Networks::new() else { return };
    host.network(1, "-o com.docker.network.container_iface_prefix=lan --aux-address DefaultGatewayIPv4=10.81.1.254");
    host.network(2, "");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    let ifname = "--driver-opt com.docker.network.endpoint.ifname=wan7";
    host.connect("a", Seat::new(2, 10), &format!("{ifname} --link-local-ip 169.254.7.7 --link-local-ip fe80::7"));
    host.sandbox("b", &[Seat::new(2, 11)], "");
    for after in ["at first", "after a kill"] {
        assert_eq!(addresses(&host, "a", "lan0")[0], "10.81.1.10/24", "{after}");
        let wan7 = addresses(&host, "a", "wan7");
        for address in ["10.81.2.10/24", "169.254.7.7/16", "fe80::7/64", "fd81:2::a/64"] {
            assert!(wan7.contains(&address.to_owned()), "{after}: {address} in {wan7:?}");
        }
        let ways = host.sh("ip -n a route show default");
        assert!(ways.contains("via 10.81.1.254 dev lan0") && ways.lines().count() == 1, "{after}: {ways}");
        assert!(host.sh("ip -brief address show dev gw1").contains(" 10.81.1.1/24"), "the host has its own, {after}");
        host.reaches("b", Seat::new(2, 10).v4());
        host.sh("ip netns exec a ping -n -c 1 -w 20 fe80::7%wan7");
        if after == "at first" {
            host.signal(Signal::SIGKILL);
            host.daemon_status();
            host.start_daemon(&STATE);
        }
    }
    let refused = host.refused(&format!("network connect n1 b {ifname} --link-local-ip 10.0.0.1"));
    assert!(refused.contains("invalid link local IP address: 10.0.0.1"), "{refused}");
}

#[test]
fn a_link_means_the_other_also_after_a_kill() {
    let Some(mut host) = Networks::new() else { return };
    host.network(1, "");
    host.sandbox("b", &[Seat::new(1, 11)], "");
    host.sandbox("a", &[], "");
    host.connect("a", Seat::new(1, 10), "--link b:store");
    for after in ["at first", "after a kill"] {
        let meant = host.says("sandbox exec a -- getent ahostsv4 store");
        assert!(meant.starts_with("10.81.1.11 "), "{after}: {meant}");
        if after == "at first" {
            host.signal(Signal::SIGKILL);
            host.daemon_status();
            host.start_daemon(&STATE);
        }
    }
}

#[test]
fn a_network_is_captured_traced_and_counted_by_its_name() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    let (a, b) = (Seat::new(1, 10), Seat::new(1, 11));
    host.sandbox("a", &[a], "");
    host.sandbox("b", &[b], "");
    host.reaches("a", b.v4());
    let program = env!("CARGO_BIN_EXE_lanloom");
    let mut capture = host.command(&[program, "capture", "n1", "icmp", "-c", "2"]);
    let mut capture = capture.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it runs");
    host.wait_for("a capture of two frames", || {
        host.reaches("a", b.v4());
        capture.try_wait().expect("a child of ours").is_some()
    });
    let said = capture.wait_with_output().expect("a child of ours").stdout;
    let lines = String::from_utf8_lossy(&said).into_owned();
    assert!(lines.contains("10.81.1.10") && lines.contains("10.81.1.11"), "{lines}");
    let (smac, dmac) = (a.mac_text(), b.mac_text());
    let traced = host.says(&format!("trace n1 a icmp smac={smac} dmac={dmac} src={} dst={}", a.v4(), b.v4()));
    let forged = host.says(&format!("trace n1 a icmp smac={dmac} dmac={smac} src={} dst={}", b.v4(), a.v4()));
    assert!(traced.contains("sent to b") && forged.contains("dropped: spoofed"), "{traced}{forged}");
    let counters = host.json("counters n1");
    let ports: Vec<_> = counters["ports"].as_array().expect("a list").iter().map(|port| port["port"].to_string()).collect();
    assert_eq!(ports, ["\"_gateway\"", "\"a\"", "\"b\""]);
    assert!(counters["ports"][1]["rx"]["frames"].as_u64() > Some(0), "{counters}");
}

#[test]
fn an_address_that_comes_back_with_another_mac_address_is_found_there_at_once() {
    for kind in ["tap", "veth"] {
        let Some(host) = Networks::new() else { return };
        host.network(1, "");
        let (watcher, moved) = (Seat::new(1, 10), Seat::new(1, 11));
        host.sandbox("a", &[watcher], "");
        // What it knows it goes on believing, unless it is told otherwise.
        for family in ["ipv4", "ipv6"] {
            let setting = format!("/proc/sys/net/{family}/neigh/eth0/base_reachable_time_ms");
            host.script(&format!("ip netns exec a sh -c 'echo 7200000 > {setting}'"));
        }
        for (name, mac) in [("first", "02:00:00:00:00:01"), ("second", "02:00:00:00:00:02")] {
            let place = format!("n1:ip={},ip6={},mac={mac}", moved.v4(), moved.v6());
            host.says(&format!("sandbox create {name} --network {place} --endpoint {kind}"));
            for address in moved.addresses() {
                host.reaches("a", address);
                let known = host.sh(&format!("ip -n a neigh show {address} dev eth0"));
                assert!(known.contains(mac), "{kind}, {name}: {known}");
            }
            host.says(&format!("sandbox delete {name}"));
        }
    }
}

#[test]
fn a_network_of_ipv6_alone_reaches_its_gateway_its_neighbours_by_name_and_the_world_and_has_no_ipv4() {
    let Some(host) = Networks::new() else { return };
    host.says("network create six --ipv4=false --ipv6 --subnet fd81:6::/64 -o com.docker.network.bridge.name=gw6");
    host.says("sandbox create a --network six");
    host.says("sandbox create b --network six");
    assert_eq!(addresses(&host, "a", "eth0").iter().filter(|address| !address.starts_with("fe80")).count(), 1);
    assert!(addresses(&host, "a", "eth0").contains(&"fd81:6::2/64".to_owned()));
    assert_eq!(host.sh("ip -n a -4 route"), "");
    assert!(!host.sh("ip -4 -brief address show dev gw6").contains("gw6"), "nor has the host there");
    host.reaches("a", "fd81:6::1".parse::<std::net::IpAddr>().expect("an address"));
    host.says("sandbox ping a b -c 1 -W 20");
    host.reaches("a", OUTSIDE[1]);
    assert_eq!(host.source_outside("a", OUTSIDE[1]), Some(HOST[1]));
    assert_eq!(host.escapes("a", OUTSIDE[0]), None);
}
