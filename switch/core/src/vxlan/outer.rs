//! TOS, TTL and congestion marks of the packet outside, as Linux has them.

use super::config::{Tos, Ttl, VtepConfig};
use crate::frame::Frame;

/// The two bits of ECN (RFC 3168, 5).
const ECN: u8 = 3;
const ECT_0: u8 = 2;
const ECT_1: u8 = 1;
const CE: u8 = 3;

/// What the packets outside are sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Traffic class.
    pub tos: u8,
    /// Hops; the kernel's default if none is given.
    pub ttl: Option<u8>,
}

/// What the packet outside a frame is sent with: its congestion bits are those of the packet inside, and "can be marked" where that
/// is marked already (RFC 3168, 9.1.1; so does Linux).
pub fn outside(config: &VtepConfig, frame: &Frame<'_>) -> Outside {
    let inside = class_of(frame);
    let (inner_tos, inner_ttl) = inside.unwrap_or_default();
    let tos = match config.tos {
        Tos::Fixed(tos) => tos,
        Tos::Inherit => inner_tos,
    };
    let mark = if inner_tos & ECN == CE { ECT_0 } else { inner_tos & ECN };
    let ttl = match config.ttl {
        Ttl::Default => None,
        Ttl::Fixed(ttl) => Some(ttl),
        Ttl::Inherit => inside.map(|_| inner_ttl),
    };
    Outside { tos: tos & !ECN | mark, ttl: ttl.filter(|ttl| *ttl != 0) }
}

/// What is to be done to a frame for the marks of the packet that it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Nothing.
    Stay,
    /// The packet inside gets these bits of congestion, see [`mark`].
    Mark(u8),
}

/// The packet outside met congestion, and the one inside cannot carry the mark: its sender would never hear (RFC 6040, 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotCapable;

/// What congestion outside means for the frame inside (RFC 6040, 4.2, figure 4).
///
/// # Errors
/// If the frame is to be dropped.
pub fn congestion(outer_tos: u8, frame: &Frame<'_>) -> Result<Marks, NotCapable> {
    let outer = outer_tos & ECN;
    if outer != CE && outer != ECT_1 {
        return Ok(Marks::Stay);
    }
    match class_of(frame).map(|(tos, _)| tos & ECN) {
        None | Some(CE) => Ok(Marks::Stay),
        Some(0) => {
            if outer == CE {
                Err(NotCapable)
            } else {
                Ok(Marks::Stay)
            }
        }
        Some(ECT_1) if outer == ECT_1 => Ok(Marks::Stay),
        Some(_) => Ok(Marks::Mark(outer)),
    }
}

/// Gives the packet inside a frame these bits of congestion, if it is IP, and an IPv4 header the checksum that goes with them.
pub fn mark(bytes: &mut [u8], bits: u8) {
    let Some(frame) = Frame::new(bytes) else { return };
    let (kind, l3) = (frame.ethertype(), 14 + frame.tags_len());
    let Some(packet) = bytes.get_mut(l3..) else { return };
    match kind {
        0x0800 if packet.len() >= 20 => {
            let before = u16::from_be_bytes([packet[0], packet[1]]);
            packet[1] = packet[1] & !ECN | bits & ECN;
            let after = u16::from_be_bytes([packet[0], packet[1]]);
            let sum = u16::from_be_bytes([packet[10], packet[11]]);
            packet[10..12].copy_from_slice(&updated(sum, before, after).to_be_bytes());
        }
        0x86dd if packet.len() >= 40 => packet[1] = packet[1] & !(ECN << 4) | (bits & ECN) << 4,
        _ => {}
    }
}

/// A checksum after one word was changed (RFC 1624, 3).
fn updated(sum: u16, before: u16, after: u16) -> u16 {
    let mut wide = u32::from(!sum) + u32::from(!before) + u32::from(after);
    while wide >> 16 != 0 {
        wide = (wide & 0xffff) + (wide >> 16);
    }
    !(wide as u16)
}

