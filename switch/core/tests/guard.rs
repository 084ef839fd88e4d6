//! What guards promise, a sentence a test. Port 0 is the gateway, 1 and 2 are endpoints, 3 is bare.

mod wire;

use lanloom_switch_core::{
    DropReason, Fate, FloodKind, Frame, Guard, GuardMode, Instant, Learned, MacAddr, PortConfig, PortId, Prefixes, Role,
    Switch, SwitchConfig, Verdict, Vid,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use wire::*;

const GATEWAY: usize = 0;
const ALICE: usize = 1;
const BOB: usize = 2;
const BARE: usize = 3;

/// Somebody that no guard knows.
const GUEST: MacAddr = mac(0x99);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const MULTICAST6: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
const BPDUS: MacAddr = MacAddr::RESERVED;

const fn mac(last: u8) -> MacAddr {
    MacAddr([0x02, 0, 0, 0, 0, last])
}

/// The address of the station with that number, which has [`mac`] too.
const fn v4(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

const fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last)
}

/// The link-local address that [`mac`] makes.
const fn link_local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x00ff, 0xfe00, last)
}

/// Of another network.
const FOREIGN4: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const FOREIGN6: Ipv6Addr = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1);
/// Of the world.
const WORLD4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const WORLD6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);

struct Bench {
    switch: Switch,
    ports: Vec<PortId>,
}

fn guard(role: Role, number: u8) -> Guard {
    let foreign = [(IpAddr::from(FOREIGN4), 16), (FOREIGN6.into(), 64)];
    Guard {
        role,
        mac: Some(mac(number)),
        addresses: vec![v4(number).into(), v6(number.into()).into()],
        foreign: Arc::new(Prefixes::new(foreign)),
        ..Guard::default()
    }
}

impl Bench {
    fn new() -> Self {
        let guards = [Role::Gateway, Role::Endpoint, Role::Endpoint].into_iter().zip(0..);
        let guards = guards.map(|(role, number)| Some(Arc::new(guard(role, number)))).chain([None]);
        let mut switch = Switch::new(SwitchConfig::default());
        let ports = guards.map(|guard| switch.add_port(PortConfig { guard, ..PortConfig::default() }).expect("room"));
        let ports = ports.collect();
        Self { switch, ports }
    }

    /// The same with another mode for Alice.
    fn with_mode(mode: GuardMode) -> Self {
        let mut bench = Self::new();
        bench.change(ALICE, |guard| guard.mode = mode);
        bench
    }

    fn with_trust() -> Self {
        let mut bench = Self::new();
        bench.change(ALICE, |guard| guard.trusted = true);
        bench
    }

    fn change(&mut self, port: usize, change: impl FnOnce(&mut Guard)) {
        let mut guard = (**self.switch.config(self.ports[port]).expect("there").guard.as_ref().expect("guarded")).clone();
        change(&mut guard);
        self.switch.set_guard(self.ports[port], Some(Arc::new(guard))).expect("there");
    }

    fn verdict(&mut self, port: usize, bytes: &[u8]) -> Verdict {
        let frame = Frame::new(bytes).expect("long enough");
        let now = Instant::from_secs(9);
        let foretold = self.switch.trace(now, self.ports[port], &frame, &|id| format!("{id:?}")).expect("there").verdict;
        let verdict = self.switch.handle_frame(now, self.ports[port], &frame).expect("there").clone();
        assert_eq!(foretold, verdict);
        verdict
    }

    /// Why it is dropped, or `None` if it is sent on.
    fn drops(&mut self, port: usize, bytes: &[u8]) -> Option<DropReason> {
        match self.verdict(port, bytes).fate {
            Fate::Dropped(reason) => Some(reason),
            Fate::Forwarded | Fate::Flooded(_) => None,
        }
    }

    fn reaches(&mut self, port: usize, bytes: &[u8]) -> Vec<usize> {
        self.verdict(port, bytes).copies.iter().map(|(to, _)| to.index()).collect()
    }

    fn port_of(&self, mac: MacAddr) -> Option<usize> {
        self.switch.fdb().lookup(Vid::NONE, mac, Instant::from_secs(9)).map(PortId::index)
    }

    fn steps(&self, port: usize, bytes: &[u8]) -> Vec<String> {
        let frame = Frame::new(bytes).expect("long enough");
        let name = |id: PortId| ["gw", "alice", "bob", "bare"][id.index()].to_owned();
        self.switch.trace(Instant::from_secs(9), self.ports[port], &frame, &name).expect("there").steps
    }
}

/// A broadcast of Alice's.
fn broadcast(kind: u16, payload: &[u8]) -> Vec<u8> {
    ether(mac(1), MacAddr::BROADCAST, kind, payload)
}

fn from_alice4(source: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    broadcast(IPV4, &ipv4(source, Ipv4Addr::BROADCAST, 0, UDP, payload))
}

fn multicast6(source: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    ether(mac(1), MULTICAST6, IPV6, &ipv6(source, ALL_NODES, next, payload))
}

fn from_alice6(next: u8, payload: &[u8]) -> Vec<u8> {
    multicast6(link_local(1), next, payload)
}

