//! Merging: TCP segments that follow each other become one super-frame again, where nobody did that on their way.
//!
//! What Linux's own receive offload does (`tcp_gro_receive`): segments of one flow, in order, of one size but for the last, with
//! the same headers but for what counts up. Checksums are looked at first: a super-frame says that all of its bytes are right.

use super::checksum::Sum;
use super::cut::{pseudo_header, put};
use super::layers::{Layers, Network, Transport, word};
use super::undone::checksum_of;
use crate::buffer::Batch;
use crate::vnet::{Checksum, Gso, GsoKind, VnetHeader};

const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// Bytes of the longest IP packet.
const PACKET_MAX: usize = 65_535;

/// Puts frames into a batch, each as it is or as the continuation of the newest one there.
#[derive(Debug, Default)]
pub struct Merger {
    open: Option<Open>,
}

/// The newest frame, as long as more may be added to it.
#[derive(Clone, Copy, Debug)]
struct Open {
    frame: usize,
    layers: Layers,
    /// Payload bytes of each segment so far.
    size: usize,
    next: u32,
    segments: u32,
}

/// A segment that can be part of a super-frame.
#[derive(Clone, Copy)]
struct Segment {
    layers: Layers,
    sequence: u32,
    /// Payload bytes.
    len: usize,
    /// Whether its sender waits for nothing more to come (RFC 9293, 3.9.1.2).
    pushed: bool,
}

impl Merger {
    /// Appends a frame as it is on the wire, or with its checksum left to be finished. `false` if the batch is full; the frame is still to come then.
    ///
    /// The batch is to be this merger's alone until [`Merger::close`].
    pub fn take(&mut self, batch: &mut Batch, bytes: &[u8]) -> bool {
        let Some(segment) = segment(bytes) else { return self.push(batch, bytes, checksum_of(bytes)) };
        if let Some(open) = &mut self.open
            && continues(open, &segment, batch.bytes(open.frame), bytes)
            && batch.extend(&bytes[segment.layers.payload..])
        {
            open.next = open.next.wrapping_add(segment.len as u32);
            open.segments += 1;
            if segment.pushed {
                let flags = open.layers.l4 + 13;
                batch.bytes_mut(open.frame)[flags] |= PSH;
            }
            if segment.pushed || segment.len < open.size {
                self.close(batch);
            }
            return true;
        }
        if !self.push(batch, bytes, Checksum::Valid) {
            return false;
        }
        if segment.len > 0 && !segment.pushed {
            let (frame, next) = (batch.len() - 1, segment.sequence.wrapping_add(segment.len as u32));
            self.open = Some(Open { frame, layers: segment.layers, size: segment.len, next, segments: 1 });
        }
        true
    }

    /// Ends the newest frame: from now on nothing is added to it. To be called before the batch is looked at.
    pub fn close(&mut self, batch: &mut Batch) {
        let Some(Open { frame, layers, size, segments: 2.., .. }) = self.open.take() else { return };
        let bytes = batch.bytes_mut(frame);
        let len = (bytes.len() - layers.l3) as u16;
        match layers.network {
            Network::V4 => {
                put(bytes, layers.l3 + 2, len);
                put(bytes, layers.l3 + 10, 0);
                let sum = Sum::of(&bytes[layers.l3..layers.l4]).checksum();
                put(bytes, layers.l3 + 10, sum);
            }
            Network::V6 => put(bytes, layers.l3 + 4, len - 40),
        }
        let l4_len = (bytes.len() - layers.l4) as u16;
        let sum = !pseudo_header(bytes, &layers, Checksum::Complete).plus_word(l4_len).checksum();
        let offset = layers.transport.checksum_offset();
        put(bytes, layers.l4 + offset, sum);
        let kind = if layers.network == Network::V4 { GsoKind::Tcp4 } else { GsoKind::Tcp6 };
        *batch.vnet_mut(frame) = VnetHeader {
            checksum: Checksum::Partial { start: layers.l4 as u16, offset: offset as u16 },
            gso: Some(Gso { kind, size: size as u16, ecn: false }),
            header_len: layers.payload as u16,
        };
    }

    fn push(&mut self, batch: &mut Batch, bytes: &[u8], checksum: Checksum) -> bool {
        self.close(batch);
        batch.push_copy(bytes, VnetHeader { checksum, ..VnetHeader::default() })
    }
}

