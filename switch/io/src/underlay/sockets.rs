//! Sockets that receive, and what all have in common.

use super::Place;
use crate::sys::datagram::merge_received;
use crate::sys::{interface, options};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket, sockopt};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// Bytes that may wait in a socket: some milliseconds of a fast network.
const QUEUE: usize = 8 << 20;

/// `IP_MTU_DISCOVER`'s "always forbid fragments", and answer `EMSGSIZE` to what is longer than the path carries.
const PMTUDISC_DO: i32 = 2;

/// A UDP socket of an address's family that never blocks.
pub(super) fn socket_of(address: IpAddr) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let fd = socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    if address.is_ipv6() {
        setsockopt(&fd, sockopt::Ipv6V6Only, &true)?;
    }
    Ok(fd)
}

/// No tunnel end may fragment (RFC 7348, 4.3).
pub(super) fn forbid_fragments(socket: BorrowedFd<'_>, local: IpAddr) -> io::Result<()> {
    match local {
        IpAddr::V4(_) => options::set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, &PMTUDISC_DO),
        IpAddr::V6(_) => options::set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, &PMTUDISC_DO),
    }
}

/// What goes to a group does not come back to its members here: what came from the tunnel never goes back into it, nor the other
/// way round.
pub(super) fn hear_not_ourselves(socket: BorrowedFd<'_>, local: IpAddr) -> io::Result<()> {
    match local {
        IpAddr::V4(_) => options::set(socket, libc::IPPROTO_IP, libc::IP_MULTICAST_LOOP, &0_i32),
        IpAddr::V6(_) => options::set(socket, libc::IPPROTO_IPV6, libc::IPV6_MULTICAST_LOOP, &0_i32),
    }
}

pub(super) fn widen_sending(socket: &OwnedFd) -> io::Result<()> {
    if options::set(socket.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, &(QUEUE as i32)).is_err() {
        setsockopt(socket, sockopt::SndBuf, &QUEUE)?;
    }
    Ok(())
}

/// A socket that receives at that place, and whether the kernel merges for it what belongs together.
///
/// # Errors
/// `EADDRNOTAVAIL` if the address is none of this host's, `EADDRINUSE` if somebody else has the port, `ENODEV` if a group's interface
/// is not there.
pub(crate) fn receiver(place: &Place) -> io::Result<(OwnedFd, bool)> {
    let fd = socket_of(place.address)?;
    if setsockopt(&fd, sockopt::RcvBufForce, &QUEUE).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &QUEUE)?;
    }
    tell_class(fd.as_fd(), place.address)?;
    bind(fd.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(place.address, place.port)))?;
    if let Some(ifname) = &place.ifname {
        let index = interface::index_of(ifname)?.ok_or(Errno::ENODEV)?;
        join_group(fd.as_fd(), place.address, index)?;
    }
    let merges = merge_received(fd.as_fd()).is_ok();
    Ok((fd, merges))
}

/// Tells the traffic class with each datagram. Over IPv6 a checksum of zero is taken too, as RFC 7348, 5, wants (RFC 6935).
fn tell_class(fd: BorrowedFd<'_>, address: IpAddr) -> io::Result<()> {
    /// `UDP_NO_CHECK6_RX` of Linux's `udp.h`.
    const UDP_NO_CHECK6_RX: i32 = 102;
    match address {
        IpAddr::V4(_) => options::set(fd, libc::IPPROTO_IP, libc::IP_RECVTOS, &1_i32),
        IpAddr::V6(_) => {
            options::set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, &1_i32)?;
            options::set(fd, libc::SOL_UDP, UDP_NO_CHECK6_RX, &1_i32)
        }
    }
}

fn join_group(fd: BorrowedFd<'_>, group: IpAddr, index: u32) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            let request = libc::ip_mreqn {
                imr_multiaddr: libc::in_addr { s_addr: u32::from(group).to_be() },
                imr_address: libc::in_addr { s_addr: 0 },
                imr_ifindex: index as i32,
            };
            options::set(fd, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request)
        }
        IpAddr::V6(group) => {
            let request =
                libc::ipv6_mreq { ipv6mr_multiaddr: libc::in6_addr { s6_addr: group.octets() }, ipv6mr_interface: index };
            options::set(fd, libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP, &request)
        }
    }
}
