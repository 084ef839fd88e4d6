//! A tunnel: frames in UDP datagrams to and from many peers (RFC 7348).
//!
//! What comes in comes by the sockets of its underlay, which it shares with other tunnels: whoever reads those hands it the
//! datagrams that are for its network. Its own descriptor never tells of anything.
//!
//! | file | one idea |
//! |---|---|
//! | `queue.rs` | frames on their way out, gathered into messages |
//! | `deliver.rs` | messages to the kernel, and what it says |
//! | `own.rs` | probes of its peers' health |

mod deliver;
mod own;
mod queue;
#[cfg(test)]
mod tests;

use super::{Link, LinkError, Offloads, Waiting};
use crate::buffer::Batch;
use crate::clock;
use crate::offload::{Merger, checksum_of, size_within, uncut};
use crate::underlay::Underlay;
use crate::vnet::VnetHeader;
use lanloom_switch_core::vxlan::{Marks, Vtep, mark};
use lanloom_switch_core::{DropReason, EgressFate, Instant};
use nix::sys::eventfd::{EfdFlags, EventFd};
use queue::{Out, Queue};
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

thread_local! {
    /// A thread sends for one tunnel at a time, so all of its tunnels share this.
    static QUEUE: RefCell<Queue> = RefCell::new(Queue::new());
}

/// One end of a tunnel, as a link.
pub struct Vxlan {
    vtep: Vtep,
    underlay: Arc<Underlay>,
    silent: EventFd,
    seed: u64,
    /// The interface by which its group is reached.
    group_by: Option<u32>,
    merger: Merger,
    /// Bytes of payload that its underlay carries, as far as that is known.
    mtu: u32,
    /// Whether its port is up.
    is_up: bool,
    /// Probes that came, until somebody asks.
    taken: Vec<Vec<u8>>,
}

impl Vxlan {
    /// A tunnel end on an underlay. Its hashes start at `seed`; its group, if it has one, is reached by the interface of that number.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub(crate) fn new(vtep: Vtep, underlay: Arc<Underlay>, seed: u64, group_by: Option<u32>) -> io::Result<Self> {
        let silent = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self {
            vtep,
            underlay,
            silent,
            seed,
            group_by,
            merger: Merger::default(),
            mtu: u32::MAX,
            is_up: true,
            taken: Vec::new(),
        })
    }

    /// Its peers and its table.
    pub(crate) fn vtep(&self) -> &Vtep {
        &self.vtep
    }

    /// The same, to change.
    pub(crate) fn vtep_mut(&mut self) -> &mut Vtep {
        &mut self.vtep
    }

    /// What it sends by.
    pub(crate) fn underlay(&self) -> &Underlay {
        &self.underlay
    }

    /// Takes a datagram that came `from` there with that traffic class, and with a super-frame inside if it is told the size of what
    /// that is to be cut into: a frame is appended to `batch`, or its newest one goes on; what is no frame for it is rejected there.
    /// `false` if the batch is full; the datagram is still to be taken then.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        (from, tos, cut): (IpAddr, u8, Option<u16>),
        datagram: &[u8],
        batch: &mut Batch,
    ) -> bool {
        if batch.room() == 0 {
            return false;
        }
        if !self.is_up {
            self.merger.close(batch);
            batch.reject(datagram.len(), DropReason::PortDown);
            return true;
        }
        match self.vtep.handle_datagram(now, from, tos, datagram) {
            Ok(inside) if inside.probe => {
                self.taken.push(inside.frame.to_vec());
                true
            }
            Ok(inside) => {
                let cut = cut.or_else(|| size_within(inside.frame, self.mtu));
                if inside.marks == Marks::Stay && cut.is_none() {
                    return self.merger.take(batch, inside.frame);
                }
                self.merger.close(batch);
                let plain = || VnetHeader { checksum: checksum_of(inside.frame), ..VnetHeader::default() };
                let taken = batch.push_copy(inside.frame, cut.map_or_else(plain, |size| uncut(inside.frame, size)));
                if let (Marks::Mark(bits), true) = (inside.marks, taken) {
                    mark(batch.bytes_mut(batch.len() - 1), bits);
                }
                taken
            }
            Err(reason) => {
                self.merger.close(batch);
                batch.reject(datagram.len(), reason);
                true
            }
        }
    }

    /// Has the frames of the batch be what they are: to be called before anybody looks at it.
    pub(crate) fn close(&mut self, batch: &mut Batch) {
        self.merger.close(batch);
    }
}

impl Link for Vxlan {
    fn recv(&mut self, _batch: &mut Batch) -> Result<Waiting, LinkError> {
        Ok(Waiting::None)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        let mut out =
            Out { vtep: &mut self.vtep, underlay: &self.underlay, seed: self.seed, now: clock::now(), group_by: self.group_by };
        QUEUE.with_borrow_mut(|queue| {
            queue.begin();
            for slot in slots {
                queue.add(&mut out, batch, usize::from(*slot));
            }
            queue.end(&mut out, batch, fates);
        });
    }

    fn overrun(&mut self) -> u64 {
        0
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.silent.as_fd()
    }

    fn tunnel(&mut self) -> Option<&mut Vxlan> {
        Some(self)
    }
}

impl fmt::Debug for Vxlan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Vxlan").field(&self.vtep.config().vni).finish()
    }
}
