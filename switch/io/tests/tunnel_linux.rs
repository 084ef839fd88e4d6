//! A tunnel port with a Linux vxlan device on the far side, over IPv4 and IPv6.
//!
//! Needs root, `ip` (iproute2), `ethtool` and `ping`.

mod common;

use common::{Netns, PATIENCE, run, until};
use lanloom_switch_core::vxlan::{Group, Vni, VtepConfig};
use lanloom_switch_core::{Counters, DropReason, MacAddr, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines, PortState, PortStatus, SwitchHandle};
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
use std::io::{Read, Write};
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};

/// `a` on our switch in `h1`, `b` on Linux's bridge and vxlan device in `h2`, and a veth pair between.
struct Lab {
    h1: Netns,
    h2: Netns,
    a: Netns,
    b: Netns,
    locals: [IpAddr; 2],
    engines: Engines,
}

impl Lab {
    fn new(v6: bool, threads: usize) -> Option<Self> {
        let [h1, h2, a, b] = [Netns::new()?, Netns::new()?, Netns::new()?, Netns::new()?];
        let locals = if v6 { ["fd08::1", "fd08::2"] } else { ["10.8.0.1", "10.8.0.2"] };
        h1.run(&format!("ip link add u0 type veth peer name u0 netns {}", h2.name));
        for (host, local) in [(&h1, locals[0]), (&h2, locals[1])] {
            host.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.u0.disable_ipv6=0");
            host.run("ip link set lo up");
            host.run(&format!("ip address add {local}/{} dev u0{}", if v6 { "64 nodad" } else { "24" }, ""));
            host.run("ip link set u0 up");
        }
        let locals = locals.map(|local| local.parse().expect("an address"));
        let config = EngineConfig { threads, ..EngineConfig::default() };
        let engines = h1.inside(|| Engines::start(config)).expect("threads");
        Some(Self { h1, h2, a, b, locals, engines })
    }

    fn mtu(&self) -> u32 {
        if self.locals[0].is_ipv4() { 1450 } else { 1430 }
    }

    /// Linux's end of a network, a bridge, and the host behind it.
    fn linux(&self, vni: u32, host: u8) {
        let [local, remote] = self.locals.map(|local| local.to_string());
        let Self { h2, b, .. } = self;
        h2.run(&format!("ip link add br{vni} type bridge"));
        let csum = if self.locals[0].is_ipv4() { "" } else { "udp6zerocsumrx" };
        h2.run(&format!("ip link add vx{vni} type vxlan id {vni} local {remote} remote {local} dstport 4789 {csum}"));
        b.run(&format!("ip link add v{vni} mtu {} type veth peer name p{vni} netns {}", self.mtu(), h2.name));
        for port in [format!("vx{vni}"), format!("p{vni}")] {
            h2.run(&format!("ip link set {port} master br{vni} up"));
        }
        h2.run(&format!("ip link set br{vni} up"));
        b.run(&format!("ip address add 10.{host}.0.2/24 dev v{vni}"));
        b.run(&format!("ip link set v{vni} up"));
    }

    /// Our end: a switch with a TAP and the tunnel.
    fn ours(&self, vni: u32, host: u8, peers: &[IpAddr]) -> (SwitchHandle, PortId) {
        self.ours_with(vni, host, |vtep| vtep.peers = peers.to_vec())
    }

    fn ours_with(&self, vni: u32, host: u8, change: impl FnOnce(&mut VtepConfig)) -> (SwitchHandle, PortId) {
        let switch = self.engines.create_switch(&format!("s{vni}"), SwitchConfig::default()).expect("a switch");
        let kind = SourceKind::Tap { offload: true, persist: false };
        let source = Source { ifname: format!("t{vni}"), netns: Some(self.a.path()), kind, label: None };
        self.h1
            .inside(|| switch.add_port("host", "host", Plug::Interface(source, None), PortConfig::default()))
            .expect("a TAP");
        self.a.run(&format!("ip address add 10.{host}.0.1/24 dev t{vni}"));
        self.a.run(&format!("ip link set t{vni} mtu {} up", self.mtu()));
        let mut vtep = VtepConfig::new(Vni::new(vni).expect("24 bits"), self.locals[0]);
        change(&mut vtep);
        let port = PortConfig { tunnel: true, ..PortConfig::default() };
        let id = self.h1.inside(|| switch.add_port("vx", "vx", Plug::Vxlan(vtep), port)).expect("a tunnel");
        (switch, id)
    }
}

