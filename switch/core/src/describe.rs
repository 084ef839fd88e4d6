//! One line that says what a frame is.
//!
//! For people who read a trace or a capture: who, to whom, and the few fields that tell what it wants. It is *not* a
//! dissector; a capture opened in Wireshark is one. It does not look at checksums.

mod application;
mod control;
mod icmp;
mod internet;

use etherparse::{ArpOperation, ArpPacketSlice, EtherType, LaxLinkExtSlice, LaxNetSlice, LaxSlicedPacket};
use internet::IpPacket;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::frame::HEADER_LEN;
use crate::mac::MacAddr;

/// Says what the frame in `bytes` is, like `arp who-has 10.0.0.2 tell 10.0.0.1`. Takes any bytes and allocates nothing.
pub fn describe(bytes: &[u8]) -> Description<'_> {
    Description { bytes, whole_len: bytes.len(), nested: false }
}

/// A frame that shows itself as one line: see [`describe`].
#[derive(Clone, Copy, Debug)]
pub struct Description<'a> {
    bytes: &'a [u8],
    whole_len: usize,
    nested: bool,
}

impl Description<'_> {
    /// The same for bytes that are the beginning of a frame of `len` bytes, as a capture with a snaplen keeps it.
    pub fn cut_from(self, len: usize) -> Self {
        Self { whole_len: len.max(self.bytes.len()), ..self }
    }
}

impl fmt::Display for Description<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(packet) = LaxSlicedPacket::from_ethernet(self.bytes) else {
            return match (self.is_cut(), self.bytes.len(), self.whole_len) {
                (true, kept, len) => write!(out, "Ethernet frame, {len} B, of which {kept} were kept"),
                (false, len, _) => write!(out, "truncated Ethernet frame, {len} B"),
            };
        };
        for tag in &packet.link_exts {
            match tag {
                LaxLinkExtSlice::Vlan(tag) => write!(out, "vlan {} ", tag.vlan_identifier().value())?,
                LaxLinkExtSlice::Macsec(_) => out.write_str("macsec ")?,
            }
        }
        let start = HEADER_LEN + packet.link_exts.iter().map(LaxLinkExtSlice::header_len).sum::<usize>();
        match &packet.net {
            Some(LaxNetSlice::Arp(arp)) => arp_line(out, arp),
            Some(LaxNetSlice::Ipv4(ip)) => {
                IpPacket::v4(ip, self.whole_len.saturating_sub(start)).line(out, &packet, self.nested)
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                IpPacket::v6(ip, self.whole_len.saturating_sub(start)).line(out, &packet, self.nested)
            }
            None => self.other_line(out, &packet, start),
        }
    }
}

impl Description<'_> {
    /// Whether the capture, not the sender, left out its end.
    fn is_cut(&self) -> bool {
        self.whole_len > self.bytes.len()
    }

    /// What is wrong with headers that are not there: nothing if the capture left them out.
    fn fault(&self, fault: &'static str) -> &'static str {
        if self.is_cut() { "" } else { fault }
    }

    fn other_line(&self, out: &mut fmt::Formatter<'_>, packet: &LaxSlicedPacket<'_>, start: usize) -> fmt::Result {
        let (source, destination) = (mac_at(self.bytes, 6), mac_at(self.bytes, 0));
        let len = self.whole_len.saturating_sub(start);
        let Some(inner) = packet.ether_payload() else {
            return write!(out, "{source} > {destination}, {len} B behind a header that does not say what they are");
        };
        if control::line(out, source, destination, inner.ether_type.0, inner.payload)? {
            return Ok(());
        }
        match inner.ether_type {
            EtherType::ARP => write!(out, "arp from {source}{}", self.fault(" (truncated)")),
            EtherType::IPV4 => write!(out, "ip from {source}{}, {len} B", self.fault(" (malformed)")),
            EtherType::IPV6 => write!(out, "ip6 from {source}{}, {len} B", self.fault(" (malformed)")),
            EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING => {
                write!(out, "{source} > {destination}{}", self.fault(", truncated tag"))
            }
            EtherType(length @ 0..0x600) => write!(out, "{source} > {destination} llc {length} B"),
            EtherType(kind) => write!(out, "{source} > {destination} {kind:#06x} {len} B"),
        }
    }
}

/// RFC 826, for Ethernet and IPv4; said as `tcpdump` does.
fn arp_line(out: &mut fmt::Formatter<'_>, arp: &ArpPacketSlice<'_>) -> fmt::Result {
    let (Some(sender), Some(target)) = (ipv4_at(arp.sender_protocol_addr(), 0), ipv4_at(arp.target_protocol_addr(), 0)) else {
        return write!(out, "arp for addresses of {} bytes", arp.proto_addr_size());
    };
    match arp.operation() {
        ArpOperation::REQUEST if sender == target => write!(out, "arp announce {sender}"),
        ArpOperation::REQUEST => write!(out, "arp who-has {target} tell {sender}"),
        ArpOperation::REPLY if arp.hw_addr_size() == 6 => {
            write!(out, "arp reply {sender} is-at {}", mac_at(arp.sender_hw_addr(), 0))
        }
        ArpOperation(operation) => write!(out, "arp operation {operation} {sender} > {target}"),
    }
}

/// The address at `at`; zero if the bytes end before.
fn mac_at(bytes: &[u8], at: usize) -> MacAddr {
    MacAddr(array_at(bytes, at).unwrap_or_default())
}

fn ipv4_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    array_at::<4>(bytes, at).map(Ipv4Addr::from)
}

fn ipv6_at(bytes: &[u8], at: usize) -> Option<Ipv6Addr> {
    array_at::<16>(bytes, at).map(Ipv6Addr::from)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    array_at(bytes, at).map(u16::from_be_bytes)
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
