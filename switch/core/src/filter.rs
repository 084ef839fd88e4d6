//! Which frames a capture is about, in the words of tcpdump.
//!
//! ```text
//! arp                          icmp or icmp6              host 10.0.0.1 and not port 22
//! tcp port 80                  src net 10.1.0.0/16        ether host 02:00:00:00:00:0a
//! vlan 5 and udp               broadcast                  (arp or icmp) and dst host 10.0.0.2
//! ```
//! The part of pcap-filter(7) that people type, with its rules: `and` and `or` bind alike, from left to right, and an address or
//! number alone is what the one before it was, so that `src 10.0.0.1 or 10.0.0.2` means two sources. Two things are different:
//! VLAN tags are looked through, so that `arp` finds tagged ARP too, and an address that nothing stands before is a host's. It is
//! *not* a machine for byte offsets.

mod parse;

use crate::mac::MacAddr;
use etherparse::{IpNumber, LaxIpPayloadSlice, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket};
pub use parse::FilterError;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// A filter that was read and can be held against frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(Node);

impl Filter {
    /// Whether the filter takes a frame of `len` bytes, of which `bytes` are there. Takes any bytes and allocates nothing.
    pub fn matches(&self, bytes: &[u8], len: usize) -> bool {
        self.0.holds(&Facts::of(bytes, len))
    }
}

impl FromStr for Filter {
    type Err = FilterError;

    /// Reads an expression. An empty one takes everything.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        parse::parse(text).map(Self)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    All,
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Term(Term),
}

impl Node {
    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::All => true,
            Self::Not(node) => !node.holds(facts),
            Self::And(left, right) => left.holds(facts) && right.holds(facts),
            Self::Or(left, right) => left.holds(facts) || right.holds(facts),
            Self::Term(term) => term.holds(facts),
        }
    }
}

/// Which end of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Destination,
    Either,
}

impl Side {
    fn any<T>(self, source: T, destination: T, holds: impl Fn(T) -> bool) -> bool {
        match self {
            Self::Source => holds(source),
            Self::Destination => holds(destination),
            Self::Either => holds(source) || holds(destination),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Term {
    Type(u16),
    Protocol(u8),
    /// `icmp` is IPv4's alone, `icmp6` IPv6's.
    ProtocolIn(u16, u8),
    Vlan(Option<u16>),
    Broadcast,
    Multicast,
    Mac(Side, MacAddr),
    /// An address and how many of its bits count.
    Net(Side, IpAddr, u8),
    Port(Side, u16),
    AtMost(usize),
    AtLeast(usize),
}

impl Term {
    fn holds(self, facts: &Facts) -> bool {
        match self {
            Self::Type(kind) => facts.kind == kind,
            Self::Protocol(protocol) => facts.protocol == Some(protocol),
            Self::ProtocolIn(kind, protocol) => facts.kind == kind && facts.protocol == Some(protocol),
            Self::Vlan(None) => facts.vlans.iter().any(Option::is_some),
            Self::Vlan(vid) => facts.vlans.contains(&vid),
            Self::Broadcast => facts.macs.1.is_broadcast(),
            Self::Multicast => facts.macs.1.is_group(),
            Self::Mac(side, mac) => side.any(facts.macs.0, facts.macs.1, |end| end == mac),
            Self::Net(side, net, bits) => {
                side.any(facts.ips.0, facts.ips.1, |end| end.is_some_and(|end| is_in(end, net, bits)))
            }
            Self::Port(side, port) => facts.ports.is_some_and(|(from, to)| side.any(from, to, |end| end == port)),
            Self::AtMost(len) => facts.len <= len,
            Self::AtLeast(len) => facts.len >= len,
        }
    }
}

fn is_in(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            let differ = address.to_bits() ^ net.to_bits();
            bits == 0 || differ >> (32 - u32::from(bits.min(32))) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => {
            let differ = address.to_bits() ^ net.to_bits();
            bits == 0 || differ >> (128 - u32::from(bits.min(128))) == 0
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// All that a filter can ask of a frame.
#[derive(Debug)]
struct Facts {
    len: usize,
    /// Source and destination, in this order everywhere.
    macs: (MacAddr, MacAddr),
    vlans: [Option<u16>; 3],
    /// Behind the tags.
    kind: u16,
    /// Of an IP packet, or those that an ARP packet is about.
    ips: (Option<IpAddr>, Option<IpAddr>),
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
}

impl Facts {
    fn of(bytes: &[u8], len: usize) -> Self {
        let mac_at = |at: usize| MacAddr(bytes.get(at..).and_then(|rest| rest.first_chunk().copied()).unwrap_or_default());
        let macs = (mac_at(6), mac_at(0));
        let mut facts = Self { len, macs, vlans: [None; 3], kind: 0, ips: (None, None), protocol: None, ports: None };
        if let Ok(packet) = LaxSlicedPacket::from_ethernet(bytes) {
            facts.add_link(&packet);
            facts.add_network(packet.net.as_ref());
        }
        facts
    }

    fn add_link(&mut self, packet: &LaxSlicedPacket<'_>) {
        self.kind = packet.ether_payload().map_or(0, |payload| payload.ether_type.0);
        for (vlan, tag) in self.vlans.iter_mut().zip(&packet.link_exts) {
            if let LaxLinkExtSlice::Vlan(tag) = tag {
                *vlan = Some(tag.vlan_identifier().value());
            }
        }
    }

    fn add_network(&mut self, net: Option<&LaxNetSlice<'_>>) {
        match net {
            Some(LaxNetSlice::Ipv4(ip)) => {
                let header = ip.header();
                self.ips = (Some(header.source_addr().into()), Some(header.destination_addr().into()));
                self.add_payload(ip.payload(), header.fragments_offset().value() == 0);
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let header = ip.header();
                self.ips = (Some(header.source_addr().into()), Some(header.destination_addr().into()));
                self.add_payload(ip.payload(), !ip.is_payload_fragmented());
            }
            Some(LaxNetSlice::Arp(arp)) => {
                let address = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into());
                self.ips = (address(arp.sender_protocol_addr()), address(arp.target_protocol_addr()));
            }
            None => {}
        }
    }

    fn add_payload(&mut self, ip: &LaxIpPayloadSlice<'_>, has_ports: bool) {
        self.protocol = Some(ip.ip_number.0);
        if has_ports
            && matches!(ip.ip_number, IpNumber::TCP | IpNumber::UDP)
            && let [a, b, c, d, ..] = ip.payload
        {
            self.ports = Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])));
        }
    }
}