/// What a frame is if it can be part of a super-frame: a whole TCP packet, without tags, with no flag but ACK and PSH, whose lengths
/// and checksums are right. Of IPv4 it may not be fragmented, so that its identification means nothing (RFC 6864, 4.1).
fn segment(bytes: &[u8]) -> Option<Segment> {
    let layers = Layers::find(bytes)?;
    let Layers { network, transport, l3, l4, payload } = layers;
    let flags = *bytes.get(l4 + 13)?;
    let plain = transport == Transport::Tcp && l3 == 14 && flags & !PSH == ACK && bytes[l4 + 12] & 15 == 0;
    let sound = match network {
        Network::V4 => {
            usize::from(word(bytes, l3 + 2)?) == bytes.len() - l3
                && bytes[l3 + 6] & 0x40 != 0
                && Sum::of(&bytes[l3..l4]).checksum() == 0
        }
        Network::V6 => l4 == l3 + 40 && usize::from(word(bytes, l3 + 4)?) == bytes.len() - l4,
    };
    if !plain || !sound {
        return None;
    }
    let sum = Sum::of(&bytes[l4..]).plus(pseudo_header(bytes, &layers, Checksum::Complete));
    let right = sum.plus_word((bytes.len() - l4) as u16).checksum() == 0;
    let sequence = u32::from_be_bytes([bytes[l4 + 4], bytes[l4 + 5], bytes[l4 + 6], bytes[l4 + 7]]);
    right.then_some(Segment { layers, sequence, len: bytes.len() - payload, pushed: flags & PSH != 0 })
}

