//! The bounded way of frames from an engine thread to whoever writes them.
//!
//! The engine never waits: what does not fit is counted, and the count goes along with the next frame that does. Room is
//! counted in bytes, not in frames, so that a reader that stopped costs a known amount of memory.

use super::record::{Origin, PortLabel, Record};
use crate::vnet::VnetHeader;
use bytes::{Bytes, BytesMut};
use lanloom_switch_core::filter::Filter;
use lanloom_switch_core::frame::HEADER_LEN;
use lanloom_switch_core::{EgressFate, PortId};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

/// Bytes that a ring holds unless told otherwise.
pub const DEFAULT_ROOM: usize = 32 << 20;

/// Bytes of memory taken at a time. Records share it, so small frames do not pin much.
const CHUNK: usize = 256 << 10;

/// What a capture is about. [`Default`] is everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Bytes kept of each frame; at least its Ethernet header is, by which it is told who sent it.
    pub snaplen: u32,
    /// Only frames that come in or were to go out here.
    pub port: Option<PortId>,
    /// Only frames that were dropped, or of which a copy was.
    pub drops: bool,
    /// Only frames that this takes.
    pub filter: Option<Filter>,
    /// Bytes that may wait for the reader.
    pub room: usize,
}

impl Default for Scope {
    fn default() -> Self {
        Self { snaplen: u32::MAX, port: None, drops: false, filter: None, room: DEFAULT_ROOM }
    }
}

impl Scope {
    /// Whether `record` is to be kept.
    pub fn takes(&self, record: &Record<'_>) -> bool {
        self.port.is_none_or(|port| record.touches(port))
            && (!self.drops || record.drop_reason().is_some())
            && self.filter.as_ref().is_none_or(|filter| filter.matches(record.bytes, record.original_len as usize))
    }
}

/// A capture's number, like no other's in this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CaptureId(pub u64);

/// Makes a ring: its ends for the engine and for the reader.
pub fn ring(scope: Scope) -> (Sender, Receiver) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = CaptureId(NEXT.fetch_add(1, Ordering::Relaxed));
    let (sender, receiver) = mpsc::channel();
    let shared = Arc::new(Shared { waiting: AtomicUsize::new(0), deaf: AtomicBool::new(false) });
    let sender = Sender {
        id,
        scope,
        chunk: BytesMut::new(),
        entries: Vec::new(),
        copies: Vec::new(),
        lost: Vec::new(),
        cost: 0,
        shared: Arc::clone(&shared),
        sender,
    };
    (sender, Receiver { id, shared, receiver, release: 0 })
}

/// What both ends see.
#[derive(Debug)]
struct Shared {
    /// Bytes handed over and not yet done with.
    waiting: AtomicUsize,
    /// The reader is gone.
    deaf: AtomicBool,
}

enum Message {
    Port(PortLabel),
    Records(Records),
    End(Vec<(PortId, u64)>),
}

/// The engine's end.
#[derive(Debug)]
pub struct Sender {
    id: CaptureId,
    scope: Scope,
    chunk: BytesMut,
    entries: Vec<Entry>,
    copies: Vec<(PortId, EgressFate)>,
    /// Frames without room since the last that had, by port.
    lost: Vec<(PortId, u64)>,
    /// Room that the entries not yet handed over take.
    cost: usize,
    shared: Arc<Shared>,
    sender: mpsc::Sender<Message>,
}

impl Sender {
    /// Which capture this is.
    pub fn id(&self) -> CaptureId {
        self.id
    }

    /// Names a port. Comes before the first record that has to do with it; again if its name changes.
    pub fn port(&mut self, label: PortLabel) {
        self.flush();
        // A reader that is gone has no use for it; the next flush says so.
        let _ = self.sender.send(Message::Port(label));
    }

    /// Copies a frame, if the capture's [`Scope`] takes it and there is room. Neither waits, locks nor fails.
    pub fn record(&mut self, record: &Record<'_>) {
        if !self.is_heard() || !self.scope.takes(record) {
            return;
        }
        let bytes = &record.bytes[..record.bytes.len().min((self.scope.snaplen as usize).max(HEADER_LEN))];
        let cost = size_of::<Entry>() + bytes.len() + size_of_val(record.copies);
        if self.cost + cost + self.shared.waiting.load(Ordering::Relaxed) > self.scope.room {
            return self.count_lost(record.port);
        }
        self.make_room(bytes.len());
        let (at, first) = (self.chunk.len(), self.copies.len());
        self.chunk.extend_from_slice(bytes);
        self.copies.extend_from_slice(record.copies);
        let lost_before = u32::try_from(self.take_lost(record.port)).unwrap_or(u32::MAX);
        self.entries.push(Entry::new(record, at..self.chunk.len(), first..self.copies.len(), lost_before));
        self.cost += cost;
    }

    /// Hands over what was recorded: once a batch. `false` if the reader is gone and this end has no more use.
    pub fn flush(&mut self) -> bool {
        if self.entries.is_empty() {
            return self.is_heard();
        }
        let records = Records {
            bytes: self.chunk.split().freeze(),
            entries: self.entries.drain(..).collect(),
            copies: self.copies.drain(..).collect(),
            lost: self.lost.clone(),
            cost: std::mem::take(&mut self.cost),
        };
        self.shared.waiting.fetch_add(records.cost, Ordering::Relaxed);
        self.sender.send(Message::Records(records)).is_ok()
    }

