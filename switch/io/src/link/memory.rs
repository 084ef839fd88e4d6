//! Two ends in one process: what goes into one comes out of the other. Bounded, without root and without the kernel's network.
//!
//! For tests and for programs that hold an end themselves, not for speed: each frame takes a lock and an allocation, unlike on
//! the links of the kernel.

use super::{Link, LinkError, Offloads, Waiting};
use crate::buffer::{Batch, FRAME_MAX};
use crate::vnet::VnetHeader;
use lanloom_switch_core::{DropReason, EgressFate};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Frames and bytes that may wait in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Frames.
    pub frames: usize,
    /// Bytes.
    pub bytes: usize,
}

impl Default for Bound {
    /// 1,024 frames, 1 MiB.
    fn default() -> Self {
        Self { frames: 1024, bytes: 1 << 20 }
    }
}

/// A frame on its way, and what is left to do for it.
pub type MemoryFrame = (Box<[u8]>, VnetHeader);

/// Makes the two ends of a link. Each takes frames unfinished as `offloads` says.
///
/// # Errors
/// If the process has no descriptor left.
pub fn pair(bound: Bound, offloads: Offloads) -> io::Result<(MemoryEnd, MemoryEnd)> {
    let (there, back) = (Arc::new(Pipe::new(bound)?), Arc::new(Pipe::new(bound)?));
    let one = MemoryEnd { from: Arc::clone(&back), to: Arc::clone(&there), offloads };
    Ok((one, MemoryEnd { from: there, to: back, offloads }))
}

/// One end of a link in memory.
#[derive(Debug)]
pub struct MemoryEnd {
    from: Arc<Pipe>,
    to: Arc<Pipe>,
    offloads: Offloads,
}

impl MemoryEnd {
    /// Sends one frame, with what is left to do for it.
    pub fn send_frame(&self, bytes: &[u8], vnet: VnetHeader) -> EgressFate {
        self.to.push(bytes, vnet)
    }

    /// The next frame, waiting for it at most `patience`, however long that is.
    ///
    /// # Errors
    /// [`LinkError::Closed`] if the other end is gone and nothing is left.
    pub fn recv_frame(&self, patience: Duration) -> Result<Option<MemoryFrame>, LinkError> {
        let deadline = Instant::now().checked_add(patience);
        loop {
            if let Some(frame) = self.from.pop() {
                return Ok(Some(frame));
            }
            if self.other_is_gone() {
                return Err(LinkError::Closed);
            }
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            let millis = u16::try_from(left.as_millis().saturating_add(1)).unwrap_or(u16::MAX);
            let mut waiting = [PollFd::new(self.fd(), PollFlags::POLLIN)];
            match poll(&mut waiting, PollTimeout::from(millis)) {
                Ok(_) | Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(LinkError::Io(error.into())),
            }
        }
    }

    fn other_is_gone(&self) -> bool {
        self.from.closed.load(Ordering::Acquire)
    }
}

impl Drop for MemoryEnd {
    fn drop(&mut self) {
        self.to.close();
    }
}

impl Link for MemoryEnd {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        while batch.room() > 0 {
            match self.from.pop() {
                Some((bytes, vnet)) => {
                    batch.push_copy(&bytes, vnet);
                }
                None if self.other_is_gone() => return Err(LinkError::Closed),
                None => return Ok(Waiting::None),
            }
        }
        Ok(Waiting::Maybe)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        for slot in slots {
            let slot = usize::from(*slot);
            fates.push(self.to.push(batch.bytes(slot), batch.descriptor(slot).vnet));
        }
    }

    fn overrun(&mut self) -> u64 {
        0
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.from.bell.as_fd()
    }
}

/// One direction: a bounded queue and a bell that rings while it holds something, and for ever once the sending end is gone.
#[derive(Debug)]
struct Pipe {
    queue: Mutex<Queue>,
    bell: EventFd,
    bound: Bound,
    /// The sending end is gone.
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<MemoryFrame>,
    bytes: usize,
}

impl Pipe {
    fn new(bound: Bound) -> io::Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self { queue: Mutex::default(), bell, bound, closed: AtomicBool::new(false) })
    }

    fn push(&self, bytes: &[u8], vnet: VnetHeader) -> EgressFate {
        if bytes.len() > FRAME_MAX {
            return EgressFate::Dropped(DropReason::MtuExceeded);
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.frames.len() >= self.bound.frames || queue.bytes + bytes.len() > self.bound.bytes {
            return EgressFate::Dropped(DropReason::QueueFull);
        }
        queue.bytes += bytes.len();
        queue.frames.push_back((bytes.into(), vnet));
        if queue.frames.len() == 1 {
            self.ring();
        }
        EgressFate::Sent
    }

    fn pop(&self) -> Option<MemoryFrame> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = queue.frames.pop_front();
        queue.bytes -= frame.as_ref().map_or(0, |(bytes, _)| bytes.len());
        if queue.frames.is_empty() && !self.closed.load(Ordering::Acquire) {
            // Silent already if it has been emptied before: nothing to do then.
            let _ = self.bell.read();
        }
        frame
    }

    /// Under the lock, so that a reader that empties the queue right now does not take this ring for that of a frame.
    fn close(&self) {
        let _queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Release);
        self.ring();
    }

    fn ring(&self) {
        // Fails only if the bell has rung 2^64 times unheard.
        let _ = self.bell.write(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_that_goes_wakes_its_reader_even_if_the_last_frame_filled_the_readers_batch() {
        let (one, mut other) = pair(Bound::default(), Offloads::ALL).expect("descriptors");
        assert_eq!(one.send_frame(&[7; 60], VnetHeader::default()), EgressFate::Sent);
        drop(one);
        let mut batch = Batch::new(1);
        assert_eq!(other.recv(&mut batch).expect("a frame first"), Waiting::Maybe);
        let mut fds = [PollFd::new(other.fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut fds, PollTimeout::ZERO), Ok(1), "there is still something to hear");
        batch.clear();
        assert!(matches!(other.recv(&mut batch), Err(LinkError::Closed)));
    }

    #[test]
    fn bytes_are_bounded_as_well_as_frames_and_what_was_taken_makes_room() {
        let (one, other) = pair(Bound { frames: 100, bytes: 250 }, Offloads::ALL).expect("descriptors");
        let (sent, full) = (EgressFate::Sent, EgressFate::Dropped(DropReason::QueueFull));
        let send = |len: usize| one.send_frame(&vec![7; len], VnetHeader::default());
        assert_eq!([send(100), send(100), send(51), send(50), send(14)], [sent, sent, full, sent, full], "to the last byte");
        assert!(other.recv_frame(Duration::ZERO).expect("there").is_some());
        assert_eq!([send(101), send(100)], [full, sent]);
    }

    #[test]
    fn a_reader_may_wait_for_ever() {
        let (one, other) = pair(Bound::default(), Offloads::ALL).expect("descriptors");
        one.send_frame(&[7; 60], VnetHeader::default());
        assert!(matches!(other.recv_frame(Duration::MAX), Ok(Some(_))));
        drop(one);
        assert!(matches!(other.recv_frame(Duration::MAX), Err(LinkError::Closed)));
    }

    #[test]
    fn what_is_too_long_to_send_ends_for_a_reason_that_ends_copies() {
        let (one, _other) = pair(Bound::default(), Offloads::ALL).expect("descriptors");
        let EgressFate::Dropped(reason) = one.send_frame(&[7; FRAME_MAX + 4], VnetHeader::default()) else {
            panic!("no buffer on the other side holds it");
        };
        assert!(reason.is_egress(), "{reason}");
    }
}
