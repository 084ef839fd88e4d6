//! Our own: a daemon with one switch of two ports, set up by the same commands that a user types.

use super::Peer;
use crate::fault::Result;
use crate::lan::Lan;
use crate::machine::first_line;
use crate::process::{Process, run};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
const SWITCH: &str = "s";

pub(crate) struct Lanloom {
    /// The `lanloom` program.
    pub(crate) program: PathBuf,
    pub(crate) ports: Ports,
}

/// The kind of both ports.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ports {
    Tap,
    Veth,
}

impl Peer for Lanloom {
    fn name(&self) -> &'static str {
        match self.ports {
            Ports::Tap => crate::targets::TAP,
            Ports::Veth => crate::targets::VETH,
        }
    }

    fn setup(&self) -> &'static str {
        match self.ports {
            Ports::Tap => "lanloom daemon --ephemeral with a switch of two tap:// ports, as it comes",
            Ports::Veth => "lanloom daemon --ephemeral with a switch of two veth:// ports, as it comes",
        }
    }

    fn version(&self) -> String {
        first_line(Command::new(&self.program).arg("--version"))
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn captures(&self) -> bool {
        true
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        let mut daemon = self.command(lan, &["daemon", "--ephemeral", "--state-dir"]);
        daemon.arg(lan.dir.path().join("state"));
        let socket = socket(lan);
        lan.start("lanloom", &mut daemon)?.wait_until("the socket", LIMIT, |_| socket.exists())?;
        run(&mut self.command(lan, &["switch", "create", SWITCH]), LIMIT)?;
        let scheme = match self.ports {
            Ports::Tap => "tap",
            Ports::Veth => "veth",
        };
        for host in lan.hosts() {
            let url = format!("{scheme}://{}?netns={}", host.interface, host.netns.name());
            run(&mut self.command(lan, &["port", "add", SWITCH, &url]), LIMIT)?;
        }
        Ok(())
    }

    fn capture(&self, lan: &Lan, file: &Path) -> Result<Process> {
        let mut command = self.command(lan, &["capture", SWITCH, "-w"]);
        command.arg(file);
        Process::start("lanloom-capture", &mut command, lan.dir.path())
    }
}

impl Lanloom {
    /// A command to the daemon of this LAN. It runs in the switch's namespace, and so is gone with it.
    fn command(&self, lan: &Lan, arguments: &[&str]) -> Command {
        let mut command = lan.switch.command(&self.program);
        command.env("LANLOOM_SOCKET", socket(lan)).args(arguments);
        command
    }
}

fn socket(lan: &Lan) -> PathBuf {
    lan.dir.path().join("lanloom.sock")
}
