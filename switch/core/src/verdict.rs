//! What is done with a frame, and why: decisions are values.

use crate::mac::MacAddr;
use crate::port::PortId;
use std::fmt;

/// What becomes of one received frame. It ends exactly once ([`Fate`]), and so does every copy of it ([`EgressFate`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// How the received frame ends.
    pub fate: Fate,
    /// A copy per port that it is forwarded to, in port order; empty unless `fate` is [`Fate::Forwarded`] or [`Fate::Flooded`].
    pub copies: Vec<(PortId, EgressFate)>,
    /// What its source address taught the switch.
    pub learned: Learned,
    /// What the switch sends back to the ingress port because of it.
    pub answer: Option<Generated>,
}

impl Verdict {
    /// Whether the frame was for the switch itself.
    pub fn is_consumed(&self) -> bool {
        match self.fate {
            Fate::Consumed(_) => true,
            Fate::Forwarded | Fate::Flooded(_) | Fate::Dropped(_) => false,
        }
    }
}

impl Default for Verdict {
    fn default() -> Self {
        let fate = Fate::Dropped(DropReason::Malformed);
        Self { fate, copies: Vec::new(), learned: Learned::Nothing, answer: None }
    }
}

/// How a received frame ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Sent to the one port that its destination was learned on.
    Forwarded,
    /// Sent to every port that takes such floods, and why it had to be.
    Flooded(FloodKind),
    /// It was for the switch itself, and why.
    Consumed(Consumed),
    /// Ended here.
    Dropped(DropReason),
}

/// Why a frame was for the switch itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consumed {
    /// It asked for what the switch knows.
    Answered,
    /// It measures the way between two ends of a tunnel.
    Probe,
}

impl Consumed {
    /// The name that users see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Probe => "probe",
        }
    }

    /// One sentence on what it means.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Answered => "it asks for what the switch knows",
            Self::Probe => "it measures the way between two ends of a tunnel",
        }
    }
}

/// A frame that the switch itself makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// The answer to an ARP request (RFC 826).
    ArpReply,
    /// The answer to a neighbour solicitation (RFC 4861, 4.4).
    NeighbourAdvertisement,
    /// ICMP type 3 code 4 to the sender of an IPv4 packet that does not fit (RFC 792, RFC 1191).
    FragmentationNeeded,
    /// ICMPv6 type 2 to the sender of an IPv6 packet that does not fit (RFC 4443, 3.2).
    PacketTooBig,
    /// What measures the way between two ends of a tunnel, or answers that.
    Probe,
}

impl Generated {
    /// The name that users see.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ArpReply => "arp reply",
            Self::NeighbourAdvertisement => "neighbour advertisement",
            Self::FragmentationNeeded => "fragmentation needed",
            Self::PacketTooBig => "packet too big",
            Self::Probe => "probe",
        }
    }
}

impl fmt::Display for Generated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Why a frame is flooded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloodKind {
    /// To FF-FF-FF-FF-FF-FF.
    Broadcast,
    /// To another group address.
    Multicast,
    /// To an individual address that is not in the filtering database.
    Unknown,
}

impl FloodKind {
    /// What a flood to this address is.
    pub(crate) fn of(destination: MacAddr) -> Self {
        if destination.is_broadcast() {
            Self::Broadcast
        } else if destination.is_group() {
            Self::Multicast
        } else {
            Self::Unknown
        }
    }
}

/// How one copy of a frame ends, as far as the switch decides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EgressFate {
    /// Handed to the port's link.
    Sent,
    /// Not sent, counted on the egress port.
    Dropped(DropReason),
}

/// What a frame's source address taught the switch (7.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Learned {
    /// Nothing: the frame was dropped before, or its port does not learn.
    Nothing,
    /// A new address, on the ingress port.
    New,
    /// A known address again.
    Refreshed,
    /// The address was on another port before.
    Moved(PortId),
    /// The address belongs to another port by a static or sticky entry, which stays.
    Held(PortId),
    /// No place in the filtering database could be freed for it.
    Full,
}

impl Learned {
    /// Whether the source is now known on the ingress port.
    pub(crate) fn is_here(self) -> bool {
        match self {
            Self::New | Self::Refreshed | Self::Moved(_) => true,
            Self::Nothing | Self::Held(_) | Self::Full => false,
        }
    }
}

macro_rules! drop_reasons {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// Why a frame or a copy of it was not sent. A name, once given, stays.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum DropReason { $(#[doc = $doc] $variant,)* }

        impl DropReason {
            /// Every reason, in the order of their numbers.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant,)*];

            /// How many reasons there are.
            pub const COUNT: usize = [$($name,)*].len();

            /// The name that users see and counters carry.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// One sentence on what it means.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }
        }
    };
}

drop_reasons! {
    Malformed "malformed" "shorter than an Ethernet header, a virtio-net header that contradicts the frame, or no headers where a guard must read them",
    Oversize "oversize" "longer than a buffer holds",
    SourceInvalid "source_invalid" "sent from a group address or from zero",
    ReservedAddress "reserved_address" "to 01-80-C2-00-00-01…0F, which a bridge does not relay unless the port is opened for it",
    SamePort "same_port" "its destination is on the port that it came from",
    NoDestination "no_destination" "a flood that found no other port",
    FloodOff "flood_off" "a flood that other ports' flood switches kept from all of them",
    PortDown "port_down" "received on a port that is down, or its destination's port is down",
    Isolated "isolated" "from an isolated port to an isolated port, from a tunnel to a tunnel, or between networks",
    Storm "storm" "more floods from this port than its storm limit",
    FdbPortLimit "fdb_port_limit" "its source is one address more than the port may hold",
    MtuExceeded "mtu_exceeded" "longer than the egress port's MTU",
    OffloadUnsupported "offload_unsupported" "a super-frame or partial checksum that cannot be finished for this link",
    QueueFull "queue_full" "the egress link takes no more now",
    RxOverrun "rx_overrun" "lost before us, in the kernel's queue",
    LinkError "link_error" "the egress link failed",
    Spoofed "spoofed" "it uses or claims an address that is not for the endpoint that sent it",
    RaGuard "ra_guard" "a router advertisement or redirect, or what may hide one, from an endpoint that is not trusted",
    DhcpGuard "dhcp_guard" "from a DHCP server on an endpoint that is not trusted",
    BpduGuard "bpdu_guard" "of a spanning tree, from an endpoint that is not trusted",
    VxlanMalformed "vxlan_malformed" "no VXLAN by RFC 7348, or not what this tunnel takes",
    VniUnknown "vni_unknown" "of a VXLAN network that no port here is for",
    PeerUnknown "peer_unknown" "from a host that is no peer of this tunnel",
    NoPeer "no_peer" "the tunnel has no peer to send it to",
    VlanFiltered "vlan_filtered" "with a VLAN tag where none is to be",
    EcnLost "ecn_lost" "the packet outside met congestion, and the one inside cannot carry the mark",
}

impl DropReason {
    /// Whether it ends a copy on its egress port; the others end a received frame on its ingress port.
    /// [`DropReason::RxOverrun`] does neither: those frames never reached the switch.
    pub const fn is_egress(self) -> bool {
        matches!(self, Self::MtuExceeded | Self::OffloadUnsupported | Self::QueueFull | Self::LinkError | Self::NoPeer)
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
