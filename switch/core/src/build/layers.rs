//! Headers for what was said, from the Ethernet header inwards.

use super::words::{Flags, Kind, Words};
use super::{BUILD_MAX, BuildError, Built, Known};
use crate::frame::{HEADER_LEN, TAG_LEN};
use crate::mac::MacAddr;
use etherparse::{
    ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Type, IpNumber,
    Ipv4Header, Ipv6Header, SingleVlanHeader, TcpHeader, UdpHeader, VlanId,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses kept for documentation (RFC 5737, RFC 3849), for who was not said.
const SRC4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DST4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const SRC6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const DST6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);

/// What nobody said: chosen, and noted.
struct Chosen<'a> {
    known: &'a dyn Known,
    assumed: Vec<String>,
}

impl Chosen<'_> {
    fn note<T: std::fmt::Display>(&mut self, key: &str, value: T) -> T {
        self.assumed.push(format!("{key}={value}"));
        value
    }

    /// The hardware address of who sends from that address.
    fn sender(&mut self, ip: IpAddr) -> MacAddr {
        let mac = self.known.sender().unwrap_or_else(|| made_mac(ip));
        self.note("smac", mac)
    }

    /// The hardware address of who gets what goes to that address; a group's is no choice.
    fn receiver(&mut self, ip: IpAddr) -> MacAddr {
        match group_mac(ip) {
            Some(mac) => mac,
            None => {
                let mac = self.known.neighbour(ip).unwrap_or_else(|| made_mac(ip));
                self.note("dmac", mac)
            }
        }
    }
}

pub(super) fn write(known: &dyn Known, words: &Words) -> Result<Built, BuildError> {
    let mut chosen = Chosen { known, assumed: Vec::new() };
    let (macs, kind, payload) = match words.kind {
        Kind::Ethernet => ethernet(words)?,
        Kind::Arp => arp(words, &mut chosen)?,
        Kind::Icmp | Kind::Tcp | Kind::Udp => internet(words, &mut chosen)?,
    };
    let len = HEADER_LEN + TAG_LEN * words.vlans.len() + payload.len();
    if len > BUILD_MAX {
        return Err(BuildError::TooLong { len });
    }
    let mut types: Vec<_> = words.vlans.iter().map(|_| EtherType::VLAN_TAGGED_FRAME).collect();
    if types.len() == 2 {
        types[0] = EtherType::PROVIDER_BRIDGING;
    }
    types.push(kind);
    let header = Ethernet2Header { source: macs.0.0, destination: macs.1.0, ether_type: types[0] };
    let mut bytes = header.to_bytes().to_vec();
    for (vid, ether_type) in words.vlans.iter().zip(&types[1..]) {
        let vlan_id = VlanId::try_new(*vid).unwrap_or_default();
        bytes.extend(SingleVlanHeader { vlan_id, ether_type: *ether_type, ..SingleVlanHeader::default() }.to_bytes());
    }
    bytes.extend(payload);
    Ok(Built { bytes, assumed: chosen.assumed })
}

/// Source and destination, type, and what is behind the Ethernet header.
type Layers = ((MacAddr, MacAddr), EtherType, Vec<u8>);

fn ethernet(words: &Words) -> Result<Layers, BuildError> {
    let expected = "a MAC address";
    let source = words.src.mac.ok_or(BuildError::Missing { key: "src", expected })?;
    let destination = words.dst.mac.ok_or(BuildError::Missing { key: "dst", expected })?;
    let kind = words.ethertype.ok_or(BuildError::Missing { key: "type", expected: "an Ethernet type, like 0x88b5" })?;
    for (end, key) in [(words.src, "src"), (words.dst, "dst")] {
        if let Some(ip) = end.ip {
            return Err(BuildError::BadValue { key, value: ip.to_string(), expected });
        }
    }
    Ok(((source, destination), EtherType(kind), payload(words, 46)?))
}

