//! A switch of a lab.

use crate::error::LabError;
use crate::lab::Lab;
use crate::world::{Judged, Node};
use lanloom_switch_core::{Counters, Event, FdbEntry, Frame, Instant, MacAddr, PortConfig, PortId, Switch, Trace, Vid};

/// A switch: the same machine that the daemon runs, without a daemon.
#[derive(Clone, Debug)]
pub struct LabSwitch {
    lab: Lab,
    number: usize,
}

impl LabSwitch {
    pub(crate) fn new(lab: &Lab, number: usize) -> Self {
        Self { lab: lab.clone(), number }
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.lab.with(|world| world.switches[self.number].name.clone())
    }

    /// Its ports, in order.
    pub fn ports(&self) -> Vec<PortId> {
        self.with(|core| core.port_ids().collect())
    }

    /// Its filtering database, by address.
    pub fn fdb(&self) -> Vec<FdbEntry> {
        let now = self.lab.now();
        self.with(|core| core.fdb().entries(now))
    }

    /// The port that leads to an address.
    pub fn port_of(&self, mac: MacAddr) -> Option<PortId> {
        let now = self.lab.now();
        self.with(|core| core.fdb().lookup(Vid::NONE, mac, now))
    }

    /// What a port has seen.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn counters(&self, port: PortId) -> Result<Counters, LabError> {
        self.with(|core| core.counters(port).cloned()).map_err(|_| self.no_such_port())
    }

    /// Changes what a user may set of a port.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_port(&self, port: PortId, change: impl FnOnce(&mut PortConfig)) -> Result<(), LabError> {
        self.with(|core| {
            let mut config = core.config(port)?.clone();
            change(&mut config);
            core.set_port(port, config)
        })
        .map_err(|_| self.no_such_port())
    }

    /// What would become of a frame received on `port` now, step by step. Sends nothing and changes nothing. Ports are called
    /// `p1`, `p2` and so on.
    ///
    /// # Errors
    /// If there is no such port, or the bytes are no frame.
    pub fn trace(&self, port: PortId, frame: &[u8]) -> Result<Trace, LabError> {
        let now = self.lab.now();
        let frame = Frame::new(frame).ok_or(LabError::NoFrame { len: frame.len() })?;
        let name = |port: PortId| format!("p{}", port.index() + 1);
        self.with(|core| core.trace(now, port, &frame, &name)).map_err(|_| self.no_such_port())
    }

    /// The latest 65,536 frames that it received and what it decided, oldest first.
    pub fn verdicts(&self) -> Vec<Judged> {
        self.lab.with(|world| world.switches[self.number].verdicts.iter().cloned().collect())
    }

    /// Forgets the verdicts and events so far.
    pub fn clear_history(&self) {
        self.lab.with(|world| {
            world.switches[self.number].verdicts.clear();
            world.switches[self.number].events.clear();
        });
    }

    /// The latest 65,536 moves and storms, oldest first, and when they were.
    pub fn events(&self) -> Vec<(Instant, Event)> {
        self.lab.with(|world| world.switches[self.number].events.iter().copied().collect())
    }

    /// Everything else: hands over the machine itself, to set static addresses, flush, change the ageing time and more.
    ///
    /// # Panics
    /// If `act` uses the lab.
    pub fn with<T>(&self, act: impl FnOnce(&mut Switch) -> T) -> T {
        self.lab.with(|world| {
            let answer = act(&mut world.switches[self.number].core);
            world.set_wake(Node::Switch(self.number));
            answer
        })
    }

    fn no_such_port(&self) -> LabError {
        LabError::NoSuchPort { switch: self.name() }
    }
}
