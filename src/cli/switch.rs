//! `lanloom switch`.

use crate::api::client::{Call, Client};
use crate::api::types::{SwitchChange, SwitchCreate, SwitchInfo};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::table::Table;
use crate::names::Name;
use clap::{Args, Subcommand};

/// What can be done with switches.
#[derive(Debug, Subcommand)]
pub enum SwitchCommand {
    /// Make a switch
    #[command(after_help = "Example:\n  lanloom switch create s1 --ageing 60")]
    Create(Create),
    /// List the switches
    #[command(visible_alias = "list", after_help = "Example:\n  lanloom switch ls --json")]
    Ls(Ls),
    /// Show one switch
    #[command(visible_alias = "inspect", after_help = "Example:\n  lanloom switch show s1")]
    Show(Show),
    /// Change a switch
    #[command(after_help = "Example:\n  lanloom switch set s1 --ageing 600")]
    Set(Set),
    /// Delete a switch with its ports
    #[command(visible_alias = "rm", after_help = "Example:\n  lanloom switch delete s1")]
    Delete(Delete),
}

/// `switch create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name: 1 to 63 of A-Z a-z 0-9 _ . -
    name: Name,
    /// Seconds until an address that is not heard again is forgotten, 10 to 1000000 [default: 300]
    #[arg(long, value_name = "SECS")]
    ageing: Option<u32>,
    /// How many addresses it may know [default: 65536]
    #[arg(long, value_name = "N")]
    fdb_limit: Option<u32>,
    #[command(flatten)]
    listing: Listing,
}

/// `switch ls`.
#[derive(Debug, Args)]
pub struct Ls {
    #[command(flatten)]
    listing: Listing,
}

/// `switch show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The switch
    name: Name,
    #[command(flatten)]
    listing: Listing,
}

/// `switch set`.
#[derive(Debug, Args)]
pub struct Set {
    /// The switch
    name: Name,
    #[command(flatten)]
    change: Change,
}

/// What `switch set` can change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Change {
    /// Seconds until an address that is not heard again is forgotten, 10 to 1000000
    #[arg(long, value_name = "SECS")]
    ageing: Option<u32>,
}

/// `switch delete`.
#[derive(Debug, Args)]
pub struct Delete {
    /// The switch
    name: Name,
}

impl SwitchCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Create(args) => args.run(client, out).await,
            Self::Ls(args) => args.run(client, out).await,
            Self::Show(args) => args.run(client, out).await,
            Self::Set(args) => args.run(client).await,
            Self::Delete(args) => args.run(client).await,
        }
    }
}

impl Create {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let body = SwitchCreate { name: self.name.to_string(), ageing_secs: self.ageing, fdb_limit: self.fdb_limit };
        let call = Call::post("create switch", self.name, &["v1", "switches"]).json(&body);
        let made: SwitchInfo = client.ask(call).await?;
        if self.listing.json { out.json(&made) } else { Ok(()) }
    }
}

impl Ls {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let switches: Vec<SwitchInfo> = client.ask(Call::get("list switches", "", &["v1", "switches"])).await?;
        if self.listing.json {
            return out.json(&switches);
        }
        let mut table = Table::new(&["SWITCH", ">PORTS", ">ADDRESSES", ">AGEING", "STP", "MADE BY"]);
        for switch in switches {
            let (ports, addresses) = (switch.ports.to_string(), switch.fdb_entries.to_string());
            table.row([switch.name, ports, addresses, format!("{} s", switch.ageing_secs), switch.stp, switch.origin]);
        }
        out.table(&table)
    }
}

impl Show {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::get("show switch", self.name.as_str(), &["v1", "switches", self.name.as_str()]);
        let switch: SwitchInfo = client.ask(call).await?;
        if self.listing.json {
            return out.json(&switch);
        }
        out.line(format_args!("switch     {}", switch.name))?;
        out.line(format_args!("stp        {}", switch.stp))?;
        out.line(format_args!("ageing     {} s", switch.ageing_secs))?;
        out.line(format_args!("ports      {}", switch.ports))?;
        out.line(format_args!("addresses  {} of {}", switch.fdb_entries, switch.fdb_limit))?;
        out.line(format_args!("engine     {}, spins {} µs after work now", switch.engine, switch.spin_now_micros))?;
        out.line(format_args!("made by    {}", switch.origin))
    }
}

impl Set {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let body = SwitchChange { ageing_secs: self.change.ageing };
        let call = Call::patch("set switch", self.name.as_str(), &["v1", "switches", self.name.as_str()]).json(&body);
        Ok(client.tell(call).await?)
    }
}

impl Delete {
    async fn run(self, client: &Client) -> Result<(), Failure> {
        let call = Call::delete("delete switch", self.name.as_str(), &["v1", "switches", self.name.as_str()]);
        Ok(client.tell(call).await?)
    }
}
