//! What a test author can rely on, a sentence a test.

use lanloom_lab::{
    DropReason, Event, Fate, FloodKind, HostConfig, HostError, Judged, LATENCY, Lab, LabError, LabHost, LabLink, LabSwitch,
    Learned, MacAddr, PING_PATIENCE,
};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const BOB4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));
const BOB6: IpAddr = IpAddr::V6(std::net::Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 2));

/// Two hosts on one switch.
struct Small {
    lab: Lab,
    switch: LabSwitch,
    alice: LabHost,
    bob: LabHost,
    cables: [LabLink; 2],
}

fn small(seed: u64) -> Small {
    let lab = Lab::new(seed);
    let switch = lab.switch("s1");
    let alice = lab.host("alice", &["10.0.0.1/24", "fd00::1/64"]).expect("good addresses");
    let bob = lab.host("bob", &["10.0.0.2/24", "fd00::2/64"]).expect("good addresses");
    let cables = [&alice, &bob].map(|host| lab.link(host, &switch).expect("free"));
    Small { lab, switch, alice, bob, cables }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at % 251) as u8).collect()
}

/// Sends `len` bytes from one host to the other and answers what arrived.
fn transfer(from: &LabHost, to: &LabHost, address: IpAddr, len: usize) -> Result<Vec<u8>, LabError> {
    let door = to.listen(5001)?;
    let mut sender = from.connect(SocketAddr::new(address, 5001))?;
    let mut receiver = door.accept()?;
    sender.send(&bytes(len))?;
    sender.finish();
    let (mut all, mut chunk) = (Vec::new(), vec![0; 65_536]);
    loop {
        match receiver.recv(&mut chunk)? {
            0 => return Ok(all),
            len => all.extend_from_slice(&chunk[..len]),
        }
    }
}

#[test]
fn hosts_ping_each_other_over_both_ip_versions_and_the_switch_learns_them() {
    let net = small(1);
    for to in [BOB4, BOB6] {
        net.alice.ping(to).expect("answered");
        // Their addresses are resolved now: two links there, two links back.
        assert_eq!(net.alice.ping(to), Ok(4 * LATENCY));
    }
    let known: Vec<_> = net.switch.fdb().into_iter().map(|entry| (entry.mac, entry.port)).collect();
    let ports = net.switch.ports();
    assert_eq!(known, [(net.alice.mac(), ports[0]), (net.bob.mac(), ports[1])]);
}

#[test]
fn a_megabyte_crosses_a_switch_by_tcp_over_both_ip_versions() {
    let net = small(2);
    for to in [BOB4, BOB6] {
        assert!(transfer(&net.alice, &net.bob, to, 1 << 20).expect("carried") == bytes(1 << 20));
    }
    let counters = net.switch.counters(net.switch.ports()[0]).expect("there");
    assert!(counters.rx.bytes > 2 << 20);
    assert_eq!(counters.rx.frames, counters.forwarded + counters.rx_dropped());
}

#[test]
fn datagrams_come_with_where_they_came_from() {
    let net = small(3);
    let (here, there) = (net.alice.udp(0).expect("free"), net.bob.udp(53).expect("free"));
    here.send_to(SocketAddr::new(BOB4, 53), b"question").expect("routed");
    let (question, from) = there.recv_from().expect("arrived");
    assert_eq!(question, b"question");
    there.send_to(from, b"answer").expect("routed");
    assert_eq!(here.recv_from().expect("arrived"), (b"answer".to_vec(), SocketAddr::new(BOB4, 53)));
}

#[test]
fn a_connection_to_a_port_where_nobody_listens_is_refused() {
    let net = small(4);
    let refused = net.alice.connect(SocketAddr::new(BOB4, 81)).expect_err("nobody listens");
    assert!(matches!(refused, LabError::Refused { .. }), "{refused}");
}

#[test]
fn a_link_that_goes_down_cuts_off_its_host_until_it_is_up_again() {
    let net = small(5);
    net.alice.ping(BOB4).expect("answered");
    net.cables[1].down();
    assert_eq!((net.switch.port_of(net.bob.mac()), net.cables[1].is_up()), (None, false));
    let before = net.lab.now();
    assert!(matches!(net.alice.ping(BOB4), Err(LabError::TimedOut { .. })));
    assert_eq!(net.lab.now().since(before), PING_PATIENCE);
    net.cables[1].up();
    net.alice.ping(BOB4).expect("answered");
}

