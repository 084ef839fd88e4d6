//! `NETWORK[:KEY=VALUE,…]`: a network that a sandbox is to be on, and what its endpoint there is to be.

use crate::api::types::{EndpointAsked, SandboxNetwork};
use crate::cli::words::known;
use lanloom_switch_core::MacAddr;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network, and what the endpoint there is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attach(pub(super) SandboxNetwork);

impl FromStr for Attach {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (network, keys) = text.split_once(':').unwrap_or((text, ""));
        if network.is_empty() {
            return Err("it names no network; write NETWORK[:KEY=VALUE,…]".to_owned());
        }
        known(network)?;
        let mut endpoint = EndpointAsked::default();
        for pair in keys.split(',').filter(|_| !keys.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or_else(|| format!("{pair:?} has no value; write KEY=VALUE"))?;
            set(&mut endpoint, key, value)?;
        }
        Ok(Self(SandboxNetwork { network: network.to_owned(), endpoint }))
    }
}

fn set(endpoint: &mut EndpointAsked, key: &str, value: &str) -> Result<(), String> {
    match key {
        "ip" => once(key, &mut endpoint.ipv4, read::<Ipv4Addr>(key, value, "an address like 10.9.0.7")?.to_string()),
        "ip6" => once(key, &mut endpoint.ipv6, read::<Ipv6Addr>(key, value, "an address like fd00:9::7")?.to_string()),
        "mac" => once(key, &mut endpoint.mac, read::<MacAddr>(key, value, "an address like 02:00:00:00:00:07")?.to_string()),
        "alias" => {
            endpoint.aliases.push(value.to_owned());
            Ok(())
        }
        "priority" => {
            endpoint.priority = read(key, value, "a number")?;
            Ok(())
        }
        _ => Err(format!("there is no key {key:?}; there are ip, ip6, mac, alias, priority")),
    }
}

fn read<T: FromStr>(key: &str, value: &str, right: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{key}={value} is not possible; write {right}"))
}

fn once(key: &str, place: &mut Option<String>, value: String) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("{key} is given twice; leave one out")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_with_what_its_endpoint_is_to_be() {
        let text = "web:ip=10.9.0.7,ip6=fd00:9::7,mac=02:00:00:00:00:07,alias=db,alias=sql,priority=-2";
        let endpoint = EndpointAsked {
            ipv4: Some("10.9.0.7".into()),
            ipv6: Some("fd00:9::7".into()),
            mac: Some("02:00:00:00:00:07".into()),
            aliases: vec!["db".into(), "sql".into()],
            priority: -2,
            ..EndpointAsked::default()
        };
        assert_eq!(text.parse(), Ok(Attach(SandboxNetwork { network: "web".into(), endpoint })));
        let plain = SandboxNetwork { network: "web".into(), ..SandboxNetwork::default() };
        assert_eq!("web".parse(), Ok(Attach(plain)));
        for (wrong, said) in [
            ("", "names no network"),
            (":ip=10.9.0.7", "names no network"),
            ("web:ip", "write KEY=VALUE"),
            ("web:ip=x", "ip=x is not possible"),
            ("web:ip=10.9.0.7,ip=10.9.0.8", "ip is given twice"),
            ("web:colour=red", "there are ip, ip6, mac, alias, priority"),
            ("web:priority=high", "write a number"),
        ] {
            let error = wrong.parse::<Attach>().expect_err(wrong);
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }
}
