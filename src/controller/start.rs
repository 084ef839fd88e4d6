//! How a daemon finds things: what the store and the configuration want is held against the kernel, and brought about as far as
//! it can be. Nothing of it can fail the start.

use super::ports::plug;
use super::reconcile::{self, Step, Wanted, WantedKind};
use super::records::{ROOT, Records, port_key, switch_key};
use super::refusal::Attempt;
use super::registry::{Origin, PortEntry, SwitchEntry};
use super::wiring::Wire;
use super::{Controller, Event, Inner, Plugger, Refusal};
use crate::config::{self, Change, Config, PortSpec};
use crate::names::Name;
use crate::store::{Operation, Store, Txn};
use crate::url::PortUrl;
use lanloom_drivers::kernel::{Kernel, Netns};
use lanloom_switch_io::engine::{EngineConfig, EngineEvent, Engines};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::{OnceCell, broadcast};

/// Events that a slow listener may be behind.
const EVENTS: usize = 1024;

/// What a controller is made of.
pub struct Setup {
    /// The kernel.
    pub kernel: Arc<dyn Kernel>,
    /// The records.
    pub store: Arc<dyn Store>,
    /// Opens links.
    pub plugger: Arc<dyn Plugger>,
    /// Whether all that is made goes when the daemon stops.
    pub ephemeral: bool,
    /// Where the namespace of the veths' host ends is mounted; with none it goes with the daemon, and so do the veths.
    pub plumbing: Option<PathBuf>,
    /// What the configuration file says; empty if there is none.
    pub config: Config,
}

/// What a start or a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// A line for each change of the configuration that was made.
    pub changes: Vec<String>,
    /// A line for each thing that is not as it was wanted.
    pub notes: Vec<String>,
}

impl Controller {
    /// Starts engine threads, and finds everything again.
    ///
    /// # Errors
    /// If the process has no thread or descriptor left.
    pub async fn start(setup: Setup) -> io::Result<(Self, Started)> {
        let events = broadcast::Sender::new(EVENTS);
        let engines = Engines::start(engine_config(&setup.config, events.clone())?)?;
        let Setup { kernel, store, plugger, ephemeral, plumbing: plumbing_path, config } = setup;
        let inner = Inner {
            kernel,
            store,
            plugger,
            engines,
            switches: dashmap::DashMap::new(),
            writer: tokio::sync::Mutex::new(()),
            daemon: config.daemon.clone(),
            ephemeral,
            plumbing_path,
            plumbing: OnceCell::new(),
            events,
        };
        let controller = Self { inner: Arc::new(inner) };
        let found = controller.change(move |inner| async move { Ok(inner.find_again(&config).await) }).await;
        let started = found.unwrap_or_else(|refusal| Started { changes: vec![], notes: vec![refusal.to_string()] });
        started.notes.iter().for_each(|note| tracing::warn!("{note}"));
        Ok((controller, started))
    }
}

/// Engine events become ours on a thread that ends with the engines.
fn engine_config(config: &Config, events: broadcast::Sender<Event>) -> io::Result<EngineConfig> {
    let (sender, receiver) = mpsc::sync_channel::<EngineEvent>(EVENTS);
    let forward = move || {
        for event in receiver {
            // Nobody may be listening.
            let _ = events.send(super::EventKind::from(event).into());
        }
    };
    std::thread::Builder::new().name("events".into()).spawn(forward)?;
    let usual = EngineConfig::default();
    let threads = config.daemon.engines.map_or(usual.threads, |threads| threads as usize);
    let spin = config.daemon.spin_micros.map_or(usual.spin, |micros| Duration::from_micros(micros.into()));
    Ok(EngineConfig { threads, spin, events: Some(sender) })
}

impl Inner {
    async fn find_again(&self, config: &Config) -> Started {
        let mut started = Started::default();
        let records = match self.store.range(ROOT).await {
            Ok(range) => Records::read(&range.pairs),
            Err(error) => {
                started.notes.push(format!("nothing of what commands made could be found again: {error}"));
                Records::default()
            }
        };
        let left = records.unreadable.iter().map(|why| format!("a record was left as it is: {why}"));
        started.notes.extend(left);
        let started = self.find_switches(&records, config, started).await;
        let mut started = self.follow(config, started).await;
        self.find_ports(&records, &mut started).await;
        for (switch, set) in &records.fdb {
            if let Err(refusal) = self.add_fdb(switch, set.clone(), Origin::Command).await {
                started.notes.push(refusal.to_string());
            }
        }
        if let Err(refusal) = self.sweep().await {
            started.notes.push(refusal.to_string());
        }
        started
    }

