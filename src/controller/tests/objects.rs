//! What can be made, set, deleted and asked.

use super::house::*;
use crate::config::{FdbSpec, Openings, SwitchSettings};
use crate::controller::{EventKind, Origin, RefusalKind};
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::{Fate, FloodKind};
use lanloom_switch_io::engine::{Asked, PortState};
use std::time::Duration;

fn entry(mac: &str, port: &str) -> FdbSpec {
    FdbSpec { mac: mac.parse().expect("an address"), port: name(port), vid: 0, sticky: false }
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
    assert_eq!(shown, ["p1 tap://t1", "p3 tap://t3?netns=a", "p2 iface://eth9", "p4 veth://eth0?netns=b"]);
    assert!(ports.iter().all(|port| port.state == PortState::Up && port.origin == Origin::Command), "{ports:?}");
    assert!(ports[2].features.contains(&"host-shares") && !ports[0].features.contains(&"host-shares"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_what_to_do() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    controller.add_port(name("s1"), port(None, "tap://t1?netns=a")).await.expect("a port");
    let before = (house.traces().await, shown(&controller));
    for (url, given, said) in [
        ("tap://t2?netns=nowhere", None, "no network namespace nowhere; make it with"),
        ("tap://t2", Some("p1"), "there is a port p1 already"),
        ("tap://t1?netns=a", None, "port s1/p1 has that interface"),
        ("iface://eth8", None, "there is no interface eth8"),
        ("veth://t1?netns=a", None, "has an interface t1 already"),
        ("veth://eth9?netns=nowhere", None, "no network namespace"),
    ] {
        let refusal = why(controller.add_port(name("s1"), port(given, url)).await);
        let said = said.replace("has an interface t1 already", "there is an interface t1 already");
        assert!(refusal.contains(&said) || refusal.contains("has that interface"), "{url}: {refusal}");
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
    controller.delete_fdb(name("s1"), "02:00:00:00:00:0a".parse().expect("an address"), 0).await.expect("deleted");
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
    house.kernel.create_tap(&kernel_name("mine")).expect("a TAP");
    controller.add_port(name("s1"), port(None, "tap://mine")).await.expect("adopted");
    controller.delete_port(name("s1"), name("p1")).await.expect("deleted");
    assert!(house.kernel.link(&lanloom_drivers::kernel::Netns::Daemon, &kernel_name("mine")).await.is_ok());
}

#[tokio::test]
async fn who_may_not_make_taps_is_told_what_to_do() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    house.plugger.fails.store(true, std::sync::atomic::Ordering::SeqCst);
    let refusal = why(controller.add_port(name("s1"), port(None, "tap://t1")).await);
    assert!(refusal.contains("CAP_NET_ADMIN") && refusal.contains("veth://"), "{refusal}");
}
