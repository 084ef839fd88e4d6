//! A tunnel end and the probes of its peers: who is asked, what is not the switch's, and what is shown.

use lanloom_switch_core::vxlan::probe::{Answers, PathMtu};
use lanloom_switch_core::vxlan::{PeerId, Vni, Vtep, VtepConfig, header};
use lanloom_switch_core::{Instant, MacAddr};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

const HERE: IpAddr = host(1);
const THERE: IpAddr = host(2);
const THIRD: IpAddr = host(3);

const fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 8, 0, number))
}

fn vni() -> Vni {
    Vni::new(42).expect("24 bits")
}

fn vtep(local: IpAddr, peers: &[IpAddr]) -> Vtep {
    let seed = u64::from(local == HERE);
    Vtep::new(VtepConfig { peers: peers.to_vec(), ..VtepConfig::new(vni(), local) }, seed)
}

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// Who is sent something now.
fn sends(vtep: &mut Vtep, now: Instant) -> Vec<(IpAddr, Vec<u8>)> {
    let (mut sent, mut frame) = (Vec::new(), Vec::new());
    while let Some(peer) = vtep.poll_transmit(now, &mut frame) {
        sent.push((address(vtep, peer), [&header(vni())[..], &frame].concat()));
    }
    sent
}

fn address(vtep: &Vtep, peer: PeerId) -> IpAddr {
    vtep.peer(peer).expect("a peer").address
}

fn asked(vtep: &mut Vtep, now: Instant) -> Vec<IpAddr> {
    sends(vtep, now).into_iter().map(|(to, _)| to).collect()
}

fn id(vtep: &Vtep, of: IpAddr) -> PeerId {
    vtep.peers().find(|peer| peer.address == of).expect("a peer").id
}

#[test]
fn two_ends_probe_each_other_and_nothing_of_it_is_the_switchs_or_learned() {
    let (mut here, mut there) = (vtep(HERE, &[THERE]), vtep(THERE, &[HERE]));
    for secs in 0..10 {
        for _ in 0..4 {
            let (asks, others) = (sends(&mut here, at(secs)), sends(&mut there, at(secs)));
            for (_, datagram) in asks {
                assert!(there.handle_datagram(at(secs), HERE, 0, &datagram).is_ok_and(|inside| inside.probe));
            }
            for (_, datagram) in others {
                assert!(here.handle_datagram(at(secs), THERE, 0, &datagram).is_ok_and(|inside| inside.probe));
            }
        }
    }
    let health = here.health(at(9), id(&here, THERE)).expect("a peer");
    assert_eq!((health.answers, health.path_mtu), (Answers::Yes, PathMtu::AtLeast(1450)));
    assert!(here.is_empty() && there.is_empty(), "an address was learned");
    assert!(here.peer(id(&here, THERE)).is_some_and(|peer| peer.received.frames > 0));
}

#[test]
fn peers_that_were_named_or_are_flooded_to_are_asked_and_no_others() {
    let mut vtep = vtep(HERE, &[THERE]);
    assert_eq!(asked(&mut vtep, at(1)), [THERE]);
    vtep.set_entry(at(1), MacAddr::ZERO, THIRD).expect("room");
    assert_eq!(asked(&mut vtep, at(1)), [THIRD]);
    vtep.delete_entry(at(1), MacAddr::ZERO, Some(THIRD)).expect("there");
    vtep.delete_entry(at(1), MacAddr::ZERO, Some(THERE)).expect("there");
    assert_eq!(asked(&mut vtep, at(2)), [THERE], "it is still a peer");
    assert!(vtep.peers().all(|peer| !peer.flooded));
    vtep.set_peers(&[THIRD]);
    assert_eq!(asked(&mut vtep, at(3)), [THIRD]);
}

#[test]
fn what_a_peer_sends_is_heard_whether_or_not_it_is_a_probe() {
    let mut vtep = vtep(HERE, &[THERE]);
    let there = id(&vtep, THERE);
    assert_eq!(vtep.health(at(1), there).expect("a peer").last_heard, None);
    let arp = [&header(vni())[..], &[0xff; 6], &[2, 0, 0, 0, 0, 1], &[8, 6], &[0; 46]].concat();
    assert!(vtep.handle_datagram(at(1), THERE, 0, &arp).is_ok_and(|inside| !inside.probe));
    let health = vtep.health(at(4), there).expect("a peer");
    assert_eq!((health.last_heard, health.answers), (Some(Duration::from_secs(3)), Answers::Never));
}

#[test]
fn a_timer_waits_as_long_as_anything_is_to_be_sent() {
    let mut vtep = vtep(HERE, &[THERE]);
    assert!(vtep.poll_timeout().is_some_and(|due| due <= at(1)), "a new peer is asked");
    asked(&mut vtep, at(1));
    assert_eq!(vtep.poll_timeout(), Some(at(2)));
    vtep.set_peers(&[]);
    assert_eq!(vtep.poll_timeout(), None);
}
