//! The controller on a kernel in memory: what it makes, finds again, undoes and leaves.

pub(in crate::controller) mod house;
mod objects;
mod restart;
mod rollback;
mod tunnels;
