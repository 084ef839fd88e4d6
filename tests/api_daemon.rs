//! A real daemon with real ports, from the command line: hosts talk, everything shows it, and it is there again after a stop, a
//! crash, a reload; or gone, if it is to be.

#[path = "support/house.rs"]
mod house;

use house::{House, files, has};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Stdio};
use std::sync::mpsc::Receiver;

#[test]
fn hosts_talk_through_a_switch_and_every_listing_shows_it() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");

    let fdb = house.json("fdb show s1");
    let ports: Vec<&str> = fdb.as_array().expect("a list").iter().filter_map(|entry| entry["port"].as_str()).collect();
    assert!(ports.contains(&"a") && ports.contains(&"b"), "{fdb}");
    let bridge = house.says("fdb show s1 --format bridge");
    assert!(bridge.lines().any(|line| line.ends_with(" dev a master s1")), "{bridge}");

    let counters = house.json("counters s1");
    for port in counters["ports"].as_array().expect("a list") {
        let drops: u64 = port["drops"].as_object().expect("by reason").values().filter_map(Value::as_u64).sum();
        let ended = port["forwarded"].as_u64().zip(port["consumed"].as_u64()).map(|(forwarded, consumed)| forwarded + consumed);
        assert_eq!(port["rx"]["frames"].as_u64(), ended.map(|ended| ended + drops), "{port}");
        assert!(port["rx"]["frames"].as_u64() > Some(0) && port["tx"]["frames"].as_u64() > Some(0), "{port}");
    }

    let mac = fdb.as_array().and_then(|all| all.iter().find(|entry| entry["port"] == "b")).expect("learned")["mac"].clone();
    let mac = mac.as_str().expect("text");
    let trace = house.json(&format!("trace s1 a icmp src=10.0.0.1 dst={mac} dst=10.0.0.2"));
    assert_eq!(trace["ports"], serde_json::json!(["b"]), "{trace}");
    assert_eq!(trace["verdict"], "sent to b", "{trace}");
    assert_eq!(house.json("fdb show s1").as_array().map(Vec::len), fdb.as_array().map(Vec::len), "a trace teaches nothing");

    house.says("port set s1 a --isolated on");
    house.says("port set s1 b --isolated on");
    let trace = house.json(&format!("trace s1 a icmp src=10.0.0.1 dst={mac} dst=10.0.0.2"));
    assert_eq!(trace["drop"], "isolated", "{trace}");
    let info = house.json("info");
    assert_eq!((&info["switches"], &info["ports"]), (&1.into(), &2.into()), "{info}");
    assert!(
        info["kernel"].as_array().is_some_and(|kernel| kernel.iter().any(|have| have["name"] == "tap" && have["ok"] == true))
    );
}

#[test]
fn a_capture_says_what_became_of_each_frame_and_other_tools_read_it() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    let file = house.path("icmp.pcapng");
    let words = ["capture", "s1", "icmp", "-c", "4", "-w"];
    let program = [env!("CARGO_BIN_EXE_lanloom")];
    let mut capture = house.command(&[&program[..], &words].concat()).arg(&file).spawn().expect("it runs");
    let mut lines = house
        .command(&[&program[..], &["capture", "s1/b", "icmp", "-c", "2"]].concat())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    house.wait_for("two captures", || {
        house.ping("a", "10.0.0.2");
        matches!((capture.try_wait(), lines.try_wait()), (Ok(Some(_)), Ok(Some(_))))
    });
    let mut text = String::new();
    lines.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().all(|line| line.contains("icmp") && line.ends_with("forwarded")), "{text}");
    if !has("tshark") {
        return;
    }
    let shown = house.sh(&format!(
        "tshark -r {} -T fields -e frame.interface_name -e icmp.type -e frame.comment -o ip.check_checksum:TRUE",
        file.display()
    ));
    assert_eq!(shown.lines().count(), 4, "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("a\t8\ta → b")), "{shown}");
    assert!(shown.lines().any(|line| line.starts_with("b\t0\tb → a")), "{shown}");
    house.refused("capture s1 nonsense");
    house.refused("capture s9");
}

