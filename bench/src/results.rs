//! What was measured: every sample of every figure of every peer, with what went wrong, and the statistics of the report.

use crate::figure::Figure;
use crate::machine::Machine;
use serde::Serialize;
use std::collections::BTreeMap;

/// A whole comparison.
#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) settings: Settings,
    pub(crate) peers: Vec<PeerResults>,
}

/// How long and how often was measured.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Settings {
    pub(crate) rounds: u32,
    /// Seconds of each TCP run and of each run of frames without limit.
    pub(crate) secs: u64,
    /// Milliseconds of each trial of the search for the rate without loss.
    pub(crate) trial_millis: u64,
    /// Echoes of a round-trip figure.
    pub(crate) echoes: u32,
    /// Seconds of watching the idle switch.
    pub(crate) idle_secs: u64,
}

/// What one peer showed.
#[derive(Serialize)]
pub(crate) struct PeerResults {
    pub(crate) name: &'static str,
    /// What it is and how it was set up.
    pub(crate) setup: &'static str,
    pub(crate) version: String,
    /// The queues that frames can wait in, read while it was up.
    pub(crate) queues: Vec<String>,
    pub(crate) samples: BTreeMap<Figure, Vec<f64>>,
    /// What was not measured, and why, each reason once.
    pub(crate) faults: Vec<String>,
}

impl PeerResults {
    pub(crate) fn add_fault(&mut self, fault: String) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    pub(crate) fn median(&self, figure: Figure) -> Option<f64> {
        self.summary(figure).map(|summary| summary.median)
    }

    pub(crate) fn summary(&self, figure: Figure) -> Option<Summary> {
        Summary::of(self.samples.get(&figure)?)
    }
}

impl Results {
    pub(crate) fn peer(&self, name: &str) -> Option<&PeerResults> {
        self.peers.iter().find(|peer| peer.name == name)
    }
}

/// The middle and the ends of some samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// `None` of no samples.
    pub(crate) fn of(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 };
        Some(Self { median, min, max })
    }
}

/// The value that a share of the samples does not exceed (nearest rank). 0 of no samples.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_sample_or_between_the_middle_two() {
        assert_eq!(Summary::of(&[5.0, 1.0, 3.0]), Some(Summary { median: 3.0, min: 1.0, max: 5.0 }));
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 9.0]), Some(Summary { median: 3.0, min: 1.0, max: 9.0 }));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn percentiles_are_samples_by_nearest_rank() {
        let samples: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&samples, 0.50), 100.0);
        assert_eq!(percentile(&samples, 0.99), 198.0);
        assert_eq!(percentile(&[7.0], 0.99), 7.0);
    }
}
