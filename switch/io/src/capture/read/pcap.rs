//! The classic format: one header, then frames. Source: draft-ietf-opsawg-pcap.

use super::{BLOCK_MAX, Captured, Input, Order, ReadError, check_link_type};
use std::io::Read;

/// What the file's header says.
#[derive(Debug)]
pub(super) struct Header {
    order: Order,
    /// Nanoseconds in one unit of the second half of a time.
    unit: u64,
}

impl Header {
    /// Reads what follows the magic number.
    pub(super) fn read<R: Read>(magic: [u8; 4], input: &mut Input<R>) -> Result<Self, ReadError> {
        let (order, unit) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1000),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1000),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1),
            _ => return Err(ReadError::NoCapture { magic }),
        };
        let rest = input.bytes(20)?;
        // The upper bits tell of check sequences.
        check_link_type(order.u32(&rest, 16).unwrap_or(0) & 0xffff)?;
        Ok(Self { order, unit })
    }

    pub(super) fn next<R: Read>(&self, input: &mut Input<R>) -> Result<Option<Captured>, ReadError> {
        let Some(header) = input.array::<16>()? else { return Ok(None) };
        let field = |at| self.order.u32(&header, at).unwrap_or(0);
        let (secs, fraction, len, original_len) = (field(0), field(4), field(8), field(12));
        if len > BLOCK_MAX {
            return Err(ReadError::Damaged { at: input.at, what: "a frame longer than 16 MiB" });
        }
        let time = u64::from(secs) * 1_000_000_000 + u64::from(fraction) * self.unit;
        Ok(Some(Captured { interface: 0, time, bytes: input.bytes(len)?, original_len, comment: None, id: None }))
    }
}
