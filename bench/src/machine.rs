//! The machine that figures were taken on: without it they mean nothing.

use crate::process::run;
use serde::Serialize;
use std::fs::read_to_string;
use std::process::Command;
use std::time::Duration;

/// What can be read about it. A part that cannot be is "unknown".
#[derive(Serialize)]
pub(crate) struct Machine {
    /// UTC, `YYYY-MM-DD`.
    pub(crate) date: String,
    /// Of the source tree, with `-dirty` if anything but the results of benchmarks was changed and not committed.
    pub(crate) commit: String,
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) distribution: String,
    /// Of one, five and fifteen minutes, before the first figure: what else kept the machine busy.
    pub(crate) load: String,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let memory = field("/proc/meminfo", "MemTotal:", ' ');
        Self {
            date: first_line(Command::new("date").args(["-u", "+%F"])),
            commit: commit(),
            cpu: field("/proc/cpuinfo", "model name", ':'),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_gib: memory.trim_end_matches(" kB").parse::<u64>().map_or(0, |kib| kib >> 20),
            kernel: read_to_string("/proc/sys/kernel/osrelease").map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            distribution: field("/etc/os-release", "PRETTY_NAME", '=').trim_matches('"').to_owned(),
            load: read_to_string("/proc/loadavg")
                .map_or_else(|_| unknown(), |text| text.split(' ').take(3).collect::<Vec<_>>().join(" ")),
        }
    }
}

/// The first line that a program prints, or "unknown".
pub(crate) fn first_line(command: &mut Command) -> String {
    let printed = run(command, Duration::from_secs(10)).unwrap_or_default();
    printed.lines().next().map_or_else(unknown, |line| line.trim().to_owned())
}

fn commit() -> String {
    let git = |arguments: &[&str]| {
        run(Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments), Duration::from_secs(10))
    };
    let Ok(hash) = git(&["rev-parse", "--short=12", "HEAD"]) else { return unknown() };
    let clean = git(&["status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)bench/results"])
        .is_ok_and(|changes| changes.trim().is_empty());
    format!("{}{}", hash.trim(), if clean { "" } else { "-dirty" })
}

fn field(path: &str, name: &str, separator: char) -> String {
    let text = read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.map_or_else(unknown, |rest| rest.trim_start_matches(|c: char| c.is_whitespace() || c == separator).trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
