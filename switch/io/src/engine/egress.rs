//! A port's copies on their way into its link: finished and cut as far as the link needs it.

use crate::buffer::Batch;
use crate::link::Link;
use crate::offload::{Cutter, Need, finish, need, unfinish};
use crate::vnet::Checksum;
use lanloom_switch_core::{DropReason, EgressFate};

/// Segments that one batch may be cut into for one port: what a single super-frame of the smallest segments makes, and more than
/// any batch of a well-meaning sender. What comes after them is dropped as from a full queue.
pub(super) const SEGMENTS_MAX: u32 = 8192;

/// Sends the frames of `batch` numbered in `frames`, in order, and appends one fate for each to `fates`. Answers how many
/// segments it had to cut.
///
/// A checksum is finished in place, or made partial: the frame's other copies take it as gladly. A super-frame that the link cannot take is cut
/// into `segments`; it is [`EgressFate::Sent`] only if every segment was.
pub(super) fn send(
    link: &mut dyn Link,
    batch: &mut Batch,
    frames: &[u16],
    segments: &mut Batch,
    fates: &mut Vec<EgressFate>,
) -> u32 {
    let offloads = link.offloads();
    let (mut sent, mut cut) = (0, 0);
    for (at, frame) in frames.iter().enumerate() {
        let number = usize::from(*frame);
        match need(&batch.descriptor(number).vnet, offloads) {
            Need::Nothing => {}
            Need::Finish => finish_in_place(batch, number),
            Need::Unfinish => unfinish_in_place(batch, number),
            Need::Cut => {
                link.send(batch, &frames[sent..at], fates);
                let fate = send_cut(link, batch, number, segments, fates, &mut cut);
                fates.push(fate);
                sent = at + 1;
            }
        }
    }
    link.send(batch, &frames[sent..], fates);
    cut
}

fn finish_in_place(batch: &mut Batch, frame: usize) {
    let checksum = batch.descriptor(frame).vnet.checksum;
    finish(batch.bytes_mut(frame), checksum);
    batch.vnet_mut(frame).checksum = Checksum::Complete;
}

fn unfinish_in_place(batch: &mut Batch, frame: usize) {
    let vnet = batch.descriptor(frame).vnet;
    if let Some(partial) = unfinish(batch.bytes_mut(frame), &vnet) {
        batch.vnet_mut(frame).checksum = partial;
    }
}

/// Sends a frame's segments, adds how many to `cut`, and answers with the frame's fate; `fates` is left as it was.
fn send_cut(
    link: &mut dyn Link,
    batch: &Batch,
    frame: usize,
    segments: &mut Batch,
    fates: &mut Vec<EgressFate>,
    cut: &mut u32,
) -> EgressFate {
    let Ok(mut cutter) = Cutter::new(batch.bytes(frame), &batch.descriptor(frame).vnet) else {
        return EgressFate::Dropped(DropReason::OffloadUnsupported);
    };
    if *cut + cutter.shape().segments > SEGMENTS_MAX {
        return EgressFate::Dropped(DropReason::QueueFull);
    }
    let numbers: [u16; super::BATCH] = std::array::from_fn(|number| number as u16);
    let before = fates.len();
    let mut fate = EgressFate::Sent;
    while !cutter.is_done() && fate == EgressFate::Sent {
        segments.clear();
        let count = cutter.fill(segments);
        *cut += count as u32;
        link.send(segments, &numbers[..count], fates);
        fate = fates[before..].iter().copied().find(|fate| *fate != EgressFate::Sent).unwrap_or(EgressFate::Sent);
        fates.truncate(before);
    }
    fate
}
