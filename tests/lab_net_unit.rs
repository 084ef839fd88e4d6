//! The daemon with exactly the rights that the systemd unit leaves it: what needs one that is missing there fails here too. Each
//! test's host is a house of its own.
//!
//! Needs root, `ip` (iproute2), `setpriv` and `unshare` (util-linux) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;

use networks::{Networks, Seat};
use std::process::{Child, Stdio};

/// Nobody's user id.
const NOBODY: &str = "65534";

/// All words of the unit's lines of that name.
fn unit(name: &str) -> Vec<String> {
    let unit = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/dist/lanloom.service")).expect("the unit");
    let values = unit.lines().filter_map(|line| line.split_once('=')).filter(|(key, _)| *key == name);
    values.flat_map(|(_, value)| value.split_whitespace()).map(str::to_owned).collect()
}

/// How `setpriv` leaves a program the rights that the unit leaves the daemon, all but one if one is named.
fn rights(without: &str) -> Vec<String> {
    let mut capabilities = unit("CapabilityBoundingSet");
    capabilities.retain(|name| name != without);
    assert!(!capabilities.is_empty() && unit("NoNewPrivileges") == ["yes"], "{capabilities:?}");
    let each = capabilities.iter().map(|name| format!(",+{}", name.trim_start_matches("CAP_").to_lowercase()));
    vec![format!("--bounding-set=-all{}", each.collect::<String>()), "--no-new-privs".to_owned()]
}

/// What starts a daemon that finds `nft`, and one that does not.
const WITH_NFT: &str = "exec \"$@\"";
const WITHOUT_NFT: &str = "mount -t tmpfs none /usr/sbin && PATH=/nowhere exec \"$@\"";

/// A host whose daemon the shell starts by this script, `"$@"` being its command line, without one right if one is named.
fn start(script: &str, without: &str) -> Option<Networks> {
    let mut host = Networks::without_daemon()?;
    // What is mounted over a folder is seen by the daemon only; the namespaces that it makes are seen by all.
    host.sh("mount --make-shared /run/netns");
    let shell = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", script, "sh", "/usr/bin/setpriv"];
    let daemon = [env!("CARGO_BIN_EXE_lanloom"), "daemon", "--state-dir", "STATE"];
    let rights = rights(without);
    let words = [&shell[..], &rights.iter().map(String::as_str).collect::<Vec<_>>(), &daemon].concat();
    let log = std::fs::File::create(host.path("log")).expect("a log");
    let daemon = host.command(&words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it runs");
    host.keep(daemon);
    host.wait_for("the daemon to answer", || host.lanloom("switch ls").status.success());
    assert!(!host.log().to_lowercase().contains("not permitted"), "{}", host.log());
    Some(host)
}

/// A process of nobody's in a network namespace of its own, ended when dropped.
struct Process(Child);

impl Process {
    fn start(host: &Networks) -> Self {
        let ids = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
        let words = [&["unshare", "--net", "setpriv"], &ids[..], &["sleep", "1000"]].concat();
        let process = Self(host.command(&words).stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it runs"));
        let sleeps = || std::fs::read_to_string(format!("/proc/{}/comm", process.0.id())).is_ok_and(|name| name == "sleep\n");
        host.wait_for("a process in a namespace of its own", sleeps);
        process
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_daemon_looks_who_is_there_after_the_host_s_own_interfaces_are_and_before_docker_makes_its_own() {
    let is_among = |key: &str, other: &str| unit(key).iter().any(|one| one == other);
    for key in ["Wants", "After"] {
        assert!(is_among(key, "network-online.target"), "{key}");
    }
    assert!(is_among("Before", "docker.service") && !is_among("Before", "network-online.target"));
}

#[test]
fn what_the_unit_leaves_the_daemon_is_enough_for_networks_and_for_the_namespace_of_another_user_s_process() {
    let Some(host) = start(WITH_NFT, "") else { return };
    let process = Process::start(&host);
    host.network(1, "");
    host.sandbox("own", &[Seat::new(1, 10)], "");
    host.sandbox("adopted", &[Seat::new(1, 11)], &format!("--netns /proc/{}/ns/net", process.0.id()));
    Seat::new(1, 11).addresses().into_iter().for_each(|address| host.reaches("own", address));
    networks::OUTSIDE.into_iter().for_each(|address| assert_ne!(host.source_outside("own", address), None));
    for command in ["sandbox delete adopted", "sandbox delete own", "network rm n1"] {
        host.says(command);
    }
    assert!(!host.sh("nft list ruleset").contains("lanloom"), "nothing is left");
}

#[test]
fn what_the_unit_leaves_the_daemon_is_enough_to_serve_names_where_nft_is_missing() {
    let Some(host) = start(WITHOUT_NFT, "") else { return };
    host.network(1, "");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    let shown = host.json("sandbox inspect a")[0].take();
    let server = shown["dns_server"].to_string();
    assert!(server.contains("127.0.0.11:53") && server.contains("directly"), "{shown}");
}

#[test]
fn a_right_that_the_daemon_was_not_left_is_named() {
    let Some(host) = start(WITH_NFT, "CAP_SYS_PTRACE") else { return };
    let process = Process::start(&host);
    host.network(1, "");
    let said = host.refused(&format!("sandbox create adopted --netns /proc/{}/ns/net --network n1", process.0.id()));
    assert!(said.contains("CAP_SYS_PTRACE"), "{said}");
    let Some(host) = start(WITHOUT_NFT, "CAP_NET_BIND_SERVICE") else { return };
    host.network(1, "");
    let said = host.refused("sandbox create a --network n1");
    assert!(said.contains("CAP_NET_BIND_SERVICE"), "{said}");
}