    /// A switch that the file names now is the file's, whoever made it before.
    async fn find_switches(&self, records: &Records, config: &Config, mut started: Started) -> Started {
        for (name, record) in &records.switches {
            let attempt = Attempt::new("find switch again", name);
            if config.switches.iter().any(|switch| switch.name == *name) {
                let gone = Txn::of([Operation::Delete { key: switch_key(name) }]);
                let taken = self.commit(&attempt, gone).await;
                started.notes.push(format!("switch {name} was made by a command and is now the configuration file's"));
                started.notes.extend(taken.err().map(|refusal| refusal.to_string()));
                continue;
            }
            match self.start_switch(&attempt, name, &record.settings, Origin::Command) {
                Ok(entry) => drop(self.switches.insert(name.clone(), entry)),
                Err(refusal) => started.notes.push(refusal.to_string()),
            }
        }
        started
    }

    async fn find_ports(&self, records: &Records, started: &mut Started) {
        for (switch, name, record) in &records.ports {
            let attempt = Attempt::new("find port again", format!("{switch}/{name}"));
            let spec = PortSpec { name: name.clone(), url: record.url.clone(), settings: record.settings.clone() };
            let entry = match self.entry(&attempt, switch) {
                Ok(entry) => entry,
                Err(refusal) => {
                    started.notes.push(refusal.to_string());
                    continue;
                }
            };
            if entry.ports.contains_key(name) {
                let gone = Txn::of([Operation::Delete { key: port_key(switch, name) }]);
                started.notes.push(format!("port {switch}/{name} was made by a command and is now the configuration file's"));
                started.notes.extend(self.commit(&attempt, gone).await.err().map(|refusal| refusal.to_string()));
                continue;
            }
            self.find_port(&attempt, &entry, spec, Origin::Command, record.made, &mut started.notes).await;
        }
    }

    /// Brings a port about: adopted, made again, or waiting.
    async fn find_port(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: PortSpec,
        origin: Origin,
        made: bool,
        notes: &mut Vec<String>,
    ) {
        let wire = Wire { switch: &entry.name, port: &spec.name, url: &spec.url, mtu: spec.settings.mtu };
        let id = match self.try_port(attempt, entry, &spec, wire).await {
            Ok(id) => Ok(id),
            Err(why) => {
                notes.push(why.to_string());
                self.wait_for(attempt, entry, &spec, wire).await
            }
        };
        match id {
            Ok(id) => self.register(entry, PortEntry { id, origin, spec, made }),
            Err(refusal) => notes.push(refusal.to_string()),
        }
    }

    async fn try_port(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: &PortSpec,
        wire: Wire<'_>,
    ) -> Result<lanloom_switch_core::PortId, Refusal> {
        let (kind, peers) = match &spec.url {
            PortUrl::Tap(_) => (WantedKind::Tap, Vec::new()),
            PortUrl::Veth(_) => (WantedKind::Veth { peer: wire.peer() }, self.peers().await?),
            PortUrl::Iface(_) | PortUrl::Memory(_) => (WantedKind::Iface, Vec::new()),
        };
        let (switch, port) = (entry.name.clone(), spec.name.clone());
        let wanted = Wanted { switch, port, kind, found: self.look(&spec.url).await };
        match reconcile::plan(&[wanted], &peers).pop() {
            Some(Step::Adopt { .. }) => {
                let opened = self.open(attempt, wire).await?;
                plug(entry, spec, opened).map_err(|error| attempt.port(error))
            }
            Some(Step::Make { .. }) => {
                let wired = self.wire(attempt, wire).await?;
                let id = match plug(entry, spec, wired.plug) {
                    Ok(id) => id,
                    Err(error) => return Err(attempt.port(error).and(self.unwire(attempt, wire).await)),
                };
                if let Some(Err(error)) = wired.keep.map(|keep| keep.keep()) {
                    tracing::warn!(port = %spec.name, %error, "the TAP could not be made persistent");
                }
                Ok(id)
            }
            Some(Step::Wait { why, .. }) => Err(attempt.failed(why, "it is down until that interface is there")),
            Some(Step::DeleteStray { .. }) | None => Err(attempt.failed("nothing is to be done", "report it")),
        }
    }

    async fn wait_for(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: &PortSpec,
        wire: Wire<'_>,
    ) -> Result<lanloom_switch_core::PortId, Refusal> {
        let source = self.source(wire).await.map_err(|error| attempt.kernel(error))?;
        let (name, url, config) = (spec.name.as_str(), spec.url.to_string(), spec.settings.config(None));
        entry.handle.add_waiting_port(name, &url, source, config).map_err(|error| attempt.port(error))
    }

