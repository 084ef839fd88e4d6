//! What an interface is now, asked by ioctl (`netdevice(7)`).
#![allow(unsafe_code)]

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::ffi::CStr;
use std::io;
use std::os::fd::AsRawFd;

nix::ioctl_readwrite_bad!(get_flags, libc::SIOCGIFFLAGS, libc::ifreq);
nix::ioctl_readwrite_bad!(get_mtu, libc::SIOCGIFMTU, libc::ifreq);
nix::ioctl_readwrite_bad!(get_name, libc::SIOCGIFNAME, libc::ifreq);

/// An interface of this thread's namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) index: u32,
    /// Administratively up.
    pub(crate) up: bool,
    /// Bytes of the largest payload.
    pub(crate) mtu: u32,
    /// Whether somebody at the other end takes frames; true where that is not asked.
    pub(crate) carrier: bool,
}

/// The interface called `name`, or `None` if there is none.
pub(crate) fn find(name: &str) -> io::Result<Option<Interface>> {
    let Some(index) = index_of(name)? else { return Ok(None) };
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = super::tun::request(name, 0)?;
    // SAFETY: a socket and an `ifreq` whose name ends in zero; the kernel fills in the flags.
    let flags = unsafe { get_flags(socket.as_raw_fd(), &raw mut request).map(|_| request.ifr_ifru.ifru_flags) };
    // SAFETY: as above; the kernel fills in the MTU.
    let mtu = unsafe { get_mtu(socket.as_raw_fd(), &raw mut request).map(|_| request.ifr_ifru.ifru_mtu) };
    match (flags, mtu) {
        (Ok(flags), Ok(mtu)) => {
            let up = i32::from(flags) & libc::IFF_UP != 0;
            Ok(Some(Interface { index, up, mtu: u32::try_from(mtu).unwrap_or(0), carrier: true }))
        }
        (Err(Errno::ENODEV), _) | (_, Err(Errno::ENODEV)) => Ok(None),
        (Err(error), _) | (_, Err(error)) => Err(error.into()),
    }
}

/// The number of the interface called `name`, or `None` if there is none.
pub(crate) fn index_of(name: &str) -> io::Result<Option<u32>> {
    match nix::net::if_::if_nametoindex(name) {
        Ok(index) => Ok(Some(index)),
        Err(Errno::ENODEV) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What the interface with this index is called now, if it is still here.
pub(crate) fn name_of(index: u32) -> Option<String> {
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).ok()?;
    let mut request = super::tun::request("", 0).ok()?;
    request.ifr_ifru.ifru_ifindex = index as i32;
    // SAFETY: a socket and an `ifreq` with an index; the kernel fills in the name, ending in zero.
    let name = unsafe {
        get_name(socket.as_raw_fd(), &raw mut request).ok()?;
        CStr::from_ptr(request.ifr_name.as_ptr())
    };
    name.to_str().ok().map(str::to_owned)
}
