//! Ports.

use super::TunnelInfo;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A port to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortAdd {
    /// What to plug in: `tap://IFNAME`, `veth://IFNAME?netns=NAME`, `iface://IFNAME` or `vxlan://VNI?local=ADDRESS`.
    pub url: String,
    /// Its name; `p` and the lowest free number if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// What to change of a port; what is not given stays. The names are those of `bridge link`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortChange {
    /// Administratively up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<bool>,
    /// Whether source addresses are learned here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<bool>,
    /// Whether frames to unknown unicast addresses are flooded here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flood: Option<bool>,
    /// Whether multicast frames are flooded here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcast_flood: Option<bool>,
    /// Whether broadcasts are flooded here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bcast_flood: Option<bool>,
    /// Isolated ports exchange frames only with ports that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated: Option<bool>,
    /// Largest payload in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Which of 01-80-C2-00-00-01…0F pass: `lacp`, `lldp`, … or a last digit `0x1` to `0xf`. Replaces those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Vec<String>>,
    /// How much of what arrives here may be flooded: frames a second and at once, `10000:2000`, or `off`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storm: Option<String>,
    /// How many learned addresses this port may hold; 0 is bounded by the switch alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdb_limit: Option<u32>,
    /// Whether a frame from one address more is dropped, in place of the port's oldest address being forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fdb_limit_drops: Option<bool>,
}

/// A port as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PortInfo {
    /// Its name.
    pub port: String,
    /// What is plugged in.
    pub url: String,
    /// Whether it carries frames.
    pub state: PortState,
    /// Why it does not; empty if it does.
    pub reason: String,
    /// Largest payload in bytes.
    pub mtu: u32,
    /// What its link takes unfinished or uncut, and what else is worth saying of it.
    pub features: Vec<String>,
    /// Administratively up.
    pub admin_up: bool,
    /// Whether source addresses are learned here.
    pub learning: bool,
    /// Whether frames to unknown unicast addresses are flooded here.
    pub flood: bool,
    /// Whether multicast frames are flooded here.
    pub mcast_flood: bool,
    /// Whether broadcasts are flooded here.
    pub bcast_flood: bool,
    /// Isolated ports exchange frames only with ports that are not.
    pub isolated: bool,
    /// Which of 01-80-C2-00-00-01…0F pass.
    pub forward: Vec<String>,
    /// How much of what arrives here may be flooded: frames a second and at once, or `off`.
    pub storm: String,
    /// How many learned addresses this port may hold; none is bounded by the switch alone.
    pub fdb_limit: Option<u32>,
    /// Whether a frame from one address more is dropped.
    pub fdb_limit_drops: bool,
    /// Who made it: `command`, `config` or `network`.
    pub origin: String,
    /// The end of a VXLAN network that it is, if it is one; left out where ports are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<TunnelInfo>,
}

/// Whether a port carries frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PortState {
    /// It does.
    Up,
    /// It does not; [`PortInfo::reason`] says why.
    Down,
}
