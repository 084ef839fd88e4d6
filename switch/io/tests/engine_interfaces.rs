//! An engine on real interfaces: what it carries between namespaces, and how its ports outlive their interfaces' troubles.
//!
//! Needs root, `ip` (iproute2) and `ping`.

mod common;

use common::{Netns, run, until};
use lanloom_switch_core::{DropReason, EgressFate, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::buffer::Batch;
use lanloom_switch_io::engine::{EngineConfig, Engines, EventKind, PortState, PortStatus, SwitchHandle};
use lanloom_switch_io::link::Link;
use lanloom_switch_io::link::packet::Packet;
use lanloom_switch_io::link::tap::Tap;
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
use lanloom_switch_io::vnet::VnetHeader;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

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

    /// Waits for a reason that contains `why`, and prints it with how long it took.
    fn until_down(&self, id: PortId, why: &str) {
        let (mut last, since) = (String::new(), Instant::now());
        until(&format!("the port down because of `{why}`"), || match self.port(id).state {
            PortState::Up => false,
            PortState::Down { reason } => {
                last.clone_from(&reason);
                reason.contains(why)
            }
        });
        println!("{last} ({:?} after the trouble)", since.elapsed());
    }
}

/// Runs a test again in a process of its own, where it can count threads and use up descriptors; answers whether this is that
/// process.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "LLIO_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let this = std::env::current_exe().expect("a program");
    let output = Command::new(this).args(["--exact", test, "--nocapture"]).env(ALONE, "1").output().expect("it runs");
    print!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    false
}

/// How often this process's watch threads have gone to sleep.
fn watch_sleeps() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("this process's threads");
    let sleeps = threads.filter_map(|thread| {
        let folder = thread.ok()?.path();
        let name = std::fs::read_to_string(folder.join("comm")).ok()?;
        let status = std::fs::read_to_string(folder.join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        (name.trim() == "watch").then(|| line.trim().parse::<u64>().ok()).flatten()
    });
    sleeps.sum()
}

