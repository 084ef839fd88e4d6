//! `lanloom endpoint`.

mod flags;
mod show;

use crate::api::client::{Call, Client};
use crate::api::types::{DeleteQuery, EndpointCreate, EndpointInfo, EndpointJoin, EndpointLeave, EndpointMade, EndpointQuery};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::words::{each, known, known_endpoint};
use crate::names::Name;
use clap::{Args, Subcommand};
pub(in crate::cli) use flags::EndpointFlags;

/// What can be done with endpoints. One is called by its id, the beginning of that, its name if no other has it, or
/// NETWORK/NAME.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// Make an endpoint on a network, in no sandbox yet
    #[command(after_help = "Example:\n  lanloom endpoint create db --network web --ip 10.9.0.7")]
    Create(Create),
    /// Give a sandbox an endpoint
    #[command(after_help = "Example:\n  lanloom endpoint join web/db a")]
    Join(Join),
    /// Take an endpoint from its sandbox; it is deleted then, and its addresses are free
    #[command(after_help = "Example:\n  lanloom endpoint leave web/db")]
    Leave(Leave),
    /// List the endpoints
    #[command(visible_alias = "list", after_help = "Example:\n  lanloom endpoint ls --network web")]
    Ls(Ls),
    /// Show endpoints
    #[command(visible_alias = "show", after_help = "Example:\n  lanloom endpoint inspect web/db")]
    Inspect(Inspect),
    /// Delete endpoints
    #[command(visible_alias = "rm", after_help = "Example:\n  lanloom endpoint delete web/db")]
    Delete(Delete),
}

/// `endpoint create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name, which no other of its network has
    name: Name,
    /// Its network
    #[arg(long, value_name = "NETWORK", value_parser = known)]
    network: String,
    #[command(flatten)]
    flags: EndpointFlags,
    #[command(flatten)]
    listing: Listing,
}

/// `endpoint join`.
#[derive(Debug, Args)]
pub struct Join {
    /// The endpoint
    #[arg(value_parser = known_endpoint)]
    endpoint: String,
    /// The sandbox
    #[arg(value_parser = known)]
    sandbox: String,
}

/// `endpoint leave`.
#[derive(Debug, Args)]
pub struct Leave {
    /// The endpoint
    #[arg(value_parser = known_endpoint)]
    endpoint: String,
    /// Go on where something refuses
    #[arg(short, long)]
    force: bool,
}

/// `endpoint ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// Only those of this network
    #[arg(long, value_name = "NETWORK", value_parser = known)]
    network: Option<String>,
    /// Only ids
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    #[command(flatten)]
    listing: Listing,
}

/// `endpoint inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The endpoints
    #[arg(required = true, value_name = "ENDPOINT", value_parser = known_endpoint)]
    endpoints: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

/// `endpoint delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The endpoints
    #[arg(required = true, value_name = "ENDPOINT", value_parser = known_endpoint)]
    endpoints: Vec<String>,
    /// Also from its sandbox; go on where something refuses
    #[arg(short, long)]
    force: bool,
}

impl EndpointCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(client, out).await,
            Self::Join(args) => args.run(client).await,
            Self::Leave(args) => args.run(client).await,
            Self::Ls(args) => args.run(client, out).await,
            Self::Inspect(args) => args.run(client, out).await,
            Self::Delete(args) => args.run(client, out).await,
        }
    }
}

impl Create {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let on = format!("{}/{}", self.network, self.name);
        let body = EndpointCreate { name: self.name.into(), network: self.network, endpoint: self.flags.asked() };
        let made: EndpointMade = client.ask(Call::post("create endpoint", on, &["v1", "endpoints"]).json(&body)).await?;
        if self.listing.json { out.json(&made) } else { out.line(made.id) }
    }
}

impl Join {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let on = format!("{} to sandbox {}", self.endpoint, self.sandbox);
        let call = Call::post("join endpoint", on, &["v1", "endpoints", &self.endpoint, "join"]);
        Ok(client.tell(call.json(&EndpointJoin { sandbox: self.sandbox })).await?)
    }
}

impl Leave {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let path = ["v1", "endpoints", &self.endpoint, "leave"];
        let call = Call::post("leave sandbox with endpoint", &self.endpoint, &path);
        Ok(client.tell(call.json(&EndpointLeave { force: self.force })).await?)
    }
}

impl Ls {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::get("list endpoints", "", &["v1", "endpoints"]).query(&EndpointQuery { network: self.network });
        let endpoints: Vec<EndpointInfo> = client.ask(call).await?;
        if self.listing.json {
            return out.json(&endpoints);
        }
        if self.quiet {
            return out.ids(endpoints.iter().map(|endpoint| endpoint.id.as_str()), self.no_trunc);
        }
        out.table(&show::table(&endpoints, self.no_trunc))
    }
}

impl Inspect {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let mut found: Vec<EndpointInfo> = Vec::new();
        let looked = each(&self.endpoints, async |endpoint: &String| {
            found.push(client.ask(Call::get("show endpoint", endpoint, &["v1", "endpoints", endpoint])).await?);
            Ok(())
        });
        let looked = looked.await;
        if self.listing.json {
            out.json(&found)?;
        } else {
            out.pages(&found, |out, endpoint| out.page(&show::page(endpoint)))?;
        }
        looked
    }
}

impl Delete {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let query = DeleteQuery { force: self.force };
        let delete = async |endpoint: &String| {
            let call = Call::delete("delete endpoint", endpoint, &["v1", "endpoints", endpoint]).query(&query);
            client.tell(call).await?;
            out.line(endpoint)
        };
        each(&self.endpoints, delete).await
    }
}
