//! The way out of the host: whose address the world sees, what is done about others' firewalls, and what is left where there is none.
//! Each test's host is a house of its own, with a namespace outside.
//!
//! Needs root, `ip` (iproute2), `nft` (nftables) and `iptables`.

#[path = "lab/networks.rs"]
mod networks;

use networks::crafted::frame;
use networks::house::has;
use networks::{HOST, Networks, OUTSIDE, STATE, Seat, WORLD, holds, mac_text};
use std::net::IpAddr;

/// Options of both families, `FAMILY` in them standing for 4 and 6.
fn both(option: &str) -> String {
    ["4", "6"].map(|family| option.replace("FAMILY", family)).join(" ")
}

/// The network `number` with a sandbox `a{number}`.
fn sandbox_on(host: &Networks, number: u8, options: &str) -> (String, Seat) {
    let (name, seat) = (format!("a{number}"), Seat::new(number, 10));
    host.network(number, options);
    host.sandbox(&name, &[seat], "");
    (name, seat)
}

/// Which sources the world sees of a sandbox's packets, IPv4 and IPv6.
fn sources(host: &Networks, name: &str) -> [Option<IpAddr>; 2] {
    OUTSIDE.map(|to| host.source_outside(name, to))
}

#[test]
fn the_world_sees_the_host_s_address_another_of_its_addresses_or_the_sandbox_s_own_as_was_asked_for() {
    let Some(host) = Networks::new() else { return };
    host.script("ip address add 192.0.2.7/24 dev up0; ip address add 2001:db8::7/64 dev up0 nodad preferred_lft 0");
    let chosen: [IpAddr; 2] = [[192, 0, 2, 7].into(), "2001:db8::7".parse().expect("an address")];
    let snat = format!("-o com.docker.network.host_ipv4={} -o com.docker.network.host_ipv6={}", chosen[0], chosen[1]);
    let routed = both("-o com.docker.network.bridge.gateway_mode_ipvFAMILY=routed");
    let unprotected = both("-o com.docker.network.bridge.gateway_mode_ipvFAMILY=nat-unprotected");
    let own = |number| Seat::new(number, 10).addresses();
    for (number, options, expected) in [
        (1, "", HOST),
        (2, "-o com.docker.network.bridge.enable_ip_masquerade=false", own(2)),
        (3, snat.as_str(), chosen),
        (4, routed.as_str(), own(4)),
        (5, unprotected.as_str(), HOST),
    ] {
        let (name, _) = sandbox_on(&host, number, options);
        assert_eq!(sources(&host, &name), expected.map(Some), "{options}");
        // The world answers the host, and those that it knows a way to.
        if expected == own(number) {
            assert!(!host.answers(&name, OUTSIDE[0]), "nobody outside knows {name}");
            host.sh(&format!("ip -n {WORLD} route add 10.81.{number}.0/24 via {}", HOST[0]));
            host.sh(&format!("ip -n {WORLD} -6 route add fd81:{number}::/64 via {}", HOST[1]));
        }
        OUTSIDE.into_iter().for_each(|to| host.reaches(&name, to));
    }
    for number in 1..=5 {
        host.says(&format!("sandbox delete a{number}"));
        host.says(&format!("network rm n{number}"));
    }
    assert!(!host.sh("nft list ruleset").contains("gw"), "nothing of them is left");
}

