//! What the sender of a packet hears that does not fit into a tunnel, and who hears nothing.

mod bench;
mod wire;

use bench::{A, B, Bench, C};
use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice, icmpv4::DestUnreachableHeader};
use lanloom_switch_core::{DropReason, EgressFate, Fate, FloodKind, Frame, Generated, MacAddr, Verdict};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const FOUR_A: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const FOUR_B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SIX_A: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
const SIX_B: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2);
const DF: u16 = 0x4000;
const ICMP: u8 = 1;

/// A on the first port; B behind a tunnel that carries 1,450 bytes, on the second; a third port.
fn bench() -> Bench {
    let mut bench = Bench::new(3);
    bench.set(1, |port| (port.tunnel, port.mtu) = (true, 1450));
    bench.frame(0, A, MacAddr::BROADCAST);
    bench.frame(1, B, MacAddr::BROADCAST);
    bench
}

fn v4_of(source: Ipv4Addr, destination: Ipv4Addr, flags: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    wire::ether(A, B, wire::IPV4, &wire::ipv4(source, destination, flags, protocol, payload))
}

fn v6_of(source: Ipv6Addr, destination: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    wire::ether(A, B, wire::IPV6, &wire::ipv6(source, destination, next, payload))
}

/// A UDP packet from A to B of `len` bytes, that nobody may fragment.
fn v4(len: usize) -> Vec<u8> {
    v4_of(FOUR_A, FOUR_B, DF, wire::UDP, &vec![0x77; len - 20])
}

fn v6(len: usize) -> Vec<u8> {
    v6_of(SIX_A, SIX_B, wire::UDP, &vec![0x77; len - 40])
}

/// The verdict on a frame from the first port, and what the switch sends because of it.
fn sent_back(bench: &mut Bench, bytes: &[u8]) -> (Verdict, Option<Vec<u8>>) {
    let verdict = bench.bytes(0, bytes);
    (verdict.clone(), taken(bench, &verdict))
}

fn taken(bench: &mut Bench, verdict: &Verdict) -> Option<Vec<u8>> {
    let first = bench.switch.poll_transmit().map(|made| (made.port, made.what, made.bytes.to_vec()));
    assert!(bench.switch.poll_transmit().is_none(), "no more than one");
    assert_eq!(first.as_ref().map(|(port, what, _)| (*port, *what)), verdict.answer.map(|what| (bench.ports[0], what)));
    first.map(|(_, _, bytes)| bytes)
}

fn exceeded() -> EgressFate {
    EgressFate::Dropped(DropReason::MtuExceeded)
}

