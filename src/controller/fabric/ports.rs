//! Making, setting and deleting ports, and what can be asked of them.

use super::records::{self, fdb_key, made_key, port_key};
use super::refusal::Attempt;
use super::registry::{Origin, PortEntry, PortView, SwitchEntry, config_of};
use super::switches::{allow, unsaid};
use super::tunnels::has_room;
use super::wiring::Wire;
use super::{EventKind, Inner, Refusal};
use crate::config::{FdbKey, PortSettings, PortSpec};
use crate::names::Name;
use crate::store::{Compare, OPERATIONS_MAX, Operation, Txn};
use crate::url::{MTU_MIN, Place, PortUrl};
use lanloom_switch_core::{EgressFate, Guard, PortConfig, PortId, Trace};
use lanloom_switch_io::capture::{Receiver, Scope};
use lanloom_switch_io::engine::{Asked, PortError};
use lanloom_switch_io::link::memory::MemoryEnd;
use lanloom_switch_io::plug::Plug;
use std::sync::Arc;

/// A port to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPort {
    /// Its name; `p` and the lowest free number if not given.
    pub name: Option<Name>,
    /// What to plug in.
    pub url: PortUrl,
    /// What is set of it.
    pub settings: PortSettings,
    /// Which of its switch's tunnels takes its floods, or which it is.
    pub segment: u16,
}

/// A capture that has begun.
#[derive(Debug)]
pub struct Capturing {
    /// Where its frames come out.
    pub receiver: Receiver,
    /// The port that it is of, if of one.
    pub port: Option<PortId>,
}

pub(super) fn no_port(attempt: &Attempt, switch: &Name) -> Refusal {
    attempt.not_found("there is no such port", format!("see `lanloom port ls {switch}`"))
}

fn check(attempt: &Attempt, wire: Wire<'_>, settings: &PortSettings) -> Result<(), Refusal> {
    let most = wire.most_mtu();
    if let Some(mtu) = settings.mtu.filter(|mtu| !(MTU_MIN..=most).contains(mtu)) {
        return Err(attempt.invalid(format!("an MTU of {mtu} bytes is not possible"), format!("write {MTU_MIN} to {most}")));
    }
    if settings.fdb_limit == Some(0) {
        return Err(attempt.invalid("a limit of no addresses is not possible", "write at least 1, or turn learning off"));
    }
    Ok(())
}

impl Inner {
    pub(super) async fn add_port(
        &self,
        switch: &Name,
        new: NewPort,
        origin: Origin,
        guard: Option<Arc<Guard>>,
    ) -> Result<Name, Refusal> {
        let attempt = Attempt::new("add port to", switch);
        let entry = self.entry(&attempt, switch)?;
        let name = self.free_name(&attempt, &entry, new.name)?;
        let attempt = Attempt::new("add port", format!("{switch}/{name} ({})", new.url));
        let (spec, order) = (PortSpec { name: name.clone(), url: new.url.clone(), settings: new.settings }, self.next_order());
        let segment = new.segment;
        // Whatever a crash leaves of a network's port the network's own records tell to finish or to undo: one writing does.
        let record =
            (origin == Origin::Network).then(|| records::put_port(switch, &spec, (order, segment), origin, true)).transpose();
        let record = record.map_err(unsaid(&attempt))?;
        let (url, mtu) = (&new.url, spec.settings.mtu);
        let wire = Wire { switch, port: &name, url, origin, mtu, record: record.as_ref() };
        check(&attempt, wire, &spec.settings)?;
        self.free_place(&attempt, &new.url)?;
        self.free_record(&attempt, &port_key(switch, &name)).await?;
        self.clear_place(&attempt, wire).await?;
        let wired = self.wire(&attempt, wire).await?;
        let (made, is_new) = (wired.made, wired.is_new);
        let plugged = plug_as(&entry, &spec, wired.plug, PortConfig { guard, ..config_of(&spec, segment) });
        let id = match plugged {
            Ok(id) => id,
            Err(error) => {
                let refusal = self.unplugged(&attempt, &spec.url, error).await;
                return Err(refusal.and(self.take_back(&attempt, wire, (made, is_new)).await));
            }
        };
        let port = PortEntry { id, origin, spec, made, number: wired.number, order, segment, leaving: false };
        if let Err(refusal) = self.record_port(&attempt, &entry, &port, wired.recorded, wired.keep.as_deref()).await {
            entry.goes(&name);
            let unplugged = entry.handle.delete_port(id).map(drop).map_err(|error| attempt.port(error));
            let left = self.take_back(&attempt, wire, (made, is_new)).await;
            return Err(refusal.and(unplugged).and(left));
        }
        self.register(&entry, port);
        Ok(name)
    }

