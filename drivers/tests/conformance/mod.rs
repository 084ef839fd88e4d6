//! The suite that every twin of the kernel passes: each case is a promise of the trait.

pub(crate) mod addresses;
pub(crate) mod bench;
mod faults;
pub(crate) mod firewalls;
pub(crate) mod forwards;
pub(crate) mod links;
mod linux;
pub(crate) mod namespaces;
mod neighbours;
mod packets;
pub(crate) mod plans;
pub(crate) mod redirects;
pub(crate) mod settings;
pub(crate) mod sockets;
mod tap;
