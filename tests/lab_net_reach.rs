//! Who gets in: what the host's neighbours, and networks of another daemon on the same host, reach of a network by route. Each
//! test's host is a house of its own, with a namespace outside that knows ways to the networks.
//!
//! Needs root, `ip` (iproute2), `ping` (iputils) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;
#[path = "lab/second.rs"]
mod second;

use networks::{HOST, Networks, OUTSIDE, Seat, WORLD, Wire, holds, house};
use second::Second;
use std::net::{IpAddr, UdpSocket};

/// What a datagram of these tests says, and nothing else does.
const KNOCK: &[u8] = b"who is there within?";
/// Where it goes.
const PORT: u16 = 4242;

/// The gateway modes of networks 1, 2 and 3, and whether others get in.
const MODES: [(&str, bool); 3] = [("nat", false), ("nat-unprotected", true), ("routed", true)];

fn mode(mode: &str) -> String {
    ["4", "6"].map(|family| format!("-o com.docker.network.bridge.gateway_mode_ipv{family}={mode}")).join(" ")
}

/// A datagram of one namespace's to an address.
fn knock(host: &Networks, from: &str, to: IpAddr) {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = host.inside(from, || UdpSocket::bind(any)).expect("a socket");
    socket.send_to(KNOCK, (to, PORT)).expect("sent");
}

/// Which of a seat's addresses a namespace reaches by route, whose way leads through `first`. What it sends has come or will not
/// once the host's own packet has, which was sent after it.
fn gets_in(host: &Networks, from: &str, first: [IpAddr; 2], to: Seat, wire: &mut Wire) -> [bool; 2] {
    let (mut first, ping) = (first.into_iter(), |netns: &str, to: IpAddr| {
        host.sh(&format!("{netns}ping -n -c 1 -w 20 {to}"));
    });
    to.addresses().map(|to| {
        let first = first.next().expect("one of each family");
        let netns = format!("nsenter --net=/run/netns/{from} ");
        ping(&netns, first);
        wire.frames();
        knock(host, from, to);
        ping(&netns, first);
        ping("", to);
        let seen = wire.frames();
        assert!(!seen.is_empty(), "the host's own came");
        seen.iter().any(|frame| holds(frame, KNOCK))
    })
}

#[test]
fn a_host_s_neighbour_reaches_sandboxes_by_route_where_the_gateway_mode_lets_it_and_gets_answers_everywhere() {
    let Some(host) = Networks::new() else { return };
    for (number, (name, is_open)) in (1..).zip(MODES) {
        let (sandbox, seat) = (format!("a{number}"), Seat::new(number, 10));
        host.network(number, &mode(name));
        host.sandbox(&sandbox, &[seat], "");
        host.sh(&format!("ip -n {WORLD} route add 10.81.{number}.0/24 via {}", HOST[0]));
        host.sh(&format!("ip -n {WORLD} -6 route add fd81:{number}::/64 via {}", HOST[1]));
        let mut wire = host.wire(&sandbox, "eth0");
        assert_eq!(gets_in(&host, WORLD, HOST, seat, &mut wire), [is_open; 2], "{name}");
        OUTSIDE.into_iter().for_each(|to| host.reaches(&sandbox, to));
    }
}

#[test]
fn networks_of_two_daemons_on_one_host_are_as_far_from_each_other_as_from_the_world() {
    let Some(host) = Networks::new() else { return };
    let second = Second::start(&host);
    let seat = Seat::new(9, 10);
    let name = "-o com.docker.network.bridge.name=gw9";
    for command in [
        format!("network create n9 --subnet 10.81.9.0/24 --ipv6 --subnet fd81:9::/64 {name}"),
        format!("sandbox create x --network n9:ip={},ip6={}", seat.v4(), seat.v6()),
    ] {
        assert!(second.lanloom(&host, &command), "{command}");
    }
    let other = format!("{}/x", Second::folder(&host));
    let mut wire = host.wire(&other, "eth0");
    for (number, (name, is_open)) in (1..).zip(MODES) {
        let (sandbox, mine) = (format!("a{number}"), Seat::new(number, 10));
        host.network(number, &mode(name));
        host.sandbox(&sandbox, &[mine], "");
        let mut own = host.wire(&sandbox, "eth0");
        assert_eq!(gets_in(&host, &other, Seat::gateway(9).addresses(), mine, &mut own), [is_open; 2], "{name}");
        assert_eq!(gets_in(&host, &sandbox, Seat::gateway(number).addresses(), seat, &mut wire), [false; 2], "from {name}");
        // It was the other one that had the host forward.
        OUTSIDE.into_iter().for_each(|to| assert!(host.source_outside(&sandbox, to).is_some(), "{name}"));
    }
}