#[test]
fn a_capture_that_is_stopped_leaves_a_file_that_can_be_read() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    let file = house.path("all.pcapng");
    let mut capture =
        house.command(&[env!("CARGO_BIN_EXE_lanloom"), "capture", "s1", "-w"]).arg(&file).spawn().expect("it runs");
    house.wait_for("frames in the file", || {
        house.ping("a", "10.0.0.2");
        std::fs::metadata(&file).is_ok_and(|file| file.len() > 1000)
    });
    let pid = nix::unistd::Pid::from_raw(capture.id().try_into().expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGINT).expect("it runs");
    assert_eq!(capture.wait().expect("it ran").code(), Some(0));
    if has("capinfos") {
        let said = house.sh(&format!("capinfos -c -M {}", file.display()));
        assert!(said.contains("Number of packets"), "{said}");
    }
}

#[test]
fn what_commands_made_is_there_again_after_a_stop_and_after_a_crash() {
    let Some(mut house) = House::with_daemon() else { return };
    house.says("switch create s1 --ageing 60");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.says("port set s1 a --storm 500:50 --forward lldp");
    house.says("fdb add s1 02:00:00:00:00:99 b");
    house.ping("a", "10.0.0.2");
    let before = (house.says("config show"), house.json("switch show s1")["ageing_secs"].clone());
    for (signal, status) in [(Signal::SIGKILL, None), (Signal::SIGTERM, Some(0)), (Signal::SIGINT, Some(0))] {
        house.signal(signal);
        assert_eq!(house.daemon_status(), status, "{signal}");
        house.start_daemon(&["--state-dir", "STATE"]);
        let after = (house.says("config show"), house.json("switch show s1")["ageing_secs"].clone());
        assert_eq!(sorted(&after.0), sorted(&before.0), "after {signal}");
        assert_eq!(after.1, before.1);
        let fdb = house.json("fdb show s1");
        assert!(fdb.as_array().is_some_and(|all| all.iter().any(|entry| entry["static"] == true)), "{fdb}");
        // The addresses of the interfaces are those of before: the same interfaces.
        house.ping("a", "10.0.0.2");
        house.ping("b", "10.0.0.1");
    }
}

#[test]
fn a_second_daemon_on_the_same_socket_or_state_is_refused_and_the_first_stays() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    let said = house.refused(&format!(
        "daemon --socket {} --state-dir {}",
        house.path("lanloom.sock").display(),
        house.path("other").display()
    ));
    assert!(said.contains("another daemon (process ") && said.contains("--socket"), "{said}");
    let said = house.refused(&format!(
        "daemon --socket {} --state-dir {}",
        house.path("2.sock").display(),
        house.path("state").display()
    ));
    assert!(said.contains("another daemon (process ") && said.contains("--state-dir"), "{said}");
    assert!(house.says("switch ls").contains("s1"));
}

#[test]
fn an_ephemeral_daemon_leaves_nothing() {
    let Some(mut house) = House::new() else { return };
    house.start_daemon(&["--ephemeral", "--state-dir", "STATE"]);
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    house.signal(Signal::SIGTERM);
    assert_eq!(house.daemon_status(), Some(0), "{}", house.log());
    assert_eq!(house.interfaces(), ["lo"]);
    for netns in ["a", "b"] {
        assert!(!house.sh(&format!("ip -n {netns} link")).contains("eth0"), "{netns}");
    }
    assert_eq!(files(house.folder.path()), ["log"]);
}

#[test]
fn a_reset_removes_everything_of_ours_and_nothing_else() {
    let Some(house) = House::with_daemon() else { return };
    house.sh("ip link add theirs type veth peer name others");
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.says("port add s1 iface://theirs");
    let said = house.says("system reset");
    assert!(said.contains("switch s1"), "{said}");
    assert_eq!(house.json("switch ls"), serde_json::json!([]));
    let mut left = house.interfaces();
    left.sort();
    assert_eq!(left, ["lo", "others", "theirs"]);
    assert!(!house.sh("ip -n a link").contains("eth0") && !house.sh("ip -n b link").contains("eth0"));
}

