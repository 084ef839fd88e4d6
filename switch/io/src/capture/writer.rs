//! Records and verdicts as a pcapng file.

use super::comment::Comment;
use super::pcapng::{self, Packet, Statistics};
use super::record::{Origin, PortLabel, PortNames, Record};
use super::ring::Records;
use crate::offload::{self, Cutter};
use bytes::Bytes;
use lanloom_switch_core::{EgressFate, Learned, PortId};
use std::collections::HashMap;
use std::io::{self, Write};
use std::ops::Range;

/// The greatest snaplen that is stated: what other capture tools say for "everything".
const SNAPLEN_MAX: u32 = 262_144;

/// How a capture file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who writes it, like `lanloom 0.1.0`.
    pub application: String,
    /// Bytes written of each frame.
    pub snaplen: u32,
    /// Write a super-frame as the frames that it stands for.
    pub segments: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { application: concat!("lanloom ", env!("CARGO_PKG_VERSION")).into(), snaplen: u32::MAX, segments: false }
    }
}

/// Turns records into the bytes of a pcapng file; opens none itself.
///
/// Each frame stands once, inbound on the interface of its ingress port, with its number and its verdict as a comment; one that the
/// switch made stands outbound on the interface of the port that it was for. Its
/// checksum is finished; a super-frame stays one packet whose checksum is right for its whole length, or becomes the frames on
/// the wire. Frames whose virtio-net header lies stand as they came, and those that were cut to a snaplen before keep a partial
/// checksum, which nobody can check.
#[derive(Debug)]
pub struct Writer {
    settings: Settings,
    names: PortNames,
    interfaces: HashMap<PortId, u32>,
    seen: Vec<Statistics>,
    /// Written, not yet taken.
    out: Vec<u8>,
    packets: u64,
    said: Option<Said>,
}

/// The words for the frame before: most frames end alike.
#[derive(Debug)]
struct Said {
    port: PortId,
    origin: Origin,
    copies: Vec<(PortId, EgressFate)>,
    /// They are about that frame alone.
    once: bool,
    comment: String,
}

impl Said {
    fn new(record: &Record<'_>, names: &PortNames) -> Self {
        let Record { port, origin, copies, .. } = *record;
        let comment = Comment::new(record, names).to_string();
        Self { port, origin, copies: copies.to_vec(), once: is_special(record), comment }
    }

    fn fits(&self, record: &Record<'_>) -> bool {
        let alike = (self.port, self.origin, &self.copies[..]) == (record.port, record.origin, record.copies);
        alike && !self.once && !is_special(record)
    }
}

/// Whether there is more to say of a frame than where it went.
fn is_special(record: &Record<'_>) -> bool {
    let taught = match record.origin {
        Origin::Received { learned, .. } => !matches!(learned, Learned::Nothing | Learned::Refreshed),
        Origin::Generated(_) => false,
    };
    taught || record.vnet.gso.is_some()
}

impl Writer {
    /// A file that so far has its header alone.
    pub fn new(settings: Settings) -> Self {
        let mut out = Vec::new();
        pcapng::section(&mut out, &settings.application, std::env::consts::OS);
        Self {
            settings,
            names: PortNames::default(),
            interfaces: HashMap::new(),
            seen: Vec::new(),
            out,
            packets: 0,
            said: None,
        }
    }

    /// Adds an interface for a port. At any time; a port named again gets another one.
    pub fn port(&mut self, label: &PortLabel) {
        self.names.set(label);
        self.said = None;
        pcapng::interface(&mut self.out, &label.name, &label.description, self.settings.snaplen.min(SNAPLEN_MAX));
        self.interfaces.insert(label.port, self.seen.len() as u32);
        self.seen.push(Statistics::default());
    }

    /// Adds the frames of one batch.
    pub fn records(&mut self, records: &Records) {
        for record in records.iter() {
            self.record(&record);
        }
    }

