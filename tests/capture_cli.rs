//! Captures and traces by the command line, of a real daemon with real ports: what the file says is what the counters say, live
//! readers see each frame as it passes, and a capture that is ended has its end.

#[allow(dead_code, reason = "the tests of commands use the rest")]
#[path = "support/house.rs"]
mod house;

use house::{House, PATIENCE, has};
use lanloom_switch_io::capture::read::{Captured, Reader};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

/// Bytes that go over TCP, to make super-frames.
const STREAM: usize = 1 << 20;

/// A capture into a file.
struct Capture {
    child: Child,
    file: PathBuf,
}

impl Capture {
    /// Starts one, and waits until it runs.
    fn start(house: &House, name: &str, words: &[&str]) -> Self {
        let file = house.path(name);
        let program = [env!("CARGO_BIN_EXE_lanloom"), "capture"];
        let child = house.command(&[&program[..], words, &["-w"]].concat()).arg(&file).spawn().expect("it runs");
        house.wait_for("the head of the file", || std::fs::metadata(&file).is_ok_and(|file| file.len() > 0));
        Self { child, file }
    }

    /// Ends it as Ctrl-C or a service manager would, and reads the file.
    fn end(mut self, signal: Signal) -> Vec<(String, Captured)> {
        let pid = nix::unistd::Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("it runs");
        assert_eq!(self.child.wait().expect("it ran").code(), Some(0), "ended in good order");
        frames(&self.file)
    }
}

/// Every frame of a file, with the port that it came in on.
fn frames(file: &Path) -> Vec<(String, Captured)> {
    let mut reader = Reader::new(File::open(file).expect("a file")).expect("a capture");
    let mut frames = Vec::new();
    while let Some(frame) = reader.next().expect("a sound capture") {
        frames.push((reader.interface_name(frame.interface).expect("a name").to_owned(), frame));
    }
    frames
}

/// Sends bytes from one host to another over TCP.
fn stream(house: &House, from: &str, to: &str, address: &str) {
    let listener = house.inside(to, || TcpListener::bind((address, 7000))).expect("a listener");
    let mut sender = house.inside(from, || TcpStream::connect((address, 7000))).expect("a connection");
    let (mut receiver, _) = listener.accept().expect("the connection");
    for stream in [&sender, &receiver] {
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_write_timeout(Some(PATIENCE)).expect("set");
    }
    let giver = std::thread::spawn(move || sender.write_all(&[7; STREAM]));
    let mut taken = Vec::new();
    receiver.read_to_end(&mut taken).expect("all of it");
    giver.join().expect("no panic").expect("all of it");
    assert_eq!(taken.len(), STREAM);
}

/// How frames and copies ended on a port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ends {
    forwarded: u64,
    drops: BTreeMap<String, u64>,
}

/// What the verdicts of a file add up to, by port.
fn told_by(frames: &[(String, Captured)]) -> BTreeMap<String, Ends> {
    let mut ends = BTreeMap::<String, Ends>::new();
    let mut dropped = |ports: &str, reason: &str| {
        for port in ports.split(' ') {
            *ends.entry(port.to_owned()).or_default().drops.entry(reason.to_owned()).or_default() += 1;
        }
    };
    let mut forwarded = Vec::new();
    for (from, frame) in frames {
        let comment = frame.comment.as_deref().expect("a verdict");
        let (first, notes) = comment.split_once(" · ").unwrap_or((comment, ""));
        match (first.split_once(" → "), first.split_once(" dropped: ")) {
            (None, Some((port, reason))) => dropped(port, reason),
            (Some((port, to)), _) => {
                assert_eq!(port, from, "{comment}");
                forwarded.push(port.to_owned());
                to.split_once(" dropped: ").into_iter().for_each(|(to, reason)| dropped(to, reason));
            }
            (None, None) => panic!("no verdict: {comment}"),
        }
        for (ports, reason) in notes.split(" · ").filter_map(|note| note.split_once(" dropped: ")) {
            dropped(ports, reason);
        }
    }
    for port in forwarded {
        ends.entry(port).or_default().forwarded += 1;
    }
    ends
}

/// The same by the counters.
fn counted(counters: &Value) -> BTreeMap<String, Ends> {
    let ports = counters["ports"].as_array().expect("a list").iter();
    ports
        .map(|port| {
            let drops = port["drops"].as_object().expect("by reason").iter();
            let drops = drops.filter_map(|(reason, frames)| Some((reason.clone(), frames.as_u64()?)));
            let drops = drops.filter(|(reason, frames)| reason != "rx_overrun" && *frames > 0).collect();
            let ends = Ends { forwarded: port["forwarded"].as_u64().expect("a number"), drops };
            (port["port"].as_str().expect("a name").to_owned(), ends)
        })
        .collect()
}

/// A command inside that may fail, as one that nobody answers does.
fn try_sh(house: &House, words: &str) {
    house.command(&words.split(' ').collect::<Vec<_>>()).output().expect("it runs");
}