#[test]
fn a_refused_command_leaves_no_trace() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    let before = (house.says("config show"), house.interfaces(), house.sh("ip -n a -oneline link"));
    for (refused, why_and_what_to_do) in [
        ("switch create s1", "a command made a switch of that name; choose another name, or delete that one"),
        ("switch create s2 --ageing 5", "an ageing time of 5 seconds is not possible; write 10 to 1000000"),
        (
            "port add s1 tap://eth0?netns=nope",
            "there is no network namespace nope; make it with `ip netns add`, or name another",
        ),
        ("port add s1 tap://eth0?netns=a", "port s1/a has that interface; choose another interface name, or delete that port"),
        ("port add s1 veth://eth0?netns=a", "port s1/a has that interface; choose another interface name, or delete that port"),
        ("port add s1 iface://nope", "there is no interface nope; see `ip link`, or let tap:// or veth:// make one"),
        ("port add s9 tap://eth1", "there is no switch s9; see `lanloom switch ls`"),
        ("port add s1 tap://t1 --name a", "there is a port a already; choose another name, or delete that one"),
        ("port add s1 tap://t1?mtu=9", "mtu=\"9\" is not possible; write 68 to 65521"),
        (
            "port add s1 memory://m",
            "a memory:// port is made in process only; write one of tap://, veth://, iface://, vxlan://",
        ),
        ("port set s1 a --mtu 9", "an MTU of 9 bytes is not possible; write 68 to 65521"),
        (
            "port set s1 a --storm fast",
            "\"fast\" is no storm limit; write frames a second, perhaps with a burst, like \"10000:2000\", or \"off\"",
        ),
        (
            "port set s1 a --forward stp",
            "\"stp\" has no reserved address; write some of pause, lacp, eapol, elmi, mvrp, lldp, or a last digit 0x1 to 0xf",
        ),
        ("fdb add s1 ff:ff:ff:ff:ff:ff a", "not an individual address; give the address of one station"),
        ("fdb add s1 02:00:00:00:00:01 nope", "there is no such port; see `lanloom port ls s1`"),
        (
            "fdb add s1 02:00:00:00:00:01 a --vid 5",
            "the switch does not look at VLAN tags, and so has no VLAN 5; leave the VLAN out",
        ),
        ("fdb delete s1 02:00:00:00:00:01", "no such entry; see `lanloom fdb show`"),
        ("fdb flush s1 --port nope", "there is no such port; see `lanloom port ls s1`"),
        ("port delete s1 nope", "there is no such port; see `lanloom port ls s1`"),
        ("switch delete s9", "there is no switch s9; see `lanloom switch ls`"),
        ("counters s1/nope", "there is no such port; see `lanloom port ls s1`"),
        ("trace s1 a 00", "1 bytes are no frame; give at least the 14 bytes of an Ethernet header"),
        ("trace s1 nope arp src=10.0.0.1 dst=10.0.0.2", "there is no such port; see `lanloom port ls s1`"),
        ("config reload", "the daemon was started without a file; start it with `lanloom daemon --config FILE`"),
    ] {
        let said = house.refused(refused);
        assert!(said.starts_with("lanloom: cannot "), "{refused}: {said}");
        assert!(said.trim_end().ends_with(&format!(": {why_and_what_to_do}")), "{refused}: {said}");
    }
    assert_eq!((house.says("config show"), house.interfaces(), house.sh("ip -n a -oneline link")), before);
}

