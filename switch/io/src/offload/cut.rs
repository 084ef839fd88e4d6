//! Cutting a super-frame into frames as they are on the wire.

use super::checksum::Sum;
use super::finish::never_zero;
use super::layers::{Layers, Network, Transport};
use super::shape::{Shape, super_frame};
use crate::buffer::Batch;
use crate::vnet::{Checksum, VnetHeader};
use lanloom_switch_core::DropReason;
use std::ops::Range;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// Cuts one super-frame, segment by segment, into memory of the caller's. Allocates nothing and changes nothing.
///
/// Segments are those that Linux makes in software, byte for byte: all headers are repeated, tags, options and extension
/// headers included; IPv4's identification counts up, whether fragmenting is forbidden or not; lengths and all checksums are
/// right; TCP's sequence number moves on, PSH and FIN stay on the last segment, CWR on the first (RFC 3168, 6.1.2).
#[derive(Debug)]
pub struct Cutter<'a> {
    bytes: &'a [u8],
    layers: Layers,
    shape: Shape,
    size: usize,
    /// The pseudo-header's sum without the length.
    pseudo: Sum,
    /// Segments made so far.
    made: u32,
}

impl<'a> Cutter<'a> {
    /// A cutter for the super-frame `bytes`, none of it cut yet.
    ///
    /// # Errors
    /// What [`check`](super::check) says; [`DropReason::Malformed`] also if this is no super-frame.
    pub fn new(bytes: &'a [u8], vnet: &VnetHeader) -> Result<Self, DropReason> {
        let gso = vnet.gso.ok_or(DropReason::Malformed)?;
        let (layers, shape) = super_frame(bytes, gso, vnet.checksum)?;
        let pseudo = pseudo_header(bytes, &layers, vnet.checksum);
        Ok(Self { bytes, layers, shape, size: usize::from(gso.size), pseudo, made: 0 })
    }

    /// How many segments there are in all, and their greatest length.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether all segments have been made.
    pub fn is_done(&self) -> bool {
        self.made == self.shape.segments
    }

    /// Appends as many segments to `batch` as it has room for, each as a plain frame, and returns how many.
    pub fn fill(&mut self, batch: &mut Batch) -> usize {
        let before = batch.len();
        while !self.is_done() {
            let Some(slot) = batch.free_slot(0) else { break };
            let Some(len) = self.next_into(slot) else { break };
            batch.push_received(len, VnetHeader::default());
        }
        batch.len() - before
    }

    /// Writes the next segment to the start of `out` and returns its length in bytes. `None` once all are made, or if `out` is
    /// shorter than the segment ([`Shape::wire_len`] always suffices), which then is still to come.
    pub fn next_into(&mut self, out: &mut [u8]) -> Option<usize> {
        let headers = self.layers.payload;
        if self.is_done() || out.len() < headers + self.next_len() {
            return None;
        }
        let payload = self.next_headers(out)?;
        let len = headers + payload.len();
        out[headers..len].copy_from_slice(&self.bytes[payload]);
        Some(len)
    }

    /// Writes the headers alone of the next segment to the start of `out`, [`Cutter::headers`] bytes, and returns which bytes of the
    /// super-frame follow them: for who can send both from where they are. `None` as for [`Cutter::next_into`].
    pub fn next_headers(&mut self, out: &mut [u8]) -> Option<Range<usize>> {
        if self.is_done() {
            return None;
        }
        let (headers, done) = (self.layers.payload, self.made as usize * self.size);
        let out = out.get_mut(..headers)?;
        let place = headers + done..headers + done + self.next_len();
        out.copy_from_slice(&self.bytes[..headers]);
        self.write_network(out, place.len());
        self.write_transport(out, &self.bytes[place.clone()], done as u32);
        self.made += 1;
        Some(place)
    }

    /// Bytes of the headers of each segment.
    pub fn headers(&self) -> usize {
        self.layers.payload
    }

    /// Bytes of payload of the next segment.
    fn next_len(&self) -> usize {
        (self.bytes.len() - self.layers.payload - self.made as usize * self.size).min(self.size)
    }

    fn write_network(&self, out: &mut [u8], payload: usize) {
        let header = &mut out[self.layers.l3..];
        let len = (header.len() + payload) as u16;
        match self.layers.network {
            Network::V4 => {
                let id = u16::from_be_bytes([header[4], header[5]]).wrapping_add(self.made as u16);
                put(header, 2, len);
                put(header, 4, id);
                put(header, 10, 0);
                let sum = Sum::of(&header[..self.layers.l4 - self.layers.l3]).checksum();
                put(header, 10, sum);
            }
            Network::V6 => put(header, 4, len - 40),
        }
    }

    /// `done` is how many bytes of payload are in the segments before.
    fn write_transport(&self, out: &mut [u8], payload: &[u8], done: u32) {
        let header = &mut out[self.layers.l4..];
        let len = (header.len() + payload.len()) as u16;
        match self.layers.transport {
            Transport::Tcp => self.write_tcp(header, done),
            Transport::Udp => put(header, 4, len),
        }
        let field = self.layers.transport.checksum_offset();
        put(header, field, 0);
        // The headers of both are of an even length, so that the sums add up.
        let sum = Sum::of(header).plus(Sum::of(payload)).plus(self.pseudo).plus_word(len).checksum();
        let sum = if self.layers.transport == Transport::Udp { never_zero(sum) } else { sum };
        put(header, field, sum);
    }

    fn write_tcp(&self, header: &mut [u8], done: u32) {
        let sequence = u32::from_be_bytes([header[4], header[5], header[6], header[7]]).wrapping_add(done);
        header[4..8].copy_from_slice(&sequence.to_be_bytes());
        if self.made + 1 < self.shape.segments {
            header[13] &= !(FIN | PSH);
        }
        if self.made > 0 {
            header[13] &= !CWR;
        }
    }
}

/// The pseudo-header's sum without the length. A partial checksum holds it, and knows better than the addresses, which are not
/// those of the packet's end if it is source-routed (RFC 8200, 8.1).
pub(super) fn pseudo_header(bytes: &[u8], layers: &Layers, checksum: Checksum) -> Sum {
    match checksum {
        Checksum::Partial { .. } => {
            let field = layers.l4 + layers.transport.checksum_offset();
            Sum::of(&bytes[field..field + 2]).minus_word((bytes.len() - layers.l4) as u16)
        }
        Checksum::Complete | Checksum::Valid => {
            let addresses = match layers.network {
                Network::V4 => layers.l3 + 12..layers.l3 + 20,
                Network::V6 => layers.l3 + 8..layers.l3 + 40,
            };
            Sum::of(&bytes[addresses]).plus_word(u16::from(layers.transport.protocol()))
        }
    }
}

pub(super) fn put(bytes: &mut [u8], at: usize, word: u16) {
    bytes[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
