//! Now and then drivers are asked to put right what somebody may have changed behind our back, as the firewall; and some sandboxes
//! are looked at, others each time, those first whose ports went down. As long as nobody changed anything, that costs next to nothing.

use super::model::{Id, Sandbox};
use super::{Event, EventKind, Inner};
use lanloom_drivers::driver::Driver;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// How long a driver that fails again and again is left alone at the most.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Sandboxes that are looked at in turn in a round, and those at the most whose ports went down.
const IN_TURN: usize = 4;
const TOLD: usize = 32;

/// When the next round is, and what came of the last one.
pub(super) struct Rounds {
    every: Duration,
    last: Instant,
    /// The drivers that failed, by name.
    failed: HashMap<String, Failed>,
    /// The name of the sandbox that was looked at last.
    seen: Option<String>,
    events: Receiver<Event>,
}

struct Failed {
    why: String,
    since: Instant,
    pause: Duration,
}

impl Rounds {
    /// Whose first is after that time: a start has just seen to everything.
    pub(super) fn new(inner: &Inner) -> Self {
        let (every, events) = (inner.networking.look_every, inner.fabric.events());
        Self { every, last: Instant::now(), failed: HashMap::new(), seen: None, events }
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
        inner.damage.retain(|sandbox, _| inner.book.sandbox(sandbox).is_some());
        for sandbox in self.told(inner).into_iter().chain(self.some_in_turn(inner)) {
            inner.look_at(&sandbox).await;
        }
    }

    /// The sandboxes whose ports went down since the last round.
    fn told(&mut self, inner: &Inner) -> Vec<Arc<Sandbox>> {
        let mut told: Vec<Arc<Sandbox>> = Vec::new();
        loop {
            match self.events.try_recv() {
                Ok(Event { kind: EventKind::PortDown { switch, port, .. }, .. }) if told.len() < TOLD => {
                    let sandbox = sandbox_of(inner, &switch, &port).and_then(|id| inner.book.sandbox(&id));
                    told.extend(sandbox.filter(|sandbox| !told.iter().any(|other| other.id == sandbox.id)));
                }
                // Those that were missed have their turn too.
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return told,
            }
        }
    }

    /// The next ones by name, from the first again after the last.
    fn some_in_turn(&mut self, inner: &Inner) -> Vec<Arc<Sandbox>> {
        let all = inner.book.sandboxes();
        let is_later = |sandbox: &Arc<Sandbox>| self.seen.as_ref().is_none_or(|seen| sandbox.name.as_str() > seen.as_str());
        let at = all.iter().position(is_later).unwrap_or(0);
        let some: Vec<Arc<Sandbox>> = all.iter().cycle().skip(at).take(IN_TURN.min(all.len())).cloned().collect();
        self.seen = some.last().map(|sandbox| sandbox.name.to_string());
        some
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

/// The sandbox that a network's port leads to.
fn sandbox_of(inner: &Inner, switch: &str, port: &str) -> Option<Id> {
    let network = inner.book.networks().into_iter().find(|network| network.name.as_str() == switch)?;
    let endpoint = inner.book.endpoints_on(&network.id).into_iter().find(|endpoint| endpoint.name.as_str() == port)?;
    endpoint.state.joint().map(|joint| joint.sandbox.clone())
}
