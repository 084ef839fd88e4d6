//! Faults, round trips, and that changes lead where they should.

use super::*;
use crate::names::{IfName, Name};
use crate::url::PortUrl;
use lanloom_switch_core::{MacAddr, PortConfig, StormLimit};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::net::IpAddr;

fn faults(text: &str) -> Vec<(usize, String)> {
    let faults = Config::parse(text).err().map(|faults| faults.0).unwrap_or_default();
    faults.into_iter().map(|fault| (fault.line, fault.what)).collect()
}

#[test]
fn a_port_written_with_only_what_it_must_have_is_a_port_of_the_core_as_new() {
    let text = "[[switch]]\nname = \"s\"\n[[switch.port]]\nname = \"p1\"\nurl = \"tap://t0?mtu=9000\"\n";
    let config = Config::parse(text).expect("a good configuration");
    let switch = &config.switches[0];
    assert_eq!((switch.settings.ageing, switch.settings.fdb_limit), (300, 65_536));
    assert_eq!(switch.ports[0].settings.config(None), PortConfig::default());
    assert_eq!(switch.ports[0].settings.config(Some(9000)).mtu, 9000);
}

#[test]
fn everything_that_can_be_set_is_read() {
    let config = Config::parse(
        r#"
        [daemon]
        engines = 3
        spin_micros = 50
        metrics = "[::1]:9469"
        [[switch]]
        name = "lab"
        ageing = 10
        fdb_limit = 1000
        [[switch.port]]
        name = "p1"
        url = "veth://eth0?netns=a"
        up = false
        learning = false
        flood = false
        mcast_flood = false
        bcast_flood = false
        isolated = true
        mtu = 1400
        forward = ["lacp", "lldp"]
        storm = "100:5"
        fdb_limit = 7
        fdb_limit_drops = true
        [[switch.port]]
        name = "p2"
        url = "iface://enp1s0"
        storm = "off"
        [[switch.fdb]]
        mac = "02:00:00:00:00:0a"
        port = "p2"
        sticky = true
        "#,
    )
    .expect("a good configuration");
    let daemon = DaemonSpec { engines: Some(3), spin_micros: Some(50), metrics: "[::1]:9469".parse().ok() };
    assert_eq!(config.daemon, daemon);
    let switch = &config.switches[0];
    assert_eq!(switch.settings, SwitchSettings { ageing: 10, fdb_limit: 1000 });
    let expected = PortConfig {
        up: false,
        learning: false,
        flood: false,
        mcast_flood: false,
        bcast_flood: false,
        isolated: true,
        mtu: 1400,
        reserved_open: 0x4004,
        storm: Some(StormLimit { rate: 100, burst: 5 }),
        fdb_limit: Some(7),
        fdb_limit_drops: true,
        ..PortConfig::default()
    };
    assert_eq!(switch.ports[0].settings.config(Some(9000)), expected);
    assert_eq!(switch.ports[1].settings.config(None).storm, None);
    assert!(switch.fdb[0].sticky && switch.fdb[0].port.as_str() == "p2");
}

#[test]
fn a_vlan_is_a_fault_as_it_is_a_refusal_of_the_daemons() {
    let text = |vid: u16| {
        let port = "[[switch.port]]\nname = \"p1\"\nurl = \"tap://t0\"\n";
        format!("[[switch]]\nname = \"s1\"\n{port}[[switch.fdb]]\nmac = \"02:00:00:00:00:0a\"\nport = \"p1\"\nvid = {vid}\n")
    };
    Config::parse(&text(0)).expect("a good configuration");
    for vid in [1, 5, 4094, 4095] {
        let faults = Config::parse(&text(vid)).expect_err("a fault").to_string();
        assert!(faults.contains(&format!("so has no VLAN {vid}; leave vid out")), "{faults}");
    }
}

