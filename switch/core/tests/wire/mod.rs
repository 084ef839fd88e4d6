//! Packets byte by byte, wrong ones too. No checksum is right: a guard reads none.

#![allow(dead_code, reason = "each test takes what it needs")]

use lanloom_switch_core::MacAddr;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(crate) const ARP: u16 = 0x0806;
pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const UDP: u8 = 17;

pub(crate) fn ether(source: MacAddr, destination: MacAddr, kind: u16, payload: &[u8]) -> Vec<u8> {
    [&destination.0[..], &source.0, &kind.to_be_bytes(), payload].concat()
}

/// The same frame behind tags, given by their types from the outermost on.
pub(crate) fn tagged(frame: &[u8], tags: &[u16]) -> Vec<u8> {
    let tags = tags.iter().flat_map(|tag| [tag.to_be_bytes(), [0, 0]].concat());
    [&frame[..12], &tags.collect::<Vec<_>>(), &frame[12..]].concat()
}

/// The same frame with an LLC and SNAP header in front of its type (RFC 1042).
pub(crate) fn snapped(frame: &[u8]) -> Vec<u8> {
    let len = ((frame.len() - 14 + 8) as u16).to_be_bytes();
    [&frame[..12], &len, &[0xaa, 0xaa, 3, 0, 0, 0], &frame[12..]].concat()
}

/// `operation` 1 asks, 2 answers.
pub(crate) fn arp(operation: u16, sender_mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let fixed = [0, 1, 8, 0, 6, 4];
    [&fixed[..], &operation.to_be_bytes(), &sender_mac.0, &sender.octets(), &[0; 6], &target.octets()].concat()
}

pub(crate) fn udp(source: u16, destination: u16) -> Vec<u8> {
    [source.to_be_bytes(), destination.to_be_bytes(), [0, 8], [0, 0]].concat()
}

/// `fragment` is the field of flags and offset.
pub(crate) fn ipv4(source: Ipv4Addr, destination: Ipv4Addr, fragment: u16, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let len = (20 + payload.len()) as u16;
    let start = [&[0x45, 0][..], &len.to_be_bytes(), &[0, 1], &fragment.to_be_bytes(), &[64, protocol, 0, 0]].concat();
    [&start[..], &source.octets(), &destination.octets(), payload].concat()
}

pub(crate) fn ipv6(source: Ipv6Addr, destination: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    let len = payload.len() as u16;
    let start = [&[0x60, 0, 0, 0][..], &len.to_be_bytes(), &[next, 255]].concat();
    [&start[..], &source.octets(), &destination.octets(), payload].concat()
}

/// An extension header of `8 + 8 * more` bytes in front of `payload`, which is of the kind `next`.
pub(crate) fn extension(next: u8, more: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 8 + 8 * usize::from(more)];
    header[..2].copy_from_slice(&[next, more]);
    [&header[..], payload].concat()
}

/// A fragment header in front of `payload`; `offset` counts eights of bytes.
pub(crate) fn fragment(next: u8, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let field = (offset << 3 | u16::from(more)).to_be_bytes();
    [&[next, 0][..], &field, &[0, 0, 0, 9], payload].concat()
}

/// A message of neighbour discovery about `target` with link-layer options, given by kind and address. A router advertisement or
/// solicitation has no target.
pub(crate) fn neighbour(kind: u8, target: Option<Ipv6Addr>, options: &[(u8, MacAddr)]) -> Vec<u8> {
    let fixed: Vec<u8> = match kind {
        134 => vec![0; 12],
        137 => vec![0; 36],
        _ => [&[0; 4][..], &target.map(|target| target.octets().to_vec()).unwrap_or_default()].concat(),
    };
    let options = options.iter().flat_map(|(kind, mac)| [&[*kind, 1][..], &mac.0].concat());
    [&[kind, 0, 0, 0][..], &fixed, &options.collect::<Vec<_>>()].concat()
}

/// The same message of ICMPv6 with its checksum right (RFC 4443, 2.3).
pub(crate) fn checked(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut message = message.to_vec();
    message[2..4].fill(0);
    let pseudo = [&source.octets()[..], &destination.octets(), &(message.len() as u32).to_be_bytes(), &[0, 0, 0, ICMPV6]];
    let summed = [pseudo.concat(), message.clone(), vec![0; message.len() % 2]].concat();
    let words = summed.chunks_exact(2).map(|two| u64::from(u16::from_be_bytes([two[0], two[1]])));
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    message[2..4].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    message
}

/// A neighbour solicitation (RFC 4861, 4.3), as a packet.
pub(crate) fn solicitation(source: Ipv6Addr, target: Ipv6Addr, mac: Option<MacAddr>) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let group = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    let options: Vec<_> = mac.into_iter().map(|mac| (1, mac)).collect();
    ipv6(source, group, ICMPV6, &checked(source, group, &neighbour(135, Some(target), &options)))
}

/// A neighbour advertisement (RFC 4861, 4.4) in a host's own name, as a packet. `flags` are router, solicited and override, in the three
/// upper bits.
pub(crate) fn advertisement(of: Ipv6Addr, to: Ipv6Addr, flags: u8, mac: MacAddr) -> Vec<u8> {
    let mut message = neighbour(136, Some(of), &[(2, mac)]);
    message[4] = flags;
    ipv6(of, to, ICMPV6, &checked(of, to, &message))
}