/// The MTU that an answer tells and what it quotes, after a look at all else of it.
fn read(answer: &[u8]) -> (u32, Vec<u8>) {
    let packet = SlicedPacket::from_ethernet(answer).expect("a sound packet");
    let net = packet.net.as_ref().expect("IP");
    match (net, packet.transport.as_ref().expect("ICMP")) {
        (NetSlice::Ipv4(ip), TransportSlice::Icmpv4(icmp)) => {
            let header = ip.header();
            assert_eq!(header.header_checksum(), header.to_header().calc_header_checksum());
            assert_eq!((header.source_addr(), header.destination_addr()), (FOUR_B, FOUR_A), "in the name of who was asked");
            assert!(header.total_len() <= 576 && header.dont_fragment());
            assert_eq!(icmp.checksum(), icmp.header().icmp_type.calc_checksum(icmp.payload()));
            let Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::FragmentationNeeded { next_hop_mtu }) =
                icmp.header().icmp_type
            else {
                panic!("{:?}", icmp.header())
            };
            (next_hop_mtu.into(), icmp.payload().to_vec())
        }
        (NetSlice::Ipv6(ip), TransportSlice::Icmpv6(icmp)) => {
            let header = ip.header();
            assert_eq!((header.source_addr(), header.destination_addr()), (SIX_B, SIX_A), "in the name of who was asked");
            assert!(header.payload_length() + 40 <= 1280);
            assert!(icmp.is_checksum_valid(header.source(), header.destination()));
            let Icmpv6Type::PacketTooBig { mtu } = icmp.header().icmp_type else { panic!("{:?}", icmp.header()) };
            (mtu, icmp.payload().to_vec())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_ipv4_packet_that_must_stay_whole_is_answered_with_what_the_tunnel_carries() {
    let mut bench = bench();
    assert_eq!(sent_back(&mut bench, &v4(1450)).1, None, "it fits");
    let packet = v4(1451);
    let (verdict, answer) = sent_back(&mut bench, &packet);
    assert_eq!((verdict.fate, &verdict.copies[..]), (Fate::Forwarded, &[(bench.ports[1], exceeded())][..]));
    assert_eq!(verdict.answer, Some(Generated::FragmentationNeeded));
    let answer = answer.expect("an answer");
    assert_eq!(answer[..14], wire::ether(B, A, wire::IPV4, &[]), "back to where it came from");
    assert_eq!(read(&answer), (1450, packet[14..][..548].to_vec()));
    assert_eq!(answer.len(), 14 + 576);
}

#[test]
fn an_ipv6_packet_is_answered_with_what_the_tunnel_carries() {
    let mut bench = bench();
    assert_eq!(sent_back(&mut bench, &v6(1450)).1, None, "it fits");
    let packet = v6(1451);
    let (verdict, answer) = sent_back(&mut bench, &packet);
    assert_eq!((verdict.fate, &verdict.copies[..]), (Fate::Forwarded, &[(bench.ports[1], exceeded())][..]));
    assert_eq!(verdict.answer, Some(Generated::PacketTooBig));
    let answer = answer.expect("an answer");
    assert_eq!(answer[..14], wire::ether(B, A, wire::IPV6, &[]), "back to where it came from");
    assert_eq!(read(&answer), (1450, packet[14..][..1232].to_vec()));
    assert_eq!(answer.len(), 14 + 1280);
}

#[test]
fn what_is_shorter_than_may_be_quoted_is_quoted_whole_and_without_padding() {
    let mut bench = bench();
    bench.set(1, |port| port.mtu = 100);
    for (mut packet, mtu) in [(v4(300), 100), (v6(700), 1280)] {
        let whole = packet[14..].to_vec();
        packet.extend([0xee; 50]);
        let answer = sent_back(&mut bench, &packet).1.expect("an answer");
        assert_eq!(read(&answer), (mtu, whole));
    }
}

#[test]
fn no_mtu_is_told_that_a_link_of_the_protocol_may_not_have() {
    let mut bench = bench();
    bench.set(1, |port| port.mtu = 30);
    let told = |bench: &mut Bench, packet: Vec<u8>| sent_back(bench, &packet).1.map(|answer| read(&answer).0);
    assert_eq!((told(&mut bench, v4(1451)), told(&mut bench, v6(1451))), (Some(68), Some(1280)));
}

#[test]
fn a_super_frame_is_answered_by_the_size_of_its_segments() {
    let mut bench = bench();
    let bytes = v4(60_000);
    let mut hand = |wire_len| {
        let frame = Frame::super_frame(&bytes, 42, wire_len).expect("long enough");
        let verdict = bench.switch.handle_frame(bench.now, bench.ports[0], &frame).expect("there").clone();
        (verdict.copies[0].1, taken(&mut bench, &verdict).map(|answer| read(&answer)))
    };
    assert_eq!(hand(1464), (EgressFate::Sent, None));
    assert_eq!(hand(1465), (exceeded(), Some((1450, bytes[14..][..548].to_vec()))));
}

#[test]
fn the_answer_to_a_tagged_packet_is_in_its_vlan() {
    let mut bench = bench();
    let packet = wire::tagged(&v6(1451), &[0x88a8, 0x8100]);
    let answer = sent_back(&mut bench, &packet).1.expect("an answer");
    assert_eq!((&answer[..12], &answer[12..22]), (&wire::ether(B, A, 0, &[])[..12], &packet[12..22]));
    assert_eq!(read(&answer).0, 1450);
}

#[test]
fn a_packet_that_is_too_big_is_counted_where_it_ends_and_its_answer_where_it_goes() {
    let mut bench = bench();
    let (_, answer) = sent_back(&mut bench, &v4(1451));
    let len = answer.expect("an answer").len();
    bench.switch.record_generated(bench.ports[0], len, EgressFate::Sent);
    let counters = [0, 1].map(|port| bench.switch.counters(bench.ports[port]).expect("there").clone());
    assert_eq!((counters[0].forwarded, counters[0].rx.frames, counters[0].rx_dropped()), (2, 2, 0));
    assert_eq!((counters[0].generated, counters[0].tx.frames, counters[0].tx.bytes), (1, 1, len as u64));
    assert_eq!((counters[1].dropped(DropReason::MtuExceeded), counters[1].generated), (1, 0));
}

#[test]
fn only_tunnels_are_answered_for_and_the_smallest_of_several_says_what_fits() {
    let mut bench = bench();
    bench.set(1, |port| port.tunnel = false);
    let (verdict, answer) = sent_back(&mut bench, &v4(1451));
    assert_eq!((verdict.copies[0].1, answer), (exceeded(), None), "on a wire the MTU is everybody's own business");

    [1, 2].into_iter().zip([1400, 1300]).for_each(|(at, mtu)| bench.set(at, |port| (port.tunnel, port.mtu) = (true, mtu)));
    let mut unknown = v4(1451);
    unknown[..6].copy_from_slice(&C.0);
    let (verdict, answer) = sent_back(&mut bench, &unknown);
    assert_eq!((verdict.fate, verdict.copies.len()), (Fate::Flooded(FloodKind::Unknown), 2));
    assert_eq!(answer.map(|answer| read(&answer).0), Some(1300));
}

/// Packets that are too big and not answered, and what the trace says of each.
fn unanswered() -> Vec<(Vec<u8>, &'static str)> {
    let long = |first: &[u8]| [first, &[0; 1500]].concat();
    let to_group = |mut packet: Vec<u8>, group: MacAddr| {
        packet[..6].copy_from_slice(&group.0);
        packet
    };
    let v4_from = |source| v4_of(source, FOUR_B, DF, wire::UDP, &long(&[]));
    let v4_to = |destination| v4_of(FOUR_A, destination, DF, wire::UDP, &long(&[]));
    let v6_from = |source| v6_of(source, SIX_B, wire::UDP, &long(&[]));
    let mut all = vec![
        (v4_of(FOUR_A, FOUR_B, 0, wire::UDP, &long(&[])), "IPv4 that may be fragmented: a tunnel end does not"),
        (v4_of(FOUR_A, FOUR_B, DF | 0x2000, wire::UDP, &long(&[])), "IPv4 that may be fragmented: a tunnel end does not"),
        (v4_of(FOUR_A, FOUR_B, DF | 9, wire::UDP, &long(&[])), "a later fragment"),
        (v6_of(SIX_A, SIX_B, 44, &wire::fragment(wire::UDP, 9, true, &long(&[]))), "a later fragment"),
        (v6_of(SIX_A, SIX_B, 0, &wire::extension(44, 1, &wire::fragment(58, 9, true, &long(&[])))), "a later fragment"),
        (v6_of(SIX_A, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 5), wire::UDP, &long(&[])), "for more than one host"),
        (to_group(v4(1600), MacAddr::BROADCAST), "for more than one host"),
        (to_group(v6(1600), MacAddr([0x33, 0x33, 0, 0, 0, 1])), "for more than one host"),
        (wire::ether(A, B, 0x88b5, &long(&[])), "no IP packet"),
        (wire::ether(A, B, wire::IPV4, &long(&[0x65])), "no IP packet"),
        (wire::ether(A, B, wire::IPV6, &long(&[0x45])), "no IP packet"),
        ([v4(1450), vec![0; 100]].concat(), "the packet itself would fit: the rest is padding"),
        ([v6(1450), vec![0; 100]].concat(), "the packet itself would fit: the rest is padding"),
    ];
    for destination in [Ipv4Addr::new(224, 0, 0, 5), Ipv4Addr::BROADCAST] {
        all.push((v4_to(destination), "for more than one host"));
    }
    for source in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(0, 1, 2, 3), Ipv4Addr::LOCALHOST, Ipv4Addr::new(239, 0, 0, 1)] {
        all.push((v4_from(source), "its source is no host's address"));
    }
    for source in [Ipv6Addr::UNSPECIFIED, Ipv6Addr::LOCALHOST, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)] {
        all.push((v6_from(source), "its source is no host's address"));
    }
    for kind in [3, 4, 5, 11, 12] {
        all.push((v4_of(FOUR_A, FOUR_B, DF, ICMP, &long(&[kind])), "it is an ICMP error itself"));
    }
    for kind in [1, 2, 127, 137] {
        all.push((v6_of(SIX_A, SIX_B, wire::ICMPV6, &long(&[kind])), "it is an ICMP error itself"));
        let behind = wire::extension(43, 0, &wire::extension(wire::ICMPV6, 2, &long(&[kind])));
        all.push((v6_of(SIX_A, SIX_B, 60, &behind), "it is an ICMP error itself"));
    }
    all
}

