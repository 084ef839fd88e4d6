//! What happened to the host while the daemon was down: whatever it was, the next one starts, makes again what can be made
//! again, and says what cannot.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/keep.rs"]
mod keep;

use keep::house::House;
use keep::{End, OUTSIDE, STATE, assert_alike, end, exec, furnished, leaks, set, shown, text};

fn furnish() -> Option<House> {
    let house = furnished(&[
        "network create web --ipv6",
        "network create back --internal",
        "sandbox create a --network web --network back",
        "sandbox create b --network web --endpoint veth",
        "sandbox create c --network back --endpoint veth",
        "endpoint create spare --network web",
    ])?;
    meets(&house);
    Some(house)
}

/// Everybody reaches everybody by name, and the world outside.
fn meets(house: &House) {
    for (from, to) in [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a"), ("a", OUTSIDE), ("b", OUTSIDE)] {
        house.wait_for(&format!("{to} to answer {from}"), || {
            house.lanloom(&format!("sandbox ping -c 1 {from} {to}")).status.success()
        });
    }
    for (from, to) in [("a", "b.web"), ("b", "a"), ("c", "a.back")] {
        exec(house, from, &format!("getent ahostsv4 {to}"));
    }
}

/// Ends the daemon, does something to its host, and starts another: everything is as it was, and the log says what was not.
fn mends(how: End, says: &[&str], what: impl FnOnce(&House)) {
    let Some(mut house) = furnish() else { return };
    let before = shown(&house);
    end(&mut house, how);
    what(&house);
    house.start_daemon(&STATE);
    meets(&house);
    assert_alike(&shown(&house), &before, "after the next start");
    assert_eq!(leaks(&house), Vec::<String>::new());
    let log = house.log();
    says.iter().for_each(|line| assert!(log.contains(line), "{line} is not in\n{log}"));
    // Nor is anything in the way of what is done from now on.
    house.says("network connect back b");
    house.says("network disconnect web b");
    ["a", "b", "c"].iter().for_each(|name| drop(house.says(&format!("sandbox delete {name}"))));
    house.says("endpoint delete web/spare");
    house.says("network rm web back");
    assert_eq!(house.interfaces(), ["lo", "up0"]);
    assert_eq!(leaks(&house), Vec::<String>::new());
}

#[test]
fn namespaces_of_sandboxes_that_somebody_removed_are_made_again_with_all_that_was_in_them() {
    mends(End::Killed, &["the namespace of sandbox a was gone", "the namespace of sandbox b was gone"], |house| {
        house.sh("ip netns delete a");
        house.sh("ip netns delete b");
    });
}

#[test]
fn interfaces_that_somebody_deleted_in_sandboxes_are_made_again() {
    mends(End::Asked, &["set again sandbox=a interface=eth0", "set again sandbox=b interface=eth0"], |house| {
        house.sh("ip -n a link delete eth0");
        house.sh("ip -n b link delete eth0");
    });
}

#[test]
fn addresses_and_routes_that_somebody_took_from_an_interface_are_set_again() {
    mends(End::Killed, &["set again sandbox=a interface=eth0", "set again sandbox=b interface=eth0"], |house| {
        house.sh("ip -n a address flush dev eth0");
        house.sh("ip -n b route flush all");
        house.sh("ip -n b link set eth0 down");
        let gateway = house.interfaces().into_iter().find(|name| name.starts_with("ll-")).expect("a gateway's");
        house.sh(&format!("ip address flush dev {gateway}"));
    });
}

#[test]
fn gateway_interfaces_that_somebody_deleted_are_made_again() {
    let gateways = |house: &House| house.interfaces().into_iter().filter(|name| name.starts_with("ll-")).collect::<Vec<_>>();
    mends(End::Killed, &[], |house| {
        gateways(house).iter().for_each(|name| drop(house.sh(&format!("ip link delete {name}"))));
    });
}

#[test]
fn rules_that_somebody_flushed_are_set_again_on_the_host_and_in_sandboxes() {
    mends(End::Killed, &[], |house| {
        house.sh("nft flush ruleset");
        house.sh("ip netns exec a nft flush ruleset");
    });
}

#[test]
fn after_the_machine_was_started_again_everything_is_made_again_from_what_was_kept() {
    mends(End::Killed, &["the namespace of sandbox a was gone", "the namespace of sandbox c was gone"], |house| {
        ["a", "b", "c"].iter().for_each(|name| drop(house.sh(&format!("ip netns delete {name}"))));
        for name in house.interfaces().iter().filter(|name| name.starts_with("ll-")) {
            house.sh(&format!("ip link delete {name}"));
        }
        house.sh(&format!("umount {}", house.path("state/plumbing").display()));
        house.sh("nft flush ruleset");
        set(house, "ipv4/ip_forward", "0");
    });
}

