//! What can join two hosts: a file for each kind, behind one trait. Each is set up as its users would, and so that it is at its
//! best in what is compared; where a peer needs that, its `setup` says what was changed.

pub(crate) mod lanloom;
pub(crate) mod linux_bridge;
pub(crate) mod ovs;
mod vde;

use crate::fault::{Fault, Result};
use crate::lan::Lan;
use crate::process::Process;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A switch of some kind.
pub(crate) trait Peer {
    /// Its name on the command line and in the report.
    fn name(&self) -> &'static str;
    /// What it is, and how it is set up here.
    fn setup(&self) -> &'static str;
    fn version(&self) -> String;
    /// The programs it needs and the Debian package of each.
    fn programs(&self) -> &'static [(&'static str, &'static str)];
    /// Gives each host its interface and joins them. What it starts and makes belongs to `lan`, which takes it down, also if
    /// this fails half-way.
    ///
    /// # Errors
    /// If it cannot.
    fn join(&self, lan: &mut Lan) -> Result<()>;

    /// Whether there is no program whose time could be measured.
    fn forwards_in_kernel(&self) -> bool {
        false
    }

    /// Whether frames wait in datagram sockets between its programs.
    fn uses_datagrams(&self) -> bool {
        false
    }

    /// Whether it can write what passes into a file.
    fn captures(&self) -> bool {
        false
    }

    /// Starts a capture of everything into a file.
    ///
    /// # Errors
    /// If it cannot be started, or this peer has none.
    fn capture(&self, _lan: &Lan, _file: &Path) -> Result<Process> {
        Err(Fault::on(format!("capturing on {}", self.name()), "it has no capture"))
    }
}

/// What every comparison needs, with the Debian package of each.
const COMMON: [(&str, &str); 5] =
    [("ip", "iproute2"), ("ss", "iproute2"), ("ethtool", "ethtool"), ("iperf3", "iperf3"), ("ping", "iputils-ping")];

/// All peers, in the order of a round. Ours are the program at `lanloom`.
pub(crate) fn all(lanloom: &Path) -> Vec<Box<dyn Peer>> {
    vec![
        Box::new(linux_bridge::LinuxBridge),
        Box::new(ovs::Ovs { segmentation: true }),
        Box::new(ovs::Ovs { segmentation: false }),
        Box::new(vde::Vde),
        Box::new(lanloom::Lanloom { program: lanloom.to_owned(), ports: lanloom::Ports::Tap }),
        Box::new(lanloom::Lanloom { program: lanloom.to_owned(), ports: lanloom::Ports::Veth }),
    ]
}

/// Checks that the programs of some peers are there.
///
/// # Errors
/// If not: the one command that installs them.
pub(crate) fn check_programs(peers: &[Box<dyn Peer>]) -> Result<()> {
    check(COMMON.iter().chain(peers.iter().flat_map(|peer| peer.programs())))
}

/// Checks that programs are there, each given with its Debian package.
///
/// # Errors
/// If not: the one command that installs them.
pub(crate) fn check<'a>(needed: impl Iterator<Item = &'a (&'static str, &'static str)>) -> Result<()> {
    let missing: Vec<_> = needed.filter(|(program, _)| find(program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: BTreeSet<_> = missing.iter().map(|(program, _)| *program).collect();
    let packages: BTreeSet<_> = missing.iter().map(|(_, package)| *package).collect();
    let line = |words: BTreeSet<&str>, between| words.into_iter().collect::<Vec<_>>().join(between);
    let hint = format!("install them (`apt install {}`) or leave out what needs them", line(packages, " "));
    Err(Fault::on(format!("looking for {}", line(programs, ", ")), format!("not found · {hint}")))
}

/// Where a program is: as a shell looks, and where root's programs are even if the path leaves them out.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    places.map(|dir| dir.join(program)).find(|file| file.is_file())
}
