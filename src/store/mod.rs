//! Records that outlive the daemon: pairs of key and value under a global revision, in the shape of etcd's API.
//!
//! [`Store::range`] reads what stands under a prefix, [`Store::txn`] writes many pairs or none, [`Store::watch`] tells what
//! changed since a revision. The revision grows by one with each transaction that changes something. Values are JSON with a
//! schema number ([`encode`], [`decode`]); keys are the same in every store.
//!
//! It is *not* a cache (objects live in the controller's registries) and it knows no object: only keys and bytes. Leases, which
//! etcd has, are left out until something needs them.
//!
//! | kind | for |
//! |---|---|
//! | [`Embedded`] | a daemon: one crash-safe file in its state directory |
//! | [`Memory`] | `--ephemeral` and tests |

mod embedded;
mod error;
mod history;
mod memory;
mod record;
mod txn;

#[cfg(test)]
mod conformance;

pub use embedded::Embedded;
pub use error::StoreError;
pub use history::{Change, Changes, Watch, WatchEvent};
pub use memory::Memory;
pub use record::{RecordError, decode, encode};
pub use txn::{Compare, KEY_MAX, OPERATIONS_MAX, Operation, Outcome, SIZE_MAX, Txn};

use std::future::Future;
use std::pin::Pin;

/// What a store answers later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// A store. Needs a tokio runtime around it.
pub trait Store: Send + Sync {
    /// The pairs whose keys start with `prefix`, by key, and the revision at which this was so.
    fn range<'a>(&'a self, prefix: &'a str) -> Answer<'a, Range>;

    /// Does all operations if all compares hold, and otherwise nothing. What is answered as committed survives a crash of the
    /// process and of the machine, in a store that keeps anything at all.
    fn txn(&self, txn: Txn) -> Answer<'_, Outcome>;

    /// What changes under `prefix` from `from_revision` on, that one included. To follow on from a [`Range`], give its revision
    /// plus one.
    fn watch(&self, prefix: &str, from_revision: u64) -> Box<dyn Watch>;
}

/// A key, its value, and when it was written last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Not empty, at most [`KEY_MAX`] bytes.
    pub key: String,
    /// What it says.
    pub value: Vec<u8>,
    /// The revision of the transaction that wrote it.
    pub mod_revision: u64,
}

/// The answer to [`Store::range`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// By key.
    pub pairs: Vec<Pair>,
    /// When this was so.
    pub revision: u64,
}
