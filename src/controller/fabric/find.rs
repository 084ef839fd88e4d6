//! How a daemon finds things: what the store and the configuration want is held against the kernel, and brought about as far as
//! it can be. Nothing of it can fail the start.

use super::Inner;
use super::adopt::Adopted;
use super::finding::{Finding, attempt_of};
use super::records::{ROOT, Records, fdb_key, origin, port_key, switch_key};
use super::refusal::Attempt;
use super::registry::{Origin, PortEntry, SwitchEntry};
use super::start::Started;
use super::wiring::Wire;
use crate::config::{Config, PortSpec};
use crate::names::Name;
use crate::store::{Operation, Txn};
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::{JoinSet, spawn_blocking};

/// Ports of networks that are found side by side. The kernel does much of it one by one, so that more would only wait.
const SIDE_BY_SIDE: usize = 8;

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
            all.push(Finding {
                entry,
                spec,
                origin: origin(record.network),
                made,
                order: record.order,
                segment: record.segment,
            });
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
                let done = entry.handle.set_port(port.id, port.config());
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
            let wire = Wire { switch, port, url: &record.url, origin: origin(record.network), mtu: None, record: None };
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
            let (key, mac) = (fdb_key(switch, &set.key()), set.mac);
            let entry = self.switches.get(switch).map(|entry| Arc::clone(entry.value()));
            let is_of_file = |entry: &Arc<SwitchEntry>| entry.fdb.get(&set.key()).is_some_and(|old| old.1 == Origin::Config);
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
}