#[test]
fn each_fault_is_told_with_its_line_and_what_would_be_right() {
    let text = r#"[daemon]
engines = 0
[[switch]]
name = "a/b"
[[switch]]
name = "s"
ageing = 5
[[switch.port]]
name = "p1"
url = "tpa://t0"
[[switch.port]]
name = "p2"
url = "tap://t0"
forward = ["stp"]
[[switch.port]]
name = "p3"
url = "tap://t1"
colour = "red"
[[switch.port]]
url = "tap://t2"
[[switch.fdb]]
mac = "02:00:00:00:00:0a"
port = "p9"
[[switch]]
name = "s2"
[[switch]]
name = "s2"
[bridge]
"#;
    let found = faults(text);
    let expected = [
        (2, "0 is not possible; write 1 to 64"),
        (4, "\"a/b\" is no name"),
        (7, "5 is not possible; write 10 to 1000000"),
        (10, "there are tap://, veth://, iface://"),
        (14, "write some of pause, lacp"),
        (18, "unknown field `colour`, expected one of `up`"),
        (19, "it has no name"),
        (21, "port p9 is not on this switch"),
        (27, "is on line 25 already"),
        (28, "there are daemon, drivers and switch"),
    ];
    for (at, (line, what)) in expected.iter().enumerate() {
        assert!(found.get(at).is_some_and(|(l, w)| l == line && w.contains(what)), "{at}: {line} {what}\n{found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

#[test]
fn a_fault_shows_the_line_and_marks_what_is_wrong_with_it() {
    let faults = Config::parse("[[switch]]\nname = \"größe\"\n").expect_err("an umlaut");
    let text = faults.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("line 2, column 8: \"größe\" is no name"), "{text}");
    assert_eq!(lines[1..], ["  2 | name = \"größe\"", "    |        ^^^^^^^"], "{text}");
}

#[test]
fn what_is_no_toml_or_of_the_wrong_kind_is_a_fault() {
    for text in
        ["[[switch", "switch = 1", "[switch]\nname = \"s\"", "switch = [1]", "daemon = 3", "a = ", "\u{0}", "[[switch]]"]
    {
        assert!(!faults(text).is_empty(), "{text:?}");
    }
    assert_eq!(Config::parse(""), Ok(Config::default()));
}

#[test]
fn two_ports_cannot_have_one_interface() {
    let port = |name: &str, url: &str| format!("[[switch.port]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    let two = |a, b| faults(&format!("[[switch]]\nname = \"s\"\n{}{}", port("p1", a), port("p2", b)));
    assert!(two("tap://t0", "tap://t0?mtu=1400")[0].1.contains("also that of port p1"));
    assert_eq!(two("tap://t0", "tap://t0?netns=blue"), []);
    assert_eq!(two("veth://eth0?netns=a", "veth://eth0?netns=b"), []);
}

#[test]
fn a_tunnel_has_one_end_at_an_address_and_port_and_entries_that_lead_to_other_ends() {
    let port = |name: &str, url: &str| format!("[[switch.port]]\nname = \"{name}\"\nurl = \"{url}\"\n");
    let two = |a, b| format!("[[switch]]\nname = \"s\"\n{}{}", port("p1", a), port("p2", b));
    let (one, other) = ("vxlan://1?local=10.0.0.1&remote=10.0.0.2", "vxlan://1?local=10.0.0.1");
    assert!(faults(&two(one, other))[0].1.contains("is also that of port p1"));
    assert_eq!(faults(&two(one, "vxlan://2?local=10.0.0.1")), []);
    let told = faults(&two(one, "vxlan://16777216?local=10.0.0.1"));
    assert!(told.len() == 1 && told[0].0 == 8 && told[0].1.contains("write 0 to 16777215"), "{told:?}");
    let entry = |mac: &str, port: &str, more: &str| format!("[[switch.fdb]]\nmac = \"{mac}\"\nport = \"{port}\"\n{more}\n");
    let (zero, station, dst) = ("00:00:00:00:00:00", "02:00:00:00:00:0a", "dst = \"10.0.0.2\"");
    let with = |entry: String| faults(&format!("{}{entry}", two(one, "tap://t0")));
    assert_eq!(with(entry(zero, "p1", dst) + &entry(zero, "p1", "dst = \"10.0.0.3\"") + &entry(station, "p1", dst)), []);
    for (entry, said) in [
        (entry(station, "p2", dst), "port p2 is no tunnel, and so has no other ends; leave dst out"),
        (entry(zero, "p1", ""), "the zero address stands for a tunnel's floods; add dst"),
        (entry(zero, "p1", dst) + &entry(zero, "p1", dst), "an entry of that address is on line"),
        (entry(station, "p1", "dst = \"there\""), "invalid IP address"),
        (entry(station, "p1", &format!("{dst}\nsticky = true")), "neither ages nor moves; leave sticky out"),
    ] {
        let told = with(entry);
        assert!(told.len() == 1 && told[0].1.contains(said), "{said}: {told:?}");
    }
}

fn name() -> impl Strategy<Value = Name> {
    "[a-d][0-9]?".prop_filter_map("a name", |text| text.parse().ok())
}

fn settings() -> impl Strategy<Value = PortSettings> {
    let flags = (any::<[bool; 7]>(), option::of(68..=65_535u32), any::<u16>());
    let limits = (option::of((1..100u32, 1..100u32)), option::of(1..1000u32), any::<bool>());
    (flags, limits).prop_map(|((flags, mtu, bits), (storm, fdb_limit, usual_storm))| {
        let [up, learning, flood, mcast_flood, bcast_flood, isolated, fdb_limit_drops] = flags;
        let storm = storm.map_or(Storm::OFF, |(rate, burst)| Storm::new(StormLimit { rate, burst }));
        let storm = if usual_storm { Storm::default() } else { storm };
        let forward = Openings::from_bits(bits);
        PortSettings {
            up,
            learning,
            flood,
            mcast_flood,
            bcast_flood,
            isolated,
            mtu,
            forward,
            storm,
            fdb_limit,
            fdb_limit_drops,
        }
    })
}

fn switch() -> impl Strategy<Value = (SwitchSettings, Vec<PortSpec>, Vec<FdbSpec>)> {
    let settings_of_switch = (10..100u32, prop_oneof![Just(65_536), 1..3u32]);
    let ports = btree_map(name(), (0..4u8, settings()), 0..4);
    let entries = btree_map(0..4u64, (any::<prop::sample::Index>(), any::<bool>()), 0..3);
    (settings_of_switch, ports, entries).prop_map(|((ageing, fdb_limit), ports, entries)| {
        let port = |(name, (kind, settings)): (Name, (u8, PortSettings))| {
            let url = match kind {
                3 => "vxlan://0?local=10.0.0.1".parse().expect("a URL"),
                _ => PortUrl::tap(format!("t{kind}{name}").parse::<IfName>().expect("an interface name")),
            };
            PortSpec { name, url, settings }
        };
        let ports: Vec<PortSpec> = ports.into_iter().map(port).collect();
        // Behind a tunnel, and the zero address only there.
        let entry = |(mac, (at, sticky)): (u64, (prop::sample::Index, bool))| {
            let port = &ports[at.index(ports.len())];
            let dst = matches!(port.url, PortUrl::Vxlan(_)).then(|| IpAddr::from([10, 0, 0, 2]));
            let mac = MacAddr::from_bits(if dst.is_none() { mac.max(1) } else { mac });
            FdbSpec { mac, port: port.name.clone(), dst, vid: 0, sticky: sticky && dst.is_none() }
        };
        let mut fdb: Vec<FdbSpec> = if ports.is_empty() { vec![] } else { entries.into_iter().map(entry).collect() };
        fdb.dedup_by_key(|entry| entry.key());
        (SwitchSettings { ageing, fdb_limit }, ports, fdb)
    })
}

/// Of its own for each place on each switch.
fn tunnel(at: usize, switch: &Name) -> PortUrl {
    let bytes = switch.as_str().as_bytes();
    let local = format!("10.0.{}.{}", bytes[0], bytes.get(1).unwrap_or(&0));
    format!("vxlan://{at}?local={local}").parse().expect("a URL")
}

fn config() -> impl Strategy<Value = Config> {
    btree_map(name(), switch(), 0..3).prop_map(|switches| {
        let spec = |(name, (settings, mut ports, fdb)): (Name, (SwitchSettings, Vec<PortSpec>, Vec<FdbSpec>))| {
            for (at, port) in ports.iter_mut().enumerate() {
                port.url = match &port.url {
                    PortUrl::Vxlan(_) => tunnel(at, &name),
                    url => PortUrl::tap(format!("{}-{name}", url.target()).parse().expect("an interface name")),
                };
            }
            SwitchSpec { name, settings, ports, fdb }
        };
        Config {
            daemon: DaemonSpec::default(),
            drivers: Drivers::default(),
            switches: switches.into_iter().map(spec).collect(),
        }
    })
}

/// Does what a change says, and fails where a controller would refuse.
fn apply(config: &mut Config, change: Change) {
    let at = |config: &Config, name: &Name| {
        config.switches.iter().position(|switch| switch.name == *name).unwrap_or_else(|| panic!("no switch {name}"))
    };
    match change {
        Change::DeleteSwitch(name) => {
            let at = at(config, &name);
            config.switches.remove(at);
        }
        Change::CreateSwitch { switch: name, settings } => {
            assert!(config.switches.iter().all(|switch| switch.name != name), "{name} is there");
            config.switches.push(SwitchSpec { name, settings, ports: vec![], fdb: vec![] });
        }
        Change::SetSwitch { switch, settings } => {
            let at = at(config, &switch);
            config.switches[at].settings = settings;
        }
        Change::DeletePort { switch, port } => {
            let switch = at(config, &switch);
            let switch = &mut config.switches[switch];
            let index = switch.ports.iter().position(|other| other.name == port).expect("the port");
            switch.ports.remove(index);
            switch.fdb.retain(|entry| entry.port != port);
        }
        Change::AddPort { switch, port } => {
            let switch = at(config, &switch);
            assert!(config.switches[switch].ports.iter().all(|other| other.name != port.name), "{} is there", port.name);
            config.switches[switch].ports.push(port);
        }
        Change::SetPort { switch, port, settings } => {
            let switch = at(config, &switch);
            let found = config.switches[switch].ports.iter_mut().find(|other| other.name == port).expect("the port");
            assert_ne!(found.settings, settings, "touched without need");
            found.settings = settings;
        }
        Change::DeleteFdb { switch, entry } => {
            let switch = at(config, &switch);
            let index = config.switches[switch].fdb.iter().position(|other| *other == entry);
            config.switches[switch].fdb.remove(index.expect("the entry"));
        }
        Change::AddFdb { switch, entry } => {
            let switch = at(config, &switch);
            let switch = &mut config.switches[switch];
            assert!(switch.ports.iter().any(|port| port.name == entry.port), "no port for {entry:?}");
            assert!(switch.fdb.iter().all(|other| other.key() != entry.key()), "{entry:?} is there");
            switch.fdb.push(entry);
        }
    }
}

fn sorted(mut config: Config) -> Config {
    config.switches.sort_by(|a, b| a.name.cmp(&b.name));
    for switch in &mut config.switches {
        switch.ports.sort_by(|a, b| a.name.cmp(&b.name));
        switch.fdb.sort_by_key(FdbSpec::key);
    }
    config
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_the_same(config in config()) {
        let text = config.to_toml();
        prop_assert_eq!(Config::parse(&text).map_err(|faults| format!("{faults}\n{text}")), Ok(config));
    }

    #[test]
    fn changes_lead_from_old_to_new_and_nowhere_if_nothing_changed(old in config(), new in config()) {
        prop_assert_eq!(diff(&old, &old), vec![]);
        let mut state = old.clone();
        diff(&old, &new).into_iter().for_each(|change| apply(&mut state, change));
        prop_assert_eq!(sorted(state), sorted(new));
    }

    #[test]
    fn any_text_is_read_or_refused_with_lines_that_exist(
        lines in vec("(\\[\\[?)?(daemon|switch|switch.port|name|url|storm)(\\]\\]?)?( = )?[\"\\[{a-z0-9:/é]{0,8}", 0..8)
    ) {
        let text = lines.join("\n");
        if let Err(faults) = Config::parse(&text) {
            prop_assert!(!faults.0.is_empty());
            for fault in &faults.0 {
                prop_assert_eq!(text.split('\n').nth(fault.line - 1), Some(fault.shown.as_str()));
                prop_assert_eq!(fault.to_string().lines().count(), 3);
            }
        }
    }
}

#[test]
fn options_of_drivers_are_text_and_read_back_the_same() {
    let text = "[drivers.bridge]\n\"com.docker.network.driver.mtu\" = 1400\n\"lanloom.trusted\" = true\n\"lanloom.guard\" = \"strict\"\n";
    let config = Config::parse(text).expect("a good configuration");
    let options = &config.drivers["bridge"];
    let shown: Vec<(&str, &str)> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let wanted = [("com.docker.network.driver.mtu", "1400"), ("lanloom.guard", "strict"), ("lanloom.trusted", "true")];
    assert_eq!(shown, wanted);
    assert_eq!(Config::parse(&config.to_toml()), Ok(config));
    let faults = Config::parse("[drivers.bridge]\n\"lanloom.guard\" = [1]\n").expect_err("a list is no text");
    assert_eq!((faults.0[0].line, faults.0[0].what.contains("a whole number")), (2, true), "{faults:?}");
}

#[test]
fn what_is_wrong_with_options_of_drivers_is_said_with_its_line_and_what_was_meant() {
    let text = "[drivers.bridge]\n\"lanloom.guard\" = \"strict\"\n\"lanloom.trsuted\" = \"x\"\nmtu = \"abc\"\n\
                \"com.docker.network.driver.mtu\" = \"abc\"\n[drivers.foo]\n[drivers.host]\na = 1\n";
    let faults = Config::parse(text).expect_err("five faults").0;
    let wanted = [
        (3, "did you mean lanloom.trusted?"),
        (4, "did you mean com.docker.network.driver.mtu?"),
        (5, "failed to parse com.docker.network.driver.mtu value: abc"),
        (6, "there are bridge, host, null"),
        (8, "driver host has no options"),
    ];
    assert_eq!(faults.len(), wanted.len(), "{faults:?}");
    for (fault, (line, says)) in faults.iter().zip(wanted) {
        assert!(fault.line == line && fault.what.contains(says), "{fault}");
    }
    let faults = Config::parse("[drivers.bridge]\n\"lanloom.guard\" = \"foo\"\n").expect_err("there is no such guard");
    assert_eq!((faults.0[0].line, faults.0[0].column), (2, 19), "{faults}");
}
