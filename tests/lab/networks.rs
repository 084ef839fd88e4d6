//! A host with networks and sandboxes, made by the real daemon at the real command line, and a world outside of it.
//!
//! The host is a [`House`]. `outside` is a namespace one veth away, where the host's default routes lead, and which has none back:
//! what reaches it with an address that it does not know shows so by its source.

#![allow(dead_code, reason = "each test file uses its part")]

#[path = "crafted.rs"]
pub(crate) mod crafted;
#[path = "../support/house.rs"]
pub(crate) mod house;

use house::House;
use lanloom_switch_core::EgressFate;
use lanloom_switch_io::buffer::Batch;
use lanloom_switch_io::link::Link;
use lanloom_switch_io::link::packet::Packet;
use lanloom_switch_io::vnet::VnetHeader;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::ops::{Deref, DerefMut};
use std::process::Child;
use std::time::Duration;

/// The arguments of a daemon that keeps its state in the house.
pub(crate) const STATE: [&str; 2] = ["--state-dir", "STATE"];
/// Time in which an answer that is not to come would have come a hundred times.
pub(crate) const SILENCE: Duration = Duration::from_millis(500);
/// The host's addresses outside.
pub(crate) const HOST: [IpAddr; 2] = [v4(1), v6(1)];
/// The addresses of the world outside.
pub(crate) const OUTSIDE: [IpAddr; 2] = [v4(2), v6(2)];
/// The name of its namespace.
pub(crate) const WORLD: &str = "outside";

const fn v4(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))
}

const fn v6(last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last))
}

/// A house with a world outside.
pub(crate) struct Networks(House);

impl Deref for Networks {
    type Target = House;

    fn deref(&self) -> &House {
        &self.0
    }
}

impl DerefMut for Networks {
    fn deref_mut(&mut self) -> &mut House {
        &mut self.0
    }
}

/// Flushes the host's rules, faster than the daemon puts them back.
pub(crate) struct Flushing(Child);

impl Drop for Flushing {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Networks {
    /// One with a daemon, or `None` where there are no rights for it.
    pub(crate) fn new() -> Option<Self> {
        let mut networks = Self::without_daemon()?;
        networks.start_daemon(&STATE);
        Some(networks)
    }

    /// One whose firewall somebody else may set up first.
    pub(crate) fn without_daemon() -> Option<Self> {
        let networks = Self(House::new()?);
        networks.script(
            "mkdir -p /etc/netns && mount -t tmpfs none /etc/netns
             ip netns add outside
             ip link add up0 type veth peer name up1 netns outside
             ip link set up0 addrgenmode none; ip address add fe80::1/64 dev up0 nodad
             ip -n outside link set up1 addrgenmode none; ip -n outside address add fe80::2/64 dev up1 nodad
             ip address add 192.0.2.1/24 dev up0; ip address add 2001:db8::1/64 dev up0 nodad; ip link set up0 up
             ip -n outside link set lo up
             ip -n outside address add 192.0.2.2/24 dev up1; ip -n outside address add 2001:db8::2/64 dev up1 nodad
             ip -n outside link set up1 up
             ip route add default via 192.0.2.2; ip -6 route add default via 2001:db8::2",
        );
        let is_up = |words: &str| networks.sh(words).contains("<BROADCAST,MULTICAST,UP,LOWER_UP>");
        networks.wait_for("the world outside", || {
            is_up("ip -brief link show dev up0") && is_up("ip -n outside -brief link show dev up1")
        });
        Some(networks)
    }

    /// Runs a script in the host; its output. Fails if a command of it fails.
    pub(crate) fn script(&self, text: &str) -> String {
        let output = self.command(&["sh", "-e", "-c", text]).output().expect("a shell");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}\n{out}{err}\nthe daemon's log:\n{}", self.log());
        out.into_owned()
    }

    /// From now on somebody flushes all rules of the host's again and again, until that is dropped.
    pub(crate) fn flushing(&self) -> Flushing {
        let script = "while nft flush ruleset; do sleep 0.02; done";
        Flushing(self.command(&["sh", "-c", script]).spawn().expect("a shell"))
    }

    /// Makes the network `n{number}` of both families with [`Seat`]'s subnets; its gateway's interface is `gw{number}`.
    pub(crate) fn network(&self, number: u8, options: &str) {
        let name = format!("-o com.docker.network.bridge.name=gw{number}");
        let pools = format!("--subnet 10.81.{number}.0/24 --ipv6 --subnet fd81:{number}::/64");
        self.says(format!("network create n{number} {pools} {name} {options}").trim());
    }

    /// Makes a sandbox with an endpoint on the network of each of its seats.
    pub(crate) fn sandbox(&self, name: &str, seats: &[Seat], options: &str) {
        let on = |seat: &Seat| {
            let (v4, v6, mac) = (seat.v4(), seat.v6(), seat.mac_text());
            format!("--network n{}:ip={v4},ip6={v6},mac={mac}", seat.network)
        };
        let networks: Vec<_> = seats.iter().map(on).collect();
        let words = [&["sandbox".to_owned(), "create".to_owned(), name.to_owned()], &networks[..]].concat().join(" ");
        self.says(format!("{words} {options}").trim());
    }

    /// Connects a sandbox to the network of a seat, with these flags besides.
    pub(crate) fn connect(&self, name: &str, seat: Seat, flags: &str) {
        let (v4, v6, mac) = (seat.v4(), seat.v6(), seat.mac_text());
        self.says(format!("network connect n{} {name} --ip {v4} --ip6 {v6} --mac {mac} {flags}", seat.network).trim());
    }

