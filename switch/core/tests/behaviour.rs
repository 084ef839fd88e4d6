//! What the switch promises, a sentence a test.

mod bench;

use bench::{A, B, Bench, C, GROUP};
use lanloom_switch_core::{
    DropReason, EgressFate, Event, Fate, FdbLimits, FloodKind, Frame, Learned, MacAddr, PortConfig, PortId, StormLimit,
};
use std::time::Duration;

/// A station's address by number.
fn station(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([0x02, 0xff, a, b, c, d])
}

const fn dropped(reason: DropReason) -> Fate {
    Fate::Dropped(reason)
}

#[test]
fn an_unknown_address_is_flooded_and_a_learned_one_forwarded() {
    let mut bench = Bench::new(4);
    let first = bench.frame(0, A, B);
    assert_eq!((first.fate, first.learned), (Fate::Flooded(FloodKind::Unknown), Learned::New));
    let answer = bench.frame(2, B, A);
    assert_eq!(answer.copies, [(bench.ports[0], EgressFate::Sent)]);
    assert_eq!(bench.frame(0, A, B).fate, Fate::Forwarded);
}

#[test]
fn a_group_or_zero_source_is_dropped_counted_and_never_learned() {
    let mut bench = Bench::new(2);
    for source in [GROUP, MacAddr::BROADCAST, MacAddr::ZERO] {
        let verdict = bench.frame(0, source, B);
        assert_eq!((verdict.fate, verdict.learned), (dropped(DropReason::SourceInvalid), Learned::Nothing));
    }
    assert_eq!((bench.dropped(0, DropReason::SourceInvalid), bench.switch.fdb().len()), (3, 0));
}

#[test]
fn a_frame_never_goes_back_to_its_port() {
    let mut bench = Bench::new(3);
    assert_eq!(bench.reaches(1, A, MacAddr::BROADCAST), [0, 2]);
    assert_eq!(bench.reaches(1, A, GROUP), [0, 2]);
    assert_eq!(bench.reaches(1, A, B), [0, 2]);
    assert_eq!(bench.frame(1, B, A).fate, dropped(DropReason::SamePort));
    assert_eq!(bench.frame(1, A, A).fate, dropped(DropReason::SamePort));
}

#[test]
fn a_frame_to_its_own_source_goes_where_the_database_says() {
    let mut bench = Bench::new(3);
    bench.switch.set_fdb(bench.now, A, bench.ports[2], false).expect("room");
    assert_eq!(bench.reaches(0, A, A), [2]);
    bench.set(1, |port| port.learning = false);
    assert_eq!(bench.reaches(1, B, B), [0, 2], "it was not learned, so it is unknown");
}

#[test]
fn fifteen_reserved_addresses_are_filtered_and_the_first_is_flooded() {
    let mut bench = Bench::new(2);
    for last in 0..=0x10 {
        let mut to = MacAddr::RESERVED;
        to.0[5] = last;
        let expected = match last {
            0 | 0x10 => Fate::Flooded(FloodKind::Multicast),
            _ => dropped(DropReason::ReservedAddress),
        };
        assert_eq!(bench.frame(0, A, to).fate, expected, "{to}");
    }
    assert_eq!(bench.dropped(0, DropReason::ReservedAddress), 15);
}

#[test]
fn a_reserved_address_passes_between_the_ports_opened_for_it_alone() {
    let mut bench = Bench::new(3);
    let lldp = MacAddr([0x01, 0x80, 0xc2, 0, 0, 0x0e]);
    let lacp = MacAddr([0x01, 0x80, 0xc2, 0, 0, 0x02]);
    bench.set(0, |port| port.reserved_open = 1 << 0x0e);
    assert_eq!(bench.frame(0, A, lldp).fate, dropped(DropReason::ReservedAddress), "no other port is open");
    bench.set(2, |port| port.reserved_open = 1 << 0x0e);
    assert_eq!(bench.reaches(0, A, lldp), [2]);
    assert_eq!(bench.frame(1, B, lldp).fate, dropped(DropReason::ReservedAddress));
    assert_eq!(bench.frame(0, A, lacp).fate, dropped(DropReason::ReservedAddress));
}

