//! Frames that would hide something, and what `trace` says of it all.

use super::networks::foreign;
use super::*;

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
