//! Networks keep to themselves: nothing of one is seen in another, whatever is sent and whatever the host forwards, and a sandbox
//! on several relays nothing between them. Each test's host is a house of its own; what would cross is looked for in every sandbox.
//!
//! Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;

use networks::crafted::{BROADCAST, frame, solicitation};
use networks::{HOST, Networks, OUTSIDE, SILENCE, Seat, WORLD, Wire, holds, mac_text};
use std::collections::BTreeSet;

/// The networks of the matrix. The last two have no guards at their endpoints: what holds there, the gateways' ports hold.
const ALL: [u8; 4] = [1, 2, 3, 4];
/// The source port of every datagram here; its destination port is by its sender's network. Nobody else uses them.
const SPORT: u16 = 0x4c4c;
const DPORT: u16 = 0x5700;

/// The two sandboxes of a network.
fn pair(network: u8) -> [(String, Seat); 2] {
    [('a', 10), ('b', 11)].map(|(letter, number)| (format!("{letter}{network}"), Seat::new(network, number)))
}

/// Frames from one seat to another by every way there is, with the way's name.
fn tries(from: Seat, to: Seat, gateway: [u8; 6]) -> Vec<(&'static str, Vec<u8>)> {
    let (smac, to_mac, gateway) = (from.mac_text(), to.mac_text(), mac_text(gateway));
    let udp = |dmac: &str, src: String, dst: String| {
        let dport = DPORT + u16::from(from.network);
        frame(&format!("udp smac={smac} dmac={dmac} src={src} dst={dst} sport={SPORT} dport={dport} len=32"))
    };
    let (v4, v6) = (|| from.v4().to_string(), || from.v6().to_string());
    let (to_v4, to_v6) = (|| to.v4().to_string(), || to.v6().to_string());
    let eth = |dmac: &str| frame(&format!("eth smac={smac} dmac={dmac} type=0x88b5 len=64"));
    vec![
        ("unicast", eth(&to_mac)),
        ("unicast IPv4", udp(&to_mac, v4(), to_v4())),
        ("unicast IPv6", udp(&to_mac, v6(), to_v6())),
        ("broadcast", eth(BROADCAST)),
        ("broadcast IPv4", udp(BROADCAST, v4(), "255.255.255.255".to_owned())),
        ("multicast IPv4", udp("01:00:5e:00:00:fb", v4(), "224.0.0.251".to_owned())),
        ("multicast IPv6", udp("33:33:00:00:00:fb", v6(), "ff02::fb".to_owned())),
        ("ARP", frame(&format!("arp smac={smac} src={} dst={}", from.v4(), to.v4()))),
        ("ND", solicitation(from, to)),
        ("routed IPv4", udp(&gateway, v4(), to_v4())),
        ("routed IPv6", udp(&gateway, v6(), to_v6())),
        ("routed IPv4 of a source that nobody has", udp(&gateway, "10.99.9.9".to_owned(), to_v4())),
        ("routed IPv6 of a source that nobody has", udp(&gateway, "2001:db8::9".to_owned(), to_v6())),
    ]
}

/// The ways on which the sender's own network carries frames to everybody who is to have them.
fn carried(way: &str) -> bool {
    !way.starts_with("routed")
}

/// Whether a frame was a sandbox's or holds something of it, also if its source was rewritten on the way.
fn is_of(frame: &[u8], seat: Seat) -> bool {
    let ports = [SPORT.to_be_bytes(), (DPORT + u16::from(seat.network)).to_be_bytes()].concat();
    let (v4, v6) = (seat.v4().octets(), seat.v6().octets());
    [&seat.mac()[..], &v4, &v6, &ports].iter().any(|bytes| holds(frame, bytes))
}

