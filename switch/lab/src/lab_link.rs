//! A link of a lab.

use crate::lab::Lab;
use crate::lab_switch::LabSwitch;
use crate::world::Place;
use lanloom_switch_core::PortId;
use std::time::Duration;

/// A link between two things of a lab. It is up at first; dropping this changes nothing.
#[derive(Clone, Debug)]
pub struct LabLink {
    lab: Lab,
    number: usize,
}

impl LabLink {
    pub(crate) fn new(lab: &Lab, number: usize) -> Self {
        Self { lab: lab.clone(), number }
    }

    /// Pulls the cable: frames on their way are lost, and the switches at its ends forget what they learned there.
    pub fn down(&self) {
        self.lab.with(|world| world.set_link(self.number, false));
    }

    /// Plugs it in again.
    pub fn up(&self) {
        self.lab.with(|world| world.set_link(self.number, true));
    }

    /// Whether it carries frames.
    pub fn is_up(&self) -> bool {
        self.lab.with(|world| world.links[self.number].up)
    }

    /// Sets how long each frame is on it, from the next one on.
    pub fn set_latency(&self, latency: Duration) {
        self.lab.with(|world| world.links[self.number].latency = latency);
    }

    /// Frames that were lost because it went down or was down.
    pub fn lost(&self) -> u64 {
        self.lab.with(|world| world.links[self.number].lost)
    }

    /// The port that it has on a switch; the first, if both its ends are there. `None` if it does not end there.
    pub fn port_on(&self, switch: &LabSwitch) -> Option<PortId> {
        let places = self.lab.with(|world| world.links[self.number].places);
        places.into_iter().find_map(|place| match place {
            Place::Port(number, port) if number == switch.number() => Some(port),
            Place::Port(..) | Place::Card(_) => None,
        })
    }
}
