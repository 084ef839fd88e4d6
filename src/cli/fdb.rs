//! `lanloom fdb`.

mod format;

use crate::api::client::{Call, Client};
use crate::api::types::{FdbAdd, FdbEntry, FdbFlush, FdbFlushed, FdbKey};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::names::Name;
use clap::{Args, Subcommand};
use format::Format;
use std::net::IpAddr;

/// What can be done with a switch's addresses.
#[derive(Debug, Subcommand)]
pub enum FdbCommand {
    /// Show the addresses that a switch knows
    #[command(visible_aliases = ["inspect", "ls", "list"], after_help = "Example:\n  lanloom fdb show s1 --format bridge")]
    Show(Show),
    /// Set an address by hand
    #[command(
        after_help = "Example:\n  lanloom fdb add s1 02:00:00:00:00:0a p1\n  lanloom fdb add s1 02:00:00:00:00:0b p2 --dst 192.0.2.7\n  \
                              lanloom fdb add s1 00:00:00:00:00:00 p2 --dst 192.0.2.7"
    )]
    Add(Add),
    /// Forget an address
    #[command(visible_alias = "rm", after_help = "Example:\n  lanloom fdb delete s1 02:00:00:00:00:0a")]
    Delete(Delete),
    /// Forget what was learned
    #[command(after_help = "Example:\n  lanloom fdb flush s1 --port p1")]
    Flush(Flush),
}

/// `fdb show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The switch
    switch: Name,
    /// A table, or the lines of `bridge fdb show` or `ovs-appctl fdb/show`
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "json")]
    format: Format,
    #[command(flatten)]
    listing: Listing,
}

/// `fdb add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The switch
    switch: Name,
    /// The address, like 02:00:00:00:00:0a; all zero for the floods of a tunnel
    mac: String,
    /// The port it is on
    port: Name,
    /// The other end of that port's tunnel that leads to it
    #[arg(long, value_name = "VTEP")]
    dst: Option<IpAddr>,
    /// Its VLAN
    #[arg(long, value_name = "N", default_value_t = 0)]
    vid: u16,
    /// Let it age, but never move to another port
    #[arg(long)]
    sticky: bool,
}

/// `fdb delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The switch
    switch: Name,
    /// The address; all zero for the floods of a tunnel
    mac: String,
    /// Its VLAN
    #[arg(long, value_name = "N", default_value_t = 0)]
    vid: u16,
    /// Only if this other end of a tunnel leads to it
    #[arg(long, value_name = "VTEP")]
    dst: Option<IpAddr>,
    /// Only if it is on this port
    #[arg(long, value_name = "PORT")]
    port: Option<Name>,
}

/// `fdb flush`.
#[derive(Debug, Args)]
pub struct Flush {
    /// The switch
    switch: Name,
    /// Only what was learned on this port
    #[arg(long, value_name = "PORT")]
    port: Option<Name>,
    #[command(flatten)]
    listing: Listing,
}

impl FdbCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Show(args) => args.run(client, out).await,
            Self::Add(args) => args.run(client).await,
            Self::Delete(args) => args.run(client).await,
            Self::Flush(args) => args.run(client, out).await,
        }
    }
}

impl Show {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let switch = self.switch.as_str();
        let call = Call::get("show the addresses of switch", switch, &["v1", "switches", switch, "fdb"]);
        let entries: Vec<FdbEntry> = client.ask(call).await?;
        if self.listing.json {
            return out.json(&entries);
        }
        match self.format {
            Format::Table => out.table(&format::table(&entries)),
            Format::Bridge => format::bridge(switch, &entries).into_iter().try_for_each(|line| out.line(line)),
            Format::Ovs => format::ovs(&entries).try_for_each(|line| out.line(line)),
        }
    }
}

impl Add {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let on = format!("{} on {}/{}", self.mac, self.switch, self.port);
        let dst = self.dst.map(|dst| dst.to_string());
        let body = FdbAdd { mac: self.mac, port: self.port.into(), dst, vid: self.vid, sticky: self.sticky };
        let call = Call::post("set address", on, &["v1", "switches", self.switch.as_str(), "fdb"]).json(&body);
        Ok(client.tell(call).await?)
    }
}

impl Delete {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let on = format!("{} of switch {}", self.mac, self.switch);
        let path = ["v1", "switches", self.switch.as_str(), "fdb", &self.mac];
        let dst = self.dst.map(|dst| dst.to_string());
        let key = FdbKey { vid: self.vid, dst, port: self.port.map(String::from) };
        Ok(client.tell(Call::delete("forget address", on, &path).query(&key)).await?)
    }
}

impl Flush {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let switch = self.switch.as_str();
        let query = FdbFlush { port: self.port.map(String::from) };
        let call = Call::delete("flush switch", switch, &["v1", "switches", switch, "fdb"]).query(&query);
        let flushed: FdbFlushed = client.ask(call).await?;
        if self.listing.json { out.json(&flushed) } else { out.line(format_args!("{} forgotten", flushed.flushed)) }
    }
}
