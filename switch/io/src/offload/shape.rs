//! Whether a frame's virtio-net header agrees with its bytes, and what the frame will be on the wire.

use super::layers::{ARP, IPV4, IPV6, Layers, Network, Transport, network_start, word};
use crate::buffer::FRAME_MAX;
use crate::vnet::{Checksum, Gso, GsoKind, VnetHeader};
use lanloom_switch_core::DropReason;
use lanloom_switch_core::frame::HEADER_LEN;

/// The smallest segment of a TCP super-frame, in payload bytes: what Linux's TCP goes down to (`TCP_MIN_GSO_SIZE`: a maximum
/// segment size of 48, `TCP_MIN_SND_MSS`, less 40 bytes of options). A 64-KiB frame thus makes at most 8,192 segments.
pub const MIN_TCP_SIZE: u16 = 8;

/// The most datagrams in a UDP super-frame: Linux neither makes nor takes more (`UDP_MAX_SEGMENTS`).
pub const MAX_UDP_SEGMENTS: usize = 128;

/// The first EtherType; what is below is a length, and LLC follows (IEEE 802.3, 3.2.6).
const FIRST_TYPE: u16 = 0x600;

/// Numbers of protocols and of extension headers in an IP header.
const HOP_BY_HOP: u8 = 0;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const ICMPV6: u8 = 58;
const DESTINATION: u8 = 60;

/// What a frame will be on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// How many frames it is cut into; 1 if it is no super-frame.
    pub segments: u32,
    /// Bytes of the longest of them, without check sequence.
    pub wire_len: u32,
}

/// Holds a frame's virtio-net header against its bytes. Costs next to nothing for a plain frame.
///
/// - A partial checksum lies inside the frame and where a packet's layer 4 or its payload has one: behind the IP header, in TCP, UDP,
///   ICMP and ICMPv6 in no other field, and in no ARP packet, no fragment and no LLC frame. So finishing it can change neither what the switch and
///   its guards decided on nor other memory.
/// - A super-frame is one of the kind it says, by its outermost IP packet: not a fragment, not a tunnel with such a packet
///   inside, all headers complete, lengths in them those of the frame (or 0 in the IP header, as Linux writes where a length
///   does not fit, "BIG TCP"), a partial checksum being that of its layer 4. UDP must have a partial one, as Linux demands.
/// - Its size is at least [`MIN_TCP_SIZE`], or makes at most [`MAX_UDP_SEGMENTS`].
///
/// `header_len` is only a hint and is not looked at.
///
/// # Errors
/// [`DropReason::Malformed`] if the frame is shorter than an Ethernet header or its virtio-net header lies;
/// [`DropReason::Oversize`] if a segment would be longer than [`FRAME_MAX`].
#[inline]
pub fn check(bytes: &[u8], vnet: &VnetHeader) -> Result<Shape, DropReason> {
    if bytes.len() < HEADER_LEN {
        return Err(DropReason::Malformed);
    }
    match (vnet.gso, vnet.checksum) {
        (None, Checksum::Complete | Checksum::Valid) => {}
        (None, Checksum::Partial { start, offset }) => check_partial(bytes, start, offset)?,
        (Some(gso), checksum) => return super_frame(bytes, gso, checksum).map(|(_, shape)| shape),
    }
    Ok(Shape { segments: 1, wire_len: bytes.len() as u32 })
}

/// What a super-frame is on the wire that is cut into `size` bytes of payload each. Of its `len` bytes the first are there, as a
/// capture with a snaplen keeps them. `None` if they are no whole TCP or UDP packet's, lack some of its headers, or `size` is 0.
pub fn shape_of(bytes: &[u8], len: u32, size: u16) -> Option<Shape> {
    let layers = Layers::find(bytes)?;
    let payload = (len as usize).checked_sub(layers.payload)?;
    (size > 0).then(|| shape(&layers, payload, size))
}

fn shape(layers: &Layers, payload: usize, size: u16) -> Shape {
    let size = usize::from(size);
    let (segments, wire_len) = (payload.div_ceil(size).max(1), layers.payload + size.min(payload));
    Shape { segments: segments as u32, wire_len: wire_len as u32 }
}

