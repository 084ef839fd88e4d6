//! Starting on what is there, reloading, and leaving.

use super::house::*;
use crate::config::{Config, FdbSpec, SwitchSettings};
use crate::controller::fabric::{Fabric, Origin, Started};
use crate::store::{Operation, Store, Txn};
use lanloom_drivers::kernel::{Kernel, Netns, NetnsName};
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
    let entry =
        FdbSpec { mac: "02:00:00:00:00:0a".parse().expect("an address"), port: name("p4"), dst: None, vid: 0, sticky: false };
    controller.add_fdb(name("s1"), entry).await.expect("set");
    let before = (house.traces().await, shown(&controller));
    assert_eq!(controller.stop().await, crate::controller::fabric::Removed::default());
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
        house.kernel.delete_link(&Netns::Daemon, &kernel_name(gone)).await.expect("an interface");
    }
    let put = |key: &str, value: &str| Operation::Put { key: key.into(), value: value.into() };
    let odd = [
        put("/lanloom/ports/s1/p9", "not JSON"),
        put("/lanloom/ports/s9/p1", r#"{"schema":1,"value":{"url":"tap://t7","settings":{},"made":true}}"#),
        put("/lanloom/switches/s2", r#"{"schema":99,"value":{}}"#),
        put("/lanloom/else", "{}"),
    ];
    house.store.txn(Txn::of(odd)).await.expect("records");
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
    let ports = controller.ports(&name("s1")).expect("the switch");
    let up: Vec<bool> = ports.iter().map(|port| port.state == PortState::Up).collect();
    assert_eq!(up, [false, true, false, true, false], "{ports:#?}");
    for said in ["p1", "p3", "p5", "p9", "s9", "s2: it has schema 99", "/lanloom/else"] {
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
    // A disk that is full is no reason to leave them away.
    house.store.countdown.store(0, std::sync::atomic::Ordering::SeqCst);
    let controller = rebooted.start().await;
    assert_eq!((rebooted.traces().await, shown(&controller)), before);
}

#[tokio::test]
async fn an_interface_that_a_crash_left_without_a_port_is_removed_at_the_next_start() {
    for url in ["veth://v1?netns=b", "tap://t1?netns=b", "tap://t1"] {
        let house = House::new().await;
        let controller = house.with_switch().await;
        let before = house.traces().await;
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
        let key = "/lanloom/ports/s1/p1".to_owned();
        house.store.txn(Txn::of([Operation::Delete { key }])).await.expect("as if never written, or deleted just then");
        controller.stop().await;
        assert_ne!(house.traces().await, before);
        house.start().await;
        assert_eq!(house.traces().await, before, "{url}");
    }
}

/// The port's record says something else now.
async fn rewrite(house: &House, key: &str, from: &str, to: &str) {
    let pairs = house.store.range(key).await.expect("records").pairs;
    let text = String::from_utf8(pairs[0].value.clone()).expect("text");
    assert!(text.contains(from), "{text}");
    let put = Operation::Put { key: key.into(), value: text.replace(from, to).into_bytes() };
    house.store.txn(Txn::of([put])).await.expect("written");
}

#[tokio::test]
async fn what_cannot_be_read_now_keeps_its_interfaces() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for url in ["veth://v1?netns=b", "tap://t1?netns=a"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    controller.stop().await;
    let interfaces = async || {
        let traces = house.traces().await;
        traces.into_iter().filter(|trace| !trace.starts_with("/lanloom/")).collect::<Vec<_>>()
    };
    let before = interfaces().await;
    assert_eq!(before.len(), 4, "two of ours, the other end, and one of somebody's: {before:?}");

    house.store.is_blind.store(true, std::sync::atomic::Ordering::SeqCst);
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
    house.store.is_blind.store(false, std::sync::atomic::Ordering::SeqCst);
    assert!(started.notes[0].contains("could be found again"), "{started:?}");
    controller.stop().await;
    assert_eq!(interfaces().await, before, "a store that could not be read");

    let empty = House { store: Arc::new(FlakyStore::new()), ..house.clone() };
    empty.start().await.stop().await;
    assert_eq!(interfaces().await, before, "a store that was damaged, and a new one begun");
    // Whoever makes the ports again has their interfaces again, and nothing is lost by trying.
    let controller = empty.with_switch().await;
    empty.store.countdown.store(1, std::sync::atomic::Ordering::SeqCst);
    assert!(why(controller.add_port(name("s1"), port(None, "veth://v1?netns=b")).await).contains("injected"));
    assert_eq!(interfaces().await, before, "a port that could not be made again");
    for url in ["veth://v1?netns=b", "tap://t1?netns=a"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    controller.stop().await;
    assert_eq!(interfaces().await, before, "ports that were made again");

    for key in ["/lanloom/ports/s1/p1", "/lanloom/ports/s1/p2"] {
        rewrite(&house, key, "\"schema\":4", "\"schema\":9").await;
    }
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
    assert_eq!(started.notes.len(), 2, "{started:?}");
    let refusal = why(controller.add_port(name("s1"), port(Some("p1"), "tap://t9")).await);
    assert!(refusal.contains("there is a record of one of that name") && refusal.contains("choose another name"), "{refusal}");
    controller.stop().await;
    assert_eq!(interfaces().await, before, "records of a newer version");
}

#[tokio::test]
async fn what_was_made_for_the_file_goes_with_its_place_in_the_file_and_not_with_the_file() {
    let house = House::new().await;
    let without = (house.traces().await, ());
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    let with = house.traces().await;
    controller.stop().await;
    let (controller, started) = house.start_on(Arc::new(house.kernel.clone()), None, false).await;
    assert_eq!(started, Started::default());
    controller.stop().await;
    assert_eq!(house.traces().await, with, "started without --config");

    let changed = FILE.replace("tap://t1?netns=a", "tap://t5?netns=a");
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), &changed, false).await;
    assert_eq!(started.notes, Vec::<String>::new());
    controller.stop().await;
    let traces = house.traces().await;
    assert!(traces.iter().any(|trace| trace.contains(" t5 ")), "{traces:?}");
    assert!(!traces.iter().any(|trace| trace.contains(" t1 ")), "{traces:?}");

    house.start_with(Arc::new(house.kernel.clone()), "", false).await.0.stop().await;
    assert_eq!(house.traces().await, without.0, "a file that has nothing any more");
}

#[tokio::test]
async fn a_commands_port_goes_with_its_switch_from_the_file_and_its_name_is_free_again() {
    let house = House::new().await;
    let without = house.traces().await;
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    for (port_name, url) in [("c1", "tap://c1?netns=a"), ("c2", "veth://c2?netns=a")] {
        controller.add_port(name("lab"), port(Some(port_name), url)).await.expect("a port");
    }
    controller.stop().await;
    let with = house.traces().await;

    // Without the file it may be an oversight: all stays, and whoever is in the way is told the way out.
    let (controller, started) = house.start_on(Arc::new(house.kernel.clone()), None, false).await;
    assert!(started.notes.len() == 2 && started.notes[0].contains("--config file that it had"), "{started:?}");
    controller.create_switch(name("lab"), SwitchSettings::default()).await.expect("a new switch");
    let refusal = why(controller.add_port(name("lab"), port(Some("c1"), "tap://c9")).await);
    assert!(refusal.contains("there is a record of one of that name") && refusal.contains("system reset"), "{refusal}");
    controller.delete_switch(name("lab")).await.expect("deleted");
    controller.stop().await;
    assert_eq!(house.traces().await, with);

    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
    let gone = started.notes.iter().filter(|note| note.contains("is gone: its switch is not in the configuration file"));
    assert_eq!((gone.count(), started.notes.len()), (2, 2), "{started:?}");
    assert_eq!(house.traces().await, without);
    controller.create_switch(name("lab"), SwitchSettings::default()).await.expect("a new switch");
    controller.add_port(name("lab"), port(Some("c1"), "tap://c1?netns=a")).await.expect("a free name");
}

#[tokio::test]
async fn a_reset_removes_what_no_port_of_this_start_stands_for_and_afterwards_all_can_be_made_again() {
    let house = House::new().await;
    let before = house.traces().await;
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    controller.add_port(name("lab"), port(Some("c1"), "tap://c1?netns=a")).await.expect("a port");
    controller.stop().await;
    let (controller, _) = house.start_on(Arc::new(house.kernel.clone()), None, false).await;
    let removed = controller.reset().await;
    assert_eq!(removed.left, Vec::<String>::new());
    assert!(removed.removed.iter().any(|line| line.contains("tap://c1?netns=a")), "{removed:?}");
    assert_eq!(house.traces().await, before);
    controller.create_switch(name("s1"), SwitchSettings::default()).await.expect("a new switch");
    for url in ["veth://v1?netns=b", "tap://t1?netns=a"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port after a reset");
    }
}

#[tokio::test]
async fn a_stranger_under_the_name_of_a_ports_tap_stays_whatever_is_deleted() {
    for how in ["reset", "reload", "ephemeral stop", "command"] {
        let house = House::new().await;
        house.somebodys_veth(&at("a"), "t1").await;
        let theirs = house.traces().await;
        let ephemeral = how == "ephemeral stop";
        let (controller, started) = if how == "command" {
            let first = House { store: Arc::clone(&house.store), ..House::new().await };
            let controller = first.with_switch().await;
            controller.add_port(name("s1"), port(None, "tap://t1?netns=a")).await.expect("a port");
            controller.stop().await;
            house.start_with(Arc::new(house.kernel.clone()), "", false).await
        } else {
            house.start_with(Arc::new(house.kernel.clone()), FILE, ephemeral).await
        };
        assert!(started.notes.iter().any(|note| note.contains("the interface of that name is no TAP")), "{how}: {started:?}");
        let switch = name(if how == "command" { "s1" } else { "lab" });
        controller.set_port(switch.clone(), name("p1"), |settings| settings.mtu = Some(1300)).await.expect("set");
        match how {
            "reset" => drop(controller.reset().await),
            "reload" => drop(controller.reload(Config::default()).await),
            "command" => controller.delete_switch(switch).await.expect("deleted"),
            _ => drop(controller.stop().await),
        }
        assert_eq!(house.traces().await, theirs, "{how}");
    }
}

#[tokio::test]
async fn a_tap_that_was_somebodys_and_was_made_again_after_a_reboot_is_ours_to_delete() {
    for restarts in 0..2 {
        let house = House::new().await;
        let controller = house.with_switch().await;
        house.kernel.create_tap(&Netns::Daemon, &kernel_name("mine")).expect("a TAP");
        controller.add_port(name("s1"), port(None, "tap://mine")).await.expect("adopted");
        controller.stop().await;
        let rebooted = House { store: Arc::clone(&house.store), ..House::new().await };
        for _ in 0..restarts {
            rebooted.start().await.stop().await;
        }
        let controller = rebooted.start().await;
        assert!(rebooted.traces().await.iter().any(|trace| trace.contains(" mine ")), "made again");
        controller.delete_port(name("s1"), name("p1")).await.expect("deleted");
        assert!(!rebooted.traces().await.iter().any(|trace| trace.contains("mine")), "{restarts} restarts");
    }
}

#[tokio::test]
async fn a_port_that_takes_the_name_of_an_earlier_one_neither_takes_its_interface_for_its_own_nor_loses_it() {
    let house = House::new().await;
    house.kernel.create_tap(&Netns::Daemon, &kernel_name("mine")).expect("a TAP of somebody's");
    let theirs = house.traces().await;
    let (controller, _) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    controller.stop().await;
    let (controller, _) = house.start_on(Arc::new(house.kernel.clone()), None, false).await;
    controller.create_switch(name("lab"), SwitchSettings::default()).await.expect("a new switch");
    controller.add_port(name("lab"), port(Some("p1"), "tap://mine")).await.expect("a port");
    assert!(!house.traces().await.iter().any(|trace| trace.contains(" t1 ")), "what the earlier p1 left is gone");
    controller.stop().await;
    let (controller, _) = house.start_on(Arc::new(house.kernel.clone()), None, false).await;
    controller.delete_port(name("lab"), name("p1")).await.expect("deleted");
    controller.reset().await;
    assert_eq!(house.traces().await, theirs, "somebody's TAP stays, and nothing of ours does");
}

#[tokio::test]
async fn a_tap_of_somebodys_that_the_file_names_stays_when_the_file_names_it_no_more() {
    for how in ["reset", "reload", "restart", "ephemeral stop"] {
        let house = House::new().await;
        house.kernel.create_tap(&Netns::Daemon, &kernel_name("mine")).expect("a TAP of somebody's");
        let theirs = house.traces().await;
        let file = "[[switch]]\nname = \"lab\"\n[[switch.port]]\nname = \"p1\"\nurl = \"tap://mine\"\n";
        let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), file, how == "ephemeral stop").await;
        assert_eq!(started.notes, Vec::<String>::new());
        match how {
            "reset" => drop(controller.reset().await),
            "reload" => drop(controller.reload(Config::default()).await),
            _ => drop(controller.stop().await),
        }
        if how == "restart" {
            house.start_with(Arc::new(house.kernel.clone()), "", false).await.0.stop().await;
        }
        assert_eq!(house.traces().await, theirs, "{how}");
    }
}