#[test]
fn a_reload_touches_only_what_changed() {
    let Some(mut house) = House::new() else { return };
    let file = house.path("lanloom.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    let ports = "[[switch]]\nname = \"s1\"\n[[switch.port]]\nname = \"a\"\nurl = \"tap://eth0?netns=a\"\n";
    write(ports);
    house.sh("ip netns add a");
    let config = file.display().to_string();
    house.start_daemon(&["--state-dir", "STATE", "--config", &config]);
    house.sh("ip -n a address add 10.0.0.1/24 dev eth0");
    let index = house.sh("ip netns exec a cat /sys/class/net/eth0/ifindex");
    assert!(house.refused("port delete s1 a").contains("configuration file"));

    house.sh("ip netns add b");
    write(&format!("{ports}isolated = true\n[[switch.port]]\nname = \"b\"\nurl = \"tap://eth0?netns=b\"\n"));
    assert_eq!(house.says("config reload").lines().count(), 2, "one port set, one added");
    assert_eq!(house.json("port show s1 a")["isolated"], true);
    assert_eq!(house.sh("ip netns exec a cat /sys/class/net/eth0/ifindex"), index, "the same interface");
    assert_eq!(house.says("config reload"), "nothing had changed\n");

    write("[[switch]]\nname = \"s1\"\nageing = 1\n");
    assert!(house.refused("config reload").contains("line 3"));
    assert_eq!(house.json("port ls s1").as_array().map(Vec::len), Some(2), "a faulty file changes nothing");
    write(&format!("{ports}[drivers.bridge]\ncolour = \"red\"\n"));
    let refused = house.refused("config reload");
    assert!(refused.contains("line 7") && refused.contains("colour"), "{refused}");
    assert_eq!(house.json("port ls s1").as_array().map(Vec::len), Some(2), "a faulty file changes nothing");

    write(ports);
    house.signal(Signal::SIGHUP);
    house.wait_for("port b to go", || house.json("port ls s1").as_array().is_some_and(|ports| ports.len() == 1));
    house.wait_for("a to be isolated no more", || house.json("port show s1 a")["isolated"] == false);
    assert!(house.sh("ip -n a address show dev eth0").contains("10.0.0.1/24"));
}

#[test]
fn systemd_is_told_of_ready_reloading_and_stopping() {
    let Some(mut house) = House::new() else { return };
    let heard = UnixDatagram::bind(house.path("notify")).expect("bound");
    heard.set_read_timeout(Some(house::PATIENCE)).expect("set");
    let next = || {
        let mut text = [0; 256];
        let len = heard.recv(&mut text).expect("a message");
        String::from_utf8_lossy(&text[..len]).into_owned()
    };
    house.start_daemon(&["--store", "memory"]);
    assert_eq!(next(), "READY=1\n");
    house.signal(Signal::SIGHUP);
    assert!(next().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(next(), "READY=1\n");
    house.signal(Signal::SIGTERM);
    assert_eq!(next(), "STOPPING=1\n");
    assert_eq!(house.daemon_status(), Some(0));
}

#[test]
fn metrics_are_the_counters_and_nothing_else_is_served_over_tcp() {
    let Some(mut house) = House::new() else { return };
    house.start_daemon(&["--store", "memory", "--metrics", "127.0.0.1:9742"]);
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    // Quiet from now on.
    house.says("port set s1 a down");
    house.says("port set s1 b down");
    let frames = house.json("counters s1/a")["ports"][0]["tx"]["frames"].clone();
    let page = tcp(&house, "GET /metrics");
    assert!(page.starts_with("HTTP/1.1 200 OK"), "{page}");
    assert!(page.contains(&format!("lanloom_port_tx_frames_total{{switch=\"s1\",port=\"a\"}} {frames}\n")), "{frames} {page}");
    assert!(page.contains("lanloom_fdb_entries{switch=\"s1\"}"), "{page}");
    for entry in house.json("fdb show s1").as_array().expect("a list") {
        assert!(!page.contains(entry["mac"].as_str().expect("text")), "{page}");
    }
    for other in ["GET /v1/switches", "POST /v1/system/reset", "DELETE /v1/switches/s1", "GET /v1/config"] {
        assert!(tcp(&house, other).starts_with("HTTP/1.1 404"), "{other}");
    }
    assert!(house.says("switch ls").contains("s1"));
}

/// What `lanloom events` prints from now on.
fn listen(house: &House) -> (Child, Receiver<String>) {
    let mut events =
        house.command(&[env!("CARGO_BIN_EXE_lanloom"), "events", "--json"]).stdout(Stdio::piped()).spawn().expect("it runs");
    let lines = lines_of(events.stdout.take().expect("piped"));
    house.wait_for("the first event", || {
        house.says("switch create warmup");
        house.says("switch delete warmup");
        lines.try_recv().is_ok()
    });
    (events, lines)
}

#[test]
fn of_a_port_nothing_is_told_before_it_was_added_and_nothing_after_it_was_deleted() {
    let Some(house) = House::with_daemon() else { return };
    let (mut events, lines) = listen(&house);
    house.sh("ip netns add guest");
    house.says("switch create s1");
    for port in 0..8 {
        house.says(&format!("port add s1 veth://v{port}?netns=guest --name v{port}"));
        house.says(&format!("port add s1 tap://t{port} --name t{port}"));
    }
    house.says("switch delete s1");
    house.says("switch create end");
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    loop {
        let event: Value = serde_json::from_str(&lines.recv_timeout(house::PATIENCE).expect("one more event")).expect("JSON");
        let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        match (word("type").as_str(), word("switch").as_str()) {
            ("switch.created", "end") => break,
            (kind, _) if event["port"].is_string() => told.entry(word("port")).or_default().push(kind.to_owned()),
            _ => {}
        }
    }
    assert_eq!(told.len(), 16);
    for (port, kinds) in told {
        assert_eq!(
            (kinds.first(), kinds.last()),
            (Some(&"port.added".into()), Some(&"port.deleted".into())),
            "{port}: {kinds:?}"
        );
        assert!(kinds.iter().any(|kind| kind == "port.up" || kind == "port.down"), "{port}: {kinds:?}");
    }
    let _ = events.kill();
    let _ = events.wait();
}

#[test]
fn what_is_to_be_known_of_what_was_done_is_a_note_and_that_there_was_nothing_to_do_is_said() {
    let Some(house) = House::with_daemon() else { return };
    house.sh("ip link add up0 type veth peer name up1");
    house.sh("ip address add 10.77.0.1/24 dev up0");
    house.sh("ip link set up0 up");
    let made = house.lanloom("network create over --internal --subnet 10.77.0.0/24");
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success() && said.starts_with("lanloom: note: ") && said.contains("up0"), "{said}");
    let made = house.lanloom("network create apart --internal --subnet 10.78.0.0/24");
    assert_eq!(String::from_utf8_lossy(&made.stderr), "");
    assert_eq!(house.says("network prune --force"), "deleted apart\ndeleted over\n");
    assert_eq!(house.says("network prune --force"), "nothing to prune\n");
}

#[test]
fn events_tell_of_changes_as_they_happen() {
    let Some(house) = House::with_daemon() else { return };
    let (mut events, lines) = listen(&house);
    let next = |kind: &str| loop {
        let line = lines.recv_timeout(house::PATIENCE).expect("one more event");
        let event: Value = serde_json::from_str(&line).expect("JSON");
        if event["type"] == kind {
            return event;
        }
    };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.sh("ip -n a link set eth0 down");
    house.wait_for("the port to see it", || house.json("port show s1 a")["state"] == "down");
    assert_eq!(next("port.added")["url"], "tap://eth0?netns=a");
    let down = next("port.down");
    assert_eq!((&down["switch"], &down["port"]), (&"s1".into(), &"a".into()), "{down}");
    assert!(down["time"].as_str().is_some_and(|time| time.len() == 30 && time.ends_with('Z')), "{down}");
    let _ = events.kill();
    let _ = events.wait();
}

#[test]
fn an_ordinary_user_s_daemon_has_switches_and_says_what_ports_would_need() {
    let Some(mut house) = House::new() else { return };
    std::fs::copy(env!("CARGO_BIN_EXE_lanloom"), house.path("lanloom")).expect("copied");
    std::fs::create_dir(house.path("user")).expect("made");
    nix::unistd::chown(&house.path("user"), Some(65534.into()), Some(65534.into())).expect("changed");
    let daemon = as_user(&house, "daemon").stderr(Stdio::null()).spawn().expect("it runs");
    house.keep(daemon);
    house.wait_for("the user's daemon", || as_user(&house, "switch ls").output().is_ok_and(|output| output.status.success()));
    assert!(as_user(&house, "switch create s1").status().expect("it runs").success());
    let refused = as_user(&house, "port add s1 tap://t0").output().expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!((refused.status.code(), said.lines().count()), (Some(1), 1), "{said}");
    assert!(house.path("user/lanloom/lanloom.sock").exists() && house.path("user/lanloom/store.redb").exists());
}

/// The program as somebody without rights, who has a folder for sockets and state.
fn as_user(house: &House, words: &str) -> std::process::Command {
    let (program, folder) = (house.path("lanloom").display().to_string(), house.path("user"));
    let user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"];
    let words: Vec<&str> = user.into_iter().chain([program.as_str()]).chain(words.split(' ')).collect();
    let mut command = house.command(&words);
    command.env_remove("LANLOOM_SOCKET").env("XDG_RUNTIME_DIR", &folder).env("XDG_STATE_HOME", &folder);
    command
}

/// Lines as they come.
fn lines_of(output: std::process::ChildStdout) -> Receiver<String> {
    let (to, lines) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// A request to the metrics' address, as a whole answer.
fn tcp(house: &House, request: &str) -> String {
    let script = "exec 3<>/dev/tcp/127.0.0.1/9742; cat >&3; cat <&3";
    let mut bash =
        house.command(&["bash", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("bash runs");
    let text = format!("{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    bash.stdin.take().expect("piped").write_all(text.as_bytes()).expect("taken");
    let output = bash.wait_with_output().expect("it ran");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A configuration's parts, in an order that does not depend on when they were made.
fn sorted(config: &str) -> Vec<String> {
    let mut parts: Vec<String> = config.split("\n\n").map(|part| part.trim().to_owned()).collect();
    parts.sort();
    parts
}
