//! Ports that are ends of VXLAN networks.

use super::Flow;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The end of a VXLAN network that a port is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TunnelInfo {
    /// The network.
    pub vni: u32,
    /// The address of this host that it sends from and receives at.
    pub local: String,
    /// The UDP port that all ends receive at.
    pub udp_port: u16,
    /// A multicast group that floods are sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The interface that the group is reached by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// Whether it is learned from frames which other end leads to their source.
    pub learning: bool,
    /// What becomes of datagrams whose reserved bits are not zero: `strict`, they are dropped, or `ignore`.
    pub reserved: String,
    /// What becomes of VLAN tags inside: `discard`, or `keep`.
    pub tags: String,
    /// Hops of the packets outside: a number, `inherit`, or `default`.
    pub ttl: String,
    /// Traffic class of the packets outside: a number, or `inherit`.
    pub tos: String,
    /// Whether the switch answers for hosts that it knows, in place of asking the other ends.
    pub suppress: bool,
    /// Bytes of the longest packet that goes to the other ends; none if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub underlay_mtu: Option<u32>,
    /// Bytes of it that the tunnel needs.
    pub overhead: u32,
    /// Addresses that are known to be behind other ends.
    pub addresses: usize,
    /// How it works here: source ports, and what the kernel does for it or not.
    pub works: Vec<String>,
    /// What the kernel said last when it did not send, for this tunnel or another of the same address and UDP port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TunnelTrouble>,
    /// Datagrams lost in the kernel's queue, which was full, by all tunnels of the same address and UDP port.
    pub lost: u64,
    /// The other ends, the group among them; none as long as it waits.
    pub peers: Vec<TunnelPeer>,
    /// What came to its address and UDP port for networks that are not here, or for this one from who is no peer.
    pub strays: Vec<TunnelStray>,
}

/// Another end of a VXLAN network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TunnelPeer {
    /// Its address.
    pub address: String,
    /// Whether it was named, and not only learned.
    pub named: bool,
    /// Whether floods are sent to it.
    pub flooded: bool,
    /// Received from it, as frames inside.
    pub rx: Flow,
    /// Sent to it, as frames inside.
    pub tx: Flow,
    /// Milliseconds since anything came from it; none if nothing ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_heard_ms: Option<u64>,
    /// Whether it answers probes: `yes`, `no_longer`, or `never`, as an end that is not ours; none if it is not probed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<String>,
    /// Microseconds from a probe to its answer, smoothed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_us: Option<u64>,
    /// Bytes of the largest payload that was seen to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_mtu: Option<u32>,
}

/// A time when the kernel did not send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TunnelTrouble {
    /// To whom.
    pub to: String,
    /// What it said.
    pub what: String,
    /// Milliseconds since then.
    pub ago_ms: u64,
}

/// Datagrams of a network that no tunnel here is of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TunnelStray {
    /// Who sent them.
    pub from: String,
    /// Their network.
    pub vni: u32,
    /// How many.
    pub datagrams: u64,
    /// Milliseconds since the last one.
    pub ago_ms: u64,
}
