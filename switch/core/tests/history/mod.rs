//! Random histories of a switch: few addresses, few ports and small limits, so that everything collides.

pub(crate) mod guards;

use crate::reference::Sent;
use crate::reference::guard::Body;
use guards::{bodies, dialogue, foreign, guards, neighbours, on_the_wire};
use lanloom_switch_core::{DropReason, FdbLimits, Guard, MacAddr, PortConfig, Prefixes, StormLimit};
use proptest::prelude::*;
use proptest::sample::select;
use std::net::IpAddr;
use std::sync::Arc;

/// One thing that happens to a switch. A port is picked from those that are or were there, newest first.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Wait(u64),
    Timeout,
    AddPort(PortConfig),
    DeletePort(usize),
    SetPort(usize, PortConfig),
    SetGuard(usize, Option<Arc<Guard>>),
    SetForeign(Arc<Prefixes>),
    SetLink(usize, bool),
    SetEntry {
        mac: MacAddr,
        port: usize,
        sticky: bool,
    },
    DeleteEntry(MacAddr),
    SetNeighbour(IpAddr, MacAddr),
    DeleteNeighbour(IpAddr),
    Flush(Option<usize>),
    Ageing(u32),
    Unreadable(usize, usize),
    /// Taken out by the port's link.
    Consumed(usize, usize),
    /// The switch sends frames of these lengths on a port, and what the link does to each instead of sending it.
    Generate(usize, Vec<usize>, Option<DropReason>),
    Overrun(usize, u64),
    /// Received on a port; `refused` is what every egress link does to its copy instead of sending it.
    Frame {
        port: usize,
        sent: Sent,
        refused: Option<DropReason>,
    },
}

pub(crate) fn histories() -> impl Strategy<Value = (FdbLimits, Vec<Op>)> {
    let limits = (select(vec![1, 2, 3, 5, 8, 65_536]), ageings());
    let limits = limits.prop_map(|(entries, ageing_secs)| FdbLimits { entries, ageing_secs });
    let first = prop::collection::vec(port_configs().prop_map(Op::AddPort), 1..5);
    let next = prop_oneof![25 => ops().prop_map(|op| vec![op]), 1 => dialogues()];
    let rest = prop::collection::vec(next, 1..150);
    (limits, first, rest).prop_map(|(limits, first, rest)| (limits, [first, rest.concat()].concat()))
}

/// One station says where it is, and another asks.
fn dialogues() -> impl Strategy<Value = Vec<Op>> {
    let frame = |port, (source, body): (MacAddr, Body)| {
        let (destination, payload) = (MacAddr::BROADCAST, on_the_wire(body).1.len());
        let sent = Sent { destination, source, tags: 0, body, payload, segments: 1, wire_payload: payload as u32 };
        Op::Frame { port, sent, refused: None }
    };
    (0..5_usize, 0..5_usize, dialogue()).prop_map(move |(one, other, [says, asks])| vec![frame(one, says), frame(other, asks)])
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        40 => (0..5_usize, frames(), refusals()).prop_map(|(port, sent, refused)| Op::Frame { port, sent, refused }),
        8 => waits().prop_map(Op::Wait),
        2 => Just(Op::Timeout),
        1 => port_configs().prop_map(Op::AddPort),
        1 => (0..5_usize).prop_map(Op::DeletePort),
        3 => (0..5_usize, port_configs()).prop_map(|(port, config)| Op::SetPort(port, config)),
        2 => (0..5_usize, guards()).prop_map(|(port, guard)| Op::SetGuard(port, guard)),
        1 => foreign().prop_map(Op::SetForeign),
        2 => (0..5_usize, prop::bool::weighted(0.6)).prop_map(|(port, up)| Op::SetLink(port, up)),
        3 => (macs(), 0..5_usize, any::<bool>()).prop_map(|(mac, port, sticky)| Op::SetEntry { mac, port, sticky }),
        1 => macs().prop_map(Op::DeleteEntry),
        3 => (neighbours(), macs()).prop_map(|(address, mac)| Op::SetNeighbour(address, mac)),
        1 => neighbours().prop_map(Op::DeleteNeighbour),
        1 => prop::option::of(0..5_usize).prop_map(Op::Flush),
        1 => ageings().prop_map(Op::Ageing),
        1 => (0..5_usize, 0..14_usize).prop_map(|(port, len)| Op::Unreadable(port, len)),
        1 => (0..5_usize, 1..9_u64).prop_map(|(port, frames)| Op::Overrun(port, frames)),
        1 => (0..5_usize, 14..90_usize).prop_map(|(port, len)| Op::Consumed(port, len)),
        2 => (0..5_usize, made(), refusals()).prop_map(|(port, lengths, refused)| Op::Generate(port, lengths, refused)),
    ]
}

