//! What `lanloom doctor` says of an overlay between two real daemons: that it is well, and each of six faults that are put in.
//!
//! Needs root, `ip` (iproute2), `ping` (iputils) and `nft` (nftables).

#[path = "lab/hosts.rs"]
mod hosts;

use hosts::house::House;
use hosts::{Hosts, UNDER, V4, V6, inspect};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::time::Duration;

const VNIS: &str = "com.docker.network.driver.overlay.vxlanid_list";

/// Liveness only: a peer counts as gone after some seconds, and a size takes as long to be given up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Network `web` on both hosts, with a sandbox on each, and well.
fn well(underlay: [&str; 2]) -> Option<Hosts> {
    let hosts = Hosts::new(1500)?;
    hosts.overlay("web", underlay, &format!("-o {VNIS}=4321"));
    hosts.sandboxes("web");
    hosts.both.iter().for_each(wait_until_well);
    Some(hosts)
}

/// The doctor's words as JSON. Its exit status says the same.
fn diagnosis(host: &House) -> Value {
    let output = host.lanloom("doctor web --json");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let found: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
    assert_eq!(output.status.code(), Some(if found["ok"] == true { 0 } else { 1 }), "{said}");
    found
}

fn wait_until_well(host: &House) {
    host.wait_within(PATIENCE, "all to be well", || {
        let found = diagnosis(host);
        found["ok"] == true && found["peers"].as_array().is_some_and(|all| all.iter().all(|peer| peer["path_mtu"].is_u64()))
    });
}

/// Waits for a fault to be the first that is found, and answers with all of them.
fn first(host: &House, fault: &str, place: &str) -> Value {
    let mut seen = Value::Null;
    host.wait_within(PATIENCE, &format!("{fault} at {place}"), || {
        seen = diagnosis(host)["findings"].clone();
        seen[0]["fault"] == fault && seen[0]["place"] == place
    });
    seen
}

/// The same of a fault that is the only one; what is seen, and what to do.
fn only(host: &House, fault: &str, place: &str) -> (String, String) {
    let seen = first(host, fault, place);
    assert_eq!(seen.as_array().map(Vec::len), Some(1), "what follows from it is not said beside it: {seen:#}");
    (text(&seen, "what"), text(&seen, "hint"))
}

fn text(findings: &Value, key: &str) -> String {
    findings[0][key].as_str().expect("a text").to_owned()
}

#[test]
fn an_overlay_that_is_well_shows_its_peers_with_their_figures() {
    for (underlay, mtu) in [(V4, 1450), (V6, 1430)] {
        let Some(hosts) = well(underlay) else { return };
        let said = hosts.both[0].says("doctor web");
        assert!(said.starts_with("network web is well: 1 sandbox here, 1 of 1 peer answering\n"), "{said}");
        assert!(said.contains("PEER ") && said.contains(underlay[1]) && said.contains(&format!("{mtu}+")), "{said}");
        let shown = inspect(&hosts.both[0], "web");
        let peer = &shown["Lanloom"]["peers"][0];
        assert_eq!((peer["address"].as_str(), peer["vni"].as_u64()), (Some(underlay[1]), Some(4321)));
        assert_eq!((peer["answers"].as_str(), peer["path_mtu"].as_u64()), (Some("yes"), Some(mtu)));
        assert!(peer["round_trip_us"].is_u64() && peer["last_heard_ms"].is_u64(), "{peer}");
        assert_eq!((peer["lost"].as_u64(), peer["flooded"].as_bool()), (Some(0), Some(true)), "{peer}");
    }
}

#[test]
fn an_underlay_that_is_down_is_named_on_the_host_where_it_is() {
    let Some(hosts) = well(V4) else { return };
    let [one, two] = &hosts.both;
    one.sh(&format!("ip link set {UNDER} down"));
    let (what, hint) = only(one, "underlay_down", &format!("interface {UNDER}"));
    assert!(what.contains("it is down") && what.contains(V4[0]), "{what}");
    assert_eq!(hint, format!("`ip link set {UNDER} up`"));
    let (what, _) = only(two, "underlay_down", &format!("interface {UNDER}"));
    assert!(what.contains("no carrier"), "the other end of a veth pair: {what}");
    one.sh(&format!("ip link set {UNDER} up"));
    hosts.both.iter().for_each(wait_until_well);
    one.sh(&format!("ip address delete {}/24 dev {UNDER}", V4[0]));
    let (what, _) = only(one, "underlay_down", "this host");
    assert!(what.contains(&format!("no interface has {}", V4[0])), "{what}");
}

#[test]
fn a_peer_of_another_vni_is_named_with_both_numbers() {
    let Some(hosts) = well(V4) else { return };
    let [one, two] = &hosts.both;
    two.says("sandbox delete b");
    two.says("network rm web");
    let own = format!("-o lanloom.peers={} --subnet 10.90.0.0/24 --ip-range 10.90.0.128/25", V4[0]);
    two.says(&format!("network create web -d overlay {own} -o {VNIS}=4322"));
    for (host, theirs, other, own) in [(one, V4[1], 4322, 4321), (two, V4[0], 4321, 4322)] {
        let (what, _) = only(host, "wrong_vni", &format!("peer {theirs} of VNI {own}"));
        assert!(what.contains(&format!("sends VNI {other}")) && what.contains(&format!("is VNI {own}")), "{what}");
    }
}

