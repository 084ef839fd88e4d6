//! Ctrl-C, SIGTERM and SIGHUP: remembered here, asked for by everything that waits, so that a stopped demo still cleans up.
#![allow(unsafe_code)]

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// How long a wait lasts at most before it asks whether to go on.
pub(super) const SLICE: Duration = Duration::from_millis(50);

/// Remembers the signals that ask a program to end, instead of ending.
///
/// # Errors
/// If the kernel refuses a handler.
pub(super) fn listen() -> io::Result<()> {
    extern "C" fn remember(_: nix::libc::c_int) {
        REQUESTED.store(true, Ordering::Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(remember), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &action) }?;
    }
    Ok(())
}

/// Whether the demo was asked to end.
pub(super) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Looks until `look` answers: at most for `patience`, and no longer than the demo is to run.
pub(super) fn wait_for<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if requested() || Instant::now() >= deadline {
            return None;
        }
        thread::sleep(SLICE.min(deadline.saturating_duration_since(Instant::now())));
    }
}
