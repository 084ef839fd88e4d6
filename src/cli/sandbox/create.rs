//! `lanloom sandbox create`.

use super::attach::Attach;
use crate::api::client::{Call, Client};
use crate::api::types::{ExtraHost, SandboxCreate, SandboxMade, SandboxNetwork};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::words::{Pair, words};
use crate::names::Name;
use clap::{Args, ValueEnum};
use lanloom_switch_core::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// `sandbox create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name: 1 to 63 of A-Z a-z 0-9 _ . -
    name: Name,
    /// A namespace that exists, or the host's own; one is made if not given
    #[arg(long, value_name = "PATH|host")]
    netns: Option<String>,
    /// A network that it is to be on
    #[arg(long, value_name = "NETWORK[:KEY=VALUE,…]")]
    network: Vec<Attach>,
    #[command(flatten)]
    first: First,
    /// A name server to ask, from inside
    #[arg(long, value_name = "ADDR")]
    dns: Vec<IpAddr>,
    /// A domain to search
    #[arg(long, value_name = "DOMAIN")]
    dns_search: Vec<String>,
    /// An option of its resolv.conf
    #[arg(long, value_name = "OPTION")]
    dns_option: Vec<String>,
    /// Its host name [default: its name]
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// Its domain
    #[arg(long, value_name = "DOMAIN")]
    domainname: Option<String>,
    /// A line of its hosts file; host-gateway stands for the host's address
    #[arg(long, value_name = "NAME:ADDR", value_parser = extra_host)]
    add_host: Vec<ExtraHost>,
    /// A setting of its kernel's network, net.…
    #[arg(long, value_name = "KEY=VALUE")]
    sysctl: Vec<Pair>,
    /// A label
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
    /// What its interfaces are: TAPs, which the switch reads and writes itself, or ends of veth pairs [default: tap]
    #[arg(long, value_enum, value_name = "tap|veth", hide_possible_values = true, requires = "network")]
    endpoint: Option<Kind>,
    #[command(flatten)]
    listing: Listing,
}

/// What the endpoint on the first network is to be.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct First {
    /// Its IPv4 address on the first network
    #[arg(long, value_name = "ADDR", requires = "network")]
    ip: Option<Ipv4Addr>,
    /// Its IPv6 address on the first network
    #[arg(long, value_name = "ADDR", requires = "network")]
    ip6: Option<Ipv6Addr>,
    /// Its hardware address on the first network
    #[arg(long, visible_alias = "mac-address", value_name = "MAC", requires = "network")]
    mac: Option<MacAddr>,
    /// A further name in DNS on the first network
    #[arg(long, value_name = "NAME", requires = "network")]
    alias: Vec<String>,
}

/// What an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// A TAP, which the switch reads and writes itself
    Tap,
    /// One end of a veth pair
    Veth,
}

impl Create {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let (name, json) = (self.name.to_string(), self.listing.json);
        let request = self.request().map_err(|error| Failure::usage(format!("cannot create sandbox {name}: {error}")))?;
        let made: SandboxMade = client.ask(Call::post("create sandbox", name, &["v1", "sandboxes"]).json(&request)).await?;
        // It is made, whether it can be looked at or not.
        let notes = super::one(client, "create sandbox", &made.id).await.map(|sandbox| sandbox.notes).unwrap_or_default();
        notes.iter().for_each(|note| eprintln!("lanloom: note: {}", note.replace(char::is_control, " ")));
        if json { out.json(&made) } else { out.line(made.id) }
    }

    fn request(self) -> Result<SandboxCreate, String> {
        let mut networks: Vec<SandboxNetwork> = self.network.into_iter().map(|attach| attach.0).collect();
        if let Some(network) = networks.first_mut() {
            self.first.apply(network)?;
        }
        if let Some(kind) = self.endpoint {
            for network in &mut networks {
                network.endpoint.options.insert(ENDPOINT_OPTION.to_owned(), kind.word().to_owned());
            }
        }
        Ok(SandboxCreate {
            name: self.name.into(),
            netns: self.netns,
            networks,
            hostname: self.hostname,
            domainname: self.domainname,
            dns: self.dns.iter().map(ToString::to_string).collect(),
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            extra_hosts: self.add_host,
            sysctls: words(self.sysctl),
            labels: words(self.label),
        })
    }
}

impl First {
    /// Adds what was said by itself to what was said with the network.
    fn apply(self, network: &mut SandboxNetwork) -> Result<(), String> {
        let endpoint = &mut network.endpoint;
        for (flag, place, value) in [
            ("ip", &mut endpoint.ipv4, self.ip.map(|address| address.to_string())),
            ("ip6", &mut endpoint.ipv6, self.ip6.map(|address| address.to_string())),
            ("mac", &mut endpoint.mac, self.mac.map(|mac| mac.to_string())),
        ] {
            if value.is_some() && place.is_some() {
                return Err(format!("--{flag} and {flag}= of network {} say both; leave one out", network.network));
            }
            *place = value.or(place.take());
        }
        endpoint.aliases.extend(self.alias);
        Ok(())
    }
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Tap => "tap",
            Self::Veth => "veth",
        }
    }
}

