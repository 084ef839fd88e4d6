//! Who goes first when cores are short.
#![allow(unsafe_code)]

use std::io;

/// Has this thread, and those that it starts from now on, run only as far as others leave a core (`nice` 19).
///
/// # Errors
/// None on Linux: anybody may go behind.
pub(crate) fn go_last() -> io::Result<()> {
    // SAFETY: three numbers; on Linux, 0 is the calling thread alone.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 19) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
