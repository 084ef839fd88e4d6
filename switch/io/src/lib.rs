//! Links, buffers and engine threads: everything of the data plane that touches the kernel.
//!
//! The deciding is `lanloom-switch-core`'s; this crate receives batches of frames from [`link::Link`]s, asks the core for
//! verdicts, and sends. One direction, one file a stage:
//!
//! ```text
//! link.recv ─▶ engine ─▶ offload::check ─▶ switch_core::Switch ─▶ engine (group by port) ─▶ offload::cut? ─▶ link.send
//! ```

#![deny(unsafe_code)]

pub mod buffer;
pub mod capture;
pub mod clock;
pub mod engine;
pub mod holder;
pub mod link;
pub mod offload;
pub mod plug;
mod sys;
pub mod underlay;
pub mod vnet;
