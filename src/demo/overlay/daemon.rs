//! The daemon of a host: this program again, in a process of its own that never outlives the demo.
#![allow(unsafe_code)]

use super::super::line::Line;
use super::super::stage::PATIENCE;
use super::super::stop::{SLICE, wait_for};
use crate::api::client::Call;
use crate::api::types::Info;
use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid, getppid};
use std::fs::{self, File};
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Instant;
use tokio::runtime::Handle;

/// This program, also when its file was replaced meanwhile (`proc_pid_exe(5)`).
const PROGRAM: &str = "/proc/self/exe";

/// Where a daemon has what is its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Files {
    /// Its socket.
    pub(super) socket: PathBuf,
    /// The folder of its sandboxes' namespaces.
    pub(super) sandboxes: PathBuf,
    /// What it says.
    pub(super) log: PathBuf,
}

/// A daemon that was started.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Child,
    line: Line,
    log: PathBuf,
}

impl Daemon {
    /// Starts it in that namespace; `underlay` is the host's address among hosts. The thread that calls must live as long as it: the
    /// kernel takes that thread's end for the parent's.
    ///
    /// # Errors
    /// If there can be no further process, or the namespace cannot be entered.
    pub(super) fn start(runtime: &Handle, netns: &Path, files: &Files, underlay: Ipv4Addr) -> Result<Self, String> {
        let failed = |error: io::Error| format!("starting a daemon in {}: {error}", netns.display());
        let (namespace, log) = (File::open(netns).map_err(failed)?, File::create(&files.log).map_err(failed)?);
        let mut command = Command::new(PROGRAM);
        command.arg0("lanloom").arg("--socket").arg(&files.socket).args(["daemon", "--ephemeral", "--netns-dir"]);
        command.arg(&files.sandboxes).args(["--underlay", &underlay.to_string()]);
        command.env("NO_COLOR", "1").env_remove("NOTIFY_SOCKET").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        // Ctrl-C is for the demo, which ends its daemons in order.
        command.process_group(0);
        let demo = getpid();
        let enter = move || enter(&namespace, demo).map_err(io::Error::from);
        // SAFETY: between fork and exec, `enter` makes system calls only: no allocation, no lock.
        unsafe { command.pre_exec(enter) };
        let process = command.spawn().map_err(failed)?;
        Ok(Self { process, line: Line::new(runtime, &files.socket), log: files.log.clone() })
    }

    /// Waits until it answers.
    ///
    /// # Errors
    /// If it does not, and the last that it said.
    pub(super) fn wait(&mut self) -> Result<(), String> {
        let mut last = Err("stopped".to_owned());
        let answered = wait_for(PATIENCE, || {
            last = match self.process.try_wait() {
                Ok(None) => self.line.ask::<Info>(Call::get("ask the daemon", "", &["v1", "info"])).map(drop),
                Ok(Some(status)) => return Some(Err(format!("it ended with {status}: {}", self.last_words()))),
                Err(error) => Err(error.to_string()),
            };
            last.is_ok().then_some(Ok(()))
        });
        answered.unwrap_or(last)
    }

    /// Its socket.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// Tells it to end.
    pub(super) fn end(&self) {
        // It may have ended by itself; how, its status will tell.
        let _ = kill(self.pid(), Signal::SIGTERM);
    }

    /// Waits for its end, and forces it in the end.
    ///
    /// # Errors
    /// If it did not end by itself, or could not remove everything.
    pub(super) fn stop(mut self) -> Result<(), String> {
        self.end();
        let begin = Instant::now();
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(()),
                Ok(Some(status)) => return Err(format!("a host's daemon ended with {status}: {}", self.last_words())),
                Ok(None) if begin.elapsed() < PATIENCE => thread::sleep(SLICE / 10),
                Ok(None) => return Err(format!("a host's daemon did not end within {} s", PATIENCE.as_secs())),
                Err(error) => return Err(format!("waiting for a host's daemon: {error}")),
            }
        }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id() as i32)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().last().unwrap_or("it said nothing").to_owned()
    }
}

impl Drop for Daemon {
    /// Whatever went wrong, nothing of it stays.
    fn drop(&mut self) {
        // If it has ended, which is the rule, there is nothing to kill and nothing to wait for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the new process does before it becomes the daemon: it is to be killed with its parent, and goes into the namespace.
fn enter(namespace: &File, parent: Pid) -> Result<(), Errno> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid() != parent {
        // It was too late for that.
        return Err(Errno::ESRCH);
    }
    setns(namespace, CloneFlags::CLONE_NEWNET)
}
