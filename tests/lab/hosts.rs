//! Two hosts, each with a daemon of its own, and the network between them that overlays pass.

#![allow(dead_code, reason = "each test file uses its part")]

#[path = "../support/house.rs"]
pub(crate) mod house;

use house::House;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Output;

/// How a daemon keeps its state in its house.
pub(crate) const STATE: [&str; 2] = ["--state-dir", "STATE"];

/// The interface of each host in the network between them.
pub(crate) const UNDER: &str = "under0";

/// Their addresses there.
pub(crate) const V4: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
pub(crate) const V6: [&str; 2] = ["2001:db8::1", "2001:db8::2"];

/// Bytes of a transfer: so many that they go in super-frames, and that none is lost unseen.
const TRANSFER: usize = 4 << 20;

/// The two, joined by a veth pair.
pub(crate) struct Hosts {
    pub(crate) both: [House; 2],
}

impl Hosts {
    /// With an MTU between them in bytes; `None` where there are no rights for it.
    pub(crate) fn new(mtu: u32) -> Option<Self> {
        let (one, two) = (House::new()?, House::new()?);
        let other = two.holder();
        one.sh(&format!("ip link add {UNDER} mtu {mtu} type veth peer name {UNDER} mtu {mtu} netns {other}"));
        let mut hosts = Self { both: [one, two] };
        for (at, host) in hosts.both.iter_mut().enumerate() {
            host.sh(&format!("ip address add {}/24 dev {UNDER}", V4[at]));
            host.sh(&format!("ip address add {}/64 dev {UNDER} nodad", V6[at]));
            host.sh(&format!("ip link set {UNDER} up"));
            host.start_daemon(&STATE);
        }
        Some(hosts)
    }

    /// Makes a network on both: each with the other as its peer, and a range of its own within 10.90.0.0/24.
    pub(crate) fn overlay(&self, name: &str, underlay: [&str; 2], options: &str) {
        for (at, host) in self.both.iter().enumerate() {
            let peer = underlay[1 - at];
            let range = ["10.90.0.0/25", "10.90.0.128/25"][at];
            let own = format!("-o lanloom.peers={peer} --subnet 10.90.0.0/24 --ip-range {range}");
            host.says(format!("network create {name} -d overlay {own} {options}").trim());
        }
    }

    /// A sandbox on each, of the host's own number, and their IPv4 addresses.
    pub(crate) fn sandboxes(&self, network: &str) -> [IpAddr; 2] {
        for (name, host) in ["a", "b"].into_iter().zip(&self.both) {
            host.says(&format!("sandbox create {name} --network {network}"));
        }
        [address(&self.both[0], "a", network, "IPv4Address"), address(&self.both[1], "b", network, "IPv4Address")]
    }

    /// That sandbox `a` of the first and `b` of the second reach each other.
    pub(crate) fn reach(&self, [a, b]: [IpAddr; 2]) {
        self.both[0].ping("a", &b.to_string());
        self.both[1].ping("b", &a.to_string());
    }

    /// Whether an address answers a sandbox of one of the two, asked once.
    pub(crate) fn answers(&self, host: usize, sandbox: &str, to: IpAddr) -> bool {
        let words = format!("ip netns exec {sandbox} ping -n -c 1 -w 1 {to}");
        self.both[host].command(&words.split(' ').collect::<Vec<_>>()).output().expect("it runs").status.success()
    }

    /// Pings once with that much payload, unfragmented.
    pub(crate) fn ping_of(&self, to: IpAddr, payload: u32) -> Output {
        let words = format!("ip netns exec a ping -n -c 1 -w 5 -M do -s {payload} {to}");
        self.both[0].command(&words.split(' ').collect::<Vec<_>>()).output().expect("it runs")
    }

    /// Sends bytes over TCP from `a` of the first to `b` of the second, and compares what comes.
    pub(crate) fn transfer(&self, to: IpAddr) {
        let listener = self.both[1].inside("b", || TcpListener::bind(SocketAddr::new(to, 5001)).expect("an address"));
        let sent: Vec<u8> = (0..TRANSFER).map(|at| (at % 251) as u8).collect();
        let mut stream = self.both[0]
            .inside("a", || TcpStream::connect_timeout(&SocketAddr::new(to, 5001), house::PATIENCE).expect("it answers"));
        let received = std::thread::scope(|scope| {
            let receiver = scope.spawn(move || {
                let (mut stream, _) = listener.accept().expect("who connected");
                stream.set_read_timeout(Some(house::PATIENCE)).expect("set");
                let mut received = Vec::new();
                stream.read_to_end(&mut received).expect("all of it");
                received
            });
            stream.set_write_timeout(Some(house::PATIENCE)).expect("set");
            stream.write_all(&sent).expect("all of it");
            drop(stream);
            receiver.join().expect("received")
        });
        assert!(received == sent, "{} bytes came of {TRANSFER}, or others", received.len());
    }
}

/// The address of a sandbox on a network, without its prefix length.
pub(crate) fn address(host: &House, sandbox: &str, network: &str, key: &str) -> IpAddr {
    let shown = inspect(host, network);
    let members = shown["Containers"].as_object().expect("members");
    let member = members.values().find(|member| member["Name"] == sandbox).expect("it is on it");
    let net = member[key].as_str().expect("an address");
    net.split('/').next().expect("an address").parse().expect("an address")
}

pub(crate) fn inspect(host: &House, network: &str) -> Value {
    host.json(&format!("network inspect {network}"))[0].clone()
}
