//! Numbers that nobody outside can guess: ids of queries, and orders of answers.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Hashes a counter under a secret key of the operating system's making (SipHash, a keyed pseudorandom function).
#[derive(Debug, Default)]
pub(super) struct Seeds {
    key: RandomState,
    count: AtomicU64,
}

impl Seeds {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Another one each time.
    pub(super) fn next(&self) -> u64 {
        self.key.hash_one(self.count.fetch_add(1, Ordering::Relaxed))
    }

    /// An id for a query.
    pub(super) fn id(&self) -> u16 {
        (self.next() >> 48) as u16
    }
}
