//! Now and then drivers are asked to put right what somebody may have changed behind our back, as the firewall; and some sandboxes
//! are looked at, however long that takes. As long as nobody changed anything, that costs next to nothing.

use super::Inner;
use super::looks::Looks;
use lanloom_drivers::driver::Driver;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

/// How long a driver that fails again and again is left alone at the most.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// When the next round is, and what came of the last one.
pub(super) struct Rounds {
    every: Duration,
    last: Instant,
    /// The drivers that failed, by name.
    failed: HashMap<String, Failed>,
    /// Whoever holds it looks at sandboxes.
    pub(super) looks: Arc<Mutex<Looks>>,
    looking: Option<JoinHandle<()>>,
}

struct Failed {
    why: String,
    since: Instant,
    pause: Duration,
}

impl Rounds {
    /// Whose first is after that time: a start has just seen to everything.
    pub(super) fn new(inner: &Inner) -> Self {
        let (every, looks) = (inner.networking.look_every, Arc::new(Mutex::new(Looks::new(inner))));
        Self { every, last: Instant::now(), failed: HashMap::new(), looks, looking: None }
    }

    /// How long until the next.
    pub(super) fn next(&self) -> Duration {
        self.every.saturating_sub(self.last.elapsed())
    }

    /// Makes one, if it is time. Drivers are asked in their turn among the changes.
    pub(super) async fn make(&mut self, inner: &Arc<Inner>) {
        if !self.next().is_zero() {
            return;
        }
        self.last = Instant::now();
        let turn = inner.writer.lock().await;
        if inner.upkeep.has_ended() {
            return;
        }
        for driver in &inner.drivers {
            self.settle(driver).await;
        }
        drop(turn);
        self.look(inner).await;
    }

    /// Has sandboxes looked at, unless that is still under way from before: who is at home in them decides how long it takes, and
    /// drivers are asked in time all the same.
    async fn look(&mut self, inner: &Arc<Inner>) {
        if self.looking.as_ref().is_some_and(|looking| !looking.is_finished()) {
            return;
        }
        if let Some(looking) = self.looking.take()
            && let Err(error) = looking.await
        {
            tracing::error!("looking at sandboxes stopped halfway: {error}; it is done again in its time");
        }
        let (looks, inner) = (Arc::clone(&self.looks), Arc::clone(inner));
        self.looking = Some(tokio::spawn(async move { looks.lock().await.make(&inner).await }));
    }

    /// What is said again and again is logged once. A driver that panics has failed.
    async fn settle(&mut self, driver: &Arc<dyn Driver>) {
        let name = driver.name();
        let before = self.failed.get(name);
        if before.is_some_and(|failed| failed.since.elapsed() < failed.pause) {
            return;
        }
        let asked = Arc::clone(driver);
        let settled = tokio::spawn(async move { asked.settle().await }).await;
        let error = match settled.map_err(|error| format!("cannot have driver {name} put things right: {error}")) {
            Ok(Ok(lines)) => {
                lines.iter().for_each(|line| tracing::warn!("{line}"));
                self.failed.remove(name);
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(stopped) => stopped,
        };
        if before.is_none_or(|failed| failed.why != error) {
            tracing::warn!("{error}; it is tried again");
        }
        let pause = before.map_or(self.every, |failed| (failed.pause * 2).min(PAUSE_MAX));
        self.failed.insert(name.to_owned(), Failed { why: error, since: Instant::now(), pause });
    }
}
