//! What tests of a daemon's life need: a host with a world outside, what the daemon says of its networks and what the kernel
//! shows of them, and talk between sandboxes that goes on whatever becomes of the daemon.

#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../support/house.rs"]
pub(crate) mod house;

use house::{House, PATIENCE};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) const STATE: [&str; 2] = ["--state-dir", "STATE"];
/// Where the host's default route leads, by the interface `up0`.
pub(crate) const OUTSIDE: &str = "192.0.2.2";

/// A host that reaches a machine `outside`; without a daemon yet.
pub(crate) fn with_world() -> Option<House> {
    let house = House::new()?;
    for words in [
        "netns add outside",
        "link add up0 type veth peer name up1 netns outside",
        "address add 192.0.2.1/24 dev up0",
        "link set up0 up",
        "-n outside address add 192.0.2.2/24 dev up1",
        "-n outside link set up1 up",
        "-n outside link set lo up",
        "route add default via 192.0.2.2",
    ] {
        house.sh(&format!("ip {words}"));
    }
    // That it had to be switched on would be noted where it was, and not after the next start.
    set(&house, "ipv6/conf/all/forwarding", "1");
    Some(house)
}

/// The same with a daemon that was told all of this; `None` where there is no `nft` or no right to it.
pub(crate) fn furnished(commands: &[&str]) -> Option<House> {
    if !house::has("nft") {
        return None;
    }
    let mut house = with_world()?;
    house.start_daemon(&STATE);
    commands.iter().for_each(|words| drop(house.says(words)));
    Some(house)
}

/// Sets something of the host's network.
pub(crate) fn set(house: &House, name: &str, value: &str) {
    let script = format!("echo {value} > /proc/sys/net/{name}");
    assert!(house.command(&["sh", "-c", &script]).status().expect("it runs").success(), "{script}");
}

/// How a daemon ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Asked,
    Killed,
}

pub(crate) fn end(house: &mut House, how: End) {
    let (signal, status) = match how {
        End::Asked => (Signal::SIGTERM, Some(0)),
        End::Killed => (Signal::SIGKILL, None),
    };
    house.signal(signal);
    assert_eq!(house.daemon_status(), status, "the daemon's log:\n{}", house.log());
}

/// Where the kernel shows the daemon's process, which nobody else has this state with.
pub(crate) fn daemon(house: &House) -> PathBuf {
    let state = house.path("state").display().to_string();
    let is_it = |process: &PathBuf| {
        let line = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&b"daemon".as_slice()) && words.contains(&state.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").expect("proc").flatten().map(|entry| entry.path());
    processes.into_iter().find(is_it).expect("it runs")
}

/// Runs a command in a sandbox with the files that were written for it; what it printed. Fails if it failed.
pub(crate) fn exec(house: &House, sandbox: &str, words: &str) -> String {
    house.says(&format!("sandbox exec {sandbox} -- {words}"))
}

/// All that the daemon says of networks, endpoints and sandboxes, by `kind/name`, each without what it says of the others, and
/// without the ports that a name server happened to get.
pub(crate) fn said(house: &House) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for name in names(&house.json("network ls"), "Name") {
        let mut network = house.json(&format!("network inspect {name}"))[0].take();
        blank(&mut network, &["Containers"]);
        blank(&mut network["Lanloom"], &["endpoints", "in_use"]);
        all.insert(format!("network/{name}"), network);
    }
    for name in names(&house.json("sandbox ls"), "name") {
        let mut sandbox = house.json(&format!("sandbox inspect {name}"))[0].take();
        blank(&mut sandbox, &["endpoints", "dns_server", "gateway_v4", "gateway_v6"]);
        all.insert(format!("sandbox/{name}"), sandbox);
    }
    for endpoint in house.json("endpoint ls").as_array_mut().expect("a list") {
        blank(endpoint, &["is_gateway_v4", "is_gateway_v6"]);
        all.insert(format!("endpoint/{}/{}", text(&endpoint["network"]), text(&endpoint["name"])), endpoint.take());
    }
    all
}

