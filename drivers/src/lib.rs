//! The drivers of Docker's Container Network Model, and the kernel that they act on.
//!
//! [`driver`] says what every kind of network does; [`null`], [`host`], [`bridge`] and [`overlay`] are kinds of network. [`kernel`] makes namespaces, interfaces, addresses and routes: one trait with a
//! Linux, an in-memory and a failing twin, so that whatever acts on a kernel is tested without rights too. It is *not* the data
//! plane: no frame passes here.

pub mod bridge;
pub mod defaults;
pub mod driver;
mod hash;
pub mod host;
pub mod kernel;
mod nearest;
pub mod null;
pub mod overlay;
mod switched;
