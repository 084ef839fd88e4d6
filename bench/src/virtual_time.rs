//! How long virtual time takes: a lab whose hosts fall silent until the switch has forgotten them.

use crate::fault::{Fault, Result};
use lanloom_lab::{Lab, LabError};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What passes.
pub(crate) const WHAT: &str = "300 s of ageing in a lab of 100 hosts";

const HOSTS: usize = 100;

/// Ageing time and the second by which an address may outlive it.
const PASSES: Duration = Duration::from_secs(302);

/// Milliseconds that it may take.
const LIMIT: f64 = 50.0;

/// What it took.
#[derive(Serialize)]
pub(crate) struct Taken {
    what: &'static str,
    /// Milliseconds, one a round.
    samples: Vec<f64>,
    median: f64,
    limit: f64,
}

/// Lets the time pass so many times.
///
/// # Errors
/// If a host is not answered, or the switch still knows one afterwards.
pub(crate) fn measure(rounds: usize) -> Result<Taken> {
    let samples = (0..rounds).map(|_| once()).collect::<Result<Vec<f64>>>()?;
    let mut sorted = samples.clone();
    sorted.sort_by(f64::total_cmp);
    Ok(Taken { what: WHAT, median: sorted[sorted.len() / 2], samples, limit: LIMIT })
}

fn once() -> Result<f64> {
    let lab = lab().map_err(|why| Fault::on("setting up a lab", why))?;
    let start = Instant::now();
    lab.0.run_for(PASSES);
    let took = start.elapsed();
    match lab.1.fdb().len() {
        0 => Ok(took.as_secs_f64() * 1000.0),
        left => Err(Fault::on("letting addresses age", format!("{left} are still known"))),
    }
}

/// A lab whose switch knows every host.
fn lab() -> std::result::Result<(Lab, lanloom_lab::LabSwitch), LabError> {
    let lab = Lab::new(1);
    let switch = lab.switch("s");
    for number in 1..=HOSTS {
        let host = lab.host(&format!("h{number}"), &[&format!("10.0.0.{number}/24")])?;
        lab.link(&host, &switch)?;
        if number > 1 {
            host.ping([10, 0, 0, 1].into())?;
        }
    }
    Ok((lab, switch))
}

impl Taken {
    pub(crate) fn markdown(&self) -> String {
        let (low, high) = self.samples.iter().fold((f64::MAX, 0.0_f64), |(low, high), one| (low.min(*one), high.max(*one)));
        let word = if self.median < self.limit { "reached" } else { "missed" };
        format!(
            "\n{}: {:.3} ms ({low:.3} to {high:.3}), median of {}; to stay under {} ms: {word}.\n",
            self.what,
            self.median,
            self.samples.len(),
            self.limit
        )
    }
}
