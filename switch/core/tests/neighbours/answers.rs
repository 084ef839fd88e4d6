//! What an answer is, and what follows from it.

use super::*;
use etherparse::{Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};
use lanloom_switch_core::{Consumed, DropReason, EgressFate, Fate, Generated, StormLimit};

const ANSWERED: Fate = Fate::Consumed(Consumed::Answered);

#[test]
fn a_request_for_an_address_heard_from_the_tunnel_is_answered_as_its_host_would_and_goes_no_further() {
    let mut bench = taught();
    let (verdict, answer) = handed(&mut bench, BESIDE, &asks_four(C, four(B)));
    assert_eq!((verdict.fate, verdict.copies.len(), verdict.answer), (ANSWERED, 0, Some(Generated::ArpReply)));
    let reply = [&wire::arp(2, B, four(B), four(C))[..18], &C.0, &four(C).octets()].concat();
    assert_eq!(answer, Some(wire::ether(B, C, wire::ARP, &reply)));
}

#[test]
fn a_solicitation_for_an_address_heard_from_the_tunnel_is_answered_as_its_host_would_and_goes_no_further() {
    let mut bench = taught();
    let (verdict, answer) = handed(&mut bench, BESIDE, &asks_six(C, six(B)));
    assert_eq!((verdict.fate, verdict.copies.len(), verdict.answer), (ANSWERED, 0, Some(Generated::NeighbourAdvertisement)));
    let answer = answer.expect("an answer");
    assert_eq!(answer, wire::ether(B, C, wire::IPV6, &wire::advertisement(six(B), six(C), SOLICITED | OVERRIDE, B)));
    let packet = SlicedPacket::from_ethernet(&answer).expect("a sound packet");
    let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) = (&packet.net, &packet.transport) else {
        panic!("{packet:?}")
    };
    assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
    let Icmpv6Type::NeighborAdvertisement(flags) = icmp.header().icmp_type else { panic!("{icmp:?}") };
    assert_eq!((ip.header().hop_limit(), flags.router, flags.solicited, flags.r#override), (255, false, true, true));
}

#[test]
fn a_router_is_answered_for_as_a_router() {
    let mut bench = bench();
    bench.bytes(TUNNEL, &advertises(B, ROUTER | SOLICITED | OVERRIDE));
    let (_, answer) = handed(&mut bench, BESIDE, &asks_six(C, six(B)));
    let expected = wire::advertisement(six(B), six(C), ROUTER | SOLICITED | OVERRIDE, B);
    assert_eq!(answer, Some(wire::ether(B, C, wire::IPV6, &expected)));
}

#[test]
fn an_answered_question_is_consumed_where_it_came_from_and_its_answer_generated_there() {
    let mut bench = taught();
    let before = bench.switch.counters(bench.ports[BESIDE]).expect("there").clone();
    let (_, answer) = handed(&mut bench, BESIDE, &asks_four(C, four(B)));
    bench.switch.record_generated(bench.ports[BESIDE], answer.expect("an answer").len(), EgressFate::Sent);
    let after = bench.switch.counters(bench.ports[BESIDE]).expect("there");
    assert_eq!((after.rx.frames, after.consumed, after.forwarded), (before.rx.frames + 1, 1, before.forwarded));
    assert_eq!((after.tx.frames, after.generated), (before.tx.frames + 1, 1));
}

#[test]
fn who_is_answered_is_learned_all_the_same() {
    let mut bench = taught();
    let stranger = MacAddr([2, 0, 0, 0, 0, 0x77]);
    assert!(handed(&mut bench, HERE, &asks_four(stranger, four(B))).1.is_some());
    assert_eq!(bench.port_of(stranger), Some(HERE));
}

#[test]
fn an_answered_question_is_no_flood_and_no_storm() {
    let mut bench = taught();
    bench.set(BESIDE, |port| port.storm = Some(StormLimit { rate: 1, burst: 1 }));
    for _ in 0..10 {
        assert!(answers(&mut bench));
    }
    assert_eq!(bench.dropped(BESIDE, DropReason::Storm), 0);
}

#[test]
fn answers_that_nobody_takes_are_dropped_beyond_a_batch_and_counted() {
    let mut bench = taught();
    (0..100).for_each(|_| drop(bench.bytes(BESIDE, &asks_four(C, four(B)))));
    assert_eq!(bench.dropped(BESIDE, DropReason::QueueFull), 36);
    assert_eq!(std::iter::from_fn(|| bench.switch.poll_transmit().map(|_| ())).count(), 64);
}

#[test]
fn a_trace_says_what_is_answered_and_how_it_is_known() {
    let mut bench = taught();
    bench.wait(std::time::Duration::from_secs(7));
    let steps = bench.trace_bytes(BESIDE, &asks_four(C, four(B)));
    assert_eq!(
        steps[2..],
        [
            "destination is broadcast: flood",
            "10.0.0.11 is at 02:00:00:00:00:0b (behind p3, heard 7 s ago): answered to p2: arp reply",
            "consumed: answered (it asks for what the switch knows)",
        ]
    );
    bench.switch.set_neighbour(six(B).into(), B).expect("room");
    let steps = bench.trace_bytes(BESIDE, &asks_six(C, six(B)));
    assert_eq!(steps[3], "fd00::b is at 02:00:00:00:00:0b (set by hand): answered to p2: neighbour advertisement");
}
