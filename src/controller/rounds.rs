//! Now and then drivers are asked to put right what somebody may have changed behind our back, as the firewall. As long as nobody
//! did, that costs next to nothing.

use super::Inner;
use lanloom_drivers::driver::Driver;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long a driver that fails again and again is left alone at the most.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// When the next round is, and what came of the last one.
pub(super) struct Rounds {
    every: Duration,
    last: Instant,
    /// The drivers that failed, by name.
    failed: HashMap<String, Failed>,
}

struct Failed {
    why: String,
    since: Instant,
    pause: Duration,
}

impl Rounds {
    /// Whose first is after that time: a start has just seen to everything.
    pub(super) fn new(every: Duration) -> Self {
        Self { every, last: Instant::now(), failed: HashMap::new() }
    }

    /// How long until the next.
    pub(super) fn next(&self) -> Duration {
        self.every.saturating_sub(self.last.elapsed())
    }

    /// Makes one, if it is time.
    pub(super) async fn make(&mut self, inner: &Inner) {
        if !self.next().is_zero() {
            return;
        }
        self.last = Instant::now();
        let _turn = inner.writer.lock().await;
        if inner.upkeep.has_ended() {
            return;
        }
        for driver in &inner.drivers {
            self.settle(&**driver).await;
        }
    }

    /// What is said again and again is logged once.
    async fn settle(&mut self, driver: &dyn Driver) {
        let before = self.failed.get(driver.name());
        if before.is_some_and(|failed| failed.since.elapsed() < failed.pause) {
            return;
        }
        let error = match driver.settle().await {
            Ok(lines) => {
                lines.iter().for_each(|line| tracing::warn!("{line}"));
                self.failed.remove(driver.name());
                return;
            }
            Err(error) => error.to_string(),
        };
        if before.is_none_or(|failed| failed.why != error) {
            tracing::warn!("{error}; it is tried again");
        }
        let pause = before.map_or(self.every, |failed| (failed.pause * 2).min(PAUSE_MAX));
        self.failed.insert(driver.name().to_owned(), Failed { why: error, since: Instant::now(), pause });
    }
}