#[tokio::test]
async fn a_port_whose_interface_could_not_be_opened_at_the_start_is_still_ours_to_delete() {
    for url in ["veth://v1?netns=b", "tap://t1?netns=a"] {
        let house = House::new().await;
        let controller = house.with_switch().await;
        let without = house.traces().await;
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
        controller.stop().await;
        house.plugger.fails.store(true, std::sync::atomic::Ordering::SeqCst);
        let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
        assert_eq!(started.notes.len(), 1, "{started:?}");
        controller.delete_port(name("s1"), name("p1")).await.expect("deleted");
        assert_eq!(house.traces().await, without, "{url}");
    }
}

#[tokio::test]
async fn ports_are_in_the_order_made_after_a_restart_too() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    for (port_name, url) in [("z", "tap://t1"), ("p10", "tap://t2"), ("a", "tap://t3"), ("p2", "tap://t4")] {
        controller.add_port(name("s1"), port(Some(port_name), url)).await.expect("a port");
    }
    controller.delete_port(name("s1"), name("p10")).await.expect("deleted");
    controller.add_port(name("s1"), port(Some("b"), "tap://t5")).await.expect("a port");
    let names = |controller: &Fabric| {
        let ports = controller.ports(&name("s1")).expect("the switch");
        ports.iter().map(|port| port.spec.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(&controller), ["z", "a", "p2", "b"]);
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(names(&controller), ["z", "a", "p2", "b"]);
    controller.add_port(name("s1"), port(Some("0"), "tap://t6")).await.expect("a port");
    controller.stop().await;
    assert_eq!(names(&house.start().await), ["z", "a", "p2", "b", "0"]);
}

