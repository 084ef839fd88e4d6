//! Five hosts, each with a daemon of its own, on an underlay that is a switch of ours with a daemon too: overlays between all of them,
//! a host that dies and comes back, and many overlays at once.
//!
//! With `LANLOOM_FULL` set there are a hundred overlays, else twenty. Needs root, `ip` (iproute2) and `ping` (iputils).
//!
//! Linux holds 1,024 neighbours for all namespaces together, and no test may change that: so sandboxes are told of each other for
//! good, which does not count there, and only some have to ask.

#[path = "support/house.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod house;
#[path = "lab/pinger.rs"]
mod pinger;

use house::House;
use nix::sys::signal::Signal;
use pinger::Pinger;
use std::net::Ipv4Addr;
use std::time::Instant;

const HOSTS: u8 = 5;
/// Sandboxes on each.
const SANDBOXES: u8 = 10;
const STATE: [&str; 2] = ["--state-dir", "STATE"];

/// The hosts, and the switch that is their underlay.
struct Five {
    hosts: Vec<House>,
    /// Dropped last.
    _underlay: House,
}

/// A host's address on the underlay.
fn under(host: u8) -> String {
    format!("10.8.0.{}", host + 1)
}

/// The other hosts' addresses, as `lanloom.peers` takes them.
fn peers_of(host: u8) -> String {
    (0..HOSTS).filter(|other| *other != host).map(under).collect::<Vec<_>>().join(",")
}

/// The address of a sandbox: each host gives those of its own range.
fn inside(host: u8, number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 90, host, number + 1)
}

impl Five {
    fn new() -> Option<Self> {
        let mut underlay = House::new()?;
        underlay.start_daemon(&STATE);
        underlay.says("switch create cable");
        let mut hosts = Vec::new();
        for number in 0..HOSTS {
            let mut host = House::new()?;
            underlay.says(&format!("port add cable veth://under0?netns=/proc/{}/ns/net --name h{number}", host.holder()));
            host.sh(&format!("ip address add {}/24 dev under0", under(number)));
            host.start_daemon(&STATE);
            hosts.push(host);
        }
        Some(Self { hosts, _underlay: underlay })
    }

    /// Makes an overlay of all hosts.
    fn overlay(&self, name: &str, subnet: u8) {
        for (number, host) in (0..HOSTS).zip(&self.hosts) {
            let range = format!("--subnet 10.{subnet}.0.0/16 --ip-range 10.{subnet}.{number}.0/24");
            host.says(&format!("network create {name} -d overlay -o lanloom.peers={} {range}", peers_of(number)));
        }
    }
}

/// The name of a sandbox.
fn sandbox(number: u8) -> String {
    format!("s{number}")
}

#[test]
fn all_of_ten_sandboxes_on_each_of_five_hosts_reach_all_others_and_a_host_that_dies_comes_back() {
    let Some(mut five) = Five::new() else { return };
    five.overlay("web", 90);
    for (number, host) in (0..HOSTS).zip(&five.hosts) {
        for one in 0..SANDBOXES {
            let place = inside(number, one);
            host.says(&format!("sandbox create {} --network web:ip={place},mac={}", sandbox(one), mac(place)));
        }
    }
    // Some have to ask: each host's first of the next one's, before it is told.
    for (number, host) in (0..HOSTS).zip(&five.hosts) {
        host.ping(&sandbox(0), &inside((number + 1) % HOSTS, 0).to_string());
    }
    let all: Vec<Ipv4Addr> = (0..HOSTS).flat_map(|host| (0..SANDBOXES).map(move |one| inside(host, one))).collect();
    let lines = all.iter().map(|place| format!("neigh replace {place} lladdr {} dev eth0 nud permanent\n", mac(*place)));
    let lines: String = lines.collect();
    let mut pingers = Vec::new();
    for (number, host) in (0..HOSTS).zip(&five.hosts) {
        std::fs::write(host.path("neighbours"), &lines).expect("written");
        for one in 0..SANDBOXES {
            host.sh(&format!("ip -n {} -batch {}", sandbox(one), host.path("neighbours").display()));
            pingers.push((inside(number, one), Pinger::open(host, &sandbox(one))));
        }
    }
    let begin = Instant::now();
    let again: usize = pingers.iter().map(|(own, pinger)| pinger.ping_all(*own, &all, 7)).sum();
    println!("{} pairs in {:?}; asked again {again} times", pingers.len() * (pingers.len() - 1), begin.elapsed());

    // The last host's daemon dies: the others go on, and it is reached again once it is back.
    let last = usize::from(HOSTS - 1);
    five.hosts[last].signal(Signal::SIGKILL);
    five.hosts[last].daemon_status();
    let first = &pingers[0].1;
    let others = &all[..all.len() - usize::from(SANDBOXES)];
    first.ping_all(inside(0, 0), others, 8);
    assert!(!first.answers(inside(HOSTS - 1, 0), 9), "nobody carries its frames");
    five.hosts[last].start_patiently(&STATE, house::PATIENCE * 3);
    let begin = Instant::now();
    first.ping_all(inside(0, 0), &all, 10);
    println!("all of the host that came back answered after {:?}", begin.elapsed());
    for host in &five.hosts {
        let counters = host.json("counters web");
        let tunnel = counters["ports"]
            .as_array()
            .expect("a list")
            .iter()
            .find(|port| port["port"].as_str().is_some_and(|name| name.starts_with("_vxlan-")));
        let drops = &tunnel.expect("a tunnel")["drops"];
        for reason in ["vxlan_malformed", "vni_unknown", "peer_unknown", "spoofed"] {
            assert_eq!(drops[reason].as_u64().unwrap_or_default(), 0, "{drops}");
        }
    }
}

/// A hardware address that is the IP address's own.
fn mac(place: Ipv4Addr) -> String {
    let [one, two, three, four] = place.octets();
    format!("02:42:{one:02x}:{two:02x}:{three:02x}:{four:02x}")
}

#[test]
fn many_overlays_at_once_share_one_socket_a_host_and_stay_apart() {
    let Some(five) = Five::new() else { return };
    let count = if std::env::var_os("LANLOOM_FULL").is_some() { 100 } else { 20 };
    let begin = Instant::now();
    for number in 0..count {
        five.overlay(&format!("n{number}"), 100 + number);
    }
    println!("{count} overlays on {HOSTS} hosts in {:?}", begin.elapsed());
    let (one, other) = (&five.hosts[0], &five.hosts[3]);
    for number in [0, 1, count / 2, count - 1] {
        one.says(&format!("sandbox create a{number} --network n{number}:ip=10.{}.0.9", 100 + number));
        other.says(&format!("sandbox create b{number} --network n{number}:ip=10.{}.3.9", 100 + number));
    }
    for number in [0, 1, count / 2, count - 1] {
        one.ping(&format!("a{number}"), &format!("10.{}.3.9", 100 + number));
        other.ping(&format!("b{number}"), &format!("10.{}.0.9", 100 + number));
    }
    // With a route to another overlay's address by its own link, what it says there is not heard.
    one.sh("ip -n a0 route add 10.101.0.0/16 dev eth0");
    let words = "ip netns exec a0 ping -n -q -c 1 -W 0.5 10.101.3.9".split(' ').collect::<Vec<_>>();
    assert!(!one.command(&words).output().expect("it runs").status.success());
    let sockets = one.sh("ss -Hlun");
    assert_eq!(sockets.lines().filter(|line| line.contains(":4789")).count(), 1, "{sockets}");
    for number in 0..count {
        one.says(&format!("network inspect n{number}"));
    }
}
