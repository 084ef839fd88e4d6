//! VXLAN (RFC 7348) as a pure machine: Ethernet frames inside UDP datagrams, between tunnel end points (VTEPs).
//!
//! [`Vtep`] is one end of one VXLAN network: it knows its peers, which of them leads to an address, and who may send to it. It
//! reads and writes bytes, and holds no socket: whoever owns those (`lanloom-switch-io`) hands it datagrams and asks where frames go.
//!
//! What came out of the tunnel never goes back into it: the tunnel is one port of its switch, and a port never gets what came
//! from it (RFC 7348 says nothing of loops; this is the split horizon of full meshes, RFC 4762, 4.4).
//!
//! | file | one idea |
//! |---|---|
//! | `config.rs` | what a tunnel end is made with |
//! | `header.rs` | the eight bytes in front of a frame |
//! | `flow.rs` | the source port that keeps a flow together and flows apart |
//! | `outer.rs` | TOS, TTL and congestion marks of the packet outside |
//! | `vtep.rs`, `peers.rs`, `hand.rs` | the machine: what comes in, where frames go; its peers; what hands reach |
//! | `unknown.rs` | who sends and is no peer |
//! | [`probe`], `checks.rs` | whether peers are well; which of them are asked |

mod checks;
mod config;
mod flow;
mod hand;
mod header;
mod outer;
mod peers;
pub mod probe;
mod unknown;
mod vtep;

pub use config::{Group, InnerTags, ReservedBits, Tos, Ttl, VNI_MAX, Vni, VtepConfig};
pub use flow::{SOURCE_PORTS, flow_hash};
pub use hand::{HandError, VtepEntry};
pub use header::{HEADER_LEN, UDP_PORT, header, read_vni, untagged};
pub use outer::{Marks, NotCapable, Outside, congestion, mark, outside};
pub use peers::{PEERS_MAX, Peer, PeerId};
pub use unknown::UnknownSender;
pub use vtep::{Inside, Vtep};

/// Bytes that a tunnel over IPv4 adds to a frame's payload: IPv4, UDP, VXLAN and the frame's own Ethernet header (RFC 7348, 4.3).
pub const OVERHEAD_V4: u32 = 20 + 8 + 8 + 14;

/// The same over IPv6.
pub const OVERHEAD_V6: u32 = 40 + 8 + 8 + 14;
