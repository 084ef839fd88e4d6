//! Open vSwitch with its userspace datapath, without DPDK, between two veth pairs.

use super::Peer;
use crate::fault::Result;
use crate::lan::Lan;
use crate::machine::first_line;
use crate::process::run;
use std::process::Command;
use std::time::Duration;

pub(crate) const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
const LIMIT: Duration = Duration::from_secs(20);
const PACKAGE: &str = "openvswitch-switch";

/// Its programs and the Debian package of each.
pub(crate) const PROGRAMS: &[(&str, &str)] =
    &[("ovsdb-tool", PACKAGE), ("ovsdb-server", PACKAGE), ("ovs-vsctl", PACKAGE), ("ovs-vswitchd", PACKAGE)];

pub(crate) struct Ovs {
    /// Whether super-frames pass: `userspace-tso-enable`.
    pub(crate) segmentation: bool,
}

impl Peer for Ovs {
    fn name(&self) -> &'static str {
        if self.segmentation { "ovs-tso" } else { "ovs" }
    }

    fn setup(&self) -> &'static str {
        if self.segmentation {
            "Open vSwitch, userspace datapath (netdev, no DPDK) over veth pairs, userspace-tso-enable=true, all offloads on"
        } else {
            "Open vSwitch, userspace datapath (netdev, no DPDK) over veth pairs, as it comes; the hosts' tx, tso and gso offloads off, \
             since without TSO it passes pings but no TCP until they are"
        }
    }

    fn version(&self) -> String {
        first_line(Command::new("ovs-vswitchd").arg("--version"))
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        PROGRAMS
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        let [a, b] = lan.add_veths()?;
        self.start_database(lan)?;
        self.set(lan, &["--no-wait", "init"])?;
        if self.segmentation {
            self.set(lan, &["--no-wait", "set", "Open_vSwitch", ".", "other_config:userspace-tso-enable=true"])?;
        }
        let mut daemon = self.program(lan, "ovs-vswitchd");
        daemon.arg(database(lan));
        lan.start("ovs-vswitchd", &mut daemon)?;
        let bridge = ["--", "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev"];
        let ports = ["--", "add-port", "br0", a, "--", "add-port", "br0", b];
        self.set(lan, &[&bridge[..], &ports].concat())?;
        if !self.segmentation {
            for host in lan.hosts() {
                let off = ["-K", host.interface, "tx", "off", "tso", "off", "gso", "off"];
                run(host.netns.command("ethtool").args(off), LIMIT)?;
            }
        }
        Ok(())
    }
}

impl Ovs {
    fn start_database(&self, lan: &mut Lan) -> Result<()> {
        let file = lan.dir.path().join("conf.db");
        run(self.program(lan, "ovsdb-tool").arg("create").arg(&file).arg(SCHEMA), LIMIT)?;
        let mut server = self.program(lan, "ovsdb-server");
        server.arg(&file).arg(format!("--remote=p{}", database(lan)));
        let socket = lan.dir.path().join("db.sock");
        lan.start("ovsdb-server", &mut server)?.wait_until("the socket", LIMIT, |_| socket.exists())
    }

    fn set(&self, lan: &Lan, arguments: &[&str]) -> Result<()> {
        let mut command = self.program(lan, "ovs-vsctl");
        command.arg(format!("--db={}", database(lan))).arg("--timeout=15").args(arguments);
        run(&mut command, LIMIT).map(drop)
    }

    /// One of its programs, in the switch's namespace and with all its files in our directory: an Open vSwitch of the machine's
    /// own is not touched.
    fn program(&self, lan: &Lan, name: &str) -> Command {
        let mut command = lan.switch.command(name);
        for place in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR"] {
            command.env(place, lan.dir.path());
        }
        command
    }
}

fn database(lan: &Lan) -> String {
    format!("unix:{}", lan.dir.path().join("db.sock").display())
}