/// Whether a segment follows what there is: the same headers but for lengths, identification, checksums, sequence number and PSH.
fn continues(open: &Open, segment: &Segment, so_far: &[u8], bytes: &[u8]) -> bool {
    let Layers { network, l3, l4, payload, .. } = open.layers;
    let same = |from: usize, to: usize| so_far[from..to] == bytes[from..to];
    let same_network = || match network {
        Network::V4 => same(l3, l3 + 2) && same(l3 + 6, l3 + 10) && same(l3 + 12, l4),
        Network::V6 => same(l3, l3 + 4) && same(l3 + 6, l4),
    };
    // TCP: ports, acknowledgement and offset, then behind flags window, and behind the checksum urgent pointer and options.
    let same_transport = || same(l4, l4 + 4) && same(l4 + 8, l4 + 13) && same(l4 + 14, l4 + 16) && same(l4 + 18, payload);
    segment.sequence == open.next
        && segment.layers == open.layers
        && (1..=open.size).contains(&segment.len)
        && so_far.len() - l3 + segment.len <= PACKET_MAX
        && same(0, l3)
        && same_network()
        && same_transport()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offload::{Cutter, check};

    fn header(network: Network, options: usize) -> (Vec<u8>, usize) {
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
        match network {
            Network::V4 => bytes.extend([8, 0, 0x45, 2, 0, 0, 0, 9, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]),
            Network::V6 => {
                bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 0, 6, 64]);
                bytes.extend([0xfd; 32]);
            }
        }
        let l4 = bytes.len();
        bytes.extend([0x12, 0x34, 0, 80, 0xff, 0xff, 0xf0, 0, 0, 0, 0, 1, (5 + options as u8) << 4, 0x18, 1, 0, 0, 0, 0, 0]);
        bytes.extend(vec![1; options * 4]);
        (bytes, l4)
    }

    /// What a super-frame of `payload` bytes is cut into.
    fn segments(network: Network, options: usize, payload: usize) -> Vec<Vec<u8>> {
        let (mut bytes, l4) = header(network, options);
        let headers = bytes.len();
        bytes.extend((0..payload).map(|at| (at / 7) as u8));
        let kind = if network == Network::V4 { GsoKind::Tcp4 } else { GsoKind::Tcp6 };
        let gso = Some(Gso { kind, size: 1000, ecn: false });
        let vnet = VnetHeader { checksum: Checksum::Complete, gso, header_len: headers as u16 };
        match network {
            Network::V4 => put(&mut bytes, 16, (20 + 20 + options * 4 + payload) as u16),
            Network::V6 => put(&mut bytes, 18, (20 + options * 4 + payload) as u16),
        }
        let mut cutter = Cutter::new(&bytes, &vnet).expect("a sound super-frame");
        assert_eq!(cutter.shape().wire_len as usize, headers + payload.min(1000));
        assert!(l4 < headers);
        let mut out = vec![0; 2000];
        std::iter::from_fn(|| cutter.next_into(&mut out).map(|len| out[..len].to_vec())).collect()
    }

    fn merged(frames: &[Vec<u8>]) -> Vec<(Vec<u8>, VnetHeader)> {
        let (mut merger, mut batch) = (Merger::default(), Batch::new(64));
        for frame in frames {
            assert!(merger.take(&mut batch, frame));
        }
        merger.close(&mut batch);
        (0..batch.len()).map(|frame| (batch.bytes(frame).to_vec(), batch.descriptor(frame).vnet)).collect()
    }

    #[test]
    fn what_was_cut_is_one_again_and_cut_again_the_same() {
        for network in [Network::V4, Network::V6] {
            for (options, payload) in [(0, 5000), (3, 5500), (10, 1001), (0, 62_000)] {
                let cut = segments(network, options, payload);
                let whole = merged(&cut);
                let [(bytes, vnet)] = &whole[..] else { panic!("{} frames", whole.len()) };
                let shape = check(bytes, vnet).expect("a sound super-frame");
                assert_eq!(shape.segments as usize, cut.len());
                let mut cutter = Cutter::new(bytes, vnet).expect("a sound super-frame");
                let mut out = vec![0; 2000];
                for segment in &cut {
                    let len = cutter.next_into(&mut out).expect("as many");
                    assert_eq!(&out[..len], &segment[..]);
                }
            }
        }
    }

    #[test]
    fn one_segment_stays_as_it_is_and_its_checksum_is_known_to_be_right() {
        let cut = segments(Network::V4, 0, 900);
        assert_eq!(merged(&cut), [(cut[0].clone(), VnetHeader { checksum: Checksum::Valid, ..VnetHeader::default() })]);
    }

    #[test]
    fn any_other_header_byte_begins_anew() {
        for network in [Network::V4, Network::V6] {
            let cut = segments(network, 3, 2500);
            let headers = cut[0].len() - 1000;
            for at in 0..headers {
                let mut frames = cut.clone();
                frames[1][at] ^= 1;
                let whole = merged(&frames);
                assert!(whole.len() > 1, "byte {at}");
                let all: Vec<u8> = whole.iter().flat_map(|(bytes, _)| bytes[headers..].to_vec()).collect();
                assert_eq!(all.len(), 2500, "nothing is lost");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_is_passed_on_as_it_came() {
        let mut cut = segments(Network::V4, 0, 2500);
        let last = cut[1].len() - 1;
        cut[1][last] ^= 1;
        let whole = merged(&cut);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole[1], (cut[1].clone(), VnetHeader::default()));
    }

    #[test]
    fn what_is_out_of_order_or_of_another_flow_begins_anew() {
        let cut = segments(Network::V4, 0, 4000);
        assert_eq!(merged(&[cut[0].clone(), cut[2].clone(), cut[1].clone(), cut[3].clone()]).len(), 4);
        let arp = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 8, 6], &[0; 46]].concat();
        let mixed = merged(&[cut[0].clone(), cut[1].clone(), arp.clone(), cut[2].clone(), cut[3].clone()]);
        assert_eq!(mixed.iter().map(|(bytes, _)| bytes.len()).collect::<Vec<_>>(), [2054, 60, 2054]);
        assert_eq!(mixed[1].0, arp);
    }

    #[test]
    fn a_pushed_segment_is_the_last_of_its_frame() {
        let cut = segments(Network::V4, 0, 3000);
        assert_eq!(cut[2][47], 0x18, "pushed");
        let twice = merged(&[cut.clone(), segments(Network::V4, 0, 1000)].concat());
        assert_eq!(twice.len(), 2);
        assert_eq!(twice[0].0[47], 0x18);
    }

    #[test]
    fn a_packet_grows_to_the_longest_that_ip_has_and_no_further() {
        let cut = segments(Network::V4, 0, 64_000);
        let mut long = cut.clone();
        // Another 2,000 bytes behind them would make it longer than 65,535.
        let mut more = segments(Network::V4, 0, 2000);
        for (at, frame) in more.iter_mut().enumerate() {
            let sequence = 0xffff_f000_u32.wrapping_add(64_000 + at as u32 * 1000);
            frame[38..42].copy_from_slice(&sequence.to_be_bytes());
            put(frame, 50, 0);
            let layers = Layers::find(frame).expect("TCP");
            let sum = Sum::of(&frame[34..]).plus(pseudo_header(frame, &layers, Checksum::Complete));
            let sum = sum.plus_word((frame.len() - 34) as u16).checksum();
            put(frame, 50, sum);
        }
        let unpushed = |frame: &mut Vec<u8>| {
            frame[47] = 0x10;
            let sum = word(frame, 50).expect("there");
            put(frame, 50, Sum::default().plus_word(!sum).minus_word(0x18).plus_word(0x10).checksum());
        };
        long.last_mut().into_iter().for_each(unpushed);
        long.extend(more);
        let whole = merged(&long);
        assert_eq!(whole.iter().map(|(bytes, _)| bytes.len()).collect::<Vec<_>>(), [65_054, 1054]);
    }
}
