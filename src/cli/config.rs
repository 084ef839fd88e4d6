//! `lanloom config`.

use crate::api::client::{Call, Client};
use crate::api::types::Reloaded;
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use clap::{Args, Subcommand};

/// What can be done with configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the running state as TOML
    #[command(visible_alias = "inspect", after_help = "Example:\n  lanloom config show > lanloom.toml")]
    Show,
    /// Have the daemon read its file again and touch only what changed
    #[command(after_help = "Example:\n  lanloom config reload")]
    Reload(Reload),
}

/// `config reload`.
#[derive(Debug, Args)]
pub struct Reload {
    #[command(flatten)]
    listing: Listing,
}

impl ConfigCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Show => {
                let toml = client.text(Call::get("show the configuration", "", &["v1", "config"])).await?;
                out.bytes(toml.as_bytes())
            }
            Self::Reload(args) => args.run(client, out).await,
        }
    }
}

impl Reload {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::post("reload the configuration", "", &["v1", "config", "reload"]);
        let done: Reloaded = client.ask(call).await?;
        if self.listing.json {
            return out.json(&done);
        }
        done.changes.iter().try_for_each(|change| out.line(change))?;
        if done.changes.is_empty() { out.line("nothing had changed") } else { Ok(()) }
    }
}
