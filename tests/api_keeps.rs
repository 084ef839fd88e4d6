//! What a real daemon keeps over restarts, gives back when it is told to, and leaves alone because it is somebody else's.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2), `ping`, `setpriv` and `nsenter` (util-linux).

#[allow(dead_code, reason = "the tests of commands use the rest")]
#[path = "support/house.rs"]
mod house;

use house::House;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::time::Duration;

const LANLOOM: &str = env!("CARGO_BIN_EXE_lanloom");
const STATE: [&str; 2] = ["--state-dir", "STATE"];

fn stop(house: &mut House) {
    house.signal(Signal::SIGTERM);
    assert_eq!(house.daemon_status(), Some(0), "{}", house.log());
}

/// Whether there is such an interface in a namespace.
fn has(house: &House, netns: &str, ifname: &str) -> bool {
    house.command(&["ip", "-n", netns, "link", "show", "dev", ifname]).output().expect("it runs").status.success()
}

#[test]
fn after_a_reset_ports_are_made_as_before_it() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "veth", "10.0.0.1/24");
    let done = house.json("system reset");
    let removed: Vec<&str> = done["removed"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    for thing in ["port s1/a (veth://eth0?netns=a)", "switch s1"] {
        assert!(removed.contains(&thing), "{thing}: {removed:?}");
    }
    assert_eq!(done["left"], serde_json::json!([]));
    house.says("switch create s1");
    for (name, kind, address) in [("c", "veth", "10.0.0.3/24"), ("d", "veth", "10.0.0.4/24"), ("e", "tap", "10.0.0.5/24")] {
        house.host("s1", name, kind, address);
    }
    house.ping("c", "10.0.0.4");
    house.ping("c", "10.0.0.5");
}

