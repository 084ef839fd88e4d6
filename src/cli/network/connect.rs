//! `lanloom network connect` and `disconnect`.

use crate::api::client::{Call, Client};
use crate::api::types::{NetworkConnect, NetworkConnected, NetworkDisconnect};
use crate::cli::Listing;
use crate::cli::endpoint::EndpointFlags;
use crate::cli::output::{Failure, Output};
use crate::cli::words::known;
use clap::Args;

/// `network connect`.
#[derive(Debug, Args)]
pub struct Connect {
    /// The network
    #[arg(value_parser = known)]
    network: String,
    /// The sandbox
    #[arg(value_parser = known)]
    sandbox: String,
    #[command(flatten)]
    flags: EndpointFlags,
    #[command(flatten)]
    listing: Listing,
}

/// `network disconnect`.
#[derive(Debug, Args)]
pub struct Disconnect {
    /// The network
    #[arg(value_parser = known)]
    network: String,
    /// The sandbox
    #[arg(value_parser = known)]
    sandbox: String,
    /// Go on where something refuses
    #[arg(short, long)]
    force: bool,
}

impl Connect {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let on = format!("{} sandbox {}", self.network, self.sandbox);
        let call = Call::post("connect to network", on, &["v1", "networks", &self.network, "connect"]);
        let body = NetworkConnect { container: self.sandbox, endpoint_config: Some(self.flags.asked().into()) };
        let connected: NetworkConnected = client.ask(call.json(&body)).await?;
        if self.listing.json { out.json(&connected) } else { Ok(()) }
    }
}

impl Disconnect {
    pub(super) async fn run(self, client: &Client) -> Result<(), Failure> {
        let on = format!("{} sandbox {}", self.network, self.sandbox);
        let call = Call::post("disconnect from network", on, &["v1", "networks", &self.network, "disconnect"]);
        let body = NetworkDisconnect { container: self.sandbox, force: Some(self.force) };
        Ok(client.tell(call.json(&body)).await?)
    }
}
