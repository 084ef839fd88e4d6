//! Whose address is used, and who has it.

use super::*;

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
