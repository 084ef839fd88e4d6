//! An interface that exists, by AF_PACKET (`packet(7)`): our end of a veth pair, or somebody's interface.
//!
//! Frames come and go many a call, with a virtio-net header, so that super-frames pass uncut. The host keeps its own view of
//! the interface: for a veth that is why its end lives in a namespace without addresses; for an `iface://` port the host still
//! takes its frames. Frames that the host itself sends out of the interface are not received.

use super::{Link, LinkError, Offloads, Waiting};
use crate::buffer::{Batch, FRAME_MAX};
use crate::sys::{mmsg::Messages, options};
use crate::vnet::{VNET_LEN, VnetHeader};
use lanloom_switch_core::{DropReason, EgressFate};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, setsockopt, socket, sockopt};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Frames a call.
const BURST: usize = 64;

/// Bytes that may wait in either direction: some hundred super-frames. The kernel's default holds three.
const QUEUE: usize = 16 << 20;

/// An AF_PACKET socket on one interface.
pub struct Packet {
    fd: OwnedFd,
    /// 12, or 10 on Linux before 6.6.
    header_len: usize,
    messages: Messages,
    /// Bytes of the longest frame of the last call: how many of the next may fill a batch.
    longest: usize,
}

impl Packet {
    /// Opens the interface called `name` in this thread's namespace, promiscuous.
    ///
    /// # Errors
    /// `ENODEV` if there is none, `EPERM` without `CAP_NET_RAW`.
    pub fn open(name: &str) -> io::Result<Self> {
        let index = nix::net::if_::if_nametoindex(name)?;
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // Without a protocol it receives nothing until it is bound to the one interface.
        let fd = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
        let socket = fd.as_fd();
        let header_len = want_header(socket)?;
        options::set(socket, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1_i32)?;
        options::set(socket, libc::SOL_PACKET, libc::PACKET_IGNORE_OUTGOING, &1_i32)?;
        if setsockopt(&fd, sockopt::RcvBufForce, &QUEUE).is_err() {
            setsockopt(&fd, sockopt::RcvBuf, &QUEUE)?;
        }
        if options::set(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &(QUEUE as i32)).is_err() {
            setsockopt(&fd, sockopt::SndBuf, &QUEUE)?;
        }
        options::bind_packet(socket, index)?;
        let member = libc::packet_mreq {
            mr_ifindex: index as i32,
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        options::set(socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &member)?;
        Ok(Self { fd, header_len, messages: Messages::new(BURST), longest: 0 })
    }

    /// Takes the message in the batch's next slot.
    fn take(&mut self, batch: &mut Batch, message: usize) {
        let received = self.messages.received(message);
        let len = received.len.saturating_sub(self.header_len);
        self.longest = self.longest.max(len);
        let header = VnetHeader::parse(batch.next_front(self.header_len));
        match header {
            _ if received.truncated || len > FRAME_MAX => batch.reject(len, DropReason::Oversize),
            Ok(header) => {
                batch.push_received(len, header);
                received.tag.into_iter().for_each(|tag| batch.insert_tag(tag));
            }
            Err(_) => batch.reject(len, DropReason::Malformed),
        }
    }

    /// Sends messages `0..count` and appends a fate for each.
    fn send_burst(&mut self, count: usize, fates: &mut Vec<EgressFate>) {
        let mut from = 0;
        while from < count {
            // SAFETY: `send` set the buffers, which the batch that it borrows still holds.
            #[allow(unsafe_code)]
            let answer = unsafe { self.messages.send(self.fd.as_fd(), from, count) };
            match answer.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
                Ok(sent) => {
                    fates.extend(std::iter::repeat_n(EgressFate::Sent, sent));
                    from += sent;
                }
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM) => {
                    fates.extend(std::iter::repeat_n(EgressFate::Dropped(DropReason::QueueFull), count - from));
                    from = count;
                }
                Err(error) => {
                    let reason = if error == Errno::EMSGSIZE { DropReason::MtuExceeded } else { DropReason::LinkError };
                    fates.push(EgressFate::Dropped(reason));
                    from += 1;
                }
            }
        }
    }
}

impl Link for Packet {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        while batch.room() > 0 {
            let filling = batch.room_bytes() / self.longest.max(1);
            let count = filling.max(1).min(batch.room()).min(self.messages.capacity());
            self.longest = 0;
            for ahead in 0..count {
                if let Some(slot) = batch.free_slot_at(ahead, self.header_len) {
                    self.messages.set(ahead, slot);
                }
            }
            // SAFETY: the buffers are free slots of a batch that this call alone holds.
            #[allow(unsafe_code)]
            let answer = unsafe { self.messages.recv(self.fd.as_fd(), count) };
            match answer.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
                Ok(received) => {
                    (0..received).for_each(|message| self.take(batch, message));
                    if received < count {
                        return Ok(Waiting::None);
                    }
                }
                Err(Errno::EAGAIN) => return Ok(Waiting::None),
                Err(Errno::EINTR) => {}
                // The kernel could not put the frame's segmentation into a header (a tunnel's), and has dropped it.
                Err(Errno::EINVAL) => batch.reject(0, DropReason::Malformed),
                Err(Errno::ENETDOWN) => return Err(LinkError::Down),
                Err(Errno::ENODEV | Errno::ENXIO) => return Err(LinkError::Gone),
                Err(error) => return Err(LinkError::Io(error.into())),
            }
        }
        Ok(Waiting::Maybe)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        for burst in slots.chunks(self.messages.capacity()) {
            for (index, slot) in burst.iter().enumerate() {
                self.messages.set(index, batch.with_header(usize::from(*slot), self.header_len));
            }
            self.send_burst(burst.len(), fates);
        }
    }

    fn overrun(&mut self) -> u64 {
        options::packet_drops(self.fd.as_fd()).unwrap_or(0)
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Asks for a header of 12 bytes, or of 10 where Linux is older than 6.6.
fn want_header(socket: BorrowedFd<'_>) -> io::Result<usize> {
    if options::set(socket, libc::SOL_PACKET, libc::PACKET_VNET_HDR_SZ, &(VNET_LEN as i32)).is_ok() {
        return Ok(VNET_LEN);
    }
    options::set(socket, libc::SOL_PACKET, libc::PACKET_VNET_HDR, &1_i32)?;
    Ok(VNET_LEN - 2)
}
