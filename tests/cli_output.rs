//! What commands print of a real daemon: tables as they were last agreed on, JSON wherever something is listed, and failures that
//! stay failures as JSON.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2) and `ping`.

#[allow(dead_code, reason = "the tests of the daemon use the rest")]
#[path = "support/house.rs"]
mod house;

use clap::Command;
use house::House;
use lanloom::cli::Cli;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Stdio;

const LANLOOM: &str = env!("CARGO_BIN_EXE_lanloom");

/// Two hosts that have just talked, and a port that is down.
fn furnished() -> Option<House> {
    let house = House::with_daemon()?;
    house.says("switch create s1 --ageing 60");
    let ports = [("a", "tap", ""), ("b", "veth", "&mtu=1400"), ("c", "tap", "&offload=off")];
    for (at, (name, kind, more)) in ports.into_iter().enumerate() {
        house.sh(&format!("ip netns add {name}"));
        house.says(&format!("port add s1 {kind}://eth0?netns={name}{more}&mac=02:00:00:00:00:0{name} --name {name}"));
        house.sh(&format!("ip -n {name} address add 10.0.0.{}/24 dev eth0", at + 1));
    }
    house.says("port set s1 c down");
    // What `c` said before it was down.
    house.says("fdb flush s1");
    house.says("fdb add s1 02:00:00:00:00:99 b");
    house.wait_for("both to be known", || {
        house.ping("a", "10.0.0.2");
        house.json("fdb show s1").as_array().is_some_and(|all| all.len() == 3)
    });
    Some(house)
}

/// Without what differs from run to run and from place to place: wake-ups, spins, ages and uptimes, folders and versions.
fn redacted(house: &House, text: &str) -> String {
    let folder = house.folder.path().display().to_string();
    let words = |line: &str| {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 0..words.len() {
            let is_number = !words[at].is_empty() && words[at].bytes().all(|byte| byte.is_ascii_digit());
            let next = words.get(at + 1).map(|next| next.trim_end_matches([',', '.']).to_owned());
            let is_setting = line.starts_with("ageing") || line.starts_with("s1 ");
            let is_spin = at > 0 && words[at - 1] == "spins";
            let changes = is_spin || next.is_some_and(|next| ["s", "wake-ups"].contains(&next.as_str()));
            if is_number && !is_setting && changes {
                words[at] = "N".to_owned();
            }
        }
        words.join(" ")
    };
    let lines: Vec<String> =
        text.replace(&folder, "HOUSE").replace(env!("CARGO_PKG_VERSION"), "VERSION").lines().map(words).collect();
    lines.join("\n")
}

#[test]
fn what_is_shown_is_as_agreed() {
    let Some(house) = furnished() else { return };
    for (name, words) in [
        ("port-ls", "port ls s1"),
        ("port-show", "port show s1 b"),
        ("switch-ls", "switch ls"),
        ("switch-show", "switch show s1"),
        ("fdb-show", "fdb show s1"),
        ("fdb-show-as-bridge", "fdb show s1 --format bridge"),
        ("trace", "trace s1 a icmp src=10.0.0.1 dst=02:00:00:00:00:0b dst=10.0.0.2"),
    ] {
        insta::assert_snapshot!(name, redacted(&house, &house.says(words)));
    }
    let shown = house.says("info");
    let (daemon, kernel) = shown.split_once("\n\n").expect("two parts");
    // Engines are as many as the machine has cores; what its kernel has is its own affair, but not what is asked for.
    let lines = daemon.lines().filter(|line| !line.starts_with("engine ") || line.starts_with("engine 0 "));
    let pid = house.json("info")["pid"].to_string();
    let daemon = redacted(&house, &lines.collect::<Vec<_>>().join("\n")).replace(&pid, "PID");
    let asked: Vec<&str> = kernel.lines().filter_map(|line| line.split(' ').next()).collect();
    insta::assert_snapshot!("info", format!("{daemon}\n\n{}", asked.join("\n")));
}