    /// Adds one frame.
    pub fn record(&mut self, record: &Record<'_>) {
        let interface = self.count(record);
        if self.settings.segments && record.vnet.gso.is_some() && self.segments(interface, record) {
            return;
        }
        let said = self.said.take().filter(|said| said.fits(record)).unwrap_or_else(|| Said::new(record, &self.names));
        let kept = &record.bytes[..record.bytes.len().min(self.settings.snaplen as usize)];
        let written = self.packet(interface, record, kept, record.original_len, &said.comment);
        self.said = Some(said);
        if kept.len() == record.original_len as usize && offload::check(record.bytes, &record.vnet).is_ok() {
            offload::finish_whole(&mut self.out[written], &record.vnet);
        }
    }

    /// Adds the frames on the wire that a super-frame stands for; `false` if they cannot be told.
    fn segments(&mut self, interface: u32, record: &Record<'_>) -> bool {
        let cutter = if record.is_whole() { Cutter::new(record.bytes, &record.vnet).ok() } else { None };
        let Some(mut cutter) = cutter else { return false };
        let shape = cutter.shape();
        let mut segment = vec![0; shape.wire_len as usize];
        let (full, brief) = (Comment::new(record, &self.names).to_string(), Comment::brief(record, &self.names).to_string());
        let rest = Record { lost_before: 0, ..*record };
        for number in 1..=shape.segments {
            let Some(len) = cutter.next_into(&mut segment) else { break };
            let (record, said) = if number == 1 { (record, &full) } else { (&rest, &brief) };
            let kept = &segment[..len.min(self.settings.snaplen as usize)];
            let comment = format!("{said} · segment {number} of {}", shape.segments);
            self.packet(interface, record, kept, len as u32, &comment);
        }
        true
    }

    /// Adds a packet, and says where its bytes are.
    fn packet(&mut self, interface: u32, record: &Record<'_>, bytes: &[u8], original_len: u32, comment: &str) -> Range<usize> {
        let (time, id, dropped) = (record.time, record.id, u64::from(record.lost_before));
        self.packets += 1;
        let outbound = matches!(record.origin, Origin::Generated(_));
        pcapng::packet(&mut self.out, &Packet { interface, time, bytes, original_len, comment, dropped, id, outbound })
    }

    /// Notes that its port has seen a frame; says which interface that is.
    fn count(&mut self, record: &Record<'_>) -> u32 {
        let interface = match self.interfaces.get(&record.port) {
            Some(interface) => *interface,
            None => {
                let name = self.names.name(record.port).into_owned();
                self.port(&PortLabel { port: record.port, name, description: String::new() });
                self.seen.len() as u32 - 1
            }
        };
        let seen = &mut self.seen[interface as usize];
        if seen.start == 0 {
            seen.start = record.time;
        }
        seen.end = record.time;
        seen.received += 1 + u64::from(record.lost_before);
        seen.dropped += u64::from(record.lost_before);
        interface
    }

    /// How many packets it holds.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// What has been written since the last time: to append to a file or send on, once a batch.
    pub fn take(&mut self) -> Bytes {
        let room = self.out.len();
        Bytes::from(std::mem::replace(&mut self.out, Vec::with_capacity(room)))
    }

    /// The same, written to `file` at once: needs no new memory for the next batch.
    ///
    /// # Errors
    /// What writing says; the file is then cut off somewhere, and what was to be written is gone.
    pub fn write_to(&mut self, file: &mut impl Write) -> io::Result<()> {
        let written = file.write_all(&self.out);
        self.out.clear();
        written
    }

    /// Adds what each interface has seen, with what was `lost` after its last frame, and returns what was not yet taken.
    pub fn finish(mut self, lost: &[(PortId, u64)]) -> Bytes {
        for (port, frames) in lost {
            if let Some(seen) = self.interfaces.get(port).and_then(|at| self.seen.get_mut(*at as usize)) {
                seen.received += frames;
                seen.dropped += frames;
            }
        }
        let last = self.seen.iter().map(|seen| seen.end).max().unwrap_or(0);
        let first = self.seen.iter().map(|seen| seen.start).filter(|start| *start > 0).min().unwrap_or(last);
        for (at, seen) in self.seen.iter().enumerate() {
            pcapng::statistics(&mut self.out, at as u32, &Statistics { start: first, end: last, ..*seen });
        }
        self.take()
    }
}
