//! Switches.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A switch to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchCreate {
    /// 1 to 63 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// Seconds after which a learned address that is not heard again is forgotten, 10 to 1,000,000; 300 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ageing_secs: Option<u32>,
    /// How many addresses it may know; 65,536 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdb_limit: Option<u32>,
}

/// What to change of a switch; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SwitchChange {
    /// As in [`SwitchCreate::ageing_secs`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ageing_secs: Option<u32>,
}

/// A switch as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SwitchInfo {
    /// Its name.
    pub name: String,
    /// Seconds until an address that is not heard again is forgotten.
    pub ageing_secs: u32,
    /// The spanning tree protocol it runs: `off`.
    pub stp: String,
    /// How many ports it has.
    pub ports: usize,
    /// How many addresses it knows.
    pub fdb_entries: usize,
    /// How many addresses it may know.
    pub fdb_limit: usize,
    /// The engine thread that it is on, from 0.
    pub engine: usize,
    /// Microseconds that thread looks for more frames now before it sleeps: as far as that has been worth it lately.
    pub spin_now_micros: u64,
    /// Who made it: `command`, `config` or `network`.
    pub origin: String,
}
