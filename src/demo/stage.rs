//! All that the demo puts up: a folder, a daemon, a switch, hosts, a recording, networks, an overlay. And how it is all taken away again.

use super::board::Board;
use super::cast::{INTERFACE, Role};
use super::hosts::{Body, Host};
use super::leftovers;
use super::networks::Networks;
use super::overlay::{self, Overlay};
use super::recording::{self, Recording};
use super::stop;
use super::verify::{Traffic, since};
use crate::api::types::{Counters, PortCounters, PortInfo, PortState};
use crate::cli::demo::Subject;
use ipnet::IpNet;
use lanloom_drivers::kernel::{IfName, Kernel, LinuxKernel, Netns, NetnsName};
use lanloom_lab::HostConfig;
use lanloom_lab::live::LiveHost;
use lanloom_switch_io::link::Offloads;
use lanloom_switch_io::link::memory::{Bound, pair};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long something that is to happen may take before it counts as not happening.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Frames that may wait for a host in this process: a whole TCP window of it.
const QUEUE: Bound = Bound { frames: 4096, bytes: 4 << 20 };

/// What is up.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) board: Board,
    pub(super) kernel: LinuxKernel,
    pub(super) netns_dir: PathBuf,
    pub(super) hosts: Vec<Host>,
    pub(super) recording: Option<Recording>,
    pub(super) networks: Networks,
    pub(super) overlay: Overlay,
    pub(super) folder: PathBuf,
    namespaces: Vec<Netns>,
}

/// What a port counted and its host's interface saw, at one moment.
pub(super) type Reading = (PortCounters, Option<Traffic>);

impl Stage {
    /// Starts a daemon with its files in `folder`, which is made.
    ///
    /// # Errors
    /// If it cannot; nothing but perhaps the folder is left then.
    pub(super) fn open(folder: &Path, netns_dir: &Path) -> Result<Self, String> {
        make_folder(folder)?;
        let board = Board::start(&socket_in(folder), &own_sandboxes_in(folder)).inspect_err(|_| {
            // The failure that is told is the one that matters.
            let _ = fs::remove_dir_all(folder);
        })?;
        Ok(Self {
            board,
            kernel: LinuxKernel::new(netns_dir),
            netns_dir: netns_dir.to_owned(),
            hosts: Vec::new(),
            recording: None,
            networks: Networks::default(),
            overlay: Overlay::default(),
            folder: folder.to_owned(),
            namespaces: Vec::new(),
        })
    }

    /// Begins to record; says where to, and why elsewhere than wanted.
    pub(super) fn record(&mut self) -> Result<(PathBuf, Option<String>), String> {
        let (file, path, elsewhere) = recording::create_file()?;
        self.recording = Some(self.board.record(file, &path)?);
        Ok((path, elsewhere))
    }

    /// Makes a host and plugs it in, without the address that `lacks` is about. Answers its port once that is up.
    pub(super) fn plug(&mut self, role: &Role, lacks: Option<Subject>) -> Result<(), String> {
        let body = match (role.url(&self.netns_dir), role.netns(&self.netns_dir)) {
            (Some(url), Some(path)) => self.plug_namespace(role, &url, path, lacks)?,
            _ => self.plug_in_process(role, lacks)?,
        };
        self.hosts.push(Host { role: role.clone(), body });
        Ok(())
    }

    fn plug_namespace(&mut self, role: &Role, url: &str, path: PathBuf, lacks: Option<Subject>) -> Result<Body, String> {
        let name = role.namespace.as_deref().unwrap_or(role.name);
        let netns = self.create_namespace(name)?;
        self.board.add_port(&role.port(), url.to_owned())?;
        for address in addresses(role, lacks) {
            self.create_address(&netns, address)?;
        }
        Ok(Body::Namespace(path))
    }

    /// Makes a namespace, which goes with the stage.
    pub(super) fn create_namespace(&mut self, name: &str) -> Result<Netns, String> {
        let name = NetnsName::new(name).map_err(|error| error.to_string())?;
        let netns = self.board.wait(self.kernel.create_netns(&name)).map_err(|error| error.to_string())?;
        self.namespaces.push(netns.clone());
        Ok(netns)
    }

    /// Gives the interface in a namespace an address.
    pub(super) fn create_address(&self, netns: &Netns, address: IpNet) -> Result<(), String> {
        let interface = IfName::new(INTERFACE).map_err(|error| error.to_string())?;
        self.board.wait(self.kernel.create_address(netns, &interface, address)).map_err(|error| error.to_string())
    }

    fn plug_in_process(&self, role: &Role, lacks: Option<Subject>) -> Result<Body, String> {
        let (ours, theirs) = pair(QUEUE, Offloads::NONE).map_err(|error| error.to_string())?;
        let config = addresses(role, lacks)
            .iter()
            .try_fold(HostConfig::new(role.mac()), |config, address| config.with_address(&address.to_string()))
            .map_err(|error| error.to_string())?;
        self.board.plug(&role.port(), theirs)?;
        let host = LiveHost::start(config, u64::from(role.number), ours).map_err(|error| error.to_string())?;
        Ok(Body::InProcess(Some(host)))
    }