fn source(netns: &Netns, ifname: &str, kind: SourceKind) -> Source {
    Source { ifname: ifname.to_owned(), netns: Some(netns.path()), kind, label: None }
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

/// A port on `p1` in `ours`, whose other end is `t0` in `theirs`: it says what is wrong with either, and comes back.
fn troubles_of_a_pair(netns: &Netns, plumbing: &Netns, label: Option<&str>) {
    let lab = Lab::new();
    let make = || netns.run(&format!("ip link add t0 type veth peer name p1 netns {}", plumbing.name));
    let name = label.unwrap_or("p1");
    let (theirs, ours) = match label {
        Some(label) => (format!("interface {label} is down"), format!("the other end of interface {label} is down")),
        None => ("the other end of interface p1 is down".to_owned(), "interface p1 is down".to_owned()),
    };
    make();
    let plugged = Source { label: label.map(str::to_owned), ..source(plumbing, "p1", SourceKind::Packet) };
    let id = lab.plug("p1", plugged);
    lab.until_down(id, &ours);
    plumbing.run("ip link set p1 up");
    lab.until_down(id, &theirs);
    let up = || {
        plumbing.run("ip link set p1 up");
        netns.run("ip link set t0 up");
        lab.until_up(id);
    };
    up();
    netns.run("ip link set t0 down");
    lab.until_down(id, &theirs);
    up();
    plumbing.run("ip link set p1 down");
    lab.until_down(id, &ours);
    plumbing.run("ip link set p1 name other");
    lab.until_down(id, &format!("interface {name} is called other now"));
    plumbing.run("ip link set other name p1");
    up();
    plumbing.run("ip link set p1 mtu 1280");
    until("the MTU", || lab.port(id).mtu == 1280);
    netns.run("ip link del t0");
    lab.until_down(id, &format!("there is no interface {name}"));
    make();
    up();
    let mut far: Box<dyn Link> = Box::new(netns.inside(|| Packet::open("t0")).expect("the far end"));
    until("a frame through", || {
        give(&mut *far, 1);
        lab.switch.counters().expect("there")[0].2.rx.frames > 0
    });
    run(&format!("ip netns del {}", plumbing.name));
    lab.until_down(id, "there is no namespace");
}

#[test]
fn a_port_on_one_end_of_a_pair_says_which_end_is_wrong_and_comes_back() {
    let (Some(netns), Some(plumbing)) = (Netns::new(), Netns::new()) else { return };
    troubles_of_a_pair(&netns, &plumbing, None);
}

#[test]
fn a_port_on_our_end_of_a_pair_speaks_of_the_other_end_which_the_user_knows() {
    let (Some(netns), Some(plumbing)) = (Netns::new(), Netns::new()) else { return };
    troubles_of_a_pair(&netns, &plumbing, Some("t0 in a"));
}

#[test]
fn a_port_says_why_its_plain_tap_is_down_and_comes_back_with_it() {
    let Some(netns) = Netns::new() else { return };
    let lab = Lab::new();
    netns.run("ip tuntap add t0 mode tap");
    let id = lab.plug("p1", source(&netns, "t0", PLAIN));
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
    netns.run("ip tuntap add t0 mode tap");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    run(&format!("ip netns del {}", netns.name));
    lab.until_down(id, "there is no namespace");
}

#[test]
fn a_tap_that_somebody_has_open_is_not_touched_until_they_let_go() {
    let (Some(netns), Some(home)) = (Netns::new(), Netns::new()) else { return };
    let owner = netns.inside(|| Tap::open("t0", true)).expect("a TAP");
    netns.run("ip link set t0 up");
    let lab = home.inside(Lab::new);
    let waiting = source(&netns, "t0", PERSISTENT);
    let id = lab.switch.add_waiting_port("p1", "p1", waiting, PortConfig::default()).expect("a port that waits");
    lab.until_down(id, "busy");
    // What was under way when the port was added comes to rest.
    std::thread::sleep(Duration::from_millis(500));
    let told = Command::new("timeout").args(["1", "ip", "-n", &netns.name, "monitor", "link"]).output().expect("ip (iproute2)");
    let told = String::from_utf8_lossy(&told.stdout);
    assert_eq!(told.lines().count(), 0, "attaching and detaching a queue is told of: {told}");
    drop(owner);
    lab.until_up(id);
}

#[test]
fn a_port_is_told_to_be_up_only_once_its_interface_has_been_looked_at() {
    let Some(netns) = Netns::new() else { return };
    let (sender, told) = mpsc::sync_channel(100);
    let engines =
        Engines::start(EngineConfig { threads: 1, events: Some(sender), ..EngineConfig::default() }).expect("threads");
    let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    let plug = Plug::Interface(source(&netns, "t0", TAP), None);
    let id = switch.add_port("p1", "p1", plug, PortConfig::default()).expect("a TAP");
    netns.run("ip link set t0 up");
    until("the port up", || switch.ports().expect("there").iter().any(|port| port.id == id && port.state == PortState::Up));
    let told: Vec<_> = told.try_iter().map(|event| event.kind).collect();
    let down = EventKind::PortDown { port: "p1".to_owned(), reason: "interface t0 is down".to_owned() };
    assert_eq!(told, [down, EventKind::PortUp { port: "p1".to_owned() }]);
}

#[test]
fn frames_that_wait_in_an_interface_when_it_is_plugged_in_find_the_port_up() {
    let Some(netns) = Netns::new() else { return };
    let tap = netns.inside(|| Tap::open("t0", false)).expect("a TAP");
    netns.run("ip link set t0 up");
    let mut far = netns.inside(|| Packet::open("t0")).expect("the far end");
    assert_eq!(give(&mut far, 20), 20);
    let lab = Lab::new();
    let plug = Plug::Interface(source(&netns, "t0", TAP), Some(Box::new(tap)));
    lab.switch.add_port("p1", "p1", plug, PortConfig::default()).expect("a port");
    until("every frame", || lab.switch.counters().expect("there")[0].2.rx.frames == 20);
    let counters = lab.switch.counters().expect("there").remove(0).2;
    assert_eq!((counters.dropped(DropReason::PortDown), counters.dropped(DropReason::NoDestination)), (0, 20));
}

#[test]
fn a_namespace_named_by_a_process_goes_with_it_though_a_port_was_opened_inside() {
    let Some(plumbing) = Netns::new() else { return };
    let mut sleeper = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().expect("unshare (util-linux)");
    let path = format!("/proc/{}/ns/net", sleeper.id());
    let own = std::fs::read_link("/proc/self/ns/net").expect("a namespace");
    until("a namespace of its own", || std::fs::read_link(&path).is_ok_and(|there| there != own));
    run(&format!("ip link add w0 netns {} type veth peer name witness netns {}", sleeper.id(), plumbing.name));
    let lab = Lab::new();
    let source = Source { ifname: "t0".to_owned(), netns: Some(path.into()), kind: TAP, label: None };
    let id = lab.plug("p1", source);
    lab.until_down(id, "interface t0 is down");
    sleeper.kill().expect("a process of ours");
    lab.until_down(id, "there is no namespace");
    until("the namespace gone, and with it the veth's other end", || !plumbing.run("ip link").contains("witness"));
    // A process that nobody has waited for yet is told to have ended for ever; that is to be heard once.
    let wakeups = || lab.engines.stats().iter().map(|engine| engine.wakeups).sum::<u64>();
    let before = wakeups();
    std::thread::sleep(Duration::from_millis(300));
    let woken = wakeups() - before;
    assert!(woken < 100, "{woken} wake-ups for one end of a process");
    sleeper.wait().expect("ended");
}

#[test]
fn a_port_whose_interface_could_not_be_looked_at_for_want_of_descriptors_comes_up_without_any_word() {
    if !is_alone("a_port_whose_interface_could_not_be_looked_at_for_want_of_descriptors_comes_up_without_any_word") {
        return;
    }
    let (Some(netns), Some(home)) = (Netns::new(), Netns::new()) else { return };
    netns.run("ip tuntap add t0 mode tap vnet_hdr multi_queue");
    netns.run("ip link set t0 up");
    // Where no other test's interfaces are heard of.
    let lab = home.inside(Lab::new);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, soft.min(200), hard).expect("a lower limit");
    let used: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    let waiting = source(&netns, "t0", PERSISTENT);
    let id = lab.switch.add_waiting_port("p1", "p1", waiting, PortConfig::default()).expect("a port that waits");
    lab.until_down(id, "Too many open files");
    drop(used);
    lab.until_up(id);
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
        let _ = Command::new("umount").arg(self.0.join("deep/name")).output();
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
    let source = Source { ifname: "t0".to_owned(), netns: Some(path.clone()), kind: PERSISTENT, label: None };
    let id = lab.switch.add_waiting_port("p1", "p1", source, PortConfig::default()).expect("a port that waits");
    lab.until_down(id, "there is no namespace");
    std::fs::create_dir(&folder.0).expect("a folder");
    std::fs::create_dir(folder.0.join("deep")).expect("a folder in it");
    std::fs::write(&path, "").expect("a file in it");
    run(&format!("mount --bind {} {}", netns.path().display(), path.display()));
    lab.until_up(id);
}

