//! `lanloom demo` run by people of every kind: it looks at what it may do, not at who runs it.

#[path = "support/demo.rs"]
mod demo;

use demo::{CHECKS, NETWORKS, OVERLAY, Place, root};

/// Becomes an ordinary user whose `/dev/net/tun` has the mode of the first argument; the rest is what is run then.
const USER: &str = "\
set -e
mode=$1; shift
mount -t tmpfs -o mode=755 tmpfs /mnt
mknod /mnt/tun c 10 200
chmod $mode /mnt/tun
mount --bind /mnt/tun /dev/net/tun
exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";

const PRIVATE_MOUNTS: [&str; 5] = ["unshare", "--mount", "--propagation", "private", "sh"];

fn user_with_tap_of_mode(mode: &str) -> Vec<&str> {
    [&PRIVATE_MOUNTS[..], &["-c", USER, "sh", mode]].concat()
}

#[test]
fn whoever_runs_it_sees_hosts_talk_and_nothing_left() {
    let place = Place::new();
    let ended = place.run(place.demo(&["--json", "--size", "4M"]));
    assert_eq!(ended.status, Some(0), "{ended}");
    assert_eq!(ended.json()["ok"], true, "{ended}");
    for name in ["daemon", "in-process", "ping4", "ping6", "fdb", "transfer", "counters", "trace", "capture", "cleanup"] {
        assert!(ended.names("ok").contains(&name.to_owned()), "{name}: {ended}");
    }
    assert_eq!(ended.left, Vec::<String>::new());
}

#[test]
fn a_user_who_may_open_the_tap_device_has_nothing_skipped() {
    if !root() {
        return;
    }
    let place = Place::new();
    let ended = place.run(place.within(&user_with_tap_of_mode("666"), &["--json", "--size", "16M"]));
    assert_eq!(ended.names("ok"), CHECKS, "{ended}");
    assert_eq!((ended.status, ended.left.len()), (Some(0), 0), "{ended}");
}

#[test]
fn a_user_who_may_not_open_the_tap_device_goes_without_taps_and_hears_why() {
    if !root() {
        return;
    }
    let place = Place::new();
    let ended = place.run(place.within(&user_with_tap_of_mode("600"), &["--json", "--size", "16M"]));
    assert_eq!((ended.status, ended.left.len()), (Some(0), 0), "{ended}");
    assert_eq!(ended.names("skipped"), [&["tap"], NETWORKS].concat(), "{ended}");
    assert_eq!(ended.names("failed"), Vec::<String>::new());
    for name in ["tap", "networks"] {
        assert!(ended.detail(name).contains("opening /dev/net/tun"), "{name}: {ended}");
    }
    assert!(ended.detail("veth").contains("blue on p1 and green on p2"), "{ended}");
}

#[test]
fn root_without_any_rights_still_sees_hosts_in_this_process_talk() {
    if !root() {
        return;
    }
    let place = Place::new();
    let powerless = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set -all --inh-caps -all \"$@\"";
    let starter = ["unshare", "--user", "--map-root-user", "sh", "-c", powerless, "sh"];
    let ended = place.run(place.within(&starter, &["--json", "--size", "1M"]));
    assert_eq!((ended.status, ended.left.len()), (Some(0), 0), "{ended}");
    assert_eq!(ended.names("skipped"), [&["tap", "veth"], NETWORKS, OVERLAY].concat(), "{ended}");
    assert_eq!(ended.names("failed"), Vec::<String>::new());
    for name in ["veth", "networks", "overlay"] {
        assert!(ended.detail(name).contains("max_user_namespaces"), "{name}: {ended}");
    }
}

#[test]
fn root_that_lacks_capabilities_has_nothing_skipped_where_it_can_make_its_own_namespaces() {
    if !root() {
        return;
    }
    let place = Place::new();
    let starter = ["setpriv", "--bounding-set", "-sys_admin,-net_admin,-net_raw", "--inh-caps", "-all"];
    let ended = place.run(place.within(&starter, &["--json", "--size", "4M"]));
    assert_eq!(ended.names("ok"), CHECKS, "{ended}");
    assert_eq!((ended.status, ended.left.len()), (Some(0), 0), "{ended}");
}

#[test]
fn a_capture_that_cannot_be_written_here_goes_elsewhere_and_says_so() {
    if !root() {
        return;
    }
    let place = Place::new();
    let user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
    let mut command = place.within(&user, &["--size", "1M"]);
    command.current_dir("/");
    let ended = place.run(command);
    assert_eq!((ended.status, ended.left.len()), (Some(0), 0), "{ended}");
    let line = ended.stdout.lines().find(|line| line.contains("the capture goes to")).unwrap_or_else(|| panic!("{ended}"));
    assert!(line.contains(&place.path("tmp").display().to_string()) && line.contains("/demo.pcapng"), "{line}");
    let capture = place.path("tmp").read_dir().expect("the folder is there").flatten().next().expect("the capture is there");
    assert!(capture.metadata().expect("the capture is there").len() > 1000, "{capture:?}");
}
