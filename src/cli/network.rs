//! `lanloom network`: flags and JSON as `docker network` has them.

mod connect;
mod create;
mod ls;
mod pools;
mod prune;
mod show;
mod update;

use crate::api::client::{Call, Client};
use crate::api::types::{ErrorCode, NetworkInfo};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::words::{each, known};
use clap::{Args, Subcommand};
use connect::{Connect, Disconnect};
use create::Create;
use ls::Ls;
use prune::Prune;
use update::Update;

/// What can be done with networks. One is called by its name, its id or the beginning of that.
#[derive(Debug, Subcommand)]
pub enum NetworkCommand {
    /// Make a network, and print its id
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// List the networks
    #[command(visible_alias = "list", after_help = LS_EXAMPLES)]
    Ls(Ls),
    /// Show networks
    #[command(
        visible_alias = "show",
        after_help = "Example:\n  lanloom network inspect web\n  lanloom network inspect web --json"
    )]
    Inspect(Inspect),
    /// Delete networks that nobody is on
    #[command(visible_alias = "delete", after_help = "Example:\n  lanloom network rm web back")]
    Rm(Rm),
    /// Take a sandbox into a network
    #[command(after_help = "Example:\n  lanloom network connect --ip 10.9.0.7 --alias db web a")]
    Connect(Connect),
    /// Take a sandbox out of a network
    #[command(after_help = "Example:\n  lanloom network disconnect web a")]
    Disconnect(Disconnect),
    /// Change a network that is there
    #[command(after_help = "Example:\n  lanloom network update web --label-add tier=front --subnet-add 10.10.0.0/24")]
    Update(Update),
    /// Delete the networks that nobody uses
    #[command(after_help = "Example:\n  lanloom network prune --filter until=24h --filter label!=keep")]
    Prune(Prune),
}

const CREATE_EXAMPLES: &str = "\
Several --subnet, --ip-range, --gateway and --aux-address are told apart by which lies in which.

Example:
  lanloom network create web
  lanloom network create --internal --ipv6 --label tier=back back
  lanloom network create --subnet 10.9.0.0/24 --gateway 10.9.0.254 -o com.docker.network.driver.mtu=1400 lab";

const LS_EXAMPLES: &str = "\
Filters: dangling=true|false, driver=NAME, id=PART, label=KEY[=VALUE], name=PART, scope=local|global|swarm,
type=builtin|custom. Of several of one kind any will do, but all labels are wanted.

Example:
  lanloom network ls
  lanloom network ls -q --filter type=custom --filter label=tier=front";

/// `network inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The networks
    #[arg(required = true, value_name = "NETWORK", value_parser = known)]
    networks: Vec<String>,
    /// Also by what names DNS knows who is on it
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    listing: Listing,
}

/// `network rm`.
#[derive(Debug, Args)]
pub struct Rm {
    /// The networks
    #[arg(required = true, value_name = "NETWORK", value_parser = known)]
    networks: Vec<String>,
    /// Do not mind networks that are not there
    #[arg(short, long)]
    force: bool,
}

impl NetworkCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(client, out).await,
            Self::Ls(args) => args.run(client, out).await,
            Self::Inspect(args) => args.run(client, out).await,
            Self::Rm(args) => args.run(client, out).await,
            Self::Connect(args) => args.run(client, out).await,
            Self::Disconnect(args) => args.run(client).await,
            Self::Update(args) => args.run(client).await,
            Self::Prune(args) => args.run(client, out).await,
        }
    }
}

impl Inspect {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let mut found: Vec<NetworkInfo> = Vec::new();
        let looked = each(&self.networks, async |network: &String| {
            found.push(client.ask(Call::get("show network", network, &["v1", "networks", network])).await?);
            Ok(())
        });
        let looked = looked.await;
        if self.listing.json {
            out.json(&found)?;
        } else {
            out.pages(&found, |out, network| show::details(network, self.verbose, out))?;
        }
        looked
    }
}

impl Rm {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let delete = async |network: &String| match client
            .tell(Call::delete("delete network", network, &["v1", "networks", network]))
            .await
        {
            Err(error) if self.force && error.code == ErrorCode::NotFound => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => out.line(network),
        };
        each(&self.networks, delete).await
    }
}
