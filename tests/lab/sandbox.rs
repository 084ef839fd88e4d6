//! Network namespaces for one test, gone with it.

use super::NAMES;
use lanloom_drivers::kernel::Netns;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::Ordering;

/// Where `ip netns` looks.
pub(crate) const NETNS_DIR: &str = "/run/netns";

/// A network namespace of this test's own, with `lo` up.
pub(crate) struct Sandbox {
    pub(crate) name: String,
    pub(crate) netns: Netns,
}

impl Sandbox {
    /// Makes one. Panics if this machine does not let it.
    pub(crate) fn new() -> Self {
        let name = format!("{}{}", prefix(), NAMES.fetch_add(1, Ordering::Relaxed));
        must(Command::new("ip").args(["netns", "add", &name]));
        let netns = Netns::At(Path::new(NETNS_DIR).join(&name));
        let sandbox = Self { name, netns };
        sandbox.ip("link set lo up");
        sandbox
    }

    /// One whose interfaces say nothing by themselves: without IPv6.
    pub(crate) fn quiet() -> Self {
        let sandbox = Self::new();
        for which in ["all", "default"] {
            sandbox.sysctl(&format!("ipv6/conf/{which}/disable_ipv6"), "1");
        }
        sandbox
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.netns.path()
    }

    /// `ip -n NAME ARGUMENTS`; panics if it fails.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        must(Command::new("ip").args(["-n", &self.name]).args(arguments.split_whitespace()))
    }

    /// Runs a command inside and answers what it printed; panics if it fails.
    pub(crate) fn run(&self, command: &str) -> String {
        must(&mut self.command(command))
    }

    /// Runs a command inside, which may fail.
    pub(crate) fn attempt(&self, command: &str) -> Output {
        self.command(command).output().expect("ip (iproute2)")
    }

    pub(crate) fn command(&self, command: &str) -> Command {
        let mut inside = Command::new("ip");
        inside.args(["netns", "exec", &self.name]).args(command.split_whitespace());
        inside
    }

    pub(crate) fn sysctl(&self, name: &str, value: &str) {
        // A process shows each thread the settings of its own namespace.
        self.inside(|| std::fs::write(Path::new("/proc/sys/net").join(name), value).expect("a setting of the namespace"));
    }

    /// Runs `work` inside, in a thread of its own. What it opens belongs to the namespace.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        inside(&self.netns, work)
    }
}

/// As [`Sandbox::inside`], in a namespace that need not be a sandbox.
pub(crate) fn inside<T: Send>(netns: &Netns, work: impl FnOnce() -> T + Send) -> T {
    let namespace = File::open(netns.path()).expect("the namespace");
    std::thread::scope(|scope| {
        let inside = scope.spawn(move || {
            setns(namespace, CloneFlags::CLONE_NEWNET).expect("the right to enter a namespace");
            work()
        });
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Runs a command inside a namespace and answers what it printed; panics if it fails.
pub(crate) fn run_inside(netns: &Netns, command: &str) -> String {
    let mut words = command.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words);
    inside(netns, move || must(&mut command))
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Deleted already if the test was about that.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// What the names of this process's namespaces begin with.
fn prefix() -> String {
    format!("lllab-{}-", std::process::id())
}

/// This process's namespaces that are there.
pub(crate) fn left_over() -> Vec<String> {
    let names = std::fs::read_dir(NETNS_DIR).expect("a directory").flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.starts_with(&prefix())).collect()
}

/// Whether this process may make namespaces. Panics instead of answering no under CI, where nothing is skipped.
pub(crate) fn may_make_namespaces() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "this must run as root where nothing may be skipped");
    if !root {
        println!("skipped: making network namespaces needs root");
    }
    root
}

/// Runs a command and answers what it printed; panics if it fails.
pub(crate) fn must(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
