//! The filtering database.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// One address that a switch knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FdbEntry {
    /// The address, like `02:00:00:00:00:0a`.
    pub mac: String,
    /// Where it is.
    pub port: String,
    /// Which other end of that port's tunnel leads to it, by its address; an entry of the zero address has floods sent there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<String>,
    /// Its VLAN; 0 on a switch that does not look at tags.
    pub vid: u16,
    /// Set by hand, so that it neither ages nor moves.
    #[serde(rename = "static")]
    pub is_static: bool,
    /// Learned or set, and bound to its port.
    #[serde(default)]
    pub sticky: bool,
    /// Whole seconds since it was last heard.
    pub age_secs: u64,
}

/// An address to set by hand. The zero address with `dst` has the floods of a tunnel sent to that end too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FdbAdd {
    /// The address.
    pub mac: String,
    /// Where it is.
    pub port: String,
    /// Which other end of that port's tunnel leads to it, by its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<String>,
    /// Its VLAN; 0 if not given.
    #[serde(default)]
    pub vid: u16,
    /// Ages like a learned address, but never moves to another port.
    #[serde(default)]
    pub sticky: bool,
}

/// The rest of an entry's key, beside its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FdbKey {
    /// Its VLAN; 0 if not given.
    #[serde(default)]
    pub vid: u16,
    /// Only if it leads to that other end of a tunnel, by its address. The zero address needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<String>,
    /// Only if it is on this port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

/// Which learned addresses to forget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FdbFlush {
    /// Those of this port only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}

/// What a flush did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FdbFlushed {
    /// How many addresses were forgotten.
    pub flushed: usize,
}
