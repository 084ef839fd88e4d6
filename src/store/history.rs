//! What changed lately, and those who wait for more.
//!
//! A bounded ring of the last transactions, shared by the embedded store and the one in memory. A watcher reads it at its own
//! pace; one that falls behind the ring is told so ([`WatchEvent::Compacted`]) and has to read the range anew.

use super::{Answer, Pair, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Transactions that are kept for watchers.
pub(super) const KEPT: usize = 256;

/// What one transaction changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The transaction's revision.
    pub revision: u64,
    /// In the order of its operations.
    pub changes: Vec<Change>,
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Written.
    Put(Pair),
    /// Removed.
    Deleted(String),
}

/// What a watch tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// A transaction that changed something under the watched prefix.
    Changes(Changes),
    /// Transactions before this revision are no longer known. Read the range and watch anew; this watch says nothing else.
    Compacted {
        /// The oldest revision that a watch can start from.
        oldest: u64,
    },
}

/// A watch, from [`Store::watch`](super::Store::watch).
pub trait Watch: Send {
    /// Waits for the next event.
    fn next(&mut self) -> Answer<'_, WatchEvent>;
}

impl Change {
    fn key(&self) -> &str {
        match self {
            Self::Put(pair) => &pair.key,
            Self::Deleted(key) => key,
        }
    }
}

/// The ring. Dropping it ends the watches on it.
#[derive(Debug)]
pub(super) struct History {
    ring: Arc<Mutex<Ring>>,
    newest: watch::Sender<u64>,
    kept: usize,
}

/// Transactions of revisions `oldest` to `oldest + len - 1`, without a gap.
#[derive(Debug)]
struct Ring {
    oldest: u64,
    transactions: VecDeque<Changes>,
}

impl History {
    /// Of a store that is at `revision` and whose past nobody knows, for the next `kept` transactions.
    pub(super) fn new(revision: u64, kept: usize) -> Self {
        let ring = Arc::new(Mutex::new(Ring { oldest: revision + 1, transactions: VecDeque::new() }));
        Self { ring, newest: watch::Sender::new(revision), kept }
    }

    /// Takes the transaction of the next revision.
    pub(super) fn push(&self, changes: Changes) {
        let revision = changes.revision;
        let mut ring = lock(&self.ring);
        ring.transactions.push_back(changes);
        if ring.transactions.len() > self.kept {
            ring.transactions.pop_front();
            ring.oldest += 1;
        }
        drop(ring);
        self.newest.send_replace(revision);
    }

    /// The store is at `revision` by a way that nobody can tell.
    pub(super) fn forget(&self, revision: u64) {
        *lock(&self.ring) = Ring { oldest: revision + 1, transactions: VecDeque::new() };
        self.newest.send_replace(revision);
    }

    pub(super) fn watch(&self, prefix: &str, from_revision: u64) -> Box<dyn Watch> {
        let (ring, newest) = (Arc::clone(&self.ring), self.newest.subscribe());
        Box::new(Watcher { ring, newest, prefix: prefix.to_owned(), next: from_revision })
    }
}

struct Watcher {
    ring: Arc<Mutex<Ring>>,
    newest: watch::Receiver<u64>,
    prefix: String,
    next: u64,
}

impl Watcher {
    /// The next event that is already known.
    fn known(&mut self) -> Option<WatchEvent> {
        let ring = lock(&self.ring);
        if self.next < ring.oldest {
            return Some(WatchEvent::Compacted { oldest: ring.oldest });
        }
        let skip = usize::try_from(self.next - ring.oldest).unwrap_or(usize::MAX);
        for transaction in ring.transactions.iter().skip(skip) {
            self.next = transaction.revision + 1;
            let ours = transaction.changes.iter().filter(|change| change.key().starts_with(&self.prefix));
            let changes: Vec<_> = ours.cloned().collect();
            if !changes.is_empty() {
                return Some(WatchEvent::Changes(Changes { revision: transaction.revision, changes }));
            }
        }
        None
    }
}

impl Watch for Watcher {
    fn next(&mut self) -> Answer<'_, WatchEvent> {
        Box::pin(async move {
            loop {
                self.newest.borrow_and_update();
                if let Some(event) = self.known() {
                    return Ok(event);
                }
                self.newest.changed().await.map_err(|_| StoreError::Closed)?;
            }
        })
    }
}

/// A panic while the ring was held cannot have left it half changed in a way that matters: it is only read and pushed to.
fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}
