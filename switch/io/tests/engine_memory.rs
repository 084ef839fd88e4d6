//! An engine with links in memory: no root, no kernel network.

use lanloom_switch_core::{DropReason, EgressFate, MacAddr, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines, PortState, SwitchHandle};
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::link::{LinkError, Offloads};
use lanloom_switch_io::plug::Plug;
use lanloom_switch_io::vnet::VnetHeader;
use std::time::{Duration, Instant};

/// Liveness only: what is tested comes within microseconds.
const PATIENCE: Duration = Duration::from_secs(5);

fn switch() -> SwitchHandle {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads to start");
    engines.create_switch("s", SwitchConfig::default()).expect("a switch")
}

fn plug(switch: &SwitchHandle, name: &str, bound: Bound) -> (PortId, MemoryEnd) {
    let (ours, theirs) = pair(bound, Offloads::ALL).expect("descriptors");
    let description = format!("memory://{name}");
    let id = switch.add_port(name, &description, Plug::Memory(theirs), PortConfig::default()).expect("a port");
    (id, ours)
}

fn mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, last])
}

fn frame(to: MacAddr, from: MacAddr, payload: u8) -> Vec<u8> {
    let mut bytes = [to.0, from.0].concat();
    bytes.extend([0x88, 0xb5]);
    bytes.extend([payload; 46]);
    bytes
}

fn send(end: &MemoryEnd, bytes: &[u8]) {
    assert_eq!(end.send_frame(bytes, VnetHeader::default()), EgressFate::Sent);
}

