//! What a guard refuses, rule by rule. The first that is broken is the reason.

use super::ipv6::{Kind, Neighbour};
use super::packet::{Packet, Unreadable, Upper, is_bpdu};
use super::refusal::{Refusal, Used};
use super::{Claim, Claims, Guard, GuardMode, Prefixes, Role};
use crate::frame::Frame;
use std::net::IpAddr;

const DHCP_SERVER: u16 = 67;
const DHCP_CLIENT: u16 = 68;
const DHCPV6_SERVER: u16 = 547;
const DHCPV6_CLIENT: u16 = 546;

impl Guard {
    /// Why a frame that was received on its port ends there; `None` if it may pass. `claims` are those of all guards of the switch.
    pub(crate) fn refuse(&self, claims: &Claims, frame: &Frame<'_>) -> Option<Refusal> {
        match self.role {
            Role::Endpoint => Check { guard: self, claims }.frame(frame).err(),
            Role::Gateway if self.passes_all() && self.apart.is_none() => None,
            Role::Gateway => match Packet::read(frame) {
                Ok(packet) => self.through(&packet).and_then(|()| self.around(&packet)).err(),
                Err(why) => Some(Refusal::Unreadable(why)),
            },
        }
    }

    /// Why a frame does not go out through its port, if that is a gateway's.
    pub(crate) fn keeps_out(&self, frame: &Frame<'_>) -> Option<Refusal> {
        if self.role != Role::Gateway || self.passes_all() && self.apart.is_none() {
            return None;
        }
        match Packet::read(frame) {
            Ok(packet) => self.through(&packet).and_then(|()| self.to_be_sent_around(frame, &packet)).err(),
            Err(why @ Unreadable::Tags) => Some(Refusal::Unreadable(why)),
            // Nobody behind it can read that either.
            Err(Unreadable::Arp | Unreadable::Ip) => None,
        }
    }
}

impl Guard {
    fn passes_all(&self) -> bool {
        self.foreign.is_empty() && self.inside.is_none()
    }

    /// What goes through a gateway, in either direction.
    fn through(&self, packet: &Packet<'_>) -> Passed {
        foreign_in(&self.foreign, packet)?;
        self.inside.as_ref().map_or(Ok(()), |inside| outside_of(inside, packet))
    }
}

impl Guard {
    /// What comes from the host, where endpoints are kept apart.
    fn around(&self, packet: &Packet<'_>) -> Passed {
        let (Some(apart), Packet::Ip { source, .. }) = (&self.apart, packet) else { return Ok(()) };
        if apart.contains(*source) && !self.addresses.contains(source) {
            return Err(Refusal::Around { address: *source });
        }
        Ok(())
    }

    /// What the host would send around, where endpoints are kept apart, whatever source it has. What goes to a group, a host takes
    /// for itself alone.
    fn to_be_sent_around(&self, frame: &Frame<'_>, packet: &Packet<'_>) -> Passed {
        let Some(apart) = self.apart.as_ref().filter(|_| !frame.destination().is_group()) else { return Ok(()) };
        match *packet {
            Packet::Ip { routed: true, .. } => Err(Refusal::SourceRoute),
            Packet::Ip { destination, .. } if apart.contains(destination) && !self.addresses.contains(&destination) => {
                Err(Refusal::Around { address: destination })
            }
            Packet::Other | Packet::Arp { .. } | Packet::Ip { .. } => Ok(()),
        }
    }
}

/// The rules that an endpoint is held to.
struct Check<'a> {
    guard: &'a Guard,
    claims: &'a Claims,
}

type Passed = Result<(), Refusal>;

impl Check<'_> {
    fn frame(&self, frame: &Frame<'_>) -> Passed {
        let checks_addresses = self.guard.mode != GuardMode::Off;
        if !self.guard.trusted && is_bpdu(frame) {
            return Err(Refusal::Bpdu);
        }
        if self.guard.trusted && !checks_addresses {
            return Ok(());
        }
        let packet = Packet::read(frame).map_err(Refusal::Unreadable)?;
        if !self.guard.trusted {
            servers(&packet)?;
        }
        if checks_addresses {
            self.may_use(Claim::Mac(frame.source()), Used::Source)?;
            self.addresses(&packet)?;
            foreign_in(&self.guard.foreign, &packet)?;
        }
        Ok(())
    }

    fn addresses(&self, packet: &Packet<'_>) -> Passed {
        match *packet {
            Packet::Other => Ok(()),
            Packet::Arp { sender_mac, sender, .. } => {
                self.may_use(Claim::Mac(sender_mac), Used::ArpSender)?;
                self.may_use(Claim::Address(sender.into()), Used::ArpSender)
            }
            Packet::Ip { source, upper, .. } => {
                self.may_use(Claim::Address(source), Used::Source)?;
                match upper {
                    Upper::Icmp6 { message, fragment } => self.neighbour(message, fragment),
                    Upper::Other | Upper::Udp { .. } | Upper::Hidden => Ok(()),
                }
            }
        }
    }

    fn neighbour(&self, message: &[u8], fragment: bool) -> Passed {
        let Some(neighbour) = Neighbour::read(message) else { return Ok(()) };
        if fragment {
            return Err(Refusal::NeighbourInFragments);
        }
        if let (Kind::Advertisement, Some(target)) = (neighbour.kind, neighbour.target) {
            self.may_use(Claim::Address(target.into()), Used::Target)?;
        }
        neighbour.check_link_layer(|mac| self.may_use(Claim::Mac(mac), Used::LinkLayer))
    }

    fn may_use(&self, claim: Claim, used: Used) -> Passed {
        if is_nobodys(claim) || self.guard.owns(claim) {
            return Ok(());
        }
        match self.claims.owner(claim) {
            Some(owner) => Err(Refusal::Spoofed { claim, used, owner: Some(owner) }),
            None if self.guard.mode == GuardMode::Strict && !self.is_free(claim) => {
                Err(Refusal::Spoofed { claim, used, owner: None })
            }
            None => Ok(()),
        }
    }

    /// Whether a strict endpoint may use an address that nobody has.
    fn is_free(&self, claim: Claim) -> bool {
        match claim {
            Claim::Mac(_) => self.guard.mac.is_none(),
            Claim::Address(IpAddr::V4(_)) => false,
            Claim::Address(IpAddr::V6(address)) => address.is_unicast_link_local(),
        }
    }
}

