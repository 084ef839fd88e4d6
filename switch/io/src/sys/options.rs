//! Socket options that have no typed twin.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sets an option whose value is a plain structure or number.
pub(crate) fn set<T: Copy>(fd: BorrowedFd<'_>, level: i32, option: i32, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and length describe `value`, which outlives the call; the kernel copies it.
    let answer = unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, option, std::ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t)
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Frames that an AF_PACKET socket lost since the last question (`PACKET_STATISTICS`, which resets itself).
pub(crate) fn packet_drops(fd: BorrowedFd<'_>) -> io::Result<u64> {
    let mut stats = libc::tpacket_stats { tp_packets: 0, tp_drops: 0 };
    let mut len = size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: `stats` is plain data of the length told, and outlives the call.
    let answer = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            std::ptr::from_mut(&mut stats).cast(),
            &raw mut len,
        )
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(u64::from(stats.tp_drops)) }
}

/// Datagrams that a socket lost because its queue was full, since it was made (`SO_MEMINFO`); it begins at 0 again behind its end.
pub(crate) fn socket_drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    /// Where the count is (`sock_diag.h`).
    const SK_MEMINFO_DROPS: usize = 8;
    let mut told = [0_u32; SK_MEMINFO_DROPS + 1];
    let mut len = size_of_val(&told) as libc::socklen_t;
    // SAFETY: `told` is plain data of the length told, and outlives the call.
    let answer =
        unsafe { libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_MEMINFO, told.as_mut_ptr().cast(), &raw mut len) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(told[SK_MEMINFO_DROPS]) }
}

/// The descriptor of a device, which only tells its number.
pub(crate) fn borrow(owner: &tun_tap::Iface) -> BorrowedFd<'_> {
    // SAFETY: the number is the device's descriptor, open as long as the device that the answer borrows from.
    unsafe { BorrowedFd::borrow_raw(owner.as_raw_fd()) }
}

/// Binds an AF_PACKET socket to one interface, for every protocol.
pub(crate) fn bind_packet(fd: BorrowedFd<'_>, interface: u32) -> io::Result<()> {
    // SAFETY: `sockaddr_ll` is plain data, for which all zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = interface as i32;
    let len = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the pointer and length describe `address`, which outlives the call.
    let answer = unsafe { libc::bind(fd.as_raw_fd(), std::ptr::from_ref(&address).cast(), len) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads an option whose value is a number.
pub(crate) fn get(fd: BorrowedFd<'_>, level: i32, option: i32) -> io::Result<i32> {
    let mut value = 0_i32;
    let mut len = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the pointers describe `value` and its length, which outlive the call.
    let answer =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, option, std::ptr::from_mut(&mut value).cast(), &raw mut len) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}
