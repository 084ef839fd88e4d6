//! How long and how much is known, by whom, and what is set by hand.

use super::*;
use lanloom_switch_core::neighbour::NEIGHBOURS_MAX;
use lanloom_switch_core::{FdbLimits, NeighbourEntry, NeighbourError};
use std::net::IpAddr;
use std::time::Duration;

#[test]
fn what_was_heard_holds_as_long_as_the_filtering_database_knows_its_host_behind_the_tunnel() {
    let mut bench = taught();
    assert!(answers(&mut bench));
    bench.switch.flush_fdb(Some(bench.ports[TUNNEL]));
    assert!(!answers(&mut bench));
    bench.frame(TUNNEL, B, A);
    assert!(answers(&mut bench), "it is there again");
    bench.switch.set_link(bench.ports[TUNNEL], false).expect("there");
    bench.switch.set_link(bench.ports[TUNNEL], true).expect("there");
    assert!(!answers(&mut bench));
}

#[test]
fn what_was_heard_is_forgotten_after_the_ageing_time_whatever_else_its_host_sends() {
    let mut bench = taught();
    for _ in 0..3 {
        bench.wait(Duration::from_secs(100));
        bench.frame(TUNNEL, B, A);
    }
    assert!(answers(&mut bench), "300 s");
    bench.wait(Duration::from_secs(1));
    assert!(!answers(&mut bench));
    assert_eq!(bench.switch.neighbours(bench.now), []);
}

#[test]
fn a_tunnel_that_no_longer_suppresses_has_taught_nothing() {
    let mut bench = taught();
    bench.set(TUNNEL, |port| port.suppress = false);
    bench.set(TUNNEL, |port| port.suppress = true);
    assert!(!answers(&mut bench));
    bench.switch.delete_port(bench.ports[TUNNEL]).expect("there");
    assert!(!answers(&mut bench));
}

#[test]
fn an_address_set_by_hand_is_answered_for_unless_its_host_is_known_elsewhere() {
    let mut bench = bench();
    [four(B).into(), six(B).into()]
        .into_iter()
        .for_each(|address: IpAddr| bench.switch.set_neighbour(address, B).expect("room"));
    assert!(answers(&mut bench), "where its host is, nobody knows");
    bench.frame(TUNNEL, B, A);
    assert!(answers(&mut bench), "behind the tunnel");
    bench.frame(HERE, B, A);
    assert!(!answers(&mut bench), "here");
    bench.frame(TUNNEL, B, A);
    assert_eq!((bench.switch.delete_neighbour(four(B).into()), bench.switch.delete_neighbour(six(B).into())), (Ok(B), Ok(B)));
    assert!(!answers(&mut bench));
    assert_eq!(bench.switch.delete_neighbour(four(B).into()), Err(NeighbourError::NoSuchEntry));
}

#[test]
fn only_a_hosts_address_can_be_set_and_only_so_many() {
    let mut bench = bench();
    for (address, mac) in [("224.0.0.1", B), ("0.0.0.0", B), ("255.255.255.255", B), ("::", B), ("ff02::1", B)] {
        let address = address.parse().expect("an address");
        assert_eq!(bench.switch.set_neighbour(address, mac), Err(NeighbourError::NotIndividual), "{address}");
    }
    assert_eq!(bench.switch.set_neighbour(four(B).into(), MacAddr::BROADCAST), Err(NeighbourError::NotIndividual));
    assert_eq!(bench.switch.set_neighbour(four(B).into(), MacAddr::ZERO), Err(NeighbourError::NotIndividual));
    let nth = |number: usize| IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 + number as u32));
    (0..NEIGHBOURS_MAX).for_each(|number| bench.switch.set_neighbour(nth(number), B).expect("room"));
    assert_eq!(bench.switch.set_neighbour(nth(NEIGHBOURS_MAX), B), Err(NeighbourError::Full));
    assert_eq!(bench.switch.set_neighbour(nth(0), C), Ok(()), "another word on one that is set");
}

#[test]
fn neighbours_are_shown_in_order_with_where_they_are_from() {
    let mut bench = taught();
    bench.wait(Duration::from_secs(5));
    bench.switch.set_neighbour("10.0.0.1".parse().expect("an address"), C).expect("room");
    let entry = |address: &str, mac, port, age_secs| NeighbourEntry {
        address: address.parse().expect("an address"),
        mac,
        port,
        age_secs,
    };
    let tunnel = Some(bench.ports[TUNNEL]);
    let expected = [entry("10.0.0.1", C, None, 0), entry("10.0.0.11", B, tunnel, 5), entry("fd00::b", B, tunnel, 5)];
    assert_eq!(bench.switch.neighbours(bench.now), expected);
}

/// A switch with two tunnels of a segment each, and a port of each segment.
fn two_tunnels(entries: u32) -> Bench {
    let mut bench = Bench::with(4, FdbLimits { entries, ageing_secs: 300 });
    [(2, 0), (3, 1)].into_iter().for_each(|(at, segment)| {
        bench.set(at, |port| (port.tunnel, port.suppress, port.segment, port.storm) = (true, true, segment, None));
    });
    bench.set(1, |port| port.segment = 1);
    bench
}

fn announces(bench: &mut Bench, tunnel: usize, mac: MacAddr, address: Ipv4Addr) {
    bench.bytes(tunnel, &wire::ether(mac, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, mac, address, address)));
}

#[test]
fn only_what_the_tunnel_taught_that_would_be_asked_is_answered() {
    let mut bench = two_tunnels(65_536);
    announces(&mut bench, 2, B, four(B));
    assert!(handed(&mut bench, 0, &asks_four(A, four(B))).1.is_some());
    assert!(handed(&mut bench, 1, &asks_four(C, four(B))).1.is_none());
}

#[test]
fn a_tunnel_that_teaches_without_end_takes_its_own_places_alone() {
    let mut bench = two_tunnels(65_536);
    let nth = |number: u32| Ipv4Addr::from_bits(0x0b00_0000 + number);
    (0..100).for_each(|number| announces(&mut bench, 3, B, nth(number)));
    let many = NEIGHBOURS_MAX as u32 + 1000;
    (0..many).for_each(|number| announces(&mut bench, 2, C, nth(1_000_000 + number)));
    assert!((0..100).all(|number| handed(&mut bench, 1, &asks_four(A, nth(number))).1.is_some()));
    let known = bench.switch.neighbours(bench.now);
    assert_eq!(known.iter().filter(|entry| entry.port == Some(bench.ports[2])).count(), NEIGHBOURS_MAX);
    let knows = |bench: &mut Bench, number| handed(bench, 0, &asks_four(A, nth(1_000_000 + number))).1.is_some();
    assert_eq!([0, 999, 1000, many - 1].map(|number| knows(&mut bench, number)), [false, false, true, true], "the oldest went");
}

#[test]
fn a_tunnel_teaches_no_more_addresses_than_the_filtering_database_holds() {
    let mut bench = two_tunnels(8);
    (0..20).for_each(|number| announces(&mut bench, 2, B, Ipv4Addr::new(10, 9, 9, number + 1)));
    assert_eq!(bench.switch.neighbours(bench.now).len(), 8);
}
