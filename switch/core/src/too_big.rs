//! The answer to a packet that does not fit into a tunnel: ICMP "fragmentation needed" and ICMPv6 "packet too big".
//!
//! A tunnel carries less than the wires beside it, and whoever sends too much must hear so, or his connections hang (RFC 2923, 2.1). No
//! router is on the way that would say it, so the switch does, in the name of the packet's destination: that is the one address
//! there that the sender has a reason to believe. Linux does the same for its tunnels under a bridge (`skb_tunnel_check_pmtu`).
//!
//! It is *not* an answer to everything. Of IPv4 only packets that must not be fragmented get one, as in Linux: a tunnel end does not
//! fragment (RFC 7348, 4.3), and who leaves that to the way does not look for its MTU. Never answered are packets to groups, from what
//! is no host, later fragments, and ICMP errors (RFC 1122, 3.2.2; RFC 4443, 2.4 e). RFC 4443 would allow one to a group of IPv6, but it
//! could not come from there.

use crate::frame::{Frame, HEADER_LEN};
use crate::storm::StormLimit;
use crate::verdict::Generated;
use etherparse::icmpv4::DestUnreachableHeader;
use etherparse::{
    Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber, Ipv4Header, Ipv4HeaderSlice, Ipv6Header, Ipv6HeaderSlice,
};
use std::net::{Ipv4Addr, Ipv6Addr};

/// How many answers one port gets: what Linux sends in a second, and at once, to all hosts (`icmp_msgs_per_sec`, `icmp_msgs_burst`).
pub(crate) const LIMIT: StormLimit = StormLimit { rate: 1000, burst: 50 };

/// Bytes of the longest IPv4 packet that everybody takes, which an answer does not exceed (RFC 1812, 4.3.2.3).
const LONGEST_V4: usize = 576;

/// The same for IPv6 (RFC 4443, 3.2).
const LONGEST_V6: usize = 1280;

/// No link of IPv4 has a smaller MTU (RFC 791, 3.2).
const LEAST_V4: u32 = 68;

/// No link of IPv6 has a smaller MTU (RFC 8200, 5).
const LEAST_V6: u32 = 1280;

/// Extension headers that are followed; real packets have two or three.
const HEADERS_MAX: usize = 8;

const ICMP_LEN: usize = 8;

/// Hops that an answer may go: it ends one hop on, or is routed home.
const HOPS: u8 = 64;

/// Why a packet that is too big is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Silence {
    NotIp,
    Padding,
    MayFragment,
    LaterFragment,
    Group,
    NoHost,
    IcmpError,
    Limit,
}

impl Silence {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::NotIp => "no IP packet",
            Self::Padding => "the packet itself would fit: the rest is padding",
            Self::MayFragment => "IPv4 that may be fragmented: a tunnel end does not",
            Self::LaterFragment => "a later fragment",
            Self::Group => "for more than one host",
            Self::NoHost => "its source is no host's address",
            Self::IcmpError => "it is an ICMP error itself",
            Self::Limit => "the port has had as many answers as it gets",
        }
    }
}

/// An answer that is to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooBig<'a> {
    frame: Frame<'a>,
    /// From the IP header to where it ends.
    packet: &'a [u8],
    addresses: Addresses,
    /// As it is told.
    mtu: u32,
}

#[derive(Clone, Copy, Debug)]
enum Addresses {
    V4 { source: Ipv4Addr, destination: Ipv4Addr },
    V6 { source: Ipv6Addr, destination: Ipv6Addr },
}

impl<'a> TooBig<'a> {
    /// The answer to `frame`, which exceeds a tunnel's `mtu`, or why there is none.
    pub(crate) fn new(frame: &Frame<'a>, mtu: u32) -> Result<Self, Silence> {
        if frame.destination().is_group() {
            return Err(Silence::Group);
        }
        let packet = frame.bytes().get(HEADER_LEN + frame.tags_len()..).unwrap_or_default();
        let (addresses, len, told) = match frame.ethertype() {
            0x0800 => (v4(packet)?, total_len(packet, 2, 0), mtu.clamp(LEAST_V4, u32::from(u16::MAX))),
            0x86dd => (v6(packet)?, total_len(packet, 4, Ipv6Header::LEN), mtu.max(LEAST_V6)),
            _ => return Err(Silence::NotIp),
        };
        // The length of a super-frame is not that of what does not fit.
        if frame.segments() == 1 && len as u32 <= mtu {
            return Err(Silence::Padding);
        }
        let packet = if frame.segments() == 1 { &packet[..packet.len().min(len)] } else { packet };
        Ok(Self { frame: *frame, packet, addresses, mtu: told })
    }

    pub(crate) fn what(&self) -> Generated {
        match self.addresses {
            Addresses::V4 { .. } => Generated::FragmentationNeeded,
            Addresses::V6 { .. } => Generated::PacketTooBig,
        }
    }