#[test]
fn an_interface_of_somebody_under_the_name_of_a_ports_tap_is_neither_set_nor_deleted() {
    let Some(mut house) = House::new() else { return };
    let file = house.path("lanloom.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    let wanted = "[[switch]]\nname = \"s1\"\n[[switch.port]]\nname = \"a\"\nurl = \"tap://eth0?netns=a\"\n";
    let config = file.display().to_string();
    house.sh("ip netns add a");
    house.sh("ip -n a link add eth0 type veth peer name theirs");
    for how in ["reset", "reload", "ephemeral stop"] {
        write(wanted);
        match how {
            "ephemeral stop" => house.start_daemon(&["--ephemeral", "--config", &config]),
            _ => house.start_daemon(&["--state-dir", "STATE", "--config", &config]),
        }
        let port = house.json("port show s1 a");
        assert!(port["state"] == "down" && port["reason"].as_str().is_some_and(|why| !why.is_empty()), "{how}: {port}");
        house.says("port set s1 a --mtu 1300");
        match how {
            "reset" => drop(house.says("system reset")),
            "reload" => {
                write("");
                house.says("config reload");
            }
            _ => {}
        }
        stop(&mut house);
        let shown = house.sh("ip -n a link show dev eth0");
        assert!(shown.contains("mtu 1500"), "{how}: {shown}");
    }
}

#[test]
fn a_daemon_finds_its_interfaces_by_its_state_whatever_its_socket() {
    let Some(mut house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "veth", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    stop(&mut house);
    let other = house.path("other.sock").display().to_string();
    let daemon = house
        .command(&[LANLOOM, "daemon", "--state-dir", "STATE", "--socket", &other])
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    house.keep(daemon);
    let words = format!("--socket {other} port ls s1");
    house.wait_for("the daemon on another socket", || house.lanloom(&words).status.success());
    house.ping("a", "10.0.0.2");
    // A daemon with another state, on the socket of the first, takes nothing away.
    stop(&mut house);
    let state = house.path("another").display().to_string();
    house.start_daemon(&["--state-dir", &state]);
    assert_eq!(house.json("switch ls"), serde_json::json!([]));
    stop(&mut house);
    house.start_daemon(&STATE);
    house.ping("a", "10.0.0.2");
}

#[test]
fn what_was_made_for_the_file_goes_when_it_was_taken_out_while_the_daemon_was_down() {
    let Some(mut house) = House::new() else { return };
    let file = house.path("lanloom.toml");
    let port = |name: &str, kind: &str| format!("[[switch.port]]\nname = \"{name}\"\nurl = \"{kind}://eth0?netns={name}\"\n");
    let switch = "[[switch]]\nname = \"s1\"\n";
    std::fs::write(&file, [switch, &port("a", "tap"), &port("b", "veth"), &port("c", "tap")].concat()).expect("written");
    for netns in ["a", "b", "c"] {
        house.sh(&format!("ip netns add {netns}"));
    }
    let config = file.display().to_string();
    let arguments = ["--state-dir", "STATE", "--config", &config];
    house.start_daemon(&arguments);
    stop(&mut house);
    house.start_daemon(&STATE);
    stop(&mut house);
    assert!(["a", "b", "c"].iter().all(|netns| has(&house, netns, "eth0")), "without a file nothing is taken to be unwanted");
    std::fs::write(&file, [switch, &port("c", "tap")].concat()).expect("written");
    house.start_daemon(&arguments);
    assert_eq!(["a", "b", "c"].map(|netns| has(&house, netns, "eth0")), [false, false, true]);
}

#[test]
fn a_metrics_address_that_is_taken_is_noticed_before_anything_is_made() {
    let Some(mut house) = House::new() else { return };
    house.start_daemon(&["--store", "memory", "--metrics", "127.0.0.1:9742"]);
    let file = house.path("lanloom.toml");
    let text = "[daemon]\nmetrics = \"127.0.0.1:9742\"\n[[switch]]\nname = \"s1\"\n[[switch.port]]\nname = \"a\"\nurl = \"tap://t7\"\n";
    std::fs::write(&file, text).expect("written");
    let (socket, state) = (house.path("2.sock"), house.path("2"));
    let words = format!("daemon --socket {} --state-dir {} --config {}", socket.display(), state.display(), file.display());
    let output = house.lanloom(&words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cannot serve metrics on 127.0.0.1:9742") && said.contains("give --metrics another address"),
        "{said}"
    );
    assert_eq!(house.interfaces(), ["lo"]);
}

#[test]
fn deleting_a_port_is_told_by_its_deletion_alone() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    for (name, kind, address) in [("a", "tap", "10.0.0.1/24"), ("b", "veth", "10.0.0.2/24")] {
        house.host("s1", name, kind, address);
        house.wait_for("the port", || house.json(&format!("port show s1 {name}"))["state"] == "up");
    }
    let mut events = house.command(&[LANLOOM, "events", "--json"]).stdout(Stdio::piped()).spawn().expect("it runs");
    let mut lines = BufReader::new(events.stdout.take().expect("piped")).lines().map_while(Result::ok);
    // Its first line, so that nothing that comes later is missed.
    let (heard, first) = std::sync::mpsc::channel();
    let told = std::thread::spawn(move || {
        let _ = lines.next().map(|line| heard.send(line));
        lines.take_while(|line| !line.contains("\"end\"")).collect::<Vec<_>>()
    });
    house.wait_for("the events", || {
        house.says("switch create warmup");
        house.says("switch delete warmup");
        first.try_recv().is_ok()
    });
    for round in 0..5 {
        for (name, kind) in [("a", "tap"), ("b", "veth")] {
            house.says(&format!("port delete s1 {name}"));
            house.says(&format!("port add s1 {kind}://eth0?netns={name} --name {name}"));
            house.wait_for("the port", || house.json(&format!("port show s1 {name}"))["state"] == "up");
        }
        println!("round {round}");
    }
    house.says("switch delete s1");
    house.says("switch create end");
    let told = told.join().expect("no panic");
    let _ = events.kill();
    let _ = events.wait();
    let deleted = told.iter().filter(|line| line.contains("port.deleted")).count();
    assert_eq!(deleted, 12, "{told:#?}");
    assert!(!told.iter().any(|line| line.contains("port.down")), "{told:#?}");
}

#[test]
fn members_of_the_group_lanloom_may_speak_to_the_daemon_and_others_may_not() {
    let Some(mut house) = House::new() else { return };
    std::fs::write(house.path("group"), "root:x:0:\nlanloom:x:4242:\n").expect("written");
    house.sh(&format!("mount --bind {} /etc/group", house.path("group").display()));
    house.start_daemon(&STATE);
    let socket = house.path("lanloom.sock").display().to_string();
    assert_eq!(house.sh(&format!("stat -c %u:%g:%a {socket}")), "0:4242:660\n");
    std::fs::copy(LANLOOM, house.path("lanloom")).expect("copied");
    let program = house.path("lanloom").display().to_string();
    let speak = |group: &str| {
        let words = ["setpriv", "--reuid=65534", "--regid=65534", group, &program, "switch", "ls"];
        house.command(&words).output().expect("it runs")
    };
    let member = speak("--groups=4242");
    assert!(member.status.success(), "{}", String::from_utf8_lossy(&member.stderr));
    let other = speak("--clear-groups");
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(other.status.code() == Some(1) && said.contains("usermod -aG lanloom"), "{said}");
}

#[test]
fn out_of_descriptors_ports_are_refused_with_the_reason_and_everything_else_goes_on() {
    let Some(mut house) = House::new() else { return };
    let script = format!("ulimit -n 48 && exec {LANLOOM} daemon --store memory");
    let daemon = house.command(&["bash", "-c", &script]).stderr(Stdio::null()).spawn().expect("it runs");
    house.keep(daemon);
    house.wait_for("the daemon", || house.lanloom("switch ls").status.success());
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    let mut made = 0;
    let said = loop {
        let output = house.lanloom(&format!("port add s1 tap://t{made}"));
        if !output.status.success() {
            break String::from_utf8_lossy(&output.stderr).into_owned();
        }
        made += 1;
        assert!(made < 48, "there is no end of descriptors");
    };
    println!("after {made} more: {said}");
    assert!(said.contains("Too many open files") || said.contains("EMFILE"), "{said}");
    assert!(said.contains("ulimit -n") || said.contains("raise the limit of open files"), "{said}");
    assert!(!house.interfaces().contains(&format!("t{made}")), "a refused command leaves no trace");
    house.ping("a", "10.0.0.2");
    assert_eq!(house.json("port ls s1").as_array().map(Vec::len), Some(made + 2));
    for port in 1..=3 {
        house.says(&format!("port delete s1 p{port}"));
    }
    house.host("s1", "c", "tap", "10.0.0.3/24");
    house.ping("c", "10.0.0.1");
}

#[test]
fn a_full_disk_refuses_changes_with_the_reason_and_a_line_in_the_log_and_is_no_harm_once_it_is_not() {
    let Some(mut house) = House::new() else { return };
    let state = house.path("state").display().to_string();
    house.sh(&format!("mkdir {state}"));
    house.sh(&format!("mount -t tmpfs -o size=512k none {state}"));
    house.start_daemon(&STATE);
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    let fill = format!("cat /dev/zero > {state}/fill; true");
    house.command(&["sh", "-c", &fill]).stderr(Stdio::null()).status().expect("it runs");
    let mut made = 0;
    let said = loop {
        let output = house.lanloom(&format!("switch create x{made}"));
        if !output.status.success() {
            break String::from_utf8_lossy(&output.stderr).into_owned();
        }
        made += 1;
        assert!(made < 500, "the disk is full, and all is written nevertheless");
    };
    println!("after {made}: {said}");
    assert!(said.contains("store.redb") && said.contains("`lanloom info` names the state directory"), "{said}");
    let log = house.log();
    assert!(log.contains("the store did not do it") && log.contains("create switch"), "{log}");
    house.ping("a", "10.0.0.2");
    assert_eq!(house.json("switch ls").as_array().map(Vec::len), Some(made + 1));
    house.sh(&format!("rm {state}/fill"));
    house.says(&format!("switch create x{made}"));
    stop(&mut house);
    house.start_daemon(&STATE);
    assert_eq!(house.json("switch ls").as_array().map(Vec::len), Some(made + 2));
    house.ping("a", "10.0.0.2");
}

#[test]
fn callers_that_drip_their_bytes_are_sent_away_and_others_served_meanwhile() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    let socket = house.path("lanloom.sock");
    let drip = |text: &'static [u8]| {
        let mut stream = UnixStream::connect(&socket).expect("it listens");
        stream.set_read_timeout(Some(house::PATIENCE)).expect("set");
        std::thread::spawn(move || {
            for byte in text.iter().cycle() {
                if stream.write_all(&[*byte]).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answer
        })
    };
    let head = b"GET /v1/info HTTP/1.1\r\nhost: x\r\nx: ";
    let mut heads: Vec<_> = (0..20).map(|_| drip(head)).collect();
    let mut body = UnixStream::connect(&socket).expect("it listens");
    body.set_read_timeout(Some(house::PATIENCE)).expect("set");
    body.write_all(b"POST /v1/switches HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n").expect("taken");
    let mut dripping = body.try_clone().expect("a descriptor");
    let dripper = std::thread::spawn(move || {
        while dripping.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(100));
        }
    });
    while heads.iter().any(|drip| !drip.is_finished()) {
        assert!(house.says("switch ls").contains("s1"), "others are served");
    }
    heads.drain(..).for_each(|drip| drop(drip.join().expect("no panic")));
    let mut answer = String::new();
    let _ = body.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    drop(body);
    dripper.join().expect("no panic");
}

