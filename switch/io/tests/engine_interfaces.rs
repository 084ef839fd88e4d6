//! An engine on real interfaces: what it carries between namespaces, and how its ports outlive their interfaces' troubles.
//!
//! Needs root, `ip` (iproute2) and `ping`.

mod common;

use common::{Netns, run, until};
use lanloom_switch_core::{DropReason, EgressFate, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::buffer::Batch;
use lanloom_switch_io::engine::{EngineConfig, Engines, PortState, PortStatus, SwitchHandle};
use lanloom_switch_io::link::Link;
use lanloom_switch_io::link::packet::Packet;
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
use lanloom_switch_io::vnet::VnetHeader;
use std::time::Duration;

const TAP: SourceKind = SourceKind::Tap { offload: true, persist: false };
const PERSISTENT: SourceKind = SourceKind::Tap { offload: true, persist: true };
const PLAIN: SourceKind = SourceKind::Tap { offload: false, persist: false };

struct Lab {
    engines: Engines,
    switch: SwitchHandle,
}

impl Lab {
    fn new() -> Self {
        let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads");
        let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
        Self { engines, switch }
    }

    fn plug(&self, name: &str, source: Source) -> PortId {
        let plug = Plug::Interface(source, None);
        self.switch.add_port(name, name, plug, PortConfig::default()).expect("an interface that can be opened")
    }

    /// A port on one end of a veth pair whose other end is `t0` in the namespace.
    fn plug_veth(&self, netns: &Netns, plumbing: &Netns, name: &str) -> PortId {
        netns.run(&format!("ip link add t0 type veth peer name {name} netns {}", plumbing.name));
        plumbing.run(&format!("ip link set {name} up"));
        self.plug(name, source(plumbing, name, SourceKind::Packet))
    }

    fn port(&self, id: PortId) -> PortStatus {
        let ports = self.switch.ports().expect("a switch that is there");
        ports.into_iter().find(|port| port.id == id).expect("a port that is there")
    }

    fn until_up(&self, id: PortId) {
        until("the port up", || self.port(id).state == PortState::Up);
    }

    fn until_down(&self, id: PortId, why: &str) {
        let mut last = String::new();
        until(&format!("the port down because of `{why}`"), || match self.port(id).state {
            PortState::Up => false,
            PortState::Down { reason } => {
                last.clone_from(&reason);
                reason.contains(why)
            }
        });
        println!("{last}");
    }
}

fn source(netns: &Netns, ifname: &str, kind: SourceKind) -> Source {
    Source { ifname: ifname.to_owned(), netns: Some(netns.path()), kind }
}

fn address(netns: &Netns, host: u8) {
    netns.run(&format!("ip addr add 10.9.0.{host}/24 dev t0"));
    netns.run("ip link set t0 up");
}

#[test]
fn hosts_on_every_kind_of_port_reach_each_other() {
    let (Some(a), Some(b), Some(c), Some(plumbing)) = (Netns::new(), Netns::new(), Netns::new(), Netns::new()) else { return };
    let lab = Lab::new();
    lab.plug("p1", source(&a, "t0", TAP));
    lab.plug("p2", source(&b, "t0", PLAIN));
    lab.plug_veth(&c, &plumbing, "p3");
    for (host, netns) in [(1, &a), (2, &b), (3, &c)] {
        address(netns, host);
    }
    for (netns, others) in [(&a, [2, 3]), (&b, [1, 3]), (&c, [1, 2])] {
        for other in others {
            netns.run(&format!("ping -q -c 2 -i 0.01 -W 5 -s 1400 10.9.0.{other}"));
        }
    }
    assert_eq!(lab.switch.fdb().expect("there").len(), 3);
    for (_, name, counters) in lab.switch.counters().expect("there") {
        assert_eq!(counters.rx.frames, counters.forwarded + counters.rx_dropped(), "{name}: {counters:?}");
    }
}

#[test]
fn a_port_says_why_its_tap_is_down_and_comes_back_with_it() {
    let Some(netns) = Netns::new() else { return };
    let lab = Lab::new();
    let id = lab.plug("p1", source(&netns, "t0", PERSISTENT));
    lab.until_down(id, "interface t0 is down");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    netns.run("ip link set t0 mtu 1280");
    until("the MTU", || lab.port(id).mtu == 1280);
    netns.run("ip link set t0 down");
    netns.run("ip link set t0 name other");
    lab.until_down(id, "interface t0 is called other now");
    netns.run("ip link set other name t0");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    netns.run("ip link del t0");
    lab.until_down(id, "there is no interface t0");
    netns.run("ip tuntap add t0 mode tap vnet_hdr multi_queue");
    netns.run("ip link set t0 up");
    lab.until_up(id);
}

#[test]
fn a_port_says_why_its_veth_is_down_and_comes_back_with_it() {
    let (Some(netns), Some(plumbing)) = (Netns::new(), Netns::new()) else { return };
    let lab = Lab::new();
    let id = lab.plug_veth(&netns, &plumbing, "p1");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    netns.run("ip link del t0");
    lab.until_down(id, "there is no interface p1");
    netns.run(&format!("ip link add t0 type veth peer name p1 netns {}", plumbing.name));
    plumbing.run("ip link set p1 up");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    let mut far: Box<dyn Link> = Box::new(netns.inside(|| Packet::open("t0")).expect("the far end"));
    until("a frame through", || {
        give(&mut *far, 1);
        lab.switch.counters().expect("there")[0].2.rx.frames > 0
    });
}

#[test]
fn no_descriptor_keeps_a_removed_namespace_alive_and_the_port_returns_with_a_new_one() {
    let (Some(netns), Some(plumbing)) = (Netns::new(), Netns::new()) else { return };
    let lab = Lab::new();
    // Opened inside, which would keep the namespace alive: the worst case.
    let id = lab.plug("p1", source(&netns, "t0", TAP));
    netns.run("ip link set t0 up");
    lab.until_up(id);
    netns.run(&format!("ip link add w0 type veth peer name witness netns {}", plumbing.name));
    run(&format!("ip netns del {}", netns.name));
    lab.until_down(id, "there is no namespace");
    until("the namespace gone, and with it the veth's other end", || !plumbing.run("ip link").contains("witness"));
    run(&format!("ip netns add {}", netns.name));
    netns.run("ip tuntap add t0 mode tap vnet_hdr multi_queue");
    netns.run("ip link set t0 up");
    lab.until_up(id);
}

/// A folder that is not there yet, gone with the test.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing is mounted there, and nothing is there, if the test failed early.
        let _ = std::process::Command::new("umount").arg(self.0.join("deep/name")).output();
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_port_comes_up_though_even_the_folder_of_its_namespace_was_not_there() {
    let Some(netns) = Netns::new() else { return };
    netns.run("ip tuntap add t0 mode tap vnet_hdr multi_queue");
    netns.run("ip link set t0 up");
    let folder = Folder(std::env::temp_dir().join(format!("{}-folder", netns.name)));
    let path = folder.0.join("deep/name");
    let lab = Lab::new();
    let source = Source { ifname: "t0".to_owned(), netns: Some(path.clone()), kind: PERSISTENT };
    let id = lab.switch.add_waiting_port("p1", "p1", source, PortConfig::default()).expect("a port that waits");
    lab.until_down(id, "there is no namespace");
    std::fs::create_dir(&folder.0).expect("a folder");
    // Whoever makes it takes its time.
    std::thread::sleep(Duration::from_millis(100));
    std::fs::create_dir(folder.0.join("deep")).expect("a folder in it");
    std::thread::sleep(Duration::from_millis(100));
    std::fs::write(&path, "").expect("a file in it");
    run(&format!("mount --bind {} {}", netns.path().display(), path.display()));
    lab.until_up(id);
}

#[test]
fn an_idle_engine_wakes_for_its_timers_alone() {
    let (Some(netns), Some(plumbing), Some(home)) = (Netns::new(), Netns::new(), Netns::new()) else { return };
    // Where nobody else makes interfaces, whose events would wake it too.
    let lab = home.inside(Lab::new);
    for number in 0..10 {
        lab.plug(&format!("tap{number}"), source(&netns, &format!("tap{number}"), TAP));
    }
    let id = lab.plug_veth(&netns, &plumbing, "p1");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    // What was still under way comes to rest.
    std::thread::sleep(Duration::from_secs(2));
    let before = lab.engines.stats();
    // Elsewhere interfaces of the same names come and go, of which this engine hears too and which it does not mind.
    let Some(elsewhere) = Netns::new() else { return };
    let other = home.inside(Lab::new);
    other.plug("tap0", source(&elsewhere, "tap0", TAP));
    elsewhere.run("ip link add t0 type veth peer name p1");
    elsewhere.run("ip link set p1 up");
    std::thread::sleep(Duration::from_secs(10));
    let after = lab.engines.stats();
    println!("in 10 s: {} wake-ups, {} spins", after[0].wakeups - before[0].wakeups, after[0].spins - before[0].spins);
    assert_eq!(before, after);
}

#[test]
fn what_the_kernel_lost_on_the_way_to_us_is_read_back() {
    let Some(netns) = Netns::new() else { return };
    let lab = Lab::new();
    let tap = lab.plug("p1", source(&netns, "t0", TAP));
    netns.run("ip link set t0 txqueuelen 2");
    netns.run("ip link set t0 up");
    lab.until_up(tap);
    let mut far = netns.inside(|| Packet::open("t0")).expect("the far end");
    let sent = (0..200).map(|_| give(&mut far, 64)).sum::<u64>();
    until("every frame counted", || {
        let counters = lab.switch.counters().expect("there").remove(0).2;
        println!("{sent} sent, {} received, {} lost before us", counters.rx.frames, counters.dropped(DropReason::RxOverrun));
        counters.rx.frames + counters.dropped(DropReason::RxOverrun) == sent
    });
}

#[test]
fn ports_that_come_and_go_with_their_interfaces_in_a_hurry_leave_an_engine_that_answers() {
    let (Some(netns), Some(home)) = (Netns::new(), Netns::new()) else { return };
    let lab = home.inside(Lab::new);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (lab, netns) = (&lab, &netns);
            scope.spawn(move || {
                for round in 0..10 {
                    let name = format!("x{thread}");
                    let kind = if round % 2 == 0 { TAP } else { PLAIN };
                    let id = lab.plug(&name, source(netns, &name, kind));
                    netns.run(&format!("ip link set {name} up"));
                    let deletes = || netns.run(&format!("ip link del {name}"));
                    if round % 3 == 0 {
                        deletes();
                    }
                    let last = lab.switch.delete_port(id).expect("a port that is there");
                    assert_eq!(last.rx.frames, last.forwarded + last.rx_dropped(), "{last:?}");
                    // A program being started elsewhere in this process has its descriptors too, for a moment.
                    until("its TAP gone", || !netns.run("ip -o link").contains(&format!(": {name}:")));
                }
            });
        }
    });
    assert_eq!(lab.switch.ports().expect("an engine that answers"), []);
}

/// Sends a burst of broadcasts and answers how many the socket took.
fn give(link: &mut dyn Link, count: u16) -> u64 {
    let mut bytes = vec![0xff; 6];
    bytes.extend([0x0a, 0, 0, 0, 0, 1, 0x88, 0xb5]);
    bytes.resize(60, 0);
    let mut batch = Batch::new(usize::from(count));
    (0..count).for_each(|_| assert!(batch.push_copy(&bytes, VnetHeader::default())));
    let mut fates = Vec::new();
    link.send(&mut batch, &(0..count).collect::<Vec<_>>(), &mut fates);
    fates.iter().filter(|fate| **fate == EgressFate::Sent).count() as u64
}