    pub(crate) fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Appends the frame: back to where the packet's came from, in its VLAN.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.frame.source().0);
        out.extend(self.frame.destination().0);
        out.extend(&self.frame.bytes()[12..HEADER_LEN + self.frame.tags_len()]);
        match self.addresses {
            Addresses::V4 { source, destination } => self.write_v4(source, destination, out),
            Addresses::V6 { source, destination } => self.write_v6(source, destination, out),
        }
    }

    fn write_v4(&self, asker: Ipv4Addr, asked: Ipv4Addr, out: &mut Vec<u8>) {
        let quote = &self.packet[..self.packet.len().min(LONGEST_V4 - Ipv4Header::MIN_LEN - ICMP_LEN)];
        let kind = DestUnreachableHeader::FragmentationNeeded { next_hop_mtu: self.mtu as u16 };
        let icmp = Icmpv4Header::with_checksum(Icmpv4Type::DestinationUnreachable(kind), quote);
        let mut ip = Ipv4Header {
            total_len: (Ipv4Header::MIN_LEN + ICMP_LEN + quote.len()) as u16,
            dont_fragment: true,
            time_to_live: HOPS,
            protocol: IpNumber::ICMP,
            source: asked.octets(),
            destination: asker.octets(),
            ..Ipv4Header::default()
        };
        ip.header_checksum = ip.calc_header_checksum();
        out.extend(ip.to_bytes());
        out.extend(icmp.to_bytes());
        out.extend(quote);
    }

    fn write_v6(&self, asker: Ipv6Addr, asked: Ipv6Addr, out: &mut Vec<u8>) {
        let quote = &self.packet[..self.packet.len().min(LONGEST_V6 - Ipv6Header::LEN - ICMP_LEN)];
        let (source, destination) = (asked.octets(), asker.octets());
        let kind = Icmpv6Type::PacketTooBig { mtu: self.mtu };
        let mut icmp = Icmpv6Header::new(kind);
        // Fails beyond 4 GiB alone.
        icmp.checksum = kind.calc_checksum(source, destination, quote).unwrap_or_default();
        let ip = Ipv6Header {
            payload_length: (ICMP_LEN + quote.len()) as u16,
            next_header: IpNumber::IPV6_ICMP,
            hop_limit: HOPS,
            source,
            destination,
            ..Ipv6Header::default()
        };
        out.extend(ip.to_bytes());
        out.extend(icmp.to_bytes());
        out.extend(quote);
    }
}

/// The length that a header states at `at`, and `more` that it does not count.
fn total_len(packet: &[u8], at: usize, more: usize) -> usize {
    let stated = packet.get(at..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u16::from_be_bytes);
    usize::from(stated) + more
}

fn v4(packet: &[u8]) -> Result<Addresses, Silence> {
    let header = Ipv4HeaderSlice::from_slice(packet).map_err(|_| Silence::NotIp)?;
    let (source, destination) = (header.source_addr(), header.destination_addr());
    if header.fragments_offset().value() != 0 {
        return Err(Silence::LaterFragment);
    }
    if !header.dont_fragment() || header.more_fragments() {
        return Err(Silence::MayFragment);
    }
    if destination.is_multicast() || destination.is_broadcast() {
        return Err(Silence::Group);
    }
    if source.octets()[0] == 0 || source.is_loopback() || source.is_multicast() || source.is_broadcast() {
        return Err(Silence::NoHost);
    }
    // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
    if header.protocol() == IpNumber::ICMP && matches!(packet.get(header.slice().len()), Some(3 | 4 | 5 | 11 | 12)) {
        return Err(Silence::IcmpError);
    }
    Ok(Addresses::V4 { source, destination })
}

fn v6(packet: &[u8]) -> Result<Addresses, Silence> {
    const REDIRECT: u8 = 137;
    let header = Ipv6HeaderSlice::from_slice(packet).map_err(|_| Silence::NotIp)?;
    let (source, destination) = (header.source_addr(), header.destination_addr());
    let (kind, carried) = carried(header.next_header(), &packet[Ipv6Header::LEN..])?;
    if destination.is_multicast() {
        return Err(Silence::Group);
    }
    if source.is_unspecified() || source.is_loopback() || source.is_multicast() {
        return Err(Silence::NoHost);
    }
    if kind == IpNumber::IPV6_ICMP && carried.first().is_some_and(|kind| *kind < 128 || *kind == REDIRECT) {
        return Err(Silence::IcmpError);
    }
    Ok(Addresses::V6 { source, destination })
}

/// What an IPv6 packet carries behind its extension headers, as far as those can be followed.
fn carried(mut next: IpNumber, mut rest: &[u8]) -> Result<(IpNumber, &[u8]), Silence> {
    for _ in 0..HEADERS_MAX {
        let len = match (next, rest) {
            (IpNumber::IPV6_FRAGMENTATION_HEADER, [_, _, high, low, ..]) if u16::from_be_bytes([*high, *low]) >> 3 != 0 => {
                return Err(Silence::LaterFragment);
            }
            (IpNumber::IPV6_FRAGMENTATION_HEADER, _) => 8,
            (IpNumber::AUTHENTICATION_HEADER, [_, words, ..]) => (usize::from(*words) + 2) * 4,
            (
                IpNumber::IPV6_HEADER_HOP_BY_HOP | IpNumber::IPV6_ROUTE_HEADER | IpNumber::IPV6_DESTINATION_OPTIONS,
                [_, eights, ..],
            ) => (usize::from(*eights) + 1) * 8,
            _ => break,
        };
        let (Some(after), Some(behind)) = (rest.first(), rest.get(len..)) else { break };
        (next, rest) = (IpNumber(*after), behind);
    }
    Ok((next, rest))
}
