//! Ports with a tunnel behind them: whom a flood reaches, and who never hears whom.

mod bench;

use bench::{A, B, Bench, C, GROUP, ports_of};
use lanloom_switch_core::{DropReason, Fate, MacAddr, PortConfig};

/// Two stations' ports of segments 0 and 1, and a tunnel for each of the segments.
fn two_segments() -> Bench {
    let mut bench = Bench::new(4);
    bench.set(1, |port| port.segment = 1);
    bench.set(2, |port| port.tunnel = true);
    bench.set(3, |port| (port.tunnel, port.segment) = (true, 1));
    bench
}

#[test]
fn a_flood_reaches_the_tunnel_of_its_own_segment_and_every_port_that_is_none() {
    let mut bench = two_segments();
    for to in [MacAddr::BROADCAST, GROUP, C] {
        assert_eq!(bench.reaches(0, A, to), [1, 2], "to {to}");
        assert_eq!(bench.reaches(1, B, to), [0, 3], "to {to}");
    }
}

#[test]
fn what_comes_out_of_a_tunnel_is_flooded_to_ports_of_every_segment_and_to_no_tunnel() {
    let mut bench = two_segments();
    for to in [MacAddr::BROADCAST, GROUP, C] {
        assert_eq!((bench.reaches(2, A, to), bench.reaches(3, B, to)), (vec![0, 1], vec![0, 1]), "to {to}");
    }
    bench.set(3, |port| port.segment = 0);
    assert_eq!(bench.reaches(2, A, GROUP), [0, 1], "not even of one segment");
}

#[test]
fn a_known_address_is_reached_through_the_tunnel_of_another_segment() {
    let mut bench = two_segments();
    bench.frame(3, C, GROUP);
    assert_eq!((bench.reaches(0, A, C), bench.reaches(3, C, A)), (vec![3], vec![0]));
}

#[test]
fn nothing_goes_from_one_tunnel_to_another() {
    let mut bench = two_segments();
    bench.frame(3, C, GROUP);
    assert_eq!(bench.frame(2, A, C).fate, Fate::Dropped(DropReason::Isolated));
    assert_eq!(bench.dropped(2, DropReason::Isolated), 1);
    bench.set(3, |port| port.tunnel = false);
    assert_eq!(bench.reaches(2, A, C), [3]);
}

#[test]
fn a_flood_that_only_tunnels_could_take_and_may_not_is_isolated() {
    let mut bench = two_segments();
    [0, 1].into_iter().for_each(|port| bench.set(port, |port| port.up = false));
    assert_eq!(bench.frame(2, A, MacAddr::BROADCAST).fate, Fate::Dropped(DropReason::Isolated));
    bench.set(0, |port| (port.up, port.segment) = (true, 7));
    assert_eq!(bench.frame(0, A, MacAddr::BROADCAST).fate, Fate::Dropped(DropReason::Isolated));
}

#[test]
fn a_new_port_is_no_tunnel_and_of_segment_0() {
    let PortConfig { tunnel, segment, suppress, .. } = PortConfig::default();
    assert_eq!((tunnel, segment, suppress), (false, 0, false));
}

#[test]
fn a_trace_says_why_a_tunnel_is_left_out() {
    let mut bench = two_segments();
    bench.frame(3, C, GROUP);
    let told = |steps: Vec<String>| steps[3..].to_vec();
    let from_station = told(bench.trace(0, A, MacAddr::BROADCAST));
    assert_eq!(from_station, ["p4 is left out: a tunnel for segment 1, and p1 is of segment 0", "sent to p2, p3"]);
    let from_tunnel = told(bench.trace(2, A, MacAddr::BROADCAST));
    assert_eq!(from_tunnel, ["p4 is left out: both ports are tunnels", "sent to p1, p2"]);
    let across = told(bench.trace(2, A, C));
    assert_eq!(across[0], "p3 and p4 are both tunnels");
    assert!(across[1].starts_with("dropped: isolated"), "{across:?}");
}

#[test]
fn reasons_of_tunnels_end_a_received_frame_and_no_peer_ends_a_copy() {
    let [malformed, vni, peer, none] =
        [DropReason::VxlanMalformed, DropReason::VniUnknown, DropReason::PeerUnknown, DropReason::NoPeer];
    assert_eq!(
        [malformed, vni, peer, none].map(DropReason::name),
        ["vxlan_malformed", "vni_unknown", "peer_unknown", "no_peer"]
    );
    assert_eq!([malformed, vni, peer, none].map(DropReason::is_egress), [false, false, false, true]);
    let mut bench = two_segments();
    [malformed, vni, peer].into_iter().for_each(|reason| bench.switch.record_unreadable(bench.ports[2], 60, reason));
    let verdict = bench.frame(0, A, MacAddr::BROADCAST);
    for to in ports_of(&verdict) {
        bench.switch.record_copy(bench.ports[to], 60, 1, lanloom_switch_core::EgressFate::Dropped(none));
    }
    let counters = bench.switch.counters(bench.ports[2]).expect("there");
    assert_eq!((counters.rx.frames, counters.rx_dropped(), counters.tx.frames, counters.dropped(none)), (3, 3, 0, 1));
}