fn received(end: &MemoryEnd) -> Vec<u8> {
    let frame = end.recv_frame(PATIENCE).expect("the switch to be there");
    frame.expect("a frame within the deadline").0.into_vec()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_unknown_address_is_flooded_and_a_learned_one_is_not() {
    let switch = switch();
    let (a, b, c) =
        (plug(&switch, "p1", Bound::default()), plug(&switch, "p2", Bound::default()), plug(&switch, "p3", Bound::default()));
    let question = frame(mac(2), mac(1), 1);
    send(&a.1, &question);
    assert_eq!(received(&b.1), question);
    assert_eq!(received(&c.1), question);
    let answer = frame(mac(1), mac(2), 2);
    send(&b.1, &answer);
    assert_eq!(received(&a.1), answer);
    send(&c.1, &frame(mac(1), mac(3), 3));
    assert_eq!(received(&a.1), frame(mac(1), mac(3), 3));
    assert!(c.1.recv_frame(Duration::ZERO).expect("there").is_none());
    let learned: Vec<_> = switch.fdb().expect("there").into_iter().map(|entry| (entry.mac, entry.port)).collect();
    assert_eq!(learned, [(mac(1), a.0), (mac(2), b.0), (mac(3), c.0)]);
}

#[test]
fn a_reader_that_stopped_loses_only_its_own_frames() {
    let switch = switch();
    let small = Bound { frames: 10, bytes: 1 << 20 };
    let (a, slow, quick) = (plug(&switch, "p1", Bound::default()), plug(&switch, "p2", small), plug(&switch, "p3", small));
    for payload in 0..200 {
        send(&a.1, &frame(MacAddr::BROADCAST, mac(1), payload));
        assert_eq!(received(&quick.1)[14], payload);
    }
    let counters = switch.counters().expect("there");
    let of = |id| counters.iter().find(|(port, ..)| *port == id).map(|(_, _, counters)| counters).expect("a port");
    assert_eq!(of(slow.0).dropped(DropReason::QueueFull), 190);
    assert_eq!((of(slow.0).tx.frames, of(quick.0).tx.frames), (10, 200));
    assert_eq!((of(a.0).rx.frames, of(a.0).forwarded), (200, 200));
}

#[test]
fn an_end_that_goes_leaves_its_port_down_with_a_reason_and_the_others_up() {
    let switch = switch();
    let (a, b) = (plug(&switch, "p1", Bound::default()), plug(&switch, "p2", Bound::default()));
    drop(b.1);
    until("p2 down", || {
        let ports = switch.ports().expect("there");
        ports[1].state == PortState::Down { reason: "the other end is closed".to_owned() } && ports[0].state == PortState::Up
    });
    send(&a.1, &frame(MacAddr::BROADCAST, mac(1), 1));
    until("a counted drop", || switch.counters().expect("there")[0].2.dropped(DropReason::NoDestination) == 1);
}

#[test]
fn what_is_no_frame_is_counted_and_harms_nobody() {
    let switch = switch();
    let (a, b) = (plug(&switch, "p1", Bound::default()), plug(&switch, "p2", Bound::default()));
    send(&a.1, &[1; 13]);
    let lying =
        VnetHeader { checksum: lanloom_switch_io::vnet::Checksum::Partial { start: 60, offset: 2 }, ..VnetHeader::default() };
    assert_eq!(a.1.send_frame(&frame(mac(2), mac(1), 1), lying), EgressFate::Sent);
    send(&a.1, &frame(mac(2), mac(1), 9));
    assert_eq!(received(&b.1)[14], 9);
    let counters = &switch.counters().expect("there")[0].2;
    assert_eq!((counters.rx.frames, counters.dropped(DropReason::Malformed), counters.forwarded), (3, 2, 1));
}

#[test]
fn a_deleted_switch_answers_that_it_is_gone_and_its_ends_hear_it() {
    let switch = switch();
    let (_, end) = plug(&switch, "p1", Bound::default());
    switch.delete().expect("there");
    assert!(switch.ports().is_err());
    assert!(matches!(end.recv_frame(PATIENCE), Err(LinkError::Closed)));
}

#[test]
fn a_capture_tells_each_frame_once_with_the_links_answers() {
    let switch = switch();
    let small = Bound { frames: 1, bytes: 1 << 20 };
    let (a, slow) = (plug(&switch, "p1", Bound::default()), plug(&switch, "p2", small));
    let mut capture = switch.capture(lanloom_switch_io::capture::Scope::default()).expect("there");
    for payload in 0..3 {
        send(&a.1, &frame(MacAddr::BROADCAST, mac(1), payload));
    }
    let mut seen = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while seen.len() < 3 && Instant::now() < deadline {
        if let lanloom_switch_io::capture::Heard::Records(records) = capture.next(Duration::from_millis(100)) {
            seen.extend(records.iter().map(|record| (record.bytes[14], record.copies.to_vec())));
        }
    }
    let full = EgressFate::Dropped(DropReason::QueueFull);
    assert_eq!(seen, [(0, vec![(slow.0, EgressFate::Sent)]), (1, vec![(slow.0, full)]), (2, vec![(slow.0, full)]),]);
}

#[test]
fn a_thread_looks_on_longer_under_load_and_not_at_all_once_frames_come_far_apart() {
    let spin = Duration::from_millis(20);
    let engines = Engines::start(EngineConfig { threads: 1, spin, events: None }).expect("threads to start");
    let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    let (_, host) = plug(&switch, "p1", Bound::default());
    let window = || engines.stats()[0].spin;
    assert_eq!((window(), engines.spin()), (Duration::ZERO, spin));
    until("the bound", || {
        send(&host, &frame(MacAddr::BROADCAST, mac(1), 1));
        window() == spin
    });
    until("no looking on", || {
        std::thread::sleep(Duration::from_millis(200));
        send(&host, &frame(MacAddr::BROADCAST, mac(1), 1));
        window() == Duration::ZERO
    });
}

#[test]
fn two_cables_between_two_switches_do_not_take_the_machine() {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads to start");
    let switches = ["one", "two"].map(|name| engines.create_switch(name, SwitchConfig::default()).expect("a switch"));
    for cable in ["cable1", "cable2"] {
        let ends = pair(Bound::default(), Offloads::ALL).expect("descriptors");
        for (switch, end) in switches.iter().zip([ends.0, ends.1]) {
            switch.add_port(cable, cable, Plug::Memory(end), PortConfig::default()).expect("a port");
        }
    }
    let (_, host) = plug(&switches[0], "host", Bound::default());
    // One alone would only go round, and on a slow machine not fast enough to be limited.
    (0..100).for_each(|payload| send(&host, &frame(MacAddr::BROADCAST, mac(1), payload)));
    until("the loop limited", || {
        let counters = switches.each_ref().map(|switch| switch.counters().expect("a thread that still answers"));
        counters.iter().flatten().any(|(_, _, counters)| counters.dropped(DropReason::Storm) > 0)
    });
}
