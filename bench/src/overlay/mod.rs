//! Networks that go from one machine to another: two machines (network namespaces) with a veth pair between them as underlay, a host
//! behind each, and a VXLAN made by one peer after the other.
//!
//! | file | what |
//! |---|---|
//! | `underlay` | the machines, and what is between them |
//! | `linux`, `ovs`, `lanloom` | the peers |
//! | `report` | what is to be reached, and the page |

mod lanloom;
mod linux;
mod ovs;
mod report;
mod underlay;

use crate::fault::{Fault, Result};
use crate::measure::Step;
use crate::peers::{self, Peer, lanloom::Ports};
use crate::results::Settings;
use crate::{compare, leftovers, program, stop};
use clap::Args;
use std::path::{Path, PathBuf};

/// What is to be compared, and how thoroughly.
#[derive(Args)]
pub(crate) struct OverlayArgs {
    /// Only these, with commas between: linux-vxlan, ovs, ovs-tso, lanloom-tap, lanloom-veth
    #[arg(long, value_delimiter = ',')]
    peers: Vec<String>,
    /// How often each peer is visited; the report has medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds for each figure of throughput
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    secs: u64,
    /// One short round, to see that everything works: its figures are noise
    #[arg(long, conflicts_with_all = ["rounds", "secs"])]
    quick: bool,
    /// Where the report goes
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    out: PathBuf,
    /// The lanloom program to measure, instead of building the one of this source tree
    #[arg(long, value_name = "PATH")]
    lanloom: Option<PathBuf>,
}

/// What is taken with every peer.
const STEPS: [Step; 6] = [Step::Tcp1, Step::Tcp4, Step::LargestFrame, Step::Frames64, Step::NoLoss64, Step::Ping];

impl OverlayArgs {
    fn settings(&self) -> Settings {
        if self.quick {
            return Settings { rounds: 1, secs: 1, trial_millis: 200, echoes: 500, idle_secs: 0 };
        }
        Settings { rounds: self.rounds, secs: self.secs, trial_millis: 500, echoes: 2000, idle_secs: 0 }
    }
}

/// Compares, and writes the report.
///
/// # Errors
/// If there is nothing to compare or no right to; one peer that fails is in the report instead.
pub(crate) fn run(args: &OverlayArgs) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Fault::on("making network namespaces", "needs root · run `sudo -E env PATH=$PATH cargo run …`"));
    }
    stop::listen()?;
    let peers = compare::choose(all(&program::path(args.lanloom.as_deref())?), &args.peers)?;
    peers::check_programs(&peers)?;
    if args.lanloom.is_none() && peers.iter().any(|peer| peer.captures()) {
        program::build()?;
    }
    leftovers::remove();
    let results = compare::compare(&peers, &STEPS, args.settings())?;
    for file in report::write(&results, &args.out)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// All peers, in the order of a round. Ours are the program at `lanloom`.
fn all(lanloom: &Path) -> Vec<Box<dyn Peer>> {
    let ours = |ports| Box::new(lanloom::Tunnel { program: lanloom.to_owned(), ports });
    vec![
        Box::new(linux::LinuxVxlan),
        Box::new(ovs::Ovs { segmentation: false }),
        Box::new(ovs::Ovs { segmentation: true }),
        ours(Ports::Tap),
        ours(Ports::Veth),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_comparison_is_estimated_at_less_than_15_minutes_and_a_quick_one_at_2() {
        let args = |quick| OverlayArgs { peers: Vec::new(), rounds: 5, secs: 3, quick, out: PathBuf::new(), lanloom: None };
        let total = |quick| compare::estimate_all(&all(Path::new("x")), &STEPS, &args(quick).settings());
        assert!(total(false) < 15.0 * 60.0, "{}", total(false));
        assert!(total(true) < 2.0 * 60.0, "{}", total(true));
    }
}