fn advertised(target: Ipv6Addr) -> Vec<u8> {
    from_alice6(ICMPV6, &neighbour(136, Some(target), &[(2, mac(1))]))
}

fn router_advertisement() -> Vec<u8> {
    neighbour(134, None, &[(1, mac(1))])
}

#[test]
fn a_bpdu_of_an_endpoint_is_dropped_unless_it_is_trusted() {
    let llc = [0x42, 0x42, 3, 0, 0, 0, 0, 0];
    let pvst = MacAddr([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd]);
    let frames = [
        ether(mac(1), BPDUS, 38, &llc),
        ether(mac(1), BPDUS, 0x88cc, &[0; 46]),
        ether(mac(1), pvst, 50, &[0xaa, 0xaa, 3, 0, 0, 0x0c, 1, 0x0b]),
        ether(mac(1), mac(2), 38, &llc),
        tagged(&ether(mac(1), MacAddr::BROADCAST, 38, &llc), &[0x88a8, 0x8100]),
    ];
    for frame in frames {
        assert_eq!(Bench::new().drops(ALICE, &frame), Some(DropReason::BpduGuard), "{frame:x?}");
        assert_eq!(Bench::with_mode(GuardMode::Off).drops(ALICE, &frame), Some(DropReason::BpduGuard), "{frame:x?}");
        assert_eq!(Bench::with_trust().drops(ALICE, &frame), None, "{frame:x?}");
        assert_eq!([GATEWAY, BARE].map(|port| Bench::new().drops(port, &frame)), [None, None], "{frame:x?}");
    }
    let other = ether(mac(1), mac(2), 38, &[0x42, 0x43, 3]);
    assert_eq!(Bench::new().drops(ALICE, &other), None);
}

#[test]
fn an_endpoint_answers_no_dhcp_unless_it_is_trusted() {
    let frames = [
        from_alice4(v4(1), &udp(67, 68)),
        tagged(&from_alice4(v4(1), &udp(67, 68)), &[0x8100]),
        snapped(&from_alice4(v4(1), &udp(67, 68))),
        broadcast(IPV4, &ipv4(v4(1), Ipv4Addr::BROADCAST, 0x2000, UDP, &udp(67, 68))),
        from_alice6(UDP, &udp(547, 546)),
        from_alice6(0, &extension(60, 0, &extension(UDP, 2, &udp(547, 546)))),
        from_alice6(44, &fragment(UDP, 0, true, &udp(547, 546))),
    ];
    let mut bridged = snapped(&from_alice4(v4(1), &udp(67, 68)));
    bridged[19] = 0xf8; // 802.1H
    let strange = [from_alice4(v4(1), &udp(1067, 68)), from_alice6(UDP, &udp(1547, 546))];
    for frame in frames.into_iter().chain([bridged]).chain(strange) {
        assert_eq!(Bench::new().drops(ALICE, &frame), Some(DropReason::DhcpGuard), "{frame:x?}");
        assert_eq!(Bench::with_trust().drops(ALICE, &frame), None, "{frame:x?}");
        assert_eq!([GATEWAY, BARE].map(|port| Bench::new().drops(port, &frame)), [None, None], "{frame:x?}");
    }
    let asking = from_alice4(Ipv4Addr::UNSPECIFIED, &udp(68, 67));
    assert_eq!(Bench::new().drops(ALICE, &asking), None);
    assert_eq!(Bench::new().drops(ALICE, &from_alice6(UDP, &udp(546, 547))), None);
    let tcp = broadcast(IPV4, &ipv4(v4(1), Ipv4Addr::BROADCAST, 0, 6, &udp(67, 68)));
    assert_eq!(Bench::new().drops(ALICE, &tcp), None, "no UDP");
}

#[test]
fn a_first_fragment_too_short_for_its_udp_header_is_dropped_and_later_ones_pass() {
    let first = broadcast(IPV4, &ipv4(v4(1), Ipv4Addr::BROADCAST, 0x2000, UDP, &udp(68, 67)[..7]));
    assert_eq!(Bench::new().drops(ALICE, &first), Some(DropReason::Malformed));
    let padded = [&first[..], &[0; 30]].concat();
    assert_eq!(Bench::new().drops(ALICE, &padded), Some(DropReason::Malformed), "padding is no header");
    assert_eq!(Bench::with_trust().drops(ALICE, &first), None);
    let later = broadcast(IPV4, &ipv4(v4(1), Ipv4Addr::BROADCAST, 0x2001, UDP, &udp(67, 68)));
    assert_eq!(Bench::new().drops(ALICE, &later), None, "it has no ports");
    let whole = broadcast(IPV4, &ipv4(v4(1), Ipv4Addr::BROADCAST, 0, UDP, &[0]));
    assert_eq!(Bench::new().drops(ALICE, &whole), None, "there is no more to come");
}

