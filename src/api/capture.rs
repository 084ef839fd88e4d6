//! A capture on its way from an engine's ring to whoever asked for it: a thread that turns records into pieces of a file or
//! into lines. When the reader is slow the thread waits, the ring fills, and what finds no room is counted in the capture; the
//! switch never waits. When the reader goes away the ring is dropped, and the engine stops recording. Whoever wants the counts at
//! its end, too, has it ended by its number and reads on to the end.

use crate::api::types::{CaptureFormat, CaptureQuery};
use crate::names::Name;
use bytes::Bytes;
use lanloom_switch_core::PortId;
use lanloom_switch_io::capture::{
    CaptureId, Heard, Lines, PortLabel, PortNames, Receiver, Records, Settings, Writer, make_way,
};
use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// Pieces that may wait for the reader, each of one batch.
const PIECES: usize = 16;

/// How often the thread looks whether the reader is still there, when no frame comes.
const LOOK: Duration = Duration::from_millis(200);

/// The captures that run, each with the switch that it is of.
#[derive(Clone, Debug, Default)]
pub(super) struct Running(Arc<Mutex<HashMap<CaptureId, Name>>>);

impl Running {
    /// The switch of a capture that runs.
    pub(super) fn switch_of(&self, id: CaptureId) -> Option<Name> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Notes a capture until the answer is dropped.
    fn enter(&self, id: CaptureId, switch: Name) -> Entered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, switch);
        Entered { running: self.clone(), id }
    }
}

struct Entered {
    running: Running,
    id: CaptureId,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.running.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// A capture whose pieces can be taken.
#[derive(Debug)]
pub(super) struct Started {
    /// Its number.
    pub(super) id: CaptureId,
    /// The file or the lines, piece by piece.
    pub(super) pieces: mpsc::Receiver<Bytes>,
}

/// Starts the thread.
///
/// # Errors
/// If the kernel gives no thread.
pub(super) fn start(receiver: Receiver, switch: Name, query: &CaptureQuery, running: &Running) -> io::Result<Started> {
    let (to, pieces) = mpsc::channel(PIECES);
    let left = query.count.unwrap_or(u64::MAX);
    let form = Form::new(query);
    let id = receiver.id();
    let entered = running.enter(id, switch);
    std::thread::Builder::new().name("capture".to_owned()).spawn(move || {
        pump(receiver, form, left, &to);
        drop(entered);
    })?;
    Ok(Started { id, pieces })
}

fn pump(mut receiver: Receiver, mut form: Form, mut left: u64, to: &mpsc::Sender<Bytes>) {
    make_way();
    loop {
        match receiver.next(LOOK) {
            Heard::Port(label) => form.port(&label),
            Heard::Records(records) => {
                let written = form.records(&records, left);
                left -= written;
                if left == 0 {
                    let _ = to.blocking_send(form.finish(&untold(&records, written)));
                    return;
                }
            }
            Heard::Nothing => {}
            Heard::End(lost) => {
                let _ = to.blocking_send(form.finish(&lost));
                return;
            }
        }
        let piece = form.take();
        let gone = if piece.is_empty() { to.is_closed() } else { to.blocking_send(piece).is_err() };
        if gone {
            return;
        }
    }
}

/// Frames by port that were lost when the last of `records` was handed over, and of which the first `written` do not tell.
fn untold(records: &Records, written: u64) -> Vec<(PortId, u64)> {
    let rest = records.iter().skip(usize::try_from(written).unwrap_or(usize::MAX));
    let told_by_the_rest = rest.map(|record| (record.port, u64::from(record.lost_before)));
    let mut untold: Vec<(PortId, u64)> = Vec::new();
    for (port, frames) in records.lost().iter().copied().chain(told_by_the_rest).filter(|(_, frames)| *frames > 0) {
        match untold.iter_mut().find(|(known, _)| *known == port) {
            Some((_, sum)) => *sum += frames,
            None => untold.push((port, frames)),
        }
    }
    untold
}

/// How it is written.
enum Form {
    Pcapng(Writer),
    Text { lines: Lines, names: PortNames, out: String },
}

impl Form {
    fn new(query: &CaptureQuery) -> Self {
        match query.format {
            CaptureFormat::Pcapng => {
                let snaplen = query.snaplen.unwrap_or(u32::MAX);
                Self::Pcapng(Writer::new(Settings { snaplen, segments: query.segments, ..Settings::default() }))
            }
            CaptureFormat::Text => {
                Self::Text { lines: Lines::new(query.colour), names: PortNames::default(), out: String::new() }
            }
        }
    }

    fn port(&mut self, label: &PortLabel) {
        match self {
            Self::Pcapng(writer) => writer.port(label),
            Self::Text { names, .. } => names.set(label),
        }
    }