    /// A station on an interface of a sandbox, or of any other namespace of the house.
    pub(crate) fn wire(&self, netns: &str, ifname: &str) -> Wire {
        let packet = self.inside(netns, || Packet::open(ifname)).expect("a packet socket");
        Wire { packet: Box::new(packet), batch: Box::new(Batch::new(64)) }
    }

    /// Pings until it is answered.
    pub(crate) fn reaches(&self, from: &str, to: impl Into<IpAddr>) {
        self.says(&format!("sandbox ping {from} {} -c 1 -W 20", to.into()));
    }

    /// Whether an echo request is answered.
    pub(crate) fn answers(&self, from: &str, to: impl Into<IpAddr>) -> bool {
        self.lanloom(&format!("sandbox ping {from} {} -c 1 -W {}", to.into(), SILENCE.as_secs_f64())).status.success()
    }

    /// The source that datagrams from a sandbox have when they come to an address outside, waited for; `None` if none comes.
    pub(crate) fn source_outside(&self, from: &str, to: IpAddr) -> Option<IpAddr> {
        self.source_of_any(60, from, to)
    }

    /// The same of one that is not to come.
    pub(crate) fn escapes(&self, from: &str, to: IpAddr) -> Option<IpAddr> {
        self.source_of_any(2, from, to)
    }

    /// Sends as many datagrams as it takes, one each [`SILENCE`].
    fn source_of_any(&self, tries: usize, from: &str, to: IpAddr) -> Option<IpAddr> {
        let server = self.inside(WORLD, || UdpSocket::bind((to, 0))).expect("a socket outside");
        server.set_read_timeout(Some(SILENCE)).expect("a timeout");
        let there = server.local_addr().expect("an address");
        let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let client = self.inside(from, || UdpSocket::bind((any, 0))).expect("a socket in the sandbox");
        (0..tries).find_map(|_| {
            // One without a route says so here.
            let _ = client.send_to(b"where from", there);
            server.recv_from(&mut [0; 64]).ok().map(|(_, source)| source.ip())
        })
    }

    /// How many frames that came in on a port were dropped for a reason.
    pub(crate) fn dropped(&self, switch: &str, port: &str, reason: &str) -> u64 {
        let counters = self.json(&format!("counters {switch}"));
        let ports = counters["ports"].as_array().expect("a list");
        let found = ports.iter().find(|one| one["port"] == port).unwrap_or_else(|| panic!("no {port} in {counters}"));
        found["drops"][reason].as_u64().unwrap_or_default()
    }

    /// The hardware address of an interface of the host's.
    pub(crate) fn mac_of(&self, ifname: &str) -> [u8; 6] {
        let line = self.sh(&format!("ip -brief link show dev {ifname}"));
        let text = line.split_whitespace().nth(2).expect("name, state, address");
        let mut octets = text.split(':').map(|digits| u8::from_str_radix(digits, 16).expect("a byte"));
        std::array::from_fn(|_| octets.next().expect("six bytes"))
    }
}

/// Where an endpoint is, and what it has therefore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) network: u8,
    pub(crate) number: u8,
}

impl Seat {
    pub(crate) const fn new(network: u8, number: u8) -> Self {
        Self { network, number }
    }

    /// The gateway's, which has addresses but a hardware address of its own.
    pub(crate) const fn gateway(network: u8) -> Self {
        Self::new(network, 1)
    }

    pub(crate) fn v4(self) -> Ipv4Addr {
        Ipv4Addr::new(10, 81, self.network, self.number)
    }

    pub(crate) fn v6(self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd81, self.network.into(), 0, 0, 0, 0, 0, self.number.into())
    }

    pub(crate) fn addresses(self) -> [IpAddr; 2] {
        [self.v4().into(), self.v6().into()]
    }

    pub(crate) fn mac(self) -> [u8; 6] {
        [0x02, 0x4c, 0x4c, 0x81, self.network, self.number]
    }

    pub(crate) fn mac_text(self) -> String {
        mac_text(self.mac())
    }

    /// The solicited-node group of its IPv6 address (RFC 4291, 2.7.1).
    pub(crate) fn group(self) -> Ipv6Addr {
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, self.number.into())
    }
}

/// A hardware address as it is written.
pub(crate) fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// Whether these bytes are somewhere in a frame.
pub(crate) fn holds(frame: &[u8], bytes: &[u8]) -> bool {
    frame.windows(bytes.len()).any(|at| at == bytes)
}

/// A station that sends frames as they are, beside the network stack of its namespace, and sees all that come in.
pub(crate) struct Wire {
    packet: Box<Packet>,
    batch: Box<Batch>,
}

impl Wire {
    /// Sends a frame that the interface must take.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        assert_eq!(self.offer(frame), EgressFate::Sent, "{frame:02x?}");
    }

    /// Sends a frame if the interface takes it.
    pub(crate) fn offer(&mut self, frame: &[u8]) -> EgressFate {
        self.batch.clear();
        assert!(self.batch.push_copy(frame, VnetHeader::default()), "a frame of {} bytes", frame.len());
        let mut fates = Vec::new();
        self.packet.send(&mut self.batch, &[0], &mut fates);
        fates[0]
    }

    /// All that has come in by now.
    pub(crate) fn frames(&mut self) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        loop {
            self.batch.clear();
            self.packet.recv(&mut self.batch).expect("the interface");
            if self.batch.is_empty() {
                return seen;
            }
            seen.extend((0..self.batch.len()).map(|frame| self.batch.bytes(frame).to_vec()));
        }
    }
}
