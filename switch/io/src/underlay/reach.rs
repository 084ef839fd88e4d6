//! Whether there is a path to a peer, and what it carries: as the kernel knows it, from its routes and from what routers told it.

use super::sockets::socket_of;
use crate::sys::{interface, options};
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{SockaddrStorage, bind, connect};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

/// The interface that has an address, with its MTU in bytes and whether it is up; `None` if none has it.
pub(crate) fn holder(address: IpAddr) -> io::Result<Option<(String, u32, bool)>> {
    let is_it = |name: &SockaddrStorage| match address {
        IpAddr::V4(address) => name.as_sockaddr_in().is_some_and(|name| name.ip() == address),
        IpAddr::V6(address) => name.as_sockaddr_in6().is_some_and(|name| name.ip() == address),
    };
    let found = getifaddrs()?.find(|one| one.address.as_ref().is_some_and(is_it));
    let Some(found) = found else { return Ok(None) };
    // A label of an old alias stands behind a colon.
    let name = found.interface_name.split(':').next().unwrap_or_default().to_owned();
    Ok(interface::find(&name)?.map(|found| (name, found.mtu, found.up)))
}

/// Bytes of the longest packet that goes from one address to another unfragmented, as far as the kernel knows.
///
/// # Errors
/// If there is no way: `ENETUNREACH`, `EADDRNOTAVAIL` and the like.
pub fn path_mtu(local: IpAddr, peer: IpAddr) -> io::Result<u32> {
    let socket = socket_of(local)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(local, 0)))?;
    // Any port: nothing is sent.
    connect(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(peer, 9)))?;
    let mtu = match local {
        IpAddr::V4(_) => options::get(socket.as_fd(), libc::IPPROTO_IP, libc::IP_MTU)?,
        IpAddr::V6(_) => options::get(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_MTU)?,
    };
    u32::try_from(mtu).map_err(|_| Errno::EINVAL.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::{alone, ip};

    #[test]
    fn a_path_carries_what_its_interface_does_and_what_a_route_says_less() {
        alone(|| {
            ip("link add u0 mtu 1600 type veth peer name u1");
            ip("address add 10.8.0.1/24 dev u0");
            let (local, peer) = ("10.8.0.1".parse().expect("one"), "10.8.0.2".parse().expect("one"));
            assert_eq!(holder(local).expect("an answer"), Some(("u0".to_owned(), 1600, false)));
            assert_eq!(holder(peer).expect("an answer"), None);
            assert!(path_mtu(local, peer).is_err(), "it is down");
            ip("link set u1 up");
            ip("link set u0 up");
            assert_eq!(path_mtu(local, peer).expect("a route"), 1600);
            ip("route add 10.8.0.2/32 dev u0 mtu lock 1400");
            assert_eq!(path_mtu(local, peer).expect("a route"), 1400);
            assert!(path_mtu(peer, local).is_err(), "not our address");
        });
    }
}
