//! The accounting law where frames come from real kernels: what each guest's interface says it sent is what its port received,
//! or what was lost before; everything received has ended, once; and the verdicts of a capture add up to the counters.
//!
//! Needs root, `ip` (iproute2) and `ping`.

mod lab;

use lab::wire::Wire;
use lab::{Host, Kind, Lab, assert_the_law_holds, drops, stream, until};
use lanloom_switch_core::{Counters, DropReason, EgressFate, Fate, MacAddr, PortConfig, PortId, StormLimit};
use lanloom_switch_io::capture::{Heard, Origin, Record, Scope};
use lanloom_switch_io::vnet::VnetHeader;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[test]
fn every_frame_that_a_guest_sent_was_received_or_lost_before_us_and_ended_once() {
    let Some(lab) = Lab::new() else { return };
    let told = Told::by(&lab);
    let few = StormLimit { rate: 100, burst: 50 };
    let config = PortConfig { storm: Some(few), ..PortConfig::default() };
    let hosts = Kind::ALL.map(|kind| lab.quiet_host(kind, config.clone()));
    let small = lab.quiet_host(Kind::Veth, PortConfig { mtu: 600, ..PortConfig::default() });
    for from in &hosts {
        for to in hosts.iter().filter(|to| to.port != from.port) {
            from.sandbox.run(&format!("ping -q -c 3 -i 0.01 -W 10 {}", to.v4));
            stream::tcp(from, to, to.v4.into(), 1 << 20);
        }
        let mut wire = Wire::on(from);
        let mut sent = 0;
        for bytes in hostile(from, small.mac) {
            sent += u64::from(wire.try_send(&bytes, VnetHeader::default()) == EgressFate::Sent);
        }
        println!("{:?}: {sent} hostile frames", from.kind);
    }
    for host in hosts.iter().chain([&small]) {
        until("the guest's own count", || {
            let (sent, counters) = (sent_by(host), lab.counters(host.port));
            sent == counters.rx.frames + counters.dropped(DropReason::RxOverrun)
        });
        let counters = lab.counters(host.port);
        println!("{:?}: {} sent, {} received, {:?}", host.kind, sent_by(host), counters.rx.frames, drops(&counters));
    }
    assert_the_law_holds(&lab.switch);
    let counters = hosts.each_ref().map(|host| lab.counters(host.port));
    let reasons = [DropReason::SourceInvalid, DropReason::ReservedAddress, DropReason::Storm, DropReason::SamePort];
    for (host, counters) in hosts.iter().zip(&counters) {
        for reason in reasons {
            assert!(counters.dropped(reason) > 0, "{:?}: no {reason} in {counters:?}", host.kind);
        }
    }
    assert!(lab.counters(small.port).dropped(DropReason::MtuExceeded) >= 30, "what did not fit into its MTU");
    until("the capture's verdicts to be what the counters say", || told.sums() == counted(&lab));
    println!("{:?}", told.sums());
    for host in hosts.iter().chain([&small]) {
        until("the guest's count of what it received", || {
            let sent = lab.counters(host.port).tx;
            // Where super-frames do not pass, the guest gets their segments.
            let cut = if host.kind.offloads() { 0 } else { sent.gso_segments - sent.gso_frames };
            received_by(host) == sent.frames + cut
        });
    }
}

/// What became of frames and copies on one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ends {
    forwarded: u64,
    consumed: u64,
    /// How many of `sent` the switch made.
    generated: u64,
    sent: u64,
    drops: BTreeMap<DropReason, u64>,
}

/// What the verdicts of a capture add up to, from its beginning to now.
struct Told(Arc<Mutex<BTreeMap<PortId, Ends>>>);

