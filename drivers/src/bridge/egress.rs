//! The way out of the host, which all networks share: the firewall, whole, and that the host forwards.
//!
//! Whatever changes, everything is brought to what the networks that are there want ([`Egress::apply`]); undoing is the same with
//! one network less. What the host was before it forwarded for us has to be known after a restart too: the table itself says so.

mod load;
mod state;
mod words;

use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use self::load::Way;
use self::state::State;
pub(super) use self::words::refused;
use self::words::{accepts, closed, uncertain};
use super::layout::Layout;
use crate::driver::DriverError;
use crate::kernel::{Kernel, KernelError, Opened, TableName};

/// What the names of all daemons' tables begin with.
const PREFIX: &str = "lanloom-";

/// The way out of the host.
pub(super) struct Egress {
    kernel: Arc<dyn Kernel>,
    table: TableName,
    /// What marks our rules in tables of others.
    comment: String,
    state: Mutex<State>,
    /// Why nothing leaves the host, for whoever cannot wait for a change to end.
    closed: std::sync::Mutex<Option<String>>,
}

/// What came of a change.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// A line for each thing that is to be known.
    pub(super) notes: Vec<String>,
    /// Whether the settings of all gateways have to be written again: the kernel has changed them, or more is allowed now.
    pub(super) renew: bool,
    /// The table of others that drops what is forwarded and has no place for a rule of ours.
    pub(super) obstacle: Option<KernelError>,
}

impl Egress {
    /// The way out for a daemon whose instance has that name: one kernel may have several.
    pub(super) fn new(kernel: Arc<dyn Kernel>, instance: &str) -> Result<Self, DriverError> {
        let table = TableName::new(&format!("{PREFIX}{instance}"))
            .map_err(|error| DriverError::kernel("name the firewall's table of", instance, &error))?;
        let comment = format!("lanloom:{instance}");
        Ok(Self { kernel, table, comment, state: Mutex::default(), closed: std::sync::Mutex::default() })
    }

    /// Knows of a network, for the next change to open it.
    pub(super) async fn know(&self, layout: &Arc<Layout>) {
        let mut state = self.state.lock().await;
        state.right = None;
        state.begun.insert(layout.spec.id.clone());
        state.networks.insert(layout.spec.id.clone(), Arc::clone(layout));
    }

    /// Opens a network's way out, or keeps an internal one in. One whose packets a table of others would drop is refused.
    pub(super) async fn open(&self, layout: &Arc<Layout>) -> Result<Outcome, KernelError> {
        let mut state = self.state.lock().await;
        let before = state.networks.insert(layout.spec.id.clone(), Arc::clone(layout));
        let opened = state.opened.clone();
        let done = self.apply(&mut state, Way::Load).await.and_then(|mut outcome| match outcome.obstacle.take() {
            Some(error) if !layout.spec.internal => Err(error),
            Some(_) | None => {
                outcome.notes.extend(state.opened.iter().filter(|place| !opened.contains(place)).map(accepts));
                outcome.notes.extend(state.missing.as_ref().filter(|_| !layout.spec.internal).map(closed));
                outcome.notes.extend(state.unread.as_ref().filter(|_| !layout.spec.internal).map(uncertain));
                Ok(outcome)
            }
        });
        if let (Err(_), Some(before)) = (&done, before) {
            state.networks.insert(layout.spec.id.clone(), before);
        }
        done
    }

    /// Closes a network's way out; on failure it is still to be closed. That of one of which nothing was loaded needs no rights.
    pub(super) async fn close(&self, id: &str) -> Result<(), KernelError> {
        let mut state = self.state.lock().await;
        let Some(layout) = state.networks.remove(id) else { return Ok(()) };
        if !state.begun.contains(id) {
            state.right = None;
            return Ok(());
        }
        state.leaving = Some(layout.ifname.clone());
        let done = self.apply(&mut state, Way::Load).await.map(drop);
        state.leaving = None;
        if done.is_err() {
            state.networks.insert(id.to_owned(), layout);
        } else {
            state.begun.remove(id);
            // Whoever has an interface of that name from now on is somebody else.
            state.earlier.remove(&layout.ifname);
        }
        done
    }

    /// Brings everything to what the known networks want, if it is not so. Where nobody has changed anything since the last time,
    /// that costs one message to the kernel. What is said was not said the last time.
    pub(super) async fn settle(&self) -> Result<Outcome, KernelError> {
        let mut state = self.state.lock().await;
        let mut outcome = self.apply(&mut state, Way::Check).await?;
        let wanted = state.networks.values().any(|layout| !layout.spec.internal);
        let why = state.missing.clone().or_else(|| state.obstacle.clone()).filter(|_| wanted);
        let unread = state.unread.as_ref().filter(|_| wanted).map(uncertain);
        let tell: Vec<_> = why.as_ref().map(closed).into_iter().chain(unread).chain(state.stays.iter().cloned()).collect();
        outcome.notes.extend(tell.iter().filter(|one| !state.told.contains(one)).cloned());
        state.told = tell;
        Ok(outcome)
    }

    /// Whether what leaves a gateway may be forwarded.
    pub(super) async fn is_open(&self) -> bool {
        self.state.lock().await.loaded
    }

    /// Why nothing leaves the host, as far as it was seen last.
    pub(super) fn closed(&self) -> Option<String> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where tables of others accept our packets.
    pub(super) async fn opened(&self) -> Vec<Opened> {
        self.state.lock().await.opened.clone()
    }
}
