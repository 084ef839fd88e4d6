//! What is guarded on which port, and whose each address is.

use super::ports::Port;
use super::{NoSuchPort, Switch};
use crate::frame::Frame;
use crate::guard::{Claim, Guard, Prefixes, Refusal};
use crate::port::{PortId, Vid};
use std::sync::Arc;

impl Switch {
    /// Changes what a port is held to, and nothing else of it. A MAC address that becomes its own is forgotten where others have used
    /// it. Costs what its own addresses cost, however many ports there are.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_guard(&mut self, port: PortId, guard: Option<Arc<Guard>>) -> Result<(), NoSuchPort> {
        let before = std::mem::replace(&mut self.port_mut(port)?.config.guard, guard.clone());
        self.follow_guard(port, before.as_deref(), guard.as_deref());
        Ok(())
    }

    /// Changes for every guard of the switch where other networks live.
    pub fn set_foreign(&mut self, foreign: &Arc<Prefixes>) {
        let ports = self.places.iter_mut().filter_map(|place| place.port.as_mut());
        for guard in ports.filter_map(|port| port.config.guard.as_mut()) {
            *guard = Arc::new(guard.with_foreign(foreign.clone()));
        }
    }

    /// Why a frame that `from` received ends before anything is learned from it.
    pub(crate) fn refusal(&self, from: &Port, frame: &Frame<'_>) -> Option<Refusal> {
        from.config.guard.as_ref()?.refuse(&self.claims, frame)
    }

    /// Notes whose addresses are whose, after the guard of `port` became another.
    pub(super) fn follow_guard(&mut self, port: PortId, before: Option<&Guard>, after: Option<&Guard>) {
        let (before, after) = (claims_of(before), claims_of(after));
        for claim in before.iter().filter(|claim| after.binary_search(claim).is_err()) {
            let Self { places, claims, .. } = self;
            let mut ports = places.iter().filter_map(|place| place.port.as_ref());
            let mut heir = || ports.find(|port| port.config.guard.as_ref().is_some_and(|guard| guard.owns(*claim)));
            claims.remove(*claim, || heir().map(|port| port.id));
        }
        for claim in after.iter().filter(|claim| before.binary_search(claim).is_err()) {
            self.claims.insert(*claim, port);
            if let Claim::Mac(mac) = claim {
                // Whoever used it before it was anybody's gets nothing that is for its owner.
                self.fdb.forget_elsewhere(Vid::NONE, *mac, port);
            }
        }
    }
}

impl Port {
    /// Why a frame does not leave through this port, if it is a gateway's.
    pub(crate) fn keeps_out(&self, frame: &Frame<'_>) -> Option<Refusal> {
        self.config.guard.as_ref()?.keeps_out(frame)
    }
}

fn claims_of(guard: Option<&Guard>) -> Vec<Claim> {
    guard.map(Guard::claims).unwrap_or_default()
}
