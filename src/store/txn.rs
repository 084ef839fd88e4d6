//! Many changes or none.

use super::error::StoreError;
use std::collections::HashSet;

/// Operations, and compares, that one transaction may have: etcd's `--max-txn-ops`.
pub const OPERATIONS_MAX: usize = 128;

/// Bytes of keys and values that one transaction may have, below etcd's `--max-request-bytes` of 1.5 MiB.
pub const SIZE_MAX: usize = 1 << 20;

/// Bytes that a key may have.
pub const KEY_MAX: usize = 512;

/// Operations to do if all compares hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// What must be so.
    pub compares: Vec<Compare>,
    /// What is done then, each to another key.
    pub operations: Vec<Operation>,
}

/// What must be so for a transaction to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compare {
    /// There is no such key.
    Absent(String),
    /// The key was written last by the transaction of that revision.
    Unchanged {
        /// The key.
        key: String,
        /// The revision, as in [`Pair::mod_revision`](super::Pair::mod_revision).
        mod_revision: u64,
    },
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Writes a pair, new or not.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// Removes a key, if there is one.
    Delete {
        /// The key.
        key: String,
    },
}

/// How a transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; the store has this revision. One that changed nothing leaves the revision as it was.
    Committed(u64),
    /// Not done: the compare of this key did not hold.
    Conflict(String),
}

impl Txn {
    /// A transaction without conditions.
    pub fn of(operations: impl IntoIterator<Item = Operation>) -> Self {
        Self { compares: Vec::new(), operations: operations.into_iter().collect() }
    }

    /// The same on condition.
    pub fn only_if(mut self, compare: Compare) -> Self {
        self.compares.push(compare);
        self
    }

    /// Whether every store would take it.
    ///
    /// # Errors
    /// [`StoreError::TooMany`], [`StoreError::TooLarge`], [`StoreError::Key`], [`StoreError::Twice`].
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let most = self.operations.len().max(self.compares.len());
        if most > OPERATIONS_MAX {
            return Err(StoreError::TooMany(most));
        }
        let compared = self.compares.iter().map(|compare| (compare.key(), 0));
        let size = compared.chain(self.operations.iter().map(|operation| (operation.key(), operation.value_len())));
        let mut bytes = 0;
        for (key, value) in size {
            if key.is_empty() || key.len() > KEY_MAX || key.contains('\0') {
                return Err(StoreError::Key(key.to_owned()));
            }
            bytes += key.len() + value;
        }
        if bytes > SIZE_MAX {
            return Err(StoreError::TooLarge(bytes));
        }
        let mut seen = HashSet::new();
        match self.operations.iter().find(|operation| !seen.insert(operation.key())) {
            Some(again) => Err(StoreError::Twice(again.key().to_owned())),
            None => Ok(()),
        }
    }
}

impl Compare {
    /// The key compared.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent(key) | Self::Unchanged { key, .. } => key,
        }
    }

    /// Whether it holds for a key written last at `mod_revision`, `None` if there is no such key.
    pub(super) fn holds(&self, found: Option<u64>) -> bool {
        match self {
            Self::Absent(_) => found.is_none(),
            Self::Unchanged { mod_revision, .. } => found == Some(*mod_revision),
        }
    }
}

impl Operation {
    /// The key changed.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn value_len(&self) -> usize {
        match self {
            Self::Put { value, .. } => value.len(),
            Self::Delete { .. } => 0,
        }
    }
}