    /// The veth ends in the plumbing namespace.
    async fn peers(&self) -> Result<Vec<String>, Refusal> {
        let attempt = Attempt::new("look into", "the plumbing namespace");
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        let links = self.kernel.list_links(&plumbing).await.map_err(|error| attempt.kernel(error))?;
        let veths = links.into_iter().filter(|link| link.kind == lanloom_drivers::kernel::LinkKind::Veth);
        Ok(veths.map(|link| link.name).collect())
    }

    /// Deletes veths that no port has. Only if there is a plumbing namespace: it is not made for that.
    async fn sweep(&self) -> Result<(), Refusal> {
        let attempt = Attempt::new("clear", "the plumbing namespace");
        let Some(path) = &self.plumbing_path else { return Ok(()) };
        let there = self.kernel.netns_exists(&Netns::At(path.clone())).await.map_err(|error| attempt.kernel(error))?;
        if !there {
            return Ok(());
        }
        let wired = |entry: &Arc<SwitchEntry>| -> Vec<String> {
            let peer = |port: PortEntry| {
                let (switch, port, url) = (&entry.name, &port.spec.name, &port.spec.url);
                matches!(url, PortUrl::Veth(_)).then(|| Wire { switch, port, url, mtu: None }.peer())
            };
            entry.ports_in_order().into_iter().filter_map(peer).collect()
        };
        let owned: Vec<String> = self.entries().iter().flat_map(wired).collect();
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        for step in reconcile::strays(&owned, &self.peers().await?) {
            if let Step::DeleteStray { peer } = step {
                self.delete_link(&plumbing, &peer).await.map_err(|error| attempt.kernel(error))?;
                tracing::info!(peer, "a veth that no port has was deleted");
            }
        }
        Ok(())
    }

    pub(super) async fn reload(&self, config: &Config) -> Started {
        let mut started = self.follow(config, Started::default()).await;
        if self.daemon != config.daemon {
            started.notes.push("[daemon] differs from what runs; it takes effect when the daemon is started again".to_owned());
        }
        started.notes.iter().for_each(|note| tracing::warn!("{note}"));
        started
    }

    /// Brings what the file made to what it says. What hangs on a change that failed fails too, and is not told again.
    async fn follow(&self, config: &Config, mut started: Started) -> Started {
        let mut refused: BTreeSet<Name> = BTreeSet::new();
        for change in config::diff(&self.config(|origin| origin == Origin::Config), config) {
            let told = change.to_string();
            if change.switch_created_before().is_some_and(|switch| refused.contains(switch)) {
                continue;
            }
            let switch = change.creates().cloned();
            match self.follow_one(change, &mut started.notes).await {
                Ok(()) => started.changes.push(told),
                Err(refusal) => {
                    started.notes.push(refusal.to_string());
                    refused.extend(switch);
                }
            }
        }
        started
    }

    async fn follow_one(&self, change: Change, notes: &mut Vec<String>) -> Result<(), Refusal> {
        match change {
            Change::DeleteSwitch(switch) => self.delete_switch(&switch, Origin::Config).await,
            Change::DeletePort { switch, port } => self.delete_port(&switch, &port, Origin::Config).await,
            Change::DeleteFdb { switch, mac, vid } => self.delete_fdb(&switch, mac, vid, Origin::Config).await,
            Change::CreateSwitch { switch, settings } => self.create_switch(&switch, settings, Origin::Config).await,
            Change::SetSwitch { switch, settings } => self.set_switch(&switch, |old| *old = settings).await,
            Change::SetPort { switch, port, settings } => self.set_port(&switch, &port, |old| *old = settings).await,
            Change::AddFdb { switch, entry } => self.add_fdb(&switch, entry, Origin::Config).await,
            Change::AddPort { switch, port } => {
                let attempt = Attempt::new("add port", format!("{switch}/{}", port.name));
                let entry = self.entry(&attempt, &switch)?;
                if entry.ports.contains_key(&port.name) {
                    return Err(attempt.conflict("a command made a port of that name", "delete that one, or rename this one"));
                }
                self.free_interface(&attempt, &port.url)?;
                // The file says that it is ours, so an interface that is there already is one that an earlier start made.
                let made = !matches!(port.url, PortUrl::Iface(_));
                self.find_port(&attempt, &entry, port, Origin::Config, made, notes).await;
                Ok(())
            }
        }
    }
}
