//! The daemon's face: HTTP/1.1 and JSON on a Unix socket.
//!
//! | module | one idea |
//! |---|---|
//! | [`types`] | every request and answer, with the keys that users see |
//! | [`socket`] | where the socket is |
//! | [`client`] | what the command line speaks through |
//!
//! It decides nothing about switches: the controller does. It checks what comes in, and gives every refusal the same shape
//! ([`types::ApiError`]).

pub mod client;
pub mod socket;
pub mod types;