    /// Undoes what was made, after it was unplugged. A TAP that was not made to outlive us is gone with its link.
    async fn take_back(&self, attempt: &Attempt, wire: Wire<'_>, (made, is_new): (bool, bool)) -> Result<(), Refusal> {
        if !made {
            return Ok(());
        }
        if is_new && matches!(wire.url, PortUrl::Veth(_)) {
            self.unwire(attempt, wire, None).await?;
        }
        self.disclaim(attempt, wire).await
    }

    /// Writes the port down, unless that was done, and makes it outlive us.
    async fn record_port(
        &self,
        attempt: &Attempt,
        switch: &SwitchEntry,
        port: &PortEntry,
        recorded: bool,
        keep: Option<&dyn super::Keep>,
    ) -> Result<(), Refusal> {
        let key = port_key(&switch.name, &port.spec.name);
        if port.origin.is_recorded() && !recorded {
            let put = port.put(&switch.name).map_err(unsaid(attempt))?;
            self.commit(attempt, Txn::of([put]).only_if(Compare::Absent(key.clone()))).await?;
        }
        let kept = keep.map_or(Ok(()), super::Keep::keep);
        if let Err(error) = kept {
            let refusal = attempt.failed(format!("making the TAP persistent: {error}"), "retry, or give &persist=no");
            return Err(refusal.and(self.commit(attempt, Txn::of([Operation::Delete { key }])).await));
        }
        Ok(())
    }

    pub(super) fn add_memory_port(&self, switch: &Name, name: &Name, end: MemoryEnd) -> Result<(), Refusal> {
        let attempt = Attempt::new("add port", format!("{switch}/{name}"));
        let entry = self.entry(&attempt, switch)?;
        let name = self.free_name(&attempt, &entry, Some(name.clone()))?;
        let spec = PortSpec { name: name.clone(), url: PortUrl::Memory(name), settings: PortSettings::default() };
        let (origin, order) = (Origin::Command, self.next_order());
        let plugged = plug_as(&entry, &spec, Plug::Memory(end), config_of(&spec, 0));
        let id = plugged.map_err(|error| attempt.port(error))?;
        self.register(&entry, PortEntry { id, origin, spec, made: false, number: None, order, segment: 0, leaving: false });
        Ok(())
    }

    fn free_name(&self, attempt: &Attempt, entry: &SwitchEntry, wanted: Option<Name>) -> Result<Name, Refusal> {
        match wanted {
            Some(name) if entry.ports.contains_key(&name) => {
                Err(attempt.conflict(format!("there is a port {name} already"), "choose another name, or delete that one"))
            }
            Some(name) => Ok(name),
            None => entry.free_port_name().ok_or_else(|| attempt.port(PortError::Full)),
        }
    }

    /// Whether no port of any switch has what only one can have.
    pub(super) fn free_place(&self, attempt: &Attempt, url: &PortUrl) -> Result<(), Refusal> {
        let Some(wanted) = url.place() else { return Ok(()) };
        for entry in self.entries() {
            let ports = entry.ports_in_order();
            let Some(port) = ports.iter().find(|port| port.spec.url.place().as_ref() == Some(&wanted)) else { continue };
            let has = format!("port {}/{} has", entry.name, port.spec.name);
            return Err(match wanted {
                Place::Interface(..) => {
                    attempt.conflict(format!("{has} that interface"), "choose another interface name, or delete that port")
                }
                Place::Vxlan(vni, local, udp) => {
                    let hint = "choose another VNI, local= or port=, or delete that port";
                    attempt.conflict(format!("{has} VNI {vni} at {local}, UDP port {udp}"), hint)
                }
            });
        }
        Ok(())
    }

    /// Whether no start before this one left a record of that key.
    async fn free_record(&self, attempt: &Attempt, key: &str) -> Result<(), Refusal> {
        let range = self.store.range(key).await.map_err(|error| attempt.store(error))?;
        if range.pairs.iter().any(|pair| pair.key == key) { Err(attempt.recorded(key)) } else { Ok(()) }
    }

    /// From now on it is there.
    pub(super) fn register(&self, entry: &SwitchEntry, port: PortEntry) {
        let (switch, name, url) = (entry.name.to_string(), port.spec.name.clone(), port.spec.url.to_string());
        entry.ports.insert(name.clone(), port);
        let added = EventKind::PortAdded { switch, port: name.to_string(), url };
        entry.coming.end(&name, added, |kind| self.tell(kind));
    }

