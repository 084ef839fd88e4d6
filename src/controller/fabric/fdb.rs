//! The filtering database, as far as hands reach. What is behind a tunnel has an entry there too, which says behind which of its
//! other ends.

use super::ports::no_port;
use super::records::{self, fdb_key};
use super::refusal::Attempt;
use super::registry::{FdbView, Origin, PortEntry, SwitchEntry};
use super::switches::{allow, unsaid};
use super::{EventKind, Inner, Refusal};
use crate::config::{FdbKey, FdbSpec};
use crate::names::Name;
use crate::store::{Operation, Txn};
use crate::url::PortUrl;
use lanloom_switch_core::{FdbEntry, MacAddr, PortId};
use std::collections::HashMap;
use std::net::IpAddr;

/// Which entry is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbPick {
    /// Its address; zero for an end that a tunnel's floods are sent to.
    pub mac: MacAddr,
    /// Its VLAN, 0 for none.
    pub vid: u16,
    /// Only if it leads to that other end of a tunnel.
    pub dst: Option<IpAddr>,
    /// Only if it is on that port.
    pub port: Option<Name>,
}

impl FdbPick {
    /// The entry of that station, wherever it is.
    pub const fn station(mac: MacAddr) -> Self {
        Self { mac, vid: 0, dst: None, port: None }
    }

    /// That very entry.
    pub(super) fn of(set: &FdbSpec) -> Self {
        Self { mac: set.mac, vid: set.vid, dst: set.dst, port: Some(set.port.clone()) }
    }

    fn attempt(&self, switch: &Name) -> Attempt {
        attempt("delete fdb entry", switch, self.mac, self.dst)
    }
}

fn attempt(what: &'static str, switch: &Name, mac: MacAddr, dst: Option<IpAddr>) -> Attempt {
    let dst = dst.map(|dst| format!(" dst {dst}")).unwrap_or_default();
    Attempt::new(what, format!("{switch} {mac}{dst}"))
}

/// These switches do not look at VLAN tags.
fn check_vid(attempt: &Attempt, vid: u16) -> Result<(), Refusal> {
    if vid == 0 {
        return Ok(());
    }
    Err(attempt.invalid(format!("the switch does not look at VLAN tags, and so has no VLAN {vid}"), "leave the VLAN out"))
}

/// Whether what is said of other ends goes with the port.
fn check_dst(attempt: &Attempt, set: &FdbSpec, port: &PortEntry) -> Result<(), Refusal> {
    match (&port.spec.url, set.dst) {
        (PortUrl::Vxlan(_), Some(_)) if set.sticky => {
            let why = "what leads to the other end of a tunnel neither ages nor moves";
            Err(attempt.invalid(why, "leave --sticky out"))
        }
        (PortUrl::Vxlan(_), None) if set.mac == MacAddr::ZERO => {
            let why = "the zero address stands for a tunnel's floods";
            Err(attempt.invalid(why, "name the other end that they are to be sent to with --dst"))
        }
        (PortUrl::Vxlan(_), _) | (_, None) => Ok(()),
        (PortUrl::Tap(_) | PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Memory(_), Some(_)) => {
            let why = format!("port {} is no tunnel, and so has no other ends", set.port);
            Err(attempt.invalid(why, "leave --dst out, or name a vxlan:// port"))
        }
    }
}

impl Inner {
    pub(super) fn fdb(&self, switch: &Name) -> Result<Vec<FdbView>, Refusal> {
        let attempt = Attempt::new("show fdb of", switch);
        let entry = self.entry(&attempt, switch)?;
        let ports = entry.handle.ports().map_err(|gone| attempt.engine(gone))?;
        let name = |id: PortId| ports.iter().find(|port| port.id == id).map(|port| port.name.clone());
        let mut shown = Vec::new();
        let mut behind: HashMap<(PortId, MacAddr), IpAddr> = HashMap::new();
        for port in entry.ports_in_order().iter().filter(|port| matches!(port.spec.url, PortUrl::Vxlan(_))) {
            // One that is gone by now leads nowhere.
            for led in entry.handle.vtep_fdb(port.id).unwrap_or_default() {
                if led.mac == MacAddr::ZERO {
                    let (mac, port, dst) = (led.mac, port.spec.name.to_string(), Some(led.dst));
                    shown.push(FdbView { mac, vid: 0, port, dst, is_static: true, sticky: false, age_secs: 0 });
                } else {
                    behind.insert((port.id, led.mac), led.dst);
                }
            }
        }
        let view = |known: FdbEntry| {
            let FdbEntry { mac, vid, is_static, sticky, age_secs, port, .. } = known;
            let dst = behind.get(&(port, mac)).copied();
            Some(FdbView { mac, vid: vid.0, port: name(port)?, dst, is_static, sticky, age_secs })
        };
        let known = entry.handle.fdb().map_err(|gone| attempt.engine(gone))?;
        shown.extend(known.into_iter().filter_map(view));
        Ok(shown)
    }

