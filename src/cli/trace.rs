//! `lanloom trace`.

use crate::api::client::{Call, Client};
use crate::api::types::{TraceAnswer, TraceRequest};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::names::Name;
use clap::Args;

/// `trace`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TraceArgs {
    /// The switch
    switch: Name,
    /// The port that the frame would arrive on
    port: Name,
    /// The frame: hexadecimal bytes, or a kind and its fields
    #[arg(required = true, num_args = 1.., value_name = "FRAME")]
    frame: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

const EXAMPLES: &str = "\
Example:
  lanloom trace s1 p1 arp src=02:00:00:00:00:0a dst=ff:ff:ff:ff:ff:ff
  lanloom trace s1 p1 ffffffffffff02000000000a08060001";

impl TraceArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let (switch, port) = (self.switch.as_str(), self.port.to_string());
        let on = format!("on {switch}/{port}");
        let body = TraceRequest { port, frame: self.frame.join(" ") };
        let call = Call::post("trace the frame", on, &["v1", "switches", switch, "trace"]).json(&body);
        let answer: TraceAnswer = client.ask(call).await?;
        if self.listing.json {
            return out.json(&answer);
        }
        out.line(format_args!("frame    {}", answer.frame))?;
        for (number, step) in answer.steps.iter().enumerate() {
            out.line(format_args!("{:>7}  {step}", number + 1))?;
        }
        out.line(format_args!("verdict  {}", answer.verdict))
    }
}
