//! Each check of `lanloom demo` notices when what it looks at is broken, and the demo cleans up all the same.

#[path = "support/demo.rs"]
mod demo;

use demo::{CHECKS, Ended, NETWORKS, OVERLAY, Place, root};

fn broken(name: &str) -> Ended {
    let place = Place::new();
    let ended = place.run(place.demo(&["--json", "--size", "16M", "--break", name]));
    assert_eq!(ended.status, Some(1), "{ended}");
    assert_eq!(ended.json()["ok"], false, "{ended}");
    assert_eq!(ended.left, Vec::<String>::new(), "{ended}");
    ended
}

/// This check fails and no other does, and what stands on it is not looked at.
fn fails_alone(name: &str, skipped: &[&str], says: &str) {
    if !root() {
        return;
    }
    let ended = broken(name);
    assert_eq!(ended.names("failed"), [name], "{ended}");
    assert_eq!(ended.names("skipped"), skipped, "{ended}");
    assert!(ended.detail(name).contains(says), "{ended}");
}

#[test]
fn a_daemon_that_does_not_answer_is_noticed() {
    fails_alone("daemon", &CHECKS[1..20], "lanloom.sock");
}

#[test]
fn a_tap_s_port_that_is_down_is_noticed() {
    fails_alone("tap", &CHECKS[2..10], "blue on p1 is down");
}

#[test]
fn a_veth_that_was_deleted_is_noticed() {
    fails_alone("veth", &CHECKS[3..10], "green on p2 is down");
}

#[test]
fn a_host_in_this_process_that_was_switched_off_is_noticed() {
    fails_alone("in-process", &CHECKS[4..10], "red on p3 is down");
}

#[test]
fn a_host_without_an_ipv4_address_is_noticed() {
    fails_alone("ping4", &["transfer", "counters"], "of 6 ways without an answer");
}

#[test]
fn a_host_without_an_ipv6_address_is_noticed() {
    fails_alone("ping6", &[], "of 6 ways without an answer");
}

#[test]
fn a_port_that_does_not_learn_is_noticed() {
    fails_alone("fdb", &[], "does not know blue (02:00:0a:01:00:01) on p1");
}

#[test]
fn one_flipped_bit_in_what_is_sent_is_noticed() {
    fails_alone("transfer", &[], "byte 8388608 did not arrive as it was sent");
}

#[test]
fn frames_that_were_dropped_are_noticed() {
    fails_alone("counters", &[], "isolated");
}

#[test]
fn a_frame_that_would_go_nowhere_is_noticed() {
    fails_alone("trace", &[], "should go to p2 alone");
}

#[test]
fn a_capture_that_lost_its_end_is_noticed() {
    fails_alone("capture", &[], "demo.pcapng");
}

#[test]
fn a_sandbox_without_its_interface_is_noticed() {
    fails_alone("networks", &NETWORKS[1..], "db on back is down");
}

#[test]
fn a_sandbox_that_asks_somebody_else_for_names_is_noticed() {
    fails_alone("names", &["reach"], "app does not find");
}

#[test]
fn a_sandbox_that_does_not_answer_its_neighbour_is_noticed() {
    fails_alone("reach", &[], "no answer from");
}

#[test]
fn a_sandbox_that_answers_one_of_another_network_is_noticed() {
    fails_alone("isolation", &[], "db answers web at 10.3.0.");
}

#[test]
fn a_sandbox_that_passes_packets_on_is_noticed() {
    fails_alone("relay", &[], "db answers web at 10.3.0.");
}

#[test]
fn a_page_that_does_not_come_is_noticed() {
    fails_alone("page", &[], "fetching http://host/");
}

#[test]
fn a_host_that_does_not_know_the_other_is_noticed() {
    fails_alone("overlay", &OVERLAY[1..], "shop → stock: no answer from 10.4.0.32");
}

#[test]
fn frames_that_pass_between_hosts_under_another_identifier_are_noticed() {
    fails_alone(
        "underlay",
        &[],
        "carried as vxlan 192.0.2.1 > 192.0.2.2 vni 43, and not as vxlan 192.0.2.1 > 192.0.2.2 vni 42",
    );
}

#[test]
fn a_host_that_stays_cut_off_is_noticed() {
    fails_alone("doctor", &[], "east was to be back, and shop → stock: no answer from 10.4.0.32");
}

#[test]
fn a_namespace_that_is_left_is_noticed_and_then_removed() {
    fails_alone("cleanup", &[], "left: namespace lanloom-demo-");
}

#[test]
fn what_is_not_there_cannot_be_broken() {
    if !root() {
        return;
    }
    let place = Place::new();
    let user =
        ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", "exec unshare -U -r \"$@\"", "sh"];
    let powerless = ["sh", "-c", "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -all \"$@\"", "sh"];
    for name in ["veth", "isolation", "underlay"] {
        let ended = place.run(place.within(&[&user[..], &powerless[..]].concat(), &["--break", name]));
        assert_eq!((ended.status, ended.left.len()), (Some(1), 0), "{ended}");
        assert!(ended.stderr.contains(&format!("cannot break {name}")), "{ended}");
    }
}