/// The option by which the bridge driver is told what an endpoint's interface is.
const ENDPOINT_OPTION: &str = "lanloom.endpoint";

/// `NAME:ADDR`; the address may have colons, and brackets around it.
fn extra_host(text: &str) -> Result<ExtraHost, String> {
    let right = || "write NAME:ADDRESS, like router:10.9.0.5, or NAME:host-gateway".to_owned();
    let (name, address) = text.split_once([':', '=']).filter(|(name, _)| !name.is_empty()).ok_or_else(right)?;
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    let is_address = address == "host-gateway" || address.parse::<IpAddr>().is_ok();
    if is_address { Ok(ExtraHost { name: name.to_owned(), address: address.to_owned() }) } else { Err(right()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::{Value, json};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        create: Create,
    }

    fn request(line: &str) -> Result<Value, String> {
        let words = ["create"].into_iter().chain(line.split_whitespace());
        let request = Line::try_parse_from(words).map_err(|error| error.to_string())?.create.request()?;
        serde_json::to_value(request).map_err(|error| error.to_string())
    }

    #[test]
    fn every_flag_of_a_sandbox_is_asked_for() {
        assert_eq!(request("a"), Ok(json!({"name": "a"})));
        for (flags, key, value) in [
            ("--netns host", "netns", json!("host")),
            ("--netns /proc/7/ns/net", "netns", json!("/proc/7/ns/net")),
            ("--dns 9.9.9.9 --dns fd00::53", "dns", json!(["9.9.9.9", "fd00::53"])),
            ("--dns-search lab --dns-search .", "dns_search", json!(["lab", "."])),
            ("--dns-option ndots:2", "dns_options", json!(["ndots:2"])),
            ("--hostname front", "hostname", json!("front")),
            ("--domainname lab", "domainname", json!("lab")),
            ("--add-host r:10.9.0.5", "extra_hosts", json!([{"name": "r", "address": "10.9.0.5"}])),
            ("--add-host r:fd00::5", "extra_hosts", json!([{"name": "r", "address": "fd00::5"}])),
            ("--add-host r=[fd00::5]", "extra_hosts", json!([{"name": "r", "address": "fd00::5"}])),
            ("--add-host h:host-gateway", "extra_hosts", json!([{"name": "h", "address": "host-gateway"}])),
            ("--sysctl net.ipv4.ip_forward=1", "sysctls", json!({"net.ipv4.ip_forward": "1"})),
            ("--label tier=front", "labels", json!({"tier": "front"})),
            ("--network web", "networks", json!([{"network": "web", "endpoint": {}}])),
        ] {
            let mut expected = json!({"name": "a"});
            expected[key] = value;
            assert_eq!(request(&format!("{flags} a")), Ok(expected), "{flags}");
        }
    }

    #[test]
    fn what_is_said_by_itself_holds_for_the_first_network() {
        let line = "a --network web:priority=3 --network back --ip 10.9.0.7 --ip6 fd00::7 --mac 02:00:00:00:00:07 --alias db";
        let first = json!({
            "ipv4": "10.9.0.7", "ipv6": "fd00::7", "mac": "02:00:00:00:00:07", "aliases": ["db"], "priority": 3
        });
        let expected = json!([{"network": "web", "endpoint": first}, {"network": "back", "endpoint": {}}]);
        assert_eq!(request(line).map(|request| request["networks"].clone()), Ok(expected));
        let with_kind = request("a --network web --network back --endpoint veth").expect("known flags");
        let kinds = [0, 1].map(|at| with_kind["networks"][at]["endpoint"]["options"][ENDPOINT_OPTION].clone());
        assert_eq!(kinds, [json!("veth"), json!("veth")]);
    }

    #[test]
    fn what_cannot_be_is_wrong_usage() {
        for (line, said) in [
            ("a/b", "invalid value"),
            ("a --ip 10.9.0.7", "--network"),
            ("a --endpoint veth", "--network"),
            ("a --network web --endpoint bridge", "invalid value 'bridge'"),
            ("a --network web:ip=10.9.0.8 --ip 10.9.0.7", "--ip and ip= of network web say both"),
            ("a --add-host r", "write NAME:ADDRESS"),
            ("a --add-host r:x", "write NAME:ADDRESS"),
            ("a --dns x", "invalid value 'x'"),
            ("a -p 80:80", "unexpected argument '-p'"),
        ] {
            let error = request(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
