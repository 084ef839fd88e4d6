//! The clock that the data plane runs on.

use lanloom_switch_core::Instant;
use nix::time::{ClockId, clock_gettime};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, by `CLOCK_BOOTTIME`: goes on while the machine sleeps, and never back.
pub fn now() -> Instant {
    // The clock exists on every kernel that this crate runs on; 0 would only make everything look old.
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map_or(Instant::default(), |time| Instant::from_nanos(time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64))
}

/// Nanoseconds of wall-clock time since 1970: only for what is shown or captured.
pub fn wall() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
