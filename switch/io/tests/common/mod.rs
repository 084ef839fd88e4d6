//! Network namespaces for one test, gone with it.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Liveness only: what is tested comes within milliseconds.
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

static NAMES: AtomicU32 = AtomicU32::new(0);

/// A network namespace of this test's own, without IPv6 addresses that would speak up by themselves.
pub(crate) struct Netns {
    pub(crate) name: String,
}

impl Netns {
    /// Makes one, or says why this machine cannot. Panics instead under CI, where nothing is skipped.
    pub(crate) fn new() -> Option<Self> {
        let name = format!("llio-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
        let made = Command::new("ip").args(["netns", "add", &name]).output();
        let why = match made {
            Ok(output) if output.status.success() => {
                let netns = Self { name };
                netns.run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
                return Some(netns);
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => format!("ip (iproute2): {error}"),
        };
        assert!(std::env::var_os("CI").is_none(), "no network namespace: {why}");
        println!("skipped, no network namespace: {why}");
        None
    }

    /// Where its name is.
    #[allow(dead_code, reason = "each test binary uses its own part of this module")]
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// Runs a command inside and answers what it printed. Panics if it fails.
    pub(crate) fn run(&self, command: &str) -> String {
        run(&format!("ip netns exec {} {command}", self.name))
    }

    /// Runs `work` inside.
    #[allow(dead_code, reason = "each test binary uses its own part of this module")]
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(self.path()).expect("the namespace to be there");
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).expect("the right to enter a namespace");
                work()
            });
            inside.join().expect("no panic inside the namespace")
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // Deleted already if the test was about that.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

/// Runs a command and answers what it printed. Panics if it fails.
pub(crate) fn run(command: &str) -> String {
    let mut words = command.split_whitespace();
    let output = Command::new(words.next().expect("a program")).args(words).output().expect("a program that is installed");
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until something holds.
#[allow(dead_code, reason = "each test binary uses its own part of this module")]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
