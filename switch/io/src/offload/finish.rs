//! Filling in a partial checksum, and taking a complete one back.

use super::checksum::Sum;
use super::cut::{pseudo_header, put};
use super::layers::Layers;
use super::shape::super_frame;
use crate::vnet::{Checksum, VnetHeader};

/// Finishes a partial checksum: sums from its start to the frame's end, which includes the pseudo-header's sum that is already
/// in the field, and writes the complement there. A result of 0 becomes 0xffff, which means the same, as UDP has 0 for "no
/// checksum" (RFC 768) and Linux does it for all (`skb_checksum_help`). Other frames stay as they are, as do those that
/// [`check`](super::check) refuses because the field is not inside.
///
/// A super-frame may be finished too: its checksum is then right for the long packet that it holds.
pub fn finish(bytes: &mut [u8], checksum: Checksum) {
    let Checksum::Partial { start, offset } = checksum else { return };
    let Some(summed) = bytes.get_mut(usize::from(start)..) else { return };
    let sum = Sum::of(summed).checksum();
    let Some(field) = summed.get_mut(usize::from(offset)..).and_then(|rest| rest.first_chunk_mut()) else { return };
    *field = never_zero(sum).to_be_bytes();
}

/// Makes a frame's checksum right for it as it stands, for a capture, where [`check`](super::check) has found its header true: a
/// partial one is finished, and a super-frame whose sender left it for the segments gets that of the long packet that it holds.
pub fn finish_whole(bytes: &mut [u8], vnet: &VnetHeader) {
    match (vnet.checksum, vnet.gso) {
        (Checksum::Partial { .. }, _) => finish(bytes, vnet.checksum),
        (Checksum::Complete | Checksum::Valid, Some(_)) => sum_whole(bytes),
        (Checksum::Complete | Checksum::Valid, None) => {}
    }
}

fn sum_whole(bytes: &mut [u8]) {
    let Some(layers) = Layers::find(bytes) else { return };
    let pseudo = pseudo_header(bytes, &layers, Checksum::Complete);
    let packet = &mut bytes[layers.l4..];
    let (len, field) = (packet.len() as u16, layers.transport.checksum_offset());
    packet[field..field + 2].fill(0);
    let sum = Sum::of(packet).plus(pseudo).plus_word(len).checksum();
    packet[field..field + 2].copy_from_slice(&never_zero(sum).to_be_bytes());
}

/// Makes the checksum of a TCP super-frame a partial one: writes the pseudo-header's sum where it stands and answers where that is.
/// Linux takes a super-frame without a partial checksum too, but only behind headers that it can dissect by itself: with VLAN tags
/// or IP options it refuses it (`EINVAL`). `None`, and nothing is written, if [`check`](super::check) would refuse the frame or the
/// checksum is partial already.
pub fn unfinish(bytes: &mut [u8], vnet: &VnetHeader) -> Option<Checksum> {
    if matches!(vnet.checksum, Checksum::Partial { .. }) {
        return None;
    }
    let (layers, _) = super_frame(bytes, vnet.gso?, vnet.checksum).ok()?;
    let len = (bytes.len() - layers.l4) as u16;
    let sum = !pseudo_header(bytes, &layers, vnet.checksum).plus_word(len).checksum();
    let offset = layers.transport.checksum_offset();
    put(bytes, layers.l4 + offset, sum);
    Some(Checksum::Partial { start: layers.l4 as u16, offset: offset as u16 })
}

/// The same checksum, by the zero that does not mean "none".
pub(super) fn never_zero(checksum: u16) -> u16 {
    if checksum == 0 { 0xffff } else { checksum }
}
