//! Two machines with an underlay between them. Ours is a house with its daemon, where host `a` is on the switch `s`; the other is the
//! namespace `far` of the house, where somebody else's tunnel end stands, with host `b` behind it.

#![allow(dead_code, reason = "each test file uses its part")]

#[path = "site/far.rs"]
mod far;
#[path = "../support/house.rs"]
pub(crate) mod house;
#[path = "site/outside.rs"]
pub(crate) mod outside;
#[path = "site/stranger.rs"]
pub(crate) mod stranger;

use house::{House, PATIENCE};
use lanloom_switch_io::buffer::Batch;
use lanloom_switch_io::link::Link;
use lanloom_switch_io::link::packet::Packet;
use lanloom_switch_io::vnet::VnetHeader;
use serde_json::Value;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, RangeInclusive};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The network of both tunnel ends.
pub(crate) const VNI: u32 = 42;
/// The addresses of hosts `a` and `b`.
pub(crate) const A: &str = "10.1.0.1";
pub(crate) const B: &str = "10.1.0.2";
pub(crate) const A6: &str = "fd01::1";
pub(crate) const B6: &str = "fd01::2";
/// Time in which a frame that is not to come would have come a hundred times.
pub(crate) const SILENCE: Duration = Duration::from_millis(500);

/// What the underlay speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Underlay {
    V4,
    V6,
}

/// Our machine, the other, and what is between them.
pub(crate) struct Site {
    /// What runs on either machine besides the daemon; ended before the house goes.
    running: RefCell<Vec<Running>>,
    house: House,
    pub(crate) underlay: Underlay,
}

impl Deref for Site {
    type Target = House;

    fn deref(&self) -> &House {
        &self.house
    }
}

impl Site {
    /// Both machines, our daemon with its switch and host `a`; neither end of the tunnel. `None` where there are no rights for it.
    pub(crate) fn new(underlay: Underlay) -> Option<Self> {
        let mut house = House::new()?;
        house.start_daemon(&["--state-dir", "STATE"]);
        let site = Self { running: RefCell::default(), house, underlay };
        site.script(&format!(
            "ip netns add far; ip netns add b
             ip link add u1 type veth peer name u2 netns far
             ip address add {0}/{2} dev u1 {3}; ip link set u1 up
             ip -n far address add {1}/{2} dev u2 {3}; ip -n far link set u2 up; ip -n far link set lo up; ip -n b link set lo up
             ip netns exec far sh -c 'for file in /proc/sys/net/bridge/bridge-nf-call-*; do [ ! -e $file ] || echo 0 > $file; done'",
            site.local(),
            site.remote(),
            if underlay == Underlay::V4 { 24 } else { 64 },
            if underlay == Underlay::V4 { "" } else { "nodad" },
        ));
        site.says("switch create s");
        site.add_host("a", A, A6);
        Some(site)
    }

    /// A host on our switch.
    pub(crate) fn add_host(&self, name: &str, v4: &str, v6: &str) {
        self.sh(&format!("ip netns add {name}"));
        self.says(&format!("port add s tap://eth0?netns={name}&mtu={} --name {name}", self.mtu()));
        self.sh(&format!("ip -n {name} address add {v4}/24 dev eth0"));
        self.sh(&format!("ip -n {name} address add {v6}/64 dev eth0 nodad"));
    }

    /// From now on both machines' kernels cut super-frames and finish checksums before the underlay, as they do for an interface of
    /// plain hardware; between namespaces they would not.
    pub(crate) fn cut_outside(&self) {
        self.sh("ethtool -K u1 tx off tso off gso off");
        self.sh("ip netns exec far ethtool -K u2 tx off tso off gso off");
    }

    /// Our end of the tunnel, with the other as its peer and these keys besides (`&tos=inherit`).
    pub(crate) fn tunnel(&self, keys: &str) {
        self.add_tunnel(&format!("vxlan://{VNI}?local={}&remote={}{keys}", self.local(), self.remote()));
    }

    /// Our end of a tunnel, which must come up.
    pub(crate) fn add_tunnel(&self, url: &str) {
        self.says(&format!("port add s {url} --name vx"));
        self.wait_for("the tunnel to be up", || self.port("vx")["state"] == "up");
    }

    /// Our address on the underlay.
    pub(crate) fn local(&self) -> IpAddr {
        self.at(1)
    }

    /// The other machine's.
    pub(crate) fn remote(&self) -> IpAddr {
        self.at(2)
    }

    /// An address on the underlay.
    pub(crate) fn at(&self, number: u8) -> IpAddr {
        match self.underlay {
            Underlay::V4 => Ipv4Addr::new(10, 8, 0, number).into(),
            Underlay::V6 => Ipv6Addr::new(0xfd08, 0, 0, 0, 0, 0, 0, number.into()).into(),
        }
    }

    /// What the underlay leaves inside.
    pub(crate) fn mtu(&self) -> u32 {
        match self.underlay {
            Underlay::V4 => 1450,
            Underlay::V6 => 1430,
        }
    }

