//! Networks beside Docker Engine: making and deleting one, connecting to it and disconnecting, asked of both daemons over HTTP
//! on their sockets; and many endpoints on one network of ours.
//!
//! | file | what |
//! |---|---|
//! | `room` | namespaces that a daemon and all it leaves about are in |
//! | `side` | a daemon that is up, and its API; `docker` and `lanloom` start one |
//! | `echo`, `floor` | what is measured without any daemon: pings, and the kernel's own times |
//! | `crowd` | many endpoints, and a restart with them |
//! | `figure`, `report` | what the figures are, and how they are shown |

mod crowd;
mod docker;
mod echo;
mod figure;
mod floor;
mod http;
mod lanloom;
mod report;
mod room;
mod side;

use crate::fault::{Fault, Result};
use crate::machine::Machine;
use crate::networks::figure::{Operation, Times};
use crate::networks::floor::Floor;
use crate::networks::report::{Results, SideResults};
use crate::networks::side::{GUEST, Side, VISITED};
use crate::{leftovers, peers, program, stop};
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is to be compared, and how thoroughly.
#[derive(Args)]
pub(crate) struct NetworksArgs {
    /// Only these, with a comma between: docker, lanloom
    #[arg(long, value_delimiter = ',', value_parser = [docker::NAME, lanloom::NAME])]
    sides: Vec<String>,
    /// How often each side is visited; the report has medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How often everything is done in a round
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,
    /// How many endpoints one network of ours is to hold; 0 leaves that out
    #[arg(long, default_value_t = 1100, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    endpoints: u32,
    /// One short round and few endpoints, to see that everything works: its figures are noise
    #[arg(long, conflicts_with_all = ["rounds", "times", "endpoints"])]
    quick: bool,
    /// Where the report goes
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    out: PathBuf,
    /// The lanloom program to measure, instead of building the one of this source tree
    #[arg(long, value_name = "PATH")]
    lanloom: Option<PathBuf>,
}

impl NetworksArgs {
    fn wants(&self, side: &str) -> bool {
        self.sides.is_empty() || self.sides.iter().any(|name| name == side)
    }

    /// Rounds, times in a round and endpoints.
    fn amounts(&self) -> (u32, u32, u32) {
        if self.quick { (1, 2, 20) } else { (self.rounds, self.times, self.endpoints) }
    }
}

/// Compares, and writes the report.
///
/// # Errors
/// If a side does not start, refuses what it is asked, or there is no right to all this.
pub(crate) fn run(args: &NetworksArgs) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Fault::on("making namespaces", "needs root · run `sudo -E env PATH=$PATH cargo run …`"));
    }
    stop::listen()?;
    let programs = [(docker::NAME, &docker::PROGRAMS[..]), (lanloom::NAME, &lanloom::PROGRAMS[..])];
    let wanted = programs.into_iter().filter(|(side, _)| args.wants(side)).flat_map(|(_, programs)| programs);
    peers::check(COMMON.iter().chain(wanted))?;
    let program = program::path(args.lanloom.as_deref())?;
    if args.lanloom.is_none() && args.wants(lanloom::NAME) {
        program::build()?;
    }
    leftovers::remove();
    for file in report::write(&compare(args, &program)?, &args.out)? {
        println!("{}", file.display());
    }
    Ok(())
}

/// What both sides need, with the Debian package of each.
const COMMON: [(&str, &str); 4] = [("ip", "iproute2"), ("unshare", "util-linux"), ("nsenter", "util-linux"), ("tar", "tar")];

fn compare(args: &NetworksArgs, program: &Path) -> Result<Results> {
    let machine = Machine::read();
    let (rounds, times, endpoints) = args.amounts();
    let (sides, floor) = visit_all(args, program, (rounds, times))?;
    let mut results = Results { machine, rounds, times, sides, floor, crowd: None, faults: Vec::new() };
    if args.wants(lanloom::NAME) && endpoints > 0 {
        eprintln!("{endpoints} endpoints on one network …");
        match crowd::measure(program, endpoints) {
            Ok(crowd) => results.crowd = Some(crowd),
            Err(Fault::Stopped) => return Err(Fault::Stopped),
            Err(fault) => results.faults.push(format!("{endpoints} endpoints on one network: {fault}")),
        }
    }
    Ok(results)
}

/// Rounds that visit both sides and the kernel in turn, while both sides are up.
fn visit_all(args: &NetworksArgs, program: &Path, (rounds, times): (u32, u32)) -> Result<(Vec<SideResults>, Times)> {
    // Dropped last, also after a failure: what Docker leaves in the machine's control groups can go once its processes are gone.
    let mut groups = None;
    let mut sides = Vec::new();
    if args.wants(docker::NAME) {
        eprintln!("starting {} …", docker::NAME);
        let (side, its_groups) = docker::start()?;
        groups = Some(its_groups);
        sides.push((side, Times::default()));
    }
    if args.wants(lanloom::NAME) {
        eprintln!("starting {} …", lanloom::NAME);
        sides.push((lanloom::start(program)?, Times::default()));
    }
    let (floor, mut floor_times) = (Floor::new()?, Times::default());
    for round in 1..=rounds {
        for (side, results) in &mut sides {
            let samples = visit(side, times)?;
            side.daemon.check_alive()?;
            show(&format!("round {round}/{rounds} · {}", side.name), &samples);
            results.add_round(&samples);
        }
        let samples = (0..times).map(|_| floor.measure()).collect::<Result<Vec<_>>>()?.concat();
        show(&format!("round {round}/{rounds} · kernel"), &samples);
        floor_times.add_round(&samples);
    }
    let results = sides.into_iter().map(|(side, times)| SideResults {
        name: side.name,
        setup: side.setup,
        version: side.version.clone(),
        times,
    });
    let results = results.collect();
    drop(groups);
    Ok((results, floor_times))
}

/// Does everything so many times over.
fn visit(side: &Side, times: u32) -> Result<Vec<(Operation, f64)>> {
    let mut samples = Vec::new();
    let mut timed = |operation, act: &dyn Fn() -> Result<()>| -> Result<()> {
        let begin = Instant::now();
        act()?;
        samples.push((operation, begin.elapsed().as_secs_f64() * 1e3));
        Ok(())
    };
    for _ in 0..times {
        timed(Operation::Create, &|| side.api.create(PASSING))?;
        timed(Operation::Delete, &|| side.api.delete(PASSING))?;
        timed(Operation::Connect, &|| {
            side.api.connect(VISITED, GUEST)?;
            side.echo.until_answered(side.resident)
        })?;
        timed(Operation::Disconnect, &|| {
            side.api.disconnect(VISITED, GUEST)?;
            side.echo.until_gone(side.resident)
        })?;
    }
    Ok(samples)
}

/// The network that is made and deleted.
const PASSING: &str = "passing";

fn show(place: &str, samples: &[(Operation, f64)]) {
    let mut round = Times::default();
    round.add_round(samples);
    let all = Operation::ASKED.into_iter().chain(Operation::FLOOR);
    let words = all.filter_map(|what| Some(format!("{} {:.1} ms", what.title(), round.summary(what)?.median)));
    eprintln!("{place} · {}", words.collect::<Vec<_>>().join(", "));
}
