//! Network namespaces of our own: made under a name that says whose they are, gone when dropped.

use crate::fault::{Result, Tried};
use crate::leftovers;
use crate::process::run;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// A named network namespace, deleted when dropped.
pub(crate) struct Netns {
    name: String,
}

impl Netns {
    /// Makes a namespace with its loopback up. Its name is unique as long as `suffix` is within this process.
    ///
    /// # Errors
    /// If `ip netns` refuses.
    pub(crate) fn create(suffix: &str) -> Result<Self> {
        let name = leftovers::name(suffix);
        run(Command::new("ip").args(["netns", "add", &name]), LIMIT)?;
        let netns = Self { name };
        netns.ip(&["link", "set", "lo", "up"])?;
        Ok(netns)
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A command that will run in this namespace.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command
    }

    /// `ip -n NAME ARGUMENTS`.
    ///
    /// # Errors
    /// If it fails.
    pub(crate) fn ip(&self, arguments: &[&str]) -> Result<String> {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments), LIMIT)
    }

    /// Does something in this namespace, in a thread of its own: sockets opened there belong to it for good.
    ///
    /// # Errors
    /// If the namespace cannot be entered, or what is done fails.
    pub(crate) fn enter<T: Send>(&self, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        enter(&self.path(), act)
    }

    fn path(&self) -> PathBuf {
        Path::new(leftovers::NETNS_DIR).join(&self.name)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        leftovers::delete_netns(&self.name);
    }
}

/// Does something in the namespace at `path`, in a thread of its own.
///
/// # Errors
/// If the namespace cannot be entered, or what is done fails.
pub(crate) fn enter<T: Send>(path: &Path, act: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let in_thread = || {
        let file = File::open(path).tried(|| format!("opening {}", path.display()))?;
        setns(file, CloneFlags::CLONE_NEWNET).tried(|| format!("entering {}", path.display()))?;
        act()
    };
    thread::scope(|scope| match scope.spawn(in_thread).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}
