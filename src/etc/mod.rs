//! The two files of a sandbox: `/etc/hosts` and `/etc/resolv.conf`.
//!
//! Their texts are pure functions ([`hosts`], [`resolv`], [`sources`], [`merge`]): what the host has and what was asked for go in, text comes
//! out. Only [`files`] touches a disk. Nothing here mounts anything: whoever enters the sandbox does, as `ip netns exec` has it.

pub mod files;
pub mod hosts;
pub mod merge;
pub mod resolv;
pub mod sources;

pub use files::{EtcError, Outcome, SandboxFiles};