#[test]
fn router_advertisements_and_redirects_of_an_endpoint_are_dropped_unless_it_is_trusted() {
    let advertisement = router_advertisement();
    let headers = extension(60, 1, &extension(43, 0, &extension(ICMPV6, 0, &advertisement)));
    let authentication = [&[ICMPV6, 1][..], &[0; 10], &advertisement].concat();
    let frames = [
        from_alice6(ICMPV6, &advertisement),
        from_alice6(ICMPV6, &neighbour(137, None, &[])),
        from_alice6(ICMPV6, &advertisement[..1]),
        from_alice6(0, &headers),
        from_alice6(51, &authentication),
        from_alice6(44, &fragment(ICMPV6, 0, false, &advertisement)),
        from_alice6(44, &fragment(60, 0, true, &extension(ICMPV6, 0, &advertisement))),
        tagged(&from_alice6(ICMPV6, &advertisement), &[0x8100, 0x8100]),
        tagged(&snapped(&from_alice6(ICMPV6, &advertisement)), &[0x8100]),
    ];
    for frame in frames {
        assert_eq!(Bench::new().drops(ALICE, &frame), Some(DropReason::RaGuard), "{frame:x?}");
        assert_eq!(Bench::with_mode(GuardMode::Off).drops(ALICE, &frame), Some(DropReason::RaGuard), "{frame:x?}");
        assert_eq!([GATEWAY, BARE].map(|port| Bench::new().drops(port, &frame)), [None, None], "{frame:x?}");
    }
    assert_eq!(Bench::with_trust().drops(ALICE, &from_alice6(ICMPV6, &advertisement)), None);
    let redirect = neighbour(137, None, &[(2, mac(0))]);
    assert_eq!(Bench::with_trust().drops(ALICE, &from_alice6(ICMPV6, &redirect)), None, "it tells of another router");
    assert_eq!(Bench::new().drops(ALICE, &from_alice6(ICMPV6, &neighbour(133, None, &[(1, mac(1))]))), None);
}

#[test]
fn what_a_packet_hides_behind_its_headers_is_dropped_as_a_router_advertisement() {
    let many = (0..9).fold(udp(9, 9), |payload, deep| extension(if deep == 0 { UDP } else { 60 }, 0, &payload));
    let hidden = [
        from_alice6(44, &fragment(60, 0, true, &extension(ICMPV6, 3, &[])[..16])),
        from_alice6(44, &fragment(ICMPV6, 0, true, &[])),
        from_alice6(44, &fragment(UDP, 0, true, &udp(9, 9)[..6])),
        from_alice6(44, &fragment(44, 0, true, &[58, 0, 0])),
        from_alice6(60, &many),
    ];
    for frame in hidden {
        assert_eq!(Bench::new().drops(ALICE, &frame), Some(DropReason::RaGuard), "{frame:x?}");
        assert_eq!(Bench::with_trust().drops(ALICE, &frame), None, "{frame:x?}");
    }
    let open = [
        from_alice6(44, &fragment(ICMPV6, 1, true, &router_advertisement())),
        from_alice6(50, &router_advertisement()),
        from_alice6(59, &[]),
        from_alice6(60, &many[8..]),
        from_alice6(60, &extension(ICMPV6, 200, &[])[..64]),
    ];
    for frame in open {
        assert_eq!(Bench::new().drops(ALICE, &frame), None, "{frame:x?}");
    }
}

#[test]
fn an_endpoint_does_not_send_from_the_mac_of_another_port_and_teaches_nothing_by_trying() {
    let mut bench = Bench::new();
    bench.verdict(BOB, &ether(mac(2), MacAddr::BROADCAST, 0x88b5, &[]));
    for owner in [GATEWAY, BOB] {
        let verdict = bench.verdict(ALICE, &ether(mac(owner as u8), MacAddr::BROADCAST, 0x88b5, &[]));
        assert_eq!((verdict.fate, verdict.learned), (Fate::Dropped(DropReason::Spoofed), Learned::Nothing));
    }
    assert_eq!((bench.port_of(mac(0)), bench.port_of(mac(2))), (None, Some(BOB)));
    let spoofed = bench.switch.counters(bench.ports[ALICE]).expect("there").dropped(DropReason::Spoofed);
    assert_eq!((spoofed, bench.switch.poll_event()), (2, None));
}

#[test]
fn a_mac_that_was_used_before_it_was_anybodys_is_forgotten_when_it_is() {
    let mut bench = Bench::new();
    let wanted = ether(mac(1), GUEST, 0x88b5, &[]);
    bench.verdict(ALICE, &ether(GUEST, MacAddr::BROADCAST, 0x88b5, &[]));
    bench.change(BOB, |guard| guard.mac = Some(GUEST));
    assert_eq!((bench.port_of(GUEST), bench.reaches(GATEWAY, &wanted)), (None, vec![ALICE, BOB, BARE]));
    bench.verdict(BOB, &ether(GUEST, MacAddr::BROADCAST, 0x88b5, &[]));
    bench.change(BOB, |guard| guard.mode = GuardMode::Strict);
    assert_eq!(bench.reaches(GATEWAY, &wanted), [BOB], "what it taught itself stays");
}

