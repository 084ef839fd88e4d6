//! `lanloom capture`.

pub(crate) mod blocks;

use crate::api::client::{Call, Client, Stream};
use crate::api::types::{CaptureFormat, CaptureQuery};
use crate::cli::output::{Failure, Output};
use crate::cli::place::Place;
use blocks::Blocks;
use bytes::Bytes;
use clap::Args;
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
Without -w, a line per frame: time, ports, what it is, what became of it. Ends at Ctrl-C.

Example:
  lanloom capture s1/p1 -c 10
  lanloom capture s1 arp or icmp
  lanloom capture s1 -w - | wireshark -k -i -";

impl CaptureArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::get("capture", self.place.to_string(), &["v1", "capture"]).query(&self.query(out.coloured()));
        // Asked first: a refused capture leaves no empty file.
        let stream = client.stream(call).await?;
        match self.write.as_deref() {
            None => pass(stream, |piece| out.bytes(piece)).await,
            Some(path) if path == Path::new("-") => {
                let mut blocks = Blocks::default();
                pass(stream, |piece| blocks.push(piece, |whole| out.bytes(whole))).await
            }
            Some(path) => write_file(stream, path).await,
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

async fn write_file(stream: Stream, path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write capture {}: {error}; give -w another file", path.display()));
    let mut file = File::create(path).map_err(failed)?;
    let mut blocks = Blocks::default();
    pass(stream, |piece| blocks.push(piece, |whole| file.write_all(whole).map_err(failed))).await
}

/// Hands each piece of the stream on, until it ends or Ctrl-C is pressed.
async fn pass(mut stream: Stream, mut take: impl FnMut(&Bytes) -> Result<(), Failure>) -> Result<(), Failure> {
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    loop {
        let piece = tokio::select! {
            piece = stream.next() => piece?,
            _ = &mut stop => None,
        };
        match piece {
            Some(piece) => take(&piece)?,
            None => return Ok(()),
        }
    }
}
