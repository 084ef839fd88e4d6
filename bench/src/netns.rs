//! Network namespaces of our own: made under a name that says whose they are, gone when dropped.

use crate::fault::{Fault, Result, Tried};
use crate::process::run;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Every namespace of a benchmark is called so, then the process id of its benchmark.
const PREFIX: &str = "lanloom-bench-";
const DIR: &str = "/run/netns";
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
        let name = format!("{PREFIX}{}-{suffix}", std::process::id());
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
        let path = self.path();
        let in_thread = || {
            let file = File::open(&path).tried(|| format!("opening {}", path.display()))?;
            setns(file, CloneFlags::CLONE_NEWNET).tried(|| format!("entering {}", path.display()))?;
            act()
        };
        thread::scope(|scope| match scope.spawn(in_thread).join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    fn path(&self) -> PathBuf {
        Path::new(DIR).join(&self.name)
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        delete(&self.name);
    }
}

/// Deletes namespaces of benchmarks that were killed before they could.
pub(crate) fn delete_leftovers() {
    let Ok(entries) = std::fs::read_dir(DIR) else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        if owner(&name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            eprintln!("deleting {name}, left by a benchmark that was killed");
            delete(&name);
        }
    }
}

/// The process id in a namespace's name, if it is a benchmark's.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

/// Also when the run was asked to end: so it does not use [`run`], which would refuse.
fn delete(name: &str) {
    match Command::new("ip").args(["netns", "del", name]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => eprintln!("could not delete the namespace {name}: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(why) => eprintln!("could not delete the namespace {name}: {}", Fault::on("ip netns del", why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_benchmark_gives_have_an_owner() {
        assert_eq!(owner("lanloom-bench-4711-3-a"), Some(4711));
        assert_eq!(owner("lanloom-bench-x-a"), None);
        assert_eq!(owner("lanloom-4711-a"), None);
    }
}
