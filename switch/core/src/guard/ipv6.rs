//! IPv6: the chain of headers (RFC 8200, 4) and neighbour discovery (RFC 4861).
//!
//! Of a packet in fragments only the first says what it is; it must hold all headers (RFC 7112), and one that does not is hidden from a
//! guard on purpose (RFC 7113).

use super::packet::{Packet, UDP, Upper, udp};
use super::refusal::Refusal;
use crate::mac::MacAddr;
use std::net::{IpAddr, Ipv6Addr};

const HEADER_LEN: usize = 40;

/// Extension headers that are followed; real packets have two or three.
const CHAIN_MAX: usize = 8;

/// Options of one message that are read; real messages have a handful.
const OPTIONS_MAX: usize = 32;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const ICMP: u8 = 58;
const DESTINATION: u8 = 60;
const MOBILITY: u8 = 135;
const HOST_IDENTITY: u8 = 139;
const SHIM6: u8 = 140;

pub(super) fn read(bytes: &[u8]) -> Option<Packet<'_>> {
    let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
    if header[0] >> 4 != 6 {
        return None;
    }
    // What is behind the packet's end is padding. One that is longer than the field can say has 0 there.
    let len = match u16::from_be_bytes([header[4], header[5]]) {
        0 => bytes.len(),
        len => bytes.len().min(HEADER_LEN + usize::from(len)),
    };
    let address = |at: usize| Some(IpAddr::V6(Ipv6Addr::from(*header.get(at..)?.first_chunk::<16>()?)));
    let mut routed = false;
    let upper = follow(header[6], bytes.get(HEADER_LEN..len)?, &mut routed);
    Some(Packet::Ip { source: address(8)?, destination: address(24)?, routed, upper })
}

/// Follows the chain of headers to what it carries, and notes whether there is more of a route to go.
fn follow<'a>(mut next: u8, mut rest: &'a [u8], routed: &mut bool) -> Upper<'a> {
    let mut fragment = false;
    for _ in 0..=CHAIN_MAX {
        *routed |= next == ROUTING && rest.get(3).is_some_and(|left| *left > 0);
        let len = match (next, rest) {
            (UDP, _) => return udp(rest, fragment),
            (ICMP, []) if fragment => return Upper::Hidden,
            (ICMP, []) => return Upper::Other,
            (ICMP, _) => return Upper::Icmp6 { message: rest, fragment },
            (FRAGMENT, [_, _, high, low, ..]) if u16::from_be_bytes([*high, *low]) >> 3 != 0 => return Upper::Other,
            (FRAGMENT, _) => {
                fragment = true;
                8
            }
            (AUTHENTICATION, [_, words, ..]) => (usize::from(*words) + 2) * 4,
            (HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6, [_, eights, ..]) => {
                (usize::from(*eights) + 1) * 8
            }
            (AUTHENTICATION | HOP_BY_HOP | ROUTING | DESTINATION | MOBILITY | HOST_IDENTITY | SHIM6, _) => usize::MAX,
            _ => return Upper::Other,
        };
        match (rest.first(), rest.get(len..)) {
            (Some(&after), Some(behind)) => (next, rest) = (after, behind),
            // Nobody can read on; only of a fragment is there more to come.
            _ if fragment => return Upper::Hidden,
            _ => return Upper::Other,
        }
    }
    Upper::Hidden
}

/// A message of neighbour discovery, in a guard's eyes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour<'a> {
    pub(super) kind: Kind,
    /// The address that a solicitation asks for and an advertisement speaks of.
    pub(super) target: Option<Ipv6Addr>,
    options: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    RouterSolicitation,
    RouterAdvertisement,
    Solicitation,
    Advertisement,
    Redirect,
}

impl<'a> Neighbour<'a> {
    /// `None` if it is another ICMPv6 message.
    pub(super) fn read(message: &'a [u8]) -> Option<Self> {
        let (kind, fixed) = match message.first()? {
            133 => (Kind::RouterSolicitation, 8),
            134 => (Kind::RouterAdvertisement, 16),
            135 => (Kind::Solicitation, 24),
            136 => (Kind::Advertisement, 24),
            137 => (Kind::Redirect, 40),
            _ => return None,
        };
        let target = match kind {
            Kind::Solicitation | Kind::Advertisement => message.get(8..).and_then(|rest| rest.first_chunk::<16>()),
            Kind::RouterSolicitation | Kind::RouterAdvertisement | Kind::Redirect => None,
        };
        let options = message.get(fixed..).unwrap_or_default();
        Some(Self { kind, target: target.copied().map(Ipv6Addr::from), options })
    }

    /// Checks the link-layer addresses that the sender gives as its own or its target's. A redirect's is that of another router.
    pub(super) fn check_link_layer(self, mut check: impl FnMut(MacAddr) -> Result<(), Refusal>) -> Result<(), Refusal> {
        const SOURCE: u8 = 1;
        const TARGET: u8 = 2;
        let mut rest = if self.kind == Kind::Redirect { &[] } else { self.options };
        for _ in 0..OPTIONS_MAX {
            let [kind, eights, ..] = *rest else { return Ok(()) };
            let Some((option, behind)) = rest.split_at_checked(usize::from(eights) * 8) else { return Ok(()) };
            match (kind, option.get(2..8).and_then(|mac| mac.first_chunk())) {
                // An option of length 0 makes the whole void, as one does that is longer than the message (RFC 4861, 4.6).
                _ if eights == 0 => return Ok(()),
                (SOURCE | TARGET, Some(mac)) => check(MacAddr(*mac))?,
                _ => {}
            }
            rest = behind;
        }
        if rest.is_empty() { Ok(()) } else { Err(Refusal::TooManyOptions) }
    }
}
