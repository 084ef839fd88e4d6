//! The filtering database, as far as hands reach.

use super::ports::no_port;
use super::records::{self, fdb_key};
use super::refusal::Attempt;
use super::registry::{FdbView, Origin};
use super::switches::{allow, unsaid};
use super::{EventKind, Inner, Refusal};
use crate::config::FdbSpec;
use crate::names::Name;
use crate::store::{Operation, Txn};
use crate::url::PortUrl;
use lanloom_switch_core::{FdbEntry, MacAddr};

/// These switches do not look at VLAN tags.
fn check_vid(attempt: &Attempt, vid: u16) -> Result<(), Refusal> {
    if vid == 0 {
        return Ok(());
    }
    Err(attempt.invalid(format!("the switch does not look at VLAN tags, and so has no VLAN {vid}"), "leave the VLAN out"))
}

impl Inner {
    pub(super) fn fdb(&self, switch: &Name) -> Result<Vec<FdbView>, Refusal> {
        let attempt = Attempt::new("show fdb of", switch);
        let entry = self.entry(&attempt, switch)?;
        let ports = entry.handle.ports().map_err(|gone| attempt.engine(gone))?;
        let view = |known: FdbEntry| {
            let port = ports.iter().find(|port| port.id == known.port)?.name.clone();
            let FdbEntry { mac, vid, is_static, sticky, age_secs, .. } = known;
            Some(FdbView { mac, vid: vid.0, port, is_static, sticky, age_secs })
        };
        let known = entry.handle.fdb().map_err(|gone| attempt.engine(gone))?;
        Ok(known.into_iter().filter_map(view).collect())
    }

    pub(super) async fn add_fdb(&self, switch: &Name, set: FdbSpec, origin: Origin) -> Result<(), Refusal> {
        let attempt = Attempt::new("add fdb entry", format!("{switch} {}", set.mac));
        let entry = self.entry(&attempt, switch)?;
        check_vid(&attempt, set.vid)?;
        let port = entry.port(&set.port).ok_or_else(|| no_port(&attempt, switch))?;
        let old = entry.fdb.get(&set.mac).map(|old| old.value().clone());
        old.as_ref().map_or(Ok(()), |old| allow(&attempt, old.1, origin))?;
        let done = entry.handle.set_fdb(set.mac, port.id, set.sticky).map_err(|gone| attempt.engine(gone))?;
        done.map_err(|error| attempt.fdb(error))?;
        let in_process = matches!(port.spec.url, PortUrl::Memory(_));
        let record = match origin {
            Origin::Command | Origin::Network if in_process => None,
            Origin::Command | Origin::Network => Some(records::put_fdb(switch, &set).map_err(unsaid(&attempt))?),
            // It is the file's from now on, and so in no store.
            Origin::Config if old.as_ref().is_some_and(|old| old.1 == Origin::Command) => {
                Some(Operation::Delete { key: fdb_key(switch, set.mac) })
            }
            Origin::Config => None,
        };
        if let Some(record) = record
            && let Err(refusal) = self.commit(&attempt, Txn::of([record])).await
        {
            let before = old.and_then(|(old, _)| Some((entry.port(&old.port)?.id, old.sticky)));
            let undone = match before {
                Some((port, sticky)) => entry.handle.set_fdb(set.mac, port, sticky).map(drop),
                None => entry.handle.delete_fdb(set.mac).map(drop),
            };
            return Err(refusal.and(undone.map_err(|gone| attempt.engine(gone))));
        }
        let (mac, port) = (set.mac, set.port.to_string());
        entry.fdb.insert(mac, (set, origin));
        self.tell(EventKind::FdbAdded { switch: switch.to_string(), mac, port });
        Ok(())
    }

    pub(super) async fn delete_fdb(&self, switch: &Name, mac: MacAddr, vid: u16, by: Origin) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete fdb entry", format!("{switch} {mac}"));
        let entry = self.entry(&attempt, switch)?;
        check_vid(&attempt, vid)?;
        let set = entry.fdb.get(&mac).map(|set| set.value().clone());
        set.as_ref().map_or(Ok(()), |set| allow(&attempt, set.1, by))?;
        if set.as_ref().is_some_and(|set| set.1.is_recorded()) {
            self.commit(&attempt, Txn::of([Operation::Delete { key: fdb_key(switch, mac) }])).await?;
        }
        let deleted = entry.handle.delete_fdb(mac).map_err(|gone| attempt.engine(gone))?;
        entry.fdb.remove(&mac);
        // A sticky entry that was set may have aged meanwhile: it is gone now either way.
        if let (Err(error), None) = (deleted, set) {
            return Err(attempt.fdb(error));
        }
        self.tell(EventKind::FdbDeleted { switch: switch.to_string(), mac });
        Ok(())
    }

    pub(super) fn flush_fdb(&self, switch: &Name, port: Option<&Name>) -> Result<usize, Refusal> {
        let attempt = Attempt::new("flush fdb of", switch);
        let entry = self.entry(&attempt, switch)?;
        let port = match port {
            Some(name) => Some(entry.port(name).ok_or_else(|| no_port(&attempt, switch))?.id),
            None => None,
        };
        let entries = entry.handle.flush_fdb(port).map_err(|gone| attempt.engine(gone))?;
        self.tell(EventKind::FdbFlushed { switch: switch.to_string(), entries });
        Ok(entries)
    }
}
