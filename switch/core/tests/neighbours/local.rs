//! Addresses that are here: nobody answers for them, and no tunnel is asked.

use super::*;
use lanloom_switch_core::{DropReason, Fate, Guard};
use std::sync::Arc;

fn guarded() -> Bench {
    let mut bench = taught();
    let addresses = vec![four(A).into(), six(A).into()];
    bench
        .switch
        .set_guard(bench.ports[HERE], Some(Arc::new(Guard { mac: Some(A), addresses, ..Guard::default() })))
        .expect("there");
    bench
}

#[test]
fn a_question_for_an_address_of_a_port_here_goes_to_every_port_but_tunnels_that_suppress() {
    let mut bench = guarded();
    for asked in [asks_four(C, four(A)), asks_six(C, six(A))] {
        assert_eq!(passes(&mut bench, BESIDE, &asked), [HERE]);
        let steps = bench.trace_bytes(BESIDE, &asked);
        let address = if asked[12..14] == [0x08, 0x06] { "10.0.0.10" } else { "fd00::a" };
        assert!(steps.contains(&format!("p3 is left out: {address} is an address of p1")), "{steps:?}");
    }
    bench.set(TUNNEL, |port| port.suppress = false);
    assert_eq!(passes(&mut bench, BESIDE, &asks_four(C, four(A))), [HERE, TUNNEL]);
}

#[test]
fn nobody_behind_a_tunnel_is_believed_to_have_an_address_of_a_port_here() {
    let mut bench = guarded();
    bench.bytes(TUNNEL, &wire::ether(B, C, wire::ARP, &wire::arp(2, B, four(A), four(C))));
    assert_eq!(passes(&mut bench, BESIDE, &asks_four(C, four(A))), [HERE]);
    bench.switch.set_neighbour(four(A).into(), B).expect("room");
    assert_eq!(passes(&mut bench, BESIDE, &asks_four(C, four(A))), [HERE], "not even if it is set");
}

#[test]
fn a_host_that_looks_whether_its_own_address_is_free_asks_behind_tunnels_too() {
    let mut bench = guarded();
    let probe = wire::ether(A, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, A, Ipv4Addr::UNSPECIFIED, four(A)));
    let announced = wire::ether(A, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, A, four(A), four(A)));
    let detection = wire::solicitation(Ipv6Addr::UNSPECIFIED, six(A), None);
    let detection = wire::ether(A, MacAddr([0x33, 0x33, 0xff, 0, 0, 10]), wire::IPV6, &detection);
    for frame in [probe, announced, detection] {
        assert_eq!(passes(&mut bench, HERE, &frame), [BESIDE, TUNNEL]);
    }
}

#[test]
fn a_question_that_is_left_with_nobody_has_no_destination() {
    let mut bench = guarded();
    bench.set(HERE, |port| port.up = false);
    let (verdict, answer) = handed(&mut bench, BESIDE, &asks_four(C, four(A)));
    assert_eq!((verdict.fate, answer), (Fate::Dropped(DropReason::NoDestination), None));
}

#[test]
fn what_a_host_here_says_of_an_address_no_tunnel_has_taught_any_longer() {
    let moved = MacAddr([2, 0, 0, 0, 0, 99]);
    let announced = wire::ether(moved, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, moved, four(B), four(B)));
    let advertised = wire::advertisement(six(B), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), OVERRIDE, moved);
    let advertised = wire::ether(moved, MacAddr([0x33, 0x33, 0, 0, 0, 1]), wire::IPV6, &advertised);
    for (says, asked) in [(announced, asks_four(C, four(B))), (advertised, asks_six(C, six(B)))] {
        let mut bench = taught();
        assert_eq!(passes(&mut bench, HERE, &says), [BESIDE, TUNNEL]);
        assert_eq!(passes(&mut bench, BESIDE, &asked), [HERE, TUNNEL]);
    }
}

#[test]
fn a_host_that_comes_here_with_its_mac_address_is_asked_itself() {
    let mut bench = taught();
    bench.frame(HERE, B, MacAddr::BROADCAST);
    assert!(!answers(&mut bench));
    bench.frame(TUNNEL, B, MacAddr::BROADCAST);
    assert!(answers(&mut bench), "it went back");
}
