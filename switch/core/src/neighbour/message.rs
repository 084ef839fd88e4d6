//! What ARP (RFC 826) and neighbour discovery (RFC 4861) say of their senders, and what they ask.
//!
//! Read is only what is sound to the byte and in no VLAN; anything else is a frame like others.

use crate::frame::{Frame, HEADER_LEN};
use crate::mac::MacAddr;
use etherparse::{Icmpv6Slice, IpNumber, Ipv6Header, Ipv6HeaderSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A frame in the eyes of neighbour suppression.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) says: Option<Says>,
    pub(crate) asks: Option<Asks>,
}

/// Where an address is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Says {
    pub(crate) address: IpAddr,
    pub(crate) mac: MacAddr,
    /// Whether it is a router's, if that is said.
    pub(crate) router: Option<bool>,
    /// Whether it replaces what was said before.
    pub(crate) overrides: bool,
}

/// A question that anybody who knows may answer: not one of a host that has no address yet (RFC 5227, 2.1.1; RFC 4862, 5.4.2), and not
/// for its own address, which looks for another that has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asks {
    pub(crate) asker: IpAddr,
    pub(crate) target: IpAddr,
}

impl Message {
    pub(crate) fn read(frame: &Frame<'_>) -> Option<Self> {
        let packet = || frame.bytes().get(HEADER_LEN..).filter(|_| frame.tags_len() == 0);
        match frame.ethertype() {
            0x0806 => arp(frame.source(), packet()?),
            0x86dd => discovery(frame.source(), packet()?),
            _ => None,
        }
    }
}

fn arp(source: MacAddr, packet: &[u8]) -> Option<Message> {
    const REQUEST: u8 = 1;
    const REPLY: u8 = 2;
    let (head, body) = packet.split_first_chunk::<8>()?;
    let &[0, 1, 8, 0, 6, 4, 0, operation @ (REQUEST | REPLY)] = head else { return None };
    let (mac, rest) = body.split_first_chunk::<6>()?;
    let (sender, rest) = rest.split_first_chunk::<4>()?;
    let target = rest.get(6..)?.first_chunk::<4>()?;
    let (mac, sender, target) = (MacAddr(*mac), Ipv4Addr::from(*sender), Ipv4Addr::from(*target));
    let known = is_host(sender.into()) && mac.is_valid_source();
    let says = known.then_some(Says { address: sender.into(), mac, router: Some(false), overrides: true });
    let open = operation == REQUEST && known && mac == source && target != sender && is_host(target.into());
    Some(Message { says, asks: open.then_some(Asks { asker: sender.into(), target: target.into() }) })
}

fn discovery(source: MacAddr, packet: &[u8]) -> Option<Message> {
    const SOLICITATION: u8 = 135;
    const ADVERTISEMENT: u8 = 136;
    let header = Ipv6HeaderSlice::from_slice(packet).ok()?;
    // What a router has passed on is less (RFC 4861, 7.1).
    if header.next_header() != IpNumber::IPV6_ICMP || header.hop_limit() != 255 {
        return None;
    }
    let message = packet.get(Ipv6Header::LEN..)?.get(..usize::from(header.payload_length()))?;
    let &[kind @ (SOLICITATION | ADVERTISEMENT), 0, ..] = message else { return None };
    let (fixed, options) = message.split_first_chunk::<24>()?;
    let target = Ipv6Addr::from(*fixed.last_chunk::<16>()?);
    let icmp = Icmpv6Slice::from_slice(message).ok()?;
    if !is_host(target.into()) || !icmp.is_checksum_valid(header.source(), header.destination()) {
        return None;
    }
    if kind == SOLICITATION {
        solicitation(source, header.source_addr(), target, link_layer(options, 1)?)
    } else {
        let solicited = fixed[4] & 0x40 != 0;
        let mac = link_layer(options, 2)?.filter(|_| !(solicited && header.destination_addr().is_multicast()));
        let (router, overrides) = (Some(fixed[4] & 0x80 != 0), fixed[4] & 0x20 != 0);
        let says = mac.map(|mac| Says { address: target.into(), mac, router, overrides });
        Some(Message { says, asks: None })
    }
}

fn solicitation(source: MacAddr, asker: Ipv6Addr, target: Ipv6Addr, mac: Option<MacAddr>) -> Option<Message> {
    let mac = mac.filter(|_| is_host(asker.into()));
    let says = mac.map(|mac| Says { address: asker.into(), mac, router: None, overrides: true });
    let open = mac == Some(source) && asker != target;
    Some(Message { says, asks: open.then_some(Asks { asker: asker.into(), target: target.into() }) })
}

/// The link-layer address in the option of one kind, if it is there; `None` if options make the message void (RFC 4861, 7.1).
fn link_layer(mut options: &[u8], wanted: u8) -> Option<Option<MacAddr>> {
    let mut found = None;
    while let [kind, eights, ..] = *options {
        let (option, rest) = options.split_at_checked(usize::from(eights) * 8).filter(|_| eights > 0)?;
        if kind == wanted && eights == 1 {
            found = option.last_chunk::<6>().copied().map(MacAddr).filter(|mac| mac.is_valid_source());
        }
        options = rest;
    }
    options.is_empty().then_some(found)
}

/// Whether an address can be one host's.
pub(crate) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] != 0 && !v4.is_loopback() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_loopback() && !v6.is_multicast(),
    }
}