#[test]
fn a_tunnel_is_shown_with_its_other_ends_and_so_are_the_addresses_behind_them() {
    let Some(house) = House::with_daemon() else { return };
    for words in ["link add u0 type veth peer name u1", "link set u1 up", "link set u0 up", "address add 192.0.2.1/24 dev u0"] {
        house.sh(&format!("ip {words}"));
    }
    house.says("switch create s1");
    house.says("port add s1 vxlan://42?local=192.0.2.1&remote=192.0.2.7 --name v");
    house.says("fdb add s1 02:00:00:00:00:99 v --dst 192.0.2.8");
    house.says("fdb add s1 00:00:00:00:00:00 v --dst 192.0.2.9");
    let shown = house.says("port show s1 v");
    for line in [
        "url             vxlan://42?local=192.0.2.1&remote=192.0.2.7\nstate           up\n",
        "mtu             1450\n",
        "vni             42\nlocal           192.0.2.1, UDP port 4789\nmtu is          the underlay's 1500 less 50 for the tunnel\n",
        "works by        ",
        "\n\nPEER       FLOODED  RX FRAMES  ",
        "\n192.0.2.7  yes  ",
        "\n192.0.2.8  no   ",
        "\n192.0.2.9  yes  ",
    ] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    let port = house.json("port show s1 v");
    let tunnel = &port["tunnel"];
    assert_eq!((&tunnel["vni"], &tunnel["local"], &tunnel["udp_port"]), (&42.into(), &"192.0.2.1".into(), &4789.into()));
    assert_eq!((&tunnel["underlay_mtu"], &tunnel["overhead"], &port["mtu"]), (&1500.into(), &50.into(), &1450.into()));
    assert_eq!(tunnel["peers"].as_array().map(Vec::len), Some(3), "{tunnel}");
    assert!(house.json("port ls s1")[0].get("tunnel").is_none());
    let known = house.json("fdb show s1");
    let led: Vec<_> = known.as_array().expect("a list").iter().map(|entry| (&entry["mac"], &entry["dst"])).collect();
    let value = |text: &str| Value::from(text);
    let (zero, station) = (value("00:00:00:00:00:00"), value("02:00:00:00:00:99"));
    let (first, second, third) = (value("192.0.2.7"), value("192.0.2.8"), value("192.0.2.9"));
    assert_eq!(led, [(&zero, &first), (&zero, &third), (&station, &second)]);
    let as_bridge = house.says("fdb show s1 --format bridge");
    assert!(as_bridge.contains("00:00:00:00:00:00 dev v dst 192.0.2.9 self permanent\n"), "{as_bridge}");
    assert!(
        as_bridge.ends_with("02:00:00:00:00:99 dev v master s1 static\n02:00:00:00:00:99 dev v dst 192.0.2.8 self permanent\n")
    );
    for (words, said) in [
        ("port add s1 vxlan://42?local=192.0.2.1", "port s1/v has VNI 42 at 192.0.2.1, UDP port 4789; choose another VNI"),
        ("port add s1 vxlan://43?local=192.0.2.77", "192.0.2.77 is no address of this host; see `ip address`"),
        (
            "port add s1 vxlan://43?local=192.0.2.1&remote=192.0.2.1",
            "remote=192.0.2.1 is this end's own address; name the other",
        ),
        ("port set s1 v --mtu 1500", "carries 1500, 50 of them for the tunnel; give an MTU of 1450 or less"),
        ("fdb add s1 00:00:00:00:00:00 v", "name the other end that they are to be sent to with --dst"),
        ("fdb delete s1 00:00:00:00:00:00 --dst 192.0.2.77", "no floods are sent there; see `lanloom fdb show`"),
    ] {
        let refused = house.lanloom(words);
        let line = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(refused.status.code() == Some(1) && line.contains(said) && line.lines().count() == 1, "{words}: {line}");
    }
    house.says("fdb delete s1 00:00:00:00:00:00 --dst 192.0.2.9 --port v");
    house.says("fdb delete s1 02:00:00:00:00:99 --dst 192.0.2.8");
    assert_eq!(house.json("fdb show s1").as_array().map(Vec::len), Some(1));
}