fn arp(words: &Words, chosen: &mut Chosen<'_>) -> Result<Layers, BuildError> {
    let (IpAddr::V4(source), IpAddr::V4(target)) = addresses(words, chosen)? else { return Err(BuildError::MixedFamilies) };
    let sender_mac = words.src.mac.unwrap_or_else(|| chosen.sender(source.into()));
    let reply = words.reply.unwrap_or(false);
    let destination = match words.dst.mac {
        Some(mac) => mac,
        None if reply => chosen.receiver(target.into()),
        None => MacAddr::BROADCAST,
    };
    let target_mac = if reply { destination } else { MacAddr::ZERO };
    let packet = ArpEthIpv4Packet {
        operation: if reply { ArpOperation::REPLY } else { ArpOperation::REQUEST },
        sender_mac: sender_mac.0,
        sender_ipv4: source.octets(),
        target_mac: target_mac.0,
        target_ipv4: target.octets(),
    };
    Ok(((sender_mac, destination), EtherType::ARP, packet.to_bytes().to_vec()))
}

fn internet(words: &Words, chosen: &mut Chosen<'_>) -> Result<Layers, BuildError> {
    let (source, destination) = addresses(words, chosen)?;
    let source_mac = words.src.mac.unwrap_or_else(|| chosen.sender(source));
    let destination_mac = words.dst.mac.unwrap_or_else(|| chosen.receiver(destination));
    let data = payload(words, 0)?;
    let ttl = words.ttl.unwrap_or(64);
    let (kind, packet) = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => (EtherType::IPV4, v4(words, source, destination, ttl, &data)),
        (IpAddr::V6(source), IpAddr::V6(destination)) => (EtherType::IPV6, v6(words, source, destination, ttl, &data)),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return Err(BuildError::MixedFamilies),
    };
    let packet = packet.ok_or(BuildError::TooLong { len: HEADER_LEN + data.len() + 40 })?;
    Ok(((source_mac, destination_mac), kind, packet))
}

/// An IPv4 packet; `None` if it would be too long.
fn v4(words: &Words, source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, data: &[u8]) -> Option<Vec<u8>> {
    let (source, destination) = (source.octets(), destination.octets());
    let (protocol, header) = match words.kind {
        Kind::Tcp => {
            let mut tcp = tcp(words);
            tcp.checksum = tcp.calc_checksum_ipv4_raw(source, destination, data).ok()?;
            (IpNumber::TCP, tcp.to_bytes().to_vec())
        }
        Kind::Udp => {
            let mut udp = udp(words, data)?;
            udp.checksum = udp.calc_checksum_ipv4_raw(source, destination, data).ok()?;
            (IpNumber::UDP, udp.to_bytes().to_vec())
        }
        Kind::Icmp | Kind::Arp | Kind::Ethernet => {
            let kind = if words.reply == Some(true) { Icmpv4Type::EchoReply } else { Icmpv4Type::EchoRequest };
            (IpNumber::ICMP, Icmpv4Header::with_checksum(kind(echo(words)), data).to_bytes().to_vec())
        }
    };
    let len = u16::try_from(header.len() + data.len()).ok()?;
    let mut ip = Ipv4Header::new(len, ttl, protocol, source, destination).ok()?;
    ip.header_checksum = ip.calc_header_checksum();
    Some([&ip.to_bytes(), &header[..], data].concat())
}

/// An IPv6 packet; `None` if it would be too long.
fn v6(words: &Words, source: Ipv6Addr, destination: Ipv6Addr, hop_limit: u8, data: &[u8]) -> Option<Vec<u8>> {
    let (source, destination) = (source.octets(), destination.octets());
    let (next_header, header) = match words.kind {
        Kind::Tcp => {
            let mut tcp = tcp(words);
            tcp.checksum = tcp.calc_checksum_ipv6_raw(source, destination, data).ok()?;
            (IpNumber::TCP, tcp.to_bytes().to_vec())
        }
        Kind::Udp => {
            let mut udp = udp(words, data)?;
            udp.checksum = udp.calc_checksum_ipv6_raw(source, destination, data).ok()?;
            (IpNumber::UDP, udp.to_bytes().to_vec())
        }
        Kind::Icmp | Kind::Arp | Kind::Ethernet => {
            let kind = if words.reply == Some(true) { Icmpv6Type::EchoReply } else { Icmpv6Type::EchoRequest };
            let icmp = kind(echo(words)).to_header(source, destination, data).ok()?;
            (IpNumber::IPV6_ICMP, icmp.to_bytes().to_vec())
        }
    };
    let payload_length = u16::try_from(header.len() + data.len()).ok()?;
    let ip = Ipv6Header { payload_length, next_header, hop_limit, source, destination, ..Ipv6Header::default() };
    Some([&ip.to_bytes(), &header[..], data].concat())
}

