//! Fuzzing of what the switch answers: ARP, neighbour discovery and packets that are too big, sound and with bytes, lengths and options
//! that lie. Nothing panics, the accounting law holds, a trace foretells the verdict, answers go back to where the frame came from and
//! never into a tunnel, each is sound to the byte and no longer than it may be, and no answer is answered.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset) and prints how often.

mod wire;

use bolero::{TypeGenerator, check};
use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use lanloom_switch_core::{
    EgressFate, FdbLimits, Frame, Generated, Guard, Instant, MacAddr, PortConfig, PortId, Switch, SwitchConfig,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, TypeGenerator)]
struct Arrival {
    port: u8,
    wait_ms: u8,
    source: u8,
    destination: Option<u8>,
    packet: Packet,
    tags: u8,
    /// Segments of a super-frame and their length.
    segments: Option<(u8, u16)>,
    /// Bytes that are left of it.
    cut: Option<u8>,
    /// A byte that is another, and where.
    slip: Option<(u8, u8)>,
}

#[derive(Debug, TypeGenerator)]
enum Packet {
    Arbitrary { kind: u8, bytes: Vec<u8> },
    Arp { operation: u8, honest: bool, sender: u8, target: u8 },
    Solicitation { source: u8, target: u8, option: Option<u8> },
    Advertisement { of: u8, flags: u8 },
    Discovery { kind: u8, target: u8, rest: Vec<u8> },
    V4 { source: u8, destination: u8, fragment: u16, protocol: u8, first: u8, len: u16 },
    V6 { source: u8, destination: u8, next: u8, first: u8, extension: Option<(u8, u8)>, len: u16 },
}

fn mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, number % 6])
}

fn four(number: u8) -> Ipv4Addr {
    match number % 16 {
        14 => Ipv4Addr::UNSPECIFIED,
        15 => Ipv4Addr::new(224, 0, 0, 9),
        host => Ipv4Addr::new(10, 0, 0, host % 6),
    }
}

fn six(number: u8) -> Ipv6Addr {
    match number % 16 {
        14 => Ipv6Addr::UNSPECIFIED,
        15 => Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 9),
        host => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, u16::from(host % 6)),
    }
}

impl Packet {
    fn bytes(&self, source: MacAddr) -> (u16, Vec<u8>) {
        let payload = |first: u8, len: u16| [vec![first], vec![0x5a; usize::from(len % 2000)]].concat();
        match self {
            Self::Arbitrary { kind, bytes } => ([wire::ARP, wire::IPV4, wire::IPV6][usize::from(*kind) % 3], bytes.clone()),
            Self::Arp { operation, honest, sender, target } => {
                let own = if *honest { source } else { mac(*operation) };
                (wire::ARP, wire::arp(1 + u16::from(operation % 3), own, four(*sender), four(*target)))
            }
            Self::Solicitation { source: asker, target, option } => {
                let own = option.map_or(Some(source), |option| (option % 4 > 0).then(|| mac(option)));
                (wire::IPV6, wire::solicitation(six(*asker), six(*target), own))
            }
            Self::Advertisement { of, flags } => (wire::IPV6, wire::advertisement(six(*of), six(1), *flags, source)),
            Self::Discovery { kind, target, rest } => {
                let message = [wire::neighbour(133 + kind % 6, Some(six(*target)), &[]), rest.clone()].concat();
                let message = wire::checked(six(1), six(2), &message);
                (wire::IPV6, wire::ipv6(six(1), six(2), wire::ICMPV6, &message))
            }
            Self::V4 { source, destination, fragment, protocol, first, len } => {
                let fragment = if fragment % 3 == 0 { *fragment } else { 0x4000 };
                let protocol = if protocol % 2 == 0 { 1 } else { *protocol };
                (wire::IPV4, wire::ipv4(four(*source), four(*destination), fragment, protocol, &payload(*first, *len)))
            }
            Self::V6 { source, destination, next, first, extension, len } => {
                let mut next = if next % 2 == 0 { wire::ICMPV6 } else { *next };
                let mut payload = payload(*first, *len);
                if let Some((kind, more)) = extension {
                    payload = wire::extension(next, more % 4, &payload);
                    next = [0, 43, 44, 51, 60][usize::from(*kind) % 5];
                }
                (wire::IPV6, wire::ipv6(six(*source), six(*destination), next, &payload))
            }
        }
    }
}

