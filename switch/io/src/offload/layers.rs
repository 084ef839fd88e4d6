//! Where the layers of a frame are: behind up to two VLAN tags, IPv4 options and IPv6 extension headers.
//!
//! Only the outermost IP packet counts, and only whole TCP and UDP packets: what a super-frame can be.

use lanloom_switch_core::frame::HEADER_LEN;

/// Bytes of all headers that a segment may have to repeat; bounds what cutting a hostile frame costs. Two tags, IPv6 and TCP
/// with all options take 122, so 390 are left for extension headers.
const HEADERS_MAX: usize = 512;

/// EtherTypes.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const ARP: u16 = 0x0806;

/// Offsets from the destination address on. Everything before `payload` is inside the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layers {
    pub(super) network: Network,
    pub(super) transport: Transport,
    /// Start of the IP header.
    pub(super) l3: usize,
    /// Start of the TCP or UDP header.
    pub(super) l4: usize,
    /// End of the last header.
    pub(super) payload: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

impl Network {
    /// The protocol of a whole packet whose IP header starts at `l3`, and where its own header starts. `None` for fragments, and for
    /// headers that are cut short.
    pub(super) fn upper(self, bytes: &[u8], l3: usize) -> Option<(u8, usize)> {
        match self {
            Self::V4 => v4(bytes, l3),
            Self::V6 => v6(bytes, l3),
        }
    }
}

impl Transport {
    /// Where the checksum is in the header.
    pub(super) fn checksum_offset(self) -> usize {
        match self {
            Self::Tcp => 16,
            Self::Udp => 6,
        }
    }

    /// Its number in an IP header.
    pub(super) fn protocol(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

impl Layers {
    /// The layers of a whole TCP or UDP packet, or `None` if the frame holds something else, a fragment, or headers that are
    /// cut short or too long.
    pub(super) fn find(bytes: &[u8]) -> Option<Self> {
        let l3 = network_start(bytes);
        let network = match word(bytes, l3 - 2)? {
            IPV4 => Network::V4,
            IPV6 => Network::V6,
            _ => return None,
        };
        let (protocol, l4) = network.upper(bytes, l3)?;
        let (transport, header_len) = match protocol {
            6 => (Transport::Tcp, usize::from(bytes.get(l4 + 12)? >> 4) * 4),
            17 => (Transport::Udp, 8),
            _ => return None,
        };
        let payload = l4 + header_len;
        let sound = header_len >= if transport == Transport::Tcp { 20 } else { 8 };
        (sound && payload <= bytes.len().min(HEADERS_MAX)).then_some(Self { network, transport, l3, l4, payload })
    }
}

/// Where layer 3 starts: behind the Ethernet header and at most two VLAN tags. May be past the end of a short frame.
pub(super) fn network_start(bytes: &[u8]) -> usize {
    let tag_at = |at| matches!(word(bytes, at), Some(0x8100 | 0x88a8));
    match (tag_at(12), tag_at(16)) {
        (false, _) => HEADER_LEN,
        (true, false) => HEADER_LEN + 4,
        (true, true) => HEADER_LEN + 8,
    }
}

/// Protocol and end of an IPv4 header; `None` for fragments.
fn v4(bytes: &[u8], l3: usize) -> Option<(u8, usize)> {
    let header = bytes.get(l3..l3 + 20)?;
    let header_len = usize::from(header[0] & 15) * 4;
    let fragment = u16::from_be_bytes([header[6], header[7]]) & 0x3fff != 0;
    (header[0] >> 4 == 4 && header_len >= 20 && !fragment).then_some((header[9], l3 + header_len))
}

/// Protocol and end of an IPv6 header and the extension headers that segments can repeat: hop-by-hop, routing, destination
/// (RFC 8200, 4).
fn v6(bytes: &[u8], l3: usize) -> Option<(u8, usize)> {
    let header = bytes.get(l3..l3 + 40)?;
    let (mut next, mut at) = (header[6], l3 + 40);
    while matches!(next, 0 | 43 | 60) && at < HEADERS_MAX {
        let &[following, eights] = bytes.get(at..at + 2)? else { return None };
        (next, at) = (following, at + 8 + usize::from(eights) * 8);
    }
    (header[0] >> 4 == 6).then_some((next, at))
}

/// The big-endian word at `at`.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]))
}