#[test]
fn without_nft_networks_and_names_work_and_what_does_not_says_which_package_brings_it() {
    let Some(mut host) = Networks::without_daemon() else { return };
    host.script(
        "for dir in /usr/local/sbin /usr/sbin /sbin /usr/bin; do test ! -e $dir/nft || mount --bind /dev/null $dir/nft; done",
    );
    host.start_daemon(&STATE);
    let output = host
        .lanloom("network create n1 --subnet 10.81.1.0/24 --ipv6 --subnet fd81:1::/64 -o com.docker.network.bridge.name=gw1");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("the package nftables"), "{said}");
    host.network(2, "");
    let [a, b, c] = [Seat::new(1, 10), Seat::new(1, 11), Seat::new(2, 10)];
    for (name, seat) in [("a", a), ("b", b), ("c", c)] {
        host.sandbox(name, &[seat], "");
    }
    b.addresses().into_iter().chain(Seat::gateway(1).addresses()).for_each(|to| host.reaches("a", to));
    let answer = host.sh("ip netns exec a getent hosts b");
    assert!(b.addresses().iter().any(|address| answer.contains(&address.to_string())), "{answer}");
    let notes = host.json("network inspect n1")[0]["Lanloom"]["notes"].to_string();
    assert!(notes.contains("the package nftables"), "{notes}");
    assert_eq!(OUTSIDE.map(|to| host.escapes("a", to)), [None, None]);
    for family in ["ipv4", "ipv6"] {
        for number in [1, 2] {
            let setting = host.sh(&format!("cat /proc/sys/net/{family}/conf/gw{number}/forwarding"));
            assert_eq!(setting, "0\n", "{family} of gw{number}");
        }
    }
    c.addresses().into_iter().for_each(|to| assert!(!host.answers("a", to), "{to} answered"));
    // Somebody else has the host forward: networks stay apart.
    host.script("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
    c.addresses().into_iter().for_each(|to| assert!(!host.answers("a", to), "{to} answered"));
}

#[test]
fn what_has_a_source_that_its_network_has_not_stays_in_the_host_unless_the_guard_is_off() {
    let Some(host) = Networks::new() else { return };
    let mut world = host.wire(WORLD, "up1");
    let routed = both("-o com.docker.network.bridge.gateway_mode_ipvFAMILY=routed");
    for (number, options, leaves) in [(1, "", false), (2, routed.as_str(), false), (3, "-o lanloom.guard=off", true)] {
        let (name, seat) = sandbox_on(&host, number, options);
        let (smac, dmac) = (seat.mac_text(), mac_text(host.mac_of(&format!("gw{number}"))));
        let mut wire = host.wire(&name, "eth0");
        for (to, source) in OUTSIDE.into_iter().zip([format!("10.99.0.{number}"), format!("fd99::{number}")]) {
            world.frames();
            let words = format!("udp smac={smac} dmac={dmac} src={source} dst={to} sport=1024 dport=4242 len=32");
            wire.send(&frame(&words));
            // What comes after it has come out, with whatever source.
            host.source_outside(&name, to).expect("the sandbox's own packets leave");
            let octets = match source.parse().expect("an address") {
                IpAddr::V4(source) => source.octets().to_vec(),
                IpAddr::V6(source) => source.octets().to_vec(),
            };
            assert_eq!(world.frames().iter().any(|frame| holds(frame, &octets)), leaves, "{source}, {options}");
        }
    }
}

/// What others' firewalls hold, without counters and without our own tables.
fn others(host: &Networks) -> String {
    let rules = host.script("iptables -S; iptables -t nat -S; ip6tables -S; ip6tables -t nat -S; nft -s list ruleset");
    let mut kept = true;
    let of_others = |line: &&str| {
        if line.starts_with("table ") {
            kept = !line.contains("lanloom");
        }
        kept
    };
    rules.lines().filter(of_others).collect::<Vec<_>>().join("\n")
}

/// In a host with that firewall, a network has a way out through `place`, shows it, and leaves all as it was.
fn passes(setup: &str, place: &str) {
    if !has("iptables") {
        return;
    }
    let Some(mut host) = Networks::without_daemon() else { return };
    host.script(&["iptables", "ip6tables"].map(|program| setup.replace("IPTABLES", program)).join("\n"));
    let before = others(&host);
    host.start_daemon(&STATE);
    let (name, _) = sandbox_on(&host, 1, "");
    assert_eq!(sources(&host, &name), HOST.map(Some));
    OUTSIDE.into_iter().for_each(|to| host.reaches(&name, to));
    let notes = host.json("network inspect n1")[0]["Lanloom"]["notes"].to_string();
    for (program, family) in [("iptables", "ip"), ("ip6tables", "ip6")] {
        assert!(notes.contains(&format!("chain {place} of table {family} filter")), "{notes}");
        let rules = host.sh(&format!("{program} -S {place}"));
        assert!(rules.contains("-i gw1 ") && rules.contains("-o gw1 "), "{rules}");
    }
    host.says(&format!("sandbox delete {name}"));
    host.says("network rm n1");
    assert_eq!(others(&host), before);
}

