//! A capture on its way from an engine's ring to whoever asked for it: a thread that turns records into pieces of a file or
//! into lines. When the reader is slow the thread waits, the ring fills, and what finds no room is counted in the capture; the
//! switch never waits. When the reader goes away the ring is dropped, and the engine stops recording.

use crate::api::types::{CaptureFormat, CaptureQuery};
use bytes::Bytes;
use lanloom_switch_io::capture::{Heard, Lines, PortNames, Receiver, Records, Settings, Writer, make_way};
use std::io;
use std::time::Duration;
use tokio::sync::mpsc;

/// Pieces that may wait for the reader, each of one batch.
const PIECES: usize = 16;

/// How often the thread looks whether the reader is still there, when no frame comes.
const LOOK: Duration = Duration::from_millis(200);

/// Starts the thread.
///
/// # Errors
/// If the kernel gives no thread.
pub(super) fn start(receiver: Receiver, query: &CaptureQuery) -> io::Result<mpsc::Receiver<Bytes>> {
    let (to, pieces) = mpsc::channel(PIECES);
    let left = query.count.unwrap_or(u64::MAX);
    let form = Form::new(query);
    std::thread::Builder::new().name("capture".to_owned()).spawn(move || pump(receiver, form, left, &to))?;
    Ok(pieces)
}

fn pump(mut receiver: Receiver, mut form: Form, mut left: u64, to: &mpsc::Sender<Bytes>) {
    make_way();
    loop {
        match receiver.next(LOOK) {
            Heard::Port(label) => form.port(&label),
            Heard::Records(records) => left = left.saturating_sub(form.records(&records, left)),
            Heard::Nothing => {}
            Heard::End(lost) => {
                let _ = to.blocking_send(form.finish(&lost));
                return;
            }
        }
        if left == 0 {
            let _ = to.blocking_send(form.finish(&[]));
            return;
        }
        let piece = form.take();
        let gone = if piece.is_empty() { to.is_closed() } else { to.blocking_send(piece).is_err() };
        if gone {
            return;
        }
    }
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

    fn port(&mut self, label: &lanloom_switch_io::capture::PortLabel) {
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

    fn finish(self, lost: &[(lanloom_switch_core::PortId, u64)]) -> Bytes {
        match self {
            Self::Pcapng(writer) => writer.finish(lost),
            Self::Text { out, .. } => Bytes::from(out),
        }
    }
}
