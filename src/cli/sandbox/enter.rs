//! `lanloom sandbox exec` and `ping`: in this process and with its rights, at the place that the daemon names.

use crate::api::client::{Call, Client};
use crate::api::types::{Info, SandboxInfo};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::words::known;
use crate::exec::ping::{Family, PingArgs, ping};
use crate::exec::{self, Place, Warning};
use clap::Args;
use ipnet::IpNet;
use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;

const EXEC: &str = "run a command in sandbox";
const PING: &str = "ping from sandbox";

/// `sandbox exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// The sandbox
    #[arg(value_parser = known)]
    sandbox: String,
    /// The command, and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// `sandbox ping`.
#[derive(Debug, Args)]
pub struct Ping {
    /// The sandbox that asks
    #[arg(value_parser = known)]
    from: String,
    /// Who is asked: another sandbox on one of its networks, an address, or any name that it knows
    to: String,
    /// How many requests
    #[arg(short, long, value_name = "N", default_value_t = exec::ping::COUNT)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=65_535))]
    count: u32,
    /// Seconds to wait for each answer
    #[arg(short = 'W', long, value_name = "SECS", default_value_t = exec::ping::WAIT.as_secs_f64(), value_parser = seconds)]
    wait: f64,
    /// Only by IPv4
    #[arg(short = '4', conflicts_with = "v6")]
    v4: bool,
    /// Only by IPv6
    #[arg(short = '6')]
    v6: bool,
    #[command(flatten)]
    listing: Listing,
}

impl Exec {
    pub(super) async fn run(self, client: &Client) -> Result<(), Failure> {
        let place = place(client, EXEC, super::one(client, EXEC, &self.sandbox).await?).await?;
        let error = exec::exec(&place, &self.command, warn);
        Err(Failure::of_command(error.status(), error.to_string()))
    }
}

impl Ping {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let sandbox = super::one(client, PING, &self.from).await?;
        let place = place(client, PING, sandbox.clone()).await?;
        let family = if self.v4 { Some(Family::V4) } else { self.v6.then_some(Family::V6) };
        let wait = Duration::from_secs_f64(self.wait);
        let args = PingArgs { family, count: self.count, wait, ..PingArgs::new(self.to) };
        let json = self.listing.json;
        let tell = |echo: &exec::ping::Echo| {
            if !json {
                println!("{echo}");
            }
        };
        let summary = ping(&place, &args, warn, tell).map_err(|error| Failure::failed(error.to_string()))?;
        if json {
            out.json(&summary)?;
        } else {
            out.line(&summary)?;
        }
        let network = towards(&sandbox, summary.address());
        summary.failure(network).map_or(Ok(()), |failure| Err(Failure::failed(failure)))
    }
}

/// The network by which a sandbox sends to an address: one that has it, or that of the way out.
fn towards(sandbox: &SandboxInfo, to: IpAddr) -> Option<&str> {
    let has = |text: &String| text.parse::<IpNet>().is_ok_and(|net| net.contains(&to));
    let on = sandbox.endpoints.iter().find(|endpoint| endpoint.addresses.iter().chain(&endpoint.link_local).any(has));
    let out = if to.is_ipv4() { &sandbox.gateway_v4 } else { &sandbox.gateway_v6 };
    on.map(|endpoint| endpoint.network.as_str()).or_else(|| out.as_ref().map(|choice| choice.network.as_str()))
}

/// Where a sandbox is. One that has the host's namespace is where the daemon is.
async fn place(client: &Client, what: &'static str, sandbox: SandboxInfo) -> Result<Place, Failure> {
    if sandbox.state == "stale" {
        let (name, at) = (&sandbox.name, sandbox.netns.unwrap_or_default());
        let why = format!("its namespace is gone: {at} leads to another one now");
        return Err(Failure::failed(format!("cannot {what} {name}: {why}; delete it with `lanloom sandbox delete {name}`")));
    }
    if sandbox.state == "lost" {
        let (name, at) = (&sandbox.name, sandbox.netns.unwrap_or_default());
        let why = format!("its namespace at {at} is gone");
        let hint = format!("delete it with `lanloom sandbox delete {name}`; `lanloom sandbox inspect {name}` says more");
        return Err(Failure::failed(format!("cannot {what} {name}: {why}; {hint}")));
    }
    let netns = match sandbox.netns {
        Some(netns) => netns,
        None => {
            let daemon: Info = client.ask(Call::get(what, sandbox.name, &["v1", "info"])).await?;
            format!("/proc/{}/ns/net", daemon.pid)
        }
    };
    Ok(Place { netns: netns.into(), files: sandbox.files.map(Into::into) })
}

fn warn(warning: &Warning) {
    eprintln!("lanloom: note: {warning}");
}

fn seconds(text: &str) -> Result<f64, String> {
    let fits = |secs: &f64| (0.001..=3600.0).contains(secs);
    text.parse().ok().filter(fits).ok_or_else(|| "write a number of seconds, 0.001 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{EndpointInfo, GatewayChoice};
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        exec: Exec,
    }

    #[test]
    fn what_is_pinged_lies_on_one_of_the_sandbox_s_networks_or_behind_its_way_out() {
        let on = |network: &str, address: &str| EndpointInfo {
            network: network.into(),
            addresses: vec![address.into()],
            ..EndpointInfo::default()
        };
        let sandbox = SandboxInfo {
            endpoints: vec![on("web", "10.9.0.2/24"), on("back", "10.8.0.2/24")],
            gateway_v4: Some(GatewayChoice { network: "web".into(), why: String::new() }),
            ..SandboxInfo::default()
        };
        for (to, network) in
            [("10.8.0.77", Some("back")), ("10.9.0.3", Some("web")), ("192.0.2.1", Some("web")), ("fd00::1", None)]
        {
            assert_eq!(towards(&sandbox, to.parse().expect("an address")), network, "{to}");
        }
    }

    #[test]
    fn everything_after_the_sandbox_is_the_command() {
        for (line, expected) in [
            ("a -- ip -6 address", vec!["ip", "-6", "address"]),
            ("a ls -l --json", vec!["ls", "-l", "--json"]),
            ("a -- -odd", vec!["-odd"]),
        ] {
            let words = ["exec"].into_iter().chain(line.split(' '));
            let command = Line::try_parse_from(words).map(|line| line.exec.command);
            assert_eq!(command.ok(), Some(expected.into_iter().map(OsString::from).collect()), "{line}");
        }
        assert!(Line::try_parse_from(["exec", "a"]).is_err());
    }
}