    /// The port of a host once it is up, or as it is when that took too long.
    pub(super) fn port_when_up(&self, role: &Role) -> Result<PortInfo, String> {
        let mut last = Err("stopped".to_owned());
        let up = stop::wait_for(PATIENCE, || {
            last = self.board.port(&role.port());
            last.clone().ok().filter(|port| port.state == PortState::Up)
        });
        up.map_or(last, Ok)
    }

    /// What each port counted and each interface saw, once two looks in a row find nothing moving.
    pub(super) fn settled(&self) -> Result<Vec<Reading>, String> {
        let mut last: Option<Vec<Reading>> = None;
        let settled = stop::wait_for(PATIENCE, || {
            let now = self.readings();
            let same = matches!((&now, &last), (Ok(now), Some(last)) if now == last);
            last = now.clone().ok();
            (same || now.is_err()).then_some(now)
        });
        settled.unwrap_or_else(|| self.readings())
    }

    fn readings(&self) -> Result<Vec<Reading>, String> {
        let interfaces: Vec<_> = self.hosts.iter().map(Host::traffic).collect::<Result<_, _>>()?;
        let counters = self.board.counters()?;
        let reading = |(host, traffic): (&Host, Option<Traffic>)| {
            let name = host.role.port();
            let port = counters.ports.iter().find(|port| port.port == name);
            port.map(|port| (port.clone(), traffic)).ok_or_else(|| format!("the counters lack port {name}"))
        };
        self.hosts.iter().zip(interfaces).map(reading).collect()
    }

    /// What each port counted and each interface saw since `before`.
    pub(super) fn changes(&self, before: &[Reading]) -> Result<Vec<Reading>, String> {
        let now = self.settled()?;
        let change = |(now, before): (Reading, &Reading)| {
            let traffic = now.1.zip(before.1).map(|(now, before)| now.since(before));
            (since(&now.0, &before.0), traffic)
        };
        Ok(now.into_iter().zip(before).map(change).collect())
    }

    /// Frames that the switch has received.
    pub(super) fn received(counters: &Counters) -> u64 {
        counters.ports.iter().map(|port| port.rx.frames).sum()
    }

    /// Where the daemon's socket is.
    pub(super) fn socket(&self) -> PathBuf {
        socket_in(&self.folder)
    }

    /// Takes everything away, but for one thing if `leave` says so: then it is answered. What could not be taken away is in the
    /// list.
    pub(super) fn close(mut self, leave: bool) -> (Vec<String>, Option<Left>) {
        let mut problems = Vec::new();
        if let Some(recording) = &self.recording {
            recording.end();
        }
        let mut left = if leave { self.namespaces.pop().map(Left::Namespace) } else { None };
        self.hosts.clear();
        problems.extend(self.overlay.stop());
        problems.extend(self.board.stop().err());
        for netns in &self.namespaces {
            problems.extend(self.board.wait(self.kernel.delete_netns(netns)).err().map(|error| error.to_string()));
        }
        drop(self.board);
        problems.extend(sandboxes_in(&self.folder).iter().filter_map(|folder| leftovers::unmount(folder).err()));
        if leave && left.is_none() {
            left = Some(Left::Folder(self.folder));
        } else {
            let removed = fs::remove_dir_all(&self.folder);
            problems.extend(removed.err().map(|error| format!("removing {}: {error}", self.folder.display())));
        }
        (problems, left)
    }
}

/// What was left behind on purpose.
#[derive(Debug)]
pub(super) enum Left {
    /// A namespace.
    Namespace(Netns),
    /// The folder.
    Folder(PathBuf),
}

impl Left {
    /// Takes it away after all.
    pub(super) fn remove(self, kernel: &LinuxKernel) -> Result<(), String> {
        match self {
            Self::Namespace(netns) => {
                let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
                runtime.block_on(kernel.delete_netns(&netns)).map(drop).map_err(|error| error.to_string())
            }
            Self::Folder(folder) => fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display())),
        }
    }
}

/// Where the daemon's socket is.
pub(super) fn socket_in(folder: &Path) -> PathBuf {
    folder.join("lanloom.sock")
}

/// Where the namespaces of sandboxes are: the demo's daemon's, and those of the hosts' daemons.
pub(super) fn sandboxes_in(folder: &Path) -> Vec<PathBuf> {
    [own_sandboxes_in(folder)].into_iter().chain(overlay::sandboxes_in(folder)).collect()
}

fn own_sandboxes_in(folder: &Path) -> PathBuf {
    folder.join("sandboxes")
}

/// A folder that nobody else may look into.
fn make_folder(folder: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new().mode(0o700).create(folder);
    made.map_err(|error| format!("making the folder {}: {error}; set TMPDIR to one that can be written to", folder.display()))
}

fn addresses(role: &Role, lacks: Option<Subject>) -> Vec<IpNet> {
    let all =
        [(Subject::Ping4, IpNet::new_assert(role.v4().into(), 24)), (Subject::Ping6, IpNet::new_assert(role.v6().into(), 64))];
    all.into_iter().filter(|(subject, _)| Some(*subject) != lacks).map(|(_, address)| address).collect()
}
