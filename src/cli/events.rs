//! `lanloom events`.

use crate::api::client::{Call, Client};
use crate::api::types::Event;
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use clap::Args;

/// `events`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lanloom events --json")]
pub struct EventsArgs {
    #[command(flatten)]
    listing: Listing,
}

impl EventsArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let mut stream = client.stream(Call::get("follow events", "", &["v1", "events"])).await?;
        let mut rest = Vec::new();
        while let Some(piece) = stream.next().await? {
            rest.extend_from_slice(&piece);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                self.print(&line, out)?;
            }
        }
        Ok(())
    }

    fn print(&self, line: &[u8], out: &mut Output) -> Result<(), Failure> {
        match serde_json::from_slice::<Event>(line) {
            Ok(event) if !self.listing.json => out.bytes(format!("{}\n", sentence(&event)).as_bytes()),
            _ => out.bytes(line),
        }
    }
}

/// `TIME TYPE key=value …`.
fn sentence(event: &Event) -> String {
    let mut line = format!("{}  {}", event.time, event.kind);
    for (key, value) in &event.fields {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if !value.is_empty() {
            line.push_str(&format!("  {key}={value}"));
        }
    }
    line.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_of_words() {
        let line =
            r#"{"time":"2026-01-02T03:04:05.000000006Z","type":"port.down","switch":"s1","port":"p1","reason":"gone\n","n":3}"#;
        let event: Event = serde_json::from_str(line).expect("an event");
        assert_eq!(sentence(&event), "2026-01-02T03:04:05.000000006Z  port.down  n=3  port=p1  reason=gone   switch=s1");
    }
}
