//! What is sent over TCP: bytes whose place in the stream shows, so that none can be missing, doubled, moved or changed unseen.

/// Bytes after which the pattern begins again: a prime, so that pieces of the usual sizes never fit in each other's place.
const PERIOD: usize = 1_048_573;

/// The stream of bytes that both ends know.
#[derive(Debug)]
pub(super) struct Pattern {
    bytes: Vec<u8>,
}

impl Pattern {
    /// The one stream.
    pub(super) fn new() -> Self {
        // Of splitmix64, the finishing steps.
        let mixed = |place: u64| {
            let mixed = (place ^ (place >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) as u8
        };
        Self { bytes: (1..=PERIOD as u64).map(|place| mixed(place.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect() }
    }

    /// Bytes from place `at` on, as many as lie together.
    pub(super) fn from(&self, at: u64) -> &[u8] {
        &self.bytes[(at % PERIOD as u64) as usize..]
    }

    /// The place of the first byte of `seen` that is not what place `at` and those after it hold.
    pub(super) fn first_difference(&self, at: u64, seen: &[u8]) -> Option<u64> {
        let mut place = 0;
        while place < seen.len() {
            let expected = self.from(at + place as u64);
            let len = expected.len().min(seen.len() - place);
            let (expected, seen) = (&expected[..len], &seen[place..place + len]);
            if expected != seen {
                let equal = expected.iter().zip(seen).take_while(|(one, other)| one == other).count();
                return Some(at + (place + equal) as u64);
            }
            place += len;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pattern: &Pattern, at: u64, len: usize) -> Vec<u8> {
        (at..).map(|place| pattern.from(place)[0]).take(len).collect()
    }

    #[test]
    fn the_stream_is_itself_across_its_seam() {
        let (pattern, at) = (Pattern::new(), PERIOD as u64 - 5);
        assert_eq!(pattern.first_difference(at, &stream(&pattern, at, 100)), None);
    }

    #[test]
    fn a_changed_missing_or_doubled_byte_is_found_at_its_place() {
        let (pattern, at) = (Pattern::new(), PERIOD as u64 - 5);
        let mut seen = stream(&pattern, at, 4096);
        seen[70] ^= 1;
        assert_eq!(pattern.first_difference(at, &seen), Some(at + 70));
        assert!(pattern.first_difference(at, &stream(&pattern, at + 1, 4096)).is_some(), "a byte is missing");
        assert!(pattern.first_difference(at, &stream(&pattern, at + 65_536, 4096)).is_some(), "a piece is missing");
    }
}
