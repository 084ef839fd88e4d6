//! Whole pcapng blocks only: a file that ends inside a block cannot be read to its end.

use bytes::{Buf, BytesMut};

/// What of a pcapng stream has come and is not yet a whole block.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    rest: BytesMut,
}

impl Blocks {
    /// Takes a piece of the stream, and hands all blocks that are now whole to `write`, at once.
    pub(crate) fn push<E>(&mut self, piece: &[u8], write: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        self.rest.extend_from_slice(piece);
        let whole = self.whole_len();
        if whole == 0 {
            return Ok(());
        }
        write(&self.rest[..whole])?;
        self.rest.advance(whole);
        Ok(())
    }

    fn whole_len(&self) -> usize {
        let mut at = 0;
        while let Some(len) = self.rest.get(at + 4..at + 8) {
            // A block is type, total length, body, total length again: never shorter than 12 bytes.
            let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]).max(12) as usize;
            if self.rest.len() - at < len {
                break;
            }
            at += len;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn blocks_come_out_whole_however_they_came_in() {
        let block = |kind: u8, len: u8| {
            let mut block = vec![0; usize::from(len)];
            (block[0], block[4]) = (kind, len);
            block
        };
        let stream = [block(6, 12), block(5, 32), block(6, 16)].concat();
        for size in 1..=stream.len() {
            let (mut blocks, mut written) = (Blocks::default(), Vec::new());
            for piece in stream[..stream.len() - 1].chunks(size) {
                let taken: Result<(), Infallible> = blocks.push(piece, |whole| {
                    written.extend_from_slice(whole);
                    Ok(())
                });
                assert_eq!(taken, Ok(()));
                assert!([0, 12, 44].contains(&written.len()), "{} bytes by pieces of {size}", written.len());
            }
            assert_eq!(written, stream[..44], "the last block lacks a byte");
        }
    }
}
