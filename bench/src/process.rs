//! Other programs: run to their end, or kept running and ended by their process id. None outlives the benchmark.
#![allow(unsafe_code)]

use crate::fault::{Fault, Result, Tried};
use crate::stop;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Time that a program has between being asked and being made to end.
const GRACE: Duration = Duration::from_secs(5);

/// What a program that ran to its end left.
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a program to its end and returns what it printed.
///
/// # Errors
/// If it cannot be started, does not end within `limit`, or fails.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<String> {
    let output = output(command, limit)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = if output.stderr.trim().is_empty() { &output.stdout } else { &output.stderr };
    Err(Fault::on(line_of(command), format!("{} · {}", output.status, last_line(said))))
}

/// Runs a program to its end, however that is.
///
/// # Errors
/// If it cannot be started, does not end within `limit`, or the run was asked to stop.
pub(crate) fn output(command: &mut Command, limit: Duration) -> Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Guard(start(command)?);
    let stdout = reader(child.0.stdout.take());
    let stderr = reader(child.0.stderr.take());
    let end = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.0.try_wait().tried(|| line_of(command))? {
            break status;
        }
        if stop::requested() {
            return Err(Fault::Stopped);
        }
        if Instant::now() > end {
            return Err(Fault::on(line_of(command), format!("did not end within {} s", limit.as_secs())));
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ok(Output { status, stdout: stdout.join().unwrap_or_default(), stderr: stderr.join().unwrap_or_default() })
}

/// A program that runs until this is dropped. What it prints goes to a file.
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    child: Guard,
}

impl Process {
    /// Starts a program, with its log as `NAME.log` in `dir`. Its input stays open and empty: some programs end at its end.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(name: &str, command: &mut Command, dir: &Path) -> Result<Self> {
        let log = dir.join(format!("{name}.log"));
        let file = File::create(&log).tried(|| format!("making {}", log.display()))?;
        let copy = file.try_clone().tried(|| format!("opening {}", log.display()))?;
        command.stdin(Stdio::piped()).stdout(file).stderr(copy);
        Ok(Self { name: name.to_owned(), log, child: Guard(start(command)?) })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// Waits until `ready`, and gives up early if the program ends.
    ///
    /// # Errors
    /// If the program ended, or is not ready within `limit`.
    pub(crate) fn wait_until(&mut self, what: &str, limit: Duration, mut ready: impl FnMut(&str) -> bool) -> Result<()> {
        stop::wait_until(&format!("{} of {}", what, self.name), limit, || {
            self.check_alive()?;
            Ok(ready(&self.printed()))
        })
    }

    /// # Errors
    /// If the program has ended, with the last line that it printed.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.child.0.try_wait().tried(|| format!("waiting for {}", self.name))? {
            None => Ok(()),
            Some(status) => {
                Err(Fault::on(format!("running {}", self.name), format!("{status} · {}", last_line(&self.printed()))))
            }
        }
    }

    /// Asks the program to end as Ctrl-C does, and returns what it printed.
    pub(crate) fn interrupt(mut self) -> String {
        self.child.end(Signal::SIGINT);
        self.printed()
    }

    fn printed(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

/// A command as a person would type it.
pub(crate) fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Ends its program when dropped.
struct Guard(Child);

impl Guard {
    /// Asks the program to end, waits, and makes it end if it does not.
    fn end(&mut self, how: Signal) {
        let Ok(pid) = i32::try_from(self.0.id()).map(Pid::from_raw) else { return };
        let deadline = Instant::now() + GRACE;
        // While it is not waited for, its id is not given to another program.
        if let Ok(None) = self.0.try_wait() {
            let _ = kill(pid, how);
            while let Ok(None) = self.0.try_wait() {
                if Instant::now() > deadline {
                    let _ = self.0.kill();
                    let _ = self.0.wait();
                    return;
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end(Signal::SIGTERM);
    }
}

/// Starts a program in a process group of its own, so that the terminal's Ctrl-C reaches us alone, who then end it.
fn start(command: &mut Command) -> Result<Child> {
    let end_with_us = || nix::sys::prctl::set_pdeathsig(Signal::SIGKILL).map_err(Into::into);
    // SAFETY: the closure makes one system call, which is async-signal-safe, and allocates nothing.
    unsafe { command.process_group(0).pre_exec(end_with_us) };
    command.spawn().tried(|| format!("starting {}", line_of(command)))
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn last_line(text: &str) -> &str {
    text.trim().lines().last().unwrap_or("it said nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_fails_is_reported_with_its_last_words() {
        let fault = run(Command::new("sh").args(["-c", "echo first >&2; echo why >&2; exit 3"]), GRACE).unwrap_err();
        let line = fault.to_string();
        assert!(line.contains("exit status: 3") && line.ends_with("why"), "{line}");
    }

    #[test]
    fn a_program_that_does_not_end_in_time_is_ended() {
        let begin = Instant::now();
        let fault = run(Command::new("sleep").arg("1000"), Duration::from_millis(50)).unwrap_err();
        assert!(fault.to_string().contains("did not end"), "{fault}");
        assert!(begin.elapsed() < Duration::from_secs(100));
    }

    #[test]
    fn dropping_a_process_ends_it() {
        let dir = crate::lan::ScratchDir::new("process-test").unwrap();
        let process = Process::start("sleep", Command::new("sleep").arg("1000"), dir.path()).unwrap();
        let proc_dir = PathBuf::from(format!("/proc/{}", process.pid()));
        assert!(proc_dir.exists());
        drop(process);
        assert!(!proc_dir.exists());
    }

    #[test]
    fn waiting_for_a_process_that_ended_says_what_it_printed_last() {
        let dir = crate::lan::ScratchDir::new("process-test").unwrap();
        let mut process = Process::start("sh", Command::new("sh").args(["-c", "echo no such thing"]), dir.path()).unwrap();
        let fault = process.wait_until("readiness", Duration::from_secs(60), |_| false).unwrap_err();
        assert!(fault.to_string().ends_with("no such thing"), "{fault}");
    }
}