#[test]
fn a_sandbox_whose_own_namespace_somebody_took_along_is_removed_and_the_log_says_so() {
    let Some(mut house) = furnish() else { return };
    house.sh("ip netns add theirs");
    house.says("sandbox create guest --netns /run/netns/theirs --network web --network back");
    house.says("sandbox ping -c 1 guest a");
    end(&mut house, End::Killed);
    house.sh("ip netns delete theirs");
    house.start_daemon(&STATE);
    let log = house.log();
    assert!(log.lines().any(|line| line.contains("guest") && line.contains("namespace is gone")), "{log}");
    assert!(house.refused("sandbox inspect guest").contains("not found"));
    assert_eq!(house.json("endpoint ls --network back").as_array().map(Vec::len), Some(2));
    assert_eq!(leaks(&house), Vec::<String>::new());
    meets(&house);
}

#[test]
fn a_namespace_that_was_somebodys_stays_theirs_and_as_it_was_before() {
    let Some(mut house) = furnish() else { return };
    house.sh("ip netns add theirs");
    house.says("sandbox create guest --netns /run/netns/theirs --network web --endpoint veth");
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    house.says("sandbox ping -c 1 guest a");
    house.says("sandbox delete guest");
    assert_eq!(keep::inside(&house, "theirs").iter().filter(|line| line.starts_with("eth")).count(), 0);
    assert!(!house.sh("ip netns exec theirs nft list tables").contains("lanloom"), "no rule of ours is left in it");
    house.sh("ip netns delete theirs");
    assert_eq!(leaks(&house), Vec::<String>::new());
}

#[test]
fn the_networks_that_are_always_there_keep_their_ids_also_when_one_was_used() {
    let Some(mut house) = furnish() else { return };
    let ids =
        |house: &House| ["bridge", "host", "none"].map(|name| text(&house.json(&format!("network inspect {name}"))[0]["Id"]));
    let before = ids(&house);
    house.says("sandbox create plain --network bridge");
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    house.says("sandbox ping -c 1 plain 192.0.2.2");
    assert_eq!((ids(&house), leaks(&house)), (before, Vec::new()));
}

#[test]
fn a_newer_store_with_networks_in_it_is_refused_and_left_as_it_is() {
    let Some(mut house) = furnish() else { return };
    let before = shown(&house);
    end(&mut house, End::Asked);
    let set_format = |format: u64| {
        let store = redb::Database::open(house.path("state/store.redb")).expect("a store that nobody has open");
        let write = store.begin_write().expect("begun");
        let numbers: redb::TableDefinition<'_, &str, u64> = redb::TableDefinition::new("numbers");
        let old = write.open_table(numbers).expect("a table").insert("format", format).expect("set").expect("a number").value();
        write.commit().expect("committed");
        old
    };
    let format = set_format(1 << 40);
    let output = house.command(&[env!("CARGO_BIN_EXE_lanloom"), "daemon", "--state-dir", "STATE"]).output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert!(!output.status.success() && said.contains("written by a newer version"), "{said}");
    assert_eq!(set_format(format), 1 << 40, "it is left as it is");
    house.start_daemon(&STATE);
    assert_alike(&shown(&house), &before, "by the version that can read it");
    meets(&house);
}

#[test]
fn a_damaged_store_is_set_aside_and_what_was_in_it_is_not_in_the_way_of_a_new_beginning() {
    let Some(mut house) = furnish() else { return };
    end(&mut house, End::Asked);
    let store = house.path("state/store.redb");
    let damaged = vec![0xa5; 40_000];
    std::fs::write(&store, &damaged).expect("written");
    house.start_daemon(&STATE);
    let log = house.log();
    assert!(log.lines().any(|line| line.contains("damaged") && line.contains("set aside")), "{log}");
    assert_eq!(std::fs::read(house.path("state/store.redb.damaged-1")).ok(), Some(damaged));
    assert_eq!(house.json("sandbox ls"), serde_json::json!([]));
    println!("left of what is forgotten: {:?}", leaks(&house));
    house.says("network create web");
    house.says("sandbox create d --network web");
    house.says("sandbox create e --network web --endpoint veth");
    house.says("sandbox ping -c 1 d e");
    house.says(&format!("sandbox ping -c 1 d {OUTSIDE}"));
}
