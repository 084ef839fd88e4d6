//! The core alone: decisions a second on one thread, without links; and what virtual time costs, where the core is all there is.
//!
//! Every frame is learned from and looked up, between stations that are spread over the ports and answer each other at random.
//! Time goes on as it would at ten million frames a second, so that refreshing once a second is part of the figure.

use crate::fault::{Result, Tried};
use crate::machine::Machine;
use crate::virtual_time;
use lanloom_switch_core::{
    FdbLimits, Frame, Guard, Instant, MacAddr, PortConfig, PortId, Prefixes, Role, Switch, SwitchConfig,
};
use nix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const PORTS: usize = 16;

/// Frames that an engine decides between two looks at the clock.
const BATCH: usize = 64;

/// Frames that are made before the clock starts and sent in turn.
const FRAMES: usize = 1 << 20;

/// An Ethernet header, and one with a header of IPv4 behind it.
const HEADER_LEN: usize = 14;
const PACKET_LEN: usize = HEADER_LEN + 20;

/// What a case is to reach, in million decisions a second; set before the switch was written.
const CASES: [Case; 4] = [
    Case { name: "unicast, 1,000 addresses", addresses: 1_000, broadcast: false, guarded: false, target: Some(20.0) },
    Case { name: "unicast, 1,000,000 addresses", addresses: 1_000_000, broadcast: false, guarded: false, target: Some(8.0) },
    Case { name: "broadcast to 15 ports, 1,000 addresses", addresses: 1_000, broadcast: true, guarded: false, target: None },
    Case { name: "unicast IPv4, guarded, 1,000 addresses", addresses: 1_000, broadcast: false, guarded: true, target: None },
];

/// Options of `core`.
#[derive(clap::Args)]
pub(crate) struct CoreArgs {
    /// Runs of each case; the median is reported
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where core-DATE.md and core-DATE.json go
    #[arg(long, default_value = "bench/results")]
    out: PathBuf,
}

struct Case {
    name: &'static str,
    addresses: u32,
    broadcast: bool,
    /// Every port has a guard, the first is a gateway's, and few addresses are those of their port: each is looked for among all.
    guarded: bool,
    target: Option<f64>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    /// Million decisions a second, one a round.
    samples: Vec<f64>,
    median: f64,
    target: Option<f64>,
}

/// Measures every case, prints the table and writes it.
///
/// # Errors
/// If the report cannot be written.
pub(crate) fn run(args: &CoreArgs) -> Result<()> {
    let mut rows: Vec<Row> =
        CASES.iter().map(|case| Row { name: case.name, samples: Vec::new(), median: 0.0, target: case.target }).collect();
    for round in 1..=args.rounds.max(1) {
        for (case, row) in CASES.iter().zip(&mut rows) {
            eprintln!("round {round} of {}: {}", args.rounds.max(1), case.name);
            row.samples.push(if case.guarded { measure::<PACKET_LEN>(case) } else { measure::<HEADER_LEN>(case) });
        }
    }
    for row in &mut rows {
        let mut sorted = row.samples.clone();
        sorted.sort_by(f64::total_cmp);
        row.median = sorted[sorted.len() / 2];
    }
    eprintln!("virtual time: {}", virtual_time::WHAT);
    let ageing = virtual_time::measure(args.rounds.max(1))?;
    let machine = Machine::read();
    let text = markdown(&machine, &rows) + &ageing.markdown();
    print!("{text}");
    std::fs::create_dir_all(&args.out).tried(|| format!("making {}", args.out.display()))?;
    let json = serde_json::json!({ "machine": machine, "cases": rows, "virtual_time": ageing });
    for (ending, text) in [("md", text), ("json", format!("{json:#}\n"))] {
        let path = args.out.join(format!("core-{}.{ending}", machine.date));
        std::fs::write(&path, text).tried(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}

/// Million decisions a second, of frames of `N` bytes.
fn measure<const N: usize>(case: &Case) -> f64 {
    let limits = FdbLimits { entries: case.addresses + 1, ..FdbLimits::default() };
    let mut switch = Switch::new(SwitchConfig { fdb: limits, seed: 7 });
    let ports: Vec<PortId> = (0..PORTS).filter_map(|number| switch.add_port(config(case, number as u32))).collect();
    let mut now = Instant::from_secs(1);
    for station in 0..case.addresses {
        let bytes: [u8; N] = frame(station, None);
        decide(&mut switch, now, ports[station as usize % PORTS], &bytes);
    }
    let frames = frames::<N>(case);
    let count = if case.broadcast { FRAMES * 4 } else { FRAMES * 16 };
    let start = cpu_time();
    for batch in frames.chunks(BATCH).cycle().take(count / BATCH) {
        now = now + Duration::from_nanos(100 * BATCH as u64);
        switch.warm(now, batch.iter().filter_map(|(_, bytes)| Frame::new(bytes)));
        for (station, bytes) in batch {
            decide(&mut switch, now, ports[*station as usize % PORTS], bytes);
        }
    }
    count as f64 / (cpu_time() - start).as_secs_f64() / 1e6
}

/// What this thread has used of a core: whatever else the machine does is not in it, but for what it takes of the caches.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

fn decide(switch: &mut Switch, now: Instant, port: PortId, bytes: &[u8]) {
    if let Some(frame) = Frame::new(bytes) {
        // Only a port that is gone is an error, and none goes.
        let _ = black_box(switch.handle_frame(now, port, black_box(&frame)));
    }
}

/// Frames between stations of different ports, at random: the sender's number and the bytes.
fn frames<const N: usize>(case: &Case) -> Vec<(u32, [u8; N])> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u32 % case.addresses
    };
    let mut pair = || {
        let (from, to) = (random(), random());
        let to = if from as usize % PORTS == to as usize % PORTS { (to + 1) % case.addresses } else { to };
        (from, frame(from, (!case.broadcast).then_some(to)))
    };
    (0..FRAMES).map(|_| pair()).collect()
}

