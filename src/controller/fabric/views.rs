//! What is seen of switches and ports. None of it waits for a change.

use super::refusal::Attempt;
use super::registry::PortEntry;
use super::{Capturing, Fabric, FdbView, Origin, PortView, Refusal, SwitchView, TunnelView, ports, switches};
use crate::config::Config;
use crate::controller::{Event, EventKind};
use crate::names::Name;
use lanloom_switch_core::{Counters, PortId, Trace};
use lanloom_switch_io::capture::{CaptureId, Scope};
use lanloom_switch_io::engine::{Asked, Engines};
use std::collections::HashMap;
use tokio::sync::broadcast;

impl Fabric {
    /// The switches, by name.
    ///
    /// # Errors
    /// If the engine threads have ended.
    pub fn switches(&self) -> Result<Vec<SwitchView>, Refusal> {
        self.inner.entries().into_iter().map(|entry| switches::view(&entry, "list switches")).collect()
    }

    /// One switch.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn switch(&self, name: &Name) -> Result<SwitchView, Refusal> {
        let entry = self.inner.entry(&Attempt::new("show switch", name), name)?;
        switches::view(&entry, "show switch")
    }

    /// The ports of a switch, in the order they were made.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn ports(&self, switch: &Name) -> Result<Vec<PortView>, Refusal> {
        self.inner.ports(&Attempt::new("list ports of", switch), switch)
    }

    /// One port.
    ///
    /// # Errors
    /// If there is none.
    pub fn port(&self, switch: &Name, port: &Name) -> Result<PortView, Refusal> {
        let attempt = Attempt::new("show port", format!("{switch}/{port}"));
        let ports = self.inner.ports(&attempt, switch)?;
        let view = ports.into_iter().find(|view| view.spec.name == *port).ok_or_else(|| ports::no_port(&attempt, switch))?;
        let tunnel = self.inner.vtep(switch, port).map(Box::new);
        Ok(PortView { tunnel, ..view })
    }

    /// Those of a switch's ports that are tunnels, in the order they were made.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn tunnels(&self, switch: &Name) -> Result<Vec<TunnelView>, Refusal> {
        let attempt = Attempt::new("list tunnels of", switch);
        let entry = self.inner.entry(&attempt, switch)?;
        let shown = entry.handle.ports().map_err(|gone| attempt.engine(gone))?;
        let view = |port: PortEntry| {
            let port_status = shown.iter().find(|status| status.id == port.id)?;
            // A port that is no tunnel, or is gone by now.
            let status = entry.handle.vtep(port.id).ok()?;
            Some(TunnelView { name: port.spec.name, state: port_status.state.clone(), mtu: port_status.mtu, status })
        };
        Ok(entry.ports_in_order().into_iter().filter_map(view).collect())
    }

    /// Has the peers of a switch's tunnels probed at once. What that shows, [`Fabric::tunnels`] says when none is `checking` any more.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn check_tunnels(&self, switch: &Name) -> Result<(), Refusal> {
        let entry = self.inner.entry(&Attempt::new("check tunnels of", switch), switch)?;
        for port in entry.ports_in_order() {
            // A port that is no tunnel, or is gone by now.
            let _ = entry.handle.check_vtep_peers(port.id);
        }
        Ok(())
    }

    /// The filtering database of a switch.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn fdb(&self, switch: &Name) -> Result<Vec<FdbView>, Refusal> {
        self.inner.fdb(switch)
    }

    /// What each port of a switch has seen, by name, in the order they were made.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn counters(&self, switch: &Name) -> Result<Vec<(String, Counters)>, Refusal> {
        let attempt = Attempt::new("count", switch);
        let entry = self.inner.entry(&attempt, switch)?;
        let mut counted = entry.handle.counters().map_err(|gone| attempt.engine(gone))?;
        let places: HashMap<PortId, usize> =
            entry.ports_in_order().iter().enumerate().map(|(place, port)| (port.id, place)).collect();
        counted.sort_by_key(|(id, _, _)| places.get(id).copied().unwrap_or(usize::MAX));
        Ok(counted.into_iter().map(|(_, name, counters)| (name, counters)).collect())
    }

    /// What would become of a frame received on a port now, and the names of the ports that would get it.
    ///
    /// # Errors
    /// If there is no such port, or `frame` is shorter than an Ethernet header.
    pub fn trace(&self, switch: &Name, port: &Name, frame: Asked) -> Result<(Trace, Vec<String>), Refusal> {
        self.inner.trace(switch, port, frame)
    }

    /// Begins a capture of a switch, or of one port of it; it ends when its receiver is dropped. `scope.port` is filled in.
    ///
    /// # Errors
    /// If there is no such switch or port.
    pub fn capture(&self, switch: &Name, port: Option<&Name>, scope: Scope) -> Result<Capturing, Refusal> {
        self.inner.capture(switch, port, scope)
    }

    /// Ends a capture in good order: its receiver gets what was recorded, and then the end. Answers whether it was still under way.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn end_capture(&self, switch: &Name, id: CaptureId) -> Result<bool, Refusal> {
        let attempt = Attempt::new("end a capture of", switch);
        self.inner.entry(&attempt, switch)?.handle.end_capture(id).map_err(|gone| attempt.engine(gone))
    }

    /// What happens from now on. One that reads too slowly is told how much it missed.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// The running state as a configuration that would make it again, but for what networks made.
    pub fn config(&self) -> Config {
        self.inner.config(|origin| origin != Origin::Network)
    }

    /// Where others tell what happened.
    pub(in crate::controller) fn teller(&self) -> broadcast::Sender<Event> {
        self.inner.events.clone()
    }

    /// Tells who listens what happened.
    pub(in crate::controller) fn tell(&self, kind: EventKind) {
        self.inner.tell(kind);
    }

    /// The engine threads.
    pub fn engines(&self) -> &Engines {
        &self.inner.engines
    }
}