/// Frames of Alice's that say she has the addresses of the station with that number.
fn claims(number: u8) -> Vec<Vec<u8>> {
    let (mac_, four, six) = (mac(number), v4(number), v6(number.into()));
    vec![
        broadcast(ARP, &arp(1, mac(1), four, v4(9))),
        broadcast(ARP, &arp(2, mac(1), four, four)),
        broadcast(ARP, &arp(1, mac_, v4(1), v4(9))),
        tagged(&broadcast(ARP, &arp(2, mac_, v4(1), v4(9))), &[0x88a8, 0x8100]),
        snapped(&broadcast(ARP, &arp(2, mac(1), four, v4(9)))),
        from_alice4(four, &udp(9, 9)),
        multicast6(six, 59, &[]),
        multicast6(link_local(number.into()), 59, &[]),
        multicast6(six, ICMPV6, &neighbour(135, Some(v6(9)), &[])),
        from_alice6(ICMPV6, &neighbour(135, Some(v6(9)), &[(1, mac_)])),
        from_alice6(ICMPV6, &neighbour(133, None, &[(14, mac(1)), (1, mac_)])),
        advertised(six),
        advertised(link_local(number.into())),
        from_alice6(0, &extension(ICMPV6, 0, &neighbour(136, Some(v6(1)), &[(2, mac(1)), (2, mac_)]))),
    ]
}

#[test]
fn an_endpoint_does_not_claim_the_address_of_another_port_or_of_the_gateway() {
    for frame in [claims(0), claims(2)].concat() {
        for mode in [GuardMode::Leased, GuardMode::Strict] {
            assert_eq!(Bench::with_mode(mode).drops(ALICE, &frame), Some(DropReason::Spoofed), "{mode:?} {frame:x?}");
        }
        assert_eq!(Bench::with_trust().drops(ALICE, &frame), Some(DropReason::Spoofed), "trust is no licence: {frame:x?}");
    }
}

#[test]
fn an_endpoint_claims_its_own_addresses() {
    for frame in claims(1) {
        for mode in [GuardMode::Leased, GuardMode::Strict] {
            assert_eq!(Bench::with_mode(mode).drops(ALICE, &frame), None, "{mode:?} {frame:x?}");
        }
    }
}

#[test]
fn addresses_that_nobody_has_are_free_unless_the_guard_is_strict() {
    let free = [claims(7), vec![ether(GUEST, MacAddr::BROADCAST, 0x88b5, &[])]].concat();
    for frame in free {
        assert_eq!(Bench::new().drops(ALICE, &frame), None, "{frame:x?}");
    }
    let strict = claims(7)
        .into_iter()
        .filter(|frame| *frame != multicast6(link_local(7), 59, &[]) && *frame != advertised(link_local(7)));
    for frame in strict.chain([ether(GUEST, MacAddr::BROADCAST, 0x88b5, &[])]) {
        assert_eq!(Bench::with_mode(GuardMode::Strict).drops(ALICE, &frame), Some(DropReason::Spoofed), "{frame:x?}");
    }
}

#[test]
fn who_has_no_address_yet_may_ask_for_one_and_probe_it() {
    let frames = [
        from_alice4(Ipv4Addr::UNSPECIFIED, &udp(68, 67)),
        broadcast(ARP, &arp(1, mac(1), Ipv4Addr::UNSPECIFIED, v4(1))),
        broadcast(ARP, &arp(1, mac(1), Ipv4Addr::UNSPECIFIED, v4(2))),
        broadcast(ARP, &arp(1, mac(1), v4(1), v4(2))),
        multicast6(Ipv6Addr::UNSPECIFIED, ICMPV6, &neighbour(135, Some(v6(1)), &[])),
        multicast6(Ipv6Addr::UNSPECIFIED, ICMPV6, &neighbour(135, Some(v6(2)), &[])),
        multicast6(Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 4), ICMPV6, &neighbour(133, None, &[(1, mac(1))])),
    ];
    for frame in frames {
        for mode in [GuardMode::Leased, GuardMode::Strict] {
            assert_eq!(Bench::with_mode(mode).drops(ALICE, &frame), None, "{mode:?} {frame:x?}");
        }
    }
}

#[test]
fn a_strict_guard_without_a_mac_holds_to_the_addresses_alone() {
    let mut bench = Bench::with_mode(GuardMode::Strict);
    bench.change(ALICE, |guard| guard.mac = None);
    assert_eq!(bench.drops(ALICE, &ether(GUEST, MacAddr::BROADCAST, 0x88b5, &[])), None);
    assert_eq!(bench.drops(ALICE, &ether(mac(2), MacAddr::BROADCAST, 0x88b5, &[])), Some(DropReason::Spoofed));
    assert_eq!(bench.drops(ALICE, &from_alice4(v4(7), &udp(9, 9))), Some(DropReason::Spoofed));
}

#[test]
fn an_endpoint_that_is_not_checked_is_still_protected_from_others() {
    let mut bench = Bench::new();
    bench.change(BOB, |guard| guard.mode = GuardMode::Off);
    for frame in claims(2) {
        assert_eq!(bench.drops(ALICE, &frame), Some(DropReason::Spoofed), "{frame:x?}");
    }
    for frame in claims(1) {
        let from_bob = [&frame[..6], &mac(1).0, &frame[12..]].concat();
        assert_eq!(bench.drops(BOB, &from_bob), None, "{frame:x?}");
    }
}

