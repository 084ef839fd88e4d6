//! What a kernel lets us do, and what brings the rest.

use std::fmt;

/// One thing that a kernel may or may not offer to this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Which.
    pub kind: CapabilityKind,
    /// Why not, if it does not.
    pub missing: Option<Missing>,
}

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// What the kernel said.
    pub why: String,
    /// The package, setting or right that brings it.
    pub brings: String,
}

/// The things that are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CapabilityKind {
    /// Network namespaces can be made: sandboxes.
    NetworkNamespaces,
    /// User namespaces can be made: sandboxes without root.
    UserNamespaces,
    /// `/dev/net/tun` can be opened, and a TAP made.
    Tap,
    /// A TAP takes super-frames of UDP (`TUN_F_USO4`, `TUN_F_USO6`; Linux 6.2).
    TapUdpSegmentation,
    /// Packet sockets carry a virtio-net header of a chosen size (`PACKET_VNET_HDR_SZ`; Linux 6.5): fast veth ports.
    PacketVnetHeader,
    /// Packet sockets can leave out what was sent (`PACKET_IGNORE_OUTGOING`; Linux 4.20).
    PacketIgnoreOutgoing,
    /// Veth pairs can be made.
    Veth,
    /// Bridges of the kernel's can be made, to compare with.
    Bridge,
    /// VXLANs of the kernel's can be made, to compare with.
    Vxlan,
    /// The program `nft` is there, and a table can be made: egress of networks.
    Nft,
    /// Forwarding between interfaces can be switched on: egress of networks.
    IpForward,
}

impl CapabilityKind {
    /// All, in the order to show them.
    pub const ALL: [Self; 11] = [
        Self::NetworkNamespaces,
        Self::UserNamespaces,
        Self::Tap,
        Self::TapUdpSegmentation,
        Self::PacketVnetHeader,
        Self::PacketIgnoreOutgoing,
        Self::Veth,
        Self::Bridge,
        Self::Vxlan,
        Self::Nft,
        Self::IpForward,
    ];

    /// Its name, which stays.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetworkNamespaces => "network_namespaces",
            Self::UserNamespaces => "user_namespaces",
            Self::Tap => "tap",
            Self::TapUdpSegmentation => "tap_udp_segmentation",
            Self::PacketVnetHeader => "packet_vnet_header",
            Self::PacketIgnoreOutgoing => "packet_ignore_outgoing",
            Self::Veth => "veth",
            Self::Bridge => "bridge",
            Self::Vxlan => "vxlan",
            Self::Nft => "nft",
            Self::IpForward => "ip_forward",
        }
    }
}

impl Capability {
    /// Asks about each kind in turn.
    pub fn all(mut look: impl FnMut(CapabilityKind) -> Result<(), Missing>) -> Vec<Self> {
        CapabilityKind::ALL.into_iter().map(|kind| Self { kind, missing: look(kind).err() }).collect()
    }

    /// Whether it is there.
    pub fn is_available(&self) -> bool {
        self.missing.is_none()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.missing {
            None => write!(out, "{}: yes", self.kind.name()),
            Some(Missing { why, brings }) => write!(out, "{}: no, {why}; {brings}", self.kind.name()),
        }
    }
}
