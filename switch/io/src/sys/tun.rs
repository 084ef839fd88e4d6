//! TAP devices by ioctl (Linux `Documentation/networking/tuntap.rst`).
#![allow(unsafe_code)]

use crate::link::Offloads;
use crate::vnet::VNET_LEN;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

nix::ioctl_write_ptr_bad!(tun_set_iff, libc::TUNSETIFF, libc::ifreq);
nix::ioctl_read_bad!(tun_get_iff, libc::TUNGETIFF, libc::ifreq);
nix::ioctl_write_int_bad!(tun_set_persist, libc::TUNSETPERSIST);
nix::ioctl_write_int_bad!(tun_set_offload, libc::TUNSETOFFLOAD);
nix::ioctl_write_ptr_bad!(tun_set_header_size, libc::TUNSETVNETHDRSZ, libc::c_int);

/// Segmentation of UDP over IPv4 and IPv6 (Linux 6.2); newer than the header that `libc` follows.
const TUN_F_USO: libc::c_uint = 0x20 | 0x40;

/// Opens the TAP device called `name`, or makes it, with a virtio-net header and several queues.
///
/// An existing one must be persistent, detached, and made with the same flags; the kernel answers `EBUSY` or `EINVAL`
/// otherwise.
pub(crate) fn open_offload(name: &str) -> io::Result<(OwnedFd, Offloads)> {
    let fd = open("/dev/net/tun", OFlag::O_RDWR | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC, Mode::empty())?;
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;
    let request = request(name, flags as libc::c_short)?;
    // SAFETY: a descriptor of /dev/net/tun and a request whose name ends in zero.
    unsafe { tun_set_iff(fd.as_raw_fd(), &raw const request) }?;
    let len = VNET_LEN as libc::c_int;
    // SAFETY: the ioctl reads one int.
    unsafe { tun_set_header_size(fd.as_raw_fd(), &raw const len) }?;
    let offloads = offer(&fd)?;
    Ok((fd, offloads))
}

/// Tells the kernel what may come to us unfinished: everything, or everything but UDP segmentation on Linux before 6.2.
fn offer(fd: &OwnedFd) -> io::Result<Offloads> {
    let tcp = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
    // SAFETY: the argument is a number.
    match unsafe { tun_set_offload(fd.as_raw_fd(), (tcp | TUN_F_USO) as libc::c_int) } {
        Ok(_) => return Ok(Offloads::ALL),
        Err(Errno::EINVAL) => {}
        Err(error) => return Err(error.into()),
    }
    // SAFETY: as above.
    unsafe { tun_set_offload(fd.as_raw_fd(), tcp as libc::c_int) }?;
    Ok(Offloads { uso: false, ..Offloads::ALL })
}

/// Tells the kernel that nothing may come to us unfinished. The setting is the device's and outlives a descriptor, so it is
/// made at every attach.
pub(crate) fn offer_nothing(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the argument is a number.
    unsafe { tun_set_offload(fd.as_raw_fd(), 0) }?;
    Ok(())
}

/// Has the device outlive its last descriptor.
pub(crate) fn set_persist(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the argument is a number.
    unsafe { tun_set_persist(fd.as_raw_fd(), 1) }?;
    Ok(())
}

/// What the device is called now.
pub(crate) fn name(fd: BorrowedFd<'_>) -> io::Result<String> {
    let mut request = request("", 0)?;
    // SAFETY: the kernel fills in one `ifreq`.
    unsafe { tun_get_iff(fd.as_raw_fd(), &raw mut request) }?;
    let name: Vec<u8> = request.ifr_name.iter().take_while(|byte| **byte != 0).map(|byte| *byte as u8).collect();
    String::from_utf8(name).map_err(|_| io::Error::other("interface name is not UTF-8"))
}

pub(super) fn request(name: &str, flags: libc::c_short) -> io::Result<libc::ifreq> {
    if name.len() >= libc::IFNAMSIZ || name.bytes().any(|byte| byte == 0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "an interface name has at most 15 bytes and no NUL"));
    }
    // SAFETY: `ifreq` is plain data, for which all zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = flags;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Link;
    use crate::link::plain_tap::PlainTap;
    use crate::sys::netns::alone;
    use std::process::Command;

    /// What the device in this thread's namespace would hand over unfinished.
    fn unfinished() -> Vec<String> {
        let told = Command::new("ethtool").args(["--show-features", "t0"]).output().expect("ethtool");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        let names = ["tx-checksum-ip-generic: on", "tx-tcp-segmentation: on", "tx-udp-segmentation: on"];
        names.into_iter().filter(|name| told.contains(name)).map(str::to_owned).collect()
    }

    #[test]
    fn a_plain_tap_that_was_left_with_offloads_hands_over_none_once_we_have_it() {
        alone(|| {
            let first = PlainTap::open("t0", true).expect("a TAP");
            offer(&first.fd().try_clone_to_owned().expect("a descriptor")).expect("offloads");
            drop(first);
            assert!(!unfinished().is_empty(), "they outlive a descriptor");
            let _again = PlainTap::open("t0", false).expect("the TAP again");
            assert_eq!(unfinished(), Vec::<String>::new());
        });
    }
}