/// Three hosts whose frames end in several ways, and then are silent.
fn talk(house: &House) {
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.host("s1", "c", "tap", "10.0.0.3/24");
    for (from, to) in [("a", "10.0.0.2"), ("b", "10.0.0.3"), ("c", "10.0.0.1")] {
        house.ping(from, to);
    }
    stream(house, "a", "b", "10.0.0.2");
    house.says("port set s1 b --mtu 1280");
    try_sh(house, "ip netns exec a ping -n -c 2 -i 0.2 -W 1 -M dont -s 1400 10.0.0.2");
    house.says("port set s1 b --bcast-flood off");
    for port in ["a", "c"] {
        house.says(&format!("port set s1 {port} --isolated on"));
    }
    try_sh(house, "ip netns exec a ping -n -c 2 -i 0.2 -W 1 10.0.0.3");
    try_sh(house, "ip netns exec a ping -n -c 1 -W 1 10.0.0.99");
    for host in ["a", "b", "c"] {
        house.sh(&format!("ip -n {host} link set eth0 down"));
    }
    // What they sent before may still be on its way.
    let (mut before, mut alike) = (Value::Null, 0);
    house.wait_for("the last frames", || {
        let now = house.json("counters s1");
        alike = if now == before { alike + 1 } else { 0 };
        before = now;
        alike == 5
    });
}

#[test]
fn the_verdicts_in_a_file_add_up_to_the_counters_by_fate_and_reason() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    let (all, drops) = (Capture::start(&house, "all", &["s1"]), Capture::start(&house, "drops", &["s1", "--drops"]));
    let cut = Capture::start(&house, "cut", &["s1", "-s", "8"]);
    talk(&house);
    let counters = house.json("counters s1");
    let (all, drops, cut) = (all.end(Signal::SIGINT), drops.end(Signal::SIGTERM), cut.end(Signal::SIGINT));
    let (told, counted) = (told_by(&all), counted(&counters));
    assert_eq!(told, counted);
    for reason in ["isolated", "mtu_exceeded", "flood_off"] {
        assert!(counted.values().any(|ends| ends.drops.contains_key(reason)), "no {reason}: {counted:?}");
    }

    let is_drop = |(_, frame): &&(String, Captured)| frame.comment.as_ref().is_some_and(|said| said.contains("dropped:"));
    let ids = |frames: &[(String, Captured)]| frames.iter().map(|(_, frame)| frame.id).collect::<Vec<_>>();
    let expected: Vec<_> = all.iter().filter(is_drop).cloned().collect();
    assert_eq!(ids(&drops), ids(&expected), "--drops has the frames that were dropped, and those alone");

    assert_eq!(ids(&cut), ids(&all));
    for ((_, whole), (_, cut)) in all.iter().zip(&cut) {
        assert_eq!((cut.bytes.len(), cut.original_len), (8.min(whole.bytes.len()), whole.original_len));
        assert_eq!(cut.comment, whole.comment, "a snaplen takes nothing from the verdict");
    }
    if has("capinfos") {
        // Three ports, each with its statistics behind the last frame.
        let said = house.sh(&format!("capinfos {}", house.path("all").display()));
        let stats = said.lines().filter(|line| line.trim() == "Number of stat entries = 1").count();
        assert_eq!(stats, 3, "{said}");
    }
}

#[test]
fn super_frames_are_captured_whole_or_in_segments_and_traced_as_they_passed() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    let whole = Capture::start(&house, "whole", &["s1", "tcp"]);
    let segments = Capture::start(&house, "segments", &["s1", "--segments", "-s", "100", "tcp"]);
    stream(&house, "a", "b", "10.0.0.2");
    let (file, whole, segments) = (whole.file.clone(), whole.end(Signal::SIGINT), segments.end(Signal::SIGINT));

    let (number, (_, largest)) = whole.iter().enumerate().max_by_key(|(_, (_, frame))| frame.bytes.len()).expect("frames");
    assert!(largest.bytes.len() > 10_000 && largest.segment_size().is_some(), "no super-frame: {:?}", largest.comment);
    let trace = house.json(&format!("trace s1 a {}:{}", file.display(), number + 1));
    assert_eq!((&trace["verdict"], &trace["drop"]), (&"sent to b".into(), &Value::Null), "{trace}");
    let received = trace["steps"][0].as_str().expect("a step");
    assert!(received.contains(&format!("{} bytes, ", largest.bytes.len())) && received.contains("on the wire"), "{trace}");

    assert!(segments.iter().all(|(_, frame)| frame.original_len <= 1514 && frame.bytes.len() <= 100));
    let of_several =
        |(_, frame): &&(String, Captured)| frame.comment.as_ref().is_some_and(|said| said.contains("segment 2 of"));
    assert!(segments.iter().filter(of_several).count() > 0, "no super-frame in segments");
    let payload = |frames: &[(String, Captured)]| frames.iter().map(|(_, frame)| u64::from(frame.original_len)).sum::<u64>();
    assert!(payload(&segments) > payload(&whole), "each segment has headers of its own");
    if has("tshark") {
        let checks = "-o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE";
        let bad = "ip.checksum.status==0||tcp.checksum.status==0";
        let said = house.sh(&format!("tshark -n -r {} {checks} -Y {bad} -T fields -e frame.number", file.display()));
        assert_eq!(said, "", "bad checksums");
    }
}

