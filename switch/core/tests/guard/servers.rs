//! Who may act as a router, a DHCP server or a bridge.

use super::*;

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
