//! How a daemon finds things: what the store and the configuration want is held against the kernel, and brought about as far as
//! it can be. Nothing of it can fail the start.

use super::ports::plug;
use super::reconcile::{self, Found, Step, Wanted, WantedKind};
use super::records::{MadeRecord, ROOT, Records, fdb_key, port_key, switch_key};
use super::refusal::Attempt;
use super::registry::{EVENTS, Origin, PortEntry, SwitchEntry};
use super::wiring::{Wire, place};
use super::{Controller, Event, Inner, Plugger, Refusal};
use crate::config::{self, Change, Config, PortSpec};
use crate::names::Name;
use crate::store::{Operation, Store, Txn};
use crate::url::PortUrl;
use dashmap::DashMap;
use lanloom_drivers::kernel::{Kernel, LinkInfo, LinkKind, Netns};
use lanloom_switch_core::PortId;
use lanloom_switch_io::engine::{EngineConfig, EngineEvent, Engines, EventKind as EngineEventKind};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::broadcast;

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
    /// What the configuration file says, if there is one. What an earlier start made for the file is deleted when the file no
    /// longer wants it, but not when there is no file.
    pub config: Option<Config>,
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
        let Setup { kernel, store, plugger, ephemeral, plumbing: plumbing_path, config: file } = setup;
        let config = file.clone().unwrap_or_default();
        let (events, switches) = (broadcast::Sender::new(EVENTS), Arc::new(DashMap::new()));
        let engines = Engines::start(engine_config(&config, events.clone(), &switches)?)?;
        engines.lacks().iter().for_each(|lack| tracing::warn!("ports will not hear of {lack}"));
        let inner = Inner {
            kernel,
            store,
            plugger,
            engines,
            switches,
            writer: tokio::sync::Mutex::new(()),
            daemon: config.daemon.clone(),
            ephemeral,
            plumbing_path,
            plumbing: tokio::sync::Mutex::new(None),
            last_order: AtomicU64::new(0),
            events,
        };
        let controller = Self { inner: Arc::new(inner) };
        let found = controller.change(move |inner| async move { Ok(inner.find_again(file.as_ref()).await) }).await;
        let started = found.unwrap_or_else(|refusal| Started { changes: vec![], notes: vec![refusal.to_string()] });
        started.notes.iter().for_each(|note| tracing::warn!("{note}"));
        Ok((controller, started))
    }
}