fn port(switch: &SwitchHandle, id: PortId) -> PortStatus {
    let ports = switch.ports().expect("a switch that is there");
    ports.into_iter().find(|port| port.id == id).expect("a port that is there")
}

fn counters(switch: &SwitchHandle, id: PortId) -> Counters {
    let counters = switch.counters().expect("a switch that is there");
    counters.into_iter().find(|(port, ..)| *port == id).expect("a port that is there").2
}

fn ping(lab: &Lab, words: &str, to: &str) -> String {
    run(&format!("ip netns exec {} ping -n -W 5 {words} {to}", lab.a.name))
}

#[test]
fn hosts_on_both_sides_ping_with_every_size_and_learn_where_the_other_is() {
    for v6 in [false, true] {
        let Some(lab) = Lab::new(v6, 1) else { return };
        lab.linux(42, 1);
        let (switch, id) = lab.ours(42, 1, &[lab.locals[1]]);
        until("the tunnel up", || port(&switch, id).state == PortState::Up);
        assert_eq!(port(&switch, id).mtu, lab.mtu());
        ping(&lab, "-c 3 -i 0.05", "10.1.0.2");
        let largest = lab.mtu() - 28;
        for size in [0, 1, 18, 500, largest - 1, largest] {
            ping(&lab, &format!("-c 1 -M do -s {size}"), "10.1.0.2");
        }
        let status = switch.vtep(id).expect("a tunnel");
        let [peer] = &status.peers[..] else { panic!("{status:?}") };
        assert!(peer.received.frames >= 9 && peer.sent.frames >= 9, "{peer:?}");
        let learned = switch.vtep_fdb(id).expect("a tunnel");
        assert!(learned.iter().any(|entry| entry.mac != MacAddr::ZERO && entry.dst == lab.locals[1]), "{learned:?}");
        assert_eq!(counters(&switch, id).drops().collect::<Vec<_>>(), []);
    }
}

#[test]
fn tunnels_of_switches_on_two_threads_share_a_socket() {
    let Some(lab) = Lab::new(false, 2) else { return };
    let all = [42, 43, 44].map(|vni| {
        let host = (vni - 40) as u8;
        lab.linux(vni, host);
        let (switch, id) = lab.ours(vni, host, &[lab.locals[1]]);
        (switch, id, format!("10.{host}.0.2"))
    });
    for (_, _, to) in &all {
        ping(&lab, "-c 3 -i 0.05", to);
    }
    let threads: Vec<usize> = all.iter().map(|(switch, ..)| switch.status().expect("there").engine).collect();
    assert!(threads.contains(&0) && threads.contains(&1), "{threads:?}");
    all[0].0.delete().expect("it is there");
    for (_, _, to) in &all[1..] {
        ping(&lab, "-c 3 -i 0.05", to);
    }
}

#[test]
fn a_group_carries_floods_and_its_members_are_learned() {
    for v6 in [false, true] {
        let Some(lab) = Lab::new(v6, 1) else { return };
        let group = if v6 { "ff15::42" } else { "239.1.1.42" };
        lab.linux(42, 1);
        lab.h2.run("ip link set vx42 down");
        lab.h2.run("ip link del vx42");
        let [local, _] = lab.locals.map(|local| local.to_string());
        let (remote, csum) = (lab.locals[1], if v6 { "udp6zerocsumrx" } else { "" });
        lab.h2.run(&format!("ip link add vx42 type vxlan id 42 local {remote} group {group} dev u0 dstport 4789 {csum}"));
        lab.h2.run("ip link set vx42 master br42 up");
        let group = Group { address: group.parse().expect("an address"), ifname: "u0".to_owned() };
        let (switch, id) = lab.ours_with(42, 1, |vtep| vtep.group = Some(group.clone()));
        ping(&lab, "-c 3 -i 0.05", "10.1.0.2");
        let status = switch.vtep(id).expect("a tunnel");
        let member = status.peers.iter().find(|peer| peer.address == remote).expect("learned");
        assert!(member.received.frames >= 4 && member.sent.frames >= 3, "{status:?}");
        assert!(status.peers.iter().all(|peer| peer.address.to_string() != local), "we are not our own peer: {status:?}");
        assert_eq!(counters(&switch, id).drops().collect::<Vec<_>>(), []);
        lab.h1.run("ip link set u0 down");
        until("the tunnel down", || port(&switch, id).state != PortState::Up);
        lab.h1.run("ip link set u0 up");
        let address = if v6 { format!("{local}/64 nodad") } else { format!("{local}/24") };
        lab.h1.run(&format!("ip address replace {address} dev u0"));
        until("the tunnel up", || port(&switch, id).state == PortState::Up);
        ping(&lab, "-c 3 -i 0.05", "10.1.0.2");
    }
}

