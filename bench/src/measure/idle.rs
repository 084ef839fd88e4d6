//! What the switch's programs take of a processor while nobody sends anything.

use crate::fault::{Fault, Result, Tried};
use crate::lan::Lan;
use crate::stop;
use std::time::{Duration, Instant};

/// What they took, all programs of a peer together.
pub(crate) struct Idle {
    /// Percent of one core.
    pub(crate) cpu_percent: f64,
    /// Times that a thread gave up a processor by itself, a second: each had been woken.
    pub(crate) wakeups_per_sec: f64,
}

/// Watches for a time.
///
/// # Errors
/// If a program ended.
pub(crate) fn watch(lan: &Lan, time: Duration) -> Result<Idle> {
    // What the figures before this left in queues and spinning threads is over by then.
    stop::sleep(Duration::from_secs(1))?;
    let (before, begin) = (usage(lan)?, Instant::now());
    stop::sleep(time)?;
    let (after, secs) = (usage(lan)?, begin.elapsed().as_secs_f64());
    Ok(Idle {
        cpu_percent: after.cpu_nanos.saturating_sub(before.cpu_nanos) as f64 / 1e9 / secs * 100.0,
        wakeups_per_sec: after.switches.saturating_sub(before.switches) as f64 / secs,
    })
}

#[derive(Default)]
struct Usage {
    cpu_nanos: u64,
    switches: u64,
}

/// Sums over all threads: the scheduler's own count (`/proc/PID/task/TID/schedstat`, nanoseconds), since the ticks of
/// `/proc/PID/stat` are 10 ms, and a thread that runs for less between two of them is never seen.
fn usage(lan: &Lan) -> Result<Usage> {
    let mut sum = Usage::default();
    for process in &lan.processes {
        let dir = format!("/proc/{}/task", process.pid());
        let gone = || format!("reading {dir} of {}", process.name());
        for thread in std::fs::read_dir(&dir).tried(gone)? {
            let thread = thread.tried(gone)?.path();
            let schedstat = std::fs::read_to_string(thread.join("schedstat")).tried(gone)?;
            let status = std::fs::read_to_string(thread.join("status")).tried(gone)?;
            let missing = |what| Fault::on(gone(), format!("no {what} in it"));
            sum.cpu_nanos += first_number(&schedstat).ok_or_else(|| missing("run time"))?;
            sum.switches += voluntary_switches(&status).ok_or_else(|| missing("voluntary_ctxt_switches"))?;
        }
    }
    Ok(sum)
}

fn first_number(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn voluntary_switches(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read_as_proc_says() {
        assert_eq!(first_number("513812 90 1\n"), Some(513_812));
        let status = "Threads:\t1\nvoluntary_ctxt_switches:\t42\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(voluntary_switches(status), Some(42));
        assert_eq!(voluntary_switches("Threads:\t1\n"), None);
    }
}
