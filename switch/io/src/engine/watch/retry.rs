//! When to try again what failed for a reason that passes.

use std::time::{Duration, Instant};

/// The first wait; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(10);

/// Waits that grow while something goes on failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) due: Instant,
    wait: Duration,
}

impl Retry {
    /// After one more failure at `now`.
    pub(super) fn after(before: Option<Self>, now: Instant) -> Self {
        let wait = match before {
            // Somebody else's change came between: the wait that was begun goes on.
            Some(before) if now < before.due => return before,
            Some(before) => (before.wait * 2).min(LONGEST),
            None => FIRST,
        };
        Self { due: now + wait, wait }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_not_begun_anew_by_what_comes_between() {
        let start = Instant::now();
        let first = Retry::after(None, start);
        assert_eq!(first.due, start + FIRST);
        assert_eq!(Retry::after(Some(first), start + FIRST / 2), first);
        let second = Retry::after(Some(first), first.due);
        assert_eq!(second.due, first.due + 2 * FIRST);
        let last = (0..20).fold(second, |retry, _| Retry::after(Some(retry), retry.due));
        assert_eq!(last.wait, LONGEST);
    }
}
