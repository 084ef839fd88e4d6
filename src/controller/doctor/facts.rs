//! What a diagnosis looks at, all of it as it was at one moment.

use lanloom_switch_core::vxlan::probe::PeerHealth;
use std::net::IpAddr;
use std::time::Duration;

/// A network, as far as this host has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Its name.
    pub network: String,
    /// What the controller has to say of it, a line each.
    pub notes: Vec<String>,
    /// Who is on it here.
    pub members: Vec<MemberFacts>,
    /// Its ways to other hosts: one for each VNI.
    pub tunnels: Vec<TunnelFacts>,
}

/// An endpoint on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFacts {
    /// Its name.
    pub endpoint: String,
    /// The sandbox that it is in.
    pub sandbox: Option<String>,
    /// Whether frames reach it.
    pub state: MemberState,
    /// Bytes of its largest payload.
    pub mtu: Option<u32>,
}

/// Whether frames reach an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberState {
    /// They do.
    Up,
    /// Its port carries nothing.
    Down {
        /// Why, in the port's words.
        why: String,
    },
    /// The namespace of its sandbox is gone.
    Lost,
    /// It is in no sandbox.
    Free,
}

/// One end of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelFacts {
    /// The port's name.
    pub port: String,
    /// Its VXLAN network.
    pub vni: u32,
    /// The address outside that it sends from.
    pub local: IpAddr,
    /// The UDP port that it receives at.
    pub udp: u16,
    /// Why it carries nothing, if it does not.
    pub down: Option<String>,
    /// Bytes of its largest payload.
    pub mtu: u32,
    /// Where the address outside is.
    pub way: Way,
    /// What sending failed with last.
    pub error: Option<SendError>,
    /// Its peers.
    pub peers: Vec<PeerFacts>,
    /// What comes to its socket for networks that nobody here has.
    pub strays: Vec<StrayFacts>,
    /// Who sends this network here and is no peer, and how long ago the last of it came.
    pub unknown: Vec<(IpAddr, Duration)>,
}

/// Where the address is that a tunnel sends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// On an interface that is up.
    Up {
        /// The interface.
        ifname: String,
    },
    /// On an interface that is not.
    Down {
        /// The interface.
        ifname: String,
        /// Whether it is set up and only has nobody at its other end.
        no_carrier: bool,
    },
    /// On none.
    NoAddress,
    /// The kernel did not say.
    Unseen {
        /// Why.
        why: String,
    },
}

/// A failure to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendError {
    /// To whom.
    pub to: IpAddr,
    /// The kernel's words.
    pub what: String,
    /// How long ago.
    pub ago: Duration,
}

/// A peer of a tunnel end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerFacts {
    /// Its address outside.
    pub address: IpAddr,
    /// Whether it was given as a peer, and did not come to be one otherwise.
    pub named: bool,
    /// Whether broadcasts and unknown addresses are sent to it.
    pub flooded: bool,
    /// What its probes and frames tell.
    pub health: Option<PeerHealth>,
}

/// A VXLAN network that somebody sends and nobody here has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrayFacts {
    /// Who sends.
    pub from: IpAddr,
    /// The network.
    pub vni: u32,
    /// How long ago the last of it came.
    pub ago: Duration,
}
