//! How a daemon finds things: what the store and the configuration want is held against the kernel, and brought about as far as
//! it can be. Nothing of it can fail the start.

use super::adopt::Adopted;
use super::ports::plug_as;
use super::reconcile::{self, Step, Wanted, WantedKind};
use super::records::{ROOT, Records, fdb_key, origin, port_key, switch_key};
use super::refusal::Attempt;
use super::registry::{Origin, PortEntry, SwitchEntry};
use super::start::Started;
use super::wiring::{Wire, kernel_name};
use super::{Inner, Refusal};
use crate::config::{Config, PortSpec};
use crate::names::Name;
use crate::store::{Operation, Txn};
use crate::url::PortUrl;
use lanloom_drivers::kernel::{LinkInfo, LinkKind, Why};
use lanloom_switch_core::{Guard, PortConfig, PortId};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::{JoinSet, spawn_blocking};

/// What to do about a port that waits.
const WAITING: &str = "it is down until that interface is there: see to it, or delete the port";

/// A port to be found again.
pub(super) struct Finding {
    pub(super) entry: Arc<SwitchEntry>,
    pub(super) spec: PortSpec,
    pub(super) origin: Origin,
    /// Whether what is there under its interface's name, if it can be plugged in, is what we made for it.
    pub(super) made: bool,
    pub(super) order: u64,
}

impl Finding {
    /// What is to be wired.
    fn attempt(&self) -> Attempt {
        attempt_of(&self.entry.name, &self.spec.name, &self.spec.url)
    }

    pub(super) fn wire(&self) -> Wire<'_> {
        let Self { entry, spec, origin, .. } = self;
        Wire { switch: &entry.name, port: &spec.name, url: &spec.url, origin: *origin, mtu: spec.settings.mtu }
    }
}

/// Why a port was not plugged in, and the number of its own interface if that is there all the same.
struct Unplugged {
    why: Refusal,
    there: Option<u32>,
}

impl From<Refusal> for Unplugged {
    fn from(why: Refusal) -> Self {
        Self { why, there: None }
    }
}

fn attempt_of(switch: &Name, port: &Name, url: &PortUrl) -> Attempt {
    Attempt::new("find port again", format!("{switch}/{port} ({url})"))
}

/// Ports of networks that are found side by side. The kernel does much of it one by one, so that more would only wait.
const SIDE_BY_SIDE: usize = 8;

/// The settings of a port of a network until all ports of its switch are found: it carries nothing, for whoever is behind it could
/// speak for those that the switch does not know yet.
pub(super) fn held(wire: Wire<'_>, spec: &PortSpec, guard: Option<Arc<Guard>>) -> PortConfig {
    let config = spec.settings.config(None);
    PortConfig { up: config.up && wire.origin != Origin::Network, guard, ..config }
}

/// Whether what is recorded on a switch can never be again: the file had it and has it no more.
pub(super) fn is_orphan(records: &Records, switch: &Name, has_file: bool) -> bool {
    has_file && !records.has_switch(switch)
}

