//! Ports as the daemon makes them, on real interfaces: where their other ends are, what they carry and say, and what becomes of
//! them when their interfaces change.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2), `ping` and `ethtool`.

#[allow(dead_code, reason = "the tests of commands use the rest")]
#[path = "support/house.rs"]
mod house;

use house::House;
use nix::sys::signal::Signal;
use serde_json::Value;

const STATE: [&str; 2] = ["--state-dir", "STATE"];

/// What `port ls` says of one port.
fn port(house: &House, name: &str) -> Value {
    let ports = house.json("port ls s1");
    let found = ports.as_array().and_then(|all| all.iter().find(|port| port["port"] == name));
    found.unwrap_or_else(|| panic!("no {name} in {ports}")).clone()
}

fn features(house: &House, name: &str) -> Vec<String> {
    serde_json::from_value(port(house, name)["features"].clone()).expect("words")
}

/// Whether somebody answers.
fn answers(house: &House, from: &str, address: &str) -> bool {
    let words = format!("ip netns exec {from} ping -n -q -c 1 -W 0.5 {address}");
    house.command(&words.split(' ').collect::<Vec<_>>()).output().expect("it runs").status.success()
}

#[test]
fn the_host_of_a_daemon_and_its_sandboxes_do_not_meet_on_their_ports() {
    let Some(house) = House::with_daemon() else { return };
    // The host has addresses of the very subnets that the sandboxes are in.
    house.sh("ip link add h0 type veth peer name h1");
    house.sh("ip address add 10.0.0.254/24 dev h0");
    house.sh("ip address add fd00::fe/64 dev h0 nodad");
    house.sh("ip link set h0 up");
    house.sh("ip link set h1 up");
    let before = house.interfaces();
    house.says("switch create s1");
    house.host("s1", "a", "veth", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    for (name, last) in [("a", 1), ("b", 2)] {
        house.sh(&format!("ip -n {name} address add fd00::{last}/64 dev eth0 nodad"));
    }
    for address in ["10.0.0.2", "fd00::2"] {
        house.ping("a", address);
    }
    assert_eq!(house.interfaces(), before, "no end of a port is among the host's interfaces");
    for name in ["a", "b"] {
        for address in ["10.0.0.254", "fd00::fe"] {
            assert!(!answers(&house, name, address), "the host answered {name} for {address}");
        }
        let resolved = house.sh(&format!("ip -n {name} neighbour show"));
        let line = resolved.lines().find(|line| line.contains("lladdr") && (line.contains(".254") || line.contains("::fe ")));
        assert_eq!(line, None, "an address of the host's was resolved");
    }
    let mac = house.sh("ip netns exec a cat /sys/class/net/eth0/address");
    assert!(!house.sh("ip neighbour show").contains(mac.trim()), "the host knows the sandbox");
}

#[test]
fn an_iface_port_leaves_the_host_its_frames_and_says_so() {
    let Some(house) = House::with_daemon() else { return };
    house.sh("ip netns add far");
    house.sh("ip link add i0 type veth peer name i0 netns far");
    house.sh("ip address add 10.0.0.254/24 dev i0");
    house.sh("ip link set i0 up");
    house.sh("ip -n far address add 10.0.0.9/24 dev i0");
    house.sh("ip -n far link set i0 up");
    house.says("switch create s1");
    house.says("port add s1 iface://i0 --name i0");
    house.host("s1", "a", "veth", "10.0.0.1/24");
    house.ping("far", "10.0.0.254");
    house.ping("far", "10.0.0.1");
    let says = |name: &str| features(&house, name).contains(&"host-shares".to_owned());
    assert!(says("i0") && !says("a"));
    house.says("port delete s1 i0");
    house.ping("far", "10.0.0.254");
    assert!(!answers(&house, "far", "10.0.0.1"), "the switch let go of the interface");
}

#[test]
fn each_kind_of_port_says_what_passes_it_uncut_and_a_veth_has_no_offload_of_a_tunnels() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.sh("ip netns add c");
    house.says("port add s1 tap://eth0?netns=c&offload=off&mtu=1280 --name c");
    let all = ["checksum", "tso4", "tso6", "uso"];
    assert_eq!(
        (features(&house, "a"), features(&house, "b")),
        (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
    );
    assert_eq!((features(&house, "c"), &port(&house, "c")["mtu"]), (Vec::new(), &1280.into()));
    let on = |name: &str| {
        let told = house.sh(&format!("ip netns exec {name} ethtool -k eth0"));
        told.lines().filter(|line| line.contains(": on")).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let (tap, veth, plain) = (on("a"), on("b"), on("c"));
    for feature in ["tx-tcp-segmentation: on", "tx-tcp6-segmentation: on", "tx-udp-segmentation: on"] {
        assert!(tap.iter().any(|line| line == feature), "{feature} in {tap:?}");
        assert!(veth.iter().any(|line| line == feature), "{feature} in {veth:?}");
        assert!(!plain.iter().any(|line| line == feature), "no {feature} in {plain:?}");
    }
    let foreign =
        |line: &&String| line.contains("tnl") || line.contains("gre") || line.contains("ipxip") || line.contains("sctp");
    assert_eq!(veth.iter().find(foreign), None);
    assert_eq!(tap.iter().find(foreign), None);
}

#[test]
fn a_persistent_tap_is_found_again_by_its_kind_and_refused_to_the_other_with_words() {
    let Some(mut house) = House::new() else { return };
    house.start_daemon(&STATE);
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "veth", "10.0.0.2/24");
    house.signal(Signal::SIGTERM);
    assert_eq!(house.daemon_status(), Some(0));
    assert!(house.sh("ip -n a -oneline address show dev eth0").contains("10.0.0.1/24"), "it stays, with its address");

    // A daemon that knows nothing of it finds it all the same, if it is asked for.
    let other = house.path("other");
    house.start_daemon(&["--state-dir", other.to_str().expect("text")]);
    house.says("switch create s1");
    let said = house.refused("port add s1 tap://eth0?netns=a&offload=off --name a");
    println!("{said}");
    assert!(said.contains("was made with offloads") && said.contains("offload="), "{said}");
    assert_eq!(house.json("port ls s1"), serde_json::json!([]), "a refused command leaves no trace");
    house.says("port add s1 tap://eth0?netns=a --name a");
    house.host("s1", "c", "veth", "10.0.0.3/24");
    house.ping("c", "10.0.0.1");
}

#[test]
fn a_port_says_why_its_interface_carries_nothing_and_comes_back_with_it() {
    let Some(house) = House::with_daemon() else { return };
    house.says("switch create s1");
    house.host("s1", "a", "tap", "10.0.0.1/24");
    house.host("s1", "b", "tap", "10.0.0.2/24");
    house.ping("a", "10.0.0.2");
    let reason = |name: &str, wanted: &str| {
        house.wait_for(wanted, || {
            let now = port(&house, name);
            now["state"] == if wanted.is_empty() { "up" } else { "down" }
                && now["reason"].as_str().is_some_and(|why| why.contains(wanted))
        });
    };
    house.sh("ip netns add p");
    house.says("port add s1 tap://eth0?netns=p&offload=off --name p");
    for name in ["a", "p"] {
        house.sh(&format!("ip -n {name} link set eth0 down"));
        reason(name, "interface eth0 is down");
        house.sh(&format!("ip -n {name} link set eth0 name other"));
        reason(name, "is called other now");
        house.sh(&format!("ip -n {name} link set other name eth0"));
        house.sh(&format!("ip -n {name} link set eth0 up"));
        reason(name, "");
        house.sh(&format!("ip -n {name} link set eth0 mtu 1300"));
        house.wait_for("the MTU", || port(&house, name)["mtu"] == 1300);
    }
    house.ping("a", "10.0.0.2");
    house.sh("ip -n p link delete eth0");
    reason("p", "there is no interface eth0");
    house.sh("ip netns delete a");
    reason("a", "there is no namespace");

    house.host("s1", "v", "veth", "10.0.0.3/24");
    house.ping("v", "10.0.0.2");
    house.sh("ip -n v link set eth0 down");
    reason("v", "interface eth0 in v is down");
    house.sh("ip -n v link set eth0 name other");
    house.sh("ip -n v link set other up");
    reason("v", "");
    house.ping("v", "10.0.0.2");
    house.sh("ip netns delete v");
    reason("v", "there is no interface eth0 in v");

    house.sh("ip link add i0 type veth peer name i1");
    house.sh("ip link set i0 up");
    house.says("port add s1 iface://i0 --name i");
    reason("i", "the other end of interface i0 is down");
    house.sh("ip link set i1 up");
    reason("i", "");
    house.sh("ip link set i0 mtu 1300");
    house.wait_for("the MTU", || port(&house, "i")["mtu"] == 1300);
    house.sh("ip link set i0 down");
    reason("i", "interface i0 is down");
    house.sh("ip link set i0 name other");
    reason("i", "interface i0 is called other now");
    house.sh("ip link delete other");
    reason("i", "there is no interface i0");
}
