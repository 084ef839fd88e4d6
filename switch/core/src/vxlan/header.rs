//! The eight bytes in front of a frame (RFC 7348, 5).

use super::config::{InnerTags, ReservedBits, Vni};
use crate::frame::HEADER_LEN as ETHERNET_LEN;
use crate::verdict::DropReason;

/// Bytes of the VXLAN header.
pub const HEADER_LEN: usize = 8;

/// The UDP port that IANA assigned to VXLAN.
pub const UDP_PORT: u16 = 4789;

/// The flag that says that there is an identifier. It must be set; every other bit but the identifier's is reserved.
const I_FLAG: u8 = 0x08;

/// The header of a frame of that network.
pub const fn header(vni: Vni) -> [u8; HEADER_LEN] {
    let [_, high, mid, low] = vni.get().to_be_bytes();
    [I_FLAG, 0, 0, 0, high, mid, low, 0]
}

/// The network that a datagram is of, as far as that can be told: by where its identifier is, whatever else it holds.
///
/// # Errors
/// [`DropReason::VxlanMalformed`] if it has no header.
pub fn read_vni(datagram: &[u8]) -> Result<Vni, DropReason> {
    let Some([_, _, _, _, high, mid, low, _]) = datagram.first_chunk::<HEADER_LEN>() else {
        return Err(DropReason::VxlanMalformed);
    };
    Vni::new(u32::from_be_bytes([0, *high, *mid, *low])).ok_or(DropReason::VxlanMalformed)
}

/// The frame inside a datagram, whichever network it is of.
///
/// # Errors
/// [`DropReason::VxlanMalformed`] without a header, without its flag, with reserved bits where these are not tolerated, or with
/// less than an Ethernet header inside; [`DropReason::VlanFiltered`] with a VLAN tag inside where none is to be.
pub(super) fn open(datagram: &[u8], reserved: ReservedBits, tags: InnerTags) -> Result<&[u8], DropReason> {
    let (head, frame) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(DropReason::VxlanMalformed)?;
    let flagged = match reserved {
        ReservedBits::Strict => head[..4] == [I_FLAG, 0, 0, 0] && head[7] == 0,
        ReservedBits::Tolerant => head[0] & I_FLAG != 0,
    };
    if !flagged || frame.len() < ETHERNET_LEN {
        return Err(DropReason::VxlanMalformed);
    }
    match tags {
        InnerTags::Discard if is_tagged(frame) => Err(DropReason::VlanFiltered),
        InnerTags::Discard | InnerTags::Keep => Ok(frame),
    }
}

/// A frame in two parts, addresses and the rest, without its outermost tags.
pub fn untagged(frame: &[u8]) -> (&[u8], &[u8]) {
    let (addresses, mut rest) = frame.split_at(frame.len().min(12));
    for _ in 0..2 {
        if rest.len() >= 4 && matches!(rest[..2], [0x81, 0x00] | [0x88, 0xa8]) {
            rest = &rest[4..];
        }
    }
    (addresses, rest)
}

fn is_tagged(frame: &[u8]) -> bool {
    matches!(frame.get(12..14), Some([0x81, 0x00] | [0x88, 0xa8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn datagram(vni: u32, frame: &[u8]) -> Vec<u8> {
        [&header(Vni::new(vni).expect("24 bits"))[..], frame].concat()
    }

    #[test]
    fn a_header_says_its_network_and_nothing_else() {
        assert_eq!(header(Vni::new(0x123456).expect("24 bits")), [8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
        for vni in [0, 1, 0xff_ffff] {
            assert_eq!(read_vni(&datagram(vni, &[])).map(Vni::get), Ok(vni));
        }
        assert_eq!(Vni::new(0x100_0000), None);
    }

    #[test]
    fn every_prefix_of_a_datagram_is_malformed_until_an_ethernet_header_is_whole() {
        let whole = datagram(42, &[2; 60]);
        for len in 0..whole.len() {
            let opened = open(&whole[..len], ReservedBits::Strict, InnerTags::Discard);
            assert_eq!(opened.is_ok(), len >= HEADER_LEN + ETHERNET_LEN, "{len} bytes");
        }
    }

    #[test]
    fn each_reserved_bit_is_dropped_if_strict_and_ignored_if_tolerant() {
        for bit in (0..32).chain(56..64).filter(|bit| *bit != 4) {
            let mut bytes = datagram(42, &[2; 60]);
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            assert_eq!(open(&bytes, ReservedBits::Strict, InnerTags::Keep), Err(DropReason::VxlanMalformed), "bit {bit}");
            assert!(open(&bytes, ReservedBits::Tolerant, InnerTags::Keep).is_ok(), "bit {bit}");
        }
        let mut without = datagram(42, &[2; 60]);
        without[0] = 0;
        for reserved in [ReservedBits::Strict, ReservedBits::Tolerant] {
            assert_eq!(open(&without, reserved, InnerTags::Keep), Err(DropReason::VxlanMalformed), "no flag");
        }
    }

    #[test]
    fn a_tag_inside_is_dropped_unless_tags_are_kept() {
        for tag in [[0x81, 0x00], [0x88, 0xa8]] {
            let frame = [&[2; 12][..], &tag, &[0, 5, 8, 0], &[0; 46]].concat();
            let bytes = datagram(42, &frame);
            assert_eq!(open(&bytes, ReservedBits::Strict, InnerTags::Discard), Err(DropReason::VlanFiltered));
            assert_eq!(open(&bytes, ReservedBits::Strict, InnerTags::Keep), Ok(&frame[..]));
            assert_eq!(untagged(&frame), (&[2; 12][..], &frame[16..]));
        }
        assert_eq!(untagged(&[1; 5]), (&[1; 5][..], &[][..]));
    }
}
