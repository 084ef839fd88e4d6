//! Places on a switch.

use crate::guard::Guard;
use crate::storm::StormLimit;
use std::fmt;
use std::sync::Arc;

/// A VLAN identifier, 0 to 4095. A switch that does not filter by VLAN keeps every address under [`Vid::NONE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vid(pub u16);

impl Vid {
    /// The key of a switch that does not look at tags.
    pub const NONE: Self = Self(0);
}

/// A port of one switch: a place (low 16 bits) and how often that place was taken before (high 16 bits), so that what still
/// names a deleted port does not mean its successor.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(u32);

impl PortId {
    /// The port at `index`, taken for the `generation`th time.
    pub const fn new(index: u16, generation: u16) -> Self {
        Self((generation as u32) << 16 | index as u32)
    }

    /// The place, from 0.
    pub const fn index(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    /// How often the place was taken before.
    pub const fn generation(self) -> u16 {
        (self.0 >> 16) as u16
    }

    /// The port of a number that [`PortId::to_bits`] gave.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// Place and generation in one number.
    pub const fn to_bits(self) -> u32 {
        self.0
    }
}

impl fmt::Debug for PortId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "port {}.{}", self.index(), self.generation())
    }
}

/// What a user may set of a port. [`Default`] is what a new port has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Administratively up. A frame from a port that is down is dropped, and none is sent to it.
    pub up: bool,
    /// Whether source addresses are learned here (7.8).
    pub learning: bool,
    /// Whether frames to unknown unicast addresses are flooded here.
    pub flood: bool,
    /// Whether frames to group addresses other than broadcast are flooded here.
    pub mcast_flood: bool,
    /// Whether broadcasts are flooded here.
    pub bcast_flood: bool,
    /// Isolated ports exchange frames only with ports that are not.
    pub isolated: bool,
    /// Largest payload in bytes, without Ethernet header and VLAN tags; a super-frame counts by its segments.
    pub mtu: u32,
    /// Which of 01-80-C2-00-00-01…0F pass, bit by last digit. A port takes and gets only those that are open on it. Bit 0 means
    /// nothing: 01-80-C2-00-00-00 passes as long as no spanning tree runs.
    pub reserved_open: u16,
    /// How much of what arrives here may be flooded; `None` is without limit.
    pub storm: Option<StormLimit>,
    /// How many addresses may be learned on this port, beside those that were set; `None` is bounded by the switch alone.
    pub fdb_limit: Option<u32>,
    /// Whether a frame whose source finds the port's limit reached is dropped (`fdb_port_limit`) instead of taking the place of
    /// the port's oldest address.
    pub fdb_limit_drops: bool,
    /// What a port of a network is held to; `None` is a bare port, on which nothing is looked at.
    pub guard: Option<Arc<Guard>>,
    /// Whether a tunnel to other hosts is behind it. A flood leaves it out unless it comes from a port of its own
    /// [`segment`](Self::segment); and from one tunnel nothing goes to another tunnel of the same switch, whose peers hear each other
    /// without us (split horizon). Who sends it a packet that exceeds its MTU is answered by ICMP, where there is an answer
    /// (RFC 1191, RFC 8201).
    pub tunnel: bool,
    /// Which of the tunnels of a switch is the port's own: one for each subnet of a network, for example. Between ports that are no
    /// tunnels it means nothing, and known addresses are reached whatever their port's segment.
    pub segment: u16,
    /// Whether ARP requests and neighbour solicitations from ports that are no tunnels stay out of this one: those for addresses that
    /// were heard from it are answered by the switch, and those for addresses of a guard here go to other ports alone. Means
    /// nothing on a port that is no tunnel.
    pub suppress: bool,
}

impl Default for PortConfig {
    fn default() -> Self {
        Self {
            up: true,
            learning: true,
            flood: true,
            mcast_flood: true,
            bcast_flood: true,
            isolated: false,
            mtu: u32::MAX,
            reserved_open: 0,
            storm: Some(StormLimit::DEFAULT),
            fdb_limit: None,
            fdb_limit_drops: false,
            guard: None,
            tunnel: false,
            segment: 0,
            suppress: false,
        }
    }
}
