//! How long a thread looks for more before it sleeps.
//!
//! A sleep and a wake-up cost more than frames that come close together need. A thread that looks on for a while saves them, and
//! burns a core for nothing where frames come far apart. So it learns: the window grows to its bound while looking on finds, or
//! would have found, work, and shrinks to nothing while it does not.

use lanloom_switch_core::Instant;
use std::time::Duration;

/// The window begins, and ends, at this part of its bound.
const STEPS: u32 = 16;

/// A window that adapts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spin {
    bound: Duration,
    window: Duration,
    /// When the last work was done.
    last: Instant,
}

impl Spin {
    /// Nothing at first, and `bound` at most.
    pub(super) fn new(bound: Duration) -> Self {
        Self { bound, window: Duration::ZERO, last: Instant::default() }
    }

    /// Whether to look again rather than to sleep.
    pub(super) fn is_on(&self, now: Instant) -> bool {
        now.since(self.last) < self.window
    }

    /// The window now.
    pub(super) fn window(&self) -> Duration {
        self.window
    }

    /// Work was `found`, and is `done` now. It counts as near enough up to twice the bound, since a thread that slept was told
    /// of it late.
    pub(super) fn worked(&mut self, found: Instant, done: Instant) {
        let step = self.bound / STEPS;
        let near = found.since(self.last) <= self.bound.saturating_mul(2);
        self.window = match near {
            true => self.window.saturating_mul(2).max(step).min(self.bound),
            false if self.window <= step => Duration::ZERO,
            false => self.window / 2,
        };
        self.last = done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Duration = Duration::from_micros(50);

    /// Work of no length, that often and so far apart.
    fn work(spin: &mut Spin, now: &mut Instant, times: u32, apart: Duration) {
        for _ in 0..times {
            *now = *now + apart;
            spin.worked(*now, *now);
        }
    }

    #[test]
    fn the_window_grows_to_its_bound_under_load_and_shrinks_to_nothing_without() {
        let (mut spin, mut now) = (Spin::new(BOUND), Instant::from_nanos(1_000_000_000));
        assert_eq!(spin.window(), Duration::ZERO);
        work(&mut spin, &mut now, 10, Duration::from_millis(1));
        assert_eq!(spin.window(), Duration::ZERO, "a frame a millisecond is not worth it");
        work(&mut spin, &mut now, 2, Duration::from_micros(5));
        assert!(spin.window() > Duration::ZERO && spin.window() < BOUND, "{:?}", spin.window());
        work(&mut spin, &mut now, 10, Duration::from_micros(5));
        assert_eq!(spin.window(), BOUND);
        assert!(spin.is_on(now) && !spin.is_on(now + BOUND));
        work(&mut spin, &mut now, 6, Duration::from_millis(1));
        assert_eq!(spin.window(), Duration::ZERO);
        assert!(!spin.is_on(now));
    }

    #[test]
    fn a_bound_of_nothing_never_spins() {
        let (mut spin, mut now) = (Spin::new(Duration::ZERO), Instant::from_nanos(1));
        work(&mut spin, &mut now, 10, Duration::ZERO);
        assert!(!spin.is_on(now));
    }
}