/// Engine events become ours on a thread that ends with the engines.
fn engine_config(
    config: &Config,
    events: broadcast::Sender<Event>,
    switches: &Arc<DashMap<Name, Arc<SwitchEntry>>>,
) -> io::Result<EngineConfig> {
    let (sender, receiver) = mpsc::sync_channel::<EngineEvent>(EVENTS);
    // The switches hold the engines, and these this thread.
    let switches = Arc::downgrade(switches);
    let is_told = move |event: &EngineEvent| match &event.kind {
        EngineEventKind::PortDown { port, .. } => {
            let entry = || switches.upgrade()?.get(&event.switch.parse::<Name>().ok()?).map(|entry| Arc::clone(&entry));
            entry().is_some_and(|entry| entry.stays(port))
        }
        EngineEventKind::PortUp { .. } | EngineEventKind::AddressMoved { .. } | EngineEventKind::Storm { .. } => true,
    };
    let forward = move || {
        for event in receiver.into_iter().filter(is_told) {
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

/// What to do about a port that waits.
const WAITING: &str = "it is down until that interface is there: see to it, or delete the port";

/// A port to be found again.
struct Finding<'a> {
    entry: &'a SwitchEntry,
    spec: PortSpec,
    origin: Origin,
    /// Whether what is there under its interface's name, if it can be plugged in, is what we made for it.
    made: bool,
    order: u64,
}

/// Whether what is recorded on a switch can never be again: the file had it and has it no more.
fn is_orphan(records: &Records, switch: &Name, has_file: bool) -> bool {
    has_file && !records.has_switch(switch)
}

/// Whether there is still to be a port for an interface that we made. Without a file, what was made for one may be again.
fn is_wanted(records: &Records, file: Option<&Config>, (switch, port): (&Name, &Name), record: &MadeRecord) -> bool {
    let in_file = file.and_then(|file| file.switches.iter().find(|other| other.name == *switch));
    let of_file = in_file.and_then(|switch| switch.ports.iter().find(|other| other.name == *port));
    if let Some(spec) = of_file {
        return spec.url.scheme() == record.url.scheme() && place(&spec.url) == place(&record.url);
    }
    if record.file {
        return file.is_none();
    }
    records.has_port(switch, port) && (in_file.is_some() || !is_orphan(records, switch, file.is_some()))
}

impl Inner {
    async fn find_again(&self, file: Option<&Config>) -> Started {
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
        let last = records.ports.iter().map(|(_, _, record)| record.order).max();
        self.last_order.store(last.unwrap_or(0), Ordering::Relaxed);
        self.sweep(&records, file, &mut started.notes).await;
        let config = file.cloned().unwrap_or_default();
        let started = self.find_switches(&records, &config, started).await;
        let mut started = self.follow(&config, started).await;
        self.find_ports(&records, file.is_some(), &mut started.notes).await;
        self.find_fdb(&records, file.is_some(), &mut started.notes).await;
        started
    }

    /// A switch that the file names now is the file's, whoever made it before.
    async fn find_switches(&self, records: &Records, config: &Config, mut started: Started) -> Started {
        for (name, record) in &records.switches {
            let attempt = Attempt::new("find switch again", name);
            if config.switches.iter().any(|switch| switch.name == *name) {
                let told = format!("switch {name} was made by a command and is now the configuration file's");
                self.drop_record(&attempt, switch_key(name), told, &mut started.notes).await;
                continue;
            }
            match self.start_switch(&attempt, name, &record.settings, Origin::Command) {
                Ok(entry) => drop(self.switches.insert(name.clone(), entry)),
                Err(refusal) => started.notes.push(refusal.to_string()),
            }
        }
        started
    }

    async fn find_ports(&self, records: &Records, has_file: bool, notes: &mut Vec<String>) {
        for (switch, name, record) in &records.ports {
            let attempt = Attempt::new("find port again", format!("{switch}/{name} ({})", record.url));
            let Some(entry) = self.switches.get(switch).map(|entry| Arc::clone(entry.value())) else {
                self.without_switch(&attempt, is_orphan(records, switch, has_file), (switch, name), notes).await;
                continue;
            };
            if entry.ports.contains_key(name) {
                let told = format!("port {switch}/{name} was made by a command and is now the configuration file's");
                self.drop_record(&attempt, port_key(switch, name), told, notes).await;
                continue;
            }
            let is_noted = records.has_made(switch, name);
            let spec = PortSpec { name: name.clone(), url: record.url.clone(), settings: record.settings.clone() };
            let (made, order) = (record.made || is_noted, record.order);
            self.find_port(&attempt, Finding { entry: &entry, spec, origin: Origin::Command, made, order }, notes).await;
            let wire = Wire { switch, port: name, url: &record.url, origin: Origin::Command, mtu: None };
            if record.made
                && !is_noted
                && let Err(refusal) = self.claim(&attempt, wire).await
            {
                notes.push(refusal.to_string());
            }
        }
    }

    /// A command's port on a switch of the file's goes when the switch is in the file no more, as by a reload.
    async fn without_switch(
        &self,
        attempt: &Attempt,
        is_orphan: bool,
        (switch, port): (&Name, &Name),
        notes: &mut Vec<String>,
    ) {
        if is_orphan {
            let told = format!("port {switch}/{port} is gone: its switch is not in the configuration file any more");
            return self.drop_record(attempt, port_key(switch, port), told, notes).await;
        }
        let hint = "start the daemon with the --config file that it had, or forget all with `lanloom system reset`";
        notes.push(attempt.not_found(format!("there is no switch {switch}"), hint).to_string());
    }

    async fn find_fdb(&self, records: &Records, has_file: bool, notes: &mut Vec<String>) {
        for (switch, set) in &records.fdb {
            let attempt = Attempt::new("find fdb entry again", format!("{switch} {}", set.mac));
            let (key, mac) = (fdb_key(switch, set.mac), set.mac);
            let entry = self.switches.get(switch).map(|entry| Arc::clone(entry.value()));
            let is_of_file = |entry: &Arc<SwitchEntry>| entry.fdb.get(&mac).is_some_and(|old| old.1 == Origin::Config);
            let has_port = |entry: &Arc<SwitchEntry>| entry.ports.contains_key(&set.port);
            if entry.as_ref().is_some_and(is_of_file) {
                let told = format!("address {mac} on {switch} was set by a command and is now the configuration file's");
                self.drop_record(&attempt, key, told, notes).await;
            } else if is_orphan(records, switch, has_file)
                && !records.has_port(switch, &set.port)
                && !entry.as_ref().is_some_and(has_port)
            {
                let told =
                    format!("address {mac} on {switch} is gone: port {} is not in the configuration file any more", set.port);
                self.drop_record(&attempt, key, told, notes).await;
            } else if let Err(refusal) = self.add_fdb(switch, set.clone(), Origin::Command).await {
                notes.push(refusal.to_string());
            }
        }
    }

    /// Forgets what is not so any more.
    async fn drop_record(&self, attempt: &Attempt, key: String, told: String, notes: &mut Vec<String>) {
        notes.push(told);
        let gone = self.commit(attempt, Txn::of([Operation::Delete { key }])).await;
        notes.extend(gone.err().map(|refusal| refusal.to_string()));
    }

    /// Brings a port about: adopted, made again, or waiting.
    async fn find_port(&self, attempt: &Attempt, found: Finding<'_>, notes: &mut Vec<String>) {
        let Finding { entry, spec, origin, made, order } = found;
        let wire = Wire { switch: &entry.name, port: &spec.name, url: &spec.url, origin, mtu: spec.settings.mtu };
        let plugged = match self.try_port(attempt, entry, &spec, wire).await {
            Ok((id, is_new, number)) => Ok((id, made || is_new, number)),
            Err(why) => {
                notes.push(why.to_string());
                // Whose it is that it waits for is not known: it is not ours to delete.
                self.wait_for(attempt, entry, &spec, wire).await.map(|id| (id, false, None))
            }
        };
        match plugged {
            Ok((id, made, number)) => {
                if origin == Origin::Config
                    && made
                    && let Err(refusal) = self.claim(attempt, wire).await
                {
                    notes.push(refusal.to_string());
                }
                self.register(entry, PortEntry { id, origin, spec, made, number, order, leaving: false });
            }
            Err(refusal) => notes.push(refusal.to_string()),
        }
    }

    /// Plugs in what is there, or makes it. Answers the port, whether it was made, and the interface's number.
    async fn try_port(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: &PortSpec,
        wire: Wire<'_>,
    ) -> Result<(PortId, bool, Option<u32>), Refusal> {
        let (kind, peers) = match &spec.url {
            PortUrl::Tap(_) => (WantedKind::Tap, Vec::new()),
            PortUrl::Veth(_) => (WantedKind::Veth { peer: wire.peer() }, self.peers().await?),
            PortUrl::Iface(_) | PortUrl::Memory(_) => (WantedKind::Iface, Vec::new()),
        };
        let (switch, port) = (entry.name.clone(), spec.name.clone());
        let (found, number) = self.look(&spec.url).await;
        let names: Vec<String> = peers.iter().map(|link| link.name.clone()).collect();
        match reconcile::plan(&[Wanted { switch, port, kind, found }], &names).pop() {
            Some(Step::Adopt { .. }) => {
                let opened = self.open(attempt, wire).await?;
                // The guest's end of a veth may have been moved away, and another interface been given its name.
                let is_ours = |number: &u32| match &spec.url {
                    PortUrl::Veth(_) => peers.iter().any(|end| end.name == wire.peer() && end.pair == Some(*number)),
                    PortUrl::Tap(_) | PortUrl::Iface(_) | PortUrl::Memory(_) => true,
                };
                let number = number.filter(is_ours);
                Ok((plug(entry, spec, opened).map_err(|error| attempt.port(error))?, false, number))
            }
            Some(Step::Make { .. }) => {
                let wired = self.wire(attempt, wire).await?;
                let id = match plug(entry, spec, wired.plug) {
                    Ok(id) => id,
                    Err(error) => return Err(attempt.port(error).and(self.unwire(attempt, wire, wired.number).await)),
                };
                if let Some(Err(error)) = wired.keep.map(|keep| keep.keep()) {
                    tracing::warn!(port = %spec.name, %error, "the TAP could not be made persistent");
                }
                Ok((id, wired.made, wired.number))
            }
            Some(Step::Wait { why, .. }) => Err(attempt.failed(why, WAITING)),
            None => Err(attempt.failed("nothing is to be done", "report it")),
        }
    }

    async fn wait_for(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: &PortSpec,
        wire: Wire<'_>,
    ) -> Result<PortId, Refusal> {
        entry.comes(&spec.name);
        let source = self.source(wire).await.map_err(|error| attempt.kernel(error))?;
        let (name, url, config) = (spec.name.as_str(), spec.url.to_string(), spec.settings.config(None));
        entry.handle.add_waiting_port(name, &url, source, config).map_err(|error| attempt.port(error))
    }

    /// The veth ends in the plumbing namespace.
    pub(super) async fn peers(&self) -> Result<Vec<LinkInfo>, Refusal> {
        let attempt = Attempt::new("look into", "the plumbing namespace");
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        let links = self.kernel.list_links(&plumbing).await.map_err(|error| attempt.kernel(error))?;
        Ok(links.into_iter().filter(|link| link.kind == LinkKind::Veth).collect())
    }

    /// Deletes the interfaces that an earlier start made for ports that are wanted no more: a crash left them, or they were taken
    /// out of the file. Only what has a record that says so is certainly ours.
    async fn sweep(&self, records: &Records, file: Option<&Config>, notes: &mut Vec<String>) {
        for (switch, port, record) in &records.made {
            if is_wanted(records, file, (switch, port), record) {
                continue;
            }
            match self.remove_made(switch, port, record).await {
                Ok(()) => tracing::info!(url = %record.url, %switch, %port, "what was made for a port that is no more is gone"),
                Err(refusal) => notes.push(refusal.to_string()),
            }
        }
    }

    /// Deletes an interface that was made for a port that is not there, unless it is somebody else's by now, and its record.
    pub(super) async fn remove_made(&self, switch: &Name, port: &Name, record: &MadeRecord) -> Result<(), Refusal> {
        let attempt = Attempt::new("remove the interface of", format!("{switch}/{port} ({})", record.url));
        let origin = if record.file { Origin::Config } else { Origin::Command };
        let wire = Wire { switch, port, url: &record.url, origin, mtu: None };
        let is_used = self.free_interface(&attempt, &record.url).is_err();
        match (&record.url, self.look(&record.url).await) {
            (PortUrl::Tap(_), _) if is_used => {}
            (PortUrl::Tap(_), (Found::Tap { attached: true }, _)) => {
                let hint = "stop that process, or delete the interface with `ip link delete`";
                return Err(attempt.conflict("another process has it open", hint));
            }
            (PortUrl::Tap(_), (Found::Unknown(why), _)) => return Err(attempt.failed(why, "start the daemon again")),
            (PortUrl::Tap(_), (_, number)) => self.unwire(&attempt, wire, number).await?,
            (PortUrl::Veth(_), _) if self.has_plumbing(&attempt).await? => self.unwire(&attempt, wire, None).await?,
            (PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Memory(_), _) => {}
        }
        self.disclaim(&attempt, wire).await
    }

    /// Whether there is a plumbing namespace: it is not made to look into it.
    async fn has_plumbing(&self, attempt: &Attempt) -> Result<bool, Refusal> {
        let Some(path) = &self.plumbing_path else { return Ok(false) };
        self.kernel.netns_exists(&Netns::At(path.clone())).await.map_err(|error| attempt.kernel(error))
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
                let attempt = Attempt::new("add port", format!("{switch}/{} ({})", port.name, port.url));
                let entry = self.entry(&attempt, &switch)?;
                if entry.ports.contains_key(&port.name) {
                    return Err(attempt.conflict("a command made a port of that name", "delete that one, or rename this one"));
                }
                self.free_interface(&attempt, &port.url)?;
                // The file says that it is ours, so an interface that is there already is one that an earlier start made.
                let made = !matches!(port.url, PortUrl::Iface(_));
                let order = self.next_order();
                let found = Finding { entry: &entry, spec: port, origin: Origin::Config, made, order };
                self.find_port(&attempt, found, notes).await;
                Ok(())
            }
        }
    }
}
