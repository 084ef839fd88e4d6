//! `lanloom port`.

mod settings;
mod show;
mod tunnel;

use crate::api::client::{Call, Client};
use crate::api::types::{PortAdd, PortInfo};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::names::Name;
use clap::{Args, Subcommand};
use settings::Settings;

/// What can be done with ports.
#[derive(Debug, Subcommand)]
pub enum PortCommand {
    /// Plug a link into a switch
    #[command(after_help = ADD_EXAMPLES)]
    Add(Add),
    /// List a switch's ports
    #[command(visible_alias = "list", after_help = "Example:\n  lanloom port ls s1")]
    Ls(Ls),
    /// Show one port with its settings
    #[command(visible_alias = "inspect", after_help = "Example:\n  lanloom port show s1 p1")]
    Show(At<Listing>),
    /// Change a port; the names are those of `bridge link`
    #[command(after_help = "Example:\n  lanloom port set s1 p1 --isolated on --mtu 1400\n  lanloom port set s1 p1 down")]
    Set(At<Settings>),
    /// Unplug a port, and remove the interface that was made for it
    #[command(visible_alias = "rm", after_help = "Example:\n  lanloom port delete s1 p1")]
    Delete(At<Nothing>),
}

const ADD_EXAMPLES: &str = "\
URL:
  tap://IFNAME[?netns=NAME][&offload=off][&mtu=N][&persist=no][&mac=M]
                         makes a TAP, in that namespace if one is given
  veth://IFNAME?netns=NAME[&mtu=N][&mac=M]
                         makes a pair: IFNAME inside the namespace, the other end on the port
  iface://IFNAME         an interface that exists; the host keeps its frames
  vxlan://VNI?local=ADDR[&remote=ADDR,…][&port=4789][&group=ADDR&dev=IFNAME][&mtu=N]
    [&learning=off][&reserved=ignore][&tags=keep][&ttl=N|inherit][&tos=N|inherit]
    [&suppress=off]      one end of a VXLAN network; what comes from one tunnel goes to
                         no other tunnel of the same switch

Example:
  lanloom port add s1 'tap://eth0?netns=blue' --name blue
  lanloom port add s1 'vxlan://42?local=192.0.2.1&remote=192.0.2.7' --name overlay";

/// `port add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The switch
    switch: Name,
    /// What to plug in
    url: String,
    /// The port's name [default: p and the lowest free number]
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
    #[command(flatten)]
    listing: Listing,
}

/// `port ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// The switch
    switch: Name,
    #[command(flatten)]
    listing: Listing,
}

/// A port, and more.
#[derive(Debug, Args)]
pub struct At<More: Args> {
    /// The switch
    switch: Name,
    /// The port
    port: Name,
    #[command(flatten)]
    more: More,
}

/// No more arguments.
#[derive(Debug, Args)]
pub struct Nothing {}

impl PortCommand {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Add(args) => args.run(client, out).await,
            Self::Ls(args) => args.run(client, out).await,
            Self::Show(args) => {
                let port: PortInfo = client.ask(args.call("show port", Call::get)).await?;
                if args.more.json { out.json(&port) } else { show::details(&args.switch, &port, out) }
            }
            Self::Set(args) => Ok(client.tell(args.call("set port", Call::patch).json(&args.more.change())).await?),
            Self::Delete(args) => Ok(client.tell(args.call("delete port", Call::delete)).await?),
        }
    }
}

impl Add {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let on = format!("{} to switch {}", self.url, self.switch);
        let body = PortAdd { url: self.url, name: self.name.map(String::from) };
        let call = Call::post("add port", on, &["v1", "switches", self.switch.as_str(), "ports"]).json(&body);
        let made: PortInfo = client.ask(call).await?;
        if self.listing.json { out.json(&made) } else { out.line(made.port) }
    }
}

impl Ls {
    async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let switch = self.switch.as_str();
        let call = Call::get("list ports of switch", switch, &["v1", "switches", switch, "ports"]);
        let ports: Vec<PortInfo> = client.ask(call).await?;
        if self.listing.json { out.json(&ports) } else { out.table(&show::table(&ports)) }
    }
}

impl<More: Args> At<More> {
    fn call(&self, what: &'static str, method: fn(&'static str, String, &[&str]) -> Call) -> Call {
        let (switch, port) = (self.switch.as_str(), self.port.as_str());
        method(what, format!("{switch}/{port}"), &["v1", "switches", switch, "ports", port])
    }
}