#[test]
fn a_missing_entry_of_the_flood_list_is_named_with_the_command_that_sets_it() {
    let Some(hosts) = well(V4) else { return };
    let [one, two] = &hosts.both;
    let ports = one.json("port ls web");
    let is_tunnel = |port: &&Value| port["url"].as_str().is_some_and(|url| url.starts_with("vxlan://"));
    let port = ports.as_array().and_then(|ports| ports.iter().find(is_tunnel)).expect("a tunnel")["port"].clone();
    let port = port.as_str().expect("a name");
    one.says(&format!("fdb delete web 00:00:00:00:00:00 --dst {}", V4[1]));
    let (_, hint) = only(one, "missing_fdb_entry", &format!("peer {} of VNI 4321", V4[1]));
    assert_eq!(hint, format!("`lanloom fdb add web 00:00:00:00:00:00 {port} --dst {}`", V4[1]));
    assert_eq!(diagnosis(two)["ok"], true, "that is another host's matter");
    one.says(hint.trim_matches('`').trim_start_matches("lanloom "));
    wait_until_well(one);
}

#[test]
fn a_path_that_carries_less_than_the_overlay_s_mtu_is_named_with_what_it_carries() {
    let Some(hosts) = well(V4) else { return };
    let [one, two] = &hosts.both;
    // As a hop that says nothing of it: IPv4, UDP, VXLAN and Ethernet are 50 bytes more.
    two.sh("nft add table netdev hole");
    two.sh(&format!("nft add chain netdev hole in {{ type filter hook ingress device {UNDER} priority 0 ; }}"));
    two.sh("nft add rule netdev hole in meta length > 1350 drop");
    let place = format!("peer {} of VNI 4321", V4[1]);
    one.wait_within(PATIENCE, "it to be measured", || only(one, "mtu_too_small", &place).0.contains(" 1300 bytes"));
    let (what, hint) = only(one, "mtu_too_small", &place);
    assert!(what.contains("1300 bytes of the tunnel's 1450") && hint.contains("1500"), "{what}; {hint}");
    assert_eq!(diagnosis(two)["ok"], true, "the way back carries all");
    two.sh("nft delete table netdev hole");
    wait_until_well(one);
}

#[test]
fn a_peer_whose_daemon_is_dead_is_named_and_well_again_when_it_is_back() {
    let Some(mut hosts) = well(V4) else { return };
    hosts.both[1].signal(Signal::SIGKILL);
    hosts.both[1].daemon_status();
    let (what, hint) = only(&hosts.both[0], "peer_dead", &format!("peer {} of VNI 4321", V4[1]));
    assert!(what.contains("nothing came from it for") && hint.contains(&format!("`ping {}`", V4[1])), "{what}; {hint}");
    let said = hosts.both[0].lanloom("doctor web");
    let line = String::from_utf8_lossy(&said.stdout).lines().next().unwrap_or_default().to_owned();
    assert!(line.starts_with(&format!("peer_dead: peer {} of VNI 4321: ", V4[1])), "{line}");
    hosts.both[1].start_daemon(&hosts::STATE);
    hosts.both.iter().for_each(wait_until_well);
}

#[test]
fn a_sandbox_that_is_down_is_named_on_its_own_host() {
    let Some(hosts) = well(V4) else { return };
    let [one, two] = &hosts.both;
    two.sh("ip -n b link set eth0 down");
    let (what, hint) = only(two, "sandbox_down", "sandbox b");
    assert!(what.contains("carries nothing") && hint.contains("sandbox exec b"), "{what}; {hint}");
    assert_eq!(diagnosis(one)["ok"], true, "its peer is well");
    two.sh("ip -n b link set eth0 up");
    wait_until_well(two);
}

#[test]
fn a_host_that_was_told_of_this_one_and_this_one_not_of_it_is_named_on_both() {
    let Some(hosts) = well(V4) else { return };
    let [one, two] = &hosts.both;
    one.says("network update web --opt lanloom.peers=");
    // That it has no peers at all is said besides.
    let seen = first(one, "unknown_peer", &format!("host {}", V4[1]));
    let (what, hint) = (text(&seen, "what"), text(&seen, "hint"));
    assert!(what.contains("sends VNI 4321 here and is no peer"), "{what}");
    let (_, there) = only(two, "peer_dead", &format!("peer {} of VNI 4321", V4[0]));
    assert!(there.contains(&format!("has this network with {} among its peers", V4[1])), "{there}");
    let update = hint.split('`').nth(1).expect("a command");
    one.says(update.trim_start_matches("lanloom "));
    hosts.both.iter().for_each(wait_until_well);
}

#[test]
fn several_faults_at_once_are_all_named() {
    let Some(hosts) = well(V4) else { return };
    let one = &hosts.both[0];
    one.sh("ip -n a link set eth0 down");
    one.says(&format!("fdb delete web 00:00:00:00:00:00 --dst {}", V4[1]));
    one.wait_within(PATIENCE, "both", || {
        let found = diagnosis(one);
        let faults: Vec<_> = found["findings"].as_array().expect("a list").iter().map(|it| it["fault"].clone()).collect();
        faults == ["missing_fdb_entry", "sandbox_down"]
    });
    let said = one.lanloom("doctor web");
    assert!(String::from_utf8_lossy(&said.stderr).contains("network web is not well: 2 faults"));
}
