//! Frames on their way out, gathered into messages: what has the same peer, source port and marks goes together, as long as all
//! but the last are equally long, so that the kernel has one call and one packet to route for many datagrams.
//!
//! A super-frame is cut here, each segment with its own headers and finished checksums: the kernel cuts only the UDP outside, and
//! knows nothing of what is inside.

use super::deliver::deliver;
use crate::buffer::Batch;
use crate::offload::{Cutter, finish};
use crate::sys::datagram::Outbound;
use crate::underlay::Underlay;
use crate::vnet::{Checksum, VnetHeader};
use lanloom_switch_core::vxlan::{HEADER_LEN, InnerTags, Outside, PeerId, Vtep, flow_hash, header, outside, untagged};
use lanloom_switch_core::{DropReason, EgressFate, Frame, Instant};
use std::net::SocketAddr;

/// Bytes of headers, and of frames that cannot be sent as they are, that wait.
const ARENA: usize = 384 << 10;

/// Bytes of one message: less than the longest datagram, in which the kernel cuts it (udp(7)).
const MESSAGE_MAX: usize = 65_000;

/// Messages that wait before all are sent.
const MESSAGES: usize = 256;

/// What waits to be sent.
pub(super) struct Queue {
    arena: Vec<u8>,
    /// How much of it holds segments.
    used: usize,
    /// A frame without its tags.
    bare: Vec<u8>,
    /// Messages in use come first; the others are kept for their memory.
    messages: Vec<Message>,
    waiting: usize,
    /// Where the datagrams of the frame are that is being added.
    parts: Vec<Part>,
    frames: Vec<Sending>,
    pub(super) outbound: Outbound,
    /// Messages of one socket, while they are sent.
    pub(super) chosen: Vec<usize>,
}

/// One frame, to as many peers as it goes to.
#[derive(Clone, Copy)]
pub(super) struct Sending {
    pub(super) peers: u32,
    pub(super) failed: u32,
    /// The peer that it failed to reach last.
    pub(super) last: Option<PeerId>,
    pub(super) reason: DropReason,
    pub(super) len: u32,
    pub(super) segments: u32,
}

/// A datagram: headers that were written for it, if any, and bytes of the batch's memory.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Where the headers are in the arena, and how long.
    written: (u32, u32),
    /// Where the rest is in the batch's memory, and how long.
    rest: (u32, u32),
    pub(super) frame: u16,
    /// Whether it is the frame's first one.
    pub(super) is_first: bool,
}

/// Datagrams that go together.
#[derive(Default)]
pub(super) struct Message {
    pub(super) peer: PeerId,
    pub(super) to: Option<SocketAddr>,
    pub(super) socket: u16,
    pub(super) outside: Outside,
    /// Bytes of each datagram but the last.
    pub(super) size: u32,
    total: usize,
    /// Whether another may follow.
    open: bool,
    pub(super) parts: Vec<Part>,
}

/// Who sends, and by what.
pub(super) struct Out<'a> {
    pub(super) vtep: &'a mut Vtep,
    pub(super) underlay: &'a Underlay,
    /// Where the hashes of flows start.
    pub(super) seed: u64,
    pub(super) now: Instant,
    /// The interface by which its group is reached.
    pub(super) group_by: Option<u32>,
}