#[test]
fn info_says_version_uptime_and_what_the_kernel_offers() {
    let Some(house) = House::with_daemon() else { return };
    let info = house.json("info");
    assert_eq!(info["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&info["store"], &info["state"]), (&"embedded".into(), &house.path("state").display().to_string().into()));
    assert_eq!(info["socket"], house.path("lanloom.sock").display().to_string());
    let kernel = info["kernel"].as_array().expect("a list");
    let names: Vec<&str> = kernel.iter().filter_map(|have| have["name"].as_str()).collect();
    for name in ["network_namespaces", "tap", "veth", "packet_vnet_header"] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for have in kernel.iter().filter(|have| have["ok"] == false) {
        assert!(have["detail"] != "" && have["hint"] != "", "{have}");
    }
    let first = info["uptime_secs"].as_u64().expect("seconds");
    house.wait_for("the uptime to grow", || house.json("info")["uptime_secs"].as_u64() > Some(first));
}

#[test]
fn info_says_what_is_missing_and_how_to_have_it() {
    let Some(mut house) = House::new() else { return };
    let script = format!("rm -f /dev/net/tun 2>/dev/null; exec {LANLOOM} daemon --store memory");
    // A /dev of its own, without the tun device.
    house.sh("mount -t tmpfs none /dev/net");
    let daemon = house.command(&["sh", "-c", &script]).stderr(Stdio::null()).spawn().expect("it runs");
    house.keep(daemon);
    house.wait_for("the daemon", || house.lanloom("switch ls").status.success());
    let info = house.json("info");
    let tap = info["kernel"].as_array().and_then(|all| all.iter().find(|have| have["name"] == "tap")).expect("asked for");
    assert_eq!(tap["ok"], false, "{tap}");
    assert!(tap["detail"].as_str().is_some_and(|why| why.contains("/dev/net/tun")), "{tap}");
    assert!(tap["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{tap}");
    let shown = house.says("info");
    let line = shown.lines().find(|line| line.starts_with("tap ")).expect("a line");
    assert!(line.contains(" no ") && line.contains(tap["hint"].as_str().expect("text")), "{line}");
    house.says("switch create s1");
    let said = house.refused("port add s1 tap://t0");
    assert!(said.contains("there is no /dev/net/tun: load the tun module, or give the container that device"), "{said}");
}

#[test]
fn a_setting_of_a_port_changes_that_setting_and_no_other() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.says("port add s1 tap://t0 --name a");
    let settings = |house: &House| -> BTreeMap<String, Value> {
        let port = house.json("port show s1 a");
        let fields = port.as_object().expect("an object").clone().into_iter();
        // What follows from the settings.
        fields.filter(|(name, _)| !["state", "reason", "features"].contains(&name.as_str())).collect()
    };
    let cases: [(&str, &str, Value); 12] = [
        ("--learning off", "learning", false.into()),
        ("--flood off", "flood", false.into()),
        ("--mcast-flood off", "mcast_flood", false.into()),
        ("--bcast-flood off", "bcast_flood", false.into()),
        ("--isolated on", "isolated", true.into()),
        ("--mtu 1400", "mtu", 1400.into()),
        ("--forward lldp", "forward", serde_json::json!(["lldp"])),
        ("--storm 7:8", "storm", "7:8".into()),
        ("--fdb-limit 9", "fdb_limit", 9.into()),
        ("--fdb-limit-drops on", "fdb_limit_drops", true.into()),
        ("down", "admin_up", false.into()),
        ("up", "admin_up", true.into()),
    ];
    let mut expected = settings(&house);
    for (words, name, value) in cases {
        assert_ne!(expected[name], value, "{words} would change nothing");
        house.says(&format!("port set s1 a {words}"));
        expected.insert(name.to_owned(), value);
        assert_eq!(settings(&house), expected, "{words}");
    }
}

#[test]
fn whatever_lists_or_shows_takes_json() {
    let words = BTreeMap::from([
        ("info", "info"),
        ("switch ls", "switch ls"),
        ("switch show", "switch show s1"),
        ("port ls", "port ls s1"),
        ("port show", "port show s1 a"),
        ("port add", "port add s1 tap://new0"),
        ("switch create", "switch create s2"),
        ("fdb show", "fdb show s1"),
        ("fdb flush", "fdb flush s1"),
        ("network ls", "network ls"),
        ("network inspect", "network inspect web"),
        ("network create", "network create new --config-only"),
        ("network connect", "network connect back one"),
        ("network prune", "network prune --force"),
        ("endpoint ls", "endpoint ls"),
        ("endpoint inspect", "endpoint inspect web/free"),
        ("endpoint create", "endpoint create new --network web"),
        ("sandbox ls", "sandbox ls"),
        ("sandbox inspect", "sandbox inspect one"),
        ("sandbox create", "sandbox create new"),
        ("sandbox ping", "sandbox ping one two"),
        ("counters", "counters s1"),
        ("doctor", "doctor web"),
        ("trace", "trace s1 a arp src=10.0.0.1 dst=10.0.0.2"),
        ("config reload", ""),
        ("system reset", "system reset"),
        ("events", ""),
        ("demo", ""),
    ]);
    let takes: Vec<String> = leaves().into_iter().filter(|(_, command)| has_json(command)).map(|(name, _)| name).collect();
    let mut known: Vec<&str> = words.keys().copied().collect();
    let mut found: Vec<&str> = takes.iter().map(String::as_str).collect();
    known.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, known, "commands that take --json, and those that are tried here or elsewhere");
    // A capture's frames have pcapng for machines, and the configuration is TOML.
    for (name, _) in leaves().into_iter().filter(|(_, command)| !has_json(command)) {
        let last = name.split(' ').next_back().unwrap_or_default();
        assert!(
            !["ls", "show", "inspect", "info", "counters"].contains(&last) || name == "config show",
            "{name} has no --json"
        );
    }
    let Some(house) = furnished() else { return };
    for words in ["network create web", "network create back", "endpoint create free --network web"] {
        house.says(words);
    }
    for sandbox in ["one", "two"] {
        house.says(&format!("sandbox create {sandbox} --network web"));
    }
    for (name, words) in words.iter().filter(|(name, words)| !words.is_empty() && **name != "system reset") {
        let shown = house.json(words);
        assert!(shown.is_array() || shown.is_object(), "{name}: {shown}");
    }
    let done = house.json("system reset");
    assert!(
        done["removed"].as_array().is_some_and(|removed| removed.len() >= 5) && done["left"] == serde_json::json!([]),
        "{done}"
    );
}

#[test]
fn what_could_not_be_done_is_a_failure_as_json_too() {
    let Some(mut house) = House::new() else { return };
    let file = house.path("lanloom.toml");
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    let config = file.display().to_string();
    let switch = "[[switch]]\nname = \"s1\"\n";
    write(switch);
    house.start_daemon(&["--state-dir", "STATE", "--config", &config]);
    house.sh("ip netns add a");
    house.says("port add s1 tap://eth0?netns=a --name a");
    write(&format!("{switch}[[switch.port]]\nname = \"b\"\nurl = \"tap://eth0?netns=nowhere\"\n"));
    let (status, done, said) = failed_json(&house, "config reload");
    assert_eq!((status, done["notes"].as_array().map(Vec::len)), (Some(1), Some(1)), "{done}");
    assert!(said.starts_with("lanloom: cannot reload all of the configuration: ") && said.contains("nowhere"), "{said}");

    // Another daemon has the TAP of a port that a start without the file does not bring about.
    house.signal(Signal::SIGTERM);
    assert_eq!(house.daemon_status(), Some(0));
    let (socket, state) = (house.path("2.sock").display().to_string(), house.path("2").display().to_string());
    let mut second = house
        .command(&[LANLOOM, "daemon", "--socket", &socket, "--state-dir", &state])
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    house.wait_for("the second daemon", || house.lanloom(&format!("--socket {socket} switch ls")).status.success());
    house.says(&format!("--socket {socket} switch create s2"));
    house.says(&format!("--socket {socket} port add s2 tap://eth0?netns=a"));
    house.start_daemon(&["--state-dir", "STATE"]);
    let (status, done, said) = failed_json(&house, "system reset");
    assert_eq!((status, done["left"].as_array().map(Vec::len)), (Some(1), Some(1)), "{done}");
    assert!(said.starts_with("lanloom: cannot remove all of ours: ") && said.contains("another process has it open"), "{said}");
    let _ = second.kill();
    let _ = second.wait();
    // Nothing was lost sight of.
    house.says("system reset");
    assert!(!house.sh("ip -n a link").contains("eth0"));
}

#[test]
fn a_flood_that_is_sent_to_some_is_no_drop_although_one_port_cannot_have_it() {
    let Some(house) = furnished() else { return };
    house.says("port set s1 c up");
    house.says("port set s1 c --mtu 100");
    let big = format!("ffffffffffff02000000000a0800{}", "00".repeat(1000));
    let trace = house.json(&format!("trace s1 a {big}"));
    assert_eq!((&trace["ports"], &trace["drop"]), (&serde_json::json!(["b"]), &Value::Null), "{trace}");
    house.says("port set s1 b down");
    let trace = house.json(&format!("trace s1 a {big}"));
    assert_eq!((&trace["ports"], &trace["drop"]), (&serde_json::json!([]), &"mtu_exceeded".into()), "{trace}");
}

/// Status, standard output as JSON, and the error line of a command that fails.
fn failed_json(house: &House, words: &str) -> (Option<i32>, Value, String) {
    let output = house.lanloom(&format!("{words} --json"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr).into_owned());
    let json = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
    (output.status.code(), json, err)
}

fn has_json(command: &Command) -> bool {
    command.get_arguments().any(|argument| argument.get_id() == "json")
}

/// The commands that do something, by name without `lanloom`.
fn leaves() -> Vec<(String, Command)> {
    fn collect(command: &Command, name: &str, all: &mut Vec<(String, Command)>) {
        for child in command.get_subcommands() {
            let name = format!("{name} {}", child.get_name()).trim().to_owned();
            if child.has_subcommands() { collect(child, &name, all) } else { all.push((name, child.clone())) }
        }
    }
    let mut root = Cli::description().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    collect(&root, "", &mut all);
    all
}