#[test]
fn a_live_reader_has_each_frame_before_the_capture_ends() {
    let Some(house) = House::with_daemon() else { return };
    if !has("tshark") {
        return;
    }
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    let mut capture = house.command(&[env!("CARGO_BIN_EXE_lanloom"), "capture", "s1", "icmp", "-w", "-"]);
    let mut capture = capture.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut shark = Command::new("tshark")
        .args(["-n", "-l", "-i", "-", "-T", "fields", "-e", "icmp.type", "-e", "frame.comment"])
        .stdin(capture.stdout.take().expect("piped"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it was found before");
    let (to, lines) = mpsc::channel();
    let out = BufReader::new(shark.stdout.take().expect("piped"));
    let reader = std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            let _ = to.send(line);
        }
    });
    // Whatever passes before the capture has begun is not in it.
    house.wait_for("the first frames", || {
        house.ping("a", "10.0.0.2");
        lines.try_recv().is_ok()
    });
    for _ in 0..3 {
        while lines.recv_timeout(std::time::Duration::from_millis(500)).is_ok() {}
        house.ping("a", "10.0.0.2");
        let two = [(); 2].map(|()| lines.recv_timeout(PATIENCE).expect("the frame, while the capture runs"));
        assert_eq!(two, ["8\ta → b", "0\tb → a"]);
        assert!(matches!(capture.try_wait(), Ok(None)), "it runs on");
    }
    kill(nix::unistd::Pid::from_raw(capture.id().try_into().expect("a pid")), Signal::SIGINT).expect("it runs");
    assert_eq!(capture.wait().expect("it ran").code(), Some(0));
    assert!(shark.wait().expect("it ran").success(), "it has read to a sound end");
    reader.join().expect("no panic");
}

#[test]
fn a_second_signal_ends_a_capture_whose_reader_is_stuck() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    let mut capture = house.command(&[env!("CARGO_BIN_EXE_lanloom"), "capture", "s1", "-w", "-"]);
    // Nobody reads the pipe beyond the beginning, so that writing to it comes to a halt.
    let mut capture = capture.stdout(Stdio::piped()).spawn().expect("it runs");
    let pid = nix::unistd::Pid::from_raw(capture.id().try_into().expect("a pid"));
    let mut head = [0; 4];
    capture.stdout.as_mut().expect("piped").read_exact(&mut head).expect("the head of the file");
    // Many times what a pipe holds.
    stream(&house, "a", "b", "10.0.0.2");
    kill(pid, Signal::SIGINT).expect("it runs");
    house.wait_for("its end", || {
        let _ = kill(pid, Signal::SIGTERM);
        matches!(capture.try_wait(), Ok(Some(_)))
    });
    let code = capture.wait().expect("it ran").code();
    assert!(matches!(code, Some(130 | 143)), "{code:?}");
    house.ping("a", "10.0.0.2");
}

#[test]
fn a_switch_says_that_it_runs_no_spanning_tree_and_a_flush_by_port_is_that_ports_alone() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    let shown = house.says("switch show s1");
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["stp", "off"])), "{shown}");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    // From now on nobody speaks.
    for host in ["a", "b"] {
        house.says(&format!("port set s1 {host} --learning off"));
    }
    house.says("fdb add s1 02:00:00:00:00:aa a --sticky");
    let known = |port: &str| {
        let fdb = house.json("fdb show s1");
        let of = |entry: &&Value| entry["port"] == port;
        fdb.as_array().expect("a list").iter().filter(of).map(|entry| entry["mac"].to_string()).collect::<Vec<_>>()
    };
    let (of_a, of_b) = (known("a"), known("b"));
    assert!(of_a.len() > 1 && !of_b.is_empty(), "{of_a:?} {of_b:?}");
    let flushed = house.json("fdb flush s1 --port a");
    assert_eq!(flushed["flushed"].as_u64(), Some(of_a.len() as u64 - 1), "{flushed}");
    assert_eq!((known("a"), known("b")), (vec!["\"02:00:00:00:00:aa\"".to_owned()], of_b), "what was set stays");
    house.sh("ip -n a link set eth0 down");
    house.wait_for("the port down", || house.json("port show s1 a")["state"] == "down");
    assert_eq!(known("a").len(), 1, "what was set stays with its port down, too");
}