/// The whole of what `inspect` shows, line by line, but for the ports that name servers happened to get.
pub(crate) fn shown(house: &House) -> Vec<String> {
    let networks = names(&house.json("network ls"), "Name").join(" ");
    let sandboxes = names(&house.json("sandbox ls"), "name").join(" ");
    let mut sandboxes = house.json(&format!("sandbox inspect {sandboxes}"));
    for sandbox in sandboxes.as_array_mut().expect("a list") {
        assert!(text(&sandbox["dns_server"]).contains("127.0.0.11"), "{sandbox}");
        blank(sandbox, &["dns_server"]);
    }
    let all = serde_json::json!([house.json(&format!("network inspect {networks}")), sandboxes]);
    serde_json::to_string_pretty(&all).expect("JSON").lines().map(str::to_owned).collect()
}

/// Fails with the lines that differ.
pub(crate) fn assert_alike(is: &[String], was: &[String], when: &str) {
    let among =
        |lines: &[String], others: &[String]| lines.iter().filter(|line| !others.contains(line)).cloned().collect::<Vec<_>>();
    assert!(is == was, "{when}: now {:#?}, before {:#?}", among(is, was), among(was, is));
}

fn blank(object: &mut Value, keys: &[&str]) {
    for key in keys {
        object.get_mut(key).unwrap_or_else(|| panic!("there is no {key}")).take();
    }
}

fn names(list: &Value, key: &str) -> Vec<String> {
    list.as_array().expect("a list").iter().map(|one| text(&one[key])).collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// What the kernel has of a sandbox: its interfaces by name with hardware and IP addresses, and its routes.
pub(crate) fn inside(house: &House, sandbox: &str) -> Vec<String> {
    let links: Value = serde_json::from_str(&house.sh(&format!("ip -n {sandbox} -json address"))).expect("JSON");
    let mut lines: Vec<String> = Vec::new();
    for link in links.as_array().expect("a list") {
        let (name, mac) = (text(&link["ifname"]), text(&link["address"]));
        lines.push(format!("{name} {mac}"));
        for address in link["addr_info"].as_array().expect("a list") {
            lines.push(format!("{name} {}/{}", text(&address["local"]), address["prefixlen"]));
        }
    }
    for family in ["-4", "-6"] {
        // Without its switch an interface has no carrier, and says so beside each of its routes.
        let routes = house.sh(&format!("ip -n {sandbox} {family} route"));
        lines.extend(routes.lines().map(|line| line.replace(" linkdown", "").trim().to_owned()));
    }
    lines.sort();
    lines
}

/// All of ours that is on the host, and all that the daemon's word says should be.
pub(crate) fn leaks(house: &House) -> Vec<String> {
    let (is, should) = (found(house), expected(house));
    let left = is.difference(&should).map(|what| format!("left behind: {what}"));
    left.chain(should.difference(&is).map(|what| format!("missing: {what}"))).collect()
}

fn found(house: &House) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for name in house.interfaces().into_iter().filter(|name| !["lo", "up0"].contains(&&**name)) {
        let addresses: Value = serde_json::from_str(&house.sh(&format!("ip -json address show dev {name}"))).expect("JSON");
        for address in addresses[0]["addr_info"].as_array().expect("a list") {
            if address["scope"] == "global" {
                found.insert(format!("address {}/{} on {name}", text(&address["local"]), address["prefixlen"]));
            }
        }
        found.insert(format!("link {name}"));
    }
    let list = |folder: &str| house.sh(&format!("ls -1 {folder}")).lines().map(str::to_owned).collect::<Vec<_>>();
    for name in list("/run/netns").into_iter().filter(|name| name != "outside") {
        let is_given = |line: &&String| line.starts_with("eth") && !line.contains(" fe80:");
        for line in inside(house, &name).iter().filter(is_given) {
            found.insert(format!("in {name}: {line}"));
        }
        found.insert(format!("namespace {name}"));
    }
    found.extend(list("/etc/netns").into_iter().map(|name| format!("files of {name}")));
    let copies = house.path("state.sandboxes");
    if copies.exists() {
        found.extend(house::files(&copies).into_iter().map(|id| format!("copies for {id}")));
    }
    let tables = house.sh("nft list tables");
    found.extend(tables.lines().filter(|line| line.contains("lanloom")).map(|_| "tables of nft".to_owned()));
    found
}