/// Sends everything from everybody to everybody. Answers the frames that were seen in another network than their sender's.
fn cross(host: &Networks, wires: &mut [(Seat, Wire)]) -> Vec<(Seat, Vec<u8>)> {
    for from in ALL {
        let gateway = host.mac_of(&format!("gw{from}"));
        let (sender, neighbour) = (Seat::new(from, 10), Seat::new(from, 11));
        let (inside, _): (Vec<_>, Vec<_>) = tries(sender, neighbour, gateway).into_iter().partition(|(way, _)| carried(way));
        let others = ALL.iter().filter(|to| **to != from).flat_map(|to| [10, 11].map(|number| Seat::new(*to, number)));
        let outward: Vec<_> = others.flat_map(|to| tries(sender, to, gateway)).collect();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let [mine, next] = wires.get_disjoint_mut([at(sender), at(neighbour)]).expect("two wires");
        next.1.frames();
        outward.iter().chain(&inside).for_each(|(_, frame)| mine.1.send(frame));
        host.wait_for("every frame within the network", || {
            let frames = next.1.frames();
            seen.extend(inside.iter().filter(|(_, sent)| frames.contains(sent)).map(|(way, _)| *way));
            seen.len() == inside.len()
        });
    }
    std::thread::sleep(SILENCE);
    let mut crossed = Vec::new();
    for (seat, wire) in wires {
        let strange = |frame: &Vec<u8>| {
            let others = ALL.iter().filter(|other| **other != seat.network);
            others.flat_map(|other| [10, 11].map(|number| Seat::new(*other, number))).any(|other| is_of(frame, other))
        };
        crossed.extend(wire.frames().into_iter().filter(strange).map(|frame| (*seat, frame)));
    }
    crossed
}

/// Where a seat's wire is among the wires.
fn at(seat: Seat) -> usize {
    usize::from((seat.network - 1) * 2 + seat.number - 10)
}

/// The kernels' own packets: all pairs talk within, and neither a sandbox nor a gateway of the next network answers.
fn talk(host: &Networks) {
    for number in ALL {
        let ([a, b], next) = (pair(number), number % 4 + 1);
        for (from, to) in [(&a, &b), (&b, &a)] {
            to.1.addresses().into_iter().for_each(|address| host.reaches(&from.0, address));
        }
        Seat::gateway(number).addresses().into_iter().for_each(|address| host.reaches(&a.0, address));
        for seat in [Seat::new(next, 11), Seat::gateway(next)] {
            for address in seat.addresses() {
                assert!(!host.answers(&a.0, address), "{} answered {}", address, a.0);
            }
        }
    }
}