#[test]
fn a_tunnel_follows_its_underlay_and_says_why_it_carries_nothing() {
    let Some(lab) = Lab::new(false, 1) else { return };
    lab.linux(42, 1);
    let (switch, id) = lab.ours(42, 1, &[lab.locals[1]]);
    let until_down = |why: &str| {
        until(why, || match port(&switch, id).state {
            PortState::Up => false,
            PortState::Down { reason } => reason.contains(why),
        });
    };
    lab.h1.run("ip link set u0 mtu 1400");
    until("the MTU of the underlay less 50", || port(&switch, id).mtu == 1350);
    lab.h1.run("ip link set u0 mtu 1500");
    lab.h1.run("ip route add 10.8.0.2/32 dev u0 mtu lock 1300");
    until("the MTU of the path less 50", || port(&switch, id).mtu == 1250);
    lab.h1.run("ip route del 10.8.0.2/32");
    until("the MTU as before", || port(&switch, id).mtu == 1450);
    lab.h1.run("ip link set u0 down");
    until_down("interface u0, which has 10.8.0.1, is down");
    lab.h1.run("ip link set u0 up");
    until("the tunnel up", || port(&switch, id).state == PortState::Up);
    ping(&lab, "-c 2 -i 0.05", "10.1.0.2");
    lab.h1.run("ip address del 10.8.0.1/24 dev u0");
    until_down("no interface here has the address 10.8.0.1");
    lab.h1.run("ip address add 10.8.0.1/24 dev u0");
    until("the tunnel up", || port(&switch, id).state == PortState::Up);
    ping(&lab, "-c 2 -i 0.05", "10.1.0.2");
    lab.h1.run("ip route replace unreachable 10.8.0.2/32");
    until_down("no way to 10.8.0.2 by u0");
}

#[test]
fn a_tunnel_whose_address_is_not_there_yet_is_refused_or_waits_for_it() {
    let Some(lab) = Lab::new(false, 1) else { return };
    lab.linux(42, 1);
    lab.h1.run("ip address del 10.8.0.1/24 dev u0");
    let switch = lab.engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    let vtep = VtepConfig { peers: vec![lab.locals[1]], ..VtepConfig::new(Vni::new(42).expect("24 bits"), lab.locals[0]) };
    let config = PortConfig { tunnel: true, ..PortConfig::default() };
    let refused = lab.h1.inside(|| switch.add_port("vx", "vx", Plug::Vxlan(vtep.clone()), config.clone()));
    assert!(refused.is_err() && switch.ports().expect("a switch").is_empty(), "{refused:?}");
    let id = lab.h1.inside(|| switch.add_waiting_tunnel("vx", "vx", vtep, config)).expect("a place");
    let reason = PortState::Down { reason: "no interface here has the address 10.8.0.1".to_owned() };
    assert_eq!(port(&switch, id).state, reason);
    let mac = MacAddr([2, 0, 0, 0, 0, 9]);
    assert_eq!(switch.set_vtep_fdb(id, mac, lab.locals[1]).expect("a tunnel"), Ok(()));
    lab.h1.run("ip address add 10.8.0.1/24 dev u0");
    until("the tunnel up", || port(&switch, id).state == PortState::Up);
    let entries = switch.vtep_fdb(id).expect("a tunnel");
    assert!(entries.iter().any(|entry| entry.mac == mac && entry.is_static), "{entries:?}");
}

