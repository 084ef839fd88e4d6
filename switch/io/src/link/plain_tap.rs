//! A TAP device without offloads, through the `tun-tap` crate: frames and checksums as they are on the wire.
//!
//! Slower by a factor of three, and what a person wants who looks at frames. It has one queue and no virtio-net header, so it
//! and a [`super::tap::Tap`] never take over each other's device.

use super::tap::{Keeper, read_error, write_error};
use super::{Link, LinkError, Offloads, Waiting};
use crate::buffer::{Batch, FRAME_MAX};
use crate::sys::netns::inside;
use crate::sys::{options, tun};
use crate::vnet::VnetHeader;
use lanloom_switch_core::{DropReason, EgressFate};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use tun_tap::{Iface, Mode};

/// A TAP device opened by `tun-tap`.
pub struct PlainTap {
    iface: Iface,
}

impl PlainTap {
    /// Opens or makes the TAP called `name` in this thread's namespace; `persist` as for [`super::tap::Tap::open`].
    ///
    /// # Errors
    /// As [`super::tap::Tap::open`].
    pub fn open(name: &str, persist: bool) -> io::Result<Self> {
        let tap = Self { iface: Iface::without_packet_info(name, Mode::Tap)? };
        fcntl(tap.fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        tun::offer_nothing(tap.fd())?;
        if persist {
            tun::set_persist(tap.fd())?;
        }
        Ok(tap)
    }

    /// As [`super::tap::Tap::open_in`].
    ///
    /// # Errors
    /// As there.
    pub fn open_in(netns: Option<&Path>, name: &str, persist: bool) -> io::Result<Self> {
        inside(netns, || Self::open(name, persist))
    }

    /// As [`super::tap::Tap::keeper`].
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn keeper(&self) -> io::Result<Keeper> {
        Ok(Keeper { fd: self.fd().try_clone_to_owned()? })
    }
}

impl Link for PlainTap {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        while let Some(slot) = batch.free_slot(0) {
            match self.iface.recv(slot) {
                Ok(len) if len > FRAME_MAX => batch.reject(len, DropReason::Oversize),
                Ok(len) => batch.push_received(len, VnetHeader::default()),
                Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                    Errno::EAGAIN => return Ok(Waiting::None),
                    Errno::EINTR => {}
                    error => return Err(read_error(error)),
                },
            }
        }
        Ok(Waiting::Maybe)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        for slot in slots {
            let fate = match self.iface.send(batch.bytes(usize::from(*slot))) {
                Ok(_) => EgressFate::Sent,
                Err(error) => write_error(Errno::from_raw(error.raw_os_error().unwrap_or(0))),
            };
            fates.push(fate);
        }
    }

    fn overrun(&mut self) -> u64 {
        0
    }

    fn offloads(&self) -> Offloads {
        Offloads::NONE
    }

    fn fd(&self) -> BorrowedFd<'_> {
        options::borrow(&self.iface)
    }
}
