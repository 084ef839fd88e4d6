//! Places for TCP connections: so many and no more, and the one that is idle for longest makes room.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::AbortHandle;

/// All connections of a server.
#[derive(Debug, Default)]
pub(super) struct Connections {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// Grows with everything that happens, and so tells what was first.
    now: u64,
    by_id: BTreeMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    /// Since when nothing is asked; `None` while something is.
    idle_since: Option<u64>,
    task: AbortHandle,
}

/// The place of one connection; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    id: u64,
}

/// What became of a connection that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// There was room.
    Free,
    /// The one that was idle for longest was closed for it.
    Instead,
    /// All are busy, so it was not taken.
    Full,
}

impl Connections {
    /// Finds a place, if all but `most` are taken or one can be freed, and lets `start` begin the task that has it.
    pub(super) fn take(self: &Arc<Self>, most: usize, start: impl FnOnce(Place) -> AbortHandle) -> Taken {
        let mut table = self.table();
        let crowded = table.by_id.len() >= most;
        if crowded && !table.free_oldest_idle() {
            return Taken::Full;
        }
        let id = table.tick();
        let task = start(Place { connections: self.clone(), id });
        table.by_id.insert(id, Entry { idle_since: Some(id), task });
        if crowded { Taken::Instead } else { Taken::Free }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing that is done under it can be left half done.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.now += 1;
        self.now
    }

    fn free_oldest_idle(&mut self) -> bool {
        let idle = self.by_id.iter().filter_map(|(id, entry)| Some((entry.idle_since?, *id)));
        let Some((_, oldest)) = idle.min() else { return false };
        if let Some(entry) = self.by_id.remove(&oldest) {
            entry.task.abort();
        }
        true
    }
}

impl Place {
    /// Something was asked.
    pub(super) fn busy(&self) {
        if let Some(entry) = self.connections.table().by_id.get_mut(&self.id) {
            entry.idle_since = None;
        }
    }

    /// All that was asked is answered.
    pub(super) fn idle(&self) {
        let mut table = self.connections.table();
        let now = table.tick();
        if let Some(entry) = table.by_id.get_mut(&self.id) {
            entry.idle_since = Some(now);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table().by_id.remove(&self.id);
    }
}
