//! A store that forgets: for `--ephemeral` and tests.

use super::history::{self, History};
use super::{Answer, Change, Changes, Operation, Outcome, Pair, Range, Store, StoreError, Txn, Watch};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in memory, gone with its last owner.
#[derive(Debug)]
pub struct Memory {
    pairs: Mutex<Pairs>,
    history: History,
}

#[derive(Debug, Default)]
struct Pairs {
    pairs: BTreeMap<String, (u64, Vec<u8>)>,
    revision: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { pairs: Mutex::default(), history: History::new(0, history::KEPT) }
    }
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Pairs> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
        txn.check()?;
        let mut store = self.lock();
        let found = |key: &str| store.pairs.get(key).map(|(mod_revision, _)| *mod_revision);
        if let Some(failed) = txn.compares.iter().find(|compare| !compare.holds(found(compare.key()))) {
            return Ok(Outcome::Conflict(failed.key().to_owned()));
        }
        let revision = store.revision + 1;
        let changes: Vec<_> = txn.operations.into_iter().filter_map(|operation| store.apply(operation, revision)).collect();
        if !changes.is_empty() {
            store.revision = revision;
            self.history.push(Changes { revision, changes });
        }
        Ok(Outcome::Committed(store.revision))
    }
}

impl Pairs {
    fn apply(&mut self, operation: Operation, revision: u64) -> Option<Change> {
        match operation {
            Operation::Put { key, value } => {
                self.pairs.insert(key.clone(), (revision, value.clone()));
                Some(Change::Put(Pair { key, value, mod_revision: revision }))
            }
            Operation::Delete { key } => self.pairs.remove(&key).map(|_| Change::Deleted(key)),
        }
    }
}

impl Store for Memory {
    fn range<'a>(&'a self, prefix: &'a str) -> Answer<'a, Range> {
        Box::pin(async move {
            let store = self.lock();
            let from = store.pairs.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
            let pair = |(key, (mod_revision, value)): (&String, &(u64, Vec<u8>))| Pair {
                key: key.clone(),
                value: value.clone(),
                mod_revision: *mod_revision,
            };
            Ok(Range { pairs: from.map(pair).collect(), revision: store.revision })
        })
    }

    fn txn(&self, txn: Txn) -> Answer<'_, Outcome> {
        Box::pin(async move { self.commit(txn) })
    }

    fn watch(&self, prefix: &str, from_revision: u64) -> Box<dyn Watch> {
        self.history.watch(prefix, from_revision)
    }
}
