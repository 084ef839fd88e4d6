//! Fuzzing of guards: packets as hostile stations make them, with headers, tags, fragments and lengths that lie. Nothing panics, the
//! accounting law holds, a trace foretells the verdict, and an address that stands where everybody reads it is never another's.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset) and prints how often.

mod wire;

use bolero::{TypeGenerator, check};
use lanloom_switch_core::{
    Fate, Frame, Guard, GuardMode, Instant, MacAddr, PortConfig, PortId, Prefixes, Role, Switch, SwitchConfig,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, TypeGenerator)]
struct Arrival {
    port: u8,
    source: u8,
    destination: Option<u8>,
    tags: u8,
    snap: bool,
    packet: Packet,
    /// Bytes that are left of it.
    cut: Option<u8>,
    /// A byte that is another, and where.
    slip: Option<(u8, u8)>,
}

#[derive(Debug, TypeGenerator)]
enum Packet {
    Arbitrary { kind: u16, bytes: Vec<u8> },
    Arp { sender_mac: u8, sender: u8, target: u8 },
    V4 { source: u8, destination: u8, fragment: u16, protocol: u8, payload: Vec<u8> },
    V6 { source: u8, destination: u8, headers: Vec<Header>, last: Last },
}

#[derive(Debug, TypeGenerator)]
enum Header {
    Extension { kind: u8, more: u8 },
    Fragment { offset: u8, more: bool },
}

#[derive(Debug, TypeGenerator)]
enum Last {
    Udp { source: u16 },
    Neighbour { kind: u8, target: u8, options: Vec<(u8, u8)> },
    Any { next: u8, payload: Vec<u8> },
}

fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number % 8])
}

/// Of this network, or of another.
fn four(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, number / 128, 0, number % 8)
}

fn six(number: u8) -> Ipv6Addr {
    let host = u16::from(number % 8);
    match number / 64 {
        0 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, host),
        1 => Ipv6Addr::new(0xfd01, 0, 0, 0, 0, 0, 0, host),
        _ => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host),
    }
}

impl Packet {
    fn bytes(&self) -> (u16, Vec<u8>) {
        match self {
            Self::Arbitrary { kind, bytes } => {
                ([wire::ARP, wire::IPV4, wire::IPV6, 0x8100, *kind][*kind as usize % 5], bytes.clone())
            }
            Self::Arp { sender_mac, sender, target } => {
                (wire::ARP, wire::arp(1, mac(*sender_mac), four(*sender), four(*target)))
            }
            Self::V4 { source, destination, fragment, protocol, payload } => {
                let protocol = if protocol % 2 == 0 { wire::UDP } else { *protocol };
                (wire::IPV4, wire::ipv4(four(*source), four(*destination), *fragment, protocol, payload))
            }
            Self::V6 { source, destination, headers, last } => {
                let (mut next, mut payload) = last.bytes();
                for header in headers {
                    (next, payload) = header.before(next, &payload);
                }
                (wire::IPV6, wire::ipv6(six(*source), six(*destination), next, &payload))
            }
        }
    }
}

impl Header {
    fn before(&self, next: u8, payload: &[u8]) -> (u8, Vec<u8>) {
        match self {
            Self::Extension { kind, more } => {
                let kind = [0, 43, 51, 60, 135, 139, 140, 50][usize::from(*kind) % 8];
                (kind, wire::extension(next, more % 4, payload))
            }
            Self::Fragment { offset, more } => (44, wire::fragment(next, u16::from(*offset / 64), *more, payload)),
        }
    }
}

impl Last {
    fn bytes(&self) -> (u8, Vec<u8>) {
        match self {
            Self::Udp { source } => (wire::UDP, wire::udp(if source % 4 == 0 { 547 } else { *source }, 546)),
            Self::Neighbour { kind, target, options } => {
                let options: Vec<_> = options.iter().map(|(kind, number)| (kind % 4, mac(*number))).collect();
                (wire::ICMPV6, wire::neighbour(133 + kind % 6, Some(six(*target)), &options))
            }
            Self::Any { next, payload } => (*next, payload.clone()),
        }
    }
}