#[test]
fn a_frame_on_its_way_is_lost_when_its_link_goes_down() {
    let net = small(6);
    let broadcast = [&MacAddr::BROADCAST.0[..], &net.alice.mac().0, &[8, 6], &[0; 46]].concat();
    net.alice.send_frame(&broadcast).expect("long enough");
    net.cables[0].down();
    net.cables[0].up();
    net.lab.run_for(Duration::from_secs(1));
    assert_eq!((net.switch.verdicts().len(), net.cables[0].lost()), (0, 1));
    net.alice.send_frame(&broadcast).expect("long enough");
    net.lab.run_for(Duration::from_secs(1));
    assert_eq!(net.switch.verdicts().len(), 1);
}

#[test]
fn a_connection_outlives_a_link_that_was_down_for_a_while() {
    let net = small(7);
    let door = net.bob.listen(80).expect("free");
    let mut there = net.alice.connect(SocketAddr::new(BOB6, 80)).expect("accepted");
    let mut here = door.accept().expect("made");
    net.cables[0].down();
    there.send(b"while it was down").expect("kept");
    net.lab.run_for(Duration::from_secs(3));
    net.cables[0].up();
    let mut text = [0; 17];
    here.recv_exact(&mut text).expect("sent again");
    assert_eq!(&text, b"while it was down");
}

#[test]
fn addresses_age_in_virtual_time() {
    let net = small(8);
    net.alice.ping(BOB4).expect("answered");
    net.lab.run_for(Duration::from_secs(300));
    assert_eq!(net.switch.fdb().len(), 2);
    net.lab.run_for(Duration::from_secs(2));
    assert_eq!((net.switch.fdb().len(), net.switch.with(|core| core.fdb().stats().aged)), (0, 2));
}

#[test]
fn the_same_seed_makes_the_same_history() {
    let history = |seed| -> Vec<Judged> {
        let net = small(seed);
        transfer(&net.alice, &net.bob, BOB4, 100_000).expect("carried");
        net.cables[0].down();
        net.alice.ping(BOB6).expect_err("down");
        net.cables[0].up();
        net.bob.ping(IpAddr::V4([10, 0, 0, 1].into())).expect("answered");
        net.switch.verdicts()
    };
    let first = history(9);
    assert!(first.len() > 100);
    assert_eq!(first, history(9));
    assert_ne!(first, history(10), "another seed draws other sequence numbers");
}

#[test]
fn a_trace_says_what_the_next_verdict_will_be() {
    let net = small(11);
    net.alice.ping(BOB4).expect("answered");
    let frame = [&net.bob.mac().0[..], &net.alice.mac().0, &[8, 0], &[0; 46]].concat();
    let port = net.cables[0].port_on(&net.switch).expect("ends there");
    let trace = net.switch.trace(port, &frame).expect("there");
    assert_eq!(trace.steps.last().map(String::as_str), Some("sent to p2"));
    net.switch.clear_history();
    net.alice.send_frame(&frame).expect("long enough");
    net.lab.run_for(Duration::from_millis(1));
    assert_eq!(net.switch.verdicts()[0].verdict, trace.verdict);
    assert_eq!((trace.verdict.fate, trace.verdict.learned), (Fate::Forwarded, Learned::Refreshed));
}

#[test]
fn a_port_can_be_changed_and_its_verdicts_and_counters_say_so() {
    let net = small(12);
    for port in net.switch.ports() {
        net.switch.set_port(port, |config| config.isolated = true).expect("there");
    }
    net.alice.ping(BOB4).expect_err("isolated");
    let verdicts = net.switch.verdicts();
    assert!(!verdicts.is_empty());
    assert!(verdicts.iter().all(|judged| judged.verdict.fate == Fate::Dropped(DropReason::Isolated)));
    let counters = net.switch.counters(net.switch.ports()[0]).expect("there");
    assert_eq!(counters.dropped(DropReason::Isolated), verdicts.len() as u64);
}

