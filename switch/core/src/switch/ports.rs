//! Places and what is in them.

use super::{NoSuchPort, Switch};
use crate::counters::Counters;
use crate::neighbour::Neighbours;
use crate::port::{PortConfig, PortId};
use crate::storm::StormMeter;
use crate::time::Instant;

/// A port as the switch sees it.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) id: PortId,
    pub(crate) config: PortConfig,
    /// Whether its link carries frames.
    pub(crate) link_up: bool,
    pub(crate) storm: StormMeter,
    /// How many answers to what is too big it has had.
    pub(crate) answers: StormMeter,
    pub(super) storm_told: Option<Instant>,
    pub(super) counters: Counters,
    /// What it has taught, if it is a tunnel that suppresses.
    pub(super) neighbours: Option<Box<Neighbours>>,
}

impl Port {
    pub(crate) fn is_up(&self) -> bool {
        self.config.up && self.link_up
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    generation: u16,
    pub(super) port: Option<Port>,
}

impl Switch {
    /// Adds a port at the lowest free place, its link up. `None` if all 65,536 places are taken.
    pub fn add_port(&mut self, config: PortConfig) -> Option<PortId> {
        let index = self.places.iter().position(|place| place.port.is_none()).unwrap_or(self.places.len());
        let id = PortId::new(u16::try_from(index).ok()?, self.places.get(index).map_or(0, |place| place.generation));
        if index == self.places.len() {
            self.places.push(Place::default());
            self.verdict.copies.reserve(self.places.len());
        }
        self.fdb.ensure_port(id);
        let guard = config.guard.clone();
        let (storm, answers, counters) = (StormMeter::default(), StormMeter::default(), Counters::default());
        self.places[index].port =
            Some(Port { id, config, link_up: true, storm, answers, storm_told: None, counters, neighbours: None });
        self.follow_guard(id, None, guard.as_deref());
        self.follow_suppression(id);
        Some(id)
    }

    /// Removes a port and every entry that leads to it. Answers its last counters.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn delete_port(&mut self, port: PortId) -> Result<Counters, NoSuchPort> {
        self.port(port)?;
        self.fdb.forget(port);
        let place = &mut self.places[port.index()];
        place.generation = place.generation.wrapping_add(1);
        let gone = place.port.take().ok_or(NoSuchPort)?;
        self.follow_guard(port, gone.config.guard.as_deref(), None);
        self.follow_suppression(port);
        Ok(gone.counters)
    }

    /// Changes what a user may set of a port. What was learned on a port that is set down is forgotten, and its oldest addresses are
    /// that are more than it may now learn. A storm limit that is another than before starts afresh.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_port(&mut self, port: PortId, config: PortConfig) -> Result<(), NoSuchPort> {
        let (up, limit) = (config.up, config.fdb_limit);
        let place = self.port_mut(port)?;
        if place.config.storm != config.storm {
            // What was taken is counted in units of the old rate.
            place.storm = StormMeter::default();
        }
        let guard = config.guard.clone();
        let before = std::mem::replace(&mut place.config, config).guard;
        self.follow_guard(port, before.as_deref(), guard.as_deref());
        self.follow_suppression(port);
        if !up {
            self.fdb.flush(Some(port));
        }
        self.fdb.hold_to(limit, port);
        Ok(())
    }

    /// Tells whether a port's link carries frames. What was learned there is forgotten when it no longer does.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_link(&mut self, port: PortId, up: bool) -> Result<(), NoSuchPort> {
        self.port_mut(port)?.link_up = up;
        if !up {
            self.fdb.flush(Some(port));
        }
        Ok(())
    }

    /// What a user has set of a port.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn config(&self, port: PortId) -> Result<&PortConfig, NoSuchPort> {
        self.port(port).map(|port| &port.config)
    }

    /// What a port has seen.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn counters(&self, port: PortId) -> Result<&Counters, NoSuchPort> {
        self.port(port).map(|port| &port.counters)
    }

    /// Its ports, in order.
    pub fn port_ids(&self) -> impl Iterator<Item = PortId> + '_ {
        self.ports().map(|port| port.id)
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = &Port> + '_ {
        self.places.iter().filter_map(|place| place.port.as_ref())
    }

    pub(crate) fn port(&self, id: PortId) -> Result<&Port, NoSuchPort> {
        self.places.get(id.index()).and_then(|place| place.port.as_ref()).filter(|port| port.id == id).ok_or(NoSuchPort)
    }

    pub(super) fn port_mut(&mut self, id: PortId) -> Result<&mut Port, NoSuchPort> {
        self.places.get_mut(id.index()).and_then(|place| place.port.as_mut()).filter(|port| port.id == id).ok_or(NoSuchPort)
    }
}