#[test]
fn the_world_speaks_through_the_gateway_with_any_address_of_this_network_or_of_none() {
    for frame in [claims(0), claims(1), claims(2), claims(7)].concat() {
        assert_eq!(Bench::new().drops(GATEWAY, &frame), None, "{frame:x?}");
    }
    let from_world = ether(mac(0), mac(1), IPV4, &ipv4(WORLD4, v4(1), 0, UDP, &udp(67, 9)));
    assert_eq!(Bench::new().drops(GATEWAY, &from_world), None);
}

#[test]
fn neighbour_discovery_in_fragments_or_with_too_many_options_is_dropped() {
    let fragments = from_alice6(44, &fragment(ICMPV6, 0, true, &neighbour(135, Some(v6(9)), &[])));
    assert_eq!(Bench::new().drops(ALICE, &fragments), Some(DropReason::Malformed));
    let echo = from_alice6(44, &fragment(ICMPV6, 0, true, &[128, 0, 0, 0, 0, 0, 0, 0]));
    assert_eq!(Bench::new().drops(ALICE, &echo), None);
    let options = |count| from_alice6(ICMPV6, &neighbour(135, Some(v6(9)), &vec![(14, mac(2)); count]));
    assert_eq!(
        (Bench::new().drops(ALICE, &options(32)), Bench::new().drops(ALICE, &options(33))),
        (None, Some(DropReason::Malformed))
    );
    let void = from_alice6(ICMPV6, &[&neighbour(135, Some(v6(9)), &[])[..], &[1, 0], &mac(2).0].concat());
    assert_eq!(Bench::new().drops(ALICE, &void), None, "who gets it must discard it");
}

/// Packets to and from another network, between the MAC addresses given.
fn foreign(source: MacAddr, destination: MacAddr) -> Vec<Vec<u8>> {
    let number = source.0[5];
    let (own4, own6) = (v4(number), v6(number.into()));
    vec![
        ether(source, destination, IPV4, &ipv4(own4, FOREIGN4, 0, UDP, &udp(9, 9))),
        ether(source, destination, IPV4, &ipv4(FOREIGN4, own4, 0x2005, UDP, &[])),
        ether(source, destination, IPV6, &ipv6(own6, FOREIGN6, 59, &[])),
        ether(source, destination, IPV6, &ipv6(FOREIGN6, own6, 44, &fragment(UDP, 7, false, &[1]))),
        ether(source, destination, ARP, &arp(1, source, own4, FOREIGN4)),
        ether(source, destination, ARP, &arp(2, source, FOREIGN4, own4)),
        ether(source, destination, IPV6, &ipv6(own6, ALL_NODES, ICMPV6, &neighbour(135, Some(FOREIGN6), &[]))),
        tagged(&ether(source, destination, IPV4, &ipv4(own4, FOREIGN4, 0, UDP, &udp(9, 9))), &[0x88a8, 0x8100]),
        snapped(&ether(source, destination, IPV6, &ipv6(own6, FOREIGN6, 59, &[]))),
    ]
}

#[test]
fn packets_of_another_network_are_dropped_at_the_endpoint_and_at_the_gateway() {
    for to in [mac(0), mac(1), mac(2), MacAddr::BROADCAST, MULTICAST6] {
        for frame in foreign(mac(1), to) {
            assert_eq!(Bench::new().drops(ALICE, &frame), Some(DropReason::Isolated), "{frame:x?}");
            let strict = [DropReason::Isolated, DropReason::Spoofed];
            assert!(Bench::with_mode(GuardMode::Strict).drops(ALICE, &frame).is_some_and(|why| strict.contains(&why)));
        }
        for frame in foreign(mac(0), to) {
            assert_eq!(Bench::new().drops(GATEWAY, &frame), Some(DropReason::Isolated), "{frame:x?}");
        }
    }
    for destination in [WORLD4, Ipv4Addr::new(224, 0, 0, 1), Ipv4Addr::BROADCAST] {
        let out = ether(mac(1), mac(0), IPV4, &ipv4(v4(1), destination, 0, UDP, &udp(9, 9)));
        assert_eq!(Bench::new().drops(ALICE, &out), None);
    }
    assert_eq!(Bench::new().drops(ALICE, &ether(mac(1), mac(0), IPV6, &ipv6(v6(1), WORLD6, 59, &[]))), None);
}

#[test]
fn the_gateway_keeps_out_what_unguarded_ports_send_to_other_networks() {
    for (port, number) in [(BARE, 3), (ALICE, 1)] {
        let mut bench = Bench::with_mode(GuardMode::Off);
        let source = mac(number);
        for frame in [foreign(source, MacAddr::BROADCAST), foreign(source, mac(9))].concat() {
            let others: Vec<_> = (ALICE..=BARE).filter(|to| *to != port).collect();
            assert_eq!(bench.reaches(port, &frame), others, "left out of the flood: {frame:x?}");
        }
        bench.verdict(GATEWAY, &ether(mac(0), MacAddr::BROADCAST, 0x88b5, &[]));
        for frame in foreign(source, mac(0)) {
            let verdict = bench.verdict(port, &frame);
            assert_eq!(
                (verdict.fate, verdict.learned),
                (Fate::Dropped(DropReason::Isolated), Learned::Refreshed),
                "{frame:x?}"
            );
        }
        let home = ether(source, mac(0), IPV4, &ipv4(v4(number), WORLD4, 0, UDP, &udp(9, 9)));
        assert_eq!(bench.reaches(port, &home), [GATEWAY]);
    }
}

