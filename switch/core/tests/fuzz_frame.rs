//! Fuzzing of frames as hostile stations send them: arbitrary bytes, and addresses few enough to collide. Nothing panics,
//! the accounting law holds, a trace foretells the verdict, and no table outgrows its limit.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset) and prints how often.

use bolero::{TypeGenerator, check};
use lanloom_switch_core::describe::describe;
use lanloom_switch_core::{Fate, FdbLimits, Frame, Instant, MacAddr, PortConfig, PortId, Switch, SwitchConfig};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, TypeGenerator)]
struct Arrival {
    port: u8,
    wait_ms: u16,
    segments: u8,
    wire_len: u32,
    bytes: Bytes,
}

#[derive(Debug, TypeGenerator)]
enum Bytes {
    Arbitrary(Vec<u8>),
    Addressed { destination: Address, source: Address, rest: Vec<u8> },
}

#[derive(Debug, TypeGenerator)]
enum Address {
    Station(u8),
    Reserved(u8),
    Broadcast,
    Any([u8; 6]),
}

impl Address {
    fn mac(&self) -> MacAddr {
        match self {
            Self::Station(number) => MacAddr([2, 0, 0, 0, 0, number % 32]),
            Self::Reserved(last) => MacAddr([0x01, 0x80, 0xc2, 0, 0, last % 20]),
            Self::Broadcast => MacAddr::BROADCAST,
            Self::Any(bytes) => MacAddr(*bytes),
        }
    }
}

impl Bytes {
    fn all(&self) -> Vec<u8> {
        match self {
            Self::Arbitrary(bytes) => bytes.clone(),
            Self::Addressed { destination, source, rest } => [&destination.mac().0[..], &source.mac().0, rest].concat(),
        }
    }
}

const LIMITS: FdbLimits = FdbLimits { entries: 16, ageing_secs: 10 };

#[test]
fn fuzz_frame() {
    let seconds = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let [executions, short, dropped, sent] = [const { AtomicU64::new(0) }; 4];
    check!().with_type::<Vec<Arrival>>().with_test_time(Duration::from_secs(seconds)).for_each(|arrivals: &Vec<Arrival>| {
        executions.fetch_add(1, Ordering::Relaxed);
        let (mut switch, ports) = switch();
        let mut now = Instant::from_secs(1);
        for arrival in arrivals {
            now = now + Duration::from_millis(u64::from(arrival.wait_ms));
            let ended = match exercise(&mut switch, now, ports[usize::from(arrival.port) % ports.len()], arrival) {
                None => &short,
                Some(Fate::Dropped(_)) => &dropped,
                Some(Fate::Forwarded | Fate::Flooded(_) | Fate::Consumed(_)) => &sent,
            };
            ended.fetch_add(1, Ordering::Relaxed);
        }
        assert_law(&switch);
    });
    let [executions, short, dropped, sent] = [executions, short, dropped, sent].map(AtomicU64::into_inner);
    println!("frame: {executions} executions ({short} frames too short, {dropped} dropped, {sent} sent) in {seconds} s");
    assert!(short > 0 && dropped > 0 && sent > 0, "every path was taken");
}

fn switch() -> (Switch, Vec<PortId>) {
    let mut switch = Switch::new(SwitchConfig { fdb: LIMITS, seed: 3 });
    let configs = [
        PortConfig::default(),
        PortConfig { reserved_open: u16::MAX, fdb_limit: Some(4), ..PortConfig::default() },
        PortConfig { isolated: true, mtu: 100, fdb_limit: Some(2), fdb_limit_drops: true, ..PortConfig::default() },
        PortConfig { isolated: true, reserved_open: u16::MAX, flood: false, ..PortConfig::default() },
        PortConfig { tunnel: true, ..PortConfig::default() },
        PortConfig { tunnel: true, segment: 1, mtu: 100, ..PortConfig::default() },
    ];
    let ports = configs.into_iter().map(|config| switch.add_port(config).expect("few ports")).collect();
    (switch, ports)
}

/// What became of the frame; `None` if it was none.
fn exercise(switch: &mut Switch, now: Instant, port: PortId, arrival: &Arrival) -> Option<Fate> {
    let bytes = arrival.bytes.all();
    let frame = Frame::super_frame(&bytes, u32::from(arrival.segments), arrival.wire_len)?;
    assert!(!describe(&bytes).to_string().is_empty());
    let foretold = switch.trace(now, port, &frame, &|id| format!("{id:?}")).expect("there").verdict;
    let verdict = switch.handle_frame(now, port, &frame).expect("there");
    assert_eq!(*verdict, foretold);
    assert!(verdict.copies.iter().all(|(to, _)| *to != port));
    let fate = verdict.fate;
    assert!(switch.fdb().len() <= LIMITS.entries as usize);
    Some(fate)
}

fn assert_law(switch: &Switch) {
    for port in switch.port_ids() {
        let counters = switch.counters(port).expect("listed");
        assert_eq!(counters.rx.frames, counters.forwarded + counters.consumed + counters.rx_dropped());
    }
}
