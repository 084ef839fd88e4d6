//! How wide the terminal is.
#![allow(unsafe_code)]

use nix::libc;
use std::io;
use std::os::fd::AsRawFd;

/// Columns of the terminal that standard output is, if it is one and says so.
pub(super) fn columns() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one `winsize` there, and nothing else.
    let done = unsafe { libc::ioctl(io::stdout().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (done == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
}
