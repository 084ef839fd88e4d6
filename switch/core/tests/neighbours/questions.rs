//! Which frames are questions that are answered, and which teach.

use super::*;
use lanloom_switch_core::{DropReason, Fate, Guard, GuardMode, PortConfig};
use std::sync::Arc;

/// A frame with one change.
fn with(mut bytes: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    bytes[at] = value;
    bytes
}

/// C's solicitation for B with another body, its checksum right.
fn solicits(message: &[u8]) -> Vec<u8> {
    let (from, to) = (six(C), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0x0b));
    wire::ether(
        C,
        MacAddr([0x33, 0x33, 0xff, 0, 0, 0x0b]),
        wire::IPV6,
        &wire::ipv6(from, to, 58, &wire::checked(from, to, message)),
    )
}

/// Frames from C that are for B and not to be answered.
fn others() -> Vec<(&'static str, Vec<u8>)> {
    let arp =
        |sender_mac, sender, target| wire::ether(C, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, sender_mac, sender, target));
    let sound = wire::neighbour(135, Some(six(B)), &[(1, C)]);
    let unspecified = wire::solicitation(Ipv6Addr::UNSPECIFIED, six(B), None);
    vec![
        ("an ARP probe", arp(C, Ipv4Addr::UNSPECIFIED, four(B))),
        ("a gratuitous request", arp(C, four(B), four(B))),
        ("a request for another sender", arp(A, four(C), four(B))),
        ("a request of a group", arp(C, Ipv4Addr::new(224, 0, 0, 1), four(B))),
        ("a reply", wire::ether(C, MacAddr::BROADCAST, wire::ARP, &wire::arp(2, C, four(C), four(B)))),
        ("RARP", wire::ether(C, MacAddr::BROADCAST, wire::ARP, &wire::arp(3, C, four(C), four(B)))),
        ("ARP of other hardware", with(asks_four(C, four(B)), 15, 6)),
        ("ARP for another protocol", with(asks_four(C, four(B)), 16, 0x86)),
        ("ARP with longer addresses", with(asks_four(C, four(B)), 18, 8)),
        ("ARP that is cut off", asks_four(C, four(B))[..41].to_vec()),
        ("ARP in a VLAN", wire::tagged(&asks_four(C, four(B)), &[0x8100])),
        ("a solicitation in a VLAN", wire::tagged(&asks_six(C, six(B)), &[0x8100])),
        ("duplicate address detection", wire::ether(C, MacAddr([0x33, 0x33, 0xff, 0, 0, 11]), wire::IPV6, &unspecified)),
        ("a solicitation that was routed", with(asks_six(C, six(B)), 21, 254)),
        ("a wrong checksum", with(asks_six(C, six(B)), 56, 0x55)),
        ("another code", solicits(&with(sound.clone(), 1, 1))),
        ("no link-layer address", solicits(&wire::neighbour(135, Some(six(B)), &[]))),
        ("another's link-layer address", solicits(&wire::neighbour(135, Some(six(B)), &[(1, A)]))),
        ("an option without length", solicits(&[&sound[..], &[14, 0, 0, 0, 0, 0, 0, 0]].concat())),
        ("an option that is too long", solicits(&[&sound[..], &[14, 9, 0, 0, 0, 0, 0, 0]].concat())),
        ("half an option", solicits(&[&sound[..], &[14]].concat())),
        (
            "a solicitation for a group",
            solicits(&wire::neighbour(135, Some(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1)), &[(1, C)])),
        ),
        ("a solicitation that is cut off", asks_six(C, six(B))[..70].to_vec()),
        ("an extension header", {
            let (from, to) = (six(C), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00, 0x0b));
            let packet = wire::ipv6(from, to, 60, &wire::extension(58, 0, &wire::checked(from, to, &sound)));
            wire::ether(C, MacAddr([0x33, 0x33, 0xff, 0, 0, 11]), wire::IPV6, &packet)
        }),
        ("some other packet", wire::ether(C, MacAddr::BROADCAST, wire::IPV4, &wire::ipv4(four(C), four(B), 0, 17, &[]))),
    ]
}

#[test]
fn what_is_no_sound_question_of_a_host_with_an_address_passes_as_any_frame() {
    for (what, frame) in others() {
        assert_eq!(passes(&mut taught(), BESIDE, &frame), [HERE, TUNNEL], "{what}: {frame:02x?}");
    }
}

#[test]
fn a_question_with_more_options_and_padding_is_one_all_the_same() {
    let message = wire::neighbour(135, Some(six(B)), &[(14, A), (1, C), (25, A)]);
    let frame = [solicits(&message), vec![0; 40]].concat();
    assert!(handed(&mut taught(), BESIDE, &frame).1.is_some());
    assert!(handed(&mut taught(), BESIDE, &[asks_four(C, four(B)), vec![0; 18]].concat()).1.is_some());
}

#[test]
fn an_unknown_address_is_asked_for_as_always() {
    let mut bench = taught();
    let other = MacAddr([2, 0, 0, 0, 0, 99]);
    assert_eq!(passes(&mut bench, BESIDE, &asks_four(C, four(other))), [HERE, TUNNEL]);
    assert_eq!(passes(&mut bench, BESIDE, &asks_six(C, six(other))), [HERE, TUNNEL]);
}