#[test]
fn an_address_ages_after_the_ageing_time_and_within_one_second_more() {
    let mut bench = Bench::new(2);
    bench.frame(0, A, B);
    bench.wait(Duration::from_secs(300));
    assert_eq!((bench.port_of(A), bench.entry(A).age_secs), (Some(0), 300));
    assert_eq!(bench.switch.poll_timeout(), Some(bench.now + Duration::from_secs(1)));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.port_of(A), None);
    bench.switch.handle_timeout(bench.now);
    assert_eq!((bench.switch.fdb().stats().aged, bench.switch.poll_timeout()), (1, None));
}

#[test]
fn a_refresh_begins_the_ageing_anew() {
    let mut bench = Bench::new(2);
    bench.frame(0, A, B);
    bench.wait(Duration::from_secs(200));
    assert_eq!(bench.frame(0, A, B).learned, Learned::Refreshed);
    bench.wait(Duration::from_secs(300));
    assert_eq!(bench.port_of(A), Some(0));
}

#[test]
fn the_ageing_time_is_held_between_ten_and_a_million_seconds() {
    let mut bench = Bench::new(2);
    bench.switch.set_ageing(9);
    assert_eq!(bench.switch.fdb().limits().ageing_secs, 10);
    bench.switch.set_ageing(1_000_001);
    assert_eq!(bench.switch.fdb().limits().ageing_secs, 1_000_000);
    bench.frame(0, A, B);
    bench.wait(Duration::from_secs(1_000_000));
    assert_eq!(bench.port_of(A), Some(0));
}

#[test]
fn a_flooding_port_costs_no_other_port_an_address() {
    let mut bench = Bench::with(3, FdbLimits { entries: 64, ageing_secs: 300 });
    (0..20).for_each(|number| drop(bench.frame(1, station(number), B)));
    for number in 100..10_000 {
        bench.frame(0, station(number), B);
    }
    assert!((0..20).all(|number| bench.port_of(station(number)) == Some(1)));
    assert_eq!(bench.switch.fdb().len(), 64);
}

#[test]
fn a_port_that_comes_late_gets_its_share_from_the_one_that_holds_most() {
    let mut bench = Bench::with(3, FdbLimits { entries: 64, ageing_secs: 300 });
    (100..10_000).for_each(|number| drop(bench.frame(0, station(number), B)));
    (0..32).for_each(|number| drop(bench.frame(1, station(number), B)));
    assert!((0..32).all(|number| bench.port_of(station(number)) == Some(1)));
    assert!((9_968..10_000).all(|number| bench.port_of(station(number)) == Some(0)), "the newest stay");
    bench.frame(1, station(32), B);
    assert_eq!((bench.port_of(station(0)), bench.port_of(station(9_968))), (None, Some(0)), "over its share it pays itself");
}

#[test]
fn a_port_at_its_own_limit_loses_its_oldest_address_or_the_frame() {
    let mut bench = Bench::new(2);
    bench.set(0, |port| port.fdb_limit = Some(2));
    [A, B, C].into_iter().for_each(|source| drop(bench.frame(0, source, GROUP)));
    assert_eq!([A, B, C].map(|mac| bench.port_of(mac)), [None, Some(0), Some(0)]);
    bench.set(0, |port| port.fdb_limit_drops = true);
    assert_eq!(bench.frame(0, A, GROUP).fate, dropped(DropReason::FdbPortLimit));
    assert_eq!(bench.frame(0, B, GROUP).fate, Fate::Flooded(FloodKind::Multicast), "known ones still pass");
    assert_eq!((bench.port_of(A), bench.dropped(0, DropReason::FdbPortLimit)), (None, 1));
}

#[test]
fn a_limit_that_is_lowered_takes_the_oldest_addresses_at_once() {
    let mut bench = Bench::new(2);
    [A, B, C].into_iter().for_each(|source| drop(bench.frame(0, source, GROUP)));
    bench.set(0, |port| port.fdb_limit = Some(1));
    assert_eq!([A, B, C].map(|mac| bench.port_of(mac)), [None, None, Some(0)]);
}

#[test]
fn a_static_entry_never_ages_moves_or_is_flushed() {
    let mut bench = Bench::new(3);
    bench.switch.set_fdb(bench.now, A, bench.ports[2], false).expect("room");
    assert_eq!(bench.frame(0, A, B).learned, Learned::Held(bench.ports[2]));
    bench.wait(Duration::from_secs(2_000_000));
    assert_eq!((bench.switch.flush_fdb(None), bench.reaches(0, B, A)), (0, vec![2]));
    assert!(bench.entry(A).is_static);
    bench.switch.delete_fdb(bench.now, A).expect("there");
    assert_eq!(bench.port_of(A), None);
}

