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
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::{fs, io};

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
            // SAFETY: `send` set the buffers, in a batch that it alone holds and does not touch before this returns.
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
            let places: [Range<usize>; BURST] =
                std::array::from_fn(|ahead| batch.free_place(ahead, self.header_len).unwrap_or_default());
            // No more than there is room for: each place is one.
            let count = self.messages.set(batch.memory(), places.into_iter().take(count));
            // SAFETY: the buffers are free slots of a batch that this call alone holds, and that nobody touches before it returns.
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
            let mut places: [Range<usize>; BURST] = std::array::from_fn(|_| 0..0);
            for (place, slot) in places.iter_mut().zip(burst) {
                let frame = usize::from(*slot);
                batch.with_header(frame, self.header_len);
                *place = batch.place_with_header(frame, self.header_len);
            }
            let count = self.messages.set(batch.memory(), places.into_iter().take(burst.len()));
            self.send_burst(count, fates);
        }
    }

    fn overrun(&mut self) -> u64 {
        options::packet_drops(self.fd.as_fd()).unwrap_or(0)
    }

    fn offloads(&self) -> Offloads {
        Offloads { uso: carries_udp_segmentation(), ..Offloads::ALL }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether a super-frame of UDP passes AF_PACKET with a virtio-net header: since Linux 6.2, as for a TAP. Before, the kernel
/// refuses one from us (`EINVAL`) and loses one on the way to us.
pub fn carries_udp_segmentation() -> bool {
    static CARRIES: OnceLock<bool> = OnceLock::new();
    let release = || fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    *CARRIES.get_or_init(|| is_since(&release(), (6, 2)))
}

/// Whether a release of Linux (`6.1.0-13-amd64`) is that version or newer; one that cannot be read is not.
fn is_since(release: &str, version: (u32, u32)) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= version,
        _ => false,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::{alone, ip};
    use nix::sys::socket::{MsgFlags, send};
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    #[test]
    fn udp_segmentation_is_offered_from_linux_6_2_on() {
        for old in ["5.10.0-13-amd64", "6.1.99", "6.1", "", "six"] {
            assert!(!is_since(old, (6, 2)), "{old}");
        }
        for new in ["6.2.0", "6.2-rc1", "6.18.44-fc\n", "10.0.1"] {
            assert!(is_since(new, (6, 2)), "{new}");
        }
    }

    /// Sends bytes out of an interface as they are.
    fn inject(interface: &str, bytes: &[u8]) {
        let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).expect("a packet socket");
        setsockopt(&socket, sockopt::SndBuf, &(1 << 20)).expect("room");
        let index = nix::net::if_::if_nametoindex(interface).expect("an interface");
        options::bind_packet(socket.as_fd(), index).expect("bound");
        assert_eq!(send(socket.as_raw_fd(), bytes, MsgFlags::empty()), Ok(bytes.len()));
    }

    #[test]
    fn a_frame_that_is_longer_than_any_is_rejected_as_such_and_the_next_is_whole() {
        alone(|| {
            ip("link add t0 mtu 65535 type veth peer name t1 mtu 65535");
            // The sender last: it carries at once then.
            ip("link set t1 addrgenmode none up");
            ip("link set t0 addrgenmode none up");
            let mut link = Packet::open("t1").expect("the veth's end");
            let frame = |len: usize| [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 0x88, 0xb5], &vec![7; len - 14]].concat();
            inject("t0", &frame(FRAME_MAX + 13));
            inject("t0", &frame(1000));
            let mut batch = Batch::new(8);
            let deadline = Instant::now() + Duration::from_secs(10);
            while batch.is_empty() && Instant::now() < deadline {
                link.recv(&mut batch).expect("a link that is up");
            }
            assert_eq!(batch.rejected(), [(FRAME_MAX + 13, DropReason::Oversize)]);
            assert_eq!((0..batch.len()).map(|at| batch.bytes(at).to_vec()).collect::<Vec<_>>(), [frame(1000)]);
        });
    }
}
