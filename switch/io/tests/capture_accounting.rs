//! Over a capture's life, the verdicts in it equal the change of the counters: what the switch takes for itself and what it makes
//! included, and whatever links do with it.

use etherparse::PacketBuilder;
use lanloom_switch_core::build::build;
use lanloom_switch_core::{Counters, DropReason, EgressFate, Fate, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::capture::{Heard, Origin, Receiver, Record, Scope};
use lanloom_switch_io::engine::{EngineConfig, Engines, SwitchHandle};
use lanloom_switch_io::link::Offloads;
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::plug::Plug;
use lanloom_switch_io::vnet::VnetHeader;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Liveness only: what is tested comes within microseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of frames and copies on one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ends {
    rx: u64,
    forwarded: u64,
    consumed: u64,
    generated: u64,
    tx: u64,
    drops: BTreeMap<DropReason, u64>,
}

type Sums = BTreeMap<PortId, Ends>;

fn told(sums: &mut Sums, record: &Record<'_>) {
    assert_eq!(record.lost_before, 0, "the capture has room for all");
    let ends = sums.entry(record.port).or_default();
    match record.origin {
        Origin::Received { fate, .. } => {
            ends.rx += 1;
            match fate {
                Fate::Forwarded | Fate::Flooded(_) => ends.forwarded += 1,
                Fate::Consumed(_) => ends.consumed += 1,
                Fate::Dropped(reason) => *ends.drops.entry(reason).or_default() += 1,
            }
        }
        Origin::Generated(_) => {
            ends.generated += record.copies.iter().filter(|(_, fate)| *fate == EgressFate::Sent).count() as u64;
        }
    }
    for (port, fate) in record.copies {
        let ends = sums.entry(*port).or_default();
        match fate {
            EgressFate::Sent => ends.tx += 1,
            EgressFate::Dropped(reason) => *ends.drops.entry(*reason).or_default() += 1,
        }
    }
}

fn counted(switch: &SwitchHandle) -> Sums {
    let ends = |counters: &Counters| {
        let Counters { rx, tx, forwarded, consumed, generated, .. } = counters;
        let [rx, tx] = [rx.frames, tx.frames];
        Ends { rx, forwarded: *forwarded, consumed: *consumed, generated: *generated, tx, drops: counters.drops().collect() }
    };
    switch.counters().expect("there").iter().map(|(port, _, counters)| (*port, ends(counters))).collect()
}

/// Reads until so many frames have been received.
fn read(sums: &mut Sums, capture: &mut Receiver, received: u64) {
    let deadline = Instant::now() + PATIENCE;
    while sums.values().map(|ends| ends.rx).sum::<u64>() < received {
        assert!(Instant::now() < deadline, "{sums:?}");
        if let Heard::Records(records) = capture.next(Duration::from_millis(100)) {
            records.iter().for_each(|record| told(sums, &record));
        }
    }
}

fn plug(switch: &SwitchHandle, name: &str, bound: Bound, config: PortConfig) -> (PortId, MemoryEnd) {
    let (ours, theirs) = pair(bound, Offloads::ALL).expect("descriptors");
    (switch.add_port(name, "memory", Plug::Memory(theirs), config).expect("a port"), ours)
}

/// A's frames: questions for B that the switch can answer, packets that do not fit the tunnel to it, and some that pass.
fn frames() -> Vec<Vec<u8>> {
    let a = "src=02:00:00:00:00:0a src=10.0.0.1";
    let packet = |len| {
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0x0a], [2, 0, 0, 0, 0, 0x0b]);
        let mut bytes = Vec::new();
        let builder = builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1, 2);
        builder.write(&mut bytes, &vec![7; len]).expect("a packet that can be built");
        bytes
    };
    let build = |words: &str| build(words).expect("a frame").bytes;
    vec![
        build(&format!("arp {a} dst=10.0.0.2")),
        packet(1400),
        build(&format!("arp {a} dst=10.0.0.99")),
        packet(100),
        build(&format!("arp {a} dst=10.0.0.2")),
    ]
}

#[test]
fn what_the_switch_takes_and_makes_is_told_as_it_is_counted() {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads to start");
    let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    // A reads nothing, so that answers find its queue full at last.
    let small = Bound { frames: 100, bytes: 1 << 20 };
    let (asker, a) = plug(&switch, "p1", small, PortConfig { storm: None, ..PortConfig::default() });
    let tunnel = PortConfig { tunnel: true, suppress: true, mtu: 1000, ..PortConfig::default() };
    let (_, b) = plug(&switch, "p2", Bound { frames: 1 << 20, bytes: 1 << 30 }, tunnel);
    let mut capture = switch.capture(Scope { snaplen: 64, ..Scope::default() }).expect("there");

    let announced =
        build("arp op=reply src=02:00:00:00:00:0b src=10.0.0.2 dst=02:00:00:00:00:0a dst=10.0.0.1").expect("a frame");
    assert_eq!(b.send_frame(&announced.bytes, VnetHeader::default()), EgressFate::Sent);
    let mut sums = Sums::new();
    read(&mut sums, &mut capture, 1);
    for round in 1..=50 {
        for bytes in frames() {
            let deadline = Instant::now() + PATIENCE;
            while a.send_frame(&bytes, VnetHeader::default()) != EgressFate::Sent {
                assert!(Instant::now() < deadline, "the switch takes no more");
            }
        }
        read(&mut sums, &mut capture, 1 + round * 5);
    }
    // The last answers come behind the frames that ask.
    let deadline = Instant::now() + PATIENCE;
    while sums != counted(&switch) {
        assert!(Instant::now() < deadline, "{sums:?} are told, and counted {:?}", counted(&switch));
        if let Heard::Records(records) = capture.next(Duration::from_millis(100)) {
            records.iter().for_each(|record| told(&mut sums, &record));
        }
    }
    let ends = &sums[&asker];
    assert_eq!((ends.rx, ends.consumed), (250, 100));
    assert!(ends.generated > 0 && ends.drops[&DropReason::QueueFull] > 0, "answers that were taken, and not: {ends:?}");
}
