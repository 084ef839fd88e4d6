//! The frame path allocates nothing: a counting allocator under the whole process says so.

mod counting;
mod wire;

use counting::allocations;
use lanloom_switch_core::{
    DropReason, EgressFate, Fate, FdbLimits, Frame, Guard, Instant, MacAddr, PortConfig, PortId, Prefixes, Role, StormLimit,
    Switch, SwitchConfig,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
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

/// Takes what the switch has to send, and answers how many frames that was.
fn drain(switch: &mut Switch) -> u32 {
    let mut taken = 0;
    while let Some(made) = switch.poll_transmit() {
        let (port, len) = (made.port, made.bytes.len());
        switch.record_generated(port, len, EgressFate::Sent);
        taken += 1;
    }
    taken
}

#[test]
fn answers_to_packets_that_are_too_big_allocate_nothing_once_the_queue_has_its_memory() {
    let (mut switch, ports) = switch(2, 4096);
    switch.set_port(ports[1], PortConfig { tunnel: true, mtu: 1300, ..PortConfig::default() }).expect("there");
    handle(&mut switch, 0, ports[1], &frame(station(2), MacAddr::BROADCAST));
    let ether = |kind, packet: Vec<u8>| wire::ether(station(1), station(2), kind, &packet);
    let four = ether(wire::IPV4, wire::ipv4(v4(1), v4(2), 0x4000, wire::UDP, &[7; 1400]));
    let six = ether(wire::IPV6, wire::ipv6(v6(1), v6(2), wire::UDP, &[7; 1400]));
    let mut answered = |from: u32, frames: u32| {
        let mut answered = 0;
        for number in from..from + frames {
            // A hundred a batch, more than the queue holds and more than are answered at once.
            handle(&mut switch, number * 100, ports[0], if number % 2 == 0 { &four } else { &six });
            answered += if number % 100 == 99 { drain(&mut switch) } else { 0 };
        }
        answered
    };
    assert!(answered(0, 1000) > 0);
    let count = allocations(|| assert!(answered(1000, FRAMES) > FRAMES / 10));
    assert_eq!(count, 0, "over {FRAMES} frames");
}

#[test]
fn answering_for_neighbours_and_hearing_of_them_allocates_nothing_once_the_tables_have_their_size() {
    let (mut switch, ports) = switch(2, 4096);
    let tunnel = PortConfig { tunnel: true, suppress: true, storm: None, ..PortConfig::default() };
    switch.set_port(ports[1], tunnel).expect("there");
    let all = MacAddr::BROADCAST;
    let announces = |number: u32| wire::ether(station(9), all, wire::ARP, &wire::arp(1, station(9), v4(number), v4(number)));
    let advertises = wire::ether(station(9), all, wire::IPV6, &wire::advertisement(v6(2), v6(1), 0x20, station(9)));
    let asks = [
        wire::ether(station(1), all, wire::ARP, &wire::arp(1, station(1), v4(1), v4(77))),
        wire::ether(station(1), all, wire::IPV6, &wire::solicitation(v6(1), v6(2), Some(station(1)))),
    ];
    // More addresses than there are places, so that old ones make room all the time.
    let taught: Vec<_> = (100..10_000).map(announces).collect();
    let known = [announces(77), advertises];
    let mut hand = |from: u32, frames: u32| {
        let mut answered = 0;
        for number in from..from + frames {
            handle(&mut switch, number, ports[1], &taught[number as usize % taught.len()]);
            handle(&mut switch, number, ports[1], &known[number as usize % 2]);
            handle(&mut switch, number, ports[0], &asks[number as usize % 2]);
            answered += drain(&mut switch);
        }
        answered
    };
    hand(0, FRAMES / 10);
    let count = allocations(|| assert_eq!(hand(FRAMES / 10, FRAMES / 10), FRAMES / 10, "each is answered"));
    assert_eq!(count, 0);
}

/// A gateway in the first place and endpoints behind it, each with a MAC address by its number.
fn guarded_switch(ports: u32) -> (Switch, Vec<PortId>) {
    let (mut switch, ids) = switch(ports as usize, 65_536);
    let foreign = Arc::new(Prefixes::new([([10, 9, 0, 0].into(), 16), ([10, 7, 0, 0].into(), 16)]));
    for (number, id) in (0..ports).zip(&ids) {
        let role = if number == 0 { Role::Gateway } else { Role::Endpoint };
        let addresses = vec![v4(number).into(), v6(number).into()];
        let guard = Guard { role, mac: Some(station(number)), addresses, foreign: foreign.clone(), ..Guard::default() };
        switch.set_guard(*id, Some(Arc::new(guard))).expect("there");
    }
    (switch, ids)
}

fn v4(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | number)
}

fn v6(number: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(number))
}

#[test]
fn guards_allocate_nothing_whether_a_frame_passes_or_not() {
    let (mut switch, ports) = guarded_switch(16);
    let to_all = |payload: (u16, Vec<u8>)| wire::ether(station(3), MacAddr::BROADCAST, payload.0, &payload.1);
    let neighbour = wire::neighbour(136, Some(v6(3)), &[(2, station(3)); 4]);
    let frames = [
        (to_all((wire::ARP, wire::arp(1, station(3), v4(3), v4(99)))), None),
        (to_all((wire::ARP, wire::arp(2, station(3), v4(4), v4(99)))), Some(DropReason::Spoofed)),
        (to_all((wire::IPV4, wire::ipv4(v4(99), v4(5), 0, wire::UDP, &wire::udp(9, 9)))), None),
        (to_all((wire::IPV4, wire::ipv4(v4(3), v4(5), 0, wire::UDP, &wire::udp(67, 9)))), Some(DropReason::DhcpGuard)),
        (to_all((wire::IPV4, wire::ipv4(v4(3), [10, 9, 1, 1].into(), 0, 6, &[]))), Some(DropReason::Isolated)),
        (to_all((wire::IPV6, wire::ipv6(v6(3), v6(5), 60, &wire::extension(wire::ICMPV6, 1, &neighbour)))), None),
        (to_all((wire::IPV6, wire::ipv6(v6(4), v6(5), 59, &[]))), Some(DropReason::Spoofed)),
        (to_all((wire::IPV6, wire::ipv6(v6(3), v6(5), 44, &wire::fragment(60, 0, true, &[])))), Some(DropReason::RaGuard)),
        (to_all((wire::IPV6, vec![0x60])), Some(DropReason::Malformed)),
        (wire::ether(station(3), MacAddr::RESERVED, 38, &[0x42, 0x42, 3]), Some(DropReason::BpduGuard)),
    ];
    let count = allocations(|| {
        for number in 0..FRAMES {
            let (bytes, reason) = &frames[number as usize % frames.len()];
            let fate = handle(&mut switch, number, ports[3], bytes);
            assert_eq!(matches!(fate, Fate::Flooded(_)), reason.is_none(), "{bytes:x?}");
            assert!(reason.is_none_or(|reason| fate == Fate::Dropped(reason)), "{fate:?} {bytes:x?}");
        }
    });
    assert_eq!(count, 0, "over {FRAMES} frames");
}