    /// Runs a script in our machine; its output. Fails if a command of it fails.
    pub(crate) fn script(&self, text: &str) -> String {
        let output = self.command(&["sh", "-e", "-c", text]).output().expect("a shell");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{text}\n{out}{err}\nthe daemon's log:\n{}", self.log());
        out.into_owned()
    }

    /// Starts a program in a namespace. It ends with this site, and whatever becomes of this process.
    fn start(&self, netns: &str, words: &str) {
        let words = format!("ip netns exec {netns} setpriv --pdeathsig KILL {words}");
        let log = std::fs::File::create(self.path(&format!("{}.log", self.running.borrow().len()))).expect("a log");
        let mut command = self.command(&words.split(' ').collect::<Vec<_>>());
        for place in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(place, self.path("ovs"));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it runs");
        self.running.borrow_mut().push(Running(child));
    }

    /// What `port ls` says of a port of `s`.
    pub(crate) fn port(&self, name: &str) -> Value {
        let ports = self.json("port ls s");
        let found = ports.as_array().expect("a list").iter().find(|port| port["port"] == name).cloned();
        found.unwrap_or_else(|| panic!("no {name} in {ports}"))
    }

    /// What `counters` says of a port of `s`.
    pub(crate) fn counters_of(&self, name: &str) -> Value {
        let counters = self.json("counters s");
        let found = counters["ports"].as_array().expect("a list").iter().find(|port| port["port"] == name).cloned();
        found.unwrap_or_else(|| panic!("no {name} in {counters}"))
    }

    /// How many frames on a port of `s` were dropped for a reason.
    pub(crate) fn dropped(&self, name: &str, reason: &str) -> u64 {
        self.counters_of(name)["drops"][reason].as_u64().unwrap_or_default()
    }

    /// All that was dropped on the tunnel's port, by reason.
    pub(crate) fn drops(&self) -> Value {
        self.counters_of("vx")["drops"].clone()
    }

    /// Entries of the switch's table for an address.
    pub(crate) fn fdb(&self, mac: &str) -> Vec<Value> {
        let entries = self.json("fdb show s");
        entries.as_array().expect("a list").iter().filter(|entry| entry["mac"] == mac).cloned().collect()
    }

    /// The hardware address of the interface `eth0` of a host.
    pub(crate) fn mac(&self, host: &str) -> String {
        let line = self.sh(&format!("ip -n {host} -brief link show dev eth0"));
        line.split_whitespace().nth(2).expect("name, state, address").to_owned()
    }

    /// Whether one echo request is answered soon.
    pub(crate) fn answers(&self, from: &str, to: &str) -> bool {
        let words = format!("ip netns exec {from} ping -n -q -c 1 -W {} {to}", SILENCE.as_secs_f64());
        self.command(&words.split(' ').collect::<Vec<_>>()).output().expect("it runs").status.success()
    }

    /// Pings once with each number of bytes, forbidding fragments; fails unless each is answered.
    pub(crate) fn ping_sizes(&self, from: &str, to: &str, sizes: RangeInclusive<u32>) {
        let (first, last) = (sizes.start(), sizes.end());
        let each =
            format!("for n in $(seq {first} {last}); do ping -n -q -c 1 -W 10 -M do -s $n {to} >/dev/null || exit 1; done");
        self.script(&format!("ip netns exec {from} sh -c '{each}'"));
    }

    /// A TCP connection from a host to an address of another.
    pub(crate) fn connect(&self, from: &str, to: &str, address: &str) -> (TcpStream, TcpStream) {
        let address: IpAddr = address.parse().expect("an address");
        let listener = self.inside(to, || TcpListener::bind((address, 0))).expect("a listener");
        let there: SocketAddr = listener.local_addr().expect("an address");
        let sender = self.inside(from, || TcpStream::connect_timeout(&there, PATIENCE)).expect("a connection");
        let (receiver, _) = listener.accept().expect("the connection");
        for stream in [&sender, &receiver] {
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        }
        (sender, receiver)
    }

    /// A station on `eth0` of a host, beside its network stack.
    pub(crate) fn station(&self, host: &str) -> Station {
        let packet = self.inside(host, || Packet::open("eth0")).expect("a packet socket");
        Station { packet: Box::new(packet), batch: Box::new(Batch::new(64)) }
    }
}

/// Ends when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends frames as they are, and sees all that come in.
pub(crate) struct Station {
    packet: Box<Packet>,
    batch: Box<Batch>,
}

impl Station {
    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.batch.clear();
        assert!(self.batch.push_copy(frame, VnetHeader::default()), "a frame of {} bytes", frame.len());
        self.packet.send(&mut self.batch, &[0], &mut Vec::new());
    }

    /// The first frame that `wanted` holds for, waited for; `None` if none comes in time.
    pub(crate) fn find(&mut self, patience: Duration, wanted: impl Fn(&[u8]) -> bool) -> Option<Vec<u8>> {
        let begin = Instant::now();
        loop {
            if let Some(found) = self.frames().into_iter().find(|frame| wanted(frame)) {
                return Some(found);
            }
            if begin.elapsed() > patience {
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
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
