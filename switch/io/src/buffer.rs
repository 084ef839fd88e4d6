//! Memory for one batch of frames.
//!
//! A slot is 128 bytes of headroom, the 12-byte virtio-net header, 65,536 bytes of frame and 8 for two tags: the largest TAP
//! frame is 65,536 bytes *plus* the header. A batch belongs to one engine thread and is used again every round, so that the
//! frame path never allocates.

use crate::vnet::{VNET_LEN, VnetHeader};
use lanloom_switch_core::DropReason;
use std::ops::Range;

/// Free bytes in front of a received frame, header included: encapsulation grows into it.
pub const HEADROOM: usize = 128 + VNET_LEN;

/// Bytes of the longest frame.
pub const FRAME_MAX: usize = 65_536;

/// Bytes of frames after which a batch is full whatever room it has: what is received is still in the core's own cache when it is
/// sent. Super-frames by the dozen would push each other out.
pub const BATCH_BYTES: usize = 256 << 10;

/// Bytes from one slot to the next: an odd number of cache lines, so that slots do not fall on the same ones.
const STRIDE: usize = (HEADROOM + FRAME_MAX + 8).next_multiple_of(64);

/// Frames, numbered from 0, each in a slot of its own.
#[derive(Debug)]
pub struct Batch {
    memory: Box<[u8]>,
    frames: Vec<Descriptor>,
    rejected: Vec<(usize, DropReason)>,
    used: usize,
    bytes: usize,
    capacity: usize,
}

/// Where a frame is, and what is left to do for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// Its slot.
    slot: u32,
    /// First byte, counted from the slot's start.
    pub offset: u32,
    /// Bytes from the destination address on.
    pub len: u32,
    /// Checksum and segmentation that are left to do.
    pub vnet: VnetHeader,
}