/// Whom a frame goes to.
#[derive(Clone, Copy)]
struct Way {
    peer: PeerId,
    to: SocketAddr,
    socket: u16,
    outside: Outside,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            arena: vec![0; ARENA],
            used: 0,
            bare: Vec::new(),
            messages: Vec::with_capacity(MESSAGES),
            waiting: 0,
            parts: Vec::with_capacity(128),
            frames: Vec::with_capacity(64),
            outbound: Outbound::new(64, 1024),
            chosen: Vec::with_capacity(64),
        }
    }

    /// Nothing of the frames before is to be told any more.
    pub(super) fn begin(&mut self) {
        self.frames.clear();
    }

    /// Has frame `number` of the batch wait to be sent to the peers that the tunnel end knows for it.
    pub(super) fn add(&mut self, out: &mut Out<'_>, batch: &mut Batch, number: usize) {
        let (vnet, bytes) = (batch.descriptor(number).vnet, batch.bytes(number));
        let (len, ordinal) = (bytes.len() as u32, self.frames.len() as u16);
        let nothing = Sending { peers: 0, failed: 0, last: None, reason: DropReason::NoPeer, len, segments: 1 };
        self.frames.push(nothing);
        let Some(frame) = Frame::new(bytes) else { return };
        let destination = frame.destination();
        let peers = out.vtep.route(out.now, destination).len() as u32;
        if peers == 0 {
            return;
        }
        let outside = outside(out.vtep.config(), &frame);
        let (socket, _) = out.underlay.sender(flow_hash(&frame, out.seed));
        let strip = out.vtep.config().tags == InnerTags::Discard && frame.tags_len() > 0;
        let segments = match self.lay_out(out, batch, number, vnet, strip) {
            Ok(segments) => segments,
            Err(reason) => {
                self.frames[usize::from(ordinal)] = Sending { peers, failed: peers, reason, ..nothing };
                return;
            }
        };
        self.frames[usize::from(ordinal)] = Sending { peers, segments, ..nothing };
        for at in 0..peers as usize {
            let Some(&peer) = out.vtep.route(out.now, destination).get(at) else { continue };
            let Some(address) = out.vtep.peer(peer).map(|peer| peer.address) else { continue };
            let to = SocketAddr::new(address, out.vtep.config().port);
            for part in 0..self.parts.len() {
                let part = Part { frame: ordinal, is_first: part == 0, ..self.parts[part] };
                self.put(Way { peer, to, socket, outside }, part, out.underlay.segments());
            }
        }
        if self.waiting >= MESSAGES {
            deliver(self, out, batch);
        }
    }

    /// Sends all that waits, and appends a fate for each frame added since the beginning.
    pub(super) fn end(&mut self, out: &mut Out<'_>, batch: &Batch, fates: &mut Vec<EgressFate>) {
        deliver(self, out, batch);
        fates.extend(self.frames.iter().map(|frame| {
            // A flood that reached one peer was sent.
            if frame.failed < frame.peers { EgressFate::Sent } else { EgressFate::Dropped(frame.reason) }
        }));
    }

    /// Finds the datagrams of a frame: where it is, or what it is cut into. Answers how many.
    fn lay_out(
        &mut self,
        out: &mut Out<'_>,
        batch: &mut Batch,
        number: usize,
        vnet: VnetHeader,
        strip: bool,
    ) -> Result<u32, DropReason> {
        self.parts.clear();
        if vnet.gso.is_none() && !strip {
            finish(batch.bytes_mut(number), vnet.checksum);
            batch.vnet_mut(number).checksum = Checksum::Complete;
            let place = batch.with_prefix(number, &header(out.vtep.config().vni));
            self.parts.push(Part {
                written: (0, 0),
                rest: (place.start as u32, place.len() as u32),
                frame: 0,
                is_first: false,
            });
            return Ok(1);
        }
        if !strip {
            return self.cut(out, batch, number, vnet);
        }
        let mut bare = std::mem::take(&mut self.bare);
        let vnet = without_tags(batch.bytes(number), vnet, &mut bare);
        let laid = match vnet.gso {
            None => self.copy(&bare, out, batch),
            Some(_) => self.cut_copies(&bare, vnet, out, batch),
        };
        self.bare = bare;
        laid
    }

    /// Cuts a super-frame: headers are written, and the payload stays where it is.
    fn cut(&mut self, out: &mut Out<'_>, batch: &Batch, number: usize, vnet: VnetHeader) -> Result<u32, DropReason> {
        let mut cutter = Cutter::new(batch.bytes(number), &vnet).map_err(|_| DropReason::OffloadUnsupported)?;
        let (segments, headers) = (cutter.shape().segments, HEADER_LEN + cutter.headers());
        self.make_room(segments as usize * headers, out, batch)?;
        let (prefix, first) = (header(out.vtep.config().vni), batch.place(number).start);
        while !cutter.is_done() {
            let (start, body) = (self.used, self.used + HEADER_LEN);
            self.arena[start..body].copy_from_slice(&prefix);
            let Some(payload) = cutter.next_headers(&mut self.arena[body..]) else { break };
            self.used += headers;
            let rest = ((first + payload.start) as u32, payload.len() as u32);
            self.parts.push(Part { written: (start as u32, headers as u32), rest, frame: 0, is_first: false });
        }
        Ok(segments)
    }

    fn copy(&mut self, bytes: &[u8], out: &mut Out<'_>, batch: &Batch) -> Result<u32, DropReason> {
        let needed = HEADER_LEN + bytes.len();
        self.make_room(needed, out, batch)?;
        let (start, body) = (self.used, self.used + HEADER_LEN);
        self.arena[start..body].copy_from_slice(&header(out.vtep.config().vni));
        self.arena[body..start + needed].copy_from_slice(bytes);
        self.used += needed;
        self.parts.push(Part { written: (start as u32, needed as u32), rest: (0, 0), frame: 0, is_first: false });
        Ok(1)
    }

    /// Cuts a super-frame that is not in the batch as it is to be sent.
    fn cut_copies(&mut self, bytes: &[u8], vnet: VnetHeader, out: &mut Out<'_>, batch: &Batch) -> Result<u32, DropReason> {
        let mut cutter = Cutter::new(bytes, &vnet).map_err(|_| DropReason::OffloadUnsupported)?;
        let shape = cutter.shape();
        self.make_room(shape.segments as usize * (shape.wire_len as usize + HEADER_LEN), out, batch)?;
        let prefix = header(out.vtep.config().vni);
        while !cutter.is_done() {
            let (start, body) = (self.used, self.used + HEADER_LEN);
            self.arena[start..body].copy_from_slice(&prefix);
            let Some(len) = cutter.next_into(&mut self.arena[body..]) else { break };
            self.used = body + len;
            self.parts.push(Part {
                written: (start as u32, (HEADER_LEN + len) as u32),
                rest: (0, 0),
                frame: 0,
                is_first: false,
            });
        }
        Ok(shape.segments)
    }

    /// Has room in the arena: sends what is there if there is too little. What was to be sent of the frame at hand stays to come.
    ///
    /// # Errors
    /// If it has not that much at all: segments of a few bytes, more headers than anybody should have to carry.
    fn make_room(&mut self, bytes: usize, out: &mut Out<'_>, batch: &Batch) -> Result<(), DropReason> {
        if self.used + bytes > ARENA {
            deliver(self, out, batch);
        }
        if bytes <= ARENA { Ok(()) } else { Err(DropReason::QueueFull) }
    }

    /// Adds a datagram to a message of its kind, or begins one.
    fn put(&mut self, way: Way, part: Part, most: usize) {
        let same = |message: &Message| message.open && message.peer == way.peer && message.socket == way.socket;
        if let Some(message) = self.messages[..self.waiting].iter_mut().rev().find(|message| same(message)) {
            let fits = part.len() <= message.size && message.total + part.len() as usize <= MESSAGE_MAX;
            if fits && message.outside == way.outside && message.parts.len() < most {
                message.total += part.len() as usize;
                message.open = part.len() == message.size;
                message.parts.push(part);
                return;
            }
            // A flow stays in order: nothing goes into an earlier message any more.
            message.open = false;
        }
        if self.waiting == self.messages.len() {
            self.messages.push(Message::default());
        }
        let message = &mut self.messages[self.waiting];
        (message.peer, message.to, message.socket, message.outside) = (way.peer, Some(way.to), way.socket, way.outside);
        (message.size, message.total, message.open) = (part.len(), part.len() as usize, true);
        message.parts.clear();
        message.parts.push(part);
        self.waiting += 1;
    }

    /// Messages that wait, with what sends them and what they are of.
    pub(super) fn split(&mut self) -> (&[Message], &mut [Sending], &mut Outbound, &mut Vec<usize>, &[u8]) {
        (&self.messages[..self.waiting], &mut self.frames, &mut self.outbound, &mut self.chosen, &self.arena)
    }

    /// All messages have been sent.
    pub(super) fn sent(&mut self) {
        self.waiting = 0;
        self.used = 0;
    }
}

impl Part {
    fn len(&self) -> u32 {
        self.written.1 + self.rest.1
    }

    /// The bytes of the datagram, in order.
    pub(super) fn bytes<'a>(&self, batch: &'a Batch, arena: &'a [u8]) -> [&'a [u8]; 2] {
        let of = |bytes: &'a [u8], (start, len): (u32, u32)| &bytes[start as usize..][..len as usize];
        [of(arena, self.written), of(batch.all(), self.rest)]
    }
}

/// Leaves a frame without its tags in `bare`, its checksum finished if it is not to be cut.
fn without_tags(bytes: &[u8], vnet: VnetHeader, bare: &mut Vec<u8>) -> VnetHeader {
    let (addresses, rest) = untagged(bytes);
    bare.clear();
    bare.extend_from_slice(addresses);
    bare.extend_from_slice(rest);
    let shorter = (bytes.len() - bare.len()) as i16;
    let vnet = vnet.shifted(-shorter);
    if vnet.gso.is_none() {
        finish(bare, vnet.checksum);
    }
    vnet
}
