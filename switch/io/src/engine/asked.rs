//! A frame that is asked about, not sent.

use crate::offload::{Shape, shape_of};
use lanloom_switch_core::Frame;

/// A frame to ask about: as it is on the wire, or as a capture kept it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    bytes: Vec<u8>,
    len: u32,
    shape: Shape,
}

impl Asked {
    /// A frame as it is on the wire.
    pub fn new(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u32;
        Self { bytes, len, shape: Shape { segments: 1, wire_len: len } }
    }

    /// The same bytes as the beginning of a frame of `len`.
    pub fn cut_from(self, len: u32) -> Self {
        let len = len.max(self.len);
        Self { len, shape: Shape { segments: 1, wire_len: len }, ..self }
    }

    /// The same as a super-frame, to be cut into `size` bytes of payload each. `None` if it is no TCP or UDP packet whose headers are
    /// all there.
    pub fn in_segments(self, size: u16) -> Option<Self> {
        let shape = shape_of(&self.bytes, self.len, size)?;
        Some(Self { shape, ..self })
    }

    /// How many of its bytes are there.
    pub fn kept(&self) -> usize {
        self.bytes.len()
    }

    /// As the switch looks at it; `None` if it is shorter than an Ethernet header.
    pub(super) fn frame(&self) -> Option<Frame<'_>> {
        let Shape { segments, wire_len } = self.shape;
        Some(Frame::super_frame(&self.bytes, segments, wire_len)?.cut_from(self.len))
    }
}
