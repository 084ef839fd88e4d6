//! What becomes of the firewall while the daemon runs: rules that somebody flushed or changed are back by themselves, and as long as
//! nobody does that, nothing is written and no program is run.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/keep.rs"]
mod keep;

use keep::house::House;
use keep::{OUTSIDE, daemon, furnished};
use std::process::{Child, Stdio};
use std::time::Duration;

/// Some of the daemon's rounds, of which there is one a second.
const ROUNDS: Duration = Duration::from_secs(4);

/// A house whose daemon has a network with a sandbox `a` on it.
fn furnish() -> Option<House> {
    let house = furnished(&["network create web", "sandbox create a --network web"])?;
    house.says(&format!("sandbox ping -c 1 a {OUTSIDE}"));
    Some(house)
}

fn rules(house: &House) -> String {
    house.sh("nft -s list ruleset")
}

fn is_back(house: &House, before: &str) {
    house.wait_for("the rules to be back", || rules(house) == before);
    house.says(&format!("sandbox ping -c 1 a {OUTSIDE}"));
}

#[test]
fn rules_that_somebody_flushed_deleted_or_changed_are_back_without_a_command_and_so_is_the_way_out() {
    let Some(house) = furnish() else { return };
    let before = rules(&house);
    let table = before.lines().find_map(|line| line.strip_prefix("table inet ")).expect("a table");
    let table = table.trim_end_matches(" {");
    for what in ["flush ruleset".to_owned(), format!("delete table inet {table}"), format!("flush table inet {table}")] {
        house.sh(&format!("nft {what}"));
        is_back(&house, &before);
    }
    house.sh(&format!("nft add rule inet {table} forward drop"));
    is_back(&house, &before);
}

/// What the kernel tells of changes of rules, until it is dropped.
struct Monitor {
    child: Child,
    file: std::path::PathBuf,
}

impl Monitor {
    fn start(house: &House) -> Self {
        let file = house.path("monitor");
        let output = std::fs::File::create(&file).expect("a file");
        let child = house.command(&["nft", "monitor"]).stdin(Stdio::null()).stdout(output).spawn().expect("nft runs");
        let monitor = Self { child, file };
        // A table of somebody's shows that it listens.
        house.wait_for("the monitor to listen", || {
            house.sh("nft add table ip probe");
            house.sh("nft delete table ip probe");
            monitor.heard().contains("delete table ip probe")
        });
        monitor
    }

    fn heard(&self) -> String {
        std::fs::read_to_string(&self.file).expect("text")
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often programs that the daemon ran and that have ended had to be given a page of memory (`cminflt` of proc_pid_stat(5), field
/// 11): none comes to its first instruction without.
fn pages_of_programs(house: &House) -> u64 {
    let stat = std::fs::read_to_string(daemon(house).join("stat")).expect("its state");
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    fields.split_whitespace().nth(8).and_then(|field| field.parse().ok()).expect("a number")
}

#[test]
fn while_nobody_changes_rules_none_is_written_and_no_program_is_run() {
    let Some(house) = furnish() else { return };
    let monitor = Monitor::start(&house);
    // What the probes set off has come to an end when a round has passed without a change.
    std::thread::sleep(ROUNDS);
    let (heard, pages) = (monitor.heard(), pages_of_programs(&house));
    std::thread::sleep(ROUNDS);
    assert_eq!(monitor.heard(), heard);
    assert_eq!(pages_of_programs(&house), pages);
    // And yet it looks.
    let before = rules(&house);
    house.sh("nft flush ruleset");
    is_back(&house, &before);
    assert_ne!(monitor.heard(), heard);
    assert!(pages_of_programs(&house) > pages, "what it ran for that is counted");
}
