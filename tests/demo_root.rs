//! `lanloom demo` with all rights: shown, kept, interrupted, and gone again.

#[path = "support/demo.rs"]
mod demo;

use demo::{CHECKS, Place, Running, children, is_running, root, wait_until};
use lanloom_switch_io::capture::read::Reader;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::File;
use std::path::Path;
use std::process::Command;

#[test]
fn with_all_rights_everything_is_shown_and_nothing_skipped() {
    if !root() {
        return;
    }
    let place = Place::new();
    let ended = place.run(place.demo(&["--json", "--size", "64M"]));
    assert_eq!(ended.names("ok"), CHECKS, "{ended}");
    assert_eq!((ended.status, ended.left.len()), (Some(0), 0), "{ended}");
    let pcap = place.path("current").join("demo.pcapng");
    assert_eq!(ended.json()["pcap"].as_str(), pcap.to_str(), "{ended}");
    let mut reader = Reader::new(File::open(pcap).expect("the capture is there")).expect("a capture");
    let mut verdicts = 0;
    while let Some(frame) = reader.next().expect("whole frames") {
        verdicts += usize::from(frame.comment.is_some_and(|comment| comment.starts_with(['p'])));
    }
    assert!(verdicts > 20, "{verdicts} frames with a verdict");
}

#[test]
fn what_a_person_sees_has_the_picture_the_checks_and_what_to_try_next() {
    if !root() {
        return;
    }
    let place = Place::new();
    let ended = place.run(place.demo(&["--size", "16M"]));
    assert_eq!(ended.status, Some(0), "{ended}");
    for text in [
        "namespace blue",
        "╧",
        "switch demo",
        "100 % of 16 MiB",
        "host west",
        "> 192.0.2.2 vni 42, 50 + ",
        "21 ok, 0 failed, 0 skipped",
        "demo --keep",
        "p1 →",
    ] {
        assert!(ended.stdout.contains(text), "{text:?} in {ended}");
    }
    assert!(!ended.stdout.contains('\x1b'), "no colours without a terminal: {ended}");
    assert!(ended.stdout.lines().filter(|line| line.contains('│')).all(|line| line.chars().count() == 72), "{ended}");
}

#[test]
fn a_demo_that_is_kept_can_be_looked_into_and_ends_by_ctrl_c() {
    if !root() {
        return;
    }
    let place = Place::new();
    let mut running = Running::start(place.demo(&["--keep", "--size", "4M"]));
    let line = running.line_with("alias lanloom=");
    let socket = line.trim().trim_end_matches('\'').rsplit(' ').next().expect("a path").to_owned();
    let fdb = ask(&place, &socket, &["fdb", "show", "demo", "--json"]);
    assert_eq!(fdb.as_array().map(Vec::len), Some(3), "{fdb}");
    let trace = ask(&place, &socket, &["trace", "demo", "p1", "icmp src=10.1.0.1 dst=10.1.0.2", "--json"]);
    assert_eq!(trace["ports"], serde_json::json!(["p2"]), "the words of a frame mean the hosts here: {trace}");
    let captured = Command::new(place.program()).args(["--socket", &socket, "capture", "demo", "-c", "2"]).output();
    let captured = String::from_utf8(captured.expect("it runs").stdout).expect("text");
    assert_eq!(captured.lines().count(), 2, "the hosts go on talking: {captured}");
    let namespace = format!("/run/netns/lanloom-demo-{}-blue", running.pid());
    assert!(Path::new(&namespace).exists(), "{namespace}");
    let west = socket.replace("lanloom.sock", "west.sock");
    let network = ask(&place, &west, &["network", "inspect", "wide", "--json"]);
    assert_eq!(network[0]["Driver"], "overlay", "a host's daemon can be asked too: {network}");
    let pid = running.pid();
    let (status, rest) = running.interrupt();
    assert_eq!(status.code(), Some(0), "{rest}");
    assert!(rest.contains("nothing left"), "{rest}");
    assert_eq!(place.left_by(pid), Vec::<String>::new());
}