#[test]
fn namespaces_are_found_in_the_folder_that_the_command_line_names() {
    let Some(mut house) = House::new() else { return };
    let folder = house.path("spaces").display().to_string();
    house.sh(&format!("mkdir {folder}"));
    house.sh(&format!("touch {folder}/x"));
    house.sh(&format!("unshare --net={folder}/x ip link set lo up"));
    house.start_daemon(&["--state-dir", "STATE", "--netns-dir", &folder]);
    house.says("switch create s1");
    for url in ["tap://t0?netns=x", "veth://v0?netns=x"] {
        house.says(&format!("port add s1 {url}"));
    }
    let links = house.sh(&format!("nsenter --net={folder}/x ip link"));
    assert!(links.contains("t0:") && links.contains("v0"), "{links}");
    house.sh("ip netns add y");
    assert!(house.refused("port add s1 tap://t1?netns=y").contains("there is no network namespace y"));
}

#[test]
fn a_tap_that_is_not_to_persist_goes_with_the_daemon_and_is_made_again_with_its_address() {
    let Some(mut house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.sh("ip netns add a");
    house.sh("ip netns add b");
    house.says("port add s1 tap://eth0?netns=a&persist=no&mac=02:00:00:00:00:0a --name a");
    house.says("port add s1 veth://eth0?netns=b&mac=02:00:00:00:00:0b --name b");
    let macs = |house: &House| {
        ["a", "b"].map(|netns| house.sh(&format!("ip netns exec {netns} cat /sys/class/net/eth0/address")).trim().to_owned())
    };
    assert_eq!(macs(&house), ["02:00:00:00:00:0a", "02:00:00:00:00:0b"]);
    stop(&mut house);
    assert_eq!(["a", "b"].map(|netns| has(&house, netns, "eth0")), [false, true]);
    house.start_daemon(&STATE);
    assert_eq!(macs(&house), ["02:00:00:00:00:0a", "02:00:00:00:00:0b"]);
    assert_eq!(house.json("port show s1 a")["state"], "up");
    // Both are known for ours again.
    for netns in ["a", "b"] {
        house.says(&format!("port set s1 {netns} --mtu 1300"));
        assert!(house.sh(&format!("ip -n {netns} link show dev eth0")).contains("mtu 1300"), "{netns}");
    }
}

#[test]
fn a_state_that_an_earlier_build_wrote_is_read() {
    let Some(mut house) = House::new() else { return };
    let state = house.path("state");
    std::fs::create_dir(&state).expect("made");
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/store-schema-1.redb");
    std::fs::copy(fixture, state.join("store.redb")).expect("copied");
    for netns in ["a", "b"] {
        house.sh(&format!("ip netns add {netns}"));
    }
    house.start_daemon(&STATE);
    assert_eq!(house.json("switch show s1")["ageing_secs"], 60);
    let ports = house.json("port ls s1");
    let shown: Vec<_> = ports
        .as_array()
        .expect("a list")
        .iter()
        .map(|port| [&port["port"], &port["url"], &port["state"]].map(|field| field.as_str().unwrap_or_default().to_owned()))
        .collect();
    assert_eq!(
        shown,
        [
            ["a", "tap://eth0?netns=a", "up"],
            ["b", "veth://eth0?netns=b&mtu=1400", "up"],
            ["p1", "tap://plain0?offload=off&persist=no", "up"]
        ]
    );
    let first = house.json("port show s1 a");
    let settings = ["isolated", "forward", "storm", "fdb_limit"].map(|name| first[name].clone());
    assert_eq!(settings, [true.into(), serde_json::json!(["lldp"]), "500:50".into(), 7.into()]);
    let fdb = house.json("fdb show s1");
    let set = |entry: &Value| entry["mac"] == "02:00:00:00:00:99" && entry["static"] == true;
    assert!(fdb.as_array().is_some_and(|all| all.iter().any(set)), "{fdb}");
    house.says("switch delete s1");
    assert!(!has(&house, "a", "eth0") && !has(&house, "b", "eth0"));
    assert_eq!(house.interfaces(), ["lo"]);
}