#[test]
fn a_sticky_entry_ages_but_never_moves() {
    let mut bench = Bench::new(3);
    bench.switch.set_fdb(bench.now, A, bench.ports[2], true).expect("room");
    assert_eq!(bench.frame(0, A, B).learned, Learned::Held(bench.ports[2]));
    assert_eq!(bench.frame(2, A, B).learned, Learned::Refreshed);
    bench.wait(Duration::from_secs(301));
    assert_eq!(bench.frame(0, A, B).learned, Learned::New);
}

#[test]
fn what_was_set_is_neither_flushed_nor_evicted_and_takes_no_share_of_what_a_port_may_learn() {
    let mut bench = Bench::with(3, FdbLimits { entries: 8, ageing_secs: 300 });
    let sticky = |bench: &mut Bench, mac| bench.switch.set_fdb(bench.now, mac, bench.ports[0], true);
    bench.set(0, |port| port.fdb_limit = Some(2));
    [A, B].into_iter().for_each(|source| drop(bench.frame(0, source, GROUP)));
    sticky(&mut bench, C).expect("room");
    assert_eq!([A, B, C].map(|mac| bench.port_of(mac)), [Some(0); 3]);
    (0..100).for_each(|number| drop(bench.frame(0, station(number), GROUP)));
    assert_eq!((bench.switch.fdb().len(), bench.port_of(C)), (3, Some(0)), "two learned, and what was set");
    (100..200).for_each(|number| drop(bench.frame(1, station(number), GROUP)));
    assert_eq!((bench.switch.fdb().len(), bench.port_of(C)), (8, Some(0)), "full, and it has stayed");

    bench.switch.set_link(bench.ports[0], false).expect("there");
    bench.switch.set_link(bench.ports[0], true).expect("there");
    bench.set(0, |port| port.up = false);
    bench.set(0, |port| (port.up, port.fdb_limit) = (true, Some(0)));
    assert_eq!((bench.switch.flush_fdb(None), bench.switch.fdb().len()), (5, 1));
    assert_eq!((bench.port_of(C), bench.switch.flush_fdb(Some(bench.ports[0]))), (Some(0), 0));

    (0..7).for_each(|number| sticky(&mut bench, station(number)).expect("room"));
    assert_eq!(sticky(&mut bench, station(7)), Err(lanloom_switch_core::FdbError::Full));
    assert_eq!(bench.frame(1, A, GROUP).learned, Learned::Full);
    bench.switch.delete_port(bench.ports[0]).expect("there");
    assert_eq!(bench.switch.fdb().len(), 0, "with its port it goes");
}

#[test]
fn a_move_is_counted_and_told() {
    let mut bench = Bench::new(2);
    bench.frame(0, A, GROUP);
    let (from, to) = (bench.ports[0], bench.ports[1]);
    assert_eq!(bench.frame(1, A, GROUP).learned, Learned::Moved(from));
    assert_eq!((bench.switch.fdb().stats().moves, bench.port_of(A)), (1, Some(1)));
    assert_eq!((bench.switch.poll_event(), bench.switch.poll_event()), (Some(Event::Moved { mac: A, from, to }), None));
}

#[test]
fn a_flush_by_port_forgets_what_was_learned_there_and_nothing_else() {
    let mut bench = Bench::new(3);
    bench.frame(0, A, GROUP);
    bench.frame(1, B, GROUP);
    assert_eq!(bench.switch.flush_fdb(Some(bench.ports[0])), 1);
    assert_eq!((bench.port_of(A), bench.port_of(B)), (None, Some(1)));
}

#[test]
fn a_port_that_goes_down_takes_and_gets_nothing_and_its_addresses_are_forgotten() {
    let mut bench = Bench::new(3);
    bench.frame(0, A, GROUP);
    bench.switch.set_link(bench.ports[0], false).expect("there");
    assert_eq!((bench.frame(0, A, GROUP).fate, bench.port_of(A)), (dropped(DropReason::PortDown), None));
    assert_eq!(bench.reaches(1, B, MacAddr::BROADCAST), [2]);
    bench.switch.set_fdb(bench.now, C, bench.ports[0], false).expect("room");
    assert_eq!(bench.frame(1, B, C).fate, dropped(DropReason::PortDown), "a static entry stays on it");
    bench.set(1, |port| port.up = false);
    assert_eq!((bench.frame(1, B, GROUP).fate, bench.port_of(B)), (dropped(DropReason::PortDown), None));
}