#[test]
fn what_comes_out_of_a_tunnel_is_not_answered() {
    let mut bench = taught();
    let far = MacAddr([2, 0, 0, 0, 0, 99]);
    assert_eq!(passes(&mut bench, TUNNEL, &asks_four(far, four(B))), [HERE, BESIDE]);
    assert_eq!(passes(&mut bench, TUNNEL, &asks_six(far, six(B))), [HERE, BESIDE]);
}

#[test]
fn a_question_that_would_not_go_into_the_tunnel_is_not_answered() {
    let mut bench = taught();
    let changes: [fn(&mut PortConfig); 4] = [
        |port| (port.bcast_flood, port.mcast_flood) = (false, false),
        |port| port.segment = 1,
        |port| port.suppress = false,
        |port| port.tunnel = false,
    ];
    for set in changes {
        let before = bench.switch.config(bench.ports[TUNNEL]).expect("there").clone();
        bench.set(TUNNEL, set);
        assert!(!answers(&mut bench));
        bench.set(TUNNEL, |port| *port = before.clone());
        bench.bytes(TUNNEL, &replies(B));
        bench.bytes(TUNNEL, &advertises(B, SOLICITED | OVERRIDE));
        assert!(answers(&mut bench));
    }
}

#[test]
fn a_question_that_a_guard_refuses_is_dropped_and_not_answered() {
    let mut bench = taught();
    let guard = |mac| {
        Some(Arc::new(Guard { mac: Some(mac), addresses: vec![four(mac).into()], mode: GuardMode::Strict, ..Guard::default() }))
    };
    [(HERE, A), (BESIDE, C)].into_iter().for_each(|(port, mac)| {
        bench.switch.set_guard(bench.ports[port], guard(mac)).expect("there");
    });
    let spoofed = wire::ether(C, MacAddr::BROADCAST, wire::ARP, &wire::arp(1, C, four(A), four(B)));
    let (verdict, answer) = handed(&mut bench, BESIDE, &spoofed);
    assert_eq!((verdict.fate, answer), (Fate::Dropped(DropReason::Spoofed), None));
    assert!(handed(&mut bench, BESIDE, &asks_four(C, four(B))).1.is_some());
}

#[test]
fn every_sound_word_of_a_host_behind_the_tunnel_teaches_and_nothing_else_does() {
    let to_all = |kind, packet: &[u8]| wire::ether(B, MacAddr::BROADCAST, kind, packet);
    let known = |frame: &[u8], asked: &[u8]| {
        let mut bench = bench();
        bench.bytes(TUNNEL, frame);
        handed(&mut bench, BESIDE, asked).1.is_some()
    };
    let (four_asked, six_asked) = (asks_four(C, four(B)), asks_six(C, six(B)));
    assert!(known(&replies(B), &four_asked));
    assert!(known(&asks_four(B, four(A)), &four_asked), "who asks is there too");
    assert!(known(&to_all(wire::ARP, &wire::arp(1, B, four(B), four(B))), &four_asked), "who announces itself");
    assert!(
        !known(&to_all(wire::ARP, &wire::arp(1, B, Ipv4Addr::UNSPECIFIED, four(B))), &four_asked),
        "a probe has no address yet"
    );
    assert!(!known(&wire::tagged(&replies(B), &[0x8100]), &four_asked), "of a VLAN");
    assert!(known(&advertises(B, OVERRIDE), &six_asked));
    assert!(known(&advertises(B, 0), &six_asked));
    assert!(!known(&with(advertises(B, OVERRIDE), 56, 1), &six_asked), "a wrong checksum");
    assert!(!known(&with(advertises(B, OVERRIDE), 21, 64), &six_asked), "routed");
    let to_group = wire::advertisement(six(B), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), SOLICITED, B);
    assert!(!known(&to_all(wire::IPV6, &to_group), &six_asked), "solicited by everybody");
    assert!(!known(&asks_six(B, six(A)), &six_asked), "nobody has said yet whether it is a router");
}

#[test]
fn a_solicitation_says_where_its_sender_is_now_and_not_whether_it_is_a_router() {
    let mut bench = taught();
    let asks = |bench: &mut Bench| handed(bench, BESIDE, &asks_six(C, six(B))).1;
    bench.bytes(TUNNEL, &asks_six(B, six(A)));
    assert!(asks(&mut bench).is_some(), "it still is none");
    let other = MacAddr([2, 0, 0, 0, 0, 99]);
    bench.bytes(
        TUNNEL,
        &wire::ether(
            other,
            MacAddr([0x33, 0x33, 0xff, 0, 0, 10]),
            wire::IPV6,
            &wire::solicitation(six(B), six(A), Some(other)),
        ),
    );
    assert!(asks(&mut bench).is_none(), "of the new host nobody has said it");
}

#[test]
fn an_advertisement_that_does_not_override_leaves_what_is_known() {
    let mut bench = taught();
    let other = MacAddr([2, 0, 0, 0, 0, 99]);
    let of_other = |flags| wire::ether(other, A, wire::IPV6, &wire::advertisement(six(B), six(A), flags, other));
    let at = |bench: &mut Bench| {
        handed(bench, BESIDE, &asks_six(C, six(B))).1.map(|answer| MacAddr(*answer[6..].first_chunk().expect("a frame")))
    };
    bench.bytes(TUNNEL, &of_other(SOLICITED));
    assert_eq!(at(&mut bench), Some(B));
    bench.bytes(TUNNEL, &of_other(SOLICITED | OVERRIDE));
    assert_eq!(at(&mut bench), Some(other));
}