    pub(super) async fn add_fdb(&self, switch: &Name, set: FdbSpec, origin: Origin) -> Result<(), Refusal> {
        let attempt = attempt("add fdb entry", switch, set.mac, set.dst);
        let entry = self.entry(&attempt, switch)?;
        check_vid(&attempt, set.vid)?;
        let port = entry.port(&set.port).ok_or_else(|| no_port(&attempt, switch))?;
        check_dst(&attempt, &set, &port)?;
        if let Some(dst) = set.dst.filter(|dst| set.mac == MacAddr::ZERO && names(&port, *dst)) {
            return self.flood_again(&attempt, &entry, &port, dst);
        }
        let key = set.key();
        let old = entry.fdb.get(&key).map(|old| old.value().clone());
        old.as_ref().map_or(Ok(()), |old| allow(&attempt, old.1, origin))?;
        let old_spec = old.as_ref().map(|old| &old.0);
        if let Err(refusal) = apply(&attempt, &entry, port.id, &set) {
            return Err(refusal.and(put_back(&attempt, &entry, &set, old_spec)));
        }
        let in_process = matches!(port.spec.url, PortUrl::Memory(_));
        let record = match origin {
            Origin::Command | Origin::Network if in_process => None,
            Origin::Command | Origin::Network => Some(records::put_fdb(switch, &set).map_err(unsaid(&attempt))?),
            // It is the file's from now on, and so in no store.
            Origin::Config if old.as_ref().is_some_and(|old| old.1 == Origin::Command) => {
                Some(Operation::Delete { key: fdb_key(switch, &key) })
            }
            Origin::Config => None,
        };
        if let Some(record) = record
            && let Err(refusal) = self.commit(&attempt, Txn::of([record])).await
        {
            return Err(refusal.and(put_back(&attempt, &entry, &set, old_spec)));
        }
        if let Some(old) = old_spec.filter(|old| old.port != set.port || set.dst.is_none()) {
            leave_tunnel(&entry, old);
        }
        let (mac, port) = (set.mac, set.port.to_string());
        entry.fdb.insert(key, (set, origin));
        self.tell(EventKind::FdbAdded { switch: switch.to_string(), mac, port });
        Ok(())
    }

    pub(super) async fn delete_fdb(&self, switch: &Name, pick: FdbPick, by: Origin) -> Result<(), Refusal> {
        let attempt = pick.attempt(switch);
        let entry = self.entry(&attempt, switch)?;
        check_vid(&attempt, pick.vid)?;
        if pick.mac == MacAddr::ZERO {
            return self.delete_flood(&attempt, &entry, &pick, by).await;
        }
        let key = FdbKey::Station(pick.mac);
        let set = entry.fdb.get(&key).map(|set| set.value().clone());
        set.as_ref().map_or(Ok(()), |set| allow(&attempt, set.1, by))?;
        self.is_meant(&attempt, switch, &pick)?;
        if set.as_ref().is_some_and(|set| set.1.is_recorded()) {
            self.commit(&attempt, Txn::of([Operation::Delete { key: fdb_key(switch, &key) }])).await?;
        }
        let deleted = entry.handle.delete_fdb(pick.mac).map_err(|gone| attempt.engine(gone))?;
        entry.fdb.remove(&key);
        match (deleted, set) {
            (Ok(known), _) => {
                // Only a tunnel has another there, and only if it is one of its own that leads to it.
                let _ = entry.handle.delete_vtep_fdb(known.port, pick.mac, None);
            }
            // A sticky entry that was set may have aged meanwhile: it is gone now either way.
            (Err(_), Some((set, _))) => leave_tunnel(&entry, &set),
            (Err(error), None) => return Err(attempt.fdb(error)),
        }
        self.tell(EventKind::FdbDeleted { switch: switch.to_string(), mac: pick.mac });
        Ok(())
    }

    /// Whether a station is where it is said to be, if anything is said.
    fn is_meant(&self, attempt: &Attempt, switch: &Name, pick: &FdbPick) -> Result<(), Refusal> {
        if pick.dst.is_none() && pick.port.is_none() {
            return Ok(());
        }
        let known = self.fdb(switch)?.into_iter().find(|known| known.mac == pick.mac);
        let is_it = |known: &FdbView| {
            pick.dst.is_none_or(|dst| known.dst == Some(dst))
                && pick.port.as_ref().is_none_or(|port| known.port == port.as_str())
        };
        match known.filter(is_it) {
            Some(_) => Ok(()),
            None => Err(attempt.not_found("that address is not known there", "see `lanloom fdb show`")),
        }
    }

    /// Has floods sent again to an end that a port's URL names. It is in no record: that it is sent to goes without saying.
    fn flood_again(&self, attempt: &Attempt, entry: &SwitchEntry, port: &PortEntry, dst: IpAddr) -> Result<(), Refusal> {
        let led = entry.handle.vtep_fdb(port.id).map_err(|error| attempt.port(error))?;
        if led.iter().any(|led| led.mac == MacAddr::ZERO && led.dst == dst) {
            let why = format!("the URL of port {} names it already", port.spec.name);
            return Err(attempt.conflict(why, "nothing is to be done"));
        }
        let set = entry.handle.set_vtep_fdb(port.id, MacAddr::ZERO, dst).map_err(|error| attempt.port(error))?;
        set.map_err(|error| attempt.hand(error))?;
        let (switch, mac, port) = (entry.name.to_string(), MacAddr::ZERO, port.spec.name.to_string());
        self.tell(EventKind::FdbAdded { switch, mac, port });
        Ok(())
    }

