//! Starting on what is there, reloading, and leaving.

use super::house::*;
use crate::config::{Config, FdbSpec, SwitchSettings};
use crate::controller::Origin;
use crate::store::{Operation, Store, Txn};
use lanloom_drivers::kernel::{Kernel, NetnsName};
use lanloom_switch_io::engine::PortState;
use std::sync::Arc;

const FILE: &str = r#"
[[switch]]
name = "lab"
[[switch.port]]
name = "p1"
url = "tap://t1?netns=a"
[[switch.port]]
name = "p2"
url = "veth://v1?netns=b"
[[switch.fdb]]
mac = "02:00:00:00:00:0a"
port = "p2"
"#;

fn file() -> Config {
    Config::parse(FILE).expect("a good configuration")
}

#[tokio::test]
async fn what_commands_made_is_there_after_a_restart_and_the_kernel_was_not_touched() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["tap://t1?netns=a", "veth://v1?netns=b", "iface://eth9", "tap://t2"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    controller.set_port(name("s1"), name("p2"), |settings| settings.isolated = true).await.expect("set");
    let entry = FdbSpec { mac: "02:00:00:00:00:0a".parse().expect("an address"), port: name("p4"), vid: 0, sticky: false };
    controller.add_fdb(name("s1"), entry).await.expect("set");
    let before = (house.traces().await, shown(&controller));
    assert_eq!(controller.stop().await, crate::controller::Removed::default());
    assert_eq!(house.traces().await, before.0);
    let again = house.start().await;
    assert_eq!((house.traces().await, shown(&again)), before);
}

