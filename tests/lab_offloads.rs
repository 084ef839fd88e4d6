//! Super-frames and partial checksums between every two kinds of link: uncut where both can take them, cut and finished where
//! one cannot, and the same bytes in either case.
//!
//! Every test prints the largest frame it saw and holds it against 60,000 bytes, so that none passes with offloads off.
//! Needs root, `ip` (iproute2) and tshark.

mod lab;
#[path = "../switch/io/tests/offload_frames/mod.rs"]
mod offload_frames;

use lab::file::CaptureFile;
use lab::wire::{Seen, Wire};
use lab::{Host, Kind, Lab, assert_the_law_holds, stream};
use lanloom_switch_core::{DropReason, MacAddr, PortId};
use lanloom_switch_io::capture::{Heard, Scope};
use lanloom_switch_io::link::Offloads;
use lanloom_switch_io::offload::finish;
use lanloom_switch_io::vnet::VnetHeader;
use offload_frames::{Recipe, SOURCE};
use std::net::IpAddr;
use std::time::Duration;

/// Bytes that a stream moves.
const STREAM: usize = 6 << 20;

/// What no frame reaches that has been cut, or that was made for an interface without offloads.
const LARGE: u32 = 60_000;

#[test]
fn tcp_streams_between_every_two_kinds_of_port_arrive_as_they_were_sent() {
    between_every_two_kinds("TCP", |from, to, address| {
        stream::tcp(from, to, address, STREAM);
    });
}

#[test]
fn udp_super_frames_between_every_two_kinds_of_port_arrive_as_they_were_sent() {
    between_every_two_kinds("UDP", |from, to, address| stream::udp(from, to, address, 10));
}

fn between_every_two_kinds(protocol: &str, stream: impl Fn(&Host, &Host, IpAddr)) {
    let Some(lab) = Lab::new() else { return };
    let hosts = || Kind::ALL.map(|kind| lab.host(kind));
    let (senders, receivers) = (hosts(), hosts());
    for from in &senders {
        for to in &receivers {
            for address in to.addresses() {
                let largest = largest_from(&lab, from.port, || stream(from, to, address));
                let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
                println!("{protocol}/{family} {:?} → {:?}: largest frame {largest} bytes", from.kind, to.kind);
                if from.kind.offloads() {
                    assert!(largest > LARGE, "offloads are on, and the largest frame has {largest} bytes");
                } else {
                    assert!(largest <= 1514, "{largest} bytes on a port without offloads");
                }
            }
        }
    }
    assert_the_law_holds(&lab.switch);
    for (_, name, counters) in lab.switch.counters().expect("the switch") {
        assert_eq!(counters.dropped(DropReason::Malformed), 0, "{name}: what Linux makes is never malformed");
    }
}

/// The longest frame that came in on a port while `work` was done.
fn largest_from(lab: &Lab, port: PortId, work: impl FnOnce()) -> u32 {
    let scope = Scope { snaplen: 0, port: Some(port), ..Scope::default() };
    let mut capture = lab.switch.capture(scope).expect("the switch");
    work();
    let mut largest = 0;
    loop {
        match capture.next(Duration::ZERO) {
            Heard::Port(_) => {}
            Heard::Records(records) => {
                let lens = records.iter().filter(|record| record.port == port).map(|record| record.original_len);
                largest = lens.fold(largest, u32::max);
            }
            Heard::Nothing | Heard::End(_) => return largest,
        }
    }
}

#[test]
fn what_a_port_without_offloads_gets_from_real_streams_has_no_bad_checksum() {
    let Some(lab) = Lab::new() else { return };
    let (tap, veth, plain) = (lab.host(Kind::Tap), lab.host(Kind::Veth), lab.host(Kind::PlainTap));
    let mut frames = Vec::new();
    for from in [&tap, &veth] {
        for address in plain.addresses() {
            let mut wire = Wire::on(&plain);
            // As much as the socket that looks on can hold.
            let largest = largest_from(&lab, from.port, || {
                stream::tcp(from, &plain, address, 2 << 20);
                stream::udp(from, &plain, address, 4);
            });
            println!("{:?} → PlainTap, {address}: largest frame {largest} bytes before it was cut", from.kind);
            assert!(largest > LARGE, "{largest}");
            let seen = wire.drain(from.mac.0);
            assert!(seen.iter().all(|(bytes, vnet)| bytes.len() <= 1514 && *vnet == VnetHeader::default()), "cut and finished");
            frames.extend(seen.into_iter().map(|(bytes, _)| bytes).filter(|bytes| is_stream(bytes)));
        }
    }
    let Some(file) = CaptureFile::for_tshark(&frames) else { return };
    println!("tshark looked at {} frames", frames.len());
    assert_eq!(file.bad(), Vec::<String>::new(), "frames with bad checksums");
    assert_eq!(file.good(), frames.len(), "every frame was verified");
    assert!(frames.len() > 4 * (2 << 20) / 1500, "the streams were seen");
}

/// Whether a frame holds TCP or UDP.
fn is_stream(bytes: &[u8]) -> bool {
    match (bytes[12], bytes[13]) {
        (8, 0) => matches!(bytes[23], 6 | 17),
        (0x86, 0xdd) => matches!(bytes[20], 6 | 17),
        _ => false,
    }
}