fn expected(house: &House) -> BTreeSet<String> {
    let mut expected = BTreeSet::new();
    let networks = house.json("network ls");
    for network in networks.as_array().expect("a list") {
        if network["Driver"] != "bridge" || network["Lanloom"]["state"] == "dormant" {
            continue;
        }
        expected.insert("tables of nft".to_owned());
        let link = format!("ll-{}", &text(&network["Id"])[..12]);
        for pool in network["IPAM"]["Config"].as_array().expect("pools") {
            let length = text(&pool["Subnet"]).split_once('/').expect("a subnet").1.to_owned();
            expected.insert(format!("address {}/{length} on {link}", text(&pool["Gateway"])));
        }
        expected.insert(format!("link {link}"));
    }
    for sandbox in house.json("sandbox ls").as_array().expect("a list") {
        let name = text(&sandbox["name"]);
        expected.insert(format!("namespace {name}"));
        expected.insert(format!("files of {name}"));
        expected.insert(format!("copies for {}", text(&sandbox["id"])));
        for endpoint in sandbox["endpoints"].as_array().expect("a list") {
            let ifname = text(&endpoint["ifname"]);
            expected.insert(format!("in {name}: {ifname} {}", text(&endpoint["mac"])));
            for address in endpoint["addresses"].as_array().expect("a list") {
                expected.insert(format!("in {name}: {ifname} {}", text(address)));
            }
        }
    }
    expected
}

/// An address of a sandbox on a network, without its prefix length. That of IPv6 holds a colon.
pub(crate) fn address(house: &House, network: &str, sandbox: &str, is_wanted: impl Fn(&str) -> bool) -> String {
    let endpoint = house.json(&format!("endpoint inspect {network}/{sandbox}"))[0].take();
    let addresses = endpoint["addresses"].as_array().expect("a list").iter().map(text);
    let bare = addresses.map(|address| address.split_once('/').expect("a length").0.to_owned());
    bare.into_iter().find(|address| is_wanted(address)).unwrap_or_else(|| panic!("none in {endpoint}"))
}

pub(crate) fn v4(house: &House, network: &str, sandbox: &str) -> String {
    address(house, network, sandbox, |address| !address.contains(':'))
}

/// Talk over one connection or by datagrams, one round after the other, until it is dropped.
pub(crate) struct Talk {
    pub(crate) what: String,
    rounds: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

const NAP: Duration = Duration::from_millis(5);

impl Talk {
    /// Over a TCP connection that is made once: if it breaks, there are no rounds any more.
    pub(crate) fn tcp(house: &House, from: &str, to: &str, address: &str) -> Self {
        let address = address.parse().expect("an address");
        let listener = house.inside(to, || TcpListener::bind(SocketAddr::new(address, 0)).expect("bound"));
        let port = listener.local_addr().expect("bound").port();
        let here = house.inside(from, || {
            TcpStream::connect_timeout(&(address, port).into(), PATIENCE)
                .unwrap_or_else(|error| panic!("{from} to {to}: {error}"))
        });
        let there = listener.accept().expect("connected").0;
        for stream in [&here, &there] {
            stream.set_nodelay(true).expect("set");
            stream.set_read_timeout(Some(PATIENCE)).expect("set");
        }
        let (mut talk, ended) = Self::new(format!("TCP from {from} to {to}"));
        let rounds = Arc::clone(&talk.rounds);
        talk.threads.push(std::thread::spawn(move || {
            let (mut here, mut there) = (&here, &there);
            let mut round = || -> std::io::Result<bool> {
                let number = rounds.load(Ordering::Relaxed) + 1;
                let (mut once, mut twice) = ([0; 8], [0; 8]);
                here.write_all(&number.to_be_bytes())?;
                there.read_exact(&mut once)?;
                there.write_all(&once)?;
                here.read_exact(&mut twice)?;
                rounds.store(number, Ordering::Relaxed);
                Ok(u64::from_be_bytes(twice) == number)
            };
            while !ended.load(Ordering::Relaxed) && matches!(round(), Ok(true)) {
                std::thread::sleep(NAP);
            }
        }));
        talk
    }

