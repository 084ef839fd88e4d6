//! Two hosts and what joins them: namespaces, a place for files, and the programs of the switch between. All gone when dropped.

use crate::fault::{Result, Tried};
use crate::leftovers::name;
use crate::netns::Netns;
use crate::process::{Process, output};
use crate::stop;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// One of the two hosts: a namespace and its only interface.
pub(crate) struct Host {
    pub(crate) netns: Netns,
    /// The interface's name. The peer makes it; [`Lan::configure_hosts`] gives it the addresses.
    pub(crate) interface: &'static str,
    /// The IPv4 address, in 10.9.0.0/24.
    pub(crate) address: &'static str,
    /// The IPv4 address inside a tunnel, in 10.10.0.0/24.
    pub(crate) inner: &'static str,
    address6: &'static str,
}

/// Two hosts, and what a peer put between them.
pub(crate) struct Lan {
    pub(crate) a: Host,
    pub(crate) b: Host,
    /// Where the peer's own interfaces and programs live: never the machine's namespace.
    pub(crate) switch: Netns,
    /// More of the peer's own, if it stands on several machines.
    pub(crate) others: Vec<Netns>,
    /// The programs that forward, in the order in which they were started.
    pub(crate) processes: Vec<Process>,
    /// What no other LAN of this process is called by.
    number: u32,
    pub(crate) dir: ScratchDir,
}

impl Lan {
    /// Three empty namespaces.
    ///
    /// # Errors
    /// If one cannot be made.
    pub(crate) fn new() -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let netns = |end| Netns::create(&format!("{number}-{end}"));
        Ok(Self {
            a: Host { netns: netns("a")?, interface: "va", address: "10.9.0.1", inner: "10.10.0.1", address6: "fd00:9::1" },
            b: Host { netns: netns("b")?, interface: "vb", address: "10.9.0.2", inner: "10.10.0.2", address6: "fd00:9::2" },
            switch: netns("switch")?,
            others: Vec::new(),
            processes: Vec::new(),
            number,
            dir: ScratchDir::new(&number.to_string())?,
        })
    }

    /// One namespace more for the peer, known by its place in `others`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn add_netns(&mut self) -> Result<()> {
        self.others.push(Netns::create(&format!("{}-{}", self.number, self.others.len()))?);
        Ok(())
    }

    pub(crate) fn hosts(&self) -> [&Host; 2] {
        [&self.a, &self.b]
    }

    /// Makes a veth pair for each host, and returns the names of the ends in the switch's namespace.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub(crate) fn add_veths(&self) -> Result<[&'static str; 2]> {
        let ends = ["pa", "pb"];
        for (host, end) in self.hosts().into_iter().zip(ends) {
            let (inside, outside) = (host.netns.name(), self.switch.name());
            let words = ["link", "add", host.interface, "netns", inside, "type", "veth", "peer", "name", end, "netns", outside];
            self.switch.ip(&words)?;
            self.switch.ip(&["link", "set", end, "up"])?;
        }
        Ok(ends)
    }

    /// Starts a program of the peer's in `netns` (the switch's if none), to be ended with this.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(&mut self, name: &str, command: &mut Command) -> Result<&mut Process> {
        let process = Process::start(name, command, self.dir.path())?;
        self.processes.push(process);
        let last = self.processes.len() - 1;
        Ok(&mut self.processes[last])
    }

    /// Gives the hosts their addresses and waits until they hear each other.
    ///
    /// # Errors
    /// If they do not.
    pub(crate) fn configure_hosts(&mut self) -> Result<()> {
        for host in self.hosts() {
            let (name, v4, v6) = (host.interface, format!("{}/24", host.address), format!("{}/64", host.address6));
            host.netns.ip(&["addr", "add", &v4, "dev", name])?;
            host.netns.ip(&["addr", "add", &v6, "dev", name, "nodad"])?;
            host.netns.ip(&["link", "set", name, "up"])?;
        }
        for target in [self.b.address, self.b.address6] {
            stop::wait_until(&format!("an answer from {target}"), Duration::from_secs(20), || {
                self.processes.iter_mut().try_for_each(Process::check_alive)?;
                let mut ping = self.a.netns.command("ping");
                ping.args(["-q", "-c", "1", "-W", "1", target]);
                Ok(output(&mut ping, Duration::from_secs(10))?.status.success())
            })?;
        }
        Ok(())
    }
}

impl Drop for Lan {
    /// The programs end first, the last one started first; then the namespaces go, then the files.
    fn drop(&mut self) {
        while self.processes.pop().is_some() {}
    }
}

/// A directory of ours for sockets and logs, removed when dropped.
pub(crate) struct ScratchDir(PathBuf);

impl ScratchDir {
    /// # Errors
    /// If it cannot be made.
    pub(crate) fn new(suffix: &str) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(name(&format!("{number}-{suffix}")));
        std::fs::create_dir(&path).tried(|| format!("making {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if let Err(why) = std::fs::remove_dir_all(&self.0) {
            eprintln!("could not remove {}: {why}", self.0.display());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::peers::Peer;
    use std::path::PathBuf;

    /// Two hosts on the kernel's bridge, or `None` without root's rights.
    pub(crate) fn bridged() -> Option<Lan> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this needs root, and with CI set nothing is skipped");
            println!("skipped: this needs root");
            return None;
        }
        let mut lan = Lan::new().unwrap();
        crate::peers::linux_bridge::LinuxBridge.join(&mut lan).unwrap();
        lan.configure_hosts().unwrap();
        Some(lan)
    }

    #[test]
    fn nothing_is_left_of_a_lan_that_is_dropped() {
        let Some(mut lan) = bridged() else { return };
        let mut sleep = lan.switch.command("sleep");
        let pid = lan.start("sleep", sleep.arg("1000")).unwrap().pid();
        let netns = [&lan.a.netns, &lan.b.netns, &lan.switch].map(|netns| PathBuf::from("/run/netns").join(netns.name()));
        let traces = [&netns[..], &[PathBuf::from(format!("/proc/{pid}")), lan.dir.path().to_owned()]].concat();
        assert!(traces.iter().all(|trace| trace.exists()), "{traces:?}");
        drop(lan);
        assert!(!traces.iter().any(|trace| trace.exists()), "{traces:?}");
    }
}