impl Arrival {
    fn bytes(&self) -> Vec<u8> {
        let source = mac(self.source);
        let (kind, packet) = self.packet.bytes(source);
        let mut bytes = wire::ether(source, self.destination.map_or(MacAddr::BROADCAST, mac), kind, &packet);
        bytes = wire::tagged(&bytes, &[0x88a8, 0x8100][..usize::from(self.tags.saturating_sub(0xf0) % 3)]);
        if let Some((at, value)) = self.slip {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(self.cut.map_or(usize::MAX, usize::from));
        bytes
    }
}

/// Two bare ports, a guarded one, and two tunnels that suppress, of a segment each; some neighbours are set.
fn switch() -> (Switch, Vec<PortId>) {
    let guard = Guard { mac: Some(mac(2)), addresses: vec![four(2).into(), six(2).into()], ..Guard::default() };
    let tunnel = |segment, mtu| PortConfig { tunnel: true, suppress: true, segment, mtu, ..PortConfig::default() };
    let configs = [
        PortConfig::default(),
        PortConfig { segment: 1, ..PortConfig::default() },
        PortConfig { guard: Some(Arc::new(guard)), ..PortConfig::default() },
        tunnel(0, 1280),
        tunnel(1, 200),
    ];
    let mut switch = Switch::new(SwitchConfig { fdb: FdbLimits { entries: 16, ageing_secs: 10 }, seed: 3 });
    let ports = configs.map(|config| switch.add_port(config).expect("few ports"));
    for number in [2, 4] {
        switch.set_neighbour(four(number).into(), mac(number)).expect("room");
        switch.set_neighbour(six(number).into(), mac(number)).expect("room");
    }
    (switch, ports.to_vec())
}

#[test]
fn fuzz_answers() {
    let seconds = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let executions = AtomicU64::new(0);
    let answered = [const { AtomicU64::new(0) }; 4];
    check!().with_type::<Vec<Arrival>>().with_test_time(Duration::from_secs(seconds)).for_each(|arrivals: &Vec<Arrival>| {
        executions.fetch_add(1, Ordering::Relaxed);
        let (mut switch, ports) = switch();
        let mut now = Instant::from_secs(1);
        for arrival in arrivals {
            now = now + Duration::from_millis(u64::from(arrival.wait_ms));
            let bytes = arrival.bytes();
            let frame = match arrival.segments {
                Some((segments, len)) => Frame::super_frame(&bytes, segments.into(), len.into()),
                None => Frame::new(&bytes),
            };
            let Some(frame) = frame else { continue };
            if let Some(what) = exercise(&mut switch, now, ports[usize::from(arrival.port) % ports.len()], &frame) {
                answered[what as usize].fetch_add(1, Ordering::Relaxed);
            }
        }
        assert_law(&switch);
    });
    let answered = answered.map(AtomicU64::into_inner);
    println!("answers: {} executions ({answered:?} answers) in {seconds} s", executions.into_inner());
    assert!(answered.iter().sum::<u64>() > 0, "something was answered");
}

fn exercise(switch: &mut Switch, now: Instant, port: PortId, frame: &Frame<'_>) -> Option<Generated> {
    let foretold = switch.trace(now, port, frame, &|id| format!("{id:?}")).expect("there").verdict;
    let verdict = switch.handle_frame(now, port, frame).expect("there").clone();
    assert_eq!(verdict, foretold);
    let made = switch.poll_transmit().map(|made| (made.port, made.what, made.bytes.to_vec()));
    assert_eq!(made.as_ref().map(|(to, what, _)| (*to, *what)), verdict.answer.map(|what| (port, what)));
    assert!(switch.poll_transmit().is_none());
    let (_, what, answer) = made?;
    switch.record_generated(port, answer.len(), EgressFate::Sent);
    assert!(!switch.config(port).expect("there").tunnel, "a tunnel is answered: {answer:02x?}");
    assert_eq!(answer[..6], frame.source().0, "back to who sent it");
    assert_sound(what, &answer);
    if matches!(what, Generated::FragmentationNeeded | Generated::PacketTooBig) {
        // Sent on to where the frame was for, it does not fit there either.
        let on = [&answer[6..12], &answer[..6], &answer[12..]].concat();
        let on = Frame::super_frame(&on, 2, 2000).expect("a frame");
        let again = switch.trace(now, port, &on, &|id| format!("{id:?}")).expect("there").verdict;
        assert!(again.answer.is_none() && !again.copies.is_empty(), "{again:?}");
    }
    Some(what)
}

fn assert_sound(what: Generated, answer: &[u8]) {
    let packet = SlicedPacket::from_ethernet(answer).unwrap_or_else(|error| panic!("{error}: {answer:02x?}"));
    let tags = 4 * packet.link_exts.len();
    match (what, packet.net.as_ref(), packet.transport.as_ref()) {
        (Generated::ArpReply, Some(NetSlice::Arp(arp)), None) => {
            assert_eq!((answer.len(), arp.operation().0, arp.sender_hw_addr()), (42, 2, &answer[6..12]));
        }
        (Generated::FragmentationNeeded, Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Icmpv4(icmp))) => {
            let header = ip.header();
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            assert_eq!(icmp.checksum(), icmp.header().icmp_type.calc_checksum(icmp.payload()));
            assert!(answer.len() <= 14 + tags + 576);
        }
        (Generated::PacketTooBig, Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) => {
            assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
            assert!(answer.len() <= 14 + tags + 1280);
        }
        (Generated::NeighbourAdvertisement, Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) => {
            assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
            assert_eq!((answer.len(), ip.header().hop_limit(), &answer[80..86]), (86, 255, &answer[6..12]));
        }
        _ => panic!("no {what}: {answer:02x?}"),
    }
}

fn assert_law(switch: &Switch) {
    for port in switch.port_ids() {
        let counters = switch.counters(port).expect("listed");
        assert_eq!(counters.rx.frames, counters.forwarded + counters.consumed + counters.rx_dropped());
        assert_eq!(counters.tx.frames, counters.generated, "no copy was said to be taken");
    }
}
