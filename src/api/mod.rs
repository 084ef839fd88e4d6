//! The daemon's face: HTTP/1.1 and JSON on a Unix socket.
//!
//! | module | one idea |
//! |---|---|
//! | [`types`] | every request and answer, with the keys that users see |
//! | [`client`] | what the command line speaks through, and where the socket is |
//! | [`http`] | routes, limits, and what a refusal looks like |
//! | [`service`] | from those requests to the controller, and back |
//! | [`metrics`] | counters for Prometheus |
//! | `capture` | records into pieces of a file, or lines |
//!
//! It decides nothing about switches: the controller does. It checks what comes in, and gives every refusal the same shape
//! ([`types::ApiError`]).

mod capture;
pub mod client;
pub mod http;
pub mod metrics;
pub mod service;
mod time;
pub mod types;
