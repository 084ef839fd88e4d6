//! Filling in a partial checksum.

use super::checksum::Sum;
use crate::vnet::Checksum;

/// Finishes a partial checksum: sums from its start to the frame's end, which includes the pseudo-header's sum that is already
/// in the field, and writes the complement there. A result of 0 becomes 0xffff, which means the same, as UDP has 0 for "no
/// checksum" (RFC 768) and Linux does it for all (`skb_checksum_help`). Other frames stay as they are, as do those that
/// [`check`](super::check) refuses because the field is not inside.
///
/// A super-frame may be finished too, for a capture: its checksum is then right for the long packet that it holds.
pub fn finish(bytes: &mut [u8], checksum: Checksum) {
    let Checksum::Partial { start, offset } = checksum else { return };
    let Some(summed) = bytes.get_mut(usize::from(start)..) else { return };
    let sum = Sum::of(summed).checksum();
    let Some(field) = summed.get_mut(usize::from(offset)..).and_then(|rest| rest.first_chunk_mut()) else { return };
    *field = never_zero(sum).to_be_bytes();
}

/// The same checksum, by the zero that does not mean "none".
pub(super) fn never_zero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}