    /// Has floods no longer sent to an end that a port's URL names: until they are to be again, or the tunnel is opened anew.
    fn flood_no_more(
        &self,
        attempt: &Attempt,
        entry: &SwitchEntry,
        dst: IpAddr,
        on: impl Fn(&Name) -> bool,
    ) -> Result<(), Refusal> {
        let nowhere = || attempt.not_found("no floods are sent there", "see `lanloom fdb show`");
        let mut ports = entry.ports_in_order();
        ports.retain(|port| on(&port.spec.name) && names(port, dst));
        let port = ports.pop().ok_or_else(nowhere)?;
        if let Some(other) = ports.pop() {
            return Err(several(attempt, &other.spec.name, &port.spec.name));
        }
        let deleted = entry.handle.delete_vtep_fdb(port.id, MacAddr::ZERO, Some(dst)).map_err(|error| attempt.port(error))?;
        // It is not there only if that was done before.
        deleted.map_err(|_| nowhere())?;
        self.tell(EventKind::FdbDeleted { switch: entry.name.to_string(), mac: MacAddr::ZERO });
        Ok(())
    }

    /// Has floods no longer sent to an end.
    async fn delete_flood(&self, attempt: &Attempt, entry: &SwitchEntry, pick: &FdbPick, by: Origin) -> Result<(), Refusal> {
        let Some(dst) = pick.dst else {
            let why = "the zero address stands for the floods of tunnels";
            return Err(attempt.invalid(why, "name the other end that they are sent to with --dst"));
        };
        let on = |port: &Name| pick.port.as_ref().is_none_or(|wanted| wanted == port);
        let set = entry.fdb.iter().map(|set| set.value().clone());
        let found = set.filter(|(set, _)| set.key() == FdbKey::Flood(set.port.clone(), dst) && on(&set.port));
        let mut found: Vec<(FdbSpec, Origin)> = found.collect();
        let Some((set, origin)) = found.pop() else { return self.flood_no_more(attempt, entry, dst, on) };
        if let Some((other, _)) = found.pop() {
            return Err(several(attempt, &other.port, &set.port));
        }
        allow(attempt, origin, by)?;
        if origin.is_recorded() {
            self.commit(attempt, Txn::of([Operation::Delete { key: fdb_key(&entry.name, &set.key()) }])).await?;
        }
        leave_tunnel(entry, &set);
        entry.fdb.remove(&set.key());
        self.tell(EventKind::FdbDeleted { switch: entry.name.to_string(), mac: set.mac });
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

/// Whether a port is a tunnel whose URL names that other end.
fn names(port: &PortEntry, dst: IpAddr) -> bool {
    matches!(&port.spec.url, PortUrl::Vxlan(vxlan) if vxlan.remotes.contains(&dst))
}

fn several(attempt: &Attempt, one: &Name, other: &Name) -> Refusal {
    let why = format!("floods are sent there from ports {one} and {other}");
    attempt.conflict(why, "name one of them with --port")
}

/// Sets an entry of a switch, and of the tunnel if it is behind one.
fn apply(attempt: &Attempt, entry: &SwitchEntry, port: PortId, set: &FdbSpec) -> Result<(), Refusal> {
    if set.mac != MacAddr::ZERO || set.dst.is_none() {
        let done = entry.handle.set_fdb(set.mac, port, set.sticky).map_err(|gone| attempt.engine(gone))?;
        done.map_err(|error| attempt.fdb(error))?;
    }
    let Some(dst) = set.dst else { return Ok(()) };
    let done = entry.handle.set_vtep_fdb(port, set.mac, dst).map_err(|error| attempt.port(error))?;
    done.map_err(|error| attempt.hand(error))
}

/// Has it again as it was before an entry was set.
fn put_back(attempt: &Attempt, entry: &SwitchEntry, set: &FdbSpec, old: Option<&FdbSpec>) -> Result<(), Refusal> {
    leave_tunnel(entry, set);
    if let Some((old, port)) = old.and_then(|old| Some((old, entry.port(&old.port)?))) {
        return apply(attempt, entry, port.id, old);
    }
    // It may not have come so far.
    entry.handle.delete_fdb(set.mac).map(drop).map_err(|gone| attempt.engine(gone))
}

/// A tunnel's own entry goes, if it is there.
fn leave_tunnel(entry: &SwitchEntry, set: &FdbSpec) {
    if let (Some(dst), Some(port)) = (set.dst, entry.port(&set.port)) {
        let _ = entry.handle.delete_vtep_fdb(port.id, set.mac, Some(dst));
    }
}
