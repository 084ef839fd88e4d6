//! What the switch itself has to send, until whoever owns the links takes it.

use super::{NoSuchPort, Switch};
use crate::port::PortId;
use crate::verdict::{DropReason, Generated};
use std::collections::VecDeque;

/// Frames that wait at most: as many as one batch of an engine can ask for.
pub const TRANSMIT_MAX: usize = 64;

/// Bytes of memory taken for one of them: the longest answer, a "packet too big" of IPv6 behind two tags.
const FRAME_ROOM: usize = 1280 + 22;

/// A frame that the switch made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outgoing<'a> {
    /// Where it is to be sent.
    pub port: PortId,
    /// What it is.
    pub what: Generated,
    /// From the destination address on, all checksums finished.
    pub bytes: &'a [u8],
}

#[derive(Clone, Debug)]
struct Waiting {
    port: PortId,
    what: Generated,
    bytes: Vec<u8>,
}

/// The frames that wait, in memory that is used again.
#[derive(Clone, Debug, Default)]
pub(super) struct Transmit {
    waiting: VecDeque<Waiting>,
    /// Handed out last.
    current: Option<Waiting>,
    spare: Vec<Vec<u8>>,
}

impl Transmit {
    /// Whether there was room for what `fill` appends.
    fn push(&mut self, port: PortId, what: Generated, fill: impl FnOnce(&mut Vec<u8>)) -> bool {
        if self.waiting.len() == TRANSMIT_MAX {
            return false;
        }
        let mut bytes = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(FRAME_ROOM));
        fill(&mut bytes);
        self.waiting.push_back(Waiting { port, what, bytes });
        true
    }

    fn pop(&mut self) -> Option<Outgoing<'_>> {
        if let Some(Waiting { mut bytes, .. }) = self.current.take() {
            bytes.clear();
            self.spare.push(bytes);
        }
        self.current = self.waiting.pop_front();
        self.current.as_ref().map(|Waiting { port, what, bytes }| Outgoing { port: *port, what: *what, bytes })
    }
}

impl Switch {
    /// Has the switch send a frame of its own on `port`: what `fill` appends, from the destination address on. One that finds
    /// [`TRANSMIT_MAX`] others waiting is dropped there (`queue_full`).
    ///
    /// # Errors
    /// If there is no such port.
    pub fn generate(&mut self, port: PortId, what: Generated, fill: impl FnOnce(&mut Vec<u8>)) -> Result<(), NoSuchPort> {
        self.port(port)?;
        if !self.transmit.push(port, what, fill) {
            self.port_mut(port)?.counters.drop_many(DropReason::QueueFull, 1);
        }
        Ok(())
    }

    /// The next frame that the switch itself has to send, oldest first. Call it after [`Switch::handle_frame`], or after a batch of
    /// them, until there is none; send each, and tell by [`Switch::record_generated`] what its link did with it.
    pub fn poll_transmit(&mut self) -> Option<Outgoing<'_>> {
        self.transmit.pop()
    }
}
