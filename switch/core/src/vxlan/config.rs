//! What a tunnel end is made with.

use std::fmt;
use std::net::IpAddr;

/// The largest VXLAN network identifier: it has 24 bits.
pub const VNI_MAX: u32 = 0x00ff_ffff;

/// A VXLAN network identifier, 0 to [`VNI_MAX`] (RFC 7348, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vni(u32);

impl Vni {
    /// The identifier of that number, `None` above [`VNI_MAX`].
    pub const fn new(number: u32) -> Option<Self> {
        if number <= VNI_MAX { Some(Self(number)) } else { None }
    }

    /// Its number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Vni {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// What becomes of a datagram whose reserved bits are not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReservedBits {
    /// It is dropped (`vxlan_malformed`), as Linux and OVS do: the sender means something that this end does not know.
    #[default]
    Strict,
    /// They are ignored, as RFC 7348, 5, has it.
    Tolerant,
}

/// What becomes of a VLAN tag inside the tunnel (RFC 7348, 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum InnerTags {
    /// None comes out of it (`vlan_filtered`) and none goes into it: a tag is taken off on the way in.
    #[default]
    Discard,
    /// Tags pass.
    Keep,
}

/// The traffic class of the packets outside. Its two lowest bits are always those of congestion (RFC 6040).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tos {
    /// This one.
    Fixed(u8),
    /// That of the packet inside; 0 for what is no IP.
    Inherit,
}

impl Default for Tos {
    fn default() -> Self {
        Self::Fixed(0)
    }
}

/// How many hops the packets outside may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Ttl {
    /// As many as the kernel gives any packet; 1 to a multicast group.
    #[default]
    Default,
    /// So many.
    Fixed(u8),
    /// As many as the packet inside; the default for what is no IP.
    Inherit,
}

/// A multicast group that floods are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its address.
    pub address: IpAddr,
    /// The interface by which it is reached.
    pub ifname: String,
}

/// One end of one VXLAN network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VtepConfig {
    /// The network.
    pub vni: Vni,
    /// The address that this end sends from and receives at.
    pub local: IpAddr,
    /// The UDP port that all ends receive at, [`UDP_PORT`](super::UDP_PORT) by default.
    pub port: u16,
    /// Where floods are sent, a copy each (head-end replication), and who may send to this end.
    pub peers: Vec<IpAddr>,
    /// Where floods are sent besides. Without `peers`, whoever sends to it or answers is taken for a peer.
    pub group: Option<Group>,
    /// Whether it is learned from frames which peer leads to their source.
    pub learning: bool,
    /// What becomes of reserved bits.
    pub reserved: ReservedBits,
    /// What becomes of VLAN tags inside.
    pub tags: InnerTags,
    /// Hops of the packets outside.
    pub ttl: Ttl,
    /// Traffic class of the packets outside.
    pub tos: Tos,
    /// Seconds after which what was learned is forgotten.
    pub ageing_secs: u32,
}

impl VtepConfig {
    /// One end with every setting at its default, and no peer.
    pub fn new(vni: Vni, local: IpAddr) -> Self {
        Self {
            vni,
            local,
            port: super::UDP_PORT,
            peers: Vec::new(),
            group: None,
            learning: true,
            reserved: ReservedBits::default(),
            tags: InnerTags::default(),
            ttl: Ttl::default(),
            tos: Tos::default(),
            ageing_secs: 300,
        }
    }

    /// Bytes that the tunnel adds to a frame's payload.
    pub fn overhead(&self) -> u32 {
        if self.local.is_ipv4() { super::OVERHEAD_V4 } else { super::OVERHEAD_V6 }
    }

    /// Whether a sender that nobody named is taken for a peer.
    pub(super) fn is_open(&self) -> bool {
        self.group.is_some() && self.peers.is_empty()
    }
}