#[test]
fn isolated_ports_reach_those_that_are_not_and_each_other_never() {
    let mut bench = Bench::new(3);
    [0, 1].into_iter().for_each(|port| bench.set(port, |port| port.isolated = true));
    [A, B, C].into_iter().zip(0..).for_each(|(source, port)| drop(bench.frame(port, source, GROUP)));
    assert_eq!(bench.frame(0, A, B).fate, dropped(DropReason::Isolated));
    assert_eq!(bench.reaches(0, A, MacAddr::BROADCAST), [2]);
    assert_eq!((bench.reaches(0, A, C), bench.reaches(2, C, A)), (vec![2], vec![0]));
}

#[test]
fn each_flood_switch_keeps_its_own_kind_of_flood_from_its_port() {
    let mut bench = Bench::new(2);
    let kinds = |bench: &mut Bench| [B, GROUP, MacAddr::BROADCAST].map(|to| bench.frame(0, A, to).fate);
    let [unknown, multicast, broadcast] = kinds(&mut bench);
    let off = dropped(DropReason::FloodOff);
    bench.set(1, |port| port.flood = false);
    assert_eq!(kinds(&mut bench), [off, multicast, broadcast]);
    bench.set(1, |port| (port.flood, port.mcast_flood) = (true, false));
    assert_eq!(kinds(&mut bench), [unknown, off, broadcast]);
    bench.set(1, |port| (port.mcast_flood, port.bcast_flood) = (true, false));
    assert_eq!(kinds(&mut bench), [unknown, multicast, off]);
    bench.frame(1, B, A);
    assert_eq!(bench.frame(0, A, B).fate, Fate::Forwarded, "no flood switch is for known addresses");
}

#[test]
fn a_port_that_does_not_learn_teaches_nothing() {
    let mut bench = Bench::new(2);
    bench.set(0, |port| port.learning = false);
    assert_eq!((bench.frame(0, A, B).learned, bench.port_of(A)), (Learned::Nothing, None));
}

#[test]
fn floods_beyond_the_limit_are_dropped_and_told_once_and_known_addresses_still_pass() {
    let mut bench = Bench::new(2);
    bench.set(0, |port| port.storm = Some(StormLimit { rate: 100, burst: 10 }));
    bench.frame(1, B, GROUP);
    let passed = (0..50).filter(|_| bench.frame(0, A, MacAddr::BROADCAST).fate != dropped(DropReason::Storm)).count();
    assert_eq!((passed, bench.dropped(0, DropReason::Storm)), (10, 40));
    assert_eq!(bench.frame(0, A, B).fate, Fate::Forwarded);
    let port = bench.ports[0];
    assert_eq!((bench.switch.poll_event(), bench.switch.poll_event()), (Some(Event::Storm { port }), None));
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.frame(0, A, MacAddr::BROADCAST).fate, Fate::Flooded(FloodKind::Broadcast));
}

#[test]
fn a_changed_storm_limit_starts_afresh_and_one_that_is_set_again_does_not() {
    let mut bench = Bench::new(2);
    let slow = StormLimit { rate: 1, burst: 1000 };
    bench.set(0, |port| port.storm = Some(slow));
    let floods = |bench: &mut Bench| {
        (0..2000).filter(|_| matches!(bench.frame(0, A, MacAddr::BROADCAST).fate, Fate::Flooded(_))).count()
    };
    assert_eq!(floods(&mut bench), 1000);
    bench.set(0, |port| (port.storm, port.isolated) = (Some(slow), true));
    assert_eq!(floods(&mut bench), 0, "nothing of the limit changed");
    bench.set(0, |port| port.storm = Some(StormLimit { rate: 10_000, burst: 100 }));
    assert_eq!(floods(&mut bench), 100, "the debt of the old rate is forgotten");
    bench.set(0, |port| port.storm = None);
    bench.set(0, |port| port.storm = Some(slow));
    assert_eq!(floods(&mut bench), 1000);
}

