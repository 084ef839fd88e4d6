//! The comparison: rounds that visit every peer in turn, so that what disturbs the machine for a while disturbs all alike.

use crate::fault::{Fault, Result};
use crate::lan::Lan;
use crate::machine::Machine;
use crate::measure::{Samples, Step, queues};
use crate::peers::{self, Peer};
use crate::progress::Progress;
use crate::results::{PeerResults, Results, Settings};
use crate::{leftovers, program, report, stop};
use clap::Args;
use std::path::{Path, PathBuf};

/// What is to be compared, and how thoroughly.
#[derive(Args)]
pub(crate) struct CompareArgs {
    /// Only these, with commas between: linux-bridge, ovs-tso, ovs, vde, lanloom-tap, lanloom-veth
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

impl CompareArgs {
    fn settings(&self) -> Settings {
        if self.quick {
            return Settings { rounds: 1, secs: 1, trial_millis: 200, echoes: 500, idle_secs: 2 };
        }
        Settings { rounds: self.rounds, secs: self.secs, trial_millis: 500, echoes: 2000, idle_secs: 10 }
    }
}

/// Compares, and writes the report.
///
/// # Errors
/// If there is nothing to compare or no right to; one peer that fails is in the report instead.
pub(crate) fn run(args: &CompareArgs) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Fault::on("making network namespaces", "needs root · run `sudo -E env PATH=$PATH cargo run …`"));
    }
    stop::listen()?;
    let peers = chosen(&args.peers, &program::path(args.lanloom.as_deref())?)?;
    peers::check_programs(&peers)?;
    if args.lanloom.is_none() && peers.iter().any(|peer| peer.captures()) {
        program::build()?;
    }
    leftovers::remove();
    let results = compare(&peers, &Step::ALL, args.settings())?;
    for file in report::write(&results, &args.out)? {
        println!("{}", file.display());
    }
    Ok(())
}

fn chosen(names: &[String], lanloom: &Path) -> Result<Vec<Box<dyn Peer>>> {
    choose(peers::all(lanloom), names)
}

/// Those of some peers that were asked for by name, in their own order; all if none was.
///
/// # Errors
/// If there is no peer of such a name.
pub(crate) fn choose(mut all: Vec<Box<dyn Peer>>, names: &[String]) -> Result<Vec<Box<dyn Peer>>> {
    let known: Vec<_> = all.iter().map(|peer| peer.name()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Fault::on(format!("looking for the peer {unknown:?}"), format!("there are {}", known.join(", "))));
    }
    all.retain(|peer| names.is_empty() || names.iter().any(|name| name == peer.name()));
    Ok(all)
}

/// Visits all peers in every round, and takes these steps with each as far as they make sense there.
///
/// # Errors
/// Only if the run was asked to stop: what fails with one peer is in its results.
pub(crate) fn compare(peers: &[Box<dyn Peer>], steps: &[Step], settings: Settings) -> Result<Results> {
    let machine = Machine::read();
    let mut all: Vec<PeerResults> = peers.iter().map(|peer| nothing_yet(&**peer)).collect();
    let mut progress = Progress::new(estimate_all(peers, steps, &settings));
    for round in 1..=settings.rounds {
        for (peer, results) in peers.iter().zip(&mut all) {
            let place = format!("round {round}/{} · {}", settings.rounds, peer.name());
            progress.enter(place, estimate(&**peer, steps, &settings));
            match visit(&**peer, results, steps, &settings, &mut progress) {
                Ok(()) => {}
                Err(Fault::Stopped) => return Err(Fault::Stopped),
                Err(fault) => {
                    progress.failed(&fault);
                    results.add_fault(fault.to_string());
                }
            }
        }
    }
    Ok(Results { machine, settings, peers: all })
}

fn nothing_yet(peer: &dyn Peer) -> PeerResults {
    let (name, setup, version) = (peer.name(), peer.setup(), peer.version());
    PeerResults { name, setup, version, queues: Vec::new(), samples: Default::default(), faults: Vec::new() }
}

/// About how long all rounds take, in seconds.
pub(crate) fn estimate_all(peers: &[Box<dyn Peer>], steps: &[Step], settings: &Settings) -> f64 {
    peers.iter().map(|peer| estimate(&**peer, steps, settings)).sum::<f64>() * f64::from(settings.rounds)
}

/// About how long a visit takes, in seconds.
fn estimate(peer: &dyn Peer, steps: &[Step], settings: &Settings) -> f64 {
    SETUP_SECS + applying(steps, peer).map(|step| step.estimate(settings)).sum::<f64>()
}

const SETUP_SECS: f64 = 1.5;

fn applying(steps: &[Step], peer: &dyn Peer) -> impl Iterator<Item = Step> {
    steps.iter().copied().filter(|step| step.applies_to(peer))
}

/// Sets a peer up, takes every figure, and takes it down.
fn visit(
    peer: &dyn Peer,
    results: &mut PeerResults,
    steps: &[Step],
    settings: &Settings,
    progress: &mut Progress,
) -> Result<()> {
    progress.begin("up", SETUP_SECS);
    let mut lan = Lan::new()?;
    peer.join(&mut lan)?;
    lan.configure_hosts()?;
    if results.queues.is_empty() {
        results.queues = queues::describe(&lan, peer)?;
    }
    progress.done("");
    for step in applying(steps, peer) {
        progress.begin(step.title(), step.estimate(settings));
        match step.run(peer, &lan, settings) {
            Ok(samples) => {
                progress.done(&shown(&samples));
                for (figure, value) in samples {
                    results.samples.entry(figure).or_default().push(value);
                }
            }
            Err(Fault::Stopped) => return Err(Fault::Stopped),
            Err(fault) => {
                progress.failed(&fault);
                results.add_fault(format!("{}: {fault}", step.title()));
            }
        }
    }
    Ok(())
}

fn shown(samples: &Samples) -> String {
    let one = |(figure, value): &(crate::figure::Figure, f64)| {
        format!("{} {} {}", figure.title(), figure.show(*value), figure.unit())
    };
    samples.iter().map(|sample| one(sample).trim_end().to_owned()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_peer_is_refused_with_the_names_that_there_are() {
        let fault = chosen(&["ovs".to_owned(), "bridge".to_owned()], Path::new("x")).err().unwrap();
        assert!(fault.to_string().contains("\"bridge\"") && fault.to_string().contains("linux-bridge, ovs-tso"), "{fault}");
    }

    #[test]
    fn peers_are_visited_in_the_same_order_whatever_was_asked_for() {
        let names = |asked: &[&str]| {
            let asked: Vec<_> = asked.iter().map(|&name| name.to_owned()).collect();
            chosen(&asked, Path::new("x")).unwrap().iter().map(|peer| peer.name()).collect::<Vec<_>>()
        };
        assert_eq!(names(&["vde", "linux-bridge"]), ["linux-bridge", "vde"]);
        assert_eq!(names(&[]).len(), 6);
    }

    #[test]
    fn a_whole_comparison_is_estimated_at_less_than_25_minutes_and_a_quick_one_at_3() {
        let total = |settings: Settings| estimate_all(&peers::all(Path::new("x")), &Step::ALL, &settings);
        let args = |quick| CompareArgs { peers: Vec::new(), rounds: 5, secs: 3, quick, out: PathBuf::new(), lanloom: None };
        assert!(total(args(false).settings()) < 25.0 * 60.0);
        assert!(total(args(true).settings()) < 3.0 * 60.0);
    }
}
