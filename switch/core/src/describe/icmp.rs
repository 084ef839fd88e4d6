//! ICMP (RFC 792), ICMPv6 (RFC 4443) and neighbour discovery (RFC 4861).

use super::internet::IpPacket;
use super::ipv6_at;
use etherparse::{IcmpEchoHeader, Icmpv4Slice, Icmpv6Slice};
use std::fmt;

pub(super) fn v4_line(out: &mut fmt::Formatter<'_>, ip: &IpPacket<'_>, icmp: &Icmpv4Slice<'_>, len: usize) -> fmt::Result {
    write!(out, "icmp {} > {} ", ip.from, ip.to)?;
    match (icmp.type_u8(), icmp.code_u8()) {
        (8, 0) => echo(out, "request", icmp.bytes5to8(), len),
        (0, 0) => echo(out, "reply", icmp.bytes5to8(), len),
        (3, 0) => out.write_str("network unreachable"),
        (3, 1) => out.write_str("host unreachable"),
        (3, 3) => out.write_str("port unreachable"),
        (3, 4) => write!(out, "fragmentation needed, mtu {}", super::u16_at(&icmp.bytes5to8(), 2).unwrap_or(0)),
        (3, code) => write!(out, "unreachable, code {code}"),
        (5, _) => out.write_str("redirect"),
        (11, 0) => out.write_str("time exceeded"),
        (kind, code) => write!(out, "type {kind} code {code}"),
    }
}

pub(super) fn v6_line(out: &mut fmt::Formatter<'_>, ip: &IpPacket<'_>, icmp: &Icmpv6Slice<'_>, len: usize) -> fmt::Result {
    write!(out, "icmp6 {} > {} ", ip.from, ip.to)?;
    match (icmp.type_u8(), icmp.code_u8()) {
        (128, 0) => echo(out, "request", icmp.bytes5to8(), len),
        (129, 0) => echo(out, "reply", icmp.bytes5to8(), len),
        (1, 4) => out.write_str("port unreachable"),
        (1, code) => write!(out, "unreachable, code {code}"),
        (2, _) => write!(out, "packet too big, mtu {}", u32::from_be_bytes(icmp.bytes5to8())),
        (3, 0) => out.write_str("time exceeded"),
        (130, _) => out.write_str("multicast listener query"),
        (131 | 143, _) => out.write_str("multicast listener report"),
        (132, _) => out.write_str("multicast listener done"),
        (133, _) => out.write_str("router solicitation"),
        (134, _) => router_advertisement(out, icmp),
        (135, _) => neighbor(out, "neighbor solicitation who-has", icmp),
        (136, _) => neighbor(out, "neighbor advertisement", icmp),
        (137, _) => out.write_str("redirect"),
        (kind, code) => write!(out, "type {kind} code {code}"),
    }
}

fn echo(out: &mut fmt::Formatter<'_>, what: &str, rest: [u8; 4], len: usize) -> fmt::Result {
    let IcmpEchoHeader { id, seq } = IcmpEchoHeader::from_bytes(rest);
    write!(out, "echo {what} id {id} seq {seq} len {len}")
}

/// RFC 4861, 4.2: hop limit, flags, lifetime in seconds.
fn router_advertisement(out: &mut fmt::Formatter<'_>, icmp: &Icmpv6Slice<'_>) -> fmt::Result {
    let [_, _, high, low] = icmp.bytes5to8();
    write!(out, "router advertisement lifetime {} s", u16::from_be_bytes([high, low]))
}

/// RFC 4861, 4.3 and 4.4: the target stands behind the first eight bytes in both.
fn neighbor(out: &mut fmt::Formatter<'_>, what: &str, icmp: &Icmpv6Slice<'_>) -> fmt::Result {
    match ipv6_at(icmp.slice(), 8) {
        Some(target) => write!(out, "{what} {target}"),
        None => out.write_str(what),
    }
}
