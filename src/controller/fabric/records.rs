//! What of switches and ports is in the store, and under which keys.

use super::registry::{Origin, PortEntry};
use crate::config::{FdbKey, FdbSpec, PortSettings, PortSpec, SwitchSettings};
use crate::names::Name;
use crate::store::{self, Operation, RecordError, Store, StoreError};
use crate::url::PortUrl;
use lanloom_switch_core::MacAddr;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// Under which everything of ours stands.
pub(super) const ROOT: &str = "/lanloom/";
pub(super) const SWITCHES: &str = "/lanloom/switches/";
pub(super) const PORTS: &str = "/lanloom/ports/";
pub(super) const FDB: &str = "/lanloom/fdb/";
const MADE: &str = "/lanloom/made/";
/// What stands there beside switches and ports, and is read by others.
const OTHERS: [&str; 4] = ["/lanloom/networks/", "/lanloom/endpoints/", "/lanloom/sandboxes/", "/lanloom/host/"];

/// The schema of all values.
///
/// 4: ports may be tunnels and in segments, and addresses behind other ends. 3: a switch or port may be a network's. 2: interfaces that we made have records of their own, and ports an order; in 1 a port's
/// record said whether we made its interface.
const SCHEMA: u32 = 4;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SwitchRecord {
    pub(super) settings: SwitchSettings,
    /// Whether a network made it, and no command.
    #[serde(default)]
    pub(super) network: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PortRecord {
    pub(super) url: PortUrl,
    pub(super) settings: PortSettings,
    /// Its place in the order in which ports were made.
    #[serde(default)]
    pub(super) order: u64,
    /// Whether a network made it, and no command.
    #[serde(default)]
    pub(super) network: bool,
    /// Which of its switch's tunnels takes its floods, or which it is.
    #[serde(default)]
    pub(super) segment: u16,
    /// In schema 1, whether we made the interface.
    #[serde(default, skip_serializing)]
    pub(super) made: bool,
}

/// An interface that we made, or were about to: written before it is made and deleted after it is gone, so that one that a crash
/// or a change of the file left without its port is known as ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MadeRecord {
    pub(super) url: PortUrl,
    /// Whether the configuration file wanted it.
    pub(super) file: bool,
}

impl MadeRecord {
    /// Whether it is about the interface that a URL means, and not another that the port had before.
    pub(super) fn is_of(&self, url: &PortUrl) -> bool {
        self.url.scheme() == url.scheme() && self.url.place() == url.place()
    }
}

pub(super) fn switch_key(switch: &Name) -> String {
    format!("{SWITCHES}{switch}")
}

pub(super) fn port_key(switch: &Name, port: &Name) -> String {
    format!("{PORTS}{switch}/{port}")
}

pub(super) fn made_key(switch: &Name, port: &Name) -> String {
    format!("{MADE}{switch}/{port}")
}

pub(super) fn fdb_key(switch: &Name, key: &FdbKey) -> String {
    match key {
        FdbKey::Station(mac) => format!("{FDB}{switch}/0/{mac}"),
        FdbKey::Flood(port, dst) => format!("{FDB}{switch}/0/{}/{port}/{dst}", MacAddr::ZERO),
    }
}

pub(super) fn put_switch(switch: &Name, settings: &SwitchSettings, origin: Origin) -> Result<Operation, RecordError> {
    put(switch_key(switch), &SwitchRecord { settings: settings.clone(), network: origin == Origin::Network })
}

pub(super) fn put_port(
    switch: &Name,
    port: &PortSpec,
    (order, segment): (u64, u16),
    origin: Origin,
    made: bool,
) -> Result<Operation, RecordError> {
    let (url, settings, network) = (port.url.clone(), port.settings.clone(), origin == Origin::Network);
    put(port_key(switch, &port.name), &PortRecord { url, settings, order, network, segment, made })
}

impl PortEntry {
    /// What records it.
    pub(super) fn put(&self, switch: &Name) -> Result<Operation, RecordError> {
        put_port(switch, &self.spec, (self.order, self.segment), self.origin, self.made)
    }
}

pub(super) fn put_made(switch: &Name, port: &Name, url: &PortUrl, file: bool) -> Result<Operation, RecordError> {
    put(made_key(switch, port), &MadeRecord { url: url.clone(), file })
}

pub(super) fn put_fdb(switch: &Name, entry: &FdbSpec) -> Result<Operation, RecordError> {
    put(fdb_key(switch, &entry.key()), entry)
}