#[test]
fn a_storm_is_told_even_by_the_frame_that_moves_an_address() {
    let mut bench = Bench::new(3);
    bench.set(0, |port| port.storm = Some(StormLimit { rate: 1, burst: 1 }));
    bench.frame(0, A, GROUP);
    bench.frame(1, B, GROUP);
    let (from, to) = (bench.ports[1], bench.ports[0]);
    assert_eq!(bench.frame(0, B, GROUP).fate, dropped(DropReason::Storm));
    let told = [bench.switch.poll_event(), bench.switch.poll_event()];
    assert_eq!(told, [Some(Event::Moved { mac: B, from, to }), Some(Event::Storm { port: to })]);
}

#[test]
fn two_switches_with_two_cables_loop_no_more_than_the_limit_lets_them() {
    let new = || Bench::new(3);
    let mut switches = [new(), new()];
    let broadcast = [&MacAddr::BROADCAST.0[..], &A.0, &[8, 6], &[0; 46]].concat();
    let mut waiting = std::collections::VecDeque::from([(0, 0)]);
    let mut handled = 0;
    while let Some((at, port)) = waiting.pop_front() {
        handled += 1;
        assert!(handled < 100_000, "the loop does not end");
        let verdict = switches[at].bytes(port, &broadcast);
        let over = verdict.copies.iter().map(|(to, _)| to.index()).filter(|to| *to > 0);
        waiting.extend(over.map(|to| (1 - at, to)));
    }
    assert!(handled > 2_000);
}

#[test]
fn a_mtu_is_held_against_the_segments_and_not_the_super_frame() {
    let mut bench = Bench::new(2);
    bench.set(1, |port| port.mtu = 1500);
    let bytes = [&MacAddr::BROADCAST.0[..], &A.0, &[8, 0], &[0; 30_000]].concat();
    let copy = |bench: &mut Bench, frame: Frame<'_>| {
        bench.switch.handle_frame(bench.now, bench.ports[0], &frame).expect("there").copies[0].1
    };
    assert_eq!(copy(&mut bench, Frame::super_frame(&bytes, 21, 1514).expect("long enough")), EgressFate::Sent);
    let exceeded = EgressFate::Dropped(DropReason::MtuExceeded);
    assert_eq!(copy(&mut bench, Frame::super_frame(&bytes, 21, 1515).expect("long enough")), exceeded);
    assert_eq!(copy(&mut bench, Frame::new(&bytes).expect("long enough")), exceeded);
    assert_eq!(bench.dropped(1, DropReason::MtuExceeded), 2);
}

#[test]
fn a_deleted_port_leaves_no_address_and_its_name_never_means_its_successor() {
    let mut bench = Bench::new(2);
    bench.frame(0, A, GROUP);
    bench.switch.set_fdb(bench.now, B, bench.ports[0], false).expect("room");
    let old = bench.ports[0];
    assert_eq!(bench.switch.delete_port(old).expect("there").forwarded, 1);
    assert!(bench.switch.fdb().is_empty());
    let new = bench.switch.add_port(PortConfig::default()).expect("room");
    assert_eq!((new.index(), new == old), (0, false));
    assert!(bench.switch.counters(old).is_err() && bench.switch.set_link(old, false).is_err());
    assert_eq!(bench.switch.counters(new).expect("there").rx.frames, 0);
}

#[test]
fn a_trace_names_every_port_that_a_flood_leaves_out_and_why() {
    let mut bench = Bench::new(5);
    bench.set(0, |port| port.isolated = true);
    bench.set(1, |port| port.isolated = true);
    bench.set(2, |port| port.bcast_flood = false);
    bench.set(3, |port| port.up = false);
    let bytes = [&MacAddr::BROADCAST.0[..], &A.0, &[8, 6], &[0; 46]].concat();
    let frame = Frame::new(&bytes).expect("long enough");
    let name = |port: PortId| format!("p{}", port.index() + 1);
    let trace = bench.switch.trace(bench.now, bench.ports[0], &frame, &name).expect("there");
    assert_eq!(
        trace.steps,
        [
            "received on p1 (up): 60 bytes",
            "source 02:00:00:00:00:0a: new, learned on p1",
            "destination is broadcast: flood",
            "p2 is left out: both ports are isolated",
            "p3 is left out: its flood switch is off",
            "p4 is left out: down",
            "sent to p5",
        ]
    );
}
