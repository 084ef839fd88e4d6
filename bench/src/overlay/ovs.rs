//! Open vSwitch with its userspace datapath, without DPDK: an instance on either machine, each with a database of its own.
//!
//! Its tunnels look for their way in the kernel's routes, so the underlay's address is on the bridge that the underlay is a port of.

use super::underlay::{self, Machine, VNI};
use crate::fault::{Result, Tried};
use crate::lan::{Lan, ScratchDir};
use crate::peers::{Peer, ovs};
use crate::process::{Process, run};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Ovs {
    /// Whether it may take super-frames: `userspace-tso-enable`.
    pub(crate) segmentation: bool,
}

/// Their names on the command line and in the report.
pub(crate) const PLAIN: &str = "ovs";
pub(crate) const TSO: &str = "ovs-tso";

impl Peer for Ovs {
    fn name(&self) -> &'static str {
        if self.segmentation { TSO } else { PLAIN }
    }

    fn setup(&self) -> &'static str {
        if self.segmentation {
            "the same with userspace-tso-enable=true, and the hosts' offloads off all the same: it puts no super-frame and no unfinished \
             checksum into a tunnel (with them on, no TCP connection comes about)"
        } else {
            "on either machine Open vSwitch, userspace datapath (netdev, no DPDK): a bridge with the underlay's veth, its address and its \
             route, and one with a vxlan port and the host's veth; the neighbour is known before it is measured; the hosts' tx, tso and \
             gso offloads off, since without TSO it passes pings but no TCP until they are"
        }
    }

    fn version(&self) -> String {
        ovs::Ovs { segmentation: self.segmentation }.version()
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        ovs::PROGRAMS
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        underlay::lay(lan)?;
        let mut started = Vec::new();
        for machine in underlay::machines(lan) {
            machine.add_veth()?;
            let instance = Instance::new(&machine, &lan.dir)?;
            started.extend(instance.start(self.segmentation)?);
            instance.set(&bridge("br-phy", &[machine.interface]))?;
            machine.add_address("br-phy")?;
            instance.set(&[&bridge("br-int", &[machine.port])[..], &instance.tunnel()].concat())?;
            let off = ["-K", machine.host.interface, "tx", "off", "tso", "off", "gso", "off"];
            run(machine.host.netns.command("ethtool").args(off), LIMIT)?;
        }
        lan.processes.extend(started);
        Ok(())
    }
}

/// The words that make a bridge with ports.
fn bridge(name: &'static str, ports: &[&'static str]) -> Vec<&'static str> {
    let mut words = vec!["--", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev"];
    words.extend(ports.iter().flat_map(|port| ["--", "add-port", name, *port]));
    words
}

/// Its programs on one machine, with all their files in a folder of their own.
struct Instance<'a> {
    machine: &'a Machine<'a>,
    folder: PathBuf,
    options: [String; 2],
}

impl<'a> Instance<'a> {
    fn new(machine: &'a Machine<'a>, dir: &ScratchDir) -> Result<Self> {
        let folder = dir.path().join(machine.name);
        std::fs::create_dir(&folder).tried(|| format!("making {}", folder.display()))?;
        let options = [format!("options:remote_ip={}", machine.remote), format!("options:key={VNI}")];
        Ok(Self { machine, folder, options })
    }

    fn tunnel(&self) -> [&str; 11] {
        let [remote, key] = &self.options;
        ["--", "add-port", "br-int", "vx0", "--", "set", "interface", "vx0", "type=vxlan", remote, key]
    }

    fn start(&self, segmentation: bool) -> Result<[Process; 2]> {
        let file = self.folder.join("conf.db");
        run(self.program("ovsdb-tool").arg("create").arg(&file).arg(ovs::SCHEMA), LIMIT)?;
        let mut command = self.program("ovsdb-server");
        command.arg(&file).arg(format!("--remote=p{}", self.database()));
        let mut server = Process::start("ovsdb-server", &mut command, &self.folder)?;
        let socket = self.folder.join("db.sock");
        server.wait_until("the socket", LIMIT, |_| socket.exists())?;
        self.set(&["--no-wait", "init"])?;
        let tso = format!("other_config:userspace-tso-enable={segmentation}");
        self.set(&["--no-wait", "set", "Open_vSwitch", ".", &tso])?;
        let daemon = Process::start("ovs-vswitchd", self.program("ovs-vswitchd").arg(self.database()), &self.folder)?;
        Ok([server, daemon])
    }

    fn set(&self, arguments: &[&str]) -> Result<()> {
        let mut command = self.program("ovs-vsctl");
        command.arg(format!("--db={}", self.database())).arg("--timeout=15").args(arguments);
        run(&mut command, LIMIT).map(drop)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = self.machine.netns.command(name);
        for place in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(place, &self.folder);
        }
        command
    }

    fn database(&self) -> String {
        format!("unix:{}", self.folder.join("db.sock").display())
    }
}
