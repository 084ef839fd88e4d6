//! Networks of unusual subnets, in real namespaces: of one or two addresses, several of a family, given later, without the host's
//! address, and on a kernel without IPv6. Each test's host is a house of its own.
//!
//! Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;

use networks::{HOST, Networks, OUTSIDE, STATE};
use std::net::IpAddr;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// The routes of a sandbox, IPv4 or IPv6, without what the kernel gives every interface.
fn routes(host: &Networks, sandbox: &str, family: &str) -> Vec<String> {
    let lines = host.sh(&format!("ip -n {sandbox} {family} -oneline route show"));
    let own = |line: &&str| !line.starts_with("fe80::");
    lines
        .lines()
        .filter(own)
        .map(|line| line.split_whitespace().take_while(|word| *word != "proto").collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn a_subnet_of_two_addresses_holds_the_gateway_and_one_sandbox_that_reaches_it_and_the_world() {
    let Some(host) = Networks::new() else { return };
    host.says("network create pair --subnet 10.82.0.0/31 --ipv6 --subnet fd82::/127");
    host.says("sandbox create a --network pair");
    for (gateway, own) in [("10.82.0.0", "10.82.0.1/31"), ("fd82::", "fd82::1/127")] {
        let shown = host.sh("ip -n a -brief address show dev eth0");
        assert!(shown.split_whitespace().any(|word| word == own), "{shown}");
        host.reaches("a", ip(gateway));
    }
    assert_eq!(OUTSIDE.map(|to| host.source_outside("a", to)), HOST.map(Some));
    let said = host.refused("sandbox create b --network pair");
    assert!(said.contains("10.82.0.0/31"), "{said}");
    assert!(!host.says("sandbox ls").contains(" b "), "a refused command leaves no trace");
    host.says("sandbox delete a");
    host.says("network rm pair");
}

#[test]
fn a_subnet_of_one_address_is_a_sandbox_s_where_the_host_takes_no_part() {
    let Some(mut host) = Networks::new() else { return };
    let isolated = "--internal -o com.docker.network.bridge.gateway_mode_ipv4=isolated";
    host.says(&format!("network create alone --subnet 10.82.1.5/32 {isolated}"));
    host.says("sandbox create a --network alone");
    let shown = host.sh("ip -n a -brief address show dev eth0");
    assert!(shown.contains(" 10.82.1.5/32"), "{shown}");
    host.signal(nix::sys::signal::Signal::SIGKILL);
    host.daemon_status();
    host.start_daemon(&STATE);
    assert!(host.refused("sandbox create b --network alone").contains("10.82.1.5/32"));
    host.says("network create full --subnet 10.82.2.5/32");
    let said = host.refused("sandbox create b --network full");
    assert!(said.contains("10.82.2.5/32"), "{said}");
}

#[test]
fn sandboxes_of_several_subnets_of_a_network_reach_each_other_and_every_gateway_also_of_subnets_that_come_later() {
    let Some(host) = Networks::new() else { return };
    let v4 = "--subnet 10.82.3.0/24 --subnet 10.82.4.0/24";
    host.says(&format!("network create wide {v4} --ipv6 --subnet fd82:3::/64 --subnet fd82:4::/64"));
    host.says("sandbox create a --network wide:ip=10.82.3.10,ip6=fd82:3::10");
    host.says("sandbox create b --network wide:ip=10.82.4.10,ip6=fd82:4::10");
    assert_eq!(routes(&host, "a", "-4"), ["default via 10.82.3.1 dev eth0", "10.82.3.0/24 dev eth0", "10.82.4.0/24 dev eth0"]);
    assert_eq!(routes(&host, "b", "-4"), ["default via 10.82.4.1 dev eth0", "10.82.3.0/24 dev eth0", "10.82.4.0/24 dev eth0"]);
    for (from, to) in [("a", "10.82.4.10"), ("a", "fd82:4::10"), ("b", "10.82.3.10"), ("b", "fd82:3::10")] {
        host.reaches(from, ip(to));
    }
    for gateway in ["10.82.3.1", "10.82.4.1", "fd82:3::1", "fd82:4::1"] {
        ["a", "b"].into_iter().for_each(|from| host.reaches(from, ip(gateway)));
    }
    host.says("network update wide --subnet-add 10.82.5.0/24 --subnet-add fd82:5::/64");
    host.says("sandbox create c --network wide:ip=10.82.5.10,ip6=fd82:5::10");
    for to in ["10.82.5.1", "fd82:5::1", "10.82.5.10", "fd82:5::10"] {
        ["a", "b"].into_iter().for_each(|from| host.reaches(from, ip(to)));
    }
    for sandbox in ["a", "b", "c"] {
        assert_eq!(OUTSIDE.map(|to| host.source_outside(sandbox, to)), HOST.map(Some), "{sandbox}");
    }
    host.says("network disconnect wide a");
    assert_eq!([routes(&host, "a", "-4"), routes(&host, "a", "-6")], [Vec::<String>::new(), Vec::new()]);
}

#[test]
fn without_its_ipv4_address_the_host_is_in_the_network_by_ipv6_only_and_sandboxes_reach_each_other_by_both() {
    let Some(mut host) = Networks::new() else { return };
    let options = "-o com.docker.network.bridge.inhibit_ipv4=true -o com.docker.network.bridge.name=gw6";
    host.says(&format!("network create shy --subnet 10.82.6.0/24 --ipv6 --subnet fd82:6::/64 {options}"));
    host.says("sandbox create a --network shy:ip=10.82.6.10,ip6=fd82:6::10");
    host.says("sandbox create b --network shy:ip=10.82.6.11,ip6=fd82:6::11");
    for is_again in [false, true] {
        if is_again {
            host.signal(nix::sys::signal::Signal::SIGTERM);
            assert_eq!(host.daemon_status(), Some(0));
            host.start_daemon(&STATE);
        }
        let shown = host.sh("ip -brief address show dev gw6");
        assert!(!shown.contains("10.82.6.1") && shown.contains("fd82:6::1/64"), "{shown}");
        ["10.82.6.11", "fd82:6::11", "fd82:6::1"].into_iter().for_each(|to| host.reaches("a", ip(to)));
        assert!(!host.answers("a", ip("10.82.6.1")), "nobody has the gateway's address");
        let way = host.sh("ip -n a route show default");
        assert!(way.starts_with("default via 10.82.6.1 ") && way.lines().count() == 1, "{way}");
        assert_eq!(host.source_outside("a", OUTSIDE[1]), Some(HOST[1]));
    }
}

#[test]
fn where_there_are_no_settings_of_ipv6_sandboxes_work_by_ipv4_and_a_network_of_ipv6_is_refused() {
    let Some(mut host) = Networks::without_daemon() else { return };
    // What `ipv6.disable=1` leaves of them, as far as the daemon's own namespace shows it.
    host.script("mount -t tmpfs none /proc/sys/net/ipv6");
    host.start_daemon(&STATE);
    let said = host.refused("network create six --subnet 10.82.7.0/24 --ipv6 --subnet fd82:7::/64");
    assert!(said.contains("this kernel has no IPv6"), "{said}");
    host.says("network create four --subnet 10.82.7.0/24");
    host.says("sandbox create a --network four");
    host.says("sandbox create b --network four:ip=10.82.7.10");
    host.reaches("a", ip("10.82.7.10"));
    host.reaches("a", ip("10.82.7.1"));
    assert_eq!(host.source_outside("a", OUTSIDE[0]), Some(HOST[0]));
    host.says("sandbox delete a");
    host.says("sandbox delete b");
    host.says("network rm four");
}