#[tokio::test]
async fn a_start_never_fails_because_of_what_it_finds() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["tap://t1?netns=a", "veth://v1?netns=b", "iface://eth9", "tap://t2", "veth://v2?netns=a"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    controller.stop().await;
    house.kernel.delete_netns(&at("a")).await.expect("a namespace");
    for gone in ["eth9", "t2"] {
        house.kernel.delete_link(&lanloom_drivers::kernel::Netns::Daemon, &kernel_name(gone)).await.expect("an interface");
    }
    let put = |key: &str, value: &str| Operation::Put { key: key.into(), value: value.into() };
    let odd = [
        put("/lanloom/ports/s1/p9", "not JSON"),
        put("/lanloom/ports/s9/p1", r#"{"schema":1,"value":{"url":"tap://t7","settings":{},"made":true}}"#),
        put("/lanloom/switches/s2", r#"{"schema":2,"value":{}}"#),
        put("/lanloom/else", "{}"),
    ];
    house.store.txn(Txn::of(odd)).await.expect("records");
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
    let ports = controller.ports(&name("s1")).expect("the switch");
    let up: Vec<bool> = ports.iter().map(|port| port.state == PortState::Up).collect();
    assert_eq!(up, [false, true, false, true, false], "{ports:#?}");
    for said in ["p1", "p3", "p5", "p9", "s9", "s2: it has schema 2", "/lanloom/else"] {
        assert!(started.notes.iter().any(|note| note.contains(said)), "{said}: {:#?}", started.notes);
    }
    assert_eq!(started.notes.len(), 7, "{:#?}", started.notes);
    let kept = house.store.range("/lanloom/").await.expect("records").pairs;
    assert!(kept.iter().any(|pair| pair.key == "/lanloom/switches/s2"), "what cannot be read is not lost");
}

#[tokio::test]
async fn after_a_reboot_everything_is_made_again() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["tap://t1?netns=a", "veth://v1?netns=b&mtu=1400"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    let before = (house.traces().await, shown(&controller));
    controller.stop().await;
    let rebooted = House { store: Arc::clone(&house.store), ..House::new().await };
    let controller = rebooted.start().await;
    assert_eq!((rebooted.traces().await, shown(&controller)), before);
}

#[tokio::test]
async fn a_veth_that_a_crash_left_without_a_port_is_removed_at_the_next_start() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    let before = house.traces().await;
    controller.add_port(name("s1"), port(None, "veth://v1?netns=b")).await.expect("a port");
    let key = "/lanloom/ports/s1/p1".to_owned();
    house.store.txn(Txn::of([Operation::Delete { key }])).await.expect("as if never written");
    drop(controller);
    house.start().await;
    assert_eq!(house.traces().await, before);
}

#[tokio::test]
async fn the_files_objects_are_never_in_the_store_and_only_the_file_deletes_them() {
    let house = House::new().await;
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    assert_eq!((started.changes.len(), started.notes.len()), (4, 0), "{started:?}");
    assert_eq!(house.store.range("").await.expect("records").pairs, []);
    let lab = name("lab");
    assert!(controller.ports(&lab).expect("the switch").iter().all(|port| port.origin == Origin::Config));
    for refusal in [
        why(controller.delete_switch(lab.clone()).await),
        why(controller.delete_port(lab.clone(), name("p1")).await),
        why(controller.delete_fdb(lab.clone(), "02:00:00:00:00:0a".parse().expect("an address"), 0).await),
    ] {
        assert!(refusal.contains("the configuration file made it; take it out of the file"), "{refusal}");
    }
    controller.add_port(lab.clone(), port(None, "tap://t9")).await.expect("a command's port on the file's switch");
    let before = (house.traces().await, shown(&controller));
    controller.stop().await;
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    assert_eq!(started.notes, Vec::<String>::new());
    assert_eq!((house.traces().await, shown(&controller)), before);
}

#[tokio::test]
async fn a_reload_touches_only_what_changed() {
    let house = House::new().await;
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    let parse = |text: &str| Config::parse(&format!("[daemon]\nengines = 1\n{text}")).expect("a good configuration");
    let reload = async |text: &str| controller.reload(parse(text)).await;
    assert_eq!(reload(FILE).await.changes, Vec::<String>::new());
    let changed = FILE.replace("url = \"veth://v1?netns=b\"", "url = \"veth://v1?netns=b\"\nisolated = true");
    let moved = changed.replace("tap://t1?netns=a", "tap://t5?netns=a");
    assert_eq!(reload(&changed).await.changes, ["port p2 of lab set"]);
    assert_eq!(reload(&moved).await.changes, ["port p1 of lab deleted", "port p1 of lab added: tap://t5?netns=a"]);
    let traces = house.traces().await;
    assert!(
        traces.iter().any(|trace| trace.contains(" t5 ")) && !traces.iter().any(|trace| trace.contains(" t1 ")),
        "{traces:?}"
    );
    let shown = controller.config();
    assert_eq!(Config::parse(&shown.to_toml()), Ok(shown));
    let other = controller.reload(Config { daemon: Default::default(), ..controller.config() }).await;
    assert!(other.changes.is_empty() && other.notes[0].contains("started again"), "{other:?}");
    assert_eq!(reload("").await.changes, ["switch lab deleted"]);
    assert_eq!(controller.switches().expect("engines").len(), 0);
}

#[tokio::test]
async fn a_file_cannot_take_what_a_command_made_while_it_runs_but_at_a_start() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_switch(name("lab"), SwitchSettings::default()).await.expect("a new switch");
    let started = controller.reload(Config { daemon: controller.config().daemon, ..file() }).await;
    assert_eq!(started.changes, Vec::<String>::new());
    assert!(started.notes.len() == 1 && started.notes[0].contains("a command made a switch of that name"), "{started:?}");
    controller.stop().await;
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    assert!(started.notes[0].contains("is now the configuration file's"), "{started:?}");
    assert_eq!(controller.switch(&name("lab")).expect("the switch").origin, Origin::Config);
    assert_eq!(house.store.range("").await.expect("records").pairs, []);
}

#[tokio::test]
async fn an_ephemeral_daemon_leaves_nothing_and_a_reset_neither() {
    for ephemeral in [true, false] {
        let house = House::new().await;
        let before = house.traces().await;
        let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), FILE, ephemeral).await;
        controller.create_switch(name("s1"), SwitchSettings::default()).await.expect("a new switch");
        for url in ["tap://t7", "veth://v7?netns=a", "iface://eth9"] {
            controller.add_port(name("s1"), port(None, url)).await.expect("a port");
        }
        assert!(house.traces().await.len() > before.len() + 5);
        let removed = if ephemeral { controller.stop().await } else { controller.reset().await };
        assert_eq!(removed.left, Vec::<String>::new());
        assert!(removed.removed.iter().any(|line| line.contains("port s1/p2 (veth://v7?netns=a)")), "{removed:?}");
        assert_eq!(house.traces().await, before, "ephemeral: {ephemeral}");
        assert!(!house.kernel.netns_exists(&lanloom_drivers::kernel::Netns::At(PLUMBING.into())).await.expect("an answer"));
        assert!(house.kernel.create_netns(&NetnsName::new("a").expect("a name")).await.is_err(), "somebody's namespace stays");
    }
}
