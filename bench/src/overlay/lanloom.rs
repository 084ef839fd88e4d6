//! Our own: a daemon on either machine with a switch that has a port for the host and a tunnel, by the same commands that a user types.

use super::underlay::{self, MTU, Machine, VNI};
use crate::fault::Result;
use crate::lan::Lan;
use crate::peers::Peer;
use crate::peers::lanloom::{Lanloom, Ports};
use crate::process::{Process, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
const SWITCH: &str = "s";

pub(crate) struct Tunnel {
    /// The `lanloom` program.
    pub(crate) program: PathBuf,
    /// What the hosts are joined by.
    pub(crate) ports: Ports,
}

impl Tunnel {
    fn switch(&self) -> Lanloom {
        Lanloom { program: self.program.clone(), ports: self.ports }
    }

    /// A command to the daemon of a machine, in its namespace.
    fn command(&self, machine: &Machine<'_>, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = machine.netns.command(&self.program);
        command.env("LANLOOM_SOCKET", dir.join(format!("{}.sock", machine.name))).args(arguments);
        command
    }

    fn start(&self, machine: &Machine<'_>, dir: &Path) -> Result<Process> {
        let mut daemon = self.command(machine, dir, &["daemon", "--ephemeral", "--state-dir"]);
        daemon.arg(dir.join(format!("{}-state", machine.name)));
        let mut process = Process::start(&format!("lanloom-{}", machine.name), &mut daemon, dir)?;
        let socket = dir.join(format!("{}.sock", machine.name));
        process.wait_until("the socket", LIMIT, |_| socket.exists())?;
        Ok(process)
    }
}

impl Peer for Tunnel {
    fn name(&self) -> &'static str {
        self.switch().name()
    }

    fn setup(&self) -> &'static str {
        match self.ports {
            Ports::Tap => {
                "on either machine lanloom daemon --ephemeral with a switch of a tap:// and a vxlan:// port, as it comes"
            }
            Ports::Veth => {
                "on either machine lanloom daemon --ephemeral with a switch of a veth:// and a vxlan:// port, as it comes"
            }
        }
    }

    fn version(&self) -> String {
        self.switch().version()
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn captures(&self) -> bool {
        true
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        underlay::lay(lan)?;
        let scheme = match self.ports {
            Ports::Tap => "tap",
            Ports::Veth => "veth",
        };
        let mut started = Vec::new();
        for machine in underlay::machines(lan) {
            machine.add_address(machine.interface)?;
            started.push(self.start(&machine, lan.dir.path())?);
            let host = format!("{scheme}://{}?netns={}&mtu={MTU}", machine.host.interface, machine.host.netns.name());
            let tunnel = format!("vxlan://{VNI}?local={}&remote={}", machine.local, machine.remote);
            for words in [&["switch", "create", SWITCH][..], &["port", "add", SWITCH, &host], &["port", "add", SWITCH, &tunnel]]
            {
                run(&mut self.command(&machine, lan.dir.path(), words), LIMIT)?;
            }
        }
        lan.processes.extend(started);
        Ok(())
    }
}