fn tcp(words: &Words) -> TcpHeader {
    let (from, to) = (words.src.port.unwrap_or(40000), words.dst.port.unwrap_or(80));
    let mut tcp = TcpHeader::new(from, to, words.seq.unwrap_or(0), 65535);
    let flags = words.flags.unwrap_or(Flags { syn: true, ..Flags::default() });
    (tcp.fin, tcp.syn, tcp.rst, tcp.psh, tcp.ack, tcp.urg) = (flags.fin, flags.syn, flags.rst, flags.psh, flags.ack, flags.urg);
    tcp.acknowledgment_number = words.ack.unwrap_or(0);
    tcp
}

/// `None` if the payload is too long.
fn udp(words: &Words, data: &[u8]) -> Option<UdpHeader> {
    let length = u16::try_from(UdpHeader::LEN + data.len()).ok()?;
    let (source_port, destination_port) = (words.src.port.unwrap_or(40000), words.dst.port.unwrap_or(9));
    Some(UdpHeader { source_port, destination_port, length, checksum: 0 })
}

fn echo(words: &Words) -> IcmpEchoHeader {
    IcmpEchoHeader { id: words.id.unwrap_or(1), seq: words.seq.unwrap_or(1) as u16 }
}

/// As many bytes as were asked for, counting up.
fn payload(words: &Words, default: usize) -> Result<Vec<u8>, BuildError> {
    let len = words.len.unwrap_or(default);
    if len > BUILD_MAX {
        return Err(BuildError::TooLong { len: len.saturating_add(HEADER_LEN) });
    }
    Ok((0..len).map(|at| at as u8).collect())
}

fn addresses(words: &Words, chosen: &mut Chosen<'_>) -> Result<(IpAddr, IpAddr), BuildError> {
    let six = [words.src.ip, words.dst.ip].into_iter().flatten().any(|ip| ip.is_ipv6());
    let (src, dst): (IpAddr, IpAddr) = if six { (SRC6.into(), DST6.into()) } else { (SRC4.into(), DST4.into()) };
    let own = chosen.known.sender_address(six).unwrap_or(src);
    let src = words.src.ip.unwrap_or_else(|| chosen.note("src", own));
    let dst = words.dst.ip.unwrap_or_else(|| chosen.note("dst", dst));
    if src.is_ipv6() == dst.is_ipv6() { Ok((src, dst)) } else { Err(BuildError::MixedFamilies) }
}

/// The MAC address that frames to a group have (RFC 1112, 6.4; RFC 2464, 7).
fn group_mac(ip: IpAddr) -> Option<MacAddr> {
    match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => Some(MacAddr::BROADCAST),
        IpAddr::V4(ip) if ip.is_multicast() => {
            let [_, b, c, d] = ip.octets();
            Some(MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d]))
        }
        IpAddr::V6(ip) if ip.is_multicast() => {
            let [.., a, b, c, d] = ip.octets();
            Some(MacAddr([0x33, 0x33, a, b, c, d]))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// A local MAC address with the IP address's end.
fn made_mac(ip: IpAddr) -> MacAddr {
    let [a, b, c, d] = match ip {
        IpAddr::V4(ip) => ip.octets(),
        IpAddr::V6(ip) => ip.octets()[12..].try_into().unwrap_or_default(),
    };
    MacAddr([0x02, 0x00, a, b, c, d])
}
