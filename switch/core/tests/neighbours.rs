//! Whose questions the switch answers for hosts behind a tunnel, and which it passes on.

#[path = "neighbours/answers.rs"]
mod answers;
mod bench;
#[path = "neighbours/local.rs"]
mod local;
#[path = "neighbours/questions.rs"]
mod questions;
#[path = "neighbours/tables.rs"]
mod tables;
mod wire;

use bench::{A, B, Bench, C, ports_of};
use lanloom_switch_core::{MacAddr, Verdict};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Places on the bench: two stations' ports, and a tunnel.
const HERE: usize = 0;
const BESIDE: usize = 1;
const TUNNEL: usize = 2;

const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;
const ROUTER: u8 = 0x80;

/// A is here, C beside it, and B behind the tunnel, which suppresses.
fn bench() -> Bench {
    let mut bench = Bench::new(3);
    bench.set(TUNNEL, |port| (port.tunnel, port.suppress) = (true, true));
    bench.frame(HERE, A, MacAddr::BROADCAST);
    bench.frame(BESIDE, C, MacAddr::BROADCAST);
    bench
}

/// The address of a station by the last byte of its MAC address.
fn four(mac: MacAddr) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, mac.0[5])
}

fn six(mac: MacAddr) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, mac.0[5].into())
}

fn asks_four(asker: MacAddr, target: Ipv4Addr) -> Vec<u8> {
    wire::ether(asker, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, asker, four(asker), target))
}

fn asks_six(asker: MacAddr, target: Ipv6Addr) -> Vec<u8> {
    let group = MacAddr([0x33, 0x33, 0xff, 0, 0, target.octets()[15]]);
    wire::ether(asker, group, wire::IPV6, &wire::solicitation(six(asker), target, Some(asker)))
}

/// B's answers to A, which teach.
fn replies(mac: MacAddr) -> Vec<u8> {
    let reply = [&wire::arp(2, mac, four(mac), four(A))[..18], &A.0, &four(A).octets()].concat();
    wire::ether(mac, A, wire::ARP, &reply)
}

fn advertises(mac: MacAddr, flags: u8) -> Vec<u8> {
    wire::ether(mac, A, wire::IPV6, &wire::advertisement(six(mac), six(A), flags, mac))
}

/// A bench on which B has been heard.
fn taught() -> Bench {
    let mut bench = bench();
    bench.bytes(TUNNEL, &replies(B));
    bench.bytes(TUNNEL, &advertises(B, SOLICITED | OVERRIDE));
    bench
}

/// The verdict on a frame, and what the switch sends because of it, back to where it came from.
fn handed(bench: &mut Bench, port: usize, bytes: &[u8]) -> (Verdict, Option<Vec<u8>>) {
    let verdict = bench.bytes(port, bytes);
    let sent = bench.switch.poll_transmit().map(|made| (made.port, made.what, made.bytes.to_vec()));
    assert!(bench.switch.poll_transmit().is_none(), "no more than one");
    assert_eq!(sent.as_ref().map(|(to, what, _)| (*to, *what)), verdict.answer.map(|what| (bench.ports[port], what)));
    (verdict, sent.map(|(_, _, bytes)| bytes))
}

/// Whether the switch answers C's question for B, of both families alike.
fn answers(bench: &mut Bench) -> bool {
    let answered = [asks_four(C, four(B)), asks_six(C, six(B))].map(|asked| handed(bench, BESIDE, &asked).1.is_some());
    assert_eq!(answered[0], answered[1], "of IPv4 and of IPv6");
    answered[0]
}

/// Where a frame goes that is not answered.
fn passes(bench: &mut Bench, port: usize, bytes: &[u8]) -> Vec<usize> {
    let (verdict, answer) = handed(bench, port, bytes);
    assert_eq!((verdict.answer, answer), (None, None), "{bytes:02x?}");
    ports_of(&verdict)
}