/// From a station to another, or to all: a header alone or, if there is room for it, a packet of IPv4 without payload.
fn frame<const N: usize>(from: u32, to: Option<u32>) -> [u8; N] {
    let mut bytes = [0; N];
    bytes[..6].copy_from_slice(&to.map_or(MacAddr::BROADCAST, mac).0);
    bytes[6..12].copy_from_slice(&mac(from).0);
    bytes[12..14].copy_from_slice(&[0x88, 0xb5]);
    if N == PACKET_LEN {
        bytes[12..18].copy_from_slice(&[0x08, 0x00, 0x45, 0, 0, 20]);
        bytes[26..30].copy_from_slice(&address(from).octets());
        bytes[30..34].copy_from_slice(&to.map_or(Ipv4Addr::BROADCAST, address).octets());
    }
    bytes
}

fn mac(station: u32) -> MacAddr {
    MacAddr::from_bits(0x0200_0000_0000 | u64::from(station))
}

fn address(station: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 | station)
}

/// A port of a network beside thirty others, if the case is guarded.
fn config(case: &Case, number: u32) -> PortConfig {
    let guard = case.guarded.then(|| {
        let others = (1..=30).map(|other| (Ipv4Addr::new(172, other, 0, 0).into(), 16));
        let role = if number == 0 { Role::Gateway } else { Role::Endpoint };
        let (mac, addresses, foreign) = (Some(mac(number)), vec![address(number).into()], Arc::new(Prefixes::new(others)));
        Arc::new(Guard { role, mac, addresses, foreign, ..Guard::default() })
    });
    PortConfig { storm: None, guard, ..PortConfig::default() }
}

fn markdown(machine: &Machine, rows: &[Row]) -> String {
    let mut text = format!("# The core alone, {}\n\n", machine.date);
    let Machine { commit, cpu, cores, kernel, load, .. } = machine;
    let _ = writeln!(text, "Commit {commit}; {cpu}, {cores} cores, Linux {kernel}; load before: {load}.");
    let _ = writeln!(
        text,
        "One thread. Million decisions a second of its core's time, each a lookup and a refresh; median of {}.\n",
        rows[0].samples.len()
    );
    let _ = writeln!(text, "| case | median | lowest to highest | to reach | |\n|---|---|---|---|---|");
    for row in rows {
        let (low, high) = row.samples.iter().fold((f64::MAX, 0.0_f64), |(low, high), one| (low.min(*one), high.max(*one)));
        let (target, word) = row.target.map_or((String::new(), ""), |target| {
            (format!("≥ {target}"), if row.median >= target { "reached" } else { "missed" })
        });
        let _ = writeln!(text, "| {} | {:.1} | {low:.1} to {high:.1} | {target} | {word} |", row.name, row.median);
    }
    text
}
