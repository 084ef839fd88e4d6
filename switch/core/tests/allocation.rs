//! The frame path allocates nothing: a counting allocator under the whole process says so.

mod counting;

use counting::allocations;
use lanloom_switch_core::{Fate, FdbLimits, Frame, Instant, MacAddr, PortConfig, PortId, StormLimit, Switch, SwitchConfig};
use std::time::Duration;

const FRAMES: u32 = 200_000;

fn switch(ports: usize, entries: u32) -> (Switch, Vec<PortId>) {
    let mut switch = Switch::new(SwitchConfig { fdb: FdbLimits { entries, ageing_secs: 300 }, seed: 7 });
    let config = PortConfig { storm: Some(StormLimit { rate: u32::MAX, burst: u32::MAX }), ..PortConfig::default() };
    let ports = (0..ports).map(|_| switch.add_port(config.clone()).expect("few ports")).collect();
    (switch, ports)
}

fn station(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([0x02, 0, a, b, c, d])
}

fn frame(source: MacAddr, destination: MacAddr) -> [u8; 60] {
    let mut bytes = [0; 60];
    bytes[..6].copy_from_slice(&destination.0);
    bytes[6..12].copy_from_slice(&source.0);
    bytes
}

/// Hands one frame in, 10 µs after the one before, and answers its fate.
fn handle(switch: &mut Switch, number: u32, port: PortId, bytes: &[u8]) -> Fate {
    let now = Instant::from_secs(1) + Duration::from_micros(10) * number;
    let frame = Frame::new(bytes).expect("long enough");
    switch.handle_frame(now, port, &frame).expect("there").fate
}

#[test]
fn the_allocator_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn forwarding_known_addresses_allocates_nothing() {
    let (mut switch, ports) = switch(4, 65_536);
    let stations = 1000;
    for number in 0..stations {
        handle(&mut switch, 0, ports[number as usize % 4], &frame(station(number), MacAddr::BROADCAST));
    }
    let count = allocations(|| {
        for number in 0..FRAMES {
            let (from, to) = (number % stations, (number + 1) % stations);
            let fate = handle(&mut switch, number, ports[from as usize % 4], &frame(station(from), station(to)));
            assert_eq!(fate, Fate::Forwarded);
        }
    });
    assert_eq!(count, 0, "over {FRAMES} frames");
}

#[test]
fn flooding_allocates_nothing_from_the_first_frame_on() {
    let (mut switch, ports) = switch(64, 65_536);
    let count = allocations(|| {
        for number in 0..FRAMES {
            let fate =
                handle(&mut switch, number, ports[number as usize % 64], &frame(station(number % 64), MacAddr::BROADCAST));
            assert!(matches!(fate, Fate::Flooded(_)));
        }
    });
    assert_eq!(count, 0, "over {FRAMES} frames");
}

#[test]
fn learning_new_addresses_in_a_full_database_allocates_nothing_once_it_has_its_size() {
    let (mut switch, ports) = switch(2, 4096);
    let mut churn = |from: u32| {
        for number in from..from + FRAMES {
            handle(&mut switch, number, ports[number as usize % 2], &frame(station(number), station(number - 1)));
        }
        switch.fdb().stats().grows
    };
    let grows = churn(1);
    assert!(grows <= 8, "the table grew {grows} times");
    let count = allocations(|| assert_eq!(churn(FRAMES), grows));
    assert_eq!(count, 0, "over {FRAMES} frames");
}
