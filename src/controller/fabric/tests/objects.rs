//! What can be made, set, deleted and asked.

use super::house::*;
use crate::config::{Config, FdbSpec, Openings, SwitchSettings};
use crate::controller::fabric::Origin;
use crate::controller::{EventKind, RefusalKind};
use crate::store::Store;
use lanloom_drivers::kernel::{Kernel, LinkChange, Netns};
use lanloom_switch_core::{Fate, FloodKind};
use lanloom_switch_io::engine::{Asked, PortState};
use std::sync::Arc;
use std::time::Duration;

fn entry(mac: &str, port: &str) -> FdbSpec {
    FdbSpec { mac: mac.parse().expect("an address"), port: name(port), dst: None, vid: 0, sticky: false }
}

#[tokio::test]
async fn ports_take_the_lowest_free_number_unless_named() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    let add = async |given, url: &str| controller.add_port(name("s1"), port(given, url)).await.map(|name| name.to_string());
    assert_eq!(add(None, "tap://t1").await, Ok("p1".into()));
    assert_eq!(add(Some("p3"), "tap://t3?netns=a").await, Ok("p3".into()));
    assert_eq!(add(None, "veth://eth0?netns=a").await, Ok("p2".into()));
    assert_eq!(add(None, "veth://eth0?netns=b").await, Ok("p4".into()));
    controller.delete_port(name("s1"), name("p2")).await.expect("deleted");
    assert_eq!(add(None, "iface://eth9").await, Ok("p2".into()));
    let ports = controller.ports(&name("s1")).expect("the switch");
    let shown: Vec<String> = ports.iter().map(|port| format!("{} {}", port.spec.name, port.spec.url)).collect();
    assert_eq!(shown, ["p1 tap://t1", "p3 tap://t3?netns=a", "p4 veth://eth0?netns=b", "p2 iface://eth9"]);
    let counted: Vec<String> =
        controller.counters(&name("s1")).expect("the switch").into_iter().map(|(name, _)| name).collect();
    assert_eq!(counted, ["p1", "p3", "p4", "p2"]);
    assert!(ports.iter().all(|port| port.state == PortState::Up && port.origin == Origin::Command), "{ports:?}");
    assert!(ports[3].features.contains(&"host-shares") && !ports[0].features.contains(&"host-shares"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_to_do() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    controller.add_port(name("s1"), port(None, "tap://t1?netns=a")).await.expect("a port");
    house.somebodys_veth(&at("b"), "e1").await;
    let before = (house.traces().await, shown(&controller));
    for (url, given, said) in [
        ("tap://t2?netns=nowhere", None, "there is no network namespace nowhere; make it with `ip netns add`, or name another"),
        ("tap://t2", Some("p1"), "there is a port p1 already; choose another name, or delete that one"),
        ("tap://t1?netns=a", None, "port s1/p1 has that interface; choose another interface name, or delete that port"),
        ("iface://eth8", None, "there is no interface eth8; see `ip link`, or let tap:// or veth:// make one"),
        ("veth://t1?netns=a", None, "port s1/p1 has that interface; choose another interface name, or delete that port"),
        (
            "veth://e1?netns=b",
            None,
            "there is an interface e1 already; choose another interface name, or iface:// to use that one",
        ),
        (
            "veth://eth9?netns=nowhere",
            None,
            "there is no network namespace nowhere; make it with `ip netns add`, or name another",
        ),
    ] {
        let refusal = controller.add_port(name("s1"), port(given, url)).await.expect_err("a refusal");
        assert_eq!(format!("{}; {}", refusal.why, refusal.hint), said, "{url}");
        assert!(refusal.what.starts_with("add port") && refusal.on.starts_with("s1"), "{url}: {refusal}");
    }
    let mut wide = port(None, "tap://t2");
    wide.settings.mtu = Some(65_535);
    assert!(why(controller.add_port(name("s1"), wide).await).contains("write 68 to 65521"));
    assert!(why(controller.add_port(name("s9"), port(None, "tap://t2")).await).contains("there is no switch s9; see"));
    assert!(why(controller.create_switch(name("s1"), SwitchSettings::default()).await).contains("choose another name"));
    let slow = SwitchSettings { ageing: 9, ..SwitchSettings::default() };
    assert!(why(controller.create_switch(name("s2"), slow).await).contains("write 10 to 1000000"));
    assert!(why(controller.set_switch(name("s1"), |settings| settings.ageing = 1_000_001).await).contains("write 10 to"));
    assert!(why(controller.set_switch(name("s1"), |settings| settings.fdb_limit = 7).await).contains("create it anew"));
    assert!(
        why(controller.set_port(name("s1"), name("p1"), |settings| settings.fdb_limit = Some(0)).await).contains("at least 1")
    );
    assert!(why(controller.set_port(name("s1"), name("p9"), |_| ()).await).contains("see `lanloom port ls s1`"));
    assert!(why(controller.delete_port(name("s1"), name("p9")).await).contains("there is no such port"));
    let gone = controller.delete_switch(name("s9")).await.expect_err("not there");
    assert_eq!(gone.kind, RefusalKind::NotFound);
    assert_eq!((house.traces().await, shown(&controller)), before);
}

#[tokio::test]
async fn settings_reach_the_switch_the_interface_and_the_store() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    controller.add_port(name("s1"), port(None, "veth://eth0?netns=a&mtu=1400")).await.expect("a port");
    let change = |settings: &mut crate::config::PortSettings| {
        settings.isolated = true;
        settings.mtu = Some(1300);
        settings.forward = Openings::of(&["lldp"]).expect("known");
    };
    controller.set_port(name("s1"), name("p1"), change).await.expect("set");
    controller.set_switch(name("s1"), |settings| settings.ageing = 20).await.expect("set");
    let port = controller.port(&name("s1"), &name("p1")).expect("the port");
    assert_eq!((port.mtu, port.spec.settings.isolated), (1300, true));
    assert_eq!(controller.switch(&name("s1")).expect("the switch").status.limits.ageing_secs, 20);
    let traces = house.traces().await;
    assert_eq!(traces.iter().filter(|trace| trace.contains("Veth 1300")).count(), 2, "{traces:?}");
    assert!(traces.iter().any(|trace| trace.contains(r#""forward":["lldp"]"#)), "{traces:?}");
    assert!(traces.iter().any(|trace| trace.contains(r#""ageing":20"#)), "{traces:?}");
}

#[tokio::test]
async fn a_port_set_down_says_so_and_its_entries_go_with_it_when_it_is_deleted() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["tap://t1", "tap://t2"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    controller.add_fdb(name("s1"), entry("02:00:00:00:00:0a", "p2")).await.expect("set");
    assert!(why(controller.add_fdb(name("s1"), entry("03:00:00:00:00:0a", "p2")).await).contains("one station"));
    let vlan = FdbSpec { vid: 5, ..entry("02:00:00:00:00:0b", "p2") };
    assert!(why(controller.add_fdb(name("s1"), vlan).await).contains("leave the VLAN out"));
    let known = controller.fdb(&name("s1")).expect("the switch");
    assert_eq!((known.len(), known[0].port.as_str(), known[0].is_static), (1, "p2", true));
    controller.set_port(name("s1"), name("p2"), |settings| settings.up = false).await.expect("set");
    let down = controller.port(&name("s1"), &name("p2")).expect("the port").state;
    assert!(matches!(down, PortState::Down { reason } if reason.contains("set down")));
    controller.delete_port(name("s1"), name("p2")).await.expect("deleted");
    assert_eq!(controller.fdb(&name("s1")).expect("the switch"), []);
    assert!(!house.traces().await.iter().any(|trace| trace.contains("0a")));
}

#[tokio::test]
async fn a_frame_can_be_traced_by_the_names_of_ports() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["tap://t1", "tap://t2", "tap://t3"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    let broadcast = [[0xff; 6].as_slice(), &[2, 0, 0, 0, 0, 1], &[0; 48]].concat();
    let (trace, ports) = controller.trace(&name("s1"), &name("p2"), Asked::new(broadcast)).expect("a trace");
    assert_eq!((trace.verdict.fate, ports), (Fate::Flooded(FloodKind::Broadcast), vec!["p1".into(), "p3".into()]));
    assert!(why(controller.trace(&name("s1"), &name("p2"), Asked::new(vec![0; 13]))).contains("13 bytes are no frame"));
    let counters = controller.counters(&name("s1")).expect("the switch");
    assert_eq!(
        counters.iter().map(|(name, seen)| (name.as_str(), seen.rx.frames)).collect::<Vec<_>>(),
        [("p1", 0), ("p2", 0), ("p3", 0)]
    );
}

#[tokio::test]
async fn each_change_is_told_once_in_order() {
    let house = House::new().await;
    let controller = house.start().await;
    let mut events = controller.events();
    controller.create_switch(name("s1"), SwitchSettings::default()).await.expect("a new switch");
    controller.add_port(name("s1"), port(None, "tap://t1")).await.expect("a port");
    controller.set_port(name("s1"), name("p1"), |settings| settings.isolated = true).await.expect("set");
    controller.set_port(name("s1"), name("p1"), |settings| settings.isolated = true).await.expect("the same again");
    why(controller.add_port(name("s1"), port(None, "tap://t1")).await);
    controller.add_fdb(name("s1"), entry("02:00:00:00:00:0a", "p1")).await.expect("set");
    controller.delete_fdb(name("s1"), station("02:00:00:00:00:0a")).await.expect("deleted");
    assert_eq!(controller.flush_fdb(name("s1"), None).await, Ok(0));
    controller.delete_switch(name("s1")).await.expect("deleted");
    let mut names = Vec::new();
    while names.last() != Some(&"switch.deleted") {
        let event = tokio::time::timeout(Duration::from_secs(30), events.recv()).await.expect("in time").expect("an event");
        let engines_own = matches!(event.kind, EventKind::PortUp { .. } | EventKind::PortDown { .. });
        assert_eq!(event.kind.fields()[0], ("switch", "s1".to_owned()));
        names.extend((!engines_own).then(|| event.kind.name()));
    }
    let expected = "switch.created port.added port.set fdb.added fdb.deleted fdb.flushed port.deleted switch.deleted";
    assert_eq!(names.join(" "), expected);
}

#[tokio::test]
async fn a_tap_that_was_there_detached_is_taken_and_left_when_its_port_goes() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    house.kernel.create_tap(&Netns::Daemon, &kernel_name("mine")).expect("a TAP");
    controller.add_port(name("s1"), port(None, "tap://mine")).await.expect("adopted");
    controller.delete_port(name("s1"), name("p1")).await.expect("deleted");
    assert!(house.kernel.link(&Netns::Daemon, &kernel_name("mine")).await.is_ok());
}

#[tokio::test]
async fn a_stranger_that_took_a_ports_interface_name_is_neither_set_nor_deleted() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["tap://t1", "tap://t2?netns=a", "veth://v1?netns=b"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    for (netns, gone) in [(Netns::Daemon, "t1"), (at("a"), "t2")] {
        house.kernel.delete_link(&netns, &kernel_name(gone)).await.expect("ours");
    }
    let aside = LinkChange { name: Some(kernel_name("renamed")), ..LinkChange::default() };
    house.kernel.set_link(&at("b"), &kernel_name("v1"), &aside).await.expect("ours");
    house.kernel.create_tap(&Netns::Daemon, &kernel_name("another")).expect("a new interface");
    house.kernel.create_tap(&Netns::Daemon, &kernel_name("t1")).expect("a new interface");
    house.somebodys_veth(&at("a"), "t2").await;
    house.somebodys_veth(&at("b"), "v1").await;
    let theirs = async || {
        let all = [(Netns::Daemon, "t1"), (at("a"), "t2"), (at("b"), "v1")];
        let mut mtus = Vec::new();
        for (netns, name) in all {
            mtus.push(house.kernel.link(&netns, &kernel_name(name)).await.map(|link| link.mtu));
        }
        mtus
    };
    for port in ["p1", "p2", "p3"] {
        controller.set_port(name("s1"), name(port), |settings| settings.mtu = Some(1300)).await.expect("set");
    }
    assert_eq!(theirs().await, [Ok(1500), Ok(1500), Ok(1500)]);
    assert_eq!(house.kernel.link(&at("b"), &kernel_name("renamed")).await.map(|link| link.mtu), Ok(1500));
    controller.delete_switch(name("s1")).await.expect("deleted");
    assert_eq!(theirs().await, [Ok(1500), Ok(1500), Ok(1500)]);
    assert!(house.kernel.link(&at("b"), &kernel_name("renamed")).await.is_err(), "ours went, whatever its name");
}

#[tokio::test]
async fn a_stranger_that_took_the_name_of_a_veths_end_is_not_taken_for_it_after_a_restart() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    controller.add_port(name("s1"), port(None, "veth://v1?netns=b")).await.expect("a port");
    let aside = LinkChange { name: Some(kernel_name("renamed")), ..LinkChange::default() };
    house.kernel.set_link(&at("b"), &kernel_name("v1"), &aside).await.expect("ours");
    house.somebodys_veth(&at("b"), "v1").await;
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(controller.port(&name("s1"), &name("p1")).expect("the port").state, PortState::Up);
    controller.set_port(name("s1"), name("p1"), |settings| settings.mtu = Some(1300)).await.expect("set");
    assert_eq!(house.kernel.link(&at("b"), &kernel_name("v1")).await.map(|link| link.mtu), Ok(1500));
    controller.delete_port(name("s1"), name("p1")).await.expect("deleted");
    assert!(house.kernel.link(&at("b"), &kernel_name("v1")).await.is_ok());
    assert!(house.kernel.link(&at("b"), &kernel_name("renamed")).await.is_err());
}

#[tokio::test]
async fn the_file_takes_an_address_over_with_its_record() {
    let house = House::new().await;
    let file = "[[switch]]\nname = \"lab\"\n[[switch.port]]\nname = \"p1\"\nurl = \"tap://t1\"\n";
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), file, false).await;
    controller.add_fdb(name("lab"), entry("02:00:00:00:00:0a", "p1")).await.expect("set");
    let with = format!("{file}[[switch.fdb]]\nmac = \"02:00:00:00:00:0a\"\nport = \"p1\"\n");
    let config = Config::parse(&format!("[daemon]\nengines = 1\n{with}")).expect("a good configuration");
    let records = async || house.store.range("/lanloom/fdb/").await.expect("records").pairs;
    assert_eq!(records().await.len(), 1);
    assert_eq!(controller.reload(config).await.notes, Vec::<String>::new());
    assert_eq!(records().await, []);
    // The same at a start, if a command was quicker than the file.
    controller.stop().await;
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), file, false).await;
    controller.add_fdb(name("lab"), entry("02:00:00:00:00:0a", "p1")).await.expect("set");
    controller.stop().await;
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), &with, false).await;
    assert!(started.notes.len() == 1 && started.notes[0].contains("is now the configuration file's"), "{started:?}");
    assert_eq!(records().await, []);
    let refusal = controller.delete_fdb(name("lab"), station("02:00:00:00:00:0a")).await;
    assert!(why(refusal).contains("the configuration file made it"));
}

#[tokio::test]
async fn who_may_not_make_taps_is_told_what_to_do() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    house.plugger.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let refusal = why(controller.add_port(name("s1"), port(None, "tap://t1")).await);
    assert!(refusal.contains("CAP_NET_ADMIN") && refusal.contains("veth://"), "{refusal}");
}