    /// By UDP, an echo for a datagram; what is lost is sent again.
    pub(crate) fn udp(house: &House, from: &str, to: &str, address: &str) -> Self {
        let address: std::net::IpAddr = address.parse().expect("an address");
        let open = |netns: &str, to: Option<SocketAddr>| {
            house.inside(netns, || {
                let at = SocketAddr::new(if to.is_none() { address } else { any(address) }, 0);
                let socket = UdpSocket::bind(at).expect("bound");
                to.into_iter().for_each(|to| socket.connect(to).expect("connected"));
                socket.set_read_timeout(Some(NAP * 2)).expect("set");
                socket
            })
        };
        let there = open(to, None);
        let here = open(from, Some(there.local_addr().expect("bound")));
        let (mut talk, ended) = Self::new(format!("UDP from {from} to {to}"));
        let echo_ended = Arc::clone(&ended);
        talk.threads.push(std::thread::spawn(move || {
            let mut bytes = [0; 8];
            while !echo_ended.load(Ordering::Relaxed) {
                if let Ok((length, from)) = there.recv_from(&mut bytes) {
                    let _ = there.send_to(&bytes[..length], from);
                }
            }
        }));
        let rounds = Arc::clone(&talk.rounds);
        talk.threads.push(std::thread::spawn(move || {
            let (mut sent, mut bytes) = (0_u64, [0; 8]);
            while !ended.load(Ordering::Relaxed) {
                sent += 1;
                let _ = here.send(&sent.to_be_bytes());
                while here.recv(&mut bytes).is_ok_and(|length| length == 8) {
                    if u64::from_be_bytes(bytes) == sent {
                        rounds.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                }
            }
        }));
        talk
    }

    fn new(what: String) -> (Self, Arc<AtomicBool>) {
        let ended = Arc::new(AtomicBool::new(false));
        (Self { what, rounds: Arc::default(), ended: Arc::clone(&ended), threads: Vec::new() }, ended)
    }

    /// From now on, while nobody carries anything: how long it takes until something is.
    pub(crate) fn next_round(&self) -> JoinHandle<Duration> {
        let (start, rounds) = (Instant::now(), Arc::clone(&self.rounds));
        let before = rounds.load(Ordering::Relaxed);
        std::thread::spawn(move || {
            while rounds.load(Ordering::Relaxed) == before && start.elapsed() < PATIENCE * 10 {
                std::thread::sleep(Duration::from_millis(1));
            }
            start.elapsed()
        })
    }

    /// Waits for a whole round that begins from now on, and says how long that took.
    pub(crate) fn goes_on(&self, house: &House) -> Duration {
        let (start, before) = (Instant::now(), self.rounds.load(Ordering::Relaxed));
        // The first to end may have begun before.
        while self.rounds.load(Ordering::Relaxed) < before + 2 {
            assert!(start.elapsed() < PATIENCE, "{} stands still; the daemon's log:\n{}", self.what, house.log());
            std::thread::sleep(Duration::from_millis(1));
        }
        start.elapsed()
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // A round that waits in vain ends by its own deadline; nothing needs its end.
        self.threads.clear();
    }
}

fn any(like: std::net::IpAddr) -> std::net::IpAddr {
    if like.is_ipv4() { std::net::Ipv4Addr::UNSPECIFIED.into() } else { std::net::Ipv6Addr::UNSPECIFIED.into() }
}

/// Numbers that follow from a seed (SplitMix64).
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// From `LANLOOM_SEED`, or another each time; printed, so that it can be given again.
    pub(crate) fn printed() -> Self {
        let seed = std::env::var("LANLOOM_SEED").ok().and_then(|text| text.parse().ok());
        let now = || std::time::UNIX_EPOCH.elapsed().map_or(1, |since| since.subsec_nanos().into());
        let seed: u64 = seed.unwrap_or_else(now);
        println!("LANLOOM_SEED={seed}");
        Self(seed)
    }

    /// One below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
    }
}
