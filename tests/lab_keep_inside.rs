//! What somebody changes inside a sandbox while the daemon runs: it is told and shown, and what leads to the name server comes back.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/keep.rs"]
mod keep;

use keep::house::House;
use keep::{End, OUTSIDE, STATE, end, exec, furnished, v4};

fn furnish() -> Option<House> {
    furnished(&[
        "network create web --ipv6",
        "sandbox create a --network web",
        "sandbox create b --network web --endpoint veth",
    ])
}

fn notes(house: &House, sandbox: &str) -> Vec<String> {
    let notes = house.json(&format!("sandbox inspect {sandbox}"))[0]["notes"].take();
    serde_json::from_value(notes).expect("lines")
}

/// Waits until a sandbox shows such a line, or none at all.
fn until_shown(house: &House, sandbox: &str, line: Option<&str>) {
    let is_it = |notes: Vec<String>| match line {
        Some(line) => notes.iter().any(|note| note.starts_with(line)),
        None => notes.is_empty(),
    };
    house.wait_for(&format!("{sandbox} to show {line:?}"), || is_it(notes(house, sandbox)));
}

#[test]
fn what_is_taken_from_a_sandbox_is_shown_until_it_is_there_again_and_the_next_start_sets_it() {
    let Some(mut house) = furnish() else { return };
    for sandbox in ["a", "b"] {
        let address = v4(&house, "web", sandbox);
        assert_eq!(notes(&house, sandbox), Vec::<String>::new());
        house.sh(&format!("ip -n {sandbox} route delete default"));
        until_shown(&house, sandbox, Some("its route to 0.0.0.0/0 by "));
        let gateway = address.rsplit_once('.').map(|(net, _)| format!("{net}.1")).expect("an address");
        house.sh(&format!("ip -n {sandbox} route add default via {gateway}"));
        until_shown(&house, sandbox, None);
        house.sh(&format!("ip -n {sandbox} address delete {address}/16 dev eth0"));
        until_shown(&house, sandbox, Some(&format!("its address {address}/16 on eth0 is gone")));
        house.sh(&format!("ip -n {sandbox} link set eth0 down"));
        until_shown(&house, sandbox, Some("its interface eth0 is down"));
        house.sh(&format!("ip -n {sandbox} link delete eth0"));
        until_shown(&house, sandbox, Some("its interface eth0 is gone"));
    }
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    for (from, to) in [("a", "b"), ("b", "a"), ("a", OUTSIDE), ("b", OUTSIDE)] {
        house.wait_for(&format!("{to} to answer {from}"), || {
            house.lanloom(&format!("sandbox ping -c 1 {from} {to}")).status.success()
        });
    }
    ["a", "b"].iter().for_each(|sandbox| assert_eq!(notes(&house, sandbox), Vec::<String>::new()));
}

#[test]
fn that_somebody_deleted_a_gateway_s_interface_is_told_of_its_network_until_the_next_start_makes_it_again() {
    let Some(mut house) = furnish() else { return };
    let notes = |house: &House| house.json("network inspect web")[0]["Lanloom"]["notes"].to_string();
    let gateway = house.interfaces().into_iter().find(|name| name.starts_with("ll-")).expect("a gateway");
    house.sh(&format!("ip link delete {gateway}"));
    house.wait_for("it to be told", || notes(&house).contains("its gateway's interface carries nothing"));
    assert!(house.lanloom("sandbox ping -c 1 a b").status.success(), "sandboxes reach each other");
    end(&mut house, End::Asked);
    house.start_daemon(&STATE);
    exec(&house, "a", &format!("ping -c 1 {OUTSIDE}"));
    assert!(!notes(&house).contains("gateway"), "{}", notes(&house));
}

#[test]
fn names_are_answered_again_after_somebody_flushed_the_rules_of_a_sandbox() {
    let Some(house) = furnish() else { return };
    let resolves = || house.lanloom("sandbox exec a -- getent ahostsv4 b").status.success();
    exec(&house, "a", "getent ahostsv4 b");
    house.sh("ip netns exec a nft flush ruleset");
    house.wait_for("names to be answered again", resolves);
    // Rules of the sandbox's own stay.
    house.sh("ip netns exec a nft add table inet own");
    house.sh("ip netns exec a nft delete table ip lanloom-dns");
    house.wait_for("names to be answered again", resolves);
    assert!(house.sh("ip netns exec a nft list tables").contains("table inet own"));
}
