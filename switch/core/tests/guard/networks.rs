//! What of other networks, and of the world outside of an internal one, does not pass.

use super::*;

/// Packets to and from another network, between the MAC addresses given.
pub(super) fn foreign(source: MacAddr, destination: MacAddr) -> Vec<Vec<u8>> {
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
fn what_the_host_would_send_around_does_not_get_there_whatever_source_it_has() {
    let mut bench = Bench::new();
    let own = Arc::new(Prefixes::new([(IpAddr::from(v4(0)), 24), (v6(0).into(), 64)]));
    bench.change(GATEWAY, |guard| guard.apart = Some(own));
    // The gateway is known to the switch.
    bench.verdict(GATEWAY, &ether(mac(0), MacAddr::BROADCAST, 0x88b5, &[]));
    let packet = |from: Ipv4Addr, to: Ipv4Addr| ether(mac(1), mac(0), IPV4, &ipv4(from, to, 0, UDP, &udp(9, 9)));
    let packet6 = |from: Ipv6Addr, to: Ipv6Addr| ether(mac(1), mac(0), IPV6, &ipv6(from, to, 59, &[]));
    for from in [v4(1), WORLD4, v4(77)] {
        assert_eq!(bench.drops(ALICE, &packet(from, v4(2))), Some(DropReason::Isolated), "{from}");
        assert_eq!(bench.drops(ALICE, &packet(from, v4(0))), None, "{from}: the host itself is reached");
    }
    for from in [v6(1), WORLD6, v6(77)] {
        assert_eq!(bench.drops(ALICE, &packet6(from, v6(2))), Some(DropReason::Isolated), "{from}");
        assert_eq!(bench.drops(ALICE, &packet6(from, v6(0))), None, "{from}: the host itself is reached");
    }
    for out in [packet(v4(1), WORLD4), packet6(v6(1), WORLD6), ether(mac(1), mac(0), ARP, &arp(1, mac(1), v4(1), v4(2)))] {
        assert_eq!(bench.reaches(ALICE, &out), [GATEWAY], "{out:x?}");
    }
    let to_all = ether(mac(1), MacAddr::BROADCAST, IPV4, &ipv4(v4(1), v4(255), 0, UDP, &udp(9, 9)));
    assert!(bench.reaches(ALICE, &to_all).contains(&GATEWAY));
    let mut packet = ipv4(v4(1), v4(0), 0, 6, &[&[131, 7, 4, 10, 0, 0, 2, 0][..], &[0; 20]].concat());
    packet[0] = 0x47;
    bench.switch.set_foreign(&Arc::default());
    assert_eq!(bench.drops(ALICE, &ether(mac(1), mac(0), IPV4, &packet)), Some(DropReason::Isolated), "by a way of its own");
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
