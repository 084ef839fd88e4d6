//! Ctrl-C, SIGTERM and SIGHUP: remembered here, asked for by everything that waits, so that a stopped run still cleans up.
#![allow(unsafe_code)]

use crate::fault::{Fault, Result, Tried};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Remembers the signals that ask a program to end, instead of ending.
///
/// # Errors
/// If the kernel refuses a handler.
pub(crate) fn listen() -> Result<()> {
    extern "C" fn remember(_: libc::c_int) {
        REQUESTED.store(true, Ordering::Relaxed);
    }
    let action = SigAction::new(SigHandler::Handler(remember), SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &action) }.tried(|| format!("listening for {signal}"))?;
    }
    Ok(())
}

/// Whether the run was asked to end.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// Sleeps, in slices short enough to notice a request to end.
///
/// # Errors
/// [`Fault::Stopped`] if there is one.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    let end = std::time::Instant::now() + time;
    loop {
        if requested() {
            return Err(Fault::Stopped);
        }
        let left = end.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// Asks `ready` every few milliseconds until it says yes.
///
/// # Errors
/// If it does not within `limit`, or the run was asked to end.
pub(crate) fn wait_until(what: &str, limit: Duration, mut ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let end = std::time::Instant::now() + limit;
    while !ready()? {
        if std::time::Instant::now() > end {
            return Err(Fault::on(format!("waiting for {what}"), format!("not there after {} s", limit.as_secs())));
        }
        sleep(Duration::from_millis(10))?;
    }
    Ok(())
}