#[test]
fn nobody_is_answered_to_whom_no_answer_is_due_and_the_trace_says_why() {
    for (packet, why) in unanswered() {
        let mut bench = bench();
        let steps = bench.trace_bytes(0, &packet);
        let said = format!("bytes do not fit the tunnel: not answered ({why})");
        assert!(steps.iter().any(|step| step.ends_with(&said)), "{said}: {steps:?}");
        let (verdict, answer) = sent_back(&mut bench, &packet);
        assert!(verdict.copies.iter().any(|(to, fate)| to.index() == 1 && *fate == exceeded()), "{why}");
        assert_eq!((verdict.answer, answer), (None, None), "{why}: {packet:02x?}");
    }
}

#[test]
fn questions_of_icmp_and_first_fragments_of_ipv6_are_answered_as_any_packet() {
    let long = |first: &[u8]| [first, &[0; 1500]].concat();
    for packet in [
        v4_of(FOUR_A, FOUR_B, DF, ICMP, &long(&[8])),
        v6_of(SIX_A, SIX_B, wire::ICMPV6, &long(&[128])),
        v6_of(SIX_A, SIX_B, 44, &wire::fragment(wire::UDP, 0, true, &long(&[]))),
    ] {
        assert!(sent_back(&mut bench(), &packet).1.is_some(), "{:02x?}", &packet[..60]);
    }
}