/// Stations mostly; also group, broadcast, zero and reserved addresses.
fn macs() -> impl Strategy<Value = MacAddr> {
    prop_oneof![
        20 => (1..9_u8).prop_map(|last| MacAddr([0x02, 0, 0, 0, 0, last])),
        3 => Just(MacAddr::BROADCAST),
        2 => Just(MacAddr([0x01, 0x00, 0x5e, 0, 0, 0xfb])),
        3 => (0..0x12_u8).prop_map(|last| MacAddr([0x01, 0x80, 0xc2, 0, 0, last])),
        1 => Just(MacAddr::ZERO),
    ]
}

fn frames() -> impl Strategy<Value = Sent> {
    let shape = prop_oneof![
        4 => (0..64_usize).prop_map(|payload| (payload, 1, payload as u32)),
        1 => (2..9_u32, 100..300_u32).prop_map(|(segments, each)| ((segments * each) as usize, segments, each)),
    ];
    let tags = prop_oneof![3 => Just(0), 1 => 1..3_usize];
    (macs(), macs(), tags, (bodies(), prop::bool::weighted(0.7)), shape).prop_map(
        |(destination, source, tags, (body, honest), (payload, segments, wire_payload))| {
            let body = if honest { body.of(source) } else { body };
            let least = on_the_wire(body).1.len();
            let [payload, wire_payload] = [payload, wire_payload as usize].map(|len| len.max(least));
            Sent { destination, source, tags, body, payload, segments, wire_payload: wire_payload as u32 }
        },
    )
}

/// Some frames that the switch makes, or more than it has room for.
fn made() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![5 => prop::collection::vec(14..90_usize, 1..4), 1 => prop::collection::vec(14..90_usize, 60..70)]
}

fn refusals() -> impl Strategy<Value = Option<DropReason>> {
    let reasons = select(vec![DropReason::QueueFull, DropReason::LinkError, DropReason::OffloadUnsupported]);
    prop::option::weighted(0.2, reasons)
}

fn waits() -> impl Strategy<Value = u64> {
    const SECOND: u64 = 1_000_000_000;
    prop_oneof![Just(1), 0..SECOND / 100, 0..SECOND, SECOND..4 * SECOND, SECOND..16 * SECOND, Just(400 * SECOND)]
}

fn ageings() -> impl Strategy<Value = u32> {
    select(vec![10, 12, 15, 300, 1_000_000])
}

fn port_configs() -> impl Strategy<Value = PortConfig> {
    let on = || prop::bool::weighted(0.85);
    let off = || prop::bool::weighted(0.25);
    let storm = prop_oneof![
        Just(None),
        Just(Some(StormLimit::DEFAULT)),
        (1..2000_u32, 1..6_u32).prop_map(|(rate, burst)| Some(StormLimit { rate, burst })),
    ];
    let reserved = prop_oneof![3 => Just(0), 1 => Just(u16::MAX), 1 => any::<u16>()];
    let mtu = select(vec![u32::MAX, u32::MAX, 1500, 150, 20]);
    let fdb_limit = prop_oneof![3 => Just(None), 2 => (0..4_u32).prop_map(Some)];
    let switches = (on(), on(), on(), on(), on(), off());
    let tunnel = (prop::bool::weighted(0.35), prop::bool::weighted(0.3).prop_map(u16::from), prop::bool::weighted(0.7));
    (switches, mtu, reserved, storm, (fdb_limit, any::<bool>()), guards(), tunnel).prop_map(
        |(
            (up, learning, flood, mcast_flood, bcast_flood, isolated),
            mtu,
            reserved_open,
            storm,
            (fdb_limit, fdb_limit_drops),
            guard,
            (tunnel, segment, suppress),
        )| {
            PortConfig {
                up,
                learning,
                flood,
                mcast_flood,
                bcast_flood,
                isolated,
                mtu,
                reserved_open,
                storm,
                fdb_limit,
                fdb_limit_drops,
                guard,
                tunnel,
                segment,
                suppress,
            }
        },
    )
}
