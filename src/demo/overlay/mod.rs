//! Two hosts, each a namespace with a daemon of its own, and a network over both: what passes between them goes by a switch of the
//! demo's own daemon, and so into its capture.
//!
//! | module | one idea |
//! |---|---|
//! | `script`, `looks`, `doctor` | the checks, and how they look |
//! | `faults` | what `--break` does to them |
//! | `host`, `daemon` | a host, and the process that is its daemon |
//! | `compare`, `beside` | what was captured inside and what was captured between the hosts: compared, and shown side by side |
//! | `picture` | who is where |

mod beside;
mod compare;
mod daemon;
mod doctor;
mod faults;
mod host;
mod looks;
mod picture;
mod script;

pub(super) use script::{SUBJECTS, missing};

use super::stage::Stage;
use host::{Host, PLANS, Sandbox};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The network.
const NETWORK: &str = "wide";

/// Its subnets.
const SUBNETS: [&str; 2] = ["10.4.0.0/24", "fd00:4::/64"];

/// Its VXLAN identifier.
const VNI: u32 = 42;

/// The switch between the hosts.
const UNDERLAY: &str = "underlay";

/// What there is of it once it has been made.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    hosts: Vec<Host>,
    sandboxes: Vec<Sandbox>,
}

/// A host with its sandbox.
#[derive(Clone, Copy, Debug)]
struct Side<'a> {
    host: &'a Host,
    sandbox: &'a Sandbox,
}

impl Overlay {
    /// Has the hosts and the network made, with that identifier, and looks where the sandboxes are. Endpoints are of that kind.
    ///
    /// # Errors
    /// What could not be made; what was made until then is the stage's to take away.
    fn create(stage: &mut Stage, kind: &str, vni: u32) -> Result<(), String> {
        stage.board.create_switch(UNDERLAY)?;
        for plan in &PLANS {
            let host = Host::create(stage, plan)?;
            stage.overlay.hosts.push(host);
        }
        let hosts = &mut stage.overlay.hosts;
        hosts.iter_mut().try_for_each(Host::wait_for_daemon)?;
        hosts.iter().try_for_each(|host| host.create_network(vni))?;
        stage.overlay.sandboxes = hosts.iter().map(|host| host.create_sandbox(kind)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Both hosts, once all of it was made.
    fn sides(&self) -> Result<[Side<'_>; 2], String> {
        match (&self.hosts[..], &self.sandboxes[..]) {
            ([west, east], [shop, stock]) => Ok([Side { host: west, sandbox: shop }, Side { host: east, sandbox: stock }]),
            _ => Err("there are no two hosts".to_owned()),
        }
    }

    /// A host to look around on, and its daemon's socket.
    pub(super) fn example(&self, folder: &Path) -> Option<(&'static str, PathBuf)> {
        let [here, _] = self.sides().ok()?;
        Some((here.host.plan.name, here.host.plan.files(folder).socket))
    }

    /// A ping to see while the demo is kept; that nobody answers is no matter.
    pub(super) fn ping_once(&self) {
        if let Ok([here, there]) = self.sides() {
            let _ = here.sandbox.ping(there.sandbox.v4.into(), Duration::from_secs(1));
        }
    }

    /// Ends the daemons, which remove what they made; what they could not is in the list.
    pub(super) fn stop(&mut self) -> Vec<String> {
        self.hosts.iter().for_each(Host::end);
        self.hosts.drain(..).filter_map(|host| host.stop().err()).collect()
    }
}

/// Where the daemons of hosts have the namespaces of their sandboxes.
pub(super) fn sandboxes_in(folder: &Path) -> Vec<PathBuf> {
    PLANS.iter().map(|plan| plan.files(folder).sandboxes).collect()
}