#[test]
fn beside_docker_what_is_forwarded_is_accepted_in_its_chain_for_that_shown_and_taken_away_again() {
    passes(
        "IPTABLES -P FORWARD DROP
         IPTABLES -N DOCKER-USER; IPTABLES -N DOCKER-ISOLATION-STAGE-1
         IPTABLES -A FORWARD -j DOCKER-USER; IPTABLES -A FORWARD -j DOCKER-ISOLATION-STAGE-1
         IPTABLES -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
         IPTABLES -A DOCKER-USER -j RETURN; IPTABLES -A DOCKER-ISOLATION-STAGE-1 -j RETURN
         IPTABLES -t nat -A POSTROUTING -o docker9 -j MASQUERADE",
        "DOCKER-USER",
    );
}

#[test]
fn beside_ufw_what_is_forwarded_is_accepted_first_shown_and_taken_away_again() {
    passes(
        "IPTABLES -P INPUT DROP; IPTABLES -P FORWARD DROP
         IPTABLES -N ufw-before-forward; IPTABLES -N ufw-after-forward; IPTABLES -N ufw-reject-forward
         IPTABLES -A INPUT -j ACCEPT
         IPTABLES -A FORWARD -j ufw-before-forward; IPTABLES -A FORWARD -j ufw-after-forward
         IPTABLES -A FORWARD -j ufw-reject-forward
         IPTABLES -A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "FORWARD",
    );
}

#[test]
fn a_table_that_lets_nobody_forward_is_named_by_the_refusal_and_internal_networks_work_beside_it() {
    let Some(mut host) = Networks::without_daemon() else { return };
    host.script(
        "nft add table inet firewalld
         nft 'add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; policy accept; }'
         nft 'add rule inet firewalld filter_FORWARD ct state { established, related } accept'
         nft 'add rule inet firewalld filter_FORWARD reject with icmpx type admin-prohibited'",
    );
    let before = host.sh("nft -s list table inet firewalld");
    host.start_daemon(&STATE);
    let networks = host.json("network ls");
    let said = host.refused("network create n1 --subnet 10.81.1.0/24 -o com.docker.network.bridge.name=gw1");
    assert!(said.contains("table inet firewalld"), "{said}");
    assert_eq!(host.json("network ls"), networks, "a refused command leaves no trace");
    assert!(!host.interfaces().contains(&"gw1".to_owned()), "{:?}", host.interfaces());
    let (name, _) = sandbox_on(&host, 1, "--internal");
    host.sandbox("b", &[Seat::new(1, 11)], "");
    let beside = Seat::new(1, 11).addresses().into_iter().chain(Seat::gateway(1).addresses());
    beside.for_each(|to| host.reaches(&name, to));
    assert_eq!(host.sh("nft -s list table inet firewalld"), before);
}

#[test]
fn a_network_more_is_one_run_of_nft_unless_somebody_else_changed_something_meanwhile() {
    let Some(mut host) = Networks::without_daemon() else { return };
    let (runs, real) = (host.path("runs"), host.path("nft"));
    host.script(&format!(
        "where=$(command -v nft); cp $where {real}
         printf '#!/bin/sh\\necho >> {runs}\\nexec {real} \"$@\"\\n' > {real}.counted; chmod +x {real}.counted
         mount --bind {real}.counted $where",
        real = real.display(),
        runs = runs.display(),
    ));
    host.start_daemon(&STATE);
    let count = || std::fs::read_to_string(&runs).unwrap_or_default().lines().count();
    let runs_of = |work: &dyn Fn()| {
        let before = count();
        work();
        count() - before
    };
    host.network(1, "");
    assert!(count() > 0, "they are counted");
    for number in [2, 3] {
        assert_eq!(runs_of(&|| host.network(number, "")), 1, "network {number}");
    }
    let beside_other = runs_of(&|| {
        host.sh("nft add table ip other");
        host.network(4, "");
    });
    assert!(beside_other > 2, "what else there is now is looked at: {beside_other}");
    assert_eq!(runs_of(&|| host.network(5, "")), 1, "and that is remembered");
}
