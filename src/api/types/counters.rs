//! Frames, bytes, and drops by reason.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Drops by reason; reasons without any are left out.
pub type Drops = BTreeMap<String, u64>;

/// A switch's counters. On every port, `rx.frames = forwarded + consumed + dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counters {
    /// The switch.
    pub switch: String,
    /// Its ports, in the order they were made.
    pub ports: Vec<PortCounters>,
    /// Drops of all its ports together.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    pub drops: Drops,
    /// Addresses known now.
    #[serde(default)]
    pub fdb_entries: u64,
    /// Addresses that were heard on another port than before.
    #[serde(default)]
    pub fdb_moves: u64,
    /// Addresses that lost their place to another because the table was full.
    #[serde(default)]
    pub fdb_evictions: u64,
}

/// A port's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PortCounters {
    /// The port.
    pub port: String,
    /// Received.
    pub rx: Flow,
    /// Sent.
    pub tx: Flow,
    /// Received frames that were sent on to one port or more.
    pub forwarded: u64,
    /// Received frames that were for the switch itself.
    pub consumed: u64,
    /// Frames that the switch made and sent here.
    pub generated: u64,
    /// Drops by reason.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    pub drops: Drops,
}

/// Frames in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Flow {
    /// Frames, super-frames counting as one.
    pub frames: u64,
    /// Bytes, from the destination address on.
    pub bytes: u64,
    /// How many of the frames were super-frames.
    pub gso_frames: u64,
    /// Wire frames that those stood for.
    pub gso_segments: u64,
}

/// Which ports' counters to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PortQuery {
    /// Those of this port only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
}
