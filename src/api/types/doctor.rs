//! How a network is, and what is wrong with it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A network as this host sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Diagnosis {
    /// The network's name.
    pub network: String,
    /// Whether nothing is wrong.
    pub ok: bool,
    /// What is wrong, in the order of where to look first.
    pub findings: Vec<Finding>,
    /// The hosts that it reaches by tunnels.
    pub peers: Vec<PeerInfo>,
    /// Who is on it here.
    pub members: Vec<Member>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What kind of fault: `underlay_down`, `tunnel_down`, `wrong_vni`, `missing_fdb_entry`, `mtu_too_small`, `unknown_peer`, `peer_dead`,
    /// `peer_deaf`, `peer_lossy`, `sandbox_down` or `note`.
    pub fault: String,
    /// Where it is.
    pub place: String,
    /// What was seen.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

/// Who is on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The endpoint's name.
    pub endpoint: String,
    /// The sandbox that it is in.
    pub sandbox: Option<String>,
    /// Whether frames reach it: `up`, `down`, `lost` if its namespace is gone, or `free` if it is in no sandbox.
    pub state: String,
    /// Why they do not, if it is down.
    pub why: Option<String>,
}

/// A host that a network reaches by a tunnel, as probes inside that tunnel show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PeerInfo {
    /// Its address outside.
    pub address: String,
    /// The VXLAN network.
    pub vni: u32,
    /// The port that the tunnel is.
    pub port: String,
    /// Whether broadcasts and unknown addresses are sent to it.
    pub flooded: bool,
    /// Whether it answers probes: `yes`, `no_longer`, or `never`, as a VTEP that is not ours.
    pub answers: String,
    /// Milliseconds since anything came from it; none if nothing ever did.
    pub last_heard_ms: Option<u64>,
    /// Microseconds from a probe to its answer, smoothed.
    pub round_trip_us: Option<u64>,
    /// The same of the last one.
    pub round_trip_last_us: Option<u64>,
    /// How many of the last probes were lost.
    pub lost: u32,
    /// How many those are, 64 at most.
    pub asked: u32,
    /// Bytes of the largest payload that was seen to reach it.
    pub path_mtu: Option<u32>,
    /// Bytes of the smallest that did not; none if all did.
    pub path_mtu_below: Option<u32>,
}
