//! `lanloom network prune`.

use super::ls::filters;
use crate::api::client::{Call, Client};
use crate::api::types::{NetworkQuery, NetworksPruned, Purpose};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use clap::Args;
use std::io::{self, IsTerminal};

/// `network prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// Only networks of which this holds: until=SPAN|TIME, label=KEY[=VALUE], label!=KEY[=VALUE]
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    listing: Listing,
}

impl Prune {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let filters = filters("prune networks", Purpose::Prune, &self.filter)?;
        if !self.force && !is_wanted()? {
            return Ok(());
        }
        let query = NetworkQuery { filters: filters.to_json() };
        let call = Call::post("prune networks", "", &["v1", "networks", "prune"]).query(&query);
        let done: NetworksPruned = client.ask(call).await?;
        if self.listing.json {
            return out.json(&done);
        }
        if done.networks_deleted.is_empty() {
            return out.line("nothing to prune");
        }
        done.networks_deleted.iter().try_for_each(|network| out.line(format_args!("deleted {network}")))
    }
}

/// Asks whoever sits at the terminal.
fn is_wanted() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("cannot prune networks: nobody is there to be asked; say --force to go on"));
    }
    eprint!("All networks that no endpoint is on will be deleted, but for the predefined ones. Go on? [y/N] ");
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::failed(format!("cannot read your answer: {error}; say --force")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
