//! What a guard reads of a frame: ARP and IP, behind at most two VLAN tags and an RFC 1042 header.

use super::ipv6;
use crate::frame::{Frame, HEADER_LEN};
use crate::mac::MacAddr;
use std::net::{IpAddr, Ipv4Addr};

/// A frame in a guard's eyes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packet<'a> {
    /// Neither ARP for IPv4 nor IP.
    Other,
    /// ARP (RFC 826), request or reply. Who is probed for or answered is no claim of the sender's.
    Arp { sender_mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr },
    Ip {
        source: IpAddr,
        destination: IpAddr,
        /// Whether it names routers that it is to pass on its way (RFC 791, 3.1; RFC 8200, 4.4).
        routed: bool,
        upper: Upper<'a>,
    },
}

/// What a packet carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Upper<'a> {
    /// Nothing that a guard knows, or a later fragment, which says nothing of itself.
    Other,
    Udp {
        source_port: u16,
        destination_port: u16,
    },
    /// An ICMPv6 message of at least one byte, and whether the packet is a fragment.
    Icmp6 {
        message: &'a [u8],
        fragment: bool,
    },
    /// A first fragment without the headers that it must have, or more headers than are followed.
    Hidden,
}

/// Why a frame that says it is ARP or IP cannot be read as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// More tags than two, of which a kernel may take off any number.
    Tags,
    Arp,
    Ip,
}

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;

/// Below it, the two bytes of the type are a length, and LLC follows (802.3 clause 3.2.6).
const LEAST_TYPE: u16 = 0x600;

pub(super) const UDP: u8 = 17;
const UDP_LEN: usize = 8;

impl<'a> Packet<'a> {
    pub(super) fn read(frame: &Frame<'a>) -> Result<Self, Unreadable> {
        let (kind, rest) = inside(frame);
        match kind {
            0x8100 | 0x88a8 => Err(Unreadable::Tags),
            ARP => arp(rest).ok_or(Unreadable::Arp),
            IPV4 => ipv4(rest).ok_or(Unreadable::Ip),
            IPV6 => ipv6::read(rest).ok_or(Unreadable::Ip),
            _ => Ok(Self::Other),
        }
    }
}

/// Whether a frame is of a spanning tree: to the group address of bridges (802.1D-2004 Table 7-10) or of PVST+, or with the LLC
/// address of bridges (802.1D-2004 clause 7.12.3) whoever it is to.
pub(super) fn is_bpdu(frame: &Frame<'_>) -> bool {
    const PVST: MacAddr = MacAddr([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd]);
    let (kind, rest) = inside(frame);
    [MacAddr::RESERVED, PVST].contains(&frame.destination()) || (kind < LEAST_TYPE && rest.starts_with(&[0x42, 0x42]))
}

/// The type and what is behind it. Some stations take IP behind an LLC and SNAP header too (RFC 1042; 802.1H), so that is no place to
/// hide. A type that is cut off is 0.
fn inside<'a>(frame: &Frame<'a>) -> (u16, &'a [u8]) {
    let bytes = frame.bytes();
    let at = HEADER_LEN + frame.tags_len();
    let rest = bytes.get(at..).unwrap_or_default();
    let kind = frame.ethertype();
    match rest {
        [0xaa, 0xaa, 0x03, 0, 0, 0x00 | 0xf8, high, low, rest @ ..] if kind < LEAST_TYPE => {
            (u16::from_be_bytes([*high, *low]), rest)
        }
        _ => (kind, rest),
    }
}

fn arp(bytes: &[u8]) -> Option<Packet<'_>> {
    // Kernels take any hardware type whose addresses have six bytes.
    if bytes.get(2..6)? != [0x08, 0x00, 6, 4] {
        return Some(Packet::Other);
    }
    Some(Packet::Arp {
        sender_mac: MacAddr(*bytes.get(8..)?.first_chunk()?),
        sender: Ipv4Addr::from(*bytes.get(14..)?.first_chunk()?),
        target: Ipv4Addr::from(*bytes.get(24..)?.first_chunk()?),
    })
}

fn ipv4(bytes: &[u8]) -> Option<Packet<'_>> {
    let header: &[u8; 20] = bytes.first_chunk()?;
    let header_len = usize::from(header[0] & 0xf) * 4;
    if header[0] >> 4 != 4 || header_len < header.len() || bytes.len() < header_len {
        return None;
    }
    let [total, fragment] = [u16::from_be_bytes([header[2], header[3]]), u16::from_be_bytes([header[6], header[7]])];
    // What is behind the packet's end is padding. A super-frame may be longer than the field can say, and says 0.
    let end = if usize::from(total) < header_len { bytes.len() } else { bytes.len().min(total.into()) };
    let (offset, more) = (fragment & 0x1fff, fragment & 0x2000 != 0);
    let upper = if header[9] == UDP && offset == 0 { udp(&bytes[header_len..end], more) } else { Upper::Other };
    let [source, destination] = [12, 16].map(|at| IpAddr::from([header[at], header[at + 1], header[at + 2], header[at + 3]]));
    Some(Packet::Ip { source, destination, routed: has_source_route(&bytes[header.len()..header_len]), upper })
}

/// Whether a loose or strict source route is among options of IPv4. Options that end too early are those of no packet.
fn has_source_route(mut options: &[u8]) -> bool {
    const NO_OPERATION: u8 = 1;
    loop {
        match options {
            [] | [0, ..] => return false,
            [131 | 137, ..] => return true,
            [NO_OPERATION, rest @ ..] => options = rest,
            [_, len, ..] if *len >= 2 => options = options.get(usize::from(*len)..).unwrap_or_default(),
            [_, ..] => return false,
        }
    }
}

/// What is carried in UDP. `fragment`: more of it comes in other packets.
pub(super) fn udp(bytes: &[u8], fragment: bool) -> Upper<'_> {
    match bytes {
        _ if fragment && bytes.len() < UDP_LEN => Upper::Hidden,
        [high, low, to_high, to_low, ..] => Upper::Udp {
            source_port: u16::from_be_bytes([*high, *low]),
            destination_port: u16::from_be_bytes([*to_high, *to_low]),
        },
        _ => Upper::Other,
    }
}
