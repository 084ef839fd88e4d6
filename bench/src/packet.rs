//! Raw frames into and out of an interface (AF_PACKET, `packet(7)`): what the frame generator and its counter are made of.
#![allow(unsafe_code)]

use crate::fault::{Result, Tried};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{MsgFlags, recv};
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Frames that one system call sends.
pub(crate) const BATCH: usize = 32;

/// `PACKET_IGNORE_OUTGOING` of `linux/if_packet.h`.
const PACKET_IGNORE_OUTGOING: libc::c_int = 23;

/// A packet socket on one interface of the namespace of the thread that opens it.
pub(crate) struct PacketSocket(OwnedFd);

impl PacketSocket {
    /// A socket that sends past the queueing discipline, so that nothing but the interface paces or holds what is sent.
    ///
    /// # Errors
    /// If the interface does not exist or the kernel refuses.
    pub(crate) fn sender(interface: &str) -> Result<Self> {
        let socket = Self::open()?;
        socket.set(libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, &1i32, "PACKET_QDISC_BYPASS")?;
        // Frames under way must not be what stops the sender.
        socket.set(libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &(1i32 << 24), "SO_SNDBUFFORCE")?;
        socket.bind(interface, 0)?;
        Ok(socket)
    }

    /// A socket that gets what the interface receives and `filter` accepts; nothing of what the interface sends.
    ///
    /// # Errors
    /// As [`PacketSocket::sender`].
    pub(crate) fn receiver(interface: &str, filter: &[libc::sock_filter]) -> Result<Self> {
        let socket = Self::open()?;
        socket.set(libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1i32, "PACKET_IGNORE_OUTGOING")?;
        let program = libc::sock_fprog { len: u16::try_from(filter.len()).unwrap_or(0), filter: filter.as_ptr().cast_mut() };
        socket.set(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program, "SO_ATTACH_FILTER")?;
        socket.bind(interface, libc::ETH_P_ALL as u16)?;
        Ok(socket)
    }

    /// Bounds what waits to be received to as little as the kernel allows: for a socket that only counts.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn without_queue(self) -> Result<Self> {
        self.set(libc::SOL_SOCKET, libc::SO_RCVBUF, &1i32, "SO_RCVBUF")?;
        Ok(self)
    }

    /// Sends copies of a frame, at most [`BATCH`]. Returns how many the interface took: fewer if it refused one, and the
    /// refusal is then the answer to the next call.
    ///
    /// # Errors
    /// If it refused the first.
    pub(crate) fn send(&self, frame: &[u8], copies: usize) -> std::result::Result<usize, Errno> {
        let copies = copies.min(BATCH);
        let mut part = libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
        // SAFETY: all-zero is a valid `mmsghdr`: no name, no parts, no control data.
        let mut messages: [libc::mmsghdr; BATCH] = unsafe { std::mem::zeroed() };
        for message in &mut messages[..copies] {
            message.msg_hdr.msg_iov = &raw mut part;
            message.msg_hdr.msg_iovlen = 1;
        }
        // SAFETY: `messages` holds at least `copies` valid headers, whose part points to `frame`; both outlive the call,
        // which only reads the frame.
        let sent = unsafe { libc::sendmmsg(self.0.as_raw_fd(), messages.as_mut_ptr(), copies as libc::c_uint, 0) };
        Errno::result(sent).map(|sent| usize::try_from(sent).unwrap_or(0))
    }

    /// Frames that the filter accepted since the last call, whether they found room in the socket's queue or not.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn take_count(&self) -> Result<u64> {
        let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = size_of::<libc::tpacket_stats>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes to `stats`, which is that long.
        let result = unsafe {
            let to = (&raw mut stats).cast();
            libc::getsockopt(self.0.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, to, &raw mut length)
        };
        Errno::result(result).tried(|| "reading PACKET_STATISTICS")?;
        // `tp_packets` already includes `tp_drops`.
        Ok(u64::from(stats.tp_packets))
    }

    /// The length of the next frame that waits, and drops it; `None` if none waits.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn next_len(&self) -> Result<Option<usize>> {
        match recv(self.0.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
            Ok(length) => Ok(Some(length)),
            Err(Errno::EAGAIN) => Ok(None),
            Err(why) => Err(crate::fault::Fault::on("receiving from a packet socket", why)),
        }
    }

    /// Deaf until it is bound: protocol 0.
    fn open() -> Result<Self> {
        // SAFETY: a plain system call.
        let fd = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        Errno::result(fd).tried(|| "opening a packet socket")?;
        // SAFETY: `fd` was just opened and belongs to nobody else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    fn bind(&self, interface: &str, protocol: u16) -> Result<()> {
        let index = if_nametoindex(interface).tried(|| format!("looking for the interface {interface}"))?;
        // SAFETY: all-zero is a valid `sockaddr_ll`.
        let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
        address.sll_family = libc::AF_PACKET as u16;
        address.sll_protocol = protocol.to_be();
        address.sll_ifindex = index.cast_signed();
        // SAFETY: the address is valid and as long as said.
        let result = unsafe {
            let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length)
        };
        Errno::result(result).map(drop).tried(|| format!("binding a packet socket to {interface}"))
    }

    fn set<T>(&self, level: libc::c_int, option: libc::c_int, value: &T, name: &str) -> Result<()> {
        // SAFETY: the kernel reads as many bytes as `value` is long.
        let result = unsafe {
            let length = size_of::<T>() as libc::socklen_t;
            libc::setsockopt(self.0.as_raw_fd(), level, option, (&raw const *value).cast(), length)
        };
        if result < 0 { Err(io::Error::last_os_error()).tried(|| format!("setting {name}")) } else { Ok(()) }
    }
}
