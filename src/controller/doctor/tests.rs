//! Each fault is named where it is, and what follows from it is not named beside it.

use super::{Facts, Fault, Finding, MemberFacts, MemberState, PeerFacts, SendError, StrayFacts, TunnelFacts, Way, diagnose};
use lanloom_switch_core::vxlan::probe::{Answers, Loss, PathMtu, PeerHealth, RoundTrip};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn well() -> PeerHealth {
    let round_trip = RoundTrip { last: Duration::from_micros(300), smoothed: Duration::from_micros(280) };
    PeerHealth {
        last_heard: Some(secs(2)),
        answers: Answers::Yes,
        round_trip: Some(round_trip),
        loss: Loss { lost: 0, asked: 64 },
        path_mtu: PathMtu::AtLeast(1450),
        checking: false,
    }
}

fn gone() -> PeerHealth {
    let loss = Loss { lost: 12, asked: 64 };
    PeerHealth { last_heard: Some(secs(40)), answers: Answers::NoLonger, loss, ..well() }
}

fn peer(address: IpAddr) -> PeerFacts {
    PeerFacts { address, named: true, flooded: true, health: Some(well()) }
}

fn tunnel() -> TunnelFacts {
    TunnelFacts {
        port: "_vxlan-42".to_owned(),
        vni: 42,
        local: HERE,
        udp: 4789,
        down: None,
        mtu: 1450,
        way: Way::Up { ifname: "eth0".to_owned() },
        error: None,
        peers: vec![peer(A), peer(B)],
        strays: Vec::new(),
        unknown: Vec::new(),
    }
}

fn facts(change: impl FnOnce(&mut TunnelFacts)) -> Facts {
    let mut tunnel = tunnel();
    change(&mut tunnel);
    let member =
        MemberFacts { endpoint: "a".to_owned(), sandbox: Some("a".to_owned()), state: MemberState::Up, mtu: Some(1450) };
    Facts { network: "web".to_owned(), notes: Vec::new(), members: vec![member], tunnels: vec![tunnel] }
}

/// The one thing that is wrong.
fn only(facts: &Facts) -> Finding {
    let findings = diagnose(facts);
    let [finding] = findings.as_slice() else { panic!("not one finding: {findings:#?}") };
    finding.clone()
}

fn with_health(health: PeerHealth) -> Facts {
    facts(|tunnel| tunnel.peers[1].health = Some(health))
}

#[test]
fn where_all_is_well_nothing_is_found() {
    assert_eq!(diagnose(&facts(|_| ())), []);
    assert_eq!(diagnose(&Facts::default()), []);
}

#[test]
fn an_underlay_s_interface_that_is_down_is_named_and_none_of_the_peers_behind_it() {
    for (no_carrier, words) in [(false, "it is down"), (true, "it has no carrier")] {
        let facts = facts(|tunnel| {
            tunnel.way = Way::Down { ifname: "eth7".to_owned(), no_carrier };
            tunnel.peers.iter_mut().for_each(|peer| peer.health = Some(gone()));
        });
        let finding = only(&facts);
        assert_eq!((finding.fault, finding.place.as_str()), (Fault::UnderlayDown, "interface eth7"));
        assert!(finding.what.starts_with(words) && finding.what.contains("192.0.2.1"), "{}", finding.what);
    }
}

#[test]
fn an_address_that_no_interface_has_is_the_underlay_s_fault() {
    let finding = only(&facts(|tunnel| tunnel.way = Way::NoAddress));
    assert_eq!(finding.fault, Fault::UnderlayDown);
    assert!(finding.what.contains("no interface has 192.0.2.1"), "{}", finding.what);
}

