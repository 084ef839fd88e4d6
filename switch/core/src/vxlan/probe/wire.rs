//! The bytes of a probe; the [room's page](super#the-frame) has the table.

use crate::frame::HEADER_LEN;
use crate::mac::MacAddr;

/// EtherType of probes: local experimental 1 (IEEE 802-2014, 9.2.4).
pub const ETHERTYPE: u16 = 0x88b5;

/// Bytes of the smallest probe, and of every answer: as long as a frame of Ethernet must be without its check sequence
/// (802.3 clause 3.2.8), so that no device on the way makes it longer.
pub const SMALLEST: usize = 60;

/// Nearest bridge: no bridge relays it.
const DESTINATION: MacAddr = MacAddr([0x01, 0x80, 0xc2, 0, 0, 0x0e]);

const MAGIC: [u8; 4] = *b"LLVP";
const VERSION: u8 = 1;

/// From the first byte of the magic to the end of the time.
const BODY: usize = 40;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ask,
    Answer,
}

/// What a probe says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Probe {
    pub kind: Kind,
    /// Of the asker.
    pub vni: u32,
    /// Bytes of the whole frame that was asked with.
    pub size: u32,
    pub id: u64,
    pub sequence: u64,
    /// Nanoseconds on the asker's clock.
    pub asked: u64,
}

/// What a frame is to a prober.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Probe(Probe),
    /// It has our magic, and is no probe that we know.
    Malformed,
    NotOurs,
}

impl Probe {
    /// The first [`SMALLEST`] bytes of its frame; all others are zero.
    pub(super) fn head(&self) -> [u8; SMALLEST] {
        let [.., a, b, c, d, e] = self.id.to_be_bytes();
        let kind = match self.kind {
            Kind::Ask => 1,
            Kind::Answer => 2,
        };
        let parts: [&[u8]; 10] = [
            &DESTINATION.0,
            &[0x02, a, b, c, d, e],
            &ETHERTYPE.to_be_bytes(),
            &MAGIC,
            &[VERSION, kind, 0, 0],
            &self.vni.to_be_bytes(),
            &self.size.to_be_bytes(),
            &self.id.to_be_bytes(),
            &self.sequence.to_be_bytes(),
            &self.asked.to_be_bytes(),
        ];
        let (mut head, mut at) = ([0; SMALLEST], 0);
        for part in parts {
            head[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        head
    }

    /// Reads a frame. An ask that is not as long as it says was cut on its way, and is malformed.
    pub(super) fn read(frame: &[u8]) -> Read {
        let Some((header, body)) = frame.split_at_checked(HEADER_LEN) else { return Read::NotOurs };
        if header[..6] != DESTINATION.0 || header[12..] != ETHERTYPE.to_be_bytes() || !body.starts_with(&MAGIC) {
            return Read::NotOurs;
        }
        let Some(body) = body.first_chunk::<BODY>() else { return Read::Malformed };
        let kind = match body[4..8] {
            [VERSION, 1, 0, 0] => Kind::Ask,
            [VERSION, 2, 0, 0] => Kind::Answer,
            _ => return Read::Malformed,
        };
        let short = |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
        let long = |at: usize| u64::from(short(at)) << 32 | u64::from(short(at + 4));
        let probe = Self { kind, vni: short(8), size: short(12), id: long(16), sequence: long(24), asked: long(32) };
        let whole = match kind {
            Kind::Ask => frame.len() as u64 == u64::from(probe.size) && frame.len() >= SMALLEST,
            Kind::Answer => frame.len() == SMALLEST,
        };
        if whole { Read::Probe(probe) } else { Read::Malformed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Probe = Probe { kind: Kind::Ask, vni: 42, size: 60, id: 0x0102_0304_0506_0708, sequence: 9, asked: 10 };

    #[test]
    fn a_probe_reads_back_as_it_was_written() {
        for kind in [Kind::Ask, Kind::Answer] {
            let probe = Probe { kind, ..ASK };
            assert_eq!(Probe::read(&probe.head()), Read::Probe(probe));
        }
        let mut padded = Probe { size: 1464, ..ASK }.head().to_vec();
        padded.resize(1464, 0);
        assert_eq!(Probe::read(&padded), Read::Probe(Probe { size: 1464, ..ASK }));
    }

    /// Written out by hand from the table, so that probers of two versions agree on it.
    #[test]
    fn the_bytes_are_those_of_the_table() {
        let table = [
            &[0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e, 0x02, 0x04, 0x05, 0x06, 0x07, 0x08, 0x88, 0xb5][..],
            b"LLVP",
            &[1, 1, 0, 0],
            &[0, 0, 0, 42],
            &[0, 0, 0, 60],
            &[1, 2, 3, 4, 5, 6, 7, 8],
            &[0, 0, 0, 0, 0, 0, 0, 9],
            &[0, 0, 0, 0, 0, 0, 0, 10],
            &[0; 6],
        ];
        assert_eq!(ASK.head().to_vec(), table.concat());
    }

    #[test]
    fn every_cut_of_a_probe_is_malformed_or_not_ours() {
        let whole = ASK.head();
        for len in 0..whole.len() {
            let expected = if len < HEADER_LEN + MAGIC.len() { Read::NotOurs } else { Read::Malformed };
            assert_eq!(Probe::read(&whole[..len]), expected, "{len} bytes");
        }
    }

    #[test]
    fn what_has_our_type_without_our_magic_is_left_to_others() {
        for at in [0, 5, 12, 13, 14, 17] {
            let mut other = ASK.head();
            other[at] ^= 1;
            assert_eq!(Probe::read(&other), Read::NotOurs, "byte {at}");
        }
    }

    #[test]
    fn another_version_another_kind_and_a_size_that_is_not_its_own_are_malformed() {
        for (at, value) in [(18, 2), (19, 3), (19, 0), (20, 1), (21, 1), (29, 61)] {
            let mut bad = ASK.head();
            bad[at] = value;
            assert_eq!(Probe::read(&bad), Read::Malformed, "byte {at}");
        }
        let mut answer = Probe { kind: Kind::Answer, ..ASK }.head().to_vec();
        answer.push(0);
        assert_eq!(Probe::read(&answer), Read::Malformed, "an answer is never longer than the smallest ask");
    }
}