/// A place on the switch that frames are sent from or to as they are.
struct Station {
    name: &'static str,
    port: PortId,
    wire: Wire,
    offloads: bool,
    /// Whether the kernel's own network is between this and the switch.
    kernel: bool,
    /// Holds the interface.
    _host: Option<Host>,
}

fn stations(lab: &Lab) -> Vec<Station> {
    let hosts = [("tap", Kind::Tap), ("plain tap", Kind::PlainTap), ("veth", Kind::Veth)].map(|(name, kind)| {
        let host = lab.host(kind);
        let (wire, port) = (Wire::on(&host), host.port);
        Station { name, port, wire, offloads: kind.offloads(), kernel: true, _host: Some(host) }
    });
    let ends = [("memory", Offloads::ALL), ("plain memory", Offloads::NONE)].map(|(name, offloads)| {
        let (port, end) = lab.memory(offloads);
        Station { name, port, wire: Wire::Memory(end), offloads: offloads.tso4, kernel: false, _host: None }
    });
    hosts.into_iter().chain(ends).collect()
}

#[test]
fn super_frames_tagged_or_not_pass_between_every_two_kinds_of_link() {
    let Some(lab) = Lab::new() else { return };
    let (mut senders, mut receivers) = (stations(&lab), stations(&lab));
    let mut wire_frames = Vec::new();
    for from in &mut senders {
        for (number, to) in receivers.iter_mut().enumerate() {
            let mac = MacAddr([2, 0x1a, 0xbe, 0x11, 0xee, number as u8]);
            lab.switch.set_fdb(mac, to.port, false).expect("the switch").expect("an entry");
            let mut largest = 0;
            for recipe in recipes(number as u8) {
                let seen = exchange(from, to, &recipe, mac);
                check(&recipe, from, to, &seen);
                largest = seen.iter().map(|(bytes, _)| bytes.len()).fold(largest, usize::max);
                wire_frames.extend(seen.into_iter().map(|(mut bytes, vnet)| {
                    finish(&mut bytes, vnet.checksum);
                    bytes
                }));
            }
            println!("{} → {}: largest frame {largest} bytes", from.name, to.name);
            assert_eq!(largest > LARGE as usize, from.offloads_to(to), "{} → {}: {largest}", from.name, to.name);
        }
    }
    assert_the_law_holds(&lab.switch);
    let Some(file) = CaptureFile::for_tshark(&wire_frames) else { return };
    assert_eq!(file.bad(), Vec::<String>::new(), "frames with bad checksums");
    assert_eq!(file.good(), wire_frames.len(), "every frame was verified");
}

impl Station {
    /// Whether super-frames can stay uncut all the way. An end in memory may always send them.
    fn offloads_to(&self, to: &Self) -> bool {
        (self.offloads || !self.kernel) && to.offloads
    }
}

fn recipes(seed: u8) -> Vec<Recipe> {
    let mut recipes = Vec::new();
    for (ipv6, udp) in [(false, false), (true, false), (false, true), (true, true)] {
        for tags in [vec![], vec![[0x81, 0, 0x60, 7]], vec![[0x88, 0xa8, 0, 5], [0x81, 0, 0x20, 6]]] {
            let size = if udp { 1432 } else { 1400 };
            recipes.push(Recipe { ipv6, udp, tags, seed, payload: 61_000, size, ..Recipe::default() });
        }
    }
    recipes
}

/// Sends one super-frame and answers all that arrived of it.
fn exchange(from: &mut Station, to: &mut Station, recipe: &Recipe, mac: MacAddr) -> Vec<Seen> {
    let (mut bytes, vnet) = recipe.build();
    bytes[..6].copy_from_slice(&mac.0);
    from.wire.send(&bytes, vnet);
    let (mut seen, mut payload) = (Vec::new(), 0);
    while payload < recipe.payload {
        let Some(frame) = to.wire.recv_within(SOURCE, lab::PATIENCE) else {
            panic!("{} → {}: {payload} bytes of {recipe:?}", from.name, to.name);
        };
        payload += frame.0.len() - recipe.headers_len();
        seen.push(frame);
    }
    seen
}

/// Holds what arrived against what was sent.
fn check(recipe: &Recipe, from: &Station, to: &Station, seen: &[Seen]) {
    let (sent, vnet) = recipe.build();
    let on = format!("{} → {}: {recipe:?}", from.name, to.name);
    let headers = recipe.headers_len();
    let payload: Vec<u8> = seen.iter().flat_map(|(bytes, _)| &bytes[headers..]).copied().collect();
    assert!(payload == sent[headers..], "{on}: the payload is another");
    for (bytes, _) in seen {
        assert_eq!(bytes[12..12 + 4 * recipe.tags.len()], sent[12..12 + 4 * recipe.tags.len()], "{on}: tags");
    }
    let kernel_cuts = recipe.tags.len() > 1 && (from.kernel || to.kernel);
    if from.offloads_to(to) && !kernel_cuts {
        let [(bytes, got)] = seen else { panic!("{on}: {} frames", seen.len()) };
        assert!(bytes[12..] == sent[12..], "{on}: not the bytes that were sent");
        assert_eq!((got.gso, got.checksum), (vnet.gso, vnet.checksum), "{on}");
    }
    if !to.offloads {
        let plain = |(bytes, vnet): &Seen| bytes.len() <= headers + usize::from(recipe.size) && *vnet == VnetHeader::default();
        assert!(seen.iter().all(plain), "{on}: what cannot be taken is cut and finished");
    }
}