#[test]
fn sending_that_fails_is_the_underlay_s_fault_as_long_as_nobody_is_heard() {
    let error = SendError { to: A, what: "Network is unreachable (os error 101)".to_owned(), ago: secs(3) };
    let lonely = facts(|tunnel| {
        tunnel.error = Some(error.clone());
        tunnel.peers.iter_mut().for_each(|peer| peer.health = Some(gone()));
    });
    let finding = only(&lonely);
    assert_eq!(finding.fault, Fault::UnderlayDown);
    assert!(finding.what.contains("Network is unreachable"), "{}", finding.what);
    assert_eq!(diagnose(&facts(|tunnel| tunnel.error = Some(error))), [], "it has passed, or is one peer's matter");
}

#[test]
fn a_tunnel_s_port_that_is_down_is_named_with_its_own_words() {
    let finding = only(&facts(|tunnel| tunnel.down = Some("address already in use".to_owned())));
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::TunnelDown, "port _vxlan-42"));
    assert!(finding.what.contains("address already in use"));
}

#[test]
fn a_peer_that_sends_another_vni_is_named_with_both() {
    let stray = StrayFacts { from: B, vni: 43, ago: secs(30) };
    let loss = Loss { lost: 5, asked: 5 };
    let silent = PeerHealth { last_heard: None, answers: Answers::Never, loss, path_mtu: PathMtu::Unknown, ..well() };
    let wrong = facts(|tunnel| {
        tunnel.strays.push(stray.clone());
        tunnel.peers[1].health = Some(silent);
    });
    let finding = only(&wrong);
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::WrongVni, "peer 192.0.2.3 of VNI 42"));
    assert!(finding.what.contains("sends VNI 43") && finding.what.contains("is VNI 42"), "{}", finding.what);
    assert_eq!(diagnose(&facts(|tunnel| tunnel.strays.push(stray.clone()))), [], "a network of theirs that is not here");
    let others = facts(|tunnel| {
        tunnel.strays.extend([StrayFacts { from: A, ..stray.clone() }, StrayFacts { ago: secs(500), ..stray }]);
        tunnel.peers[1].health = Some(silent);
    });
    assert_eq!(only(&others).fault, Fault::PeerDead, "somebody else's, or long ago");
}

#[test]
fn a_host_that_sends_and_is_no_peer_is_named_with_the_command_that_makes_it_one() {
    let stranger: IpAddr = "192.0.2.9".parse().expect("an address");
    let finding = only(&facts(|tunnel| tunnel.unknown = vec![(stranger, secs(60)), (HERE, secs(500))]));
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::UnknownPeer, "host 192.0.2.9"));
    assert!(finding.what.contains("sends VNI 42 here and is no peer"), "{}", finding.what);
    assert!(finding.hint.contains("`lanloom network update web --opt lanloom.peers=192.0.2.2,192.0.2.3,192.0.2.9`"));
}

#[test]
fn a_named_peer_that_is_not_flooded_to_is_a_missing_fdb_entry() {
    let finding = only(&facts(|tunnel| tunnel.peers[0].flooded = false));
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::MissingFdbEntry, "peer 192.0.2.2 of VNI 42"));
    assert_eq!(finding.hint, "`lanloom fdb add web 00:00:00:00:00:00 _vxlan-42 --dst 192.0.2.2`");
    let by_hand = facts(|tunnel| (tunnel.peers[0].flooded, tunnel.peers[0].named) = (false, false));
    assert_eq!(diagnose(&by_hand), [], "a peer that single addresses lead to is no part of the list");
}

#[test]
fn a_path_that_carries_less_than_the_tunnel_s_mtu_is_too_small() {
    let finding = only(&with_health(PeerHealth { path_mtu: PathMtu::Is(1350), ..well() }));
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::MtuTooSmall, "peer 192.0.2.3 of VNI 42"));
    assert!(finding.what.contains("1350 bytes of the tunnel's 1450") && finding.hint.contains("1500"), "{finding:?}");
    let finding = only(&with_health(PeerHealth { path_mtu: PathMtu::Between(1280, 1450), ..well() }));
    assert!(finding.what.contains("between 1280 and 1449 bytes"), "{}", finding.what);
    for fine in [PathMtu::Unknown, PathMtu::AtLeast(1280), PathMtu::Is(1450), PathMtu::Between(1450, 1500)] {
        assert_eq!(diagnose(&with_health(PeerHealth { path_mtu: fine, ..well() })), [], "{fine:?}");
    }
}

