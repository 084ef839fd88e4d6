//! Word of a process's end (`pidfd_open(2)`).
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// A descriptor that is readable once the process has ended. It keeps nothing of the process's alive.
///
/// # Errors
/// `ESRCH` if there is none.
pub(crate) fn open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: two numbers; no flags.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a new descriptor that nobody else owns; the kernel makes it close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
