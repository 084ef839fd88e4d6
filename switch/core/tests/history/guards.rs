//! Guards and packets for histories: so few addresses that many belong to somebody else.

use super::macs;
use crate::reference::guard::{Body, Carried};
use crate::wire;
use lanloom_switch_core::{Guard, GuardMode, MacAddr, Prefixes, Role};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

pub(crate) fn guards() -> impl Strategy<Value = Option<Arc<Guard>>> {
    let role = prop_oneof![3 => Just(Role::Endpoint), 1 => Just(Role::Gateway)];
    let mode = select(vec![GuardMode::Leased, GuardMode::Strict, GuardMode::Off]);
    let own = (0..8_usize).prop_flat_map(|count| subsequence(addresses_of_all(), count.min(3)));
    let guard = (role, mode, any::<bool>(), prop::option::of(stations()), own, foreign());
    let guard = guard.prop_map(|(role, mode, trusted, mac, addresses, foreign)| {
        Some(Arc::new(Guard { role, mode, trusted, mac, addresses, foreign, inside: None, apart: None }))
    });
    prop_oneof![1 => Just(None), 1 => guard]
}

pub(crate) fn foreign() -> impl Strategy<Value = Arc<Prefixes>> {
    let prefixes = vec![(four(4).into(), 32), (four(6).into(), 31), (six(4).into(), 128), (six(6).into(), 127)];
    subsequence(prefixes, 0..4).prop_map(|prefixes| Arc::new(Prefixes::new(prefixes)))
}

fn addresses_of_all() -> Vec<IpAddr> {
    (1..5).flat_map(|last| [four(last).into(), six(last.into()).into()]).collect()
}

pub(crate) fn bodies() -> impl Strategy<Value = Body> {
    let four = || prop_oneof![1 => Just(Ipv4Addr::UNSPECIFIED), 9 => (1..8_u8).prop_map(four)];
    let six = || {
        prop_oneof![
            1 => Just(Ipv6Addr::UNSPECIFIED),
            3 => stations().prop_map(|mac| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, mac.0[5].into())),
            9 => (1..8_u16).prop_map(six),
        ]
    };
    let says = (any::<bool>(), prop::bool::weighted(0.7), prop::bool::weighted(0.9));
    let neighbour = (any::<bool>(), six(), stations(), says);
    let neighbour = neighbour.prop_map(|(answers, target, mac, (router, overrides, sound))| Carried::Neighbour {
        answers,
        target,
        mac,
        router,
        overrides,
        sound,
    });
    let rest = select(vec![Carried::Nothing, Carried::Dhcp, Carried::RouterAdvertisement, Carried::Hidden]);
    prop_oneof![
        8 => Just(Body::Plain),
        1 => Just(Body::Bpdu),
        1 => any::<bool>().prop_map(|six| Body::NoHeader { six }),
        7 => (macs(), four(), four(), prop::bool::weighted(0.3))
            .prop_map(|(mac, sender, target, answers)| Body::Arp { mac, sender, target, answers }),
        3 => (four(), four(), prop::bool::weighted(0.2), any::<bool>())
            .prop_map(|(source, destination, dhcp, whole)| Body::V4 { source, destination, dhcp, whole }),
        6 => (six(), six(), prop_oneof![2 => neighbour, 1 => rest])
            .prop_map(|(source, destination, carried)| Body::V6 { source, destination, carried }),
    ]
}

/// Who says where an address is, and who asks for it.
pub(crate) fn dialogue() -> impl Strategy<Value = [(MacAddr, Body); 2]> {
    (stations(), stations(), 1..8_u8, 1..8_u8, any::<bool>()).prop_map(|(there, asker, known, own, is_six)| {
        let arp = |mac, sender, target, answers| Body::Arp { mac, sender: four(sender), target: four(target), answers };
        let discovery = |mac, answers, source: u8, destination: u8, target: u8| Body::V6 {
            source: six(source.into()),
            destination: six(destination.into()),
            carried: Carried::Neighbour {
                answers,
                target: six(target.into()),
                mac,
                router: false,
                overrides: true,
                sound: true,
            },
        };
        if is_six {
            [(there, discovery(there, true, known, own, known)), (asker, discovery(asker, false, own, known, known))]
        } else {
            [(there, arp(there, known, own, true)), (asker, arp(asker, own, known, false))]
        }
    })
}

/// Addresses to be set by hand.
pub(crate) fn neighbours() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        4 => (1..8_u8).prop_map(|last| four(last).into()),
        4 => (1..8_u16).prop_map(|last| six(last).into()),
        1 => Just(IpAddr::from(Ipv4Addr::UNSPECIFIED)),
    ]
}

fn stations() -> impl Strategy<Value = MacAddr> {
    (1..9_u8).prop_map(|last| MacAddr([0x02, 0, 0, 0, 0, last]))
}

fn four(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

fn six(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last)
}

/// A body on the wire: its type, and what is behind it. A type that is a length comes right as long as nobody reads it.
pub(crate) fn on_the_wire(body: Body) -> (u16, Vec<u8>) {
    match body {
        Body::Plain => (0x88b5, Vec::new()),
        Body::Bpdu => (38, vec![0x42, 0x42, 3]),
        Body::NoHeader { six } => (if six { wire::IPV6 } else { wire::IPV4 }, Vec::new()),
        Body::Arp { mac, sender, target, answers } => (wire::ARP, wire::arp(1 + u16::from(answers), mac, sender, target)),
        Body::V4 { source, destination, dhcp, whole } => {
            let flags = if whole { 0x4000 } else { 0 };
            let port = if dhcp { 67 } else { 68 };
            (wire::IPV4, wire::ipv4(source, destination, flags, wire::UDP, &wire::udp(port, 9)))
        }
        Body::V6 { source, destination, carried } => {
            let (next, payload) = match carried {
                Carried::Nothing => (59, Vec::new()),
                Carried::Dhcp => (wire::UDP, wire::udp(547, 546)),
                Carried::RouterAdvertisement => (wire::ICMPV6, wire::neighbour(134, None, &[])),
                Carried::Hidden => (44, wire::fragment(60, 0, true, &[])),
                Carried::Neighbour { answers, target, mac, router, overrides, sound } => {
                    let (kind, option) = if answers { (136, 2) } else { (135, 1) };
                    let mut message = wire::neighbour(kind, Some(target), &[(option, mac)]);
                    message[4] = u8::from(router) << 7 | u8::from(overrides) << 5;
                    message = wire::checked(source, destination, &message);
                    message[3] ^= u8::from(!sound);
                    (wire::ICMPV6, message)
                }
            };
            (wire::IPV6, wire::ipv6(source, destination, next, &payload))
        }
    }
}
