//! The report on networks: Markdown for people and JSON for programs, from the same results.

use crate::fault::Result;
use crate::machine::Machine;
use crate::networks::crowd::Crowd;
use crate::networks::figure::{Operation, Times};
use crate::networks::{docker, lanloom};
use crate::pages;
use crate::results::Summary;
use crate::targets::Outcome;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    pub(crate) rounds: u32,
    /// How often everything was done in a round.
    pub(crate) times: u32,
    pub(crate) sides: Vec<SideResults>,
    pub(crate) floor: Times,
    pub(crate) crowd: Option<Crowd>,
    /// What was not measured, and why.
    pub(crate) faults: Vec<String>,
}

/// What one side showed.
#[derive(Serialize)]
pub(crate) struct SideResults {
    pub(crate) name: &'static str,
    pub(crate) setup: &'static str,
    pub(crate) version: String,
    pub(crate) times: Times,
}

/// Writes `networks-DATE.md` and `networks-DATE.json` into a directory, which is made if it is not there.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(results: &Results, dir: &Path) -> Result<[PathBuf; 2]> {
    pages::write(dir, &format!("networks-{}", results.machine.date), &markdown(results), &to_json(results))
}

/// The samples and the judgements.
fn to_json(results: &Results) -> Value {
    json!({"results": results, "targets": judgements(results)})
}

fn markdown(results: &Results) -> String {
    let parts = [heading(results), table(results), targets(results), crowd(results), setup(results), faults(results)];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn heading(results: &Results) -> String {
    let machine = &results.machine;
    format!(
        "# Networks of Lanloom beside Docker's, {}\n\n\
         Both daemons are up all the time, each in namespaces of its own, and are asked the same over HTTP on their Unix sockets by one \
         process: {} rounds that visit both in turn, everything {} times in each. Figures are milliseconds: the median of the rounds' \
         medians (in brackets: least – most of them).\n\n\
         - machine: {}, {} cores, {} GiB; Linux {}, {}\n- load before the first figure: {}\n- commit: {}\n",
        machine.date,
        results.rounds,
        results.times,
        machine.cpu,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.distribution,
        machine.load,
        machine.commit,
    )
}

fn table(results: &Results) -> String {
    let names: Vec<_> = results.sides.iter().map(|side| side.name).collect();
    let mut text = format!("## Times\n\n| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for operation in Operation::ASKED {
        let cells = results.sides.iter().map(|side| cell(side.times.summary(operation)));
        let _ = writeln!(text, "| {} | {} |", operation.title(), cells.collect::<Vec<_>>().join(" | "));
    }
    let moved = results.floor.summary(Operation::Move);
    let theirs = results.sides.iter().find(|side| side.name == docker::NAME);
    let connected = theirs.and_then(|side| side.times.summary(Operation::Connect));
    let bound = connected.zip(moved).map_or_else(String::new, |(connected, moved)| {
        format!("\nDocker's connection takes {:.1} times as long as moving one interface.\n", connected.median / moved.median)
    });
    let floor = Operation::FLOOR.map(|what| format!("- {}: {}", what.title(), cell(results.floor.summary(what))));
    format!("{text}\n{TABLE_NOTE}\n{}\n{bound}", floor.join("\n"))
}

const TABLE_NOTE: &str = "\
The container that is connected is on another network meanwhile; who answers its ping is on the network all the time. The ping is
sent from a socket that waits in the container's namespace, and by no gateway, so that only the new interface can take it; a network is
out of reach when the kernel says so to such a ping. The kernel's own floor, in the same rounds, for
one interface and by rtnetlink alone:
";

fn cell(summary: Option<Summary>) -> String {
    summary.map_or_else(|| "–".to_owned(), |Summary { median, min, max }| format!("{median:.1} ({min:.1} – {max:.1})"))
}

/// How a target came out.
#[derive(Serialize)]
struct Judgement {
    what: &'static str,
    target: String,
    measured: Option<String>,
    outcome: Outcome,
}

impl Judgement {
    fn new(what: &'static str, target: String, measured: Option<(String, bool)>) -> Self {
        let outcome = match measured {
            None => Outcome::NotMeasured,
            Some((_, true)) => Outcome::Reached,
            Some((_, false)) => Outcome::Missed,
        };
        Self { what, target, measured: measured.map(|(words, _)| words), outcome }
    }
}

fn judgements(results: &Results) -> Vec<Judgement> {
    let median = |name, operation| {
        let side = results.sides.iter().find(|side| side.name == name)?;
        Some(side.times.summary(operation)?.median)
    };
    let faster = |operation: Operation| {
        let target = operation.target()?;
        let ratio = median(docker::NAME, operation).zip(median(lanloom::NAME, operation)).map(|(theirs, ours)| theirs / ours);
        let measured = ratio.map(|ratio| (format!("{ratio:.1} ×"), ratio >= target));
        Some(Judgement::new(operation.title(), format!("≥ {target} × faster than docker"), measured))
    };
    let crowd = |what, millis: fn(&Crowd) -> f64| {
        let measured = results.crowd.as_ref().map(millis).map(|millis| (format!("{:.2} s", millis / 1e3), millis < RESTART_MS));
        Judgement::new(what, "< 2 s".to_owned(), measured)
    };
    let mut all: Vec<_> = Operation::ASKED.into_iter().filter_map(faster).collect();
    all.push(crowd("restart with many endpoints, until the last one's ping is answered", |crowd| {
        crowd.restart_first_answer_ms
    }));
    all.push(crowd("restart with many endpoints, until all ports are up", |crowd| crowd.restart_all_up_ms));
    all
}

/// What a restart with many endpoints may take.
const RESTART_MS: f64 = 2000.0;

fn targets(results: &Results) -> String {
    let mut text = "## Targets\n\n| figure | target | measured | |\n|---|---|---|---|\n".to_owned();
    for Judgement { what, target, measured, outcome } in judgements(results) {
        let measured = measured.unwrap_or_else(|| "–".to_owned());
        let _ = writeln!(text, "| {what} | {target} | {measured} | {} |", outcome.words());
    }
    text
}

fn crowd(results: &Results) -> String {
    let Some(crowd) = &results.crowd else { return String::new() };
    format!(
        "## {} endpoints on one network\n\n\
         Each on a TAP in a sandbox of its own. Made in {:.0} s, eight asked for at a time; {} ports up, the gateway's with them; the last \
         one made pinged {} others, spread over all, and each answered.\n\n\
         The daemon was killed (SIGKILL) and started again. From the start of the new process, in milliseconds:\n\n\
         - first answer to the last endpoint made: {:.0}\n- answers from all {}: {:.0}\n- all ports up, as the API shows them: {:.0}\n\n{LIMIT_NOTE}",
        crowd.endpoints,
        crowd.made_secs,
        crowd.ports_up,
        crowd.pinged,
        crowd.restart_first_answer_ms,
        crowd.pinged,
        crowd.restart_all_answers_ms,
        crowd.restart_all_up_ms,
    )
}

const LIMIT_NOTE: &str = "\
Docker has no such figure: its network is a Linux bridge, which numbers its ports with 10 bits (`BR_PORT_BITS` in the kernel's
`net/bridge/br_private.h`) from 1 (`find_portno` in `br_if.c`), and so holds 1,023; see moby issue 44973.
";