impl Batch {
    /// Room for `capacity` frames.
    pub fn new(capacity: usize) -> Self {
        let memory = vec![0; capacity * STRIDE].into_boxed_slice();
        let (frames, rejected) = (Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        Self { memory, frames, rejected, used: 0, bytes: 0, capacity }
    }

    /// Frames in it.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Frames it still has room for: none once it holds [`BATCH_BYTES`].
    pub fn room(&self) -> usize {
        if self.bytes < BATCH_BYTES { self.capacity - self.used } else { 0 }
    }

    /// Bytes it still has room for; the last frame may exceed them.
    pub fn room_bytes(&self) -> usize {
        BATCH_BYTES.saturating_sub(self.bytes)
    }

    /// Forgets all frames.
    pub fn clear(&mut self) {
        self.frames.clear();
        self.rejected.clear();
        self.used = 0;
        self.bytes = 0;
    }

    /// What came in and is no frame: bytes and reason.
    pub fn rejected(&self) -> &[(usize, DropReason)] {
        &self.rejected
    }

    /// The descriptor of frame `frame`. Panics if there is no such frame.
    pub fn descriptor(&self, frame: usize) -> Descriptor {
        self.frames[frame]
    }

    /// The bytes of frame `frame`. Panics if there is no such frame.
    pub fn bytes(&self, frame: usize) -> &[u8] {
        let Descriptor { slot, offset, len, .. } = self.frames[frame];
        &self.memory[slot as usize * STRIDE + offset as usize..][..len as usize]
    }

    /// The bytes of frame `frame` to change. Panics if there is no such frame.
    pub fn bytes_mut(&mut self, frame: usize) -> &mut [u8] {
        let Descriptor { slot, offset, len, .. } = self.frames[frame];
        &mut self.memory[slot as usize * STRIDE + offset as usize..][..len as usize]
    }

    /// What is left to do for frame `frame`, to change. Panics if there is no such frame.
    pub fn vnet_mut(&mut self, frame: usize) -> &mut VnetHeader {
        &mut self.frames[frame].vnet
    }

    /// The first free slot from [`HEADROOM`]` - before` on, for a link to receive into: `before` bytes for its header,
    /// [`FRAME_MAX`] for the frame, and one by which a longer frame shows. `None` if the batch is full.
    pub fn free_slot(&mut self, before: usize) -> Option<&mut [u8]> {
        self.free_place(0, before).map(|place| &mut self.memory[place])
    }

    /// As [`Batch::free_slot`], `ahead` slots further, as a place in [`Batch::memory`]: for links that receive many at once.
    pub fn free_place(&self, ahead: usize, before: usize) -> Option<Range<usize>> {
        let start = (self.used + ahead) * STRIDE + HEADROOM - before;
        (ahead < self.room()).then_some(start..start + before + FRAME_MAX + 1)
    }

    /// The memory of all slots. Links that hand many slots to the kernel at once take one pointer to it and places in it: slices of
    /// single slots, each borrowed anew, would take from each other the right to be written.
    pub fn memory(&mut self) -> &mut [u8] {
        &mut self.memory
    }

    /// The `len` bytes before [`HEADROOM`] of the first free slot, where a link received its header. Panics if the batch is
    /// full.
    pub fn next_front(&self, len: usize) -> &[u8] {
        &self.memory[self.used * STRIDE + HEADROOM - len..][..len]
    }

    /// Takes what stands in the first free slot from [`HEADROOM`] on as a frame of `len` bytes. Panics if the batch is full or
    /// `len` exceeds [`FRAME_MAX`].
    pub fn push_received(&mut self, len: usize, vnet: VnetHeader) {
        let room = self.capacity - self.used;
        assert!(len <= FRAME_MAX && room > 0, "a frame of {len} bytes into a batch of {room} free slots");
        self.frames.push(Descriptor { slot: self.used as u32, offset: HEADROOM as u32, len: len as u32, vnet });
        self.used += 1;
        self.bytes += len;
    }

    /// Counts what stands in the first free slot as `len` bytes that are no frame, and passes over that slot. Panics if the
    /// batch is full.
    pub fn reject(&mut self, len: usize, reason: DropReason) {
        assert!(self.used < self.capacity, "a rejected frame into a full batch");
        self.rejected.push((len, reason));
        self.used += 1;
    }

    /// Copies a frame in; `false` if the batch is full or the frame exceeds [`FRAME_MAX`].
    pub fn push_copy(&mut self, bytes: &[u8], vnet: VnetHeader) -> bool {
        if bytes.len() > FRAME_MAX {
            return false;
        }
        let Some(slot) = self.free_slot(0) else { return false };
        slot[..bytes.len()].copy_from_slice(bytes);
        self.push_received(bytes.len(), vnet);
        true
    }

    /// Appends bytes to the newest frame; `false`, and nothing is done, if there is none or it has no room for them.
    pub fn extend(&mut self, bytes: &[u8]) -> bool {
        let Some(frame) = self.frames.last_mut() else { return false };
        let end = frame.offset as usize + frame.len as usize;
        if end + bytes.len() > HEADROOM + FRAME_MAX {
            return false;
        }
        frame.len += bytes.len() as u32;
        self.memory[frame.slot as usize * STRIDE + end..][..bytes.len()].copy_from_slice(bytes);
        self.bytes += bytes.len();
        true
    }

    /// Puts a VLAN tag between the source address and the type of the newest frame, where the kernel had taken it out.
    pub fn insert_tag(&mut self, tag: [u8; 4]) {
        let Some(newest) = self.frames.len().checked_sub(1) else { return };
        let frame = &mut self.frames[newest];
        if (frame.len as usize) < 12 {
            return;
        }
        frame.offset -= 4;
        frame.len += 4;
        frame.vnet = frame.vnet.shifted(4);
        let bytes = self.bytes_mut(newest);
        bytes.copy_within(4..16, 0);
        bytes[12..16].copy_from_slice(&tag);
    }

    /// The memory of all slots, to read: what [`Batch::with_prefix`] wrote is there.
    pub fn all(&self) -> &[u8] {
        &self.memory
    }

    /// Where in [`Batch::all`] frame `frame` is. Panics if there is no such frame.
    pub fn place(&self, frame: usize) -> Range<usize> {
        self.place_with_header(frame, 0)
    }

    /// Writes bytes in front of frame `frame`, in place of what other links may have written there, and answers where in
    /// [`Batch::all`] both are. Panics if there is no such frame, or if they are more than its headroom.
    pub fn with_prefix(&mut self, frame: usize, prefix: &[u8]) -> Range<usize> {
        let Descriptor { slot, offset, len, .. } = self.frames[frame];
        let start = slot as usize * STRIDE + offset as usize;
        let front = start - prefix.len();
        self.memory[front..start].copy_from_slice(prefix);
        front..start + len as usize
    }

    /// Frame `frame` with its virtio-net header written in front of it, `header_len` bytes of it (10 or 12). Panics if there is
    /// no such frame.
    pub fn with_header(&mut self, frame: usize, header_len: usize) -> &mut [u8] {
        let (place, vnet) = (self.place_with_header(frame, header_len), self.frames[frame].vnet);
        let whole = &mut self.memory[place];
        whole[..header_len].copy_from_slice(&vnet.emit()[..header_len]);
        whole
    }

    /// Where in [`Batch::memory`] frame `frame` is with what [`Batch::with_header`] wrote. Panics if there is no such frame.
    pub fn place_with_header(&self, frame: usize, header_len: usize) -> Range<usize> {
        let Descriptor { slot, offset, len, .. } = self.frames[frame];
        let start = slot as usize * STRIDE + offset as usize;
        start - header_len..start + len as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vnet::Checksum;

    #[test]
    fn a_tag_goes_back_to_its_place_and_checksums_move_with_it() {
        let mut batch = Batch::new(1);
        let vnet = VnetHeader { checksum: Checksum::Partial { start: 34, offset: 16 }, ..VnetHeader::default() };
        let plain: Vec<u8> = (0..60).collect();
        assert!(batch.push_copy(&plain, vnet));
        batch.insert_tag([0x81, 0, 0x20, 7]);
        let mut tagged = plain.clone();
        tagged.splice(12..12, [0x81, 0, 0x20, 7]);
        assert_eq!(batch.bytes(0), tagged);
        assert_eq!(batch.descriptor(0).vnet.checksum, Checksum::Partial { start: 38, offset: 16 });
        assert_eq!(batch.with_header(0, 10).len(), 74);
    }

    #[test]
    fn places_in_the_memory_are_those_of_the_slots_and_do_not_overlap() {
        let mut batch = Batch::new(3);
        assert!(batch.push_copy(&[1; 60], VnetHeader::default()));
        let places: Vec<_> = (0..3).filter_map(|ahead| batch.free_place(ahead, VNET_LEN)).collect();
        assert_eq!(places.len(), 2, "two slots are free");
        assert!(places[0].end <= places[1].start && places[1].end <= batch.memory().len());
        let at = places[0].start + VNET_LEN;
        batch.memory()[at..at + 60].fill(2);
        assert_eq!(batch.free_slot(VNET_LEN).map(|slot| (slot.len(), slot[VNET_LEN])), Some((places[0].len(), 2)));
        batch.push_received(60, VnetHeader::default());
        for frame in [0, 1] {
            let (whole, place) = (batch.with_header(frame, VNET_LEN).to_vec(), batch.place_with_header(frame, VNET_LEN));
            assert_eq!(batch.memory()[place], whole);
            assert_eq!((whole.len(), usize::from(whole[VNET_LEN])), (60 + VNET_LEN, frame + 1));
        }
    }

    #[test]
    fn the_largest_frame_fits_with_its_header_and_two_tags() {
        let mut batch = Batch::new(2);
        assert!(batch.push_copy(&vec![1; FRAME_MAX], VnetHeader::default()));
        assert!(batch.push_copy(&vec![2; FRAME_MAX], VnetHeader::default()));
        assert!(!batch.push_copy(&[3; 60], VnetHeader::default()));
        batch.insert_tag([0x88, 0xa8, 0, 1]);
        batch.insert_tag([0x81, 0, 0, 2]);
        assert_eq!(batch.with_header(1, VNET_LEN).len(), FRAME_MAX + 8 + VNET_LEN);
        assert!(batch.bytes(0).iter().all(|byte| *byte == 1));
    }
}
