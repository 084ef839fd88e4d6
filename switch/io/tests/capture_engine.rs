//! Captures of a running engine: super-frames, readers that are stuck or gone, and traces of what was captured.

mod offload_frames;

use lanloom_switch_core::{DropReason, EgressFate, MacAddr, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::capture::read::frame_at;
use lanloom_switch_io::capture::{Heard, Receiver, Scope, Settings, Writer};
use lanloom_switch_io::engine::{Asked, EngineConfig, Engines, SwitchHandle};
use lanloom_switch_io::link::Offloads;
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::plug::Plug;
use lanloom_switch_io::vnet::{Checksum, VnetHeader};
use offload_frames::{Recipe, may_skip_without};
use std::process::Command;
use std::time::{Duration, Instant};

/// Liveness only: what is tested comes within microseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A switch whose second port takes no more than 1,500 bytes in a frame on the wire.
struct Bench {
    switch: SwitchHandle,
    from: (PortId, MemoryEnd),
    to: (PortId, MemoryEnd),
}

impl Bench {
    fn new() -> Self {
        let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads to start");
        let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
        let plug = |name: &str, mtu| {
            let (ours, theirs) = pair(Bound::default(), Offloads::ALL).expect("descriptors");
            let config = PortConfig { mtu, ..PortConfig::default() };
            (switch.add_port(name, "memory", Plug::Memory(theirs), config).expect("a port"), ours)
        };
        let (from, to) = (plug("p1", u32::MAX), plug("p2", 1500));
        Self { switch, from, to }
    }

    fn send(&self, bytes: &[u8], vnet: VnetHeader) {
        assert_eq!(self.from.1.send_frame(bytes, vnet), EgressFate::Sent);
    }

    /// Sends a frame and waits until it has come through.
    fn pass(&self, bytes: &[u8]) {
        self.send(bytes, VnetHeader::default());
        self.to.1.recv_frame(PATIENCE).expect("the switch").expect("the frame");
    }
}

/// Everything until that many frames have been written, as a file.
fn file_of(mut capture: Receiver, frames: u64, settings: Settings) -> Vec<u8> {
    let mut writer = Writer::new(settings);
    let deadline = Instant::now() + PATIENCE;
    while writer.packets() < frames {
        assert!(Instant::now() < deadline, "{} of {frames} frames came", writer.packets());
        match capture.next(Duration::from_millis(100)) {
            Heard::Port(label) => writer.port(&label),
            Heard::Records(records) => writer.records(&records),
            Heard::Nothing => {}
            Heard::End(_) => panic!("nobody ended the capture"),
        }
    }
    writer.finish(&[]).to_vec()
}

fn plain(from: u8) -> Vec<u8> {
    let mut bytes = [MacAddr::BROADCAST.0, [2, 0, 0, 0, 0, from]].concat();
    bytes.extend([0x88, 0xb5]);
    bytes.resize(60, from);
    bytes
}

/// Super-frames of all kinds whose segments fit, and some whose do not.
fn super_frames() -> Vec<(Vec<u8>, VnetHeader)> {
    let mut frames = Vec::new();
    for (ipv6, udp) in [(false, false), (false, true), (true, false), (true, true)] {
        for (tags, size) in [(vec![], 1400), (vec![[0x81, 0, 0, 7]], 1400), (vec![], 2000), (vec![[0x81, 0, 0, 7]], 2000)] {
            frames.push(Recipe { ipv6, udp, tags, payload: 61_001, size, ..Recipe::default() }.build());
        }
    }
    let (bytes, vnet) = frames[0].clone();
    frames.push((bytes, VnetHeader { checksum: Checksum::Valid, ..vnet }));
    frames
}

#[test]
fn a_super_frame_is_captured_whole_with_right_checksums_and_its_size() {
    let bench = Bench::new();
    let capture = bench.switch.capture(Scope::default()).expect("there");
    let frames = super_frames();
    frames.iter().for_each(|(bytes, vnet)| bench.send(bytes, *vnet));
    let file = file_of(capture, frames.len() as u64, Settings::default());
    for (number, (bytes, vnet)) in frames.iter().enumerate() {
        let kept = frame_at(&file[..], number as u64 + 1).expect("the frame");
        assert_eq!((kept.bytes.len(), kept.segment_size()), (bytes.len(), vnet.gso.map(|gso| gso.size)));
        let size = usize::from(vnet.gso.map_or(1, |gso| gso.size));
        let said = format!("GSO {}×{size}", 61_001_usize.div_ceil(size));
        assert!(kept.comment.as_ref().is_some_and(|comment| comment.ends_with(&said)), "{:?}", kept.comment);
    }
    if let Some((bad, good)) = checksums(&file, ["tcp", "udp"]) {
        assert_eq!((bad, good), (0, frames.len()));
    }
}

#[test]
fn a_trace_of_what_was_captured_says_what_became_of_it() {
    let snaplens = [u32::MAX, 128];
    for snaplen in snaplens {
        let bench = Bench::new();
        bench.switch.set_fdb(MacAddr([2, 0x1a, 0xbe, 0x11, 0xed, 1]), bench.to.0, false).expect("there").expect("an entry");
        let scope = Scope { snaplen, ..Scope::default() };
        let capture = bench.switch.capture(scope).expect("there");
        let mut frames = super_frames();
        let long = [&[2, 0x1a, 0xbe, 0x11, 0xed, 1][..], &[2, 0, 0, 0, 0, 9], &[0x88, 0xb5], &[0; 1501]].concat();
        frames.push((long.clone(), VnetHeader::default()));
        frames.push((long[..1514].to_vec(), VnetHeader::default()));
        frames.iter().for_each(|(bytes, vnet)| bench.send(bytes, *vnet));
        let file = file_of(capture, frames.len() as u64, Settings { snaplen, ..Settings::default() });
        let (mut sent, mut dropped) = (0, 0);
        for number in 1..=frames.len() as u64 {
            let kept = frame_at(&file[..], number).expect("the frame");
            let comment = kept.comment.clone().expect("a verdict");
            let size = kept.segment_size();
            let asked = Asked::new(kept.bytes).cut_from(kept.original_len);
            let asked = match size {
                Some(size) => asked.in_segments(size).expect("all its headers were kept"),
                None => asked,
            };
            let trace = bench.switch.trace(bench.from.0, asked).expect("a port").expect("a frame");
            let said = trace.steps.last().expect("the end").clone();
            let len = format!("{} bytes", kept.original_len);
            assert!(trace.steps[0].contains(&len), "{len}: {:?}", trace.steps);
            if comment.contains("dropped: mtu_exceeded") {
                assert_eq!(said, "sent to p2 dropped: mtu_exceeded", "snaplen {snaplen}, frame {number}");
                dropped += 1;
            } else {
                assert_eq!(said, "sent to p2", "snaplen {snaplen}, frame {number}: {comment}");
                sent += 1;
            }
        }
        assert_eq!((sent, dropped), (10, 9), "both ends were seen");
    }
}

#[test]
fn what_is_too_big_for_a_tunnel_is_answered_to_its_sender_and_the_capture_tells_both() {
    let bench = Bench::new();
    let tunnel = PortConfig { tunnel: true, mtu: 1500, ..PortConfig::default() };
    bench.switch.set_port(bench.to.0, tunnel).expect("there");
    bench.switch.set_fdb(MacAddr([2, 0x1a, 0xbe, 0x11, 0xed, 1]), bench.to.0, false).expect("there").expect("an entry");
    let capture = bench.switch.capture(Scope::default()).expect("there");
    for (ipv6, len) in [(false, 14 + 576), (true, 14 + 1280)] {
        let (bytes, vnet) = Recipe { ipv6, payload: 20_000, size: 2000, ..Recipe::default() }.build();
        bench.send(&bytes, vnet);
        let (answer, vnet) = bench.from.1.recv_frame(PATIENCE).expect("the switch").expect("an answer");
        assert_eq!((answer.len(), vnet), (len, VnetHeader::default()));
        assert_eq!((&answer[..6], &answer[6..12]), (&bytes[6..12], &bytes[..6]));
    }
    let file = file_of(capture, 4, Settings::default());
    let said = |number| frame_at(&file[..], number).expect("the frame").comment.expect("words");
    let learned = "learned 02:1a:be:11:ed:02 on p1";
    assert_eq!(
        [1, 2, 3, 4].map(said),
        [
            format!("p1 → p2 dropped: mtu_exceeded · {learned} · answer: fragmentation needed · GSO 10×2000"),
            "generated: fragmentation needed → p1".to_owned(),
            "p1 → p2 dropped: mtu_exceeded · answer: packet too big · GSO 10×2000".to_owned(),
            "generated: packet too big → p1".to_owned(),
        ]
    );
    let counters = bench.switch.counters().expect("there");
    let [from, to] = [&counters[0].2, &counters[1].2];
    assert_eq!((from.rx.frames, from.forwarded, from.tx.frames, from.generated), (2, 2, 2, 2));
    assert_eq!((to.tx.frames, to.dropped(DropReason::MtuExceeded)), (0, 2));
    if let Some((bad, good)) = checksums(&file, ["icmp", "icmpv6"]) {
        assert_eq!((bad, good), (0, 2));
    }
}

#[test]
fn a_super_frame_whose_headers_were_not_kept_cannot_be_asked_about_in_segments() {
    let (bytes, _) = Recipe::default().build();
    assert!(Asked::new(bytes[..40].to_vec()).cut_from(bytes.len() as u32).in_segments(1448).is_none());
    assert!(Asked::new(bytes).in_segments(0).is_none());
}

#[test]
fn a_switch_forwards_on_while_the_reader_of_a_capture_is_stuck_and_it_is_told_what_it_missed() {
    let bench = Bench::new();
    let mut capture = bench.switch.capture(Scope { room: 4096, ..Scope::default() }).expect("there");
    (0..1000).for_each(|_| bench.pass(&plain(1)));
    assert!(bench.switch.end_capture(capture.id()).expect("there"));
    let (mut kept, mut lost) = (0, Vec::new());
    loop {
        match capture.next(PATIENCE) {
            Heard::Port(_) => {}
            Heard::Records(records) => kept += records.len() as u64,
            Heard::Nothing => panic!("no end of an ended capture"),
            Heard::End(missed) => {
                lost.extend(missed);
                break;
            }
        }
    }
    assert_eq!(lost, [(bench.from.0, 1000 - kept)]);
    assert!((1..100).contains(&kept), "{kept} found room");
}

#[test]
fn an_engine_forgets_a_capture_whose_reader_has_left() {
    let bench = Bench::new();
    let (stays, leaves) = [(); 2].map(|()| bench.switch.capture(Scope::default()).expect("there")).into();
    let (staying, left) = (stays.id(), leaves.id());
    drop(leaves);
    bench.pass(&plain(1));
    bench.pass(&plain(2));
    assert!(!bench.switch.end_capture(left).expect("there"), "nobody is left to read it");
    assert!(bench.switch.end_capture(staying).expect("there"));
    assert!(!bench.switch.end_capture(staying).expect("there"), "it has ended");
}

/// In how many frames of the file tshark finds a bad checksum of IPv4 or `layers`, and a good one of `layers`. `None` if there is no
/// tshark, which is said.
fn checksums(file: &[u8], layers: [&str; 2]) -> Option<(usize, usize)> {
    if let Err(error) = Command::new("tshark").arg("--version").output() {
        assert!(may_skip_without(&format!("tshark ({error})")), "tshark must be installed in CI");
        return None;
    }
    let path = std::env::temp_dir().join(format!("lanloom-engine-{}-{}.pcapng", std::process::id(), layers[0]));
    std::fs::write(&path, file).expect("the temporary folder takes a file");
    let frames = |state: u8| {
        let any = ["ip", layers[0], layers[1]].map(|layer| format!("{layer}.checksum.status == {state}"));
        let filter = if state == 0 { any.join(" || ") } else { any[1..].join(" || ") };
        let mut command = Command::new("tshark");
        command.args(["-n", "-Y", &filter, "-T", "fields", "-e", "frame.number", "-r"]).arg(&path);
        for layer in ["ip", "tcp", "udp"] {
            command.args(["-o", &format!("{layer}.check_checksum:TRUE")]);
        }
        String::from_utf8_lossy(&command.output().expect("it was found before").stdout).lines().count()
    };
    let found = (frames(0), frames(1));
    // Nothing more can be done about a file that stays.
    let _ = std::fs::remove_file(&path);
    Some(found)
}