    /// Writes at most `most` of them, and says how many.
    fn records(&mut self, records: &Records, most: u64) -> u64 {
        let mut written = 0;
        for record in records.iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            match self {
                Self::Pcapng(writer) => writer.record(&record),
                Self::Text { lines, names, out } => {
                    out.push_str(&lines.line(&record, names));
                    out.push('\n');
                }
            }
            written += 1;
        }
        written
    }

    fn take(&mut self) -> Bytes {
        match self {
            Self::Pcapng(writer) => writer.take(),
            Self::Text { out, .. } => Bytes::from(std::mem::take(out)),
        }
    }

    /// The rest, and what was `lost` after each port's last frame.
    fn finish(self, lost: &[(PortId, u64)]) -> Bytes {
        match self {
            Self::Pcapng(writer) => writer.finish(lost),
            Self::Text { lines, names, mut out } => {
                for (port, frames) in lost {
                    out.push_str(&lines.lost(*port, *frames, &names));
                    out.push('\n');
                }
                Bytes::from(out)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanloom_switch_core::{DropReason, Fate, Learned};
    use lanloom_switch_io::capture::ring::ring;
    use lanloom_switch_io::capture::{Origin, Record, Scope, Sender};
    use lanloom_switch_io::vnet::VnetHeader;

    const P1: PortId = PortId::new(0, 0);
    const P2: PortId = PortId::new(1, 0);

    fn record(sender: &mut Sender, port: PortId, len: usize) {
        let bytes = vec![2; len];
        sender.record(&Record {
            time: 1,
            id: 1,
            port,
            bytes: &bytes,
            original_len: len as u32,
            vnet: VnetHeader::default(),
            segments: 1,
            origin: Origin::Received { fate: Fate::Dropped(DropReason::Isolated), learned: Learned::Nothing, answer: None },
            copies: &[],
            lost_before: 0,
        });
    }

    /// A capture with room for two frames of the first port and none of the second's three, and what comes of it.
    fn written(query: &CaptureQuery, ends: bool) -> Vec<u8> {
        let (mut sender, receiver) = ring(Scope { room: 2000, ..Scope::default() });
        for (port, name) in [(P1, "p1"), (P2, "p2")] {
            sender.port(PortLabel { port, name: name.to_owned(), description: String::new() });
        }
        record(&mut sender, P1, 60);
        (0..3).for_each(|_| record(&mut sender, P2, 1900));
        record(&mut sender, P1, 60);
        sender.flush();
        // Without its end, only the count can end the capture.
        let stays = if ends {
            drop(sender);
            None
        } else {
            Some(sender)
        };
        let (to, mut pieces) = mpsc::channel(PIECES);
        pump(receiver, Form::new(query), query.count.unwrap_or(u64::MAX), &to);
        drop((to, stays));
        std::iter::from_fn(|| pieces.blocking_recv()).flat_map(|piece| piece.to_vec()).collect()
    }

    fn query(format: CaptureFormat, count: Option<u64>) -> CaptureQuery {
        let text = format!("switch=s&format={}", if format == CaptureFormat::Text { "text" } else { "pcapng" });
        CaptureQuery { count, ..serde_urlencoded::from_str(&text).expect("a query") }
    }

    /// Received and lost frames of each interface (draft-ietf-opsawg-pcapng, 4.6: options 4 and 5).
    fn statistics(file: &[u8]) -> Vec<(u64, u64)> {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().expect("four bytes"));
        let (mut at, mut found) = (0, Vec::new());
        while at < file.len() {
            if word(at) == 5 {
                // Behind head, interface, time, and the options of start and end.
                let count = |at: usize| u64::from(word(at + 4)) | u64::from(word(at + 8)) << 32;
                assert_eq!((word(at + 44), word(at + 56)), (4 | 8 << 16, 5 | 8 << 16));
                found.push((count(at + 44), count(at + 56)));
            }
            at += word(at + 4) as usize;
        }
        found
    }

    #[test]
    fn what_was_lost_of_a_port_without_a_later_frame_is_told_however_the_capture_ends() {
        for (count, frames) in [(None, 2), (Some(2), 2), (Some(1), 1)] {
            let text = written(&query(CaptureFormat::Text, count), count.is_none());
            let text = String::from_utf8(text).expect("text");
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(lines.len(), frames + 1, "{text}");
            assert_eq!(lines.last(), Some(&"3 from p2 at the end not captured"), "{text}");
            let file = written(&query(CaptureFormat::Pcapng, count), count.is_none());
            assert_eq!(statistics(&file), [(frames as u64, 0), (3, 3)], "{count:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_losses_where_there_were_none() {
        let (mut sender, receiver) = ring(Scope::default());
        record(&mut sender, P1, 60);
        drop(sender);
        let (to, mut pieces) = mpsc::channel(PIECES);
        pump(receiver, Form::new(&query(CaptureFormat::Text, None)), u64::MAX, &to);
        drop(to);
        let text: Vec<u8> = std::iter::from_fn(|| pieces.blocking_recv()).flat_map(|piece| piece.to_vec()).collect();
        assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
}