    /// Whether the reader is still there. Costs one load.
    pub fn is_heard(&self) -> bool {
        !self.shared.deaf.load(Ordering::Relaxed)
    }

    /// Frames that found no room and have not been told of yet.
    pub fn lost(&self) -> u64 {
        self.lost.iter().map(|(_, frames)| frames).sum()
    }

    fn make_room(&mut self, len: usize) {
        if self.chunk.capacity() - self.chunk.len() < len {
            self.flush();
            self.chunk = BytesMut::with_capacity(len.max(CHUNK));
        }
    }

    fn count_lost(&mut self, port: PortId) {
        match self.lost.iter_mut().find(|(lost, _)| *lost == port) {
            Some((_, frames)) => *frames += 1,
            None => self.lost.push((port, 1)),
        }
    }

    fn take_lost(&mut self, port: PortId) -> u64 {
        let at = self.lost.iter().position(|(lost, _)| *lost == port);
        at.map_or(0, |at| self.lost.swap_remove(at).1)
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.flush();
        // Nobody may be left to hear it.
        let _ = self.sender.send(Message::End(std::mem::take(&mut self.lost)));
    }
}

/// The reader's end. Dropping it tells the engine to stop recording.
#[derive(Debug)]
pub struct Receiver {
    id: CaptureId,
    shared: Arc<Shared>,
    receiver: mpsc::Receiver<Message>,
    /// Room of the records last handed out, given back when the next are asked for.
    release: usize,
}

impl Receiver {
    /// Which capture this is.
    pub fn id(&self) -> CaptureId {
        self.id
    }

    /// Waits at most `timeout` for what comes next. The room of the records before is free again by this.
    pub fn next(&mut self, timeout: Duration) -> Heard {
        self.give_back();
        match self.receiver.recv_timeout(timeout) {
            Ok(Message::Port(label)) => Heard::Port(label),
            Ok(Message::Records(records)) => {
                self.release = records.cost;
                Heard::Records(records)
            }
            Ok(Message::End(lost)) => Heard::End(lost),
            Err(mpsc::RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(mpsc::RecvTimeoutError::Disconnected) => Heard::End(Vec::new()),
        }
    }

    fn give_back(&mut self) {
        self.shared.waiting.fetch_sub(std::mem::take(&mut self.release), Ordering::Relaxed);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.deaf.store(true, Ordering::Relaxed);
    }
}

/// What a reader hears.
#[derive(Debug)]
pub enum Heard {
    /// A port is called so from now on.
    Port(PortLabel),
    /// Frames, in the order that the switch decided on them.
    Records(Records),
    /// Nothing yet.
    Nothing,
    /// The engine's end is gone. Frames by port that were lost after the last record of that port.
    End(Vec<(PortId, u64)>),
}

/// The records of one batch, in memory of their own.
#[derive(Clone, Debug)]
pub struct Records {
    bytes: Bytes,
    entries: Vec<Entry>,
    copies: Vec<(PortId, EgressFate)>,
    lost: Vec<(PortId, u64)>,
    cost: usize,
}

impl Records {
    /// How many.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Record<'_>> {
        self.entries.iter().map(|entry| entry.record(&self.bytes, &self.copies))
    }

    /// Frames by port that were lost so far and of which no record has told yet.
    pub fn lost(&self) -> &[(PortId, u64)] {
        &self.lost
    }

    /// The bytes of record `at`, to keep without copying.
    pub fn bytes(&self, at: usize) -> Option<Bytes> {
        self.entries.get(at).map(|entry| self.bytes.slice(entry.bytes()))
    }
}

/// A record whose bytes and copies are elsewhere.
#[derive(Clone, Copy, Debug)]
struct Entry {
    time: u64,
    id: u64,
    port: PortId,
    at: u32,
    len: u32,
    original_len: u32,
    vnet: VnetHeader,
    segments: u32,
    origin: Origin,
    first_copy: u32,
    copies: u32,
    lost_before: u32,
}

impl Entry {
    fn new(record: &Record<'_>, bytes: Range<usize>, copies: Range<usize>, lost_before: u32) -> Self {
        Self {
            time: record.time,
            id: record.id,
            port: record.port,
            at: bytes.start as u32,
            len: bytes.len() as u32,
            original_len: record.original_len,
            vnet: record.vnet,
            segments: record.segments,
            origin: record.origin,
            first_copy: copies.start as u32,
            copies: copies.len() as u32,
            lost_before,
        }
    }

    fn bytes(&self) -> Range<usize> {
        self.at as usize..(self.at + self.len) as usize
    }

    fn record<'a>(&self, bytes: &'a [u8], copies: &'a [(PortId, EgressFate)]) -> Record<'a> {
        Record {
            time: self.time,
            id: self.id,
            port: self.port,
            bytes: &bytes[self.bytes()],
            original_len: self.original_len,
            vnet: self.vnet,
            segments: self.segments,
            origin: self.origin,
            copies: &copies[self.first_copy as usize..][..self.copies as usize],
            lost_before: self.lost_before,
        }
    }
}
