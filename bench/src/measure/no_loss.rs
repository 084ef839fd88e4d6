//! The highest rate without loss: RFC 2544, 26.1, with trials of half a second instead of a minute.
//!
//! It measures queues as much as speed: a queue of 1,000 frames hides 1,000 frames more than the switch can do in a trial. So the
//! report puts every peer's queues beside it.

use super::frames::{Load, Trial, WireSize, trial};
use crate::fault::Result;
use crate::lan::Lan;
use std::time::Duration;

/// Trials after the first: each halves the ratio between what passed and what did not, to about 1 % of the rate.
const HALVINGS: u32 = 9;
/// Where the search begins from below, in frames a second.
const FLOOR: f64 = 1000.0;

/// Frames a second; 0 if already [`FLOOR`] loses frames.
///
/// # Errors
/// If a trial cannot be made.
pub(crate) fn rate(lan: &Lan, size: WireSize, time: Duration) -> Result<f64> {
    search(|load| trial(lan, size, load, time))
}

/// Begins with all that the generator can do, and then halves between what lost and what did not. The rate that counts is the
/// one that was really offered in the best trial without loss.
fn search(mut attempt: impl FnMut(Load) -> Result<Trial>) -> Result<f64> {
    let all = attempt(Load::Unlimited)?;
    if all.without_loss() {
        return Ok(all.offered_rate());
    }
    let (mut best, mut low, mut high) = (0.0f64, FLOOR, all.offered_rate().max(FLOOR));
    for _ in 0..HALVINGS {
        let middle = (low * high).sqrt();
        let outcome = attempt(Load::Rate(middle))?;
        if outcome.without_loss() {
            best = best.max(outcome.offered_rate());
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A switch that loses what is above its capacity, under a generator that can do a million.
    fn switch_of(capacity: f64) -> impl FnMut(Load) -> Result<Trial> {
        move |load| {
            let rate = match load {
                Load::Unlimited => 1e6,
                Load::Rate(rate) => rate,
            };
            Ok(Trial { offered: rate as u64, delivered: rate.min(capacity) as u64, secs: 1.0 })
        }
    }

    #[test]
    fn the_search_finds_a_capacity_to_two_percent_and_never_above_it() {
        for capacity in [1_500.0, 47_000.0, 310_000.0, 999_000.0] {
            let found = search(switch_of(capacity)).unwrap();
            assert!(found <= capacity && found > capacity * 0.98, "{found} of {capacity}");
        }
    }

    #[test]
    fn a_switch_that_loses_nothing_is_as_fast_as_the_generator() {
        assert_eq!(search(switch_of(2e6)).unwrap(), 1e6);
    }

    #[test]
    fn a_switch_that_always_loses_has_no_rate() {
        assert_eq!(search(switch_of(10.0)).unwrap(), 0.0);
    }
}