#[test]
fn a_tunnel_that_carries_less_than_a_sandbox_sends_is_too_small() {
    let finding = only(&facts(|tunnel| tunnel.mtu = 1400));
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::MtuTooSmall, "port _vxlan-42"));
    assert!(finding.what.contains("1400 bytes") && finding.what.contains("sandbox a sends up to 1450"), "{}", finding.what);
}

#[test]
fn a_peer_that_is_silent_is_dead() {
    let finding = only(&with_health(gone()));
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::PeerDead, "peer 192.0.2.3 of VNI 42"));
    assert!(finding.what.contains("nothing came from it for 40 s"), "{}", finding.what);
    let never = PeerHealth { last_heard: None, answers: Answers::Never, loss: Loss { lost: 3, asked: 3 }, ..well() };
    assert!(only(&with_health(never)).what.contains("nothing ever came from it"));
}

#[test]
fn a_peer_that_was_hardly_asked_yet_is_not_judged() {
    let new = PeerHealth { last_heard: None, answers: Answers::Never, loss: Loss { lost: 2, asked: 2 }, ..well() };
    assert_eq!(diagnose(&with_health(new)), []);
}

#[test]
fn a_vtep_that_never_answers_and_is_heard_is_none_of_ours_and_well() {
    let other = PeerHealth { last_heard: Some(secs(9)), answers: Answers::Never, loss: Loss { lost: 64, asked: 64 }, ..well() };
    assert_eq!(diagnose(&with_health(other)), []);
}

#[test]
fn a_peer_that_is_heard_and_answers_no_more_does_not_hear_us() {
    let finding = only(&with_health(PeerHealth { last_heard: Some(secs(1)), ..gone() }));
    assert_eq!(finding.fault, Fault::PeerDeaf);
}

#[test]
fn much_loss_is_named_and_a_little_is_not() {
    let lossy = |lost, asked| with_health(PeerHealth { loss: Loss { lost, asked }, ..well() });
    assert_eq!(only(&lossy(13, 64)).fault, Fault::PeerLossy);
    assert_eq!(only(&lossy(13, 64)).what, "13 of the last 64 probes were lost");
    for (lost, asked) in [(12, 64), (3, 9), (0, 0)] {
        assert_eq!(diagnose(&lossy(lost, asked)), [], "{lost} of {asked}");
    }
}

#[test]
fn a_sandbox_that_is_not_reached_is_named() {
    let mut down = facts(|_| ());
    down.members[0].state = MemberState::Down { why: "interface is down".to_owned() };
    let finding = only(&down);
    assert_eq!((finding.fault, finding.place.as_str()), (Fault::SandboxDown, "sandbox a"));
    assert!(finding.what.ends_with("carries nothing: interface is down"), "{}", finding.what);
    down.members[0].state = MemberState::Lost;
    assert_eq!(only(&down).what, "its namespace is gone");
    down.members[0].state = MemberState::Free;
    assert_eq!(diagnose(&down), []);
}

#[test]
fn several_faults_are_all_named_the_underlay_s_first() {
    let mut facts = facts(|tunnel| {
        tunnel.peers[0].health = Some(gone());
        tunnel.peers[1].flooded = false;
    });
    let other = TunnelFacts { vni: 43, port: "_vxlan-43".to_owned(), way: Way::NoAddress, ..tunnel() };
    facts.tunnels.push(other);
    facts.members[0].state = MemberState::Lost;
    facts.notes.push("something else".to_owned());
    let faults: Vec<Fault> = diagnose(&facts).iter().map(|finding| finding.fault).collect();
    assert_eq!(faults, [Fault::UnderlayDown, Fault::MissingFdbEntry, Fault::PeerDead, Fault::SandboxDown, Fault::Note]);
}
