//! The system calls by which a kernel shows what it can: each opened, asked, and closed.

#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::inside::errno_of;

/// `PACKET_VNET_HDR_SZ` of linux/if_packet.h.
const PACKET_VNET_HDR_SZ: i32 = 24;
/// `PACKET_IGNORE_OUTGOING` of linux/if_packet.h.
const PACKET_IGNORE_OUTGOING: i32 = 23;
/// Bytes of the virtio-net header that our links use.
const VNET_LEN: i32 = 12;

/// `TUN_F_*` of linux/if_tun.h: checksums, TSO over IPv4 and IPv6, and UDP segmentation over both.
const OFFLOADS: libc::c_ulong = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;

/// A TAP of whatever name the kernel gives, gone when it is dropped.
pub(super) struct Tap(File);

impl Tap {
    /// Makes one in the calling thread's namespace, or says which step failed.
    pub(super) fn open(flags: i32) -> Result<Self, (&'static str, Errno)> {
        let file = File::options().read(true).write(true).open("/dev/net/tun");
        let file = file.map_err(|error| ("opening /dev/net/tun", errno_of(&error)))?;
        // SAFETY: an all-zero `ifreq` is a valid one; its empty name asks for any.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI | flags) as libc::c_short;
        // SAFETY: TUNSETIFF reads and writes one `ifreq`, which outlives the call.
        let answer = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
        Errno::result(answer).map_err(|errno| ("making a TAP", errno))?;
        Ok(Self(file))
    }

    /// Whether it takes super-frames of UDP.
    pub(super) fn offload_udp_segmentation(&self) -> Result<(), Errno> {
        // SAFETY: TUNSETOFFLOAD takes a number, and no pointer.
        Errno::result(unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETOFFLOAD as _, OFFLOADS) }).map(drop)
    }
}

/// Whether packet sockets carry a virtio-net header of our size.
pub(super) fn packet_vnet_header() -> Result<(), Errno> {
    packet_option(PACKET_VNET_HDR_SZ, VNET_LEN)
}

/// Whether packet sockets can leave out what was sent.
pub(super) fn packet_ignore_outgoing() -> Result<(), Errno> {
    packet_option(PACKET_IGNORE_OUTGOING, 1)
}

/// A socket for no protocol receives nothing.
fn packet_option(name: i32, value: i32) -> Result<(), Errno> {
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the option's value is one `i32`, which outlives the call, and its length is given.
    let answer = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, name, (&raw const value).cast(), length) };
    Errno::result(answer).map(drop)
}