fn setup(results: &Results) -> String {
    results.sides.iter().fold("## How each was set up\n\n".to_owned(), |mut text, side| {
        let _ = writeln!(text, "- **{}** ({}): {}.", side.name, side.version, side.setup);
        text
    })
}

fn faults(results: &Results) -> String {
    if results.faults.is_empty() {
        return String::new();
    }
    format!("## What was not measured\n\n- {}\n", results.faults.join("\n- "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::machine;

    fn results(theirs: f64, ours: f64) -> Results {
        let side = |name, millis| {
            let mut times = Times::default();
            times.add_round(&[(Operation::Create, millis)]);
            SideResults { name, setup: "as it comes", version: "1".to_owned(), times }
        };
        let sides = vec![side(docker::NAME, theirs), side(lanloom::NAME, ours)];
        Results { machine: machine(), rounds: 1, times: 1, sides, floor: Times::default(), crowd: None, faults: Vec::new() }
    }

    #[test]
    fn a_target_is_reached_by_the_ratio_of_medians() {
        let line = |theirs, ours| markdown(&results(theirs, ours));
        assert!(line(100.0, 10.0).contains("| create a network | ≥ 10 × faster than docker | 10.0 × | reached |"));
        assert!(line(99.0, 10.0).contains("| create a network | ≥ 10 × faster than docker | 9.9 × | **missed** |"));
        assert!(line(1.0, 1.0).contains("| delete it | ≥ 5 × faster than docker | – | not measured |"));
    }

    #[test]
    fn the_files_are_named_by_the_date_and_the_json_has_every_sample() {
        let dir = crate::lan::ScratchDir::new("networks-report-test").unwrap();
        let [md, json] = write(&results(3.0, 1.0), dir.path()).unwrap();
        assert!(md.ends_with("networks-2026-01-02.md") && json.ends_with("networks-2026-01-02.json"));
        let value: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        assert_eq!(value["results"]["sides"][0]["times"]["create_network_ms"], json!([[3.0]]));
        assert_eq!(value["targets"][0]["outcome"], "missed");
    }
}