/// Whether it is what stations use that have no address yet: for DHCP, probes (RFC 5227) and duplicate address detection (RFC 4862).
fn is_nobodys(claim: Claim) -> bool {
    match claim {
        Claim::Mac(_) => false,
        Claim::Address(address) => address.is_unspecified(),
    }
}

/// What only routers and DHCP servers send, or what may hide it.
fn servers(packet: &Packet<'_>) -> Passed {
    let Packet::Ip { source, upper, .. } = *packet else { return Ok(()) };
    match (source, upper) {
        (IpAddr::V4(_), Upper::Hidden) => Err(Refusal::ShortFragment),
        (IpAddr::V6(_), Upper::Hidden) => Err(Refusal::HiddenHeaders),
        // Many clients look at their own port alone.
        (IpAddr::V4(_), Upper::Udp { source_port: DHCP_SERVER, .. } | Upper::Udp { destination_port: DHCP_CLIENT, .. }) => {
            Err(Refusal::DhcpServer)
        }
        (IpAddr::V6(_), Upper::Udp { source_port: DHCPV6_SERVER, .. } | Upper::Udp { destination_port: DHCPV6_CLIENT, .. }) => {
            Err(Refusal::DhcpServer)
        }
        (_, Upper::Icmp6 { message, .. }) => match Neighbour::read(message).map(|neighbour| neighbour.kind) {
            Some(Kind::RouterAdvertisement) => Err(Refusal::RouterAdvertisement),
            Some(Kind::Redirect) => Err(Refusal::Redirect),
            Some(Kind::RouterSolicitation | Kind::Solicitation | Kind::Advertisement) | None => Ok(()),
        },
        (_, Upper::Other | Upper::Udp { .. }) => Ok(()),
    }
}

/// Refuses what comes from or is for another network; what asks for an address of one is for it, and a route may lead there.
fn foreign_in(foreign: &Prefixes, packet: &Packet<'_>) -> Passed {
    if foreign.is_empty() {
        return Ok(());
    }
    let addresses = match *packet {
        Packet::Other => return Ok(()),
        Packet::Arp { sender, target, .. } => [Some(sender.into()), Some(target.into()), None],
        Packet::Ip { routed: true, .. } => return Err(Refusal::SourceRoute),
        Packet::Ip { source, destination, upper, .. } => [Some(source), Some(destination), asked_for(upper)],
    };
    match addresses.into_iter().flatten().find(|address| foreign.contains(*address)) {
        Some(address) => Err(Refusal::Foreign { address }),
        None => Ok(()),
    }
}

/// Refuses what comes from or is for anywhere but one network and its link.
fn outside_of(inside: &Prefixes, packet: &Packet<'_>) -> Passed {
    let addresses: [IpAddr; 2] = match *packet {
        Packet::Other => return Ok(()),
        Packet::Arp { sender, target, .. } => [sender.into(), target.into()],
        Packet::Ip { routed: true, .. } => return Err(Refusal::SourceRoute),
        Packet::Ip { source, destination, .. } => [source, destination],
    };
    match addresses.into_iter().find(|address| !inside.contains(*address) && !is_of_link(*address)) {
        Some(address) => Err(Refusal::Outside { address }),
        None => Ok(()),
    }
}

/// Whether no router forwards it.
fn is_of_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_unspecified() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_unicast_link_local() || v6.is_multicast(),
    }
}

fn asked_for(upper: Upper<'_>) -> Option<IpAddr> {
    match upper {
        Upper::Icmp6 { message, .. } => Neighbour::read(message)?.target.map(IpAddr::V6),
        Upper::Other | Upper::Udp { .. } | Upper::Hidden => None,
    }
}
