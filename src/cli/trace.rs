//! `lanloom trace`.

use crate::api::client::{Call, Client};
use crate::api::types::{TraceAnswer, TraceRequest};
use crate::cli::output::{Failure, Output};
use crate::cli::{Listing, Rooms};
use crate::names::Name;
use clap::Args;
use std::fmt::Write as _;
use std::fs::File;

/// `trace`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TraceArgs {
    /// The switch
    switch: Name,
    /// The port that the frame would arrive on
    port: Name,
    /// The frame: hexadecimal bytes, FILE:N for frame N of a capture, or a kind and its fields
    #[arg(required = true, num_args = 1.., value_name = "FRAME")]
    frame: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

const EXAMPLES: &str = "\
Example:
  lanloom trace s1 p1 arp src=10.0.0.1 dst=10.0.0.2
  lanloom trace s1 p1 ffffffffffff02000000000a08060001
  lanloom trace s1 p1 demo.pcapng:12";

impl TraceArgs {
    pub(super) async fn run(self, client: &Client, rooms: &Rooms, out: &mut Output) -> Result<(), Failure> {
        let (switch, port) = (self.switch.as_str(), self.port.to_string());
        let on = format!("on {switch}/{port}");
        let body = self.request(port, rooms)?;
        let call = Call::post("trace the frame", on, &["v1", "switches", switch, "trace"]).json(&body);
        let answer: TraceAnswer = client.ask(call).await?;
        if self.listing.json {
            return out.json(&answer);
        }
        out.line(format_args!("frame    {}", answer.frame))?;
        if !answer.assumed.is_empty() {
            out.line(format_args!("assumed  {}", answer.assumed.join(" ")))?;
        }
        for (number, step) in answer.steps.iter().enumerate() {
            out.line(format_args!("{:>7}  {step}", number + 1))?;
        }
        out.line(format_args!("verdict  {}", answer.verdict))
    }

    /// The frame in the daemon's words: a file's frame as hexadecimal digits, anything else as it is.
    fn request(&self, port: String, rooms: &Rooms) -> Result<TraceRequest, Failure> {
        let words = self.frame.join(" ");
        let Some((file, number)) = place_in_file(&words) else {
            return Ok(TraceRequest { port, frame: words, ..TraceRequest::default() });
        };
        let failed = |error: &dyn std::fmt::Display| {
            Failure::failed(format!(
                "cannot read frame {number} of {file}: {error}; name a pcapng file and a frame that it has"
            ))
        };
        let opened = File::open(file).map_err(|error| failed(&error))?;
        let found = (rooms.frame_at)(opened, number).map_err(|error| failed(&error))?;
        let frame = found.bytes.iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        let len = (found.len as usize > found.bytes.len()).then_some(found.len);
        Ok(TraceRequest { port, frame, len, segment_size: found.segment_size })
    }
}

/// `FILE:N`, unless it could be hexadecimal bytes or a field with a value.
fn place_in_file(text: &str) -> Option<(&str, u64)> {
    let (file, number) = text.rsplit_once(':')?;
    let bytes = text.chars().all(|c| c.is_ascii_hexdigit() || c == ':');
    let number = number.parse().ok().filter(|number| *number > 0)?;
    (!bytes && !file.is_empty() && !text.contains('=')).then_some((file, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_a_file_is_told_from_bytes_and_fields() {
        assert_eq!(place_in_file("demo.pcapng:12"), Some(("demo.pcapng", 12)));
        assert_eq!(place_in_file("/tmp/a:b.pcapng:1"), Some(("/tmp/a:b.pcapng", 1)));
        for text in
            ["ff:ff:ff:ff:ff:ff:02:00:00:00:00:01", "arp src=02:00:00:00:00:01", "demo.pcapng:0", "demo.pcapng", ":1", "0102"]
        {
            assert_eq!(place_in_file(text), None, "{text}");
        }
    }
}
