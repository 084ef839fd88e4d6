//! The virtio-net header that goes with a frame: what is left to do for its checksum and its length.
//!
//! Source: virtio 1.2, 5.1.6. Little-endian 12-byte form (`virtio_net_hdr_v1`), as `TUNSETVNETHDRSZ 12` and
//! `PACKET_VNET_HDR_SZ 12` have it; the 10-byte form lacks the last field.

/// Bytes of the header in front of a frame.
pub const VNET_LEN: usize = 12;

/// `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
const NEEDS_CSUM: u8 = 1;
/// `VIRTIO_NET_HDR_F_DATA_VALID`.
const DATA_VALID: u8 = 2;
/// `VIRTIO_NET_HDR_GSO_ECN`, a flag in the type's byte.
const ECN: u8 = 0x80;

/// The header of one frame. [`Default`] is that of a plain frame: nothing left to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VnetHeader {
    /// Where a checksum is to be finished.
    pub checksum: Checksum,
    /// How the frame is to be cut; `None` for a frame as it is on the wire.
    pub gso: Option<Gso>,
    /// Bytes of all headers, as the sender says; a hint that nobody may trust.
    pub header_len: u16,
}

/// The state of a frame's layer-4 checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// In the frame, and to be believed as little as any.
    #[default]
    Complete,
    /// In the frame, and found right by the sender.
    Valid,
    /// Only the pseudo-header is summed: the sum from `start` to the end belongs at `start + offset`. Bytes from the frame's
    /// destination address on.
    Partial {
        /// Where summing starts: the layer-4 header.
        start: u16,
        /// Where the checksum is in that header.
        offset: u16,
    },
}

/// How a super-frame is to be cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gso {
    /// The protocol that its segments repeat.
    pub kind: GsoKind,
    /// Payload bytes of every segment but the last.
    pub size: u16,
    /// TCP with the CWR flag, which only the first segment keeps (RFC 3168).
    pub ecn: bool,
}

/// What a super-frame is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GsoKind {
    /// TCP over IPv4 (`GSO_TCPV4`).
    Tcp4,
    /// TCP over IPv6 (`GSO_TCPV6`).
    Tcp6,
    /// UDP datagrams of equal length, over IPv4 or IPv6 (`GSO_UDP_L4`).
    Udp,
}

/// A header whose type or flags no frame of ours can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownVnet;

impl VnetHeader {
    /// Reads a header of at least 10 bytes. Numbers are little-endian.
    ///
    /// # Errors
    /// If the header is shorter, its type is unknown, or is the old `GSO_UDP` (IP fragments), which nobody is offered.
    pub fn parse(bytes: &[u8]) -> Result<Self, UnknownVnet> {
        let &[flags, kind, h0, h1, s0, s1, c0, c1, o0, o1, ..] = bytes else { return Err(UnknownVnet) };
        let checksum = if flags & NEEDS_CSUM != 0 {
            Checksum::Partial { start: u16::from_le_bytes([c0, c1]), offset: u16::from_le_bytes([o0, o1]) }
        } else if flags & DATA_VALID != 0 {
            Checksum::Valid
        } else {
            Checksum::Complete
        };
        let size = u16::from_le_bytes([s0, s1]);
        let gso = |kind| Some(Gso { kind, size, ecn: bytes[1] & ECN != 0 });
        let gso = match kind & !ECN {
            0 => None,
            1 => gso(GsoKind::Tcp4),
            4 => gso(GsoKind::Tcp6),
            5 => gso(GsoKind::Udp),
            _ => return Err(UnknownVnet),
        };
        Ok(Self { checksum, gso, header_len: u16::from_le_bytes([h0, h1]) })
    }

    /// Writes the 12-byte form, with `num_buffers` zero.
    pub fn emit(&self) -> [u8; VNET_LEN] {
        let (flags, start, offset) = match self.checksum {
            Checksum::Complete => (0, 0, 0),
            Checksum::Valid => (DATA_VALID, 0, 0),
            Checksum::Partial { start, offset } => (NEEDS_CSUM, start, offset),
        };
        let (kind, size) = self.gso.map_or((0, 0), |gso| {
            let kind = match gso.kind {
                GsoKind::Tcp4 => 1,
                GsoKind::Tcp6 => 4,
                GsoKind::Udp => 5,
            };
            (kind | if gso.ecn { ECN } else { 0 }, gso.size)
        });
        let (h, s, c, o) = (self.header_len.to_le_bytes(), size.to_le_bytes(), start.to_le_bytes(), offset.to_le_bytes());
        [flags, kind, h[0], h[1], s[0], s[1], c[0], c[1], o[0], o[1], 0, 0]
    }

    /// The same header for a frame that became `bytes` longer (or shorter, if negative) in front of layer 3.
    pub fn shifted(mut self, bytes: i16) -> Self {
        if let Checksum::Partial { start, .. } = &mut self.checksum {
            *start = start.saturating_add_signed(bytes);
        }
        if self.header_len > 0 {
            self.header_len = self.header_len.saturating_add_signed(bytes);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let partial = Checksum::Partial { start: 34, offset: 16 };
        for kind in [GsoKind::Tcp4, GsoKind::Tcp6, GsoKind::Udp] {
            for ecn in [false, true] {
                let header = VnetHeader { checksum: partial, gso: Some(Gso { kind, size: 1448, ecn }), header_len: 66 };
                assert_eq!(VnetHeader::parse(&header.emit()), Ok(header));
            }
        }
        for checksum in [Checksum::Complete, Checksum::Valid, partial] {
            let header = VnetHeader { checksum, gso: None, header_len: 0 };
            assert_eq!(VnetHeader::parse(&header.emit()), Ok(header));
        }
    }

    #[test]
    fn short_headers_and_types_nobody_was_offered_are_refused() {
        assert_eq!(VnetHeader::parse(&[0; 9]), Err(UnknownVnet));
        for kind in [2, 3, 6, 0x7f] {
            assert_eq!(VnetHeader::parse(&[0, kind, 0, 0, 0, 0, 0, 0, 0, 0]), Err(UnknownVnet), "{kind}");
        }
    }
}
