//! The accounting law: every received frame ends exactly once, and so does every copy.
//!
//! On a port, `rx.frames = forwarded + consumed + dropped`, where dropped is the sum over the reasons that are not
//! [`DropReason::is_egress`] and not [`DropReason::RxOverrun`] (lost before us, so never received). Copies for it and frames that the
//! switch makes for it are together `tx.frames` and the drops that are [`DropReason::is_egress`]. A super-frame counts as one frame.
//! Ports that a flood leaves out are not drops.

use crate::frame::Frame;
use crate::verdict::DropReason;

/// Frames in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// Frames, super-frames counting as one.
    pub frames: u64,
    /// Bytes of them, from the destination address on, without check sequence.
    pub bytes: u64,
    /// How many of the frames were super-frames.
    pub gso_frames: u64,
    /// Wire frames that those stood for.
    pub gso_segments: u64,
}

impl Flow {
    /// Counts one frame.
    pub fn count(&mut self, frame: &Frame<'_>) {
        self.count_raw(frame.whole_len() as usize, frame.segments());
    }

    /// Counts one frame of `len` bytes that stands for `segments` on the wire.
    pub fn count_raw(&mut self, len: usize, segments: u32) {
        self.frames += 1;
        self.bytes += len as u64;
        if segments > 1 {
            self.gso_frames += 1;
            self.gso_segments += u64::from(segments);
        }
    }
}

/// What one port has seen since it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub rx: Flow,
    /// Handed to the link and taken by it.
    pub tx: Flow,
    /// Received frames that were sent on to one port or more.
    pub forwarded: u64,
    /// Received frames that were for the switch itself.
    pub consumed: u64,
    /// How many of `tx` the switch itself made.
    pub generated: u64,
    drops: [u64; DropReason::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        let (rx, tx) = (Flow::default(), Flow::default());
        Self { rx, tx, forwarded: 0, consumed: 0, generated: 0, drops: [0; DropReason::COUNT] }
    }
}

impl Counters {
    /// How many frames or copies were dropped here for `reason`.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops[reason as usize]
    }

    /// Counts `frames` drops.
    pub fn drop_many(&mut self, reason: DropReason, frames: u64) {
        self.drops[reason as usize] += frames;
    }

    /// Reasons with at least one drop, in the order of their numbers.
    pub fn drops(&self) -> impl Iterator<Item = (DropReason, u64)> + '_ {
        DropReason::ALL.into_iter().map(|reason| (reason, self.dropped(reason))).filter(|(_, frames)| *frames > 0)
    }

    /// Received frames that were dropped: the law's third term.
    pub fn rx_dropped(&self) -> u64 {
        self.drops().filter(|(reason, _)| !reason.is_egress() && *reason != DropReason::RxOverrun).map(|(_, n)| n).sum()
    }
}
