//! The answer to a question for an address, as a frame.

use super::Asks;
use crate::mac::MacAddr;
use crate::verdict::Generated;
use etherparse::icmpv6::NeighborAdvertisementHeader;
use etherparse::{Icmpv6Type, IpNumber, Ipv6Header};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An answer that is to be written: in the name of the host that was asked for, as if it had answered itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply {
    /// Who asked, and for what.
    pub(crate) asks: Asks,
    /// Where who asked is.
    pub(crate) to: MacAddr,
    /// Where it is what was asked for.
    pub(crate) mac: MacAddr,
    /// Whether that is a router.
    pub(crate) router: bool,
}

impl Reply {
    pub(crate) fn what(&self) -> Generated {
        match self.asks.target {
            IpAddr::V4(_) => Generated::ArpReply,
            IpAddr::V6(_) => Generated::NeighbourAdvertisement,
        }
    }

    /// Appends the frame.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.to.0);
        out.extend(self.mac.0);
        match (self.asks.asker, self.asks.target) {
            (IpAddr::V4(asker), IpAddr::V4(target)) => self.write_arp(asker, target, out),
            (IpAddr::V6(asker), IpAddr::V6(target)) => self.write_advertisement(asker, target, out),
            // Nobody asks for one family in the other's name.
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {}
        }
    }

    fn write_arp(&self, asker: Ipv4Addr, target: Ipv4Addr, out: &mut Vec<u8>) {
        out.extend([0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 2]);
        out.extend(self.mac.0);
        out.extend(target.octets());
        out.extend(self.to.0);
        out.extend(asker.octets());
    }

    /// With its link-layer address, solicited and overriding (RFC 4861, 7.2.4).
    fn write_advertisement(&self, asker: Ipv6Addr, target: Ipv6Addr, out: &mut Vec<u8>) {
        const HEADER_LEN: usize = 8;
        const TARGET_LINK_LAYER: u8 = 2;
        let flags = NeighborAdvertisementHeader { router: self.router, solicited: true, r#override: true };
        let mut body = [0; 24];
        body[..16].copy_from_slice(&target.octets());
        body[16..18].copy_from_slice(&[TARGET_LINK_LAYER, 1]);
        body[18..].copy_from_slice(&self.mac.0);
        let (source, destination) = (target.octets(), asker.octets());
        let mut icmp = etherparse::Icmpv6Header::new(Icmpv6Type::NeighborAdvertisement(flags));
        // Fails beyond 4 GiB alone.
        icmp.checksum = icmp.icmp_type.calc_checksum(source, destination, &body).unwrap_or_default();
        let ip = Ipv6Header {
            payload_length: (HEADER_LEN + body.len()) as u16,
            next_header: IpNumber::IPV6_ICMP,
            hop_limit: 255,
            source,
            destination,
            ..Ipv6Header::default()
        };
        out.extend([0x86, 0xdd]);
        out.extend(ip.to_bytes());
        out.extend(icmp.to_bytes());
        out.extend(body);
    }
}
