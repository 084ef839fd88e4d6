//! The newer format: sections of blocks. Source: draft-ietf-opsawg-pcapng.

use super::{BLOCK_MAX, Captured, Input, Order, ReadError, check_link_type};
use std::io::Read;

/// The type of the block that a section starts with, the same in either order.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// What the section that is being read has said so far.
#[derive(Debug)]
pub(super) struct Section {
    order: Order,
    interfaces: Vec<Interface>,
}

#[derive(Debug)]
struct Interface {
    name: Option<String>,
    link_type: u32,
    snaplen: u32,
    clock: Clock,
}

/// Units of time in a second.
#[derive(Clone, Copy, Debug)]
struct Clock(u128);

impl Clock {
    /// `if_tsresol`: a power of ten, or of two with the highest bit set.
    fn of(resolution: u8) -> Option<Self> {
        let exponent = u32::from(resolution & 0x7f);
        let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
        base.checked_pow(exponent).filter(|units| *units <= u128::from(u64::MAX)).map(Self)
    }

    fn nanos(self, units: u64) -> u64 {
        u64::try_from(u128::from(units) * 1_000_000_000 / self.0).unwrap_or(u64::MAX)
    }
}

impl Section {
    /// Reads a section's header behind its type.
    pub(super) fn read<R: Read>(input: &mut Input<R>) -> Result<Self, ReadError> {
        let start = input.bytes(8)?;
        let order = match start[4..] {
            [0x4d, 0x3c, 0x2b, 0x1a] => Order::Little,
            [0x1a, 0x2b, 0x3c, 0x4d] => Order::Big,
            _ => return Err(ReadError::Damaged { at: input.at, what: "a byte order that there is none of" }),
        };
        let len = order.u32(&start, 0).unwrap_or(0);
        let rest = input.bytes(checked_len(len, 28, input.at)? - 12)?;
        check_end(order, &rest, len, input.at)?;
        Ok(Self { order, interfaces: Vec::new() })
    }

    pub(super) fn interface_name(&self, interface: u32) -> Option<&str> {
        self.interfaces.get(interface as usize)?.name.as_deref()
    }

    pub(super) fn next<R: Read>(&mut self, input: &mut Input<R>) -> Result<Option<Captured>, ReadError> {
        loop {
            let Some(kind) = input.array::<4>()? else { return Ok(None) };
            if kind == MAGIC {
                *self = Self::read(input)?;
                continue;
            }
            let len = input.bytes(4)?;
            let len = checked_len(self.order.u32(&len, 0).unwrap_or(0), 12, input.at)?;
            let body = input.bytes(len - 8)?;
            check_end(self.order, &body, len, input.at)?;
            let body = &body[..body.len() - 4];
            let at = input.at;
            match self.order.u32(&kind, 0) {
                Some(1) => self.interface(body, at)?,
                Some(2 | 6) => return self.packet(body, self.order.u32(&kind, 0) == Some(2), at).map(Some),
                Some(3) => return self.simple_packet(body, at).map(Some),
                _ => {}
            }
        }
    }

    fn interface(&mut self, body: &[u8], at: u64) -> Result<(), ReadError> {
        let (Some(link_type), Some(snaplen)) = (self.order.u16(body, 0), self.order.u32(body, 4)) else {
            return Err(ReadError::Damaged { at, what: "an interface block that is too short" });
        };
        let mut interface = Interface { name: None, link_type: link_type.into(), snaplen, clock: Clock(1_000_000) };
        for (code, value) in self.options(&body[8..]) {
            match (code, value) {
                (2, name) => interface.name = Some(String::from_utf8_lossy(name).into_owned()),
                (9, [resolution, ..]) => {
                    let what = "a resolution of time that no clock has";
                    interface.clock = Clock::of(*resolution).ok_or(ReadError::Damaged { at, what })?;
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        Ok(())
    }

    /// An enhanced packet block, or an old one, which has a 16-bit interface and a drop count where that has 32 bits.
    fn packet(&self, body: &[u8], old: bool, at: u64) -> Result<Captured, ReadError> {
        let field = |at| self.order.u32(body, at);
        let interface = if old { self.order.u16(body, 0).map(u32::from) } else { field(0) };
        let (Some(interface), Some(high), Some(low), Some(len), Some(original_len)) =
            (interface, field(4), field(8), field(12), field(16))
        else {
            return Err(ReadError::Damaged { at, what: "a packet block that is too short" });
        };
        let bytes = frame(body, 20, len, at)?;
        let clock = self.ethernet(interface, at)?.clock;
        let time = clock.nanos(u64::from(high) << 32 | u64::from(low));
        let mut captured = Captured { interface, time, bytes, original_len, comment: None, id: None };
        for (code, value) in self.options(body.get(20 + (len as usize).next_multiple_of(4)..).unwrap_or_default()) {
            match code {
                1 => captured.comment = Some(String::from_utf8_lossy(value).into_owned()),
                5 => captured.id = self.order.u64(value, 0),
                _ => {}
            }
        }
        Ok(captured)
    }

    fn simple_packet(&self, body: &[u8], at: u64) -> Result<Captured, ReadError> {
        let damaged = ReadError::Damaged { at, what: "a packet block that is too short" };
        let original_len = self.order.u32(body, 0).ok_or(damaged)?;
        let snaplen = match self.ethernet(0, at)?.snaplen {
            0 => u32::MAX,
            snaplen => snaplen,
        };
        let bytes = frame(body, 4, original_len.min(snaplen), at)?;
        Ok(Captured { interface: 0, time: 0, bytes, original_len, comment: None, id: None })
    }

    fn ethernet(&self, interface: u32, at: u64) -> Result<&Interface, ReadError> {
        let what = "a packet of an interface that was not described";
        let interface = self.interfaces.get(interface as usize).ok_or(ReadError::Damaged { at, what })?;
        check_link_type(interface.link_type)?;
        Ok(interface)
    }

    /// Options up to the end or the first that does not fit.
    fn options<'a>(&self, mut rest: &'a [u8]) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let order = self.order;
        std::iter::from_fn(move || {
            let (code, len) = (order.u16(rest, 0)?, usize::from(order.u16(rest, 2)?));
            let value = rest.get(4..4 + len)?;
            rest = rest.get(4 + len.next_multiple_of(4)..).unwrap_or_default();
            (code != 0).then_some((code, value))
        })
    }
}

fn frame(body: &[u8], from: usize, len: u32, at: u64) -> Result<Vec<u8>, ReadError> {
    let bytes = body.get(from..).and_then(|rest| rest.get(..len as usize));
    bytes.map(<[u8]>::to_vec).ok_or(ReadError::Damaged { at, what: "a packet longer than its block" })
}

fn checked_len(len: u32, least: u32, at: u64) -> Result<u32, ReadError> {
    if len < least || !len.is_multiple_of(4) || len > BLOCK_MAX {
        return Err(ReadError::Damaged { at, what: "a block of a length that none can have" });
    }
    Ok(len)
}

/// A block's length stands again at its end.
fn check_end(order: Order, body: &[u8], len: u32, at: u64) -> Result<(), ReadError> {
    let again = body.len().checked_sub(4).and_then(|end| order.u32(body, end));
    if again == Some(len) { Ok(()) } else { Err(ReadError::Damaged { at, what: "a block whose two lengths differ" }) }
}
