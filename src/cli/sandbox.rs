//! `lanloom sandbox`.

mod attach;
mod create;
mod enter;
mod show;

use crate::api::client::{Call, Client};
use crate::api::types::{ApiError, DeleteQuery, SandboxInfo};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::words::{each, known};
use clap::{Args, Subcommand};
use create::Create;
use enter::{Exec, Ping};

/// What can be done with sandboxes. One is called by its name, its id or the beginning of that.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Make a sandbox on its networks, and print its id
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Box<Create>),
    /// List the sandboxes
    #[command(visible_alias = "list", after_help = "Example:\n  lanloom sandbox ls")]
    Ls(Ls),
    /// Show sandboxes
    #[command(visible_alias = "show", after_help = "Example:\n  lanloom sandbox inspect a")]
    Inspect(Inspect),
    /// Delete sandboxes with their endpoints
    #[command(visible_alias = "rm", after_help = "Example:\n  lanloom sandbox delete a b")]
    Delete(Delete),
    /// Run a command in a sandbox, with your rights and its exit status
    #[command(after_help = "Example:\n  lanloom sandbox exec a -- ip address")]
    Exec(Exec),
    /// Ask from a sandbox whether another host answers; needs no program in it
    #[command(after_help = "Example:\n  lanloom sandbox ping a b\n  lanloom sandbox ping -c 1 a 10.9.0.1")]
    Ping(Ping),
}

const CREATE_EXAMPLES: &str = "\
NETWORK[:KEY=VALUE,…] has the keys ip, ip6, mac, alias and priority; alias may be given again.

Example:
  lanloom sandbox create a --network web
  lanloom sandbox create b --network web:ip=10.9.0.7,alias=db --network back:priority=10
  lanloom sandbox create c --netns /proc/1234/ns/net --network web";

/// `sandbox ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// Only ids
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    listing: Listing,
}

/// `sandbox inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The sandboxes
    #[arg(required = true, value_name = "SANDBOX", value_parser = known)]
    sandboxes: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

/// `sandbox delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The sandboxes
    #[arg(required = true, value_name = "SANDBOX", value_parser = known)]
    sandboxes: Vec<String>,
    /// Go on where something refuses
    #[arg(short, long)]
    force: bool,
}

impl SandboxCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(client, out).await,
            Self::Ls(args) => args.run(client, out).await,
            Self::Inspect(args) => args.run(client, out).await,
            Self::Delete(args) => args.run(client, out).await,
            Self::Exec(args) => args.run(client).await,
            Self::Ping(args) => args.run(client, out).await,
        }
    }
}

impl Ls {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let sandboxes: Vec<SandboxInfo> = client.ask(Call::get("list sandboxes", "", &["v1", "sandboxes"])).await?;
        if self.listing.json {
            return out.json(&sandboxes);
        }
        if self.quiet {
            return out.ids(sandboxes.iter().map(|sandbox| sandbox.id.as_str()), self.no_trunc);
        }
        out.table(&show::table(&sandboxes, self.no_trunc))
    }
}

impl Inspect {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let mut found = Vec::new();
        let looked = each(&self.sandboxes, async |name: &String| {
            found.push(one(client, "show sandbox", name).await?);
            Ok(())
        });
        let looked = looked.await;
        if self.listing.json {
            out.json(&found)?;
        } else {
            out.pages(&found, |out, sandbox| show::details(sandbox, out))?;
        }
        looked
    }
}

impl Delete {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let query = DeleteQuery { force: self.force };
        let delete = async |sandbox: &String| {
            client.tell(Call::delete("delete sandbox", sandbox, &["v1", "sandboxes", sandbox]).query(&query)).await?;
            out.line(sandbox)
        };
        each(&self.sandboxes, delete).await
    }
}

/// A sandbox as it is, for whoever wants to do `what` with it.
async fn one(client: &Client, what: &'static str, sandbox: &str) -> Result<SandboxInfo, Failure> {
    let asked = client.ask(Call::get(what, sandbox, &["v1", "sandboxes", sandbox])).await;
    // The daemon was only asked to show it.
    Ok(asked.map_err(|error| ApiError { what: what.to_owned(), ..error })?)
}
