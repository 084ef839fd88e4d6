//! What is to be put right in sandboxes, and when: all of it after a start, and what could not be done again and again, after pauses
//! that grow.

use super::model::Id;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// How long is waited after the first failure, and at most.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// The sandboxes that are not as they should be, or not known to be.
#[derive(Debug, Default)]
pub(super) struct Upkeep {
    waiting: Mutex<HashMap<Id, Wait>>,
    /// Told when one more waits, and at the end.
    pub(super) woken: Notify,
    has_ended: AtomicBool,
}

#[derive(Clone, Debug)]
struct Wait {
    /// Why it failed the last time, if it was tried before.
    why: Option<String>,
    /// How long will be waited if it fails.
    pause: Duration,
    due: Instant,
}

/// How a sandbox that waits looks from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// It has not been tried to the end since the daemon started.
    First,
    /// It failed, for that reason, and is tried again within that time.
    Again(String, Duration),
}

impl Upkeep {
    fn waiting(&self) -> MutexGuard<'_, HashMap<Id, Wait>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody is seen to any more.
    pub(super) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        self.woken.notify_one();
    }

    /// Whether that has been said.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// A sandbox is to be seen to as soon as can be.
    pub(super) fn put(&self, sandbox: &Id, now: Instant) {
        let wait = Wait { why: None, pause: PAUSES[0], due: now };
        self.waiting().insert(sandbox.clone(), wait);
        self.woken.notify_one();
    }

    /// Whether a sandbox's turn has come. It will come again, after a pause, unless the sandbox is taken out: whoever asks tries.
    pub(super) fn take_turn(&self, sandbox: &Id, now: Instant) -> bool {
        let mut waiting = self.waiting();
        let Some(wait) = waiting.get_mut(sandbox).filter(|wait| wait.due <= now) else { return false };
        wait.due = now + wait.pause;
        wait.pause = (wait.pause * 2).min(PAUSES[1]);
        true
    }

    /// It failed.
    pub(super) fn fail(&self, sandbox: &Id, why: String) {
        if let Some(wait) = self.waiting().get_mut(sandbox) {
            wait.why = Some(why);
        }
    }

    /// Nothing is left to do for a sandbox, or it is gone.
    pub(super) fn take_out(&self, sandbox: &Id) {
        self.waiting().remove(sandbox);
    }

    /// Whether a sandbox waits.
    pub(super) fn waits(&self, sandbox: &Id) -> bool {
        self.waiting().contains_key(sandbox)
    }

    /// What a sandbox waits for, if it does.
    pub(super) fn of(&self, sandbox: &Id, now: Instant) -> Option<Waits> {
        let wait = self.waiting().get(sandbox).cloned()?;
        let within = wait.due.saturating_duration_since(now);
        Some(wait.why.map_or(Waits::First, |why| Waits::Again(why, within)))
    }

    /// How long until the next turn comes, if somebody waits.
    pub(super) fn next(&self, now: Instant) -> Option<Duration> {
        let due = self.waiting().values().map(|wait| wait.due).min()?;
        Some(due.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_that_fails_has_its_turn_again_after_pauses_that_grow_up_to_half_a_minute() {
        let (upkeep, sandbox, mut now) = (Upkeep::default(), Id::random(), Instant::now());
        upkeep.put(&sandbox, now);
        assert_eq!((upkeep.of(&sandbox, now), upkeep.next(now)), (Some(Waits::First), Some(Duration::ZERO)));
        for pause in [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs) {
            assert!(upkeep.take_turn(&sandbox, now));
            upkeep.fail(&sandbox, "no nft".to_owned());
            assert_eq!(upkeep.of(&sandbox, now), Some(Waits::Again("no nft".to_owned(), pause)));
            assert_eq!(upkeep.next(now), Some(pause));
            now += pause;
            assert!(!upkeep.take_turn(&sandbox, now - Duration::from_millis(1)), "it is not its turn yet");
        }
        upkeep.take_out(&sandbox);
        assert_eq!((upkeep.of(&sandbox, now), upkeep.next(now), upkeep.take_turn(&sandbox, now)), (None, None, false));
    }

    #[test]
    fn one_that_is_put_in_again_is_seen_to_at_once_and_one_that_is_not_heard_of_again_after_a_pause() {
        let (upkeep, sandbox, now) = (Upkeep::default(), Id::random(), Instant::now());
        upkeep.put(&sandbox, now);
        assert!(upkeep.take_turn(&sandbox, now));
        assert_eq!(upkeep.next(now), Some(PAUSES[0]));
        assert_eq!(upkeep.of(&sandbox, now), Some(Waits::First));
        upkeep.put(&sandbox, now);
        assert_eq!(upkeep.next(now), Some(Duration::ZERO));
    }
}