impl Told {
    /// Begins to capture; ends with the switch.
    fn by(lab: &Lab) -> Self {
        let mut capture = lab.switch.capture(Scope { snaplen: 64, ..Scope::default() }).expect("the switch");
        let sums = Arc::new(Mutex::new(BTreeMap::new()));
        let shared = Arc::clone(&sums);
        std::thread::spawn(move || {
            loop {
                match capture.next(Duration::from_secs(1)) {
                    Heard::Records(records) => {
                        let mut sums = shared.lock().expect("no panic");
                        records.iter().for_each(|record| add(&mut sums, &record));
                    }
                    Heard::Port(_) | Heard::Nothing => {}
                    Heard::End(_) => return,
                }
            }
        });
        Self(sums)
    }

    fn sums(&self) -> BTreeMap<PortId, Ends> {
        self.0.lock().expect("no panic").clone()
    }
}

fn add(sums: &mut BTreeMap<PortId, Ends>, record: &Record<'_>) {
    assert_eq!(record.lost_before, 0, "the capture has room for all");
    let ends = sums.entry(record.port).or_default();
    match record.origin {
        Origin::Received { fate, .. } => match fate {
            Fate::Forwarded | Fate::Flooded(_) => ends.forwarded += 1,
            Fate::Consumed(_) => ends.consumed += 1,
            Fate::Dropped(reason) => *ends.drops.entry(reason).or_default() += 1,
        },
        Origin::Generated(_) => {
            ends.generated += record.copies.iter().filter(|(_, fate)| *fate == EgressFate::Sent).count() as u64
        }
    }
    for (port, fate) in record.copies {
        let ends = sums.entry(*port).or_default();
        match fate {
            EgressFate::Sent => ends.sent += 1,
            EgressFate::Dropped(reason) => *ends.drops.entry(*reason).or_default() += 1,
        }
    }
}

/// The same by the counters. What was lost in the kernel had no verdict.
fn counted(lab: &Lab) -> BTreeMap<PortId, Ends> {
    let of = |counters: &Counters| {
        let drops = counters.drops().filter(|(reason, _)| *reason != DropReason::RxOverrun).collect();
        let Counters { forwarded, consumed, generated, .. } = *counters;
        Ends { forwarded, consumed, generated, sent: counters.tx.frames, drops }
    };
    lab.switch.counters().expect("the switch").iter().map(|(port, _, counters)| (*port, of(counters))).collect()
}

/// Frames that end in every way that a frame from a guest can.
fn hostile(host: &Host, small: MacAddr) -> Vec<Vec<u8>> {
    let frame = |to: [u8; 6], from: [u8; 6], len| {
        let mut bytes = [to, from].concat();
        bytes.extend([0x88, 0xb5]);
        bytes.resize(len, 7);
        bytes
    };
    let mut frames = Vec::new();
    for _ in 0..10 {
        frames.push(frame([2; 6], [3; 6], 60));
        frames.push(frame([2; 6], [0; 6], 60));
        frames.push(frame([1, 0x80, 0xc2, 0, 0, 0x0e], host.mac.0, 60));
        frames.push(frame(host.mac.0, host.mac.0, 60));
        frames.push(frame(small.0, host.mac.0, 1000));
    }
    frames.extend(std::iter::repeat_n(frame([0xff; 6], host.mac.0, 60), 200));
    frames
}

/// Frames that the guest's interface has sent, whether or not they found room.
fn sent_by(host: &Host) -> u64 {
    let told = host.sandbox.ip("-s -j link show dev e0");
    let links: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let transmitted = &links[0]["stats64"]["tx"];
    let number = |name: &str| transmitted[name].as_u64().unwrap_or_else(|| panic!("no {name} in {told}"));
    // A veth that drops has not handed over; a TAP has put into a queue of which we read the loss.
    number("packets") + if host.kind == Kind::Veth { 0 } else { number("dropped") }
}

/// Frames that the guest's interface has received.
fn received_by(host: &Host) -> u64 {
    let told = host.sandbox.ip("-s -j link show dev e0");
    let links: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    links[0]["stats64"]["rx"]["packets"].as_u64().unwrap_or_else(|| panic!("no packets in {told}"))
}