#[test]
fn ctrl_c_at_any_moment_leaves_nothing() {
    if !root() {
        return;
    }
    for moment in ["rights:", "daemon", "tap", "veth", "in-process", "ping4", "ping6", "fdb", "1 % of"] {
        let place = Place::new();
        // More than is ever sent: the transfer is what it is interrupted in at the latest.
        let mut running = Running::start(place.demo(&["--size", "1024G"]));
        let pid = running.pid();
        if moment == "1 % of" {
            running.line_with("fdb");
            std::thread::sleep(std::time::Duration::from_millis(300));
        } else {
            running.line_with(moment);
        }
        let (status, rest) = running.interrupt();
        assert_eq!(status.code(), Some(130), "at {moment}: {rest}");
        assert_eq!(place.left_by(pid), Vec::<String>::new(), "at {moment}: {rest}");
    }
}

#[test]
fn ctrl_c_among_networks_leaves_nothing() {
    if !root() {
        return;
    }
    for moment in
        ["Two networks", "sandbox web", "names", "reach", "isolation", "relay", "Two hosts", "sandbox shop", "underlay   all"]
    {
        let place = Place::new();
        let mut running = Running::start(place.demo(&["--keep", "--size", "1M"]));
        let pid = running.pid();
        running.line_with(moment);
        let (status, rest) = running.interrupt();
        // 0 if everything was up by then.
        assert!(matches!(status.code(), Some(0 | 130)), "at {moment}: {rest}");
        assert_eq!(place.left_by(pid), Vec::<String>::new(), "at {moment}: {rest}");
    }
}

#[test]
fn what_a_killed_demo_left_is_removed_by_the_next() {
    if !root() {
        return;
    }
    let place = Place::new();
    let mut running = Running::start(place.demo(&["--keep", "--size", "4M"]));
    let killed = running.pid();
    running.line_with("alias lanloom=");
    let daemons = children(killed);
    assert_eq!(daemons.len(), 2, "one for each host");
    assert!(!running.kill().success());
    wait_until("the daemons of its hosts end with it", || daemons.iter().all(|daemon| !is_running(*daemon)));
    // Its namespaces may be gone again by now: a demo of another test removes them too.
    assert!(!place.left_by(killed).is_empty(), "its folder at least");
    let next = place.run(place.demo(&["--size", "4M"]));
    assert_eq!(next.status, Some(0), "{next}");
    assert!(next.stdout.contains(&format!("removed lanloom-demo-{killed}, left by a demo that was killed")), "{next}");
    assert_eq!(place.left_by(killed), Vec::<String>::new());
}

#[test]
fn a_host_s_daemon_that_was_killed_is_told_and_leaves_nothing() {
    if !root() {
        return;
    }
    let place = Place::new();
    let mut running = Running::start(place.demo(&["--keep", "--size", "4M"]));
    let pid = running.pid();
    running.line_with("alias lanloom=");
    let daemon = children(pid).into_iter().next().expect("a host's daemon");
    kill(Pid::from_raw(daemon as i32), Signal::SIGKILL).expect("it runs");
    let (status, rest) = running.interrupt();
    assert_eq!(status.code(), Some(1), "{rest}");
    assert!(rest.contains("a host's daemon ended with signal: 9"), "{rest}");
    assert_eq!(place.left_by(pid), Vec::<String>::new(), "{rest}");
}

#[test]
fn a_reader_that_goes_away_leaves_nothing() {
    if !root() {
        return;
    }
    let place = Place::new();
    let mut running = Running::start(place.demo(&["--size", "4M"]));
    let pid = running.pid();
    running.line_with("rights:");
    assert_eq!(running.ignore().code(), Some(0));
    assert_eq!(place.left_by(pid), Vec::<String>::new());
}

fn ask(place: &Place, socket: &str, arguments: &[&str]) -> Value {
    let output = Command::new(place.program()).args(["--socket", socket]).args(arguments).output().expect("it runs");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}
