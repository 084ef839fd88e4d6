//! Frames that a well-behaved station does not send: of words, as `lanloom trace` takes them, and of bytes where it has no words.

use super::Seat;
use lanloom_switch_core::build::build;
use std::net::Ipv6Addr;

/// Everybody's address.
pub(crate) const BROADCAST: &str = "ff:ff:ff:ff:ff:ff";
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ICMP6: u8 = 58;

/// The frame that these words describe.
pub(crate) fn frame(words: &str) -> Vec<u8> {
    build(words).unwrap_or_else(|error| panic!("{words}: {error}")).bytes
}

/// A question of `from` for the hardware address of `target` (RFC 4861, 4.3).
pub(crate) fn solicitation(from: Seat, target: Seat) -> Vec<u8> {
    let body = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.v6().octets(), &[1, 1], &from.mac()].concat();
    icmp6(from.mac(), from.v6(), target.group(), &body)
}

/// A claim, sent by `mac` to all, that `target` is at the address `at` (RFC 4861, 4.4).
pub(crate) fn advertisement(mac: [u8; 6], target: Ipv6Addr, at: [u8; 6]) -> Vec<u8> {
    let body = [&[136, 0, 0, 0, 0x20, 0, 0, 0][..], &target.octets(), &[2, 1], &at].concat();
    icmp6(mac, target, ALL_NODES, &body)
}

/// A router's announcement of itself for half an hour (RFC 4861, 4.2).
pub(crate) fn router_advertisement(from: Seat) -> Vec<u8> {
    let [.., x, y] = from.mac();
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0x004c, 0x4cff, 0xfe81, u16::from_be_bytes([x, y]));
    icmp6(from.mac(), link_local, ALL_NODES, &[134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// A bridge's claim to be the root (IEEE 802.1D-2004, 9.3.1), to the group address `last` says the end of.
pub(crate) fn bpdu(from: Seat, last: u8) -> Vec<u8> {
    let header = [&[0x01, 0x80, 0xc2, 0, 0, last][..], &from.mac(), &[0, 38, 0x42, 0x42, 0x03]].concat();
    [header, vec![0; 46]].concat()
}

/// An ICMPv6 message with its checksum, to a group.
fn icmp6(mac: [u8; 6], source: Ipv6Addr, to: Ipv6Addr, body: &[u8]) -> Vec<u8> {
    let len = u8::try_from(body.len()).expect("a short message");
    let to = to.octets();
    let pseudo = [&source.octets()[..], &to, &[0, 0, 0, len, 0, 0, 0, ICMP6], body].concat();
    let sum: u32 = pseudo.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !((folded & 0xffff) + (folded >> 16)) as u16;
    let mut body = body.to_vec();
    body[2..4].copy_from_slice(&checksum.to_be_bytes());
    let ethernet = [&[0x33, 0x33][..], &to[12..], &mac, &[0x86, 0xdd]].concat();
    let header = [&[0x60, 0, 0, 0, 0, len, ICMP6, 255][..], &source.octets(), &to].concat();
    [ethernet, header, body].concat()
}
