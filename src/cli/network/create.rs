//! `lanloom network create`.

use super::pools::Pools;
use crate::api::client::{Call, Client};
use crate::api::types::{ConfigFrom, Ipam, NetworkCreate, NetworkMade};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::words::{Pair, words};
use crate::names::Name;
use clap::{ArgAction, Args};

/// `network create`.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name: 1 to 63 of A-Z a-z 0-9 _ . -
    name: Name,
    /// What kind of network
    #[arg(short, long, value_name = "DRIVER", default_value = "bridge")]
    driver: String,
    /// An option of the driver
    #[arg(short, long, value_name = "KEY=VALUE")]
    opt: Vec<Pair>,
    /// A label
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<Pair>,
    /// No way to the world outside
    #[arg(long)]
    internal: bool,
    /// Whether it has IPv4
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    #[arg(default_value_t = true, default_missing_value = "true", hide_possible_values = true)]
    ipv4: bool,
    /// Whether it has IPv6
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    #[arg(default_value_t = false, default_missing_value = "true", hide_possible_values = true)]
    ipv6: bool,
    /// Let sandboxes made by hand use it, where its scope asks for that
    #[arg(long)]
    attachable: bool,
    /// Make a swarm's ingress network; there is no swarm here
    #[arg(long)]
    ingress: bool,
    /// How far it reaches; a driver's own if not given
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Only keep these settings, for other networks to take
    #[arg(long)]
    config_only: bool,
    /// Take the settings of that network, which was made with --config-only
    #[arg(long, value_name = "NETWORK")]
    config_from: Option<String>,
    /// Who gives addresses
    #[arg(long, value_name = "DRIVER", default_value = "default")]
    ipam_driver: String,
    /// An option of who gives addresses
    #[arg(long, value_name = "KEY=VALUE")]
    ipam_opt: Vec<Pair>,
    #[command(flatten)]
    pools: Pools,
    #[command(flatten)]
    listing: Listing,
}

impl Create {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let json = self.listing.json;
        let name = self.name.to_string();
        let request = self.request().map_err(|error| Failure::usage(format!("cannot create network {name}: {error}")))?;
        let made: NetworkMade = client.ask(Call::post("create network", name, &["v1", "networks"]).json(&request)).await?;
        if json {
            return out.json(&made);
        }
        if !made.warning.is_empty() {
            eprintln!("lanloom: note: {}", made.warning.replace(char::is_control, " "));
        }
        out.line(made.id)
    }

    /// The request that says so. What Docker's client leaves out is left out.
    fn request(self) -> Result<NetworkCreate, String> {
        let some = |pairs: Vec<Pair>| Some(words(pairs)).filter(|words| !words.is_empty());
        let config = Some(self.pools.paired()?).filter(|pools| !pools.is_empty());
        Ok(NetworkCreate {
            name: self.name.into(),
            driver: Some(self.driver),
            scope: self.scope,
            enable_ipv4: Some(self.ipv4),
            enable_ipv6: Some(self.ipv6),
            ipam: Some(Ipam { driver: Some(self.ipam_driver), options: some(self.ipam_opt), config }),
            internal: Some(self.internal),
            attachable: Some(self.attachable),
            ingress: Some(self.ingress),
            config_only: Some(self.config_only),
            config_from: self.config_from.map(|network| ConfigFrom { network }),
            options: some(self.opt),
            labels: some(self.label),
        })
    }
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

    fn request(line: &str) -> Option<Value> {
        let words = ["create"].into_iter().chain(line.split_whitespace());
        let request = Line::try_parse_from(words).ok()?.create.request().ok()?;
        serde_json::to_value(request).ok()
    }

    #[test]
    fn every_flag_says_what_it_says_to_docker() {
        let plain = json!({
            "Name": "web", "Driver": "bridge", "EnableIPv4": true, "EnableIPv6": false, "IPAM": {"Driver": "default"},
            "Internal": false, "Attachable": false, "Ingress": false, "ConfigOnly": false
        });
        assert_eq!(request("web"), Some(plain.clone()));
        for (flags, key, value) in [
            ("-d null", "Driver", json!("null")),
            ("--driver=null", "Driver", json!("null")),
            ("-o a=b -o c", "Options", json!({"a": "b", "c": ""})),
            ("--opt a=b=c", "Options", json!({"a": "b=c"})),
            ("--label tier=front --label x", "Labels", json!({"tier": "front", "x": ""})),
            ("--internal", "Internal", json!(true)),
            ("--ipv4=false", "EnableIPv4", json!(false)),
            ("--ipv6", "EnableIPv6", json!(true)),
            ("--ipv6=true", "EnableIPv6", json!(true)),
            ("--attachable", "Attachable", json!(true)),
            ("--ingress", "Ingress", json!(true)),
            ("--scope local", "Scope", json!("local")),
            ("--config-only", "ConfigOnly", json!(true)),
            ("--config-from base", "ConfigFrom", json!({"Network": "base"})),
            ("--ipam-driver null", "IPAM", json!({"Driver": "null"})),
            ("--ipam-opt serial=true", "IPAM", json!({"Driver": "default", "Options": {"serial": "true"}})),
            (
                "--subnet 10.9.0.0/24 --gateway 10.9.0.1 --ip-range 10.9.0.0/25 --aux-address r=10.9.0.5",
                "IPAM",
                json!({"Driver": "default", "Config": [{
                    "Subnet": "10.9.0.0/24", "Gateway": "10.9.0.1", "IPRange": "10.9.0.0/25",
                    "AuxiliaryAddresses": {"r": "10.9.0.5"}
                }]}),
            ),
        ] {
            let mut expected = plain.clone();
            expected[key] = value;
            assert_eq!(request(&format!("{flags} web")), Some(expected), "{flags}");
        }
        for wrong in ["", "a/b", "web --ipv6=maybe", "web -o =b", "web --gateway 10.9.0.1", "web --subnet x"] {
            assert_eq!(request(wrong), None, "{wrong}");
        }
    }
}