fn check_partial(bytes: &[u8], start: u16, offset: u16) -> Result<(), DropReason> {
    let (start, offset, l3) = (usize::from(start), usize::from(offset), network_start(bytes));
    let is_its_own = |network: Network| {
        let upper = network.upper(bytes, l3);
        upper.is_some_and(|(protocol, l4)| is_a_checksum(protocol, start.checked_sub(l4), offset))
    };
    let is_possible = match word(bytes, l3 - 2) {
        Some(IPV4) => is_its_own(Network::V4),
        Some(IPV6) => is_its_own(Network::V6),
        Some(ARP | ..FIRST_TYPE) | None => false,
        Some(FIRST_TYPE..) => start >= l3,
    };
    (is_possible && start + offset + 2 <= bytes.len()).then_some(()).ok_or(DropReason::Malformed)
}

/// Whether a packet of that protocol may have a checksum that is summed from so many bytes behind the start of its header, and is at
/// `offset` from there. What is further inside is a tunnel's.
fn is_a_checksum(protocol: u8, start: Option<usize>, offset: usize) -> bool {
    let (header_len, field) = match protocol {
        ICMP | ICMPV6 => return start == Some(0) && offset == 2,
        TCP => (20, 16),
        UDP => (8, 6),
        // A fragment, or more extension headers than anybody needs.
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION => return false,
        _ => return start.is_some(),
    };
    start.is_some_and(|start| start >= header_len || (start == 0 && offset == field))
}

/// The layers and shape of a super-frame, as [`check`] says.
pub(super) fn super_frame(bytes: &[u8], gso: Gso, checksum: Checksum) -> Result<(Layers, Shape), DropReason> {
    let layers = Layers::find(bytes).ok_or(DropReason::Malformed)?;
    let payload = bytes.len() - layers.payload;
    let sound = kind_agrees(&layers, gso.kind)
        && checksum_agrees(&layers, checksum)
        && lengths_agree(bytes, &layers)
        && size_is_sane(gso, payload);
    if !sound {
        return Err(DropReason::Malformed);
    }
    let shape = shape(&layers, payload, gso.size);
    if shape.wire_len as usize > FRAME_MAX {
        return Err(DropReason::Oversize);
    }
    Ok((layers, shape))
}

fn kind_agrees(layers: &Layers, kind: GsoKind) -> bool {
    match kind {
        GsoKind::Tcp4 => (layers.network, layers.transport) == (Network::V4, Transport::Tcp),
        GsoKind::Tcp6 => (layers.network, layers.transport) == (Network::V6, Transport::Tcp),
        GsoKind::Udp => layers.transport == Transport::Udp,
    }
}

/// TCP may come without a partial checksum: Linux takes it, and segments are summed anew.
fn checksum_agrees(layers: &Layers, checksum: Checksum) -> bool {
    match checksum {
        Checksum::Partial { start, offset } => {
            usize::from(start) == layers.l4 && usize::from(offset) == layers.transport.checksum_offset()
        }
        Checksum::Complete | Checksum::Valid => layers.transport == Transport::Tcp,
    }
}

/// Whether the lengths in the headers are those of the frame; an IP length may also be 0.
fn lengths_agree(bytes: &[u8], layers: &Layers) -> bool {
    let (field, counted_from) = match layers.network {
        Network::V4 => (layers.l3 + 2, layers.l3),
        Network::V6 => (layers.l3 + 4, layers.l3 + 40),
    };
    let ip_len = bytes.len() - counted_from;
    let ip = word(bytes, field).is_some_and(|said| said == 0 || usize::from(said) == ip_len);
    let udp = layers.transport == Transport::Tcp
        || word(bytes, layers.l4 + 4).is_some_and(|said| usize::from(said) == bytes.len() - layers.l4);
    ip_len <= usize::from(u16::MAX) && ip && udp
}

fn size_is_sane(gso: Gso, payload: usize) -> bool {
    match gso.kind {
        GsoKind::Tcp4 | GsoKind::Tcp6 => gso.size >= MIN_TCP_SIZE,
        GsoKind::Udp => gso.size > 0 && payload <= usize::from(gso.size) * MAX_UDP_SEGMENTS,
    }
}