impl Inner {
    pub(super) async fn find_again(self: Arc<Self>, file: Option<&Config>) -> Started {
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
            if !record.network && config.switches.iter().any(|switch| switch.name == *name) {
                let told = format!("switch {name} was made by a command and is now the configuration file's");
                self.drop_record(&attempt, switch_key(name), told, &mut started.notes).await;
                continue;
            }
            match self.start_switch(&attempt, name, &record.settings, origin(record.network)) {
                Ok(entry) => drop(self.switches.insert(name.clone(), entry)),
                Err(refusal) => started.notes.push(refusal.to_string()),
            }
        }
        started
    }

    /// TAPs that are as they were left come first, so that what they carry goes on soon; then all others, some of networks at a time.
    /// Those of networks carry nothing before all are found.
    async fn find_ports(self: &Arc<Self>, records: &Records, has_file: bool, notes: &mut Vec<String>) {
        let mut all = Vec::new();
        for (switch, name, record) in &records.ports {
            let attempt = attempt_of(switch, name, &record.url);
            let Some(entry) = self.switches.get(switch).map(|entry| Arc::clone(entry.value())) else {
                self.without_switch(&attempt, is_orphan(records, switch, has_file), (switch, name), notes).await;
                continue;
            };
            if entry.ports.contains_key(name) {
                let told = format!("port {switch}/{name} was made by a command and is now the configuration file's");
                self.drop_record(&attempt, port_key(switch, name), told, notes).await;
                continue;
            }
            let made = record.made || records.has_made(switch, name, &record.url);
            let spec = PortSpec { name: name.clone(), url: record.url.clone(), settings: record.settings.clone() };
            all.push(Finding { entry, spec, origin: origin(record.network), made, order: record.order });
        }
        let inner = Arc::clone(self);
        let adopt = move || inner.adopt_taps(&all).into_iter().zip(all).collect::<Vec<_>>();
        // A panic in there is one here.
        let all = spawn_blocking(adopt).await.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        let (many, few): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, found)| found.origin == Origin::Network);
        for (adopted, found) in few {
            notes.extend(self.find_port(&found.attempt(), found, adopted).await);
        }
        notes.extend(self.find_side_by_side(many).await);
        self.let_go(notes);
        self.claim_all(records, notes).await;
    }

    /// Answers what is to be said of each, in their order.
    async fn find_side_by_side(self: &Arc<Self>, many: Vec<(Option<Adopted>, Finding)>) -> Vec<String> {
        let (mut left, mut under_way, mut said) = (many.into_iter().enumerate(), JoinSet::new(), BTreeMap::new());
        loop {
            for (at, (adopted, found)) in left.by_ref().take(SIDE_BY_SIDE - under_way.len()) {
                let inner = Arc::clone(self);
                under_way.spawn(async move { (at, inner.find_port(&found.attempt(), found, adopted).await) });
            }
            match under_way.join_next().await {
                Some(Ok((at, notes))) => drop(said.insert(at, notes)),
                Some(Err(error)) => resume_unwind(error.into_panic()),
                None => return said.into_values().flatten().collect(),
            }
        }
    }

    /// Ports of networks carry frames from now on: each switch knows by now what all of them are held to. One of which that is not
    /// known goes on carrying nothing.
    fn let_go(&self, notes: &mut Vec<String>) {
        for entry in self.entries() {
            let is_known = |port: &PortEntry| self.guards.contains_key(&(entry.name.clone(), port.spec.name.clone()));
            let ports = entry.ports_in_order().into_iter();
            for port in ports.filter(|port| port.origin == Origin::Network && is_known(port)) {
                let attempt = attempt_of(&entry.name, &port.spec.name, &port.spec.url);
                let done = entry.handle.set_port(port.id, port.spec.settings.config(None));
                notes.extend(done.err().map(|error| attempt.port(error).to_string()));
            }
        }
    }

    /// Of what schema 1 says that we made it, a record of its own is written.
    async fn claim_all(&self, records: &Records, notes: &mut Vec<String>) {
        let unclaimed = records.ports.iter().filter(|(_, _, record)| record.made);
        for (switch, port, record) in unclaimed.filter(|(switch, port, record)| !records.has_made(switch, port, &record.url)) {
            if self.switches.get(switch).is_none_or(|entry| entry.port(port).is_none_or(|port| port.origin == Origin::Config)) {
                continue;
            }
            let wire = Wire { switch, port, url: &record.url, origin: origin(record.network), mtu: None };
            let claimed = self.claim(&attempt_of(switch, port, &record.url), wire).await;
            notes.extend(claimed.err().map(|refusal| refusal.to_string()));
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

    /// Brings a port about that may be adopted already: adopted, made again, or waiting. Answers what is to be said of it.
    pub(super) async fn find_port(&self, attempt: &Attempt, found: Finding, adopted: Option<Adopted>) -> Vec<String> {
        let (wire, mut notes) = (found.wire(), Vec::new());
        let Finding { entry, spec, origin, made, order } = &found;
        let (origin, made) = (*origin, *made);
        let tried = match adopted {
            Some((id, number)) => Ok((id, false, Some(number))),
            None => self.try_port(attempt, entry, spec, wire).await,
        };
        let plugged = match tried {
            Ok((id, is_new, number)) => Ok((id, made || is_new, number)),
            Err(Unplugged { why, there }) => {
                notes.push(why.to_string());
                // What it waits for is ours if it is there already and only could not be opened, or if its end in our namespace
                // says so; otherwise whose it will be is not known, and it is not ours to delete.
                let made = made && (there.is_some() || matches!(spec.url, PortUrl::Veth(_)));
                self.wait_for(attempt, entry, spec, wire).await.map(|id| (id, made, there))
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
                let (spec, order) = (spec.clone(), *order);
                self.register(entry, PortEntry { id, origin, spec, made, number, order, leaving: false });
            }
            Err(refusal) => notes.push(refusal.to_string()),
        }
        notes
    }

    /// Plugs in what is there, or makes it. Answers the port, whether it was made, and the interface's number.
    async fn try_port(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: &PortSpec,
        wire: Wire<'_>,
    ) -> Result<(PortId, bool, Option<u32>), Unplugged> {
        let (kind, end) = match &spec.url {
            PortUrl::Tap(_) => (WantedKind::Tap, None),
            PortUrl::Veth(_) => {
                self.clear_end(attempt, wire).await?;
                (WantedKind::Veth { peer: wire.peer() }, self.peer(wire).await?)
            }
            PortUrl::Iface(_) | PortUrl::Memory(_) => (WantedKind::Iface, None),
        };
        let (switch, port) = (entry.name.clone(), spec.name.clone());
        let (found, number) = self.look(&spec.url).await;
        let names: Vec<String> = end.iter().map(|end| end.name.clone()).collect();
        match reconcile::plan(&[Wanted { switch, port, kind, found }], &names).pop() {
            Some(Step::Adopt { .. }) => {
                // The guest's end of a veth may have been moved away, and another interface been given its name.
                let is_ours = |number: &u32| match &spec.url {
                    PortUrl::Veth(_) => end.as_ref().is_some_and(|end| end.pair == Some(*number)),
                    PortUrl::Tap(_) | PortUrl::Iface(_) | PortUrl::Memory(_) => true,
                };
                let there = number.filter(is_ours);
                let opened = self.open(attempt, wire).await.map_err(|why| Unplugged { why, there })?;
                let id = plug_as(entry, spec, opened, held(wire, spec, self.guard(wire)))
                    .map_err(|error| Unplugged { why: attempt.port(error), there })?;
                Ok((id, false, there))
            }
            Some(Step::Make { .. }) => {
                let wired = self.wire(attempt, wire).await?;
                let id = match plug_as(entry, spec, wired.plug, held(wire, spec, self.guard(wire))) {
                    Ok(id) => id,
                    Err(error) => return Err(attempt.port(error).and(self.unwire(attempt, wire, wired.number).await).into()),
                };
                if let Some(Err(error)) = wired.keep.map(|keep| keep.keep()) {
                    tracing::warn!(port = %spec.name, %error, "the TAP could not be made persistent");
                }
                Ok((id, wired.made, wired.number))
            }
            Some(Step::Wait { why, .. }) => Err(attempt.failed(why, WAITING).into()),
            None => Err(attempt.failed("nothing is to be done", "report it").into()),
        }
    }

    /// Our end of a veth whose other end went with its namespace goes too, before it is taken for one that is there.
    async fn clear_end(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<(), Refusal> {
        if !self.remade.contains(&self.netns(wire.url).path()) {
            return Ok(());
        }
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        self.delete_link(&plumbing, &wire.peer()).await.map_err(|error| attempt.kernel(error))
    }

    async fn wait_for(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        spec: &PortSpec,
        wire: Wire<'_>,
    ) -> Result<PortId, Refusal> {
        let source = self.source(wire).await.map_err(|error| attempt.kernel(error))?;
        let (name, url, config) = (spec.name.as_str(), spec.url.to_string(), held(wire, spec, self.guard(wire)));
        entry.comes(&spec.name);
        let waits = entry.handle.add_waiting_port(name, &url, source, config);
        waits.inspect_err(|_| entry.coming.give_up(&spec.name)).map_err(|error| attempt.port(error))
    }

    pub(super) fn guard(&self, wire: Wire<'_>) -> Option<Arc<Guard>> {
        self.guards.get(&(wire.switch.clone(), wire.port.clone())).cloned()
    }

    /// Our end of a port's veth, if it is there.
    pub(super) async fn peer(&self, wire: Wire<'_>) -> Result<Option<LinkInfo>, Refusal> {
        let attempt = Attempt::new("look into", "the plumbing namespace");
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        let name = kernel_name(&wire.peer()).map_err(|error| attempt.kernel(error))?;
        match self.kernel.link(&plumbing, &name).await {
            Ok(link) => Ok(Some(link).filter(|link| link.kind == LinkKind::Veth)),
            Err(error) if *error.why() == Why::NoSuchLink => Ok(None),
            Err(error) => Err(attempt.kernel(error)),
        }
    }
}
