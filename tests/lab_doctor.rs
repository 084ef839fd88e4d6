//! What `lanloom doctor` says of networks of this host, with a real daemon.
//!
//! Needs root and `ip` (iproute2).

#[allow(dead_code, reason = "the tests of the daemon use the rest")]
#[path = "support/house.rs"]
mod house;

use house::House;
use serde_json::Value;

/// A house with network `web` and sandboxes `a` and `b` on it.
fn furnished() -> Option<House> {
    let house = House::with_daemon()?;
    house.says("network create --internal web");
    house.says("sandbox create a --network web");
    house.says("sandbox create b --network web");
    Some(house)
}

/// What the doctor finds, as JSON, and whether that made it fail.
fn diagnosis(house: &House) -> (Value, Option<i32>) {
    let output = house.lanloom("doctor web --json");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}")), output.status.code())
}

/// Waits for a fault with these words at that place to be found.
fn wait_for_fault(house: &House, fault: &str, place: &str, words: &str) {
    house.wait_for(&format!("{fault} at {place}"), || {
        let (found, status) = diagnosis(house);
        let is_it = |finding: &Value| {
            finding["fault"] == fault
                && finding["place"] == place
                && finding["what"].as_str().is_some_and(|it| it.contains(words))
        };
        let has = found["findings"].as_array().is_some_and(|all| all.iter().any(is_it));
        assert_eq!(status, Some(if found["ok"] == true { 0 } else { 1 }));
        has
    });
}

#[test]
fn a_network_that_is_well_is_said_to_be() {
    let Some(house) = furnished() else { return };
    assert_eq!(house.says("doctor web"), "network web is well: 2 sandboxes here\n");
    let (found, status) = diagnosis(&house);
    assert_eq!((&found["ok"], status), (&Value::Bool(true), Some(0)));
    let members: Vec<_> = found["members"].as_array().expect("a list").iter().map(|member| member["state"].clone()).collect();
    assert_eq!(members, ["up", "up"]);
}

#[test]
fn a_sandbox_whose_interface_is_down_is_named_and_well_again_when_it_is_up() {
    let Some(house) = furnished() else { return };
    house.sh("ip -n a link set eth0 down");
    wait_for_fault(&house, "sandbox_down", "sandbox a", "carries nothing");
    let said = house.lanloom("doctor web");
    let (out, error) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(out.starts_with("sandbox_down: sandbox a: ") && out.contains("`lanloom sandbox exec a -- ip link`"), "{out}");
    assert!(error.contains("network web is not well: 1 fault"), "{error}");
    house.sh("ip -n a link set eth0 up");
    house.wait_for("it to be well again", || diagnosis(&house).0["ok"] == true);
}

#[test]
fn a_sandbox_whose_namespace_is_gone_is_named() {
    let Some(house) = furnished() else { return };
    house.sh("ip netns delete b");
    wait_for_fault(&house, "sandbox_down", "sandbox b", "its namespace is gone");
}

#[test]
fn a_network_that_is_not_there_is_refused_and_no_diagnosis() {
    let Some(house) = House::with_daemon() else { return };
    assert!(house.refused("doctor nowhere").contains("network nowhere not found"));
}
