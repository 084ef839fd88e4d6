//! `lanloom config`.

use crate::api::client::{Call, Client};
use crate::api::types::Reloaded;
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::config::Config;
use clap::{Args, Subcommand};
use std::fs;
use std::path::PathBuf;

/// What can be done with configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the running state as TOML
    #[command(visible_alias = "inspect", after_help = "Example:\n  lanloom config show > lanloom.toml")]
    Show,
    /// Find a file's faults, each with its line; needs no daemon
    #[command(after_help = "Example:\n  lanloom config check lanloom.toml")]
    Check(Check),
    /// Have the daemon read its file again and touch only what changed
    #[command(after_help = "Example:\n  lanloom config reload")]
    Reload(Reload),
}

/// `config check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The file
    file: PathBuf,
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
            Self::Check(args) => args.run(out),
            Self::Reload(args) => args.run(client, out).await,
        }
    }
}

impl Check {
    fn run(self, out: &mut Output) -> Result<(), Failure> {
        let shown = self.file.display();
        let text = fs::read_to_string(&self.file)
            .map_err(|error| Failure::failed(format!("cannot read configuration {shown}: {error}; name another file")))?;
        match Config::parse(&text) {
            Ok(_) => out.line(format_args!("{shown} has no fault")),
            Err(faults) => {
                out.line(&faults)?;
                let line = format!("cannot use configuration {shown}: it has the faults above; mend them and check again");
                Err(Failure::failed(line))
            }
        }
    }
}

impl Reload {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::post("reload the configuration", "", &["v1", "config", "reload"]);
        let done: Reloaded = client.ask(call).await?;
        if self.listing.json {
            out.json(&done)?;
        } else {
            done.changes.iter().try_for_each(|change| out.line(change))?;
        }
        if !done.notes.is_empty() {
            return Err(Failure::failed(format!(
                "cannot reload all of the configuration: {}; mend that and reload",
                done.notes.join("; ")
            )));
        }
        let is_silent = self.listing.json || !done.changes.is_empty();
        if is_silent { Ok(()) } else { out.line("nothing had changed") }
    }
}
