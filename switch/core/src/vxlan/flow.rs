//! The source port that keeps a flow together and flows apart (RFC 7348, 5): a hash of the frame inside, so that whoever shares load
//! by the packet outside sees many flows where there are many.

use crate::frame::Frame;
use std::ops::RangeInclusive;

/// The dynamic ports, which RFC 7348 wants sources to be among (RFC 6335, 6).
pub const SOURCE_PORTS: RangeInclusive<u16> = 49_152..=65_535;

const FRAGMENTED: u16 = 0x3fff;

/// A number that is the same for every frame of a flow: of its addresses, and ports where there are any. Of a fragment, addresses
/// alone count: only the first one has ports.
pub fn flow_hash(frame: &Frame<'_>, seed: u64) -> u32 {
    let (bytes, l3) = (frame.bytes(), 14 + frame.tags_len());
    let packet = bytes.get(l3..).unwrap_or_default();
    let hash = match frame.ethertype() {
        0x0800 => v4(packet, seed),
        0x86dd => v6(packet, seed),
        _ => None,
    };
    let hash = hash.unwrap_or_else(|| words(seed, &bytes[..12]));
    (hash >> 32) as u32
}

fn v4(packet: &[u8], seed: u64) -> Option<u64> {
    let header = packet.first_chunk::<20>()?;
    let addresses = mix(words(seed, &header[12..20]), u64::from(header[9]));
    let whole = u16::from_be_bytes([header[6], header[7]]) & FRAGMENTED == 0;
    let ports = packet.get(usize::from(header[0] & 15) * 4..).and_then(|l4| l4.first_chunk::<4>());
    Some(with_ports(addresses, header[9], ports.filter(|_| whole)))
}

fn v6(packet: &[u8], seed: u64) -> Option<u64> {
    let header = packet.first_chunk::<40>()?;
    let addresses = mix(words(seed, &header[8..40]), u64::from(header[6]));
    Some(with_ports(addresses, header[6], packet.get(40..).and_then(|l4| l4.first_chunk::<4>())))
}

/// TCP, UDP and SCTP begin with their ports; in all else these bytes mean something else.
fn with_ports(hash: u64, protocol: u8, ports: Option<&[u8; 4]>) -> u64 {
    match ports {
        Some(ports) if matches!(protocol, 6 | 17 | 132) => mix(hash, u64::from(u32::from_be_bytes(*ports))),
        Some(_) | None => mix(hash, 0),
    }
}

fn words(seed: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(seed, |hash, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        mix(hash, u64::from_ne_bytes(word))
    })
}

/// A folded multiplication, as in foldhash and wyhash: every bit of both reaches the middle of the product.
fn mix(hash: u64, word: u64) -> u64 {
    let product =
        u128::from(hash ^ word ^ 0x9e37_79b9_7f4a_7c15) * u128::from(0xbf58_476d_1ce4_e5b9_u64 ^ word.rotate_left(32));
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn udp(source: u16, fragment: u16, tail: u8) -> Vec<u8> {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 46, 0, tail];
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        bytes.extend(source.to_be_bytes());
        bytes.extend([0, 53, 0, 26, 0, tail]);
        bytes
    }

    fn hash(bytes: &[u8]) -> u32 {
        flow_hash(&Frame::new(bytes).expect("a frame"), 7)
    }

    #[test]
    fn a_flow_has_one_hash_and_flows_spread_over_all() {
        assert_eq!(hash(&udp(1000, 0, 1)), hash(&udp(1000, 0, 2)));
        let mut buckets = BTreeMap::new();
        for source in 0..8192 {
            *buckets.entry(hash(&udp(source, 0, 0)) & 63).or_insert(0) += 1;
        }
        // 128 each are expected, with a standard deviation of 11.
        assert!(buckets.len() == 64 && buckets.values().all(|count| (60..220).contains(count)), "{buckets:?}");
    }

    #[test]
    fn fragments_of_a_packet_stay_together() {
        assert_eq!(hash(&udp(1000, 0x2000, 1)), hash(&udp(7, 0x0004, 1)), "the later ones begin with anything");
        assert_ne!(hash(&udp(1000, 0, 1)), hash(&udp(1001, 0, 1)));
    }

    #[test]
    fn any_bytes_have_a_flow() {
        for len in 14..60 {
            for kind in [[8, 0], [0x86, 0xdd], [0x81, 0], [8, 6]] {
                let mut bytes = vec![0xff; len];
                bytes[12..14].copy_from_slice(&kind);
                assert_eq!(hash(&bytes), hash(&bytes.clone()), "{len} bytes");
            }
        }
    }
}
