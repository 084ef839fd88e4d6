//! A TAP device with offloads: super-frames and partial checksums pass uncut.
//!
//! One `read` or `write` a frame; the virtio-net header stands directly in front of it. A `write` runs the receiver's network
//! stack in this thread. Both are made by `rustix`, which calls the kernel directly: in the C library they are points where a
//! thread may be cancelled, and that alone was 7 % of the time that a small frame takes.

use super::{Link, LinkError, Offloads, Waiting};
use crate::buffer::{Batch, FRAME_MAX};
use crate::sys::netns::inside;
use crate::sys::{netlink, tun};
use crate::vnet::{VNET_LEN, VnetHeader};
use lanloom_switch_core::{DropReason, EgressFate};
use nix::errno::Errno;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

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
        // A second queue is refused by nobody, and would take half of what the device's owner is sent. So the device is not touched
        // if somebody has it open; asking again catches whoever came between.
        if queues(name) > 0 {
            return Err(Errno::EBUSY.into());
        }
        let (fd, offloads) = tun::open_offload(name)?;
        if queues(&tun::name(fd.as_fd())?) > 1 {
            return Err(Errno::EBUSY.into());
        }
        if persist {
            tun::set_persist(fd.as_fd())?;
        }
        Ok(Self { fd, offloads })
    }

    /// As [`Tap::open`], in the namespace at `netns`, which the descriptor keeps alive; here if there is none.
    ///
    /// # Errors
    /// Those too, and what entering the namespace meets.
    pub fn open_in(netns: Option<&Path>, name: &str, persist: bool) -> io::Result<Self> {
        inside(netns, || Self::open(name, persist))
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

/// How many have the TAP called `name` open; 0 if there is none, or no word of it.
fn queues(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).ok().and_then(|index| netlink::tap_queues(index).ok()).unwrap_or(0)
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
        Err(error) => write_error(error),
    }
}

/// What becomes of a frame whose `write` failed: no room now, or no way.
pub(super) fn write_error(error: Errno) -> EgressFate {
    if matches!(error, Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM) {
        EgressFate::Dropped(DropReason::QueueFull)
    } else {
        EgressFate::Dropped(DropReason::LinkError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::packet::Packet;
    use crate::sys::netns::{alone, ip};
    use crate::vnet::VnetHeader;

    #[test]
    fn a_frame_that_is_longer_than_any_is_rejected_as_such_and_the_next_is_whole() {
        alone(|| {
            let mut link = Tap::open("t0", false).expect("a TAP");
            // With a tag, a frame may be four bytes longer than the interface says.
            // By itself first: set up, it would speak of its own address.
            ip("link set t0 addrgenmode none");
            ip("link set t0 mtu 65521 up");
            let mut far = Packet::open("t0").expect("the far end");
            let mut batch = Batch::new(2);
            let frame =
                |len: usize| [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 0x81, 0, 0, 5, 0x88, 0xb5], &vec![7; len - 18]].concat();
            assert!(batch.push_copy(&frame(FRAME_MAX - 1), VnetHeader::default()));
            batch.insert_tag([0x81, 0, 0, 6]);
            assert!(batch.push_copy(&frame(1000), VnetHeader::default()));
            let mut fates = Vec::new();
            far.send(&mut batch, &[0, 1], &mut fates);
            assert_eq!(fates, [EgressFate::Sent; 2]);
            batch.clear();
            link.recv(&mut batch).expect("a link that is up");
            assert_eq!(batch.rejected(), [(FRAME_MAX + 1, DropReason::Oversize)], "as much as there was room for");
            assert_eq!((batch.len(), batch.bytes(0)), (1, &frame(1000)[..]));
        });
    }

    #[test]
    fn a_frame_for_which_there_is_no_room_is_dropped_as_from_a_full_queue_and_any_other_as_a_links_fault() {
        for full in [Errno::EAGAIN, Errno::ENOBUFS, Errno::ENOMEM] {
            assert_eq!(write_error(full), EgressFate::Dropped(DropReason::QueueFull), "{full}");
        }
        for fault in [Errno::EIO, Errno::EINVAL, Errno::EBADFD] {
            assert_eq!(write_error(fault), EgressFate::Dropped(DropReason::LinkError), "{fault}");
        }
    }
}