#[test]
fn a_trace_says_what_is_answered() {
    let steps = bench().trace_bytes(0, &v4(1451));
    assert_eq!(
        steps[3..],
        [
            "1451 bytes do not fit the tunnel: answered to p1: fragmentation needed, MTU 1450",
            "sent to p2 dropped: mtu_exceeded"
        ]
    );
}

#[test]
fn a_port_gets_fifty_answers_at_once_and_then_a_thousand_a_second() {
    let mut bench = bench();
    let answers = |bench: &mut Bench, packets| (0..packets).filter(|_| sent_back(bench, &v6(1451)).1.is_some()).count();
    assert_eq!(answers(&mut bench, 200), 50);
    assert!(bench.trace_bytes(0, &v6(1451)).iter().any(|step| step.contains("the port has had as many answers as it gets")));
    bench.wait(Duration::from_millis(10));
    assert_eq!(answers(&mut bench, 200), 10);
    bench.wait(Duration::from_secs(1));
    assert_eq!(answers(&mut bench, 200), 50);
    assert_eq!(bench.dropped(1, DropReason::MtuExceeded), 600, "what is not answered ends all the same");
}

#[test]
fn an_answer_that_is_too_big_itself_is_not_answered() {
    let mut bench = bench();
    let answer = sent_back(&mut bench, &v6(1451)).1.expect("an answer");
    bench.set(1, |port| port.mtu = 500);
    // As if A sent it on.
    let mut to_b = answer;
    to_b[..12].copy_from_slice(&[B.0, A.0].concat());
    let (verdict, none) = sent_back(&mut bench, &to_b);
    assert_eq!((verdict.copies[0].1, none), (exceeded(), None));
}