#[test]
fn no_source_route_leads_into_another_network() {
    let options = |options: [u8; 8]| {
        let mut packet = ipv4(v4(1), v4(0), 0, 6, &[&options[..], &[0; 20]].concat());
        packet[0] = 0x47;
        ether(mac(1), mac(0), IPV4, &packet)
    };
    let routing = |left| ether(mac(1), mac(0), IPV6, &ipv6(v6(1), v6(0), 60, &extension(43, 0, &[59, 0, 4, left, 0, 0, 0, 0])));
    let routed = [options([131, 7, 4, 10, 9, 0, 1, 0]), options([7, 3, 4, 1, 137, 3, 4, 0]), routing(1)];
    for frame in routed {
        assert_eq!(Bench::new().drops(ALICE, &frame), Some(DropReason::Isolated), "{frame:x?}");
        assert_eq!(Bench::with_mode(GuardMode::Off).reaches(ALICE, &frame), [BOB, BARE], "{frame:x?}");
        let mut alone = Bench::new();
        alone.switch.set_foreign(&Arc::default());
        assert_eq!(alone.reaches(ALICE, &frame), [GATEWAY, BOB, BARE], "there is no other network: {frame:x?}");
    }
    for frame in [
        options([7, 7, 4, 131, 137, 0, 0, 0]),
        options([1, 1, 0, 131, 3, 4, 0, 0]),
        options([7, 0, 131, 3, 4, 0, 0, 0]),
        routing(0),
    ] {
        assert_eq!(Bench::new().drops(ALICE, &frame), None, "{frame:x?}");
    }
}

#[test]
fn a_flood_that_only_the_gateway_keeps_out_is_dropped_as_isolated() {
    let mut bench = Bench::with_mode(GuardMode::Off);
    for port in [BOB, BARE] {
        bench.switch.delete_port(bench.ports[port]).expect("there");
    }
    let frame = foreign(mac(1), MacAddr::BROADCAST).swap_remove(0);
    assert_eq!(bench.drops(ALICE, &frame), Some(DropReason::Isolated));
    assert_eq!(bench.switch.counters(bench.ports[ALICE]).expect("there").dropped(DropReason::Isolated), 1);
    assert_eq!(bench.verdict(ALICE, &from_alice4(v4(1), &udp(9, 9))).fate, Fate::Flooded(FloodKind::Broadcast));
}

#[test]
fn a_change_of_where_other_networks_live_holds_for_every_guard_at_once() {
    let mut bench = Bench::new();
    let out = ether(mac(1), mac(0), IPV4, &ipv4(v4(1), WORLD4, 0, UDP, &udp(9, 9)));
    assert_eq!(bench.drops(ALICE, &out), None);
    bench.switch.set_foreign(&Arc::new(Prefixes::new([(WORLD4.into(), 24)])));
    assert_eq!(bench.drops(ALICE, &out), Some(DropReason::Isolated));
    assert_eq!(
        bench.drops(GATEWAY, &ether(mac(0), mac(1), IPV4, &ipv4(WORLD4, v4(1), 0, UDP, &[]))),
        Some(DropReason::Isolated)
    );
    assert_eq!(bench.drops(ALICE, &foreign(mac(1), mac(0))[0]), None);
    assert_eq!(bench.switch.config(bench.ports[BARE]).expect("there").guard, None);
}

#[test]
fn what_says_it_is_ip_or_arp_and_has_no_such_header_is_dropped_as_malformed() {
    let headers = [
        (IPV4, ipv4(v4(1), v4(9), 0, 6, &[])),
        (IPV4, [&[0x47][..], &ipv4(v4(1), v4(9), 0, 6, &[0; 8])[1..]].concat()),
        (IPV6, ipv6(v6(1), v6(9), 59, &[])),
        (ARP, arp(1, mac(1), v4(1), v4(9))),
    ];
    for (kind, header) in headers {
        let whole = broadcast(kind, &header);
        assert_eq!(Bench::new().drops(ALICE, &whole), None, "{whole:x?}");
        for len in 0..header.len() {
            let cut = broadcast(kind, &header[..len]);
            assert_eq!(
                [ALICE, GATEWAY].map(|port| Bench::new().drops(port, &cut)),
                [Some(DropReason::Malformed); 2],
                "{cut:x?}"
            );
            assert_eq!(Bench::new().drops(BARE, &cut), None, "{cut:x?}");
        }
    }
    for (kind, first) in [(IPV4, 0x65), (IPV4, 0x44), (IPV6, 0x45)] {
        let wrong = broadcast(kind, &[&[first][..], &[0; 60]].concat());
        assert_eq!(Bench::new().drops(ALICE, &wrong), Some(DropReason::Malformed), "{wrong:x?}");
    }
    let none = [
        broadcast(0x88b5, &[]),
        broadcast(ARP, &[0, 6, 8, 6, 6, 4, 0, 1]),
        tagged(&broadcast(IPV4, &[]), &[0x8100])[..16].to_vec(),
    ];
    for frame in none {
        assert_eq!(Bench::new().drops(ALICE, &frame), None, "{frame:x?}");
    }
}

