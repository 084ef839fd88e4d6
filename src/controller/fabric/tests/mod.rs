//! The controller on a kernel in memory: what it makes, finds again, undoes and leaves.

mod house;
mod objects;
mod restart;
mod rollback;