#[test]
fn a_port_hears_of_a_namespace_that_is_mounted_onto_a_file_which_was_there_long_before() {
    let Some(netns) = Netns::new() else { return };
    netns.run("ip tuntap add t0 mode tap vnet_hdr multi_queue");
    netns.run("ip link set t0 up");
    let folder = Folder(std::env::temp_dir().join(format!("{}-stale", netns.name)));
    let path = folder.0.join("deep/name");
    std::fs::create_dir_all(folder.0.join("deep")).expect("folders");
    std::fs::write(&path, "").expect("a file that is no namespace");
    let lab = Lab::new();
    let source = Source { ifname: "t0".to_owned(), netns: Some(path.clone()), kind: PERSISTENT, label: None };
    let id = lab.switch.add_waiting_port("p1", "p1", source, PortConfig::default()).expect("a port that waits");
    lab.until_down(id, "there is no namespace");
    std::thread::sleep(Duration::from_secs(3));
    run(&format!("mount --bind {} {}", netns.path().display(), path.display()));
    lab.until_up(id);
    run(&format!("umount --lazy {}", path.display()));
    lab.until_down(id, "there is no namespace");
}

#[test]
fn an_idle_engine_wakes_for_its_timers_alone_and_its_watch_for_what_concerns_it_even_with_ports_in_trouble() {
    if !is_alone("an_idle_engine_wakes_for_its_timers_alone_and_its_watch_for_what_concerns_it_even_with_ports_in_trouble") {
        return;
    }
    let (Some(netns), Some(plumbing), Some(home)) = (Netns::new(), Netns::new(), Netns::new()) else { return };
    // Where nobody else makes interfaces, whose events would wake it too.
    let lab = home.inside(Lab::new);
    for number in 0..10 {
        lab.plug(&format!("tap{number}"), source(&netns, &format!("tap{number}"), TAP));
    }
    let id = lab.plug_veth(&netns, &plumbing, "p1");
    netns.run("ip link set t0 up");
    lab.until_up(id);
    // A port in each kind of trouble: no namespace, no interface, held by somebody, down, its other end down, renamed.
    let owner = netns.inside(|| Tap::open("held", true)).expect("a TAP");
    netns.run("ip link set held up");
    let nowhere = Source { netns: Some("/run/netns/llio-nowhere".into()), ..source(&netns, "t1", TAP) };
    for (name, source) in [("p2", nowhere), ("p3", source(&netns, "none", TAP)), ("p4", source(&netns, "held", TAP))] {
        lab.switch.add_waiting_port(name, name, source, PortConfig::default()).expect("a port that waits");
    }
    netns.run(&format!("ip link add t5 type veth peer name p5 netns {}", plumbing.name));
    plumbing.run("ip link set p5 up");
    lab.plug("p5", source(&plumbing, "p5", SourceKind::Packet));
    let renamed = lab.plug("p6", source(&netns, "t6", TAP));
    netns.run("ip link set t6 name other6");
    lab.until_down(renamed, "is called other6 now");
    // What was still under way comes to rest.
    std::thread::sleep(Duration::from_secs(2));
    let (before, slept_before) = (lab.engines.stats(), watch_sleeps());
    // Elsewhere interfaces of the same names come and go, of which this engine hears too and which it does not mind.
    let Some(elsewhere) = Netns::new() else { return };
    let other = home.inside(Lab::new);
    other.plug("tap0", source(&elsewhere, "tap0", TAP));
    elsewhere.run("ip link add t0 type veth peer name p1");
    elsewhere.run("ip link set p1 up");
    std::thread::sleep(Duration::from_secs(10));
    let (after, slept) = (lab.engines.stats(), watch_sleeps() - slept_before);
    let (wakeups, spins) = (after[0].wakeups - before[0].wakeups, after[0].spins - before[0].spins);
    println!("in 10 s: {wakeups} wake-ups, {spins} spins; {slept} sleeps of the watch threads");
    // Ports in trouble are told of it again; engines sleep unless a watch thread speaks to them.
    assert!(wakeups < 50 && spins == 0, "{before:?}, then {after:?}");
    // Other programs mount and unmount, and a TAP that is held is tried again now and then. A loop would be at it by the thousand.
    assert!(slept < 500, "{slept}");
    drop(owner);
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
    assert!(lab.switch.counters().expect("there")[0].2.dropped(DropReason::RxOverrun) > 0, "a queue of two was never full");
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