    pub(super) async fn set_port(
        &self,
        switch: &Name,
        name: &Name,
        change: impl FnOnce(&mut PortSettings),
    ) -> Result<(), Refusal> {
        let attempt = Attempt::new("set port", format!("{switch}/{name}"));
        let entry = self.entry(&attempt, switch)?;
        let old = entry.port(name).ok_or_else(|| no_port(&attempt, switch))?;
        let mut new = old.clone();
        change(&mut new.spec.settings);
        if new.spec.settings == old.spec.settings {
            return Ok(());
        }
        let number = old.number;
        let before =
            Wire { switch, port: name, url: &old.spec.url, origin: old.origin, mtu: old.spec.settings.mtu, record: None };
        let after = Wire { mtu: new.spec.settings.mtu, ..before };
        check(&attempt, after, &new.spec.settings)?;
        if after.mtu != before.mtu {
            has_room(&attempt, after)?;
        }
        let (mtu_before, mtu_after) = (before.interface_mtu(), after.interface_mtu());
        if mtu_after != mtu_before
            && let Err(error) = self.set_interface_mtu(after, number, mtu_after).await
        {
            let undone = self.set_interface_mtu(before, number, mtu_before).await.map_err(|error| attempt.kernel(error));
            return Err(attempt.kernel(error).and(undone));
        }
        if let Err(refusal) = self.write_settings(&attempt, &entry, &new).await {
            let undone = match mtu_after == mtu_before {
                true => Ok(()),
                false => self.set_interface_mtu(before, number, mtu_before).await.map_err(|error| attempt.kernel(error)),
            };
            return Err(refusal.and(undone));
        }
        entry.ports.insert(name.clone(), new);
        self.tell(EventKind::PortSet { switch: switch.to_string(), port: name.to_string() });
        Ok(())
    }

    async fn write_settings(&self, attempt: &Attempt, entry: &SwitchEntry, new: &PortEntry) -> Result<(), Refusal> {
        if new.origin.is_recorded() && !matches!(new.spec.url, PortUrl::Memory(_)) {
            let put = new.put(&entry.name).map_err(unsaid(attempt))?;
            self.commit(attempt, Txn::of([put])).await?;
        }
        entry.handle.set_port(new.id, new.config()).map_err(|error| attempt.port(error))
    }

