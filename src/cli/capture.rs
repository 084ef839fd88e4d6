//! `lanloom capture`.

pub(crate) mod blocks;
mod ending;

use crate::api::client::{Call, Client, Stream};
use crate::api::types::{CAPTURE_HEADER, CaptureFormat, CaptureQuery};
use crate::cli::output::{Failure, Output};
use crate::cli::place::Place;
use blocks::Blocks;
use bytes::Bytes;
use clap::Args;
use ending::Ending;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// `capture`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CaptureArgs {
    /// The switch, or one of its ports
    #[arg(value_name = "SWITCH[/PORT]")]
    place: Place,
    /// Only these frames, in the words of tcpdump
    #[arg(value_name = "EXPR", num_args = 0..)]
    expression: Vec<String>,
    /// Write pcapng to this file, or to standard output if it is `-`
    #[arg(short = 'w', long = "write", value_name = "FILE|-")]
    write: Option<PathBuf>,
    /// End after so many frames
    #[arg(short = 'c', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Keep so many bytes of each frame
    #[arg(short = 's', long, value_name = "SNAPLEN", value_parser = clap::value_parser!(u32).range(1..))]
    snaplen: Option<u32>,
    /// Only frames that were dropped, or of which a copy was
    #[arg(long)]
    drops: bool,
    /// Frames as on the wire in place of super-frames
    #[arg(long)]
    segments: bool,
}

const EXAMPLES: &str = "\
Without -w, a line per frame: time, ports, what it is, what became of it. Ends at Ctrl-C,
which lets it write what it still has; at the second one at once.

Example:
  lanloom capture s1/p1 -c 10
  lanloom capture s1 arp or icmp
  lanloom capture s1 -w - | wireshark -k -i -";

impl CaptureArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::get("capture", self.place.to_string(), &["v1", "capture"]).query(&self.query(out.coloured()));
        // Asked first: a refused capture leaves no empty file.
        let stream = client.stream(call).await?;
        let ending = Ending::listen().map_err(Failure::runtime)?;
        let capture = Capture { client, stream, ending };
        match self.write.as_deref() {
            None => capture.pass(|piece| out.bytes(piece)).await,
            Some(path) if path == Path::new("-") => {
                let mut blocks = Blocks::default();
                capture.pass(|piece| blocks.push(piece, |whole| out.bytes(whole))).await
            }
            Some(path) => capture.write_file(path).await,
        }
    }

    fn query(&self, coloured: bool) -> CaptureQuery {
        CaptureQuery {
            switch: self.place.switch.to_string(),
            port: self.place.port.as_ref().map(ToString::to_string),
            format: if self.write.is_some() { CaptureFormat::Pcapng } else { CaptureFormat::Text },
            count: self.count,
            snaplen: self.snaplen,
            drops: self.drops,
            filter: (!self.expression.is_empty()).then(|| self.expression.join(" ")),
            segments: self.segments,
            colour: coloured && self.write.is_none(),
        }
    }
}

/// A capture under way.
struct Capture<'a> {
    client: &'a Client,
    stream: Stream,
    ending: Ending,
}

impl Capture<'_> {
    async fn write_file(self, path: &Path) -> Result<(), Failure> {
        let failed = |error| Failure::failed(format!("cannot write capture {}: {error}; give -w another file", path.display()));
        let mut file = File::create(path).map_err(failed)?;
        let mut blocks = Blocks::default();
        self.pass(|piece| blocks.push(piece, |whole| file.write_all(whole).map_err(failed))).await
    }

    /// Hands each piece of the stream on, until it ends. At Ctrl-C the daemon is asked to end it, with all that belongs at the end.
    async fn pass(mut self, mut take: impl FnMut(&Bytes) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut is_ending = false;
        loop {
            tokio::select! {
                piece = self.stream.next() => match piece? {
                    Some(piece) => take(&piece)?,
                    None => return Ok(()),
                },
                () = self.ending.asked_for(), if !is_ending => {
                    is_ending = true;
                    // A daemon of another version may give none.
                    let Some(number) = self.stream.header(CAPTURE_HEADER) else { return Ok(()) };
                    // If it cannot be ended, it has ended already: the stream says how.
                    let _ = self.client.tell(Call::delete("end capture", number, &["v1", "capture", number])).await;
                }
            }
        }
    }
}
