//! What a tunnel end does with datagrams and frames.

use lanloom_switch_core::vxlan::{Group, HandError, Marks, VNI_MAX, Vni, Vtep, VtepConfig, VtepEntry, header};
use lanloom_switch_core::{DropReason, FdbError, Instant, MacAddr};
use std::net::{IpAddr, Ipv4Addr};

const LOCAL: IpAddr = peer_at(1);
const A: IpAddr = peer_at(2);
const B: IpAddr = peer_at(3);

const fn peer_at(host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 8, 0, host))
}

fn mac(host: u32) -> MacAddr {
    let [a, b, c, d] = host.to_be_bytes();
    MacAddr([2, 0, a, b, c, d])
}

fn config(peers: &[IpAddr]) -> VtepConfig {
    VtepConfig { peers: peers.to_vec(), ..VtepConfig::new(Vni::new(42).expect("24 bits"), LOCAL) }
}

fn vtep(peers: &[IpAddr]) -> Vtep {
    Vtep::new(config(peers), 7)
}

fn datagram(source: MacAddr) -> Vec<u8> {
    [&header(Vni::new(42).expect("24 bits"))[..], &[0xff; 6], &source.0, &[8, 6], &[0; 46]].concat()
}

fn at(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

/// Where a frame to `to` goes, by address.
fn route(vtep: &Vtep, secs: u64, to: MacAddr) -> Vec<IpAddr> {
    vtep.route(at(secs), to).iter().filter_map(|peer| vtep.peer(*peer)).map(|peer| peer.address).collect()
}

fn hears(vtep: &mut Vtep, secs: u64, from: IpAddr, source: MacAddr) -> Result<Vec<u8>, DropReason> {
    vtep.handle_datagram(at(secs), from, 0, &datagram(source)).map(|inside| inside.frame.to_vec())
}

#[test]
fn only_peers_inject_and_only_their_frames_teach() {
    let mut vtep = vtep(&[A]);
    assert_eq!(hears(&mut vtep, 0, B, mac(9)), Err(DropReason::PeerUnknown));
    let unknown: Vec<_> = vtep.unknown_senders().map(|sender| (sender.address, sender.datagrams)).collect();
    assert_eq!(unknown, [(B, 1)], "kept for who asks");
    assert_eq!(hears(&mut vtep, 0, A, mac(8)), Ok(datagram(mac(8))[8..].to_vec()));
    assert_eq!(vtep.entries(at(0)).len(), 2, "{:?}", vtep.entries(at(0)));
    let peer = vtep.peers().next().expect("A");
    assert_eq!((peer.address, peer.received.frames, peer.received.bytes, peer.heard), (A, 1, 60, Some(at(0))));
}

#[test]
fn unknown_addresses_and_groups_go_to_all_peers_and_learned_ones_to_theirs() {
    let mut vtep = vtep(&[A, B]);
    assert_eq!(route(&vtep, 0, mac(9)), [A, B]);
    hears(&mut vtep, 0, B, mac(9)).expect("of a peer");
    assert_eq!(route(&vtep, 0, mac(9)), [B]);
    for group in [MacAddr::BROADCAST, MacAddr([1, 0, 0x5e, 0, 0, 1])] {
        assert_eq!(route(&vtep, 0, group), [A, B]);
    }
    hears(&mut vtep, 1, A, mac(9)).expect("it moved");
    assert_eq!(route(&vtep, 1, mac(9)), [A]);
}

#[test]
fn what_was_learned_ages() {
    let mut vtep = vtep(&[A, B]);
    hears(&mut vtep, 0, A, mac(9)).expect("of a peer");
    assert_eq!(route(&vtep, 299, mac(9)), [A]);
    assert_eq!(route(&vtep, 302, mac(9)), [A, B]);
    assert!(vtep.poll_timeout().is_some_and(|due| due <= at(302)));
    vtep.handle_timeout(at(302));
    assert!(vtep.is_empty());
}

#[test]
fn without_learning_only_what_was_set_leads_anywhere() {
    let mut vtep = Vtep::new(VtepConfig { learning: false, ..config(&[A, B]) }, 7);
    hears(&mut vtep, 0, A, mac(9)).expect("of a peer");
    assert_eq!(route(&vtep, 0, mac(9)), [A, B]);
    vtep.set_entry(at(0), mac(9), B).expect("room");
    assert_eq!(route(&vtep, 1000, mac(9)), [B]);
}

#[test]
fn an_address_that_was_set_stays_at_its_peer_and_others_may_not_use_it() {
    let mut vtep = vtep(&[A, B]);
    vtep.set_entry(at(0), mac(9), B).expect("room");
    assert_eq!(hears(&mut vtep, 0, A, mac(9)), Err(DropReason::Spoofed));
    hears(&mut vtep, 0, B, mac(9)).expect("it is there");
    assert_eq!(route(&vtep, 1000, mac(9)), [B]);
}

#[test]
fn peers_come_with_entries_and_go_with_the_last_one() {
    let mut vtep = vtep(&[]);
    assert!(route(&vtep, 0, mac(9)).is_empty());
    vtep.set_entry(at(0), mac(9), A).expect("room");
    vtep.set_entry(at(0), MacAddr::ZERO, B).expect("room");
    assert_eq!((route(&vtep, 0, mac(9)), route(&vtep, 0, mac(8))), (vec![A], vec![B]));
    hears(&mut vtep, 0, A, mac(7)).expect("a peer by its entry");
    let entry = |mac, dst| VtepEntry { mac, dst, is_static: true, age_secs: 0 };
    assert_eq!(vtep.delete_entry(at(0), mac(9), None), Ok(entry(mac(9), A)));
    assert_eq!(hears(&mut vtep, 0, A, mac(7)), Err(DropReason::PeerUnknown));
    assert_eq!(route(&vtep, 0, mac(7)), [B], "what it taught went with it");
    assert_eq!(vtep.delete_entry(at(0), MacAddr::ZERO, Some(A)), Err(HandError::Fdb(FdbError::NoSuchEntry)));
    assert_eq!(vtep.delete_entry(at(0), MacAddr::ZERO, Some(B)), Ok(entry(MacAddr::ZERO, B)));
    assert_eq!((vtep.peers().count(), vtep.entries(at(0)).len()), (0, 0));
}

#[test]
fn a_named_peer_stays_one_without_its_line_in_the_flood_list() {
    let mut vtep = vtep(&[A, B]);
    vtep.delete_entry(at(0), MacAddr::ZERO, Some(A)).expect("it is there");
    assert_eq!(route(&vtep, 0, mac(9)), [B]);
    hears(&mut vtep, 0, A, mac(9)).expect("still a peer");
}

#[test]
fn what_cannot_be_a_peer_is_refused() {
    let mut vtep = vtep(&[]);
    for dst in ["10.8.0.1", "239.1.1.1", "0.0.0.0", "fd00::2"] {
        assert_eq!(vtep.set_entry(at(0), mac(9), dst.parse().expect("an address")), Err(HandError::NoPeer), "{dst}");
    }
    assert_eq!(vtep.set_entry(at(0), MacAddr::BROADCAST, A), Err(HandError::Fdb(FdbError::NotIndividual)));
    assert_eq!(vtep.peers().count(), 0);
}

#[test]
fn peers_change_while_it_runs_and_a_new_one_is_not_its_predecessor() {
    let mut vtep = vtep(&[A]);
    hears(&mut vtep, 0, A, mac(9)).expect("of a peer");
    let before = vtep.peers().next().expect("A").id;
    vtep.set_peers(&[B]);
    assert_eq!((route(&vtep, 0, mac(9)), vtep.peer(before)), (vec![B], None));
    assert_eq!(hears(&mut vtep, 0, A, mac(9)), Err(DropReason::PeerUnknown));
    hears(&mut vtep, 0, B, mac(9)).expect("of a peer");
}

#[test]
fn behind_a_group_whoever_speaks_is_a_peer_unless_peers_were_named() {
    let group = || Some(Group { address: "239.1.1.1".parse().expect("an address"), ifname: "u0".to_owned() });
    let mut open = Vtep::new(VtepConfig { group: group(), ..config(&[]) }, 7);
    hears(&mut open, 0, B, mac(9)).expect("a member");
    assert_eq!(route(&open, 0, mac(9)), [B]);
    assert_eq!(route(&open, 0, mac(8)), ["239.1.1.1".parse::<IpAddr>().expect("an address")]);
    let mut closed = Vtep::new(VtepConfig { group: group(), ..config(&[A]) }, 7);
    assert_eq!(hears(&mut closed, 0, B, mac(9)), Err(DropReason::PeerUnknown));
    hears(&mut closed, 0, A, mac(9)).expect("of a peer");
}

#[test]
fn congestion_outside_marks_the_inside_or_drops_it() {
    let mut vtep = vtep(&[A]);
    let packet = |tos: u8| {
        let mut bytes = datagram(mac(9));
        bytes[20..24].copy_from_slice(&[8, 0, 0x45, tos]);
        bytes
    };
    let marks = |vtep: &mut Vtep, tos| vtep.handle_datagram(at(0), A, 3, &packet(tos)).map(|inside| inside.marks);
    assert_eq!(marks(&mut vtep, 2), Ok(Marks::Mark(3)));
    assert_eq!(marks(&mut vtep, 3), Ok(Marks::Stay));
    assert_eq!(marks(&mut vtep, 0), Err(DropReason::EcnLost));
}

#[test]
fn a_million_addresses_of_one_peer_leave_those_of_another_and_the_memory_bounded() {
    let mut vtep = vtep(&[A, B]);
    hears(&mut vtep, 0, B, mac(1 << 24)).expect("of a peer");
    for host in 0..1_000_000 {
        hears(&mut vtep, 0, A, mac(host)).expect("of a peer");
    }
    assert_eq!(route(&vtep, 0, mac(1 << 24)), [B]);
    assert_eq!(vtep.len(), 65_536);
}

#[test]
fn every_network_number_is_read_back_and_no_other_is() {
    for number in [0, 1, 4096, VNI_MAX] {
        let vni = Vni::new(number).expect("24 bits");
        assert_eq!(lanloom_switch_core::vxlan::read_vni(&header(vni)), Ok(vni));
    }
    assert!(Vni::new(VNI_MAX + 1).is_none());
}