    pub(super) async fn delete_port(&self, switch: &Name, name: &Name, by: Origin) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete port", format!("{switch}/{name}"));
        let entry = self.entry(&attempt, switch)?;
        let port = entry.port(name).ok_or_else(|| no_port(&attempt, switch))?;
        allow(&attempt, port.origin, by)?;
        let wire = Wire { switch, port: name, url: &port.spec.url, origin: port.origin, mtu: None, record: None };
        // What a crash leaves of a network's port in between, the network's own records tell to take away: it is forgotten at last.
        let is_last = port.origin == Origin::Network && port.made;
        if !is_last {
            self.forget_port(&attempt, &entry, &port).await?;
        }
        if port.made {
            // That its interface goes down with it is nothing to tell.
            entry.ports.insert(name.clone(), PortEntry { leaving: true, ..port.clone() });
            if let Err(refusal) = self.unwire(&attempt, wire, port.number).await {
                entry.ports.insert(name.clone(), port.clone());
                let kept = if is_last { Ok(()) } else { self.remember_port(&attempt, &entry, &port).await };
                return Err(refusal.and(kept));
            }
            if is_last {
                let forgotten = self.forget_port(&attempt, &entry, &PortEntry { made: false, ..port.clone() }).await;
                forgotten.inspect_err(|_| drop(entry.ports.insert(name.clone(), port.clone())))?;
            } else if let Err(refusal) = self.disclaim(&attempt, wire).await {
                // The interface is gone. The next start will find that, and forget its record.
                tracing::warn!("{refusal}");
            }
        }
        // Its thread may have ended; then it is gone all the same.
        let _ = entry.handle.delete_port(port.id);
        entry.fdb.retain(|_, (set, _)| set.port != *name);
        entry.goes(name);
        self.tell(EventKind::PortDeleted { switch: switch.to_string(), port: name.to_string() });
        Ok(())
    }

    /// A TAP went with its namespace. Our end of a veth is where it was.
    pub(super) fn disown(&self, switch: &Name, name: &Name) {
        let Some(entry) = self.switches.get(switch).map(|entry| Arc::clone(entry.value())) else { return };
        if let Some(port) = entry.port(name).filter(|port| matches!(port.spec.url, PortUrl::Tap(_))) {
            entry.ports.insert(name.clone(), PortEntry { made: false, ..port });
        }
    }

    /// Takes a port and the entries on it out of the store, the port last, so that what a crash leaves is a whole port.
    async fn forget_port(&self, attempt: &Attempt, entry: &SwitchEntry, port: &PortEntry) -> Result<(), Refusal> {
        let ours = |key| Operation::Delete { key };
        let mut keys: Vec<Operation> = entries_on(entry, port).map(|key| ours(fdb_key(&entry.name, &key))).collect();
        if port.origin.is_recorded() {
            keys.push(ours(port_key(&entry.name, &port.spec.name)));
        }
        if !port.made {
            // What it was once made for is gone, or somebody else's by now.
            keys.push(ours(made_key(&entry.name, &port.spec.name)));
        }
        for keys in keys.chunks(OPERATIONS_MAX) {
            self.commit(attempt, Txn::of(keys.iter().cloned())).await?;
        }
        Ok(())
    }

    /// Puts back what [`Inner::forget_port`] took.
    async fn remember_port(&self, attempt: &Attempt, entry: &SwitchEntry, port: &PortEntry) -> Result<(), Refusal> {
        let mut puts = Vec::new();
        if port.origin.is_recorded() && !matches!(port.spec.url, PortUrl::Memory(_)) {
            puts.push(port.put(&entry.name).map_err(unsaid(attempt))?);
        }
        for key in entries_on(entry, port) {
            if let Some(set) = entry.fdb.get(&key) {
                puts.push(records::put_fdb(&entry.name, &set.0).map_err(unsaid(attempt))?);
            }
        }
        for puts in puts.chunks(OPERATIONS_MAX) {
            self.commit(attempt, Txn::of(puts.iter().cloned())).await?;
        }
        Ok(())
    }

    pub(super) fn ports(&self, attempt: &Attempt, switch: &Name) -> Result<Vec<PortView>, Refusal> {
        let entry = self.entry(attempt, switch)?;
        let shown = entry.handle.ports().map_err(|gone| attempt.engine(gone))?;
        let known = entry.ports_in_order();
        let view = |port: PortEntry| Some(port.clone().view(shown.iter().find(|status| status.id == port.id)?.clone()));
        Ok(known.into_iter().filter_map(view).collect())
    }

    pub(super) fn trace(&self, switch: &Name, port: &Name, frame: Asked) -> Result<(Trace, Vec<String>), Refusal> {
        let attempt = Attempt::new("trace on", format!("{switch}/{port}"));
        let entry = self.entry(&attempt, switch)?;
        let from = entry.port(port).ok_or_else(|| no_port(&attempt, switch))?;
        let kept = frame.kept();
        let trace = entry.handle.trace(from.id, frame).map_err(|error| attempt.port(error))?;
        let hint = "give at least the 14 bytes of an Ethernet header";
        let trace = trace.ok_or_else(|| attempt.invalid(format!("{kept} bytes are no frame"), hint))?;
        let ports = entry.ports_in_order();
        let sent = trace.verdict.copies.iter().filter(|(_, fate)| *fate == EgressFate::Sent);
        let name = |id: PortId| ports.iter().find(|port| port.id == id).map(|port| port.spec.name.to_string());
        let names = sent.filter_map(|(id, _)| name(*id)).collect();
        Ok((trace, names))
    }

    pub(super) fn capture(&self, switch: &Name, port: Option<&Name>, scope: Scope) -> Result<Capturing, Refusal> {
        let attempt = Attempt::new("capture", port.map_or(switch.to_string(), |port| format!("{switch}/{port}")));
        let entry = self.entry(&attempt, switch)?;
        let port = match port {
            Some(name) => Some(entry.port(name).ok_or_else(|| no_port(&attempt, switch))?.id),
            None => None,
        };
        let receiver = entry.handle.capture(Scope { port, ..scope }).map_err(|gone| attempt.engine(gone))?;
        Ok(Capturing { receiver, port })
    }
}

/// Plugs a link into a new port of the engine's.
pub(super) fn plug_as(entry: &SwitchEntry, spec: &PortSpec, plug: Plug, config: PortConfig) -> Result<PortId, PortError> {
    entry.comes(&spec.name);
    let plugged = entry.handle.add_port(spec.name.as_str(), &spec.url.to_string(), plug, config);
    plugged.inspect_err(|_| entry.coming.give_up(&spec.name))
}

fn entries_on<'a>(entry: &'a SwitchEntry, port: &'a PortEntry) -> impl Iterator<Item = FdbKey> + 'a {
    let set = entry.fdb.iter().filter(|set| set.0.port == port.spec.name && set.1 == Origin::Command);
    let keys: Vec<_> = set.map(|set| set.key().clone()).collect();
    keys.into_iter()
}