/// What forgets a port whose namespace is gone. A TAP went with that, and its name there may be another's by now; our end of a veth
/// is still ours, so that its record stays until it is looked for.
pub(in crate::controller) async fn forgetting(
    store: &dyn Store,
    switch: &Name,
    port: &Name,
) -> Result<Vec<Operation>, StoreError> {
    let (port_key, made_key) = (port_key(switch, port), made_key(switch, port));
    let pairs = store.range(&made_key).await?.pairs.into_iter().filter(|pair| pair.key == made_key).collect::<Vec<_>>();
    let is_veth = Records::read(&pairs).made.iter().any(|(_, _, record)| matches!(record.url, PortUrl::Veth(_)));
    let made = (!is_veth).then_some(Operation::Delete { key: made_key });
    Ok(made.into_iter().chain([Operation::Delete { key: port_key }]).collect())
}

fn put(key: String, value: &impl Serialize) -> Result<Operation, RecordError> {
    Ok(Operation::Put { key, value: store::encode(SCHEMA, value)? })
}

/// Who made what a record is about.
pub(super) const fn origin(network: bool) -> Origin {
    if network { Origin::Network } else { Origin::Command }
}

/// All that is in the store, and what of it could not be read.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) switches: Vec<(Name, SwitchRecord)>,
    pub(super) ports: Vec<(Name, Name, PortRecord)>,
    pub(super) fdb: Vec<(Name, FdbSpec)>,
    pub(super) made: Vec<(Name, Name, MadeRecord)>,
    /// The keys of all, of those that could not be read too.
    keys: HashSet<String>,
    /// A line for each, with its key.
    pub(super) unreadable: Vec<String>,
}

impl Records {
    /// Ports come in the order in which they were made; those of schema 1 by name, `p2` before `p10`.
    pub(super) fn read(pairs: &[store::Pair]) -> Self {
        let mut records = Self::default();
        let others = |pair: &&store::Pair| !OTHERS.iter().any(|other| pair.key.starts_with(other));
        for pair in pairs.iter().filter(others) {
            records.keys.insert(pair.key.clone());
            if let Err(why) = records.read_one(&pair.key, &pair.value) {
                records.unreadable.push(format!("{}: {why}", pair.key));
            }
        }
        let key = |(_, name, record): &(Name, Name, PortRecord)| (record.order, name.as_str().len(), name.clone());
        records.ports.sort_by_key(key);
        records
    }

    /// Whether there is a record of that switch, readable or not.
    pub(super) fn has_switch(&self, switch: &Name) -> bool {
        self.keys.contains(&switch_key(switch))
    }

    /// Whether there is a record of that port, readable or not.
    pub(super) fn has_port(&self, switch: &Name, port: &Name) -> bool {
        self.keys.contains(&port_key(switch, port))
    }

    /// Whether it is recorded that we made a port's interface at that place.
    pub(super) fn has_made(&self, switch: &Name, port: &Name, url: &PortUrl) -> bool {
        self.made.iter().any(|(of, name, record)| of == switch && name == port && record.is_of(url))
    }

    fn read_one(&mut self, key: &str, value: &[u8]) -> Result<(), String> {
        let text = |error: &dyn std::fmt::Display| error.to_string();
        let name = |name: &str| name.parse::<Name>().map_err(|error| text(&error));
        if let Some(switch) = key.strip_prefix(SWITCHES) {
            let record = store::decode(SCHEMA, value).map_err(|error| text(&error))?;
            self.switches.push((name(switch)?, record));
        } else if let Some((switch, port)) = key.strip_prefix(PORTS).and_then(|rest| rest.split_once('/')) {
            let record = store::decode(SCHEMA, value).map_err(|error| text(&error))?;
            self.ports.push((name(switch)?, name(port)?, record));
        } else if let Some((switch, port)) = key.strip_prefix(MADE).and_then(|rest| rest.split_once('/')) {
            let record = store::decode(SCHEMA, value).map_err(|error| text(&error))?;
            self.made.push((name(switch)?, name(port)?, record));
        } else if let Some((switch, _)) = key.strip_prefix(FDB).and_then(|rest| rest.split_once('/')) {
            let entry = store::decode(SCHEMA, value).map_err(|error| text(&error))?;
            self.fdb.push((name(switch)?, entry));
        } else {
            return Err("this version does not know what it is".to_owned());
        }
        Ok(())
    }
}