impl Arrival {
    fn bytes(&self) -> Vec<u8> {
        let (kind, packet) = self.packet.bytes();
        let mut bytes = wire::ether(mac(self.source), self.destination.map_or(MacAddr::BROADCAST, mac), kind, &packet);
        if self.snap {
            bytes = wire::snapped(&bytes);
        }
        bytes = wire::tagged(&bytes, &[0x88a8, 0x8100, 0x8100][..usize::from(self.tags % 4)]);
        if let Some((at, value)) = self.slip {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(self.cut.map_or(usize::MAX, usize::from));
        bytes
    }
}

/// The gateway, an endpoint of each mode, a trusted one, and a bare port; each guard has the addresses of its number.
fn switch() -> (Switch, Vec<PortId>) {
    let guard = |number: u8, role, mode, trusted| {
        let addresses = vec![IpAddr::from(four(number)), six(0x80 + number).into()];
        let foreign = Arc::new(Prefixes::new([([10, 1, 0, 0].into(), 16), (six(0x40).into(), 64)]));
        Some(Arc::new(Guard { role, mode, trusted, mac: Some(mac(number)), addresses, foreign, inside: None, apart: None }))
    };
    let guards = [
        guard(0, Role::Gateway, GuardMode::Leased, false),
        guard(1, Role::Endpoint, GuardMode::Leased, false),
        guard(2, Role::Endpoint, GuardMode::Strict, false),
        guard(3, Role::Endpoint, GuardMode::Off, false),
        guard(4, Role::Endpoint, GuardMode::Leased, true),
        None,
    ];
    let mut switch = Switch::new(SwitchConfig::default());
    let ports = guards.map(|guard| switch.add_port(PortConfig { guard, ..PortConfig::default() }).expect("few ports"));
    (switch, ports.to_vec())
}

#[test]
fn fuzz_guard() {
    let seconds = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let [executions, dropped, sent] = [const { AtomicU64::new(0) }; 3];
    check!().with_type::<Vec<Arrival>>().with_test_time(Duration::from_secs(seconds)).for_each(|arrivals: &Vec<Arrival>| {
        executions.fetch_add(1, Ordering::Relaxed);
        let (mut switch, ports) = switch();
        for arrival in arrivals {
            let bytes = arrival.bytes();
            let Some(frame) = Frame::new(&bytes) else { continue };
            let port = usize::from(arrival.port) % ports.len();
            let ended = if passes(&mut switch, &ports, port, &frame) { &sent } else { &dropped };
            ended.fetch_add(1, Ordering::Relaxed);
        }
        assert_law(&switch);
    });
    let [executions, dropped, sent] = [executions, dropped, sent].map(AtomicU64::into_inner);
    println!("guard: {executions} executions ({dropped} frames dropped, {sent} sent) in {seconds} s");
    assert!(dropped > 0 && sent > 0, "every path was taken");
}

fn passes(switch: &mut Switch, ports: &[PortId], port: usize, frame: &Frame<'_>) -> bool {
    let now = Instant::from_secs(1);
    let foretold = switch.trace(now, ports[port], frame, &|id| format!("{id:?}")).expect("there").verdict;
    let verdict = switch.handle_frame(now, ports[port], frame).expect("there");
    assert_eq!(*verdict, foretold);
    assert!(verdict.copies.iter().all(|(to, _)| *to != ports[port]));
    let passes = !matches!(verdict.fate, Fate::Dropped(_));
    if passes && [1, 2, 4].contains(&port) {
        assert!(not_anothers(port as u8, frame), "{:x?} from {port}", frame.bytes());
    }
    if verdict.copies.iter().any(|(to, _)| *to == ports[0]) {
        assert!(!is_plainly_foreign(frame), "{:x?} to the gateway", frame.bytes());
    }
    passes
}

/// That the addresses at the usual places of an untagged frame are not those of another guard.
fn not_anothers(own: u8, frame: &Frame<'_>) -> bool {
    let others = (0..5).filter(|number| *number != own);
    let bytes = frame.bytes();
    let says = |at: usize, what: &[u8]| bytes.get(at..at + what.len()) == Some(what);
    let mut claims = others.map(|number| match frame.ethertype() {
        _ if frame.source() == mac(number) => true,
        0x0806 if says(14, &[0, 1, 8, 0, 6, 4]) => says(22, &mac(number).0) || says(28, &four(number).octets()),
        0x0800 => says(26, &four(number).octets()),
        0x86dd => says(22, &six(0x80 + number).octets()) || says(22, &six(number).octets()),
        _ => false,
    });
    frame.tags_len() > 0 || !claims.any(|claimed| claimed)
}

fn is_plainly_foreign(frame: &Frame<'_>) -> bool {
    let bytes = frame.bytes();
    let foreign = |at: usize, prefix: &[u8]| bytes.get(at..at + prefix.len()) == Some(prefix);
    let six = [0xfd, 1, 0, 0, 0, 0, 0, 0];
    match (frame.tags_len(), frame.ethertype()) {
        (0, 0x0800) if bytes.get(14) == Some(&0x45) && bytes.len() >= 34 => foreign(26, &[10, 1]) || foreign(30, &[10, 1]),
        (0, 0x86dd) if bytes.get(14) == Some(&0x60) && bytes.len() >= 54 => foreign(22, &six) || foreign(38, &six),
        _ => false,
    }
}

fn assert_law(switch: &Switch) {
    for port in switch.port_ids() {
        let counters = switch.counters(port).expect("listed");
        assert_eq!(counters.rx.frames, counters.forwarded + counters.consumed + counters.rx_dropped());
    }
}
