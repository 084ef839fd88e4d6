//! Two daemons side by side on one host, with networks and sandboxes of the same names.
//!
//! Needs root, `ip` (iproute2), `ping` (iputils) and `nft` (nftables).

#[path = "lab/networks.rs"]
mod networks;
#[path = "lab/second.rs"]
mod second;

use networks::{Networks, OUTSIDE, house};
use second::Second;

/// What each of them is asked for: a network whose subnet is chosen, and sandboxes on a TAP and on a veth.
const COMMANDS: [&str; 6] = [
    "network create web",
    "sandbox create a --network web",
    "sandbox create b",
    "endpoint create b --network web --driver-opt lanloom.endpoint=veth",
    "endpoint join web/b b",
    "sandbox ping a b -c 1 -W 20",
];

/// Whether sandboxes of a folder find each other by name, as their daemon `says`, and reach each other and the world.
fn works(host: &Networks, folder: &str, says: impl Fn(&str) -> String) {
    let address = address(host, folder);
    let found = says("sandbox exec a -- getent ahostsv4 b");
    let found: Vec<_> = found.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(!found.is_empty() && found.iter().all(|found| *found == address), "{found:?}, and not {address}");
    for to in [address, OUTSIDE[0].to_string()] {
        host.sh(&format!("nsenter --net=/run/netns/{folder}a ping -n -c 1 -w 20 {to}"));
    }
}

/// The IPv4 address of sandbox `b`.
fn address(host: &Networks, folder: &str) -> String {
    let shown = host.sh(&format!("nsenter --net=/run/netns/{folder}b ip -4 -brief address show dev eth0"));
    let net = shown.split_whitespace().nth(2).expect("name, state, address");
    net.split('/').next().expect("an address").to_owned()
}

/// The host's tables that are a daemon's of ours.
fn tables(host: &Networks) -> Vec<String> {
    host.sh("nft list tables").lines().filter(|line| line.contains("lanloom")).map(str::to_owned).collect()
}

#[test]
fn each_has_networks_and_sandboxes_of_its_own_and_the_end_of_one_leaves_the_other_whole() {
    let Some(mut host) = Networks::new() else { return };
    COMMANDS.iter().for_each(|command| drop(host.says(command)));
    let first = tables(&host);
    let second = Second::start(&host);
    let folder = format!("{}/", Second::folder(&host));
    COMMANDS.iter().for_each(|command| drop(second.says(&host, command)));
    let (here, there) = (address(&host, ""), address(&host, &folder));
    assert_ne!(here, there, "each has a subnet of its own");
    works(&host, "", |command| host.says(command));
    works(&host, &folder, |command| second.says(&host, command));
    let both = tables(&host);
    assert!(first.iter().all(|table| both.contains(table)) && both.len() > first.len(), "{first:?} {both:?}");
    second.says(&host, "system reset");
    assert!(!second.says(&host, "network ls").contains(" web "));
    works(&host, "", |command| host.says(command));
    COMMANDS.iter().for_each(|command| drop(second.says(&host, command)));
    host.says("system reset");
    works(&host, &folder, |command| second.says(&host, command));
    host.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(host.daemon_status(), Some(0), "{}", host.log());
    works(&host, &folder, |command| second.says(&host, command));
    let left = tables(&host);
    assert!(both.iter().filter(|table| !first.contains(table)).all(|table| left.contains(table)), "{both:?} {left:?}");
}
