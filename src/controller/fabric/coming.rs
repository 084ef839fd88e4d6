//! Ports on their way in: what is heard of one before it is there is told after it was added.

use super::EventKind;
use crate::names::Name;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The ports of a switch that are being made, each with what was heard of it.
#[derive(Debug, Default)]
pub(super) struct Coming(Mutex<HashMap<Name, Vec<EventKind>>>);

impl Coming {
    /// A port is about to be made.
    pub(super) fn begin(&self, port: &Name) {
        self.ports().insert(port.clone(), Vec::new());
    }

    /// Keeps what was heard of a port that is being made; hands back what is of any other.
    pub(super) fn hold(&self, event: EventKind) -> Option<EventKind> {
        let (EventKind::PortUp { port, .. } | EventKind::PortDown { port, .. }) = &event else { return Some(event) };
        let Ok(name) = port.parse::<Name>() else { return Some(event) };
        match self.ports().get_mut(&name) {
            Some(held) => {
                held.push(event);
                None
            }
            None => Some(event),
        }
    }

    /// The port is there: tells so, and what was kept of it, before anything that is heard of it from now on.
    pub(super) fn end(&self, port: &Name, added: EventKind, tell: impl Fn(EventKind)) {
        let mut ports = self.ports();
        tell(added);
        ports.remove(port).into_iter().flatten().for_each(tell);
    }

    /// The port was not made after all, and nothing is told of it.
    pub(super) fn give_up(&self, port: &Name) {
        self.ports().remove(port);
    }

    fn ports(&self) -> MutexGuard<'_, HashMap<Name, Vec<EventKind>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn up(port: &str) -> EventKind {
        EventKind::PortUp { switch: "s1".into(), port: port.into() }
    }

    #[test]
    fn a_port_is_added_before_it_is_up_and_what_was_never_made_says_nothing() {
        let (coming, told) = (Coming::default(), RefCell::new(Vec::new()));
        let (p1, p2): (Name, Name) = ("p1".parse().expect("a name"), "p2".parse().expect("a name"));
        let added = EventKind::PortAdded { switch: "s1".into(), port: "p1".into(), url: "tap://t1".into() };
        coming.begin(&p1);
        coming.begin(&p2);
        assert_eq!((coming.hold(up("p1")), coming.hold(up("p2"))), (None, None));
        assert_eq!(coming.hold(up("p3")), Some(up("p3")));
        coming.end(&p1, added.clone(), |event| told.borrow_mut().push(event));
        assert_eq!(told.into_inner(), [added, up("p1")]);
        coming.give_up(&p2);
        assert_eq!([coming.hold(up("p1")), coming.hold(up("p2"))], [Some(up("p1")), Some(up("p2"))]);
    }
}
