//! What is being measured, what came out, and about how long it will still take: on stderr, a line for each figure.

use crate::fault::Fault;
use std::time::Instant;

/// Progress through steps whose durations were estimated.
pub(crate) struct Progress {
    begin: Instant,
    place: String,
    /// Estimated seconds of all, of what is over, and of the visit's steps that are over or under way.
    total: f64,
    over: f64,
    step: f64,
    visit: f64,
}

impl Progress {
    /// For steps that are estimated to take so many seconds in all.
    pub(crate) fn new(total: f64) -> Self {
        Self { begin: Instant::now(), place: String::new(), total, over: 0.0, step: 0.0, visit: 0.0 }
    }

    /// Comes to a place where steps of so many seconds are to follow. If some of the last place's did not, they are over.
    pub(crate) fn enter(&mut self, place: String, estimate: f64) {
        self.over = self.visit.max(self.over);
        self.visit = self.over + estimate;
        self.step = 0.0;
        self.place = place;
    }

    pub(crate) fn begin(&mut self, step: &str, estimate: f64) {
        self.step = estimate;
        eprint!("{} · {step} … ", self.place);
    }

    /// The step came out so.
    pub(crate) fn done(&mut self, outcome: &str) {
        self.over += std::mem::take(&mut self.step);
        let left = self.left();
        let left = if left < 90.0 { format!("{left:.0} s") } else { format!("{:.0} min", left / 60.0) };
        eprintln!("{outcome}  (about {left} to go)");
    }

    /// The step failed.
    pub(crate) fn failed(&mut self, fault: &Fault) {
        self.done(&format!("failed: {fault}"));
    }

    /// Seconds to go, if the rest is as much slower than estimated as what is over was.
    fn left(&self) -> f64 {
        let slower = if self.over > 10.0 { self.begin.elapsed().as_secs_f64() / self.over } else { 1.0 };
        (self.total - self.over).max(0.0) * slower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_that_ends_early_still_counts_as_over() {
        let mut progress = Progress::new(8.0);
        progress.enter("first".to_owned(), 4.0);
        progress.begin("up", 1.0);
        progress.failed(&Fault::Stopped);
        assert_eq!(progress.left(), 7.0);
        progress.enter("second".to_owned(), 4.0);
        assert_eq!(progress.left(), 4.0);
    }
}