#[test]
fn nothing_hides_behind_more_tags_than_are_read() {
    let tags = [0x8100; 3];
    let frames = [from_alice4(v4(1), &udp(9, 9)), snapped(&tagged(&from_alice4(v4(1), &[]), &tags[..1]))];
    let frames = [tagged(&frames[0], &tags), frames[1].clone()];
    for frame in frames {
        assert_eq!(
            [ALICE, GATEWAY].map(|port| Bench::new().drops(port, &frame)),
            [Some(DropReason::Malformed); 2],
            "{frame:x?}"
        );
        assert_eq!(Bench::new().reaches(BARE, &frame), [ALICE, BOB], "the gateway might read on: {frame:x?}");
    }
}

#[test]
fn a_super_frame_is_judged_by_its_headers() {
    let mut bench = Bench::new();
    let payload = vec![0; 60_000];
    let mut fate = |packet: &[u8]| {
        let frame = Frame::super_frame(packet, 42, 1514).expect("long enough");
        bench.switch.handle_frame(Instant::from_secs(9), bench.ports[ALICE], &frame).expect("there").fate
    };
    let ports = |port| [&udp(port, 9)[..], &payload].concat();
    let spoofed = broadcast(IPV4, &ipv4(v4(2), v4(9), 0, UDP, &ports(9)));
    assert_eq!(fate(&spoofed), Fate::Dropped(DropReason::Spoofed));
    let [mut plain, mut dhcp] = [9, 67].map(|port| broadcast(IPV4, &ipv4(v4(1), v4(9), 0, UDP, &ports(port))));
    let mut router = from_alice6(ICMPV6, &[router_advertisement(), payload.clone()].concat());
    // Longer than their length fields can say.
    [&mut plain, &mut dhcp].into_iter().for_each(|packet| packet[16..18].fill(0));
    router[18..20].fill(0);
    assert_eq!(fate(&plain), Fate::Flooded(FloodKind::Broadcast));
    assert_eq!(fate(&dhcp), Fate::Dropped(DropReason::DhcpGuard));
    assert_eq!(fate(&router), Fate::Dropped(DropReason::RaGuard));
}

#[test]
fn a_guard_that_is_changed_or_goes_with_its_port_gives_its_addresses_free() {
    let claim = from_alice4(v4(2), &udp(9, 9));
    let spoofed = Some(DropReason::Spoofed);
    let mut bench = Bench::new();
    bench.change(BOB, |guard| guard.addresses = vec![v4(5).into()]);
    assert_eq!((bench.drops(ALICE, &claim), bench.drops(ALICE, &from_alice4(v4(5), &udp(9, 9)))), (None, spoofed));
    let config = PortConfig { guard: Some(Arc::new(guard(Role::Endpoint, 2))), ..PortConfig::default() };
    bench.switch.set_port(bench.ports[BARE], config).expect("there");
    assert_eq!(bench.drops(ALICE, &claim), spoofed);
    bench.switch.delete_port(bench.ports[BARE]).expect("there");
    assert_eq!(bench.drops(ALICE, &claim), None);
    bench.switch.set_guard(bench.ports[BOB], None).expect("there");
    assert_eq!(bench.drops(ALICE, &from_alice4(v4(5), &udp(9, 9))), None);
    assert!(bench.switch.set_guard(bench.ports[BARE], None).is_err());
}

#[test]
fn an_address_that_two_ports_have_is_protected_until_neither_has_it() {
    let mut bench = Bench::new();
    let claim = from_alice4(v4(2), &udp(9, 9));
    bench.switch.set_guard(bench.ports[BARE], Some(Arc::new(guard(Role::Endpoint, 2)))).expect("there");
    assert!(bench.steps(ALICE, &claim)[1].ends_with("belongs to bob"), "{:?}", bench.steps(ALICE, &claim));
    assert_eq!(
        [BOB, BARE].map(|port| bench.drops(port, &ether(mac(2), mac(9), IPV4, &ipv4(v4(2), v4(9), 0, UDP, &[])))),
        [None, None]
    );
    bench.switch.set_guard(bench.ports[BOB], None).expect("there");
    assert!(bench.steps(ALICE, &claim)[1].ends_with("belongs to bare"), "{:?}", bench.steps(ALICE, &claim));
    bench.switch.set_guard(bench.ports[BOB], Some(Arc::new(guard(Role::Endpoint, 2)))).expect("there");
    assert!(bench.steps(ALICE, &claim)[1].ends_with("belongs to bob"), "the lowest place: {:?}", bench.steps(ALICE, &claim));
    for port in [BARE, BOB] {
        assert_eq!(bench.drops(ALICE, &claim), Some(DropReason::Spoofed));
        bench.switch.set_guard(bench.ports[port], None).expect("there");
    }
    assert_eq!(bench.drops(ALICE, &claim), None);
}