#[test]
fn a_host_that_is_plugged_in_elsewhere_moves() {
    let lab = Lab::new(13);
    let (left, right) = (lab.switch("left"), lab.switch("right"));
    let trunk = lab.link(&left, &right).expect("free");
    let hosts = ["10.0.0.1/24", "10.0.0.2/24"].map(|address| lab.host(address, &[address]).expect("good address"));
    lab.link(&hosts[0], &left).expect("free");
    lab.link(&hosts[1], &right).expect("free");
    hosts[0].ping(BOB4).expect("answered");
    assert_eq!(left.port_of(hosts[1].mac()), trunk.port_on(&left));
    let other = lab.host_with("impostor", HostConfig::new(hosts[1].mac())).expect("no addresses");
    let plug = lab.link(&other, &left).expect("free");
    other.send_frame(&[&MacAddr::BROADCAST.0[..], &hosts[1].mac().0, &[8, 6], &[0; 46]].concat()).expect("long enough");
    lab.run_for(Duration::from_millis(1));
    let (from, to) = (trunk.port_on(&left).expect("there"), plug.port_on(&left).expect("there"));
    assert!(left.events().iter().any(|(_, event)| *event == Event::Moved { mac: hosts[1].mac(), from, to }));
}

#[test]
fn two_cables_between_two_switches_end_in_a_storm_that_is_told_and_bounded() {
    let lab = Lab::new(14);
    let (left, right) = (lab.switch("left"), lab.switch("right"));
    lab.link(&left, &right).expect("free");
    lab.link(&left, &right).expect("free");
    let host = lab.host("h", &["10.0.0.1/24"]).expect("good address");
    lab.link(&host, &left).expect("free");
    host.send_frame(&[&MacAddr::BROADCAST.0[..], &host.mac().0, &[8, 6], &[0; 46]].concat()).expect("long enough");
    lab.run_for(Duration::from_millis(100));
    let stormed = |switch: &LabSwitch| switch.events().iter().any(|(_, event)| matches!(event, Event::Storm { .. }));
    assert!(stormed(&left) || stormed(&right));
    let flooded = |switch: &LabSwitch| {
        let verdicts = switch.verdicts();
        verdicts.iter().filter(|judged| judged.verdict.fate == Fate::Flooded(FloodKind::Broadcast)).count()
    };
    for switch in [left, right] {
        // Two ports, each with 2,000 at once and 10,000 a second more; and the host's own frame.
        let bound = 2 * (2_000 + 1_000) + 1;
        assert!((2_000..=bound).contains(&flooded(&switch)), "{}", flooded(&switch));
    }
}

#[test]
fn what_cannot_be_is_refused_and_says_what_to_do() {
    let net = small(15);
    let lonely = net.lab.host("lonely", &[]).expect("no addresses");
    let refusals = [
        net.lab.host("x", &["10.0.0.1"]).map(drop).expect_err("no length"),
        net.lab.host("x", &["10.0.0.1/33"]).map(drop).expect_err("too long"),
        net.lab.host("x", &["10.0.0.1/24"; 9]).map(drop).expect_err("too many"),
        net.lab.link(&net.alice, &net.switch).map(drop).expect_err("linked"),
        net.lab.link(&lonely, &lonely).map(drop).expect_err("itself"),
        Lab::new(1).link(&lonely, &net.switch).map(drop).expect_err("another lab's"),
        lonely.ping(BOB4).map(drop).expect_err("no route"),
        lonely.send_frame(&[0; 13]).expect_err("short"),
        net.alice.connect(SocketAddr::new(BOB4, 0)).map(drop).expect_err("port 0"),
        net.switch.trace(net.switch.ports()[0], &[0; 13]).map(drop).expect_err("short"),
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        assert!(text.contains(':') && !text.ends_with(' '), "{text}");
    }
    let door = net.bob.listen(80).expect("free");
    let taken = LabError::Host { host: "bob".to_owned(), why: HostError::PortInUse(80) };
    assert_eq!(net.bob.listen(80).map(drop), Err(taken));
    drop(door);
    net.bob.listen(80).expect("free again");
}

#[test]
fn a_listener_takes_connection_after_connection() {
    let net = small(16);
    let door = net.bob.listen(80).expect("free");
    for number in 0..40_u8 {
        let mut there = net.alice.connect(SocketAddr::new(BOB4, 80)).expect("accepted");
        let mut here = door.accept().expect("made");
        here.send(&[number]).expect("open");
        let mut byte = [0];
        there.recv_exact(&mut byte).expect("sent");
        assert_eq!(byte, [number]);
    }
}
