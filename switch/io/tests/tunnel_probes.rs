//! Two of our tunnel ends probe each other over a real underlay, and so does one beside Linux's.
//!
//! Needs root, `ip` (iproute2), `nft` (nftables) and `ping`.

mod common;

use common::Netns;
use lanloom_switch_core::vxlan::probe::{Answers, PathMtu, PeerHealth};
use lanloom_switch_core::vxlan::{Vni, VtepConfig};
use lanloom_switch_core::{Consumed, Counters, Fate, Generated, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::capture::{Heard, Origin, Scope};
use lanloom_switch_io::engine::{EngineConfig, Engines, SwitchHandle, VtepStatus};
use lanloom_switch_io::plug::Plug;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};

/// Liveness only: a search takes some seconds for each size that is lost.
const PATIENCE: Duration = Duration::from_secs(120);

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Two hosts with a veth pair between them. The engines of each are started inside.
struct Lab {
    hosts: [Netns; 2],
    locals: [IpAddr; 2],
}

/// A tunnel port of a host of ours.
struct End {
    _engines: Engines,
    switch: SwitchHandle,
    id: PortId,
}

impl Lab {
    fn new(v6: bool) -> Option<Self> {
        let hosts = [Netns::new()?, Netns::new()?];
        let locals = if v6 { ["fd08::1", "fd08::2"] } else { ["10.8.0.1", "10.8.0.2"] };
        hosts[0].run(&format!("ip link add u0 type veth peer name u0 netns {}", hosts[1].name));
        for (host, local) in hosts.iter().zip(locals) {
            host.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.u0.disable_ipv6=0");
            let nodad = if v6 { "/64 nodad" } else { "/24" };
            host.run(&format!("ip address add {local}{nodad} dev u0"));
            host.run("ip link set u0 up");
        }
        Some(Self { hosts, locals: locals.map(|local| local.parse().expect("an address")) })
    }

    fn end(&self, host: usize, vni: u32) -> End {
        let engines = self.hosts[host].inside(|| Engines::start(EngineConfig::default())).expect("threads");
        let switch =
            engines.create_switch("s", SwitchConfig { seed: host as u64, ..SwitchConfig::default() }).expect("a switch");
        let vni = Vni::new(vni).expect("24 bits");
        let vtep = VtepConfig { peers: vec![self.locals[1 - host]], ..VtepConfig::new(vni, self.locals[host]) };
        let port = PortConfig { tunnel: true, ..PortConfig::default() };
        let id = self.hosts[host].inside(|| switch.add_port("vx", "vx", Plug::Vxlan(vtep), port)).expect("a tunnel");
        End { _engines: engines, switch, id }
    }
}

impl End {
    fn status(&self) -> VtepStatus {
        self.switch.vtep(self.id).expect("a tunnel")
    }

    fn health(&self) -> PeerHealth {
        self.status().health.first().expect("a peer").1
    }

    fn counters(&self) -> Counters {
        let counters = self.switch.counters().expect("a switch that is there");
        counters.into_iter().find(|(port, ..)| *port == self.id).expect("a port that is there").2
    }
}

#[test]
fn two_ends_of_ours_know_each_other_to_be_well_and_nothing_comes_to_their_switches() {
    for v6 in [false, true] {
        let Some(lab) = Lab::new(v6) else { return };
        let ends = [lab.end(0, 42), lab.end(1, 42)];
        let mtu = if v6 { 1430 } else { 1450 };
        for end in &ends {
            until("the path to be known", || end.health().path_mtu == PathMtu::AtLeast(mtu));
            let health = end.health();
            assert_eq!(health.answers, Answers::Yes);
            assert!(health.last_heard.is_some() && health.round_trip.is_some(), "{health:?}");
            let counters = end.counters();
            assert!(counters.consumed > 0 && counters.generated > 0, "{counters:?}");
            assert_eq!((counters.rx.frames, counters.forwarded), (counters.consumed, 0));
            assert_eq!(end.switch.fdb().expect("there").len() + end.status().addresses, 0, "an address was learned");
        }
    }
}

#[test]
fn a_path_that_carries_less_than_both_ends_think_is_found() {
    let Some(lab) = Lab::new(false) else { return };
    // As a hop that says nothing of it: IPv4, UDP, VXLAN and Ethernet are 50 bytes more.
    lab.hosts[1].run("nft add table netdev hole");
    lab.hosts[1].run("nft add chain netdev hole in { type filter hook ingress device u0 priority 0 ; }");
    lab.hosts[1].run("nft add rule netdev hole in meta length > 1350 drop");
    let (end, other) = (lab.end(0, 42), lab.end(1, 42));
    until("the path to be known", || end.health().path_mtu == PathMtu::Is(1300));
    until("the way back to be known", || other.health().path_mtu == PathMtu::AtLeast(1450));
}

#[test]
fn a_linux_end_is_heard_and_never_answers() {
    let Some(lab) = Lab::new(false) else { return };
    let far = &lab.hosts[1];
    far.run("ip link add vx type vxlan id 42 local 10.8.0.2 remote 10.8.0.1 dstport 4789");
    far.run("ip address add 10.1.0.2/24 dev vx");
    far.run("ip link set vx up");
    let end = lab.end(0, 42);
    until("it to be asked", || end.health().loss.asked >= 2);
    let asks_for_nobody = format!("netns exec {} ping -n -c 1 -W 1 10.1.0.9", far.name);
    until("it to be heard", || {
        // Nobody answers, but that it was asked for is heard.
        let _ = Command::new("ip").args(asks_for_nobody.split(' ')).output();
        end.health().last_heard.is_some()
    });
    let health = end.health();
    assert_eq!((health.answers, health.loss.lost), (Answers::Never, health.loss.asked));
}

#[test]
fn a_port_that_is_down_neither_asks_nor_answers() {
    let Some(lab) = Lab::new(false) else { return };
    let (end, other) = (lab.end(0, 42), lab.end(1, 42));
    until("both to know each other", || end.health().answers == Answers::Yes && other.health().answers == Answers::Yes);
    other.switch.set_port(other.id, PortConfig { up: false, tunnel: true, ..PortConfig::default() }).expect("there");
    let generated = other.counters().generated;
    until("the other to be gone", || end.health().answers == Answers::NoLonger);
    assert_eq!(other.counters().generated, generated);
}

#[test]
fn another_vni_is_kept_as_a_stray_with_who_sent_it() {
    let Some(lab) = Lab::new(false) else { return };
    let (end, other) = (lab.end(0, 42), lab.end(1, 43));
    until("each to hear the other's network", || !end.status().strays.is_empty() && !other.status().strays.is_empty());
    let stray = end.status().strays[0];
    assert_eq!((stray.from, stray.vni.get()), (lab.locals[1], 43));
    assert_eq!(end.health().answers, Answers::Never);
}

#[test]
fn probes_are_in_captures_as_what_they_are() {
    let Some(lab) = Lab::new(false) else { return };
    let end = lab.end(0, 42);
    let mut capture = end.switch.capture(Scope::default()).expect("there");
    let _other = lab.end(1, 42);
    let (mut consumed, mut generated) = (0, 0);
    until("both kinds", || {
        let Heard::Records(records) = capture.next(Duration::from_millis(100)) else { return false };
        for record in records.iter() {
            match record.origin {
                Origin::Received { fate: Fate::Consumed(Consumed::Probe), .. } => consumed += 1,
                Origin::Generated(Generated::Probe) => generated += 1,
                other => panic!("{other:?}"),
            }
        }
        consumed > 0 && generated > 0
    });
}