#[test]
fn nothing_of_a_network_is_seen_in_another_whoever_forwards_and_whatever_becomes_of_the_firewall() {
    let Some(host) = Networks::new() else { return };
    let mut wires = Vec::new();
    for number in ALL {
        host.network(number, if number > 2 { "-o lanloom.guard=off" } else { "" });
        for (name, seat) in pair(number) {
            host.sandbox(&name, &[seat], if number % 2 == 0 { "--endpoint veth" } else { "" });
            wires.push((seat, host.wire(&name, "eth0")));
        }
    }
    assert!(host.sh("nft list ruleset").contains("lanloom"), "with the firewall first");
    for flushed in [false, true] {
        let _flushing = flushed.then(|| host.flushing());
        host.script("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        talk(&host);
        for number in ALL {
            let (name, seat) = pair(number)[0].clone();
            for (to, (own, hosts)) in OUTSIDE.into_iter().zip(seat.addresses().into_iter().zip(HOST)) {
                let source = host.source_outside(&name, to);
                let forwards = source == Some(hosts) || flushed && source == Some(own);
                assert!(forwards, "the host forwards; flushed: {flushed}; seen: {source:?}");
            }
        }
        let crossed = cross(&host, &mut wires);
        assert_eq!(crossed, [], "flushed: {flushed}");
    }
    for number in [1, 2] {
        assert!(
            host.dropped(&format!("n{number}"), &format!("a{number}"), "isolated") > 0,
            "dropped by the switch, and counted"
        );
    }
}

/// Networks 1, 2 and 3, each with a sandbox of its own, and the sandbox `three` on all of them, as `eth0`, `eth1` and `eth2`, which
/// forwards. Each sandbox knows a way to the next network through it.
fn three(host: &Networks, of_senders: &str, of_three: &str) -> [Seat; 3] {
    let seats = [1, 2, 3].map(|number| Seat::new(number, 30));
    host.sandbox("three", &[], "--sysctl net.ipv4.ip_forward=1 --sysctl net.ipv6.conf.all.forwarding=1");
    for through in seats {
        let (number, next) = (through.network, through.network % 3 + 1);
        let [(name, seat), _] = pair(number);
        host.network(number, "");
        host.sandbox(&name, &[], "");
        host.connect(&name, seat, of_senders);
        host.connect("three", through, of_three);
        host.sh(&format!("ip -n {name} route add 10.81.{next}.0/24 via {}", through.v4()));
        host.sh(&format!("ip -n {name} -6 route add fd81:{next}::/64 via {}", through.v6()));
    }
    seats
}

/// Whether packets of a sandbox's, IPv4 and IPv6, come to that of the next network by way of `three`.
fn relays(host: &Networks, from: u8) -> [bool; 2] {
    let [(name, seat), _] = pair(from);
    let [(next_name, next), _] = pair(from % 3 + 1);
    let mut wire = host.wire(&next_name, "eth0");
    for address in next.addresses() {
        assert!(!host.answers(&name, address), "there is no way back");
    }
    let frames = wire.frames();
    [seat.v4().octets().to_vec(), seat.v6().octets().to_vec()].map(|own| frames.iter().any(|frame| holds(frame, &own)))
}

#[test]
fn a_sandbox_on_three_networks_reaches_all_and_relays_nothing_between_them() {
    let Some(host) = Networks::new() else { return };
    let seats = three(&host, "", "");
    for (seat, ifname) in seats.into_iter().zip(["eth0", "eth1", "eth2"]) {
        let [(name, other), _] = pair(seat.network);
        other.addresses().into_iter().for_each(|address| host.reaches("three", address));
        seat.addresses().into_iter().for_each(|address| host.reaches(&name, address));
        let has = host.sh(&format!("ip -n three -brief address show dev {ifname}"));
        assert!(seat.addresses().iter().all(|address| has.contains(&address.to_string())), "{has}");
    }
    for number in [1, 2, 3] {
        assert_eq!(relays(&host, number), [false, false], "from network {number}");
        host.wait_for("a count of it where it came in", || {
            host.dropped(&format!("n{number}"), &format!("a{number}"), "isolated") > 0
        });
    }
}

#[test]
fn what_a_sandbox_on_three_networks_would_relay_its_own_ports_drop_unless_their_guards_are_off() {
    for off in [false, true] {
        let Some(host) = Networks::new() else { return };
        let guard = "--driver-opt lanloom.guard=off";
        three(&host, guard, if off { guard } else { "" });
        for number in [1, 2, 3] {
            if off {
                host.wait_for("what a router is to relay", || relays(&host, number) == [true, true]);
            } else {
                assert_eq!(relays(&host, number), [false, false], "from network {number}");
                host.wait_for("a count of it where it came out", || {
                    host.dropped(&format!("n{}", number % 3 + 1), "three", "isolated") > 0
                });
            }
        }
    }
}

#[test]
fn an_internal_network_has_no_way_out_and_its_host_at_the_gateway_s_address_unless_that_is_isolated() {
    let Some(host) = Networks::new() else { return };
    let isolated = ["4", "6"].map(|family| format!("-o com.docker.network.bridge.gateway_mode_ipv{family}=isolated"));
    host.network(1, "--internal");
    host.network(2, &format!("--internal {}", isolated.join(" ")));
    host.network(3, "");
    for number in [1, 2, 3] {
        pair(number).iter().for_each(|(name, seat)| host.sandbox(name, &[*seat], ""));
        let [(name, _), (_, other)] = pair(number);
        other.addresses().into_iter().for_each(|address| host.reaches(&name, address));
    }
    for address in Seat::gateway(1).addresses() {
        host.reaches("a1", address);
    }
    for address in Seat::gateway(2).addresses() {
        assert!(!host.answers("a2", address), "{address} answered");
    }
    assert!(!host.interfaces().contains(&"gw2".to_owned()), "the host is not in it");
    for name in ["a1", "a2"] {
        let routes = [host.sh(&format!("ip -n {name} route")), host.sh(&format!("ip -n {name} -6 route"))].concat();
        assert!(!routes.contains("default"), "{name}: {routes}");
    }
    // Nor by a way that somebody inside makes, whoever says that the host forwards, with the firewall and without: the gateway's port
    // passes nothing that is not of the network.
    let mut world = host.wire(WORLD, "up1");
    for flushed in [true, false] {
        let _flushing = flushed.then(|| host.flushing());
        if !flushed {
            host.network(4, "");
            host.script("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        }
        for number in [1, 2] {
            let (name, gateway) = (format!("a{number}"), Seat::gateway(number));
            host.sh(&format!("ip -n {name} route replace default via {}", gateway.v4()));
            host.sh(&format!("ip -n {name} -6 route replace default via {}", gateway.v6()));
            let [v4, v6] = OUTSIDE.map(|address| host.escapes(&name, address));
            assert_eq!((v4, v6), (None, None), "{name} came out; flushed: {flushed}");
        }
        OUTSIDE.into_iter().for_each(|address| assert_ne!(host.source_outside("a3", address), None, "a3 comes out"));
        let of_internal = |frame: &&Vec<u8>| [1, 2].iter().flat_map(|one| pair(*one)).any(|(_, seat)| is_of(frame, seat));
        assert_eq!(world.frames().iter().find(of_internal), None, "flushed: {flushed}");
    }
}

#[test]
fn endpoints_that_may_not_talk_to_each_other_reach_the_gateway_and_the_world_all_the_same() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "-o com.docker.network.bridge.enable_icc=false");
    let ends = pair(1);
    ends.iter().for_each(|(name, seat)| host.sandbox(name, &[*seat], ""));
    let mut wires = ends.each_ref().map(|(name, seat)| (*seat, host.wire(name, "eth0")));
    let gateway = host.mac_of("gw1");
    for flushed in [false, true] {
        let _flushing = flushed.then(|| host.flushing());
        for ((name, seat), (_, other)) in [(&ends[0], &ends[1]), (&ends[1], &ends[0])] {
            Seat::gateway(1).addresses().into_iter().for_each(|address| host.reaches(name, address));
            for (to, (own, hosts)) in OUTSIDE.into_iter().zip(seat.addresses().into_iter().zip(HOST)) {
                let source = host.source_outside(name, to);
                assert!(source == Some(hosts) || flushed && source == Some(own), "{source:?}");
            }
            let own = usize::from(seat.number - 10);
            tries(*seat, *other, gateway).iter().for_each(|(_, frame)| wires[own].1.send(frame));
            for address in other.addresses() {
                assert!(!host.answers(name, address), "{address} answered {name}");
            }
        }
        for ((seat, wire), (_, other)) in wires.iter_mut().zip([&ends[1], &ends[0]]) {
            let from_other = wire.frames().into_iter().find(|frame| is_from(frame, *other));
            assert_eq!(from_other, None, "seen by {seat:?}; flushed: {flushed}");
        }
    }
}

/// Whether a frame was another's of the network, by the switch or by way of the host, which has other hardware addresses, also if it
/// had a source that nobody has.
fn is_from(frame: &[u8], other: Seat) -> bool {
    let ports = [SPORT.to_be_bytes(), (DPORT + u16::from(other.network)).to_be_bytes()].concat();
    let (v4, v6) = (other.v4().octets().to_vec(), other.v6().octets().to_vec());
    let says = [(6..12, other.mac().to_vec()), (26..30, v4), (22..38, v6), (34..38, ports.clone()), (54..58, ports)];
    says.into_iter().any(|(place, bytes)| frame.get(place) == Some(&bytes[..]))
}
