//! A checked view of an Ethernet frame.

use crate::mac::MacAddr;

/// Destination, source and type: what a frame must have at least.
pub const HEADER_LEN: usize = 14;

/// A VLAN tag (802.1Q clause 9): type and control information.
pub const TAG_LEN: usize = 4;

/// An Ethernet frame without its check sequence, perhaps a super-frame that stands for many on the wire.
///
/// Checked once by [`Frame::new`]; no accessor can panic afterwards.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    bytes: &'a [u8],
    len: u32,
    segments: u32,
    wire_len: u32,
}

impl<'a> Frame<'a> {
    /// A frame as it is on the wire, or `None` if it is shorter than an Ethernet header (`malformed`).
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let len = bytes.len() as u32;
        (bytes.len() >= HEADER_LEN).then_some(Self { bytes, len, segments: 1, wire_len: len })
    }

    /// A super-frame that will be cut into `segments` frames, none longer than `wire_len` bytes. `None` as for [`Frame::new`].
    pub fn super_frame(bytes: &'a [u8], segments: u32, wire_len: u32) -> Option<Self> {
        Some(Self { segments: segments.max(1), wire_len, ..Self::new(bytes)? })
    }

    /// The same for bytes that are only the beginning of a frame of `len` bytes, as a capture with a snaplen keeps it. Tags that
    /// were not kept are not seen.
    pub fn cut_from(self, len: u32) -> Self {
        Self { len: len.max(self.len), ..self }
    }

    /// The bytes, from the destination address on.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many bytes it has, whether or not all of them are here.
    pub fn whole_len(&self) -> u32 {
        self.len
    }

    /// Destination address.
    pub fn destination(&self) -> MacAddr {
        self.mac_at(0)
    }

    /// Source address.
    pub fn source(&self) -> MacAddr {
        self.mac_at(6)
    }

    /// Type, or length if below 0x600 (802.3 clause 3.2.6), behind the outermost VLAN tags.
    pub fn ethertype(&self) -> u16 {
        self.type_at(12 + self.tags_len()).unwrap_or(0)
    }

    /// Bytes of the VLAN tags in front of the type, at most two tags (802.1ad).
    pub fn tags_len(&self) -> usize {
        let tag_at = |at| matches!(self.type_at(at), Some(0x8100 | 0x88a8));
        match (tag_at(12), tag_at(12 + TAG_LEN)) {
            (false, _) => 0,
            (true, false) => TAG_LEN,
            (true, true) => 2 * TAG_LEN,
        }
    }

    /// How many frames on the wire this stands for; 1 unless it is a super-frame.
    pub fn segments(&self) -> u32 {
        self.segments
    }

    /// Bytes of the longest of them, without check sequence.
    pub fn wire_len(&self) -> u32 {
        self.wire_len
    }

    /// Bytes of the largest payload on the wire: what a port's MTU is held against.
    pub fn wire_payload(&self) -> u32 {
        self.wire_len.saturating_sub((HEADER_LEN + self.tags_len()) as u32)
    }

    fn mac_at(&self, at: usize) -> MacAddr {
        let mut mac = [0; 6];
        mac.copy_from_slice(&self.bytes[at..at + 6]);
        MacAddr(mac)
    }

    fn type_at(&self, at: usize) -> Option<u16> {
        self.bytes.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirteen_bytes_are_no_frame() {
        assert!(Frame::new(&[0; 13]).is_none());
        assert!(Frame::new(&[0; 14]).is_some());
    }

    #[test]
    fn the_type_stands_behind_up_to_two_tags_and_tags_are_no_payload() {
        let mut bytes = vec![0; 12];
        bytes.extend([0x88, 0xa8, 0, 5, 0x81, 0x00, 0, 6, 0x08, 0x06, 1, 2, 3]);
        let frame = Frame::new(&bytes).expect("long enough");
        assert_eq!((frame.ethertype(), frame.tags_len(), frame.wire_payload()), (0x0806, 8, 3));
        let cut = Frame::new(&bytes[..14]).expect("long enough");
        assert_eq!((cut.ethertype(), cut.tags_len(), cut.wire_payload()), (0, 4, 0));
    }
}
