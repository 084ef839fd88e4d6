//! Values of options that only bridges have. What libnetwork says of a bad one is said here too.

use super::GatewayMode;
use crate::kernel::IfName;
use crate::switched::options::{Fault, unread};

pub(super) fn mode(_key: &str, value: &str) -> Result<GatewayMode, Fault> {
    match value {
        "" | "nat" => Ok(GatewayMode::Nat),
        "nat-unprotected" => Ok(GatewayMode::NatUnprotected),
        "routed" => Ok(GatewayMode::Routed),
        "isolated" => Ok(GatewayMode::Isolated),
        _ => Err(Fault::new(format!("unknown gateway mode {value}"), "write nat, nat-unprotected, routed or isolated")),
    }
}

pub(super) fn interface(key: &str, value: &str) -> Result<IfName, Fault> {
    IfName::new(value)
        .map_err(|error| unread(key, value, error.why(), "an interface's name has 1 to 15 bytes, no blank, `/` or `:`"))
}

/// Names parted by colons; none at all is no name.
pub(super) fn interfaces(key: &str, value: &str) -> Result<Vec<IfName>, Fault> {
    value.split(':').filter(|name| !name.is_empty()).map(|name| interface(key, name)).collect()
}