#[test]
fn a_trace_says_which_rule_was_broken_and_whose_address_it_was() {
    let bench = Bench::new();
    let step = |frame: &[u8]| bench.steps(ALICE, frame)[1].clone();
    assert_eq!(
        bench.steps(ALICE, &broadcast(ARP, &arp(2, mac(1), v4(2), v4(2)))),
        [
            "received on alice (up): 42 bytes",
            "guard of alice (leased): ARP sender 10.0.0.2 belongs to bob",
            "dropped: spoofed (it uses or claims an address that is not for the endpoint that sent it)",
        ]
    );
    assert_eq!(step(&advertised(v6(0))), "guard of alice (leased): advertised address fd00:: belongs to gw");
    assert_eq!(step(&from_alice4(WORLD4, &[])), "guard of alice (leased): passes");
    assert_eq!(step(&foreign(mac(1), mac(0))[0]), "guard of alice (leased): 10.9.0.1 is of another network");
    assert_eq!(
        step(&from_alice6(ICMPV6, &router_advertisement())),
        "guard of alice (leased): a router advertisement, from a port that is not trusted"
    );
    assert_eq!(
        Bench::with_mode(GuardMode::Strict).steps(ALICE, &ether(GUEST, MacAddr::BROADCAST, 0x88b5, &[]))[1],
        "guard of alice (strict): source 02:00:00:00:00:99 is not its own"
    );
    let mut bench = Bench::with_mode(GuardMode::Off);
    let [flooded, known] = [MacAddr::BROADCAST, mac(0)].map(|to| foreign(mac(1), to).swap_remove(0));
    assert_eq!(
        bench.steps(ALICE, &flooded)[3..],
        ["destination is broadcast: flood", "gw is left out: 10.9.0.1 is of another network", "sent to bob, bare"]
    );
    bench.verdict(GATEWAY, &ether(mac(0), MacAddr::BROADCAST, 0x88b5, &[]));
    assert_eq!(bench.steps(ALICE, &known)[4], "guard of gw (gateway): 10.9.0.1 is of another network");
}

#[test]
fn what_the_host_sends_around_does_not_pass_the_gateway_of_a_network_whose_endpoints_are_kept_apart() {
    let mut bench = Bench::new();
    let own = Arc::new(Prefixes::new([(IpAddr::from(v4(0)), 24), (v6(0).into(), 64)]));
    bench.change(GATEWAY, |guard| guard.apart = Some(own));
    let packet = |from: Ipv4Addr| ether(mac(0), mac(2), IPV4, &ipv4(from, v4(2), 0, UDP, &udp(9, 9)));
    let packet6 = |from: Ipv6Addr| ether(mac(0), mac(2), IPV6, &ipv6(from, v6(2), 59, &[]));
    for around in [packet(v4(1)), packet6(v6(1))] {
        assert_eq!(bench.drops(GATEWAY, &around), Some(DropReason::Isolated), "{around:x?}");
    }
    for other in [packet(v4(0)), packet(WORLD4), packet6(v6(0)), packet6(WORLD6), packet6(link_local(0))] {
        assert_eq!(bench.drops(GATEWAY, &other), None, "{other:x?}");
    }
    let out = ether(mac(1), mac(0), IPV4, &ipv4(v4(1), WORLD4, 0, UDP, &udp(9, 9)));
    assert_eq!(bench.drops(ALICE, &out), None, "the way out is open");
}

#[test]
fn the_gateway_of_an_internal_network_passes_only_what_is_of_that_network_or_its_link() {
    let mut bench = Bench::new();
    let inside = Arc::new(Prefixes::new([(IpAddr::from(v4(0)), 24), (v6(0).into(), 64)]));
    bench.change(GATEWAY, |guard| guard.inside = Some(inside));
    let packet = |source: u8, destination: u8, from: Ipv4Addr, to: Ipv4Addr| {
        ether(mac(source), mac(destination), IPV4, &ipv4(from, to, 0, UDP, &udp(9, 9)))
    };
    let packet6 = |source: u8, destination: u8, from: Ipv6Addr, to: Ipv6Addr| {
        ether(mac(source), mac(destination), IPV6, &ipv6(from, to, 59, &[]))
    };
    // Both are known to the switch.
    assert_eq!(bench.drops(GATEWAY, &packet(0, 1, v4(0), v4(1))), None);
    assert_eq!(bench.drops(ALICE, &packet(1, 0, v4(1), v4(0))), None);
    for inner in
        [packet6(1, 0, v6(1), v6(0)), packet6(1, 0, link_local(1), link_local(0)), packet(1, 0, v4(1), Ipv4Addr::BROADCAST)]
    {
        assert_eq!(bench.drops(ALICE, &inner), None, "{inner:x?}");
    }
    for out in [packet(1, 0, v4(1), WORLD4), packet6(1, 0, v6(1), WORLD6)] {
        assert_eq!(bench.drops(ALICE, &out), Some(DropReason::Isolated), "{out:x?}");
    }
    for back in [packet(0, 1, WORLD4, v4(1)), packet6(0, 1, WORLD6, v6(1))] {
        assert_eq!(bench.drops(GATEWAY, &back), Some(DropReason::Isolated), "{back:x?}");
    }
    assert_eq!(bench.drops(ALICE, &packet(1, 2, v4(1), v4(2))), None, "between endpoints nothing is looked at");
}
