//! `lanloom system`.

use crate::api::client::{Call, Client};
use crate::api::types::ResetDone;
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use clap::{Args, Subcommand};

/// Things that concern the whole host.
#[derive(Debug, Subcommand)]
pub enum SystemCommand {
    /// Remove everything of ours from this host: sandboxes, endpoints, networks, switches, ports, and what was made for them
    #[command(after_help = "Example:\n  lanloom system reset")]
    Reset(Reset),
}

/// `system reset`.
#[derive(Debug, Args)]
pub struct Reset {
    #[command(flatten)]
    listing: Listing,
}

impl SystemCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Reset(args) => args.run(client, out).await,
        }
    }
}

impl Reset {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let done: ResetDone = client.ask(Call::post("reset this host", "", &["v1", "system", "reset"])).await?;
        if self.listing.json {
            out.json(&done)?;
        } else {
            done.removed.iter().try_for_each(|thing| out.line(format_args!("removed {thing}")))?;
        }
        if !done.left.is_empty() {
            return Err(Failure::failed(format!(
                "cannot remove all of ours: {}; mend that and reset again",
                done.left.join("; ")
            )));
        }
        let is_silent = self.listing.json || !done.removed.is_empty();
        if is_silent { Ok(()) } else { out.line("nothing was left to remove") }
    }
}