/// Traffic class and hops of the packet inside, if it is IP.
fn class_of(frame: &Frame<'_>) -> Option<(u8, u8)> {
    let packet = frame.bytes().get(14 + frame.tags_len()..)?;
    match (frame.ethertype(), packet) {
        (0x0800, [_, tos, _, _, _, _, _, _, ttl, ..]) if packet.len() >= 20 => Some((*tos, *ttl)),
        (0x86dd, [first, second, _, _, _, _, _, hops, ..]) if packet.len() >= 40 => {
            Some(((first & 15) << 4 | second >> 4, *hops))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Vni;
    use super::*;
    use std::net::Ipv4Addr;

    fn config(tos: Tos, ttl: Ttl) -> VtepConfig {
        VtepConfig { tos, ttl, ..VtepConfig::new(Vni::new(1).expect("24 bits"), Ipv4Addr::LOCALHOST.into()) }
    }

    fn ip(version: u8, tos: u8, ttl: u8) -> Vec<u8> {
        let mut frame = vec![2; 12];
        if version == 4 {
            frame.extend([8, 0, 0x45, tos, 0, 20, 0, 0, 0, 0, ttl, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
            let sum = sum(&frame[14..34]);
            frame[24..26].copy_from_slice(&(!sum).to_be_bytes());
        } else {
            frame.extend([0x86, 0xdd, 0x60 | tos >> 4, tos << 4, 0, 0, 0, 0, 59, ttl]);
            frame.extend([0; 32]);
        }
        frame
    }

    fn sum(header: &[u8]) -> u16 {
        let wide: u32 = header.chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
        ((wide & 0xffff) + (wide >> 16)) as u16
    }

    fn sent(config: &VtepConfig, bytes: &[u8]) -> Outside {
        outside(config, &Frame::new(bytes).expect("a frame"))
    }

    #[test]
    fn the_outside_has_the_class_that_was_set_and_the_congestion_bits_of_the_inside() {
        for version in [4, 6] {
            for (inner, outer) in [(0, 0), (1, 1), (2, 2), (3, 2)] {
                let fixed = sent(&config(Tos::Fixed(0x28), Ttl::Default), &ip(version, 0x40 | inner, 9));
                assert_eq!(fixed, Outside { tos: 0x28 | outer, ttl: None });
                let inherited = sent(&config(Tos::Inherit, Ttl::Inherit), &ip(version, 0x40 | inner, 9));
                assert_eq!(inherited, Outside { tos: 0x40 | outer, ttl: Some(9) });
            }
        }
        let arp = [&[2; 12][..], &[8, 6], &[0xff; 46]].concat();
        assert_eq!(sent(&config(Tos::Inherit, Ttl::Inherit), &arp), Outside::default());
        assert_eq!(sent(&config(Tos::Fixed(4), Ttl::Fixed(7)), &arp), Outside { tos: 4, ttl: Some(7) });
    }

    #[test]
    fn congestion_outside_reaches_the_inside_or_drops_what_cannot_carry_it() {
        for version in [4, 6] {
            for outer in 0..4 {
                for inner in 0..4 {
                    let bytes = ip(version, 0x40 | inner, 9);
                    let answer = congestion(0x20 | outer, &Frame::new(&bytes).expect("a frame"));
                    let expected = match (outer, inner) {
                        (3, 0) => Err(NotCapable),
                        (3, 1 | 2) => Ok(Marks::Mark(3)),
                        (1, 2) => Ok(Marks::Mark(1)),
                        _ => Ok(Marks::Stay),
                    };
                    assert_eq!(answer, expected, "IPv{version}: {outer} outside, {inner} inside");
                }
            }
        }
        let arp = [&[2; 12][..], &[8, 6], &[0xff; 46]].concat();
        assert_eq!(congestion(3, &Frame::new(&arp).expect("a frame")), Ok(Marks::Stay), "no IP inside");
    }

    #[test]
    fn a_mark_changes_the_class_alone_and_keeps_the_checksum_right() {
        for (tos, version, bits) in (0..=255).flat_map(|tos| [(tos, 4, 3), (tos, 6, 3), (tos, 4, 1), (tos, 6, 1)]) {
            let mut bytes = ip(version, tos, 9);
            mark(&mut bytes, bits);
            assert_eq!(bytes, ip(version, tos & !3 | bits, 9), "IPv{version}, {tos:#x}");
        }
    }
}