#[test]
fn only_the_peers_of_a_network_are_heard_and_what_is_of_none_is_counted_and_remembered() {
    let Some(lab) = Lab::new(false, 1) else { return };
    lab.linux(42, 1);
    lab.linux(43, 2);
    let stranger: IpAddr = "10.8.0.9".parse().expect("an address");
    let (switch, id) = lab.ours(42, 1, &[stranger]);
    for to in ["10.1.0.1", "10.2.0.1"] {
        // Nobody answers: the asking is what counts.
        let ping = format!("ip netns exec {} ping -c 1 -W 1 {to}", lab.b.name);
        let mut words = ping.split(' ');
        let _ = std::process::Command::new(words.next().expect("ip")).args(words).output();
    }
    let dropped = |reason| counters(&switch, id).dropped(reason);
    until("frames of no peer dropped", || dropped(DropReason::PeerUnknown) > 0);
    until("frames of another network dropped", || dropped(DropReason::VniUnknown) > 0);
    let counters = counters(&switch, id);
    assert_eq!(counters.rx.frames, counters.rx_dropped());
    let strays = switch.vtep(id).expect("a tunnel").strays;
    assert!(strays.iter().any(|stray| stray.from == lab.locals[1] && stray.vni.get() == 43), "{strays:?}");
}

/// Carries `bytes` over TCP from one namespace to another, and answers how many came as they were sent.
fn transfer(from: &Netns, to: &Netns, address: &str, bytes: usize) -> usize {
    let listener = to.inside(|| TcpListener::bind((address, 7000))).expect("a free port");
    std::thread::scope(|scope| {
        let received = scope.spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            stream.set_read_timeout(Some(PATIENCE)).expect("set");
            let mut all = Vec::new();
            stream.read_to_end(&mut all).expect("all of it");
            all.iter().enumerate().filter(|(at, byte)| **byte == (*at / 251) as u8).count()
        });
        let target = (address.parse::<IpAddr>().expect("an address"), 7000).into();
        let mut stream = from.inside(|| TcpStream::connect_timeout(&target, PATIENCE)).expect("an answer");
        let sent: Vec<u8> = (0..bytes).map(|at| (at / 251) as u8).collect();
        stream.write_all(&sent).expect("taken");
        drop(stream);
        received.join().expect("no panic")
    })
}

#[test]
fn streams_go_both_ways_whatever_linux_leaves_undone_in_its_packets_on_the_same_machine() {
    for v6 in [false, true] {
        let Some(lab) = Lab::new(v6, 1) else { return };
        lab.linux(42, 1);
        let (switch, id) = lab.ours(42, 1, &[lab.locals[1]]);
        ping(&lab, "-c 1", "10.1.0.2");
        let size = 8 << 20;
        assert_eq!(transfer(&lab.a, &lab.b, "10.1.0.2", size), size);
        assert_eq!(transfer(&lab.b, &lab.a, "10.1.0.1", size), size);
        let counters = counters(&switch, id);
        assert_eq!(counters.drops().collect::<Vec<_>>(), []);
        assert!(counters.rx.gso_segments > 0 && counters.tx.gso_segments > 0, "{counters:?}");
        // The same with each segment by itself.
        for (host, interface) in [(&lab.h2, "u0"), (&lab.h1, "u0"), (&lab.b, "v42"), (&lab.h2, "p42")] {
            host.run(&format!("ethtool -K {interface} tso off gso off gro off"));
        }
        assert_eq!(transfer(&lab.a, &lab.b, "10.1.0.2", size), size);
        assert_eq!(transfer(&lab.b, &lab.a, "10.1.0.1", size), size);
        let echo = lab.b.inside(|| UdpSocket::bind("10.1.0.2:7001")).expect("a free port");
        let caller = lab.a.inside(|| UdpSocket::bind("10.1.0.1:0")).expect("a free port");
        for socket in [&echo, &caller] {
            socket.set_read_timeout(Some(PATIENCE)).expect("set");
        }
        caller.send_to(b"well?", "10.1.0.2:7001").expect("sent");
        let (_, from) = echo.recv_from(&mut [0; 9]).expect("it came");
        echo.send_to(b"well", from).expect("sent");
        assert_eq!(caller.recv(&mut [0; 9]).expect("the answer"), 4);
    }
}
