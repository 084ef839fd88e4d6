//! What a guard answers: the rule that was broken, its drop reason, and its words.

use super::Claim;
use super::packet::Unreadable;
use crate::port::PortId;
use crate::verdict::DropReason;
use std::net::IpAddr;

/// The rule that a frame breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Bpdu,
    RouterAdvertisement,
    Redirect,
    /// Of IPv6: the headers of a first fragment are not all in it, or there are too many.
    HiddenHeaders,
    DhcpServer,
    /// Of IPv4: the UDP header is not whole in a first fragment.
    ShortFragment,
    NeighbourInFragments,
    TooManyOptions,
    Unreadable(Unreadable),
    Spoofed {
        claim: Claim,
        used: Used,
        /// Whose it is; `None` if it is nobody's, and the endpoint is held to its own.
        owner: Option<PortId>,
    },
    /// It names its way, which may lead into another network, or back to somebody who is to be kept apart.
    SourceRoute,
    /// To or from another network.
    Foreign {
        address: IpAddr,
    },
    /// Sent around by the host, or to be, from one endpoint to another that are to be kept apart.
    Around {
        address: IpAddr,
    },
    /// To or from outside of an internal network.
    Outside {
        address: IpAddr,
    },
}

/// What a frame does with an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used {
    Source,
    ArpSender,
    Target,
    LinkLayer,
}

impl Refusal {
    pub(crate) fn reason(self) -> DropReason {
        match self {
            Self::Bpdu => DropReason::BpduGuard,
            Self::RouterAdvertisement | Self::Redirect | Self::HiddenHeaders => DropReason::RaGuard,
            Self::DhcpServer => DropReason::DhcpGuard,
            Self::ShortFragment | Self::NeighbourInFragments | Self::TooManyOptions | Self::Unreadable(_) => {
                DropReason::Malformed
            }
            Self::Spoofed { .. } => DropReason::Spoofed,
            Self::Foreign { .. } | Self::Around { .. } | Self::Outside { .. } | Self::SourceRoute => DropReason::Isolated,
        }
    }

    /// One sentence about it; `name` says what a person calls a port.
    pub(crate) fn words(self, name: &dyn Fn(PortId) -> String) -> String {
        match self {
            Self::Bpdu => "a BPDU, from a port that is not trusted".to_owned(),
            Self::RouterAdvertisement => "a router advertisement, from a port that is not trusted".to_owned(),
            Self::Redirect => "an ICMPv6 redirect, from a port that is not trusted".to_owned(),
            Self::HiddenHeaders => "what it carries is hidden behind its headers (RFC 7113)".to_owned(),
            Self::DhcpServer => "from the port of a DHCP server or to that of a client, and its own is not trusted".to_owned(),
            Self::ShortFragment => "its first fragment is too short for the UDP header".to_owned(),
            Self::NeighbourInFragments => "neighbour discovery in fragments (RFC 6980)".to_owned(),
            Self::TooManyOptions => "neighbour discovery with more options than are read".to_owned(),
            Self::Unreadable(Unreadable::Tags) => "more than two VLAN tags, behind which nothing is read".to_owned(),
            Self::Unreadable(Unreadable::Arp) => "ARP that is cut short".to_owned(),
            Self::Unreadable(Unreadable::Ip) => "its type says IP, and it has no IP header".to_owned(),
            Self::Spoofed { claim, used, owner } => format!("{}{claim} {}", used.words(), whose(owner, name)),
            Self::SourceRoute => "its source route may lead where it may not go itself".to_owned(),
            Self::Foreign { address } => format!("{address} is of another network"),
            Self::Around { address } => {
                format!(
                    "{address} is of this network, whose endpoints are kept apart, and not to be reached by way of the host"
                )
            }
            Self::Outside { address } => format!("{address} is outside of this network, which is internal"),
        }
    }
}

impl Used {
    fn words(self) -> &'static str {
        match self {
            Self::Source => "source ",
            Self::ArpSender => "ARP sender ",
            Self::Target => "advertised address ",
            Self::LinkLayer => "link-layer address ",
        }
    }
}

fn whose(owner: Option<PortId>, name: &dyn Fn(PortId) -> String) -> String {
    owner.map_or_else(|| "is not its own".to_owned(), |owner| format!("belongs to {}", name(owner)))
}
