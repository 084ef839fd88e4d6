//! A TAP device with offloads: super-frames and partial checksums pass uncut.
//!
//! One `read` or `write` a frame; the virtio-net header stands directly in front of it. A `write` runs the receiver's network
//! stack in this thread. Both are made by `rustix`, which calls the kernel directly: in the C library they are points where a
//! thread may be cancelled, and that alone was 7 % of the time that a small frame takes.

use super::{Link, LinkError, Offloads, Waiting};
use crate::buffer::{Batch, FRAME_MAX};
use crate::sys::{netlink, tun};
use crate::vnet::{VNET_LEN, VnetHeader};
use lanloom_switch_core::{DropReason, EgressFate};
use nix::errno::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A TAP device opened with a virtio-net header.
#[derive(Debug)]
pub struct Tap {
    fd: OwnedFd,
    offloads: Offloads,
}

impl Tap {
    /// Opens or makes the TAP called `name` in this thread's namespace, with several queues from the first day: a device with
    /// one can never be opened with several. With `persist` it outlives us; without, one that was there before goes on to do so if
    /// it did.
    ///
    /// # Errors
    /// `EBUSY` or `EINVAL` if an interface of that name is no detached TAP of this kind, `EPERM` without `CAP_NET_ADMIN`,
    /// `EACCES` or `ENOENT` for `/dev/net/tun`.
    pub fn open(name: &str, persist: bool) -> io::Result<Self> {
        let (fd, offloads) = tun::open_offload(name)?;
        // A second queue is refused by nobody, and would take half of what the device's owner is sent.
        let index = nix::net::if_::if_nametoindex(tun::name(fd.as_fd())?.as_str())?;
        if netlink::tap_queues(index).is_ok_and(|queues| queues > 1) {
            return Err(Errno::EBUSY.into());
        }
        if persist {
            tun::set_persist(fd.as_fd())?;
        }
        Ok(Self { fd, offloads })
    }

    /// What makes it outlive this descriptor once it is plugged in somewhere.
    ///
    /// # Errors
    /// If the process has no descriptor left.
    pub fn keeper(&self) -> io::Result<Keeper> {
        Ok(Keeper { fd: self.fd.try_clone()? })
    }

    /// What the device is called now, in whatever namespace it is.
    ///
    /// # Errors
    /// `EBADFD` if it is gone.
    pub fn name(&self) -> io::Result<String> {
        tun::name(self.fd.as_fd())
    }
}

/// Makes a TAP outlive its descriptors, later than when it is made: until then, whatever fails, closing it is all there is to
/// undo.
#[derive(Debug)]
pub struct Keeper {
    pub(super) fd: OwnedFd,
}

impl Keeper {
    /// Does so.
    ///
    /// # Errors
    /// `EBADFD` if the device is gone.
    pub fn keep(&self) -> io::Result<()> {
        tun::set_persist(self.fd.as_fd())
    }
}

impl Link for Tap {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        while let Some(slot) = batch.free_slot(VNET_LEN) {
            let len = match rustix::io::read(&self.fd, &mut *slot).map_err(errno) {
                Ok(len) => len,
                Err(Errno::EAGAIN) => return Ok(Waiting::None),
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(read_error(error)),
            };
            let header = VnetHeader::parse(slot);
            let len = len.saturating_sub(VNET_LEN);
            match header {
                _ if len > FRAME_MAX => batch.reject(len, DropReason::Oversize),
                Ok(header) => batch.push_received(len, header),
                Err(_) => batch.reject(len, DropReason::Malformed),
            }
        }
        Ok(Waiting::Maybe)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        for slot in slots {
            let bytes = batch.with_header(usize::from(*slot), VNET_LEN);
            fates.push(write(&self.fd, bytes));
        }
    }

    fn overrun(&mut self) -> u64 {
        0
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a failed `read` of a TAP means: `EBADFD` once the device is gone.
pub(super) fn read_error(error: Errno) -> LinkError {
    match error {
        Errno::EBADFD | Errno::ENODEV => LinkError::Gone,
        Errno::ENETDOWN | Errno::EIO => LinkError::Down,
        error => LinkError::Io(error.into()),
    }
}

/// The same error in the words of the other links.
fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// Writes one frame with its header.
fn write(fd: &impl AsFd, bytes: &[u8]) -> EgressFate {
    match rustix::io::write(fd, bytes).map_err(errno) {
        Ok(_) => EgressFate::Sent,
        Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM) => EgressFate::Dropped(DropReason::QueueFull),
        Err(_) => EgressFate::Dropped(DropReason::LinkError),
    }
}
