//! The capture that the demo writes, and what is in it afterwards.

use super::outcome::Seen;
use super::{cast, words};
use crate::api::client::Stream;
use crate::cli::capture::blocks::Blocks;
use lanloom_switch_core::describe::describe;
use lanloom_switch_io::capture::read::{Captured, Reader};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// The file's name in the current directory.
const NAME: &str = "demo.pcapng";

/// A capture under way.
#[derive(Debug)]
pub(super) struct Recording {
    path: PathBuf,
    task: JoinHandle<()>,
}

/// Opens the file to write to: in the current directory, or in the temporary one, and then why.
///
/// # Errors
/// If neither can be written to.
pub(super) fn create_file() -> Result<(File, PathBuf, Option<String>), String> {
    let wanted = std::path::absolute(NAME).unwrap_or_else(|_| PathBuf::from(NAME));
    let refused = match create(&wanted, false) {
        Ok(file) => return Ok((file, wanted, None)),
        Err(error) => format!("{} cannot be written ({error})", wanted.display()),
    };
    let other = std::env::temp_dir().join(format!("lanloom-demo-{}.pcapng", std::process::id()));
    match create(&other, true) {
        Ok(file) => Ok((file, other, Some(refused))),
        Err(error) => Err(format!("{refused}, and neither can {} ({error})", other.display())),
    }
}

/// Never through a link that somebody else put there.
fn create(path: &Path, new: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_NOFOLLOW);
    if new {
        options.create_new(true)
    } else {
        options.create(true).truncate(true)
    };
    options.open(path)
}

impl Recording {
    /// Writes what comes by `stream`, in whole blocks.
    pub(super) fn start(runtime: &Handle, mut stream: Stream, mut file: File, path: &Path) -> Self {
        let task = runtime.spawn(async move {
            let mut blocks = Blocks::default();
            // It ends with the switch, or with this task. A full disk shows when the file is read.
            while let Ok(Some(piece)) = stream.next().await {
                if blocks.push(&piece, |whole| file.write_all(whole)).is_err() {
                    return;
                }
            }
        });
        Self { path: path.to_owned(), task }
    }

    /// Writes no more.
    pub(super) fn end(&self) {
        self.task.abort();
    }

    /// Where the file is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts the file short, as a full disk would: the demo's `--break capture`.
    ///
    /// # Errors
    /// If it cannot be cut.
    pub(super) fn lose_end(&self) -> Result<(), String> {
        self.end();
        let cut = OpenOptions::new().write(true).open(&self.path).and_then(|file| {
            let len = file.metadata()?.len();
            file.set_len(len.saturating_sub(5))
        });
        cut.map_err(|error| format!("cutting {}: {error}", self.path.display()))
    }

    /// Reads the file: how many frames it holds, and whether each says what became of it.
    ///
    /// # Errors
    /// If it is damaged.
    pub(super) fn read(&self) -> Result<Contents, String> {
        let mut contents = Contents::default();
        for frame in self.frames()? {
            let frame = frame?;
            contents.frames += 1;
            let Some(comment) = frame.comment else { continue };
            contents.explained += 1;
            if let Some(part) = part_of_a_ping(&frame.bytes)
                && contents.examples.iter().filter(|example| example.part == part).count() < EXAMPLES
            {
                // What else came of it does not fit beside the frame.
                let verdict = comment.split(" · ").next().unwrap_or_default().to_owned();
                contents.examples.push(Example { part, what: describe(&frame.bytes).to_string(), verdict });
            }
        }
        Ok(contents)
    }

    /// The frames in the file, one after another, and last what is wrong with it, if anything is.
    ///
    /// # Errors
    /// If it cannot be opened, or is no capture.
    pub(super) fn frames(&self) -> Result<impl Iterator<Item = Result<Captured, String>>, String> {
        let path = self.path.display().to_string();
        let failed = |error: &dyn std::fmt::Display| format!("{path}: {error}");
        let file = File::open(&self.path).map_err(|error| failed(&error))?;
        let mut reader = Reader::new(file).map_err(|error| failed(&error))?;
        let mut ended = false;
        Ok(std::iter::from_fn(move || {
            let next = if ended { None } else { reader.next().transpose() };
            let next = next.map(|frame| frame.map_err(|error| format!("{path}: {error}")));
            ended = !matches!(next, Some(Ok(_)));
            next
        }))
    }
}

/// Frames shown of each part: a question and its answer.
const EXAMPLES: usize = 2;

/// What a capture file holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    frames: u64,
    explained: u64,
    /// The first frames of a ping.
    pub(super) examples: Vec<Example>,
}

/// A frame to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Example {
    part: Part,
    /// What it is.
    pub(super) what: String,
    /// What became of it.
    pub(super) verdict: String,
}

/// What a ping is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// Who that is.
    Arp,
    /// The ping itself.
    Icmp,
}

impl Contents {
    /// Whether it has all the frames that the switch received, each explained.
    pub(super) fn check(&self, received: u64) -> Seen {
        if self.frames != received {
            return Err(format!("the file has {} frames, and the switch received {received}", self.frames));
        }
        if self.explained != self.frames {
            return Err(format!("{} of {} frames do not say what became of them", self.frames - self.explained, self.frames));
        }
        Ok(format!("{} frames, as many as the switch received, each with its verdict", words::count(self.frames)))
    }
}

/// Whether it belongs to the first host's ping of the second.
fn part_of_a_ping(bytes: &[u8]) -> Option<Part> {
    let (first, second) = (cast::v4(1).octets(), cast::v4(2).octets());
    let between = |one: usize, other: usize| Some((bytes.get(one..one + 4)?, bytes.get(other..other + 4)?));
    let asks = |pair| pair == (&first[..], &second[..]);
    let answers = |pair| pair == (&second[..], &first[..]);
    match (bytes.get(12..14)?, bytes.get(20..24)?) {
        // Question 1 and answer 2, with the addresses of sender and target (RFC 826).
        ([0x08, 0x06], [0, 1, ..]) => asks(between(28, 38)?).then_some(Part::Arp),
        ([0x08, 0x06], [0, 2, ..]) => answers(between(28, 38)?).then_some(Part::Arp),
        // Protocol 1, with source and destination (RFC 791), and the number of the ping (RFC 792).
        ([0x08, 0x00], [.., 1]) if bytes.get(38..40)? == [0, 1] => {
            between(26, 30).filter(|pair| asks(*pair) || answers(*pair)).map(|_| Part::Icmp)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_too_few_or_without_a_verdict_is_noticed() {
        let contents = |frames, explained| Contents { frames, explained, examples: Vec::new() };
        assert!(contents(7, 7).check(7).is_ok());
        assert!(contents(7, 7).check(8).is_err());
        assert!(contents(7, 6).check(7).is_err());
    }
}
