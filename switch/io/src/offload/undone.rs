//! What a sender on the same machine left undone in a frame that comes without a virtio-net header, out of a tunnel: Linux hands its own
//! packets over with the checksum still to be finished, and its super-frames uncut, wherever an interface between takes them so.

use super::MIN_TCP_SIZE;
use super::checksum::Sum;
use super::cut::pseudo_header;
use super::layers::{IPV4, IPV6, Layers, Network, Transport, network_start, word};
use crate::vnet::{Checksum, Gso, GsoKind, VnetHeader};
use lanloom_switch_core::frame::HEADER_LEN;

/// Where the packet in a frame ends by its IP header, counted from the frame's start. `None` if it holds none, or says no length.
pub fn packet_end(bytes: &[u8]) -> Option<usize> {
    let l3 = network_start(bytes);
    let (header, len) = match word(bytes, l3.checked_sub(2)?)? {
        IPV4 => (20, usize::from(word(bytes, l3 + 2)?)),
        IPV6 => (40, 40 + usize::from(word(bytes, l3 + 4)?)),
        _ => return None,
    };
    // As long as a header and no longer is also what those write whose packet is too long to say it.
    (len > header).then_some(l3 + len)
}

/// What a frame is to be cut into that is longer than what it came by carries, `mtu` bytes of payload: it is a super-frame of TCP's
/// whose size nobody said, and its segments may be as long as that lets them. `None` if it fits, or is none.
pub fn size_within(bytes: &[u8], mtu: u32) -> Option<u16> {
    if bytes.len() <= HEADER_LEN + mtu as usize || packet_end(bytes) != Some(bytes.len()) {
        return None;
    }
    let layers = Layers::find(bytes).filter(|layers| layers.transport == Transport::Tcp)?;
    let size = (mtu as usize).checked_sub(layers.payload - layers.l3)?;
    u16::try_from(size).ok().filter(|size| *size >= MIN_TCP_SIZE)
}

/// The header of a super-frame that came whole, to be cut into `size` bytes of payload each; that of a plain frame if it can be none.
pub fn uncut(bytes: &[u8], size: u16) -> VnetHeader {
    let Some(layers) = Layers::find(bytes) else { return VnetHeader::default() };
    let kind = match (layers.network, layers.transport) {
        (Network::V4, Transport::Tcp) => GsoKind::Tcp4,
        (Network::V6, Transport::Tcp) => GsoKind::Tcp6,
        (Network::V4 | Network::V6, Transport::Udp) => GsoKind::Udp,
    };
    let gso = Some(Gso { kind, size, ecn: false });
    VnetHeader { checksum: partial(&layers), gso, header_len: layers.payload as u16 }
}

/// The state of a frame's checksum: partial if it is not right and what stands there is the pseudo-header's sum, which its sender left
/// for others to go on from.
pub fn checksum_of(bytes: &[u8]) -> Checksum {
    let found = Layers::find(bytes).filter(|_| packet_end(bytes) == Some(bytes.len()));
    let Some(layers) = found else { return Checksum::Complete };
    let packet = &bytes[layers.l4..];
    let (field, len) = (layers.transport.checksum_offset(), packet.len() as u16);
    let pseudo = pseudo_header(bytes, &layers, Checksum::Complete).plus_word(len);
    if word(packet, field) != Some(!pseudo.checksum()) {
        return Checksum::Complete;
    }
    let is_right = Sum::of(packet).plus(pseudo).checksum() == 0;
    if is_right { Checksum::Complete } else { partial(&layers) }
}

fn partial(layers: &Layers) -> Checksum {
    Checksum::Partial { start: layers.l4 as u16, offset: layers.transport.checksum_offset() as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::{check, finish};
    use etherparse::PacketBuilder;

    fn frame(v6: bool, tcp: bool, payload: usize) -> Vec<u8> {
        let ethernet = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let ip = match v6 {
            false => ethernet.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64),
            true => ethernet.ipv6([0xfd; 16], [0xfe; 16], 64),
        };
        let (mut bytes, payload) = (Vec::new(), vec![7; payload]);
        match tcp {
            true => ip.tcp(1, 2, 3, 4).write(&mut bytes, &payload).expect("a frame that can be built"),
            false => ip.udp(1, 2).write(&mut bytes, &payload).expect("a frame that can be built"),
        }
        bytes
    }

    fn all() -> impl Iterator<Item = (bool, bool)> {
        [false, true].into_iter().flat_map(|v6| [false, true].map(|tcp| (v6, tcp)))
    }

    /// As Linux leaves it for others to finish.
    fn left(bytes: &mut [u8]) -> Checksum {
        let layers = Layers::find(bytes).expect("TCP or UDP");
        let len = (bytes.len() - layers.l4) as u16;
        let sum = !pseudo_header(bytes, &layers, Checksum::Complete).plus_word(len).checksum();
        let field = layers.l4 + layers.transport.checksum_offset();
        bytes[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        partial(&layers)
    }

    #[test]
    fn a_checksum_that_was_left_is_found_and_finished_to_what_it_was() {
        for (v6, tcp) in all() {
            for payload in [0, 5, 99] {
                let whole = frame(v6, tcp, payload);
                assert_eq!(checksum_of(&whole), Checksum::Complete);
                let mut bytes = whole.clone();
                let expected = left(&mut bytes);
                assert_eq!(checksum_of(&bytes), expected);
                finish(&mut bytes, expected);
                assert_eq!(bytes, whole);
            }
        }
    }

    #[test]
    fn what_is_merely_wrong_stays_as_it_is() {
        for (v6, tcp) in all() {
            let mut bytes = frame(v6, tcp, 99);
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            assert_eq!(checksum_of(&bytes), Checksum::Complete);
            let mut padded = frame(v6, tcp, 0);
            left(&mut padded);
            padded.push(0);
            assert_eq!(checksum_of(&padded), Checksum::Complete, "behind its end is something else");
            for len in 0..bytes.len() {
                assert_eq!(checksum_of(&bytes[..len]), Checksum::Complete, "{len} bytes");
            }
        }
    }

    #[test]
    fn a_super_frame_that_came_whole_is_one_that_can_be_cut() {
        for (v6, tcp) in all() {
            let mut bytes = frame(v6, tcp, 3000);
            left(&mut bytes);
            assert_eq!(packet_end(&bytes), Some(bytes.len()));
            let vnet = uncut(&bytes, 1000);
            assert_eq!(check(&bytes, &vnet).map(|shape| shape.segments), Ok(3));
        }
        let long = frame(false, true, 3000);
        let size = size_within(&long, 1450).expect("a super-frame");
        assert_eq!(check(&long, &uncut(&long, size)).map(|shape| shape.wire_len), Ok(1464), "as long as may be");
        assert_eq!(size_within(&long, 3040), None, "it fits");
        assert_eq!(size_within(&frame(false, false, 3000), 1450), None, "datagrams are not cut by guess");
        assert_eq!(uncut(&[0; 60], 1000), VnetHeader::default());
        assert_eq!(packet_end(&[&[2; 12][..], &[8, 6], &[0; 46]].concat()), None);
        assert_eq!(packet_end(&[8, 0]), None);
    }
}
