//! Why a pool or an address was refused. The first words are libnetwork's where it has words for it.

mod address;
mod pool;
mod tried;

pub use address::AddressError;
pub use pool::PoolError;
pub use tried::{Met, Tried};

use std::fmt;

/// Things in a row, with that between them.
fn list(between: &str, things: impl IntoIterator<Item = impl fmt::Display>) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(between)
}
