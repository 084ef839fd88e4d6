//! What is plugged into a port and carries frames.
//!
//! A link receives into and sends from a [`Batch`]; it decides nothing and counts nothing. Every kind passes one suite,
//! `tests/link_conformance.rs`.

pub mod memory;
pub mod packet;
pub mod plain_tap;
pub mod tap;
pub mod vxlan;

use crate::buffer::Batch;
use lanloom_switch_core::EgressFate;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;

/// A carrier of Ethernet frames that never blocks.
pub trait Link: Send {
    /// Appends frames to `batch` until it is full or none is waiting, and says which.
    ///
    /// # Errors
    /// If the link is gone or down; frames received before are in the batch.
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError>;

    /// Sends the frames of `batch` in `slots`, in order, and appends one fate for each to `fates`. A frame that the link does
    /// not take now is dropped with `queue_full`, never waited for.
    ///
    /// The frames need nothing that [`Link::offloads`] does not offer: the engine sees to that.
    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>);

    /// Frames that the kernel lost on their way to us since the last question.
    fn overrun(&mut self) -> u64;

    /// What the link takes without having it finished or cut.
    fn offloads(&self) -> Offloads;

    /// Readable when a frame is waiting.
    fn fd(&self) -> BorrowedFd<'_>;

    /// The tunnel that it is, if it is one: what comes in by that comes by others' sockets.
    fn tunnel(&mut self) -> Option<&mut vxlan::Vxlan> {
        None
    }
}

/// Whether a link may have more to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Nothing is waiting now.
    None,
    /// The batch was full first.
    Maybe,
}

/// What a link takes uncut and unfinished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    /// Partial checksums.
    pub checksum: bool,
    /// TCP super-frames over IPv4.
    pub tso4: bool,
    /// TCP super-frames over IPv6.
    pub tso6: bool,
    /// UDP super-frames, over both.
    pub uso: bool,
}

impl Offloads {
    /// Nothing: every frame as it is on the wire.
    pub const NONE: Self = Self { checksum: false, tso4: false, tso6: false, uso: false };

    /// Everything that a frame may be left with.
    pub const ALL: Self = Self { checksum: true, tso4: true, tso6: true, uso: true };

    /// Their names, as `port ls` shows them.
    pub fn names(self) -> Vec<&'static str> {
        let all = [(self.checksum, "checksum"), (self.tso4, "tso4"), (self.tso6, "tso6"), (self.uso, "uso")];
        all.into_iter().filter_map(|(has, name)| has.then_some(name)).collect()
    }
}

/// Why a link carries no frames now. The port says it and waits.
#[derive(Debug)]
pub enum LinkError {
    /// Its interface is administratively down.
    Down,
    /// Its interface no longer exists.
    Gone,
    /// The other end, in memory, no longer exists.
    Closed,
    /// The kernel answered something else.
    Io(io::Error),
}

impl fmt::Display for LinkError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => out.write_str("interface is down"),
            Self::Gone => out.write_str("interface is gone"),
            Self::Closed => out.write_str("the other end is closed"),
            Self::Io(error) => write!(out, "{error}"),
        }
    }
}

impl std::error::Error for LinkError {}