#[tokio::test]
async fn records_of_schema_1_are_read_and_what_they_say_was_made_is_deleted_with_its_port() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    let before = house.traces().await;
    for url in ["tap://t1?netns=a", "veth://v1?netns=b"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    controller.stop().await;
    let old = |port: &str, url: &str| {
        let value = format!(r#"{{"schema":1,"value":{{"url":"{url}","settings":{{"isolated":true}},"made":true}}}}"#);
        Operation::Put { key: format!("/lanloom/ports/s1/{port}"), value: value.into_bytes() }
    };
    let none = |port: &str| Operation::Delete { key: format!("/lanloom/made/s1/{port}") };
    let records = [old("p1", "tap://t1?netns=a"), old("p2", "veth://v1?netns=b"), none("p1"), none("p2")];
    house.store.txn(Txn::of(records)).await.expect("records");
    let controller = house.start().await;
    let ports = controller.ports(&name("s1")).expect("the switch");
    assert!(ports.len() == 2 && ports.iter().all(|port| port.state == PortState::Up && port.spec.settings.isolated));
    controller.delete_port(name("s1"), name("p2")).await.expect("deleted");
    controller.set_port(name("s1"), name("p1"), |settings| settings.isolated = false).await.expect("set");
    controller.stop().await;
    let controller = house.start().await;
    controller.delete_port(name("s1"), name("p1")).await.expect("deleted");
    assert_eq!(house.traces().await, before);
}

#[tokio::test]
async fn the_files_objects_are_never_in_the_store_and_only_the_file_deletes_them() {
    let house = House::new().await;
    let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), FILE, false).await;
    assert_eq!((started.changes.len(), started.notes.len()), (4, 0), "{started:?}");
    assert_eq!(house.records().await, Vec::<String>::new());
    let lab = name("lab");
    assert!(controller.ports(&lab).expect("the switch").iter().all(|port| port.origin == Origin::Config));
    for refusal in [
        why(controller.delete_switch(lab.clone()).await),
        why(controller.delete_port(lab.clone(), name("p1")).await),
        why(controller.delete_fdb(lab.clone(), station("02:00:00:00:00:0a")).await),
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
    assert_eq!(house.records().await, Vec::<String>::new());
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
        assert!(!house.kernel.netns_exists(&Netns::At(PLUMBING.into())).await.expect("an answer"));
        assert!(house.kernel.create_netns(&NetnsName::new("a").expect("a name")).await.is_err(), "somebody's namespace stays");
    }
}
