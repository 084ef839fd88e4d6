//! Namespaces of processes, adopted by a path that may lead to another process's later. Each test's host is a house of its own.
//!
//! Needs root, `ip` (iproute2), `unshare` (util-linux) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;

use networks::{Networks, STATE};
use std::process::{Child, Stdio};

/// Where it is said whose namespace it is.
const CURRENT: &str = "/run/netns/current";

/// A process with a network namespace of its own in which nothing is, ended when dropped.
struct Process(Child);

impl Process {
    fn start(host: &Networks) -> Self {
        let mut command = host.command(&["unshare", "--net", "sleep", "1000"]);
        let process = Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it runs"));
        let sleeps = || std::fs::read_to_string(format!("/proc/{}/comm", process.0.id())).is_ok_and(|name| name == "sleep\n");
        host.wait_for("a process in a namespace of its own", sleeps);
        process
    }

    fn path(&self) -> String {
        format!("/proc/{}/ns/net", self.0.id())
    }

    /// Has [`CURRENT`] lead to its namespace.
    fn becomes_current(&self, host: &Networks) {
        host.script(&format!("ln -sfn {} {CURRENT}", self.path()));
    }

    /// What is in its namespace: interfaces, addresses, routes, rules and sockets that listen.
    fn inside(&self, host: &Networks) -> String {
        let all = "ip -o link; ip -o address; ip route show table all; nft list ruleset; cat /proc/net/udp /proc/net/tcp";
        host.script(&format!("nsenter --net={} sh -c '{all}'", self.path()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A host with the sandbox `a` on network `n1`, adopted from a process that has ended since; another is at its path now, with `eth0`
/// as the sandbox had it. What is in the other's namespace stands beside it.
fn reused(host: &Networks) -> (Process, String) {
    let (one, two) = (Process::start(host), Process::start(host));
    one.becomes_current(host);
    host.says("network create n1 --subnet 10.81.1.0/24");
    host.says(&format!("sandbox create a --netns {CURRENT} --network n1"));
    host.reaches("a", std::net::Ipv4Addr::new(10, 81, 1, 1));
    let set = "ip tuntap add eth0 mode tap; ip address add 10.81.1.9/24 dev eth0; ip link set eth0 up";
    host.script(&format!("nsenter --net={} sh -ec '{set}'", two.path()));
    let before = two.inside(host);
    two.becomes_current(host);
    (two, before)
}

#[test]
fn a_sandbox_whose_path_leads_to_another_process_is_stale_and_nothing_is_done_in_that_ones_namespace() {
    let Some(host) = Networks::new() else { return };
    let (other, before) = reused(&host);
    let shown = host.json("sandbox inspect a");
    assert_eq!(shown[0]["state"], "stale", "{shown}");
    host.says("network create n2 --subnet 10.81.2.0/24");
    for command in
        ["network connect n2 a", "sandbox exec a -- true", "sandbox ping a 10.81.1.1", "network update n1 --label-add x=y"]
    {
        let output = host.lanloom(command);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_told = said.contains("its namespace is gone: /run/netns/current leads to another one now");
        assert_eq!(is_told, command != "network update n1 --label-add x=y", "{command}: {said}");
    }
    host.says("network update n1 --subnet-add 10.81.3.0/24");
    assert_eq!(other.inside(&host), before);
    let said = host.refused(&format!("sandbox create b --netns {CURRENT}"));
    assert!(said.contains("delete it with `lanloom sandbox delete a`"), "{said}");
    host.says("sandbox delete a");
    assert_eq!(other.inside(&host), before);
    host.says("network rm n1");
    host.says(&format!("sandbox create b --netns {CURRENT}"));
}

#[test]
fn a_start_removes_a_stale_sandbox_says_so_and_leaves_the_other_namespace_as_it_is() {
    let Some(mut host) = Networks::new() else { return };
    let (other, before) = reused(&host);
    host.signal(nix::sys::signal::Signal::SIGKILL);
    host.daemon_status();
    host.start_daemon(&STATE);
    let gone = "sandbox a was removed: its namespace is gone: /run/netns/current leads to another one now";
    assert!(host.log().contains(gone), "{}", host.log());
    assert_eq!(other.inside(&host), before);
    assert_eq!(host.json("sandbox ls"), serde_json::json!([]));
    host.says("network rm n1");
    assert_eq!(other.inside(&host), before);
}
