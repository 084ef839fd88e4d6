//! What an endpoint is to be, as flags of every command that makes one.

use crate::api::types::EndpointAsked;
use crate::cli::words::{Pair, words};
use clap::Args;
use lanloom_switch_core::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an endpoint is to be, as `docker network connect` takes it.
#[derive(Clone, Debug, Default, Args)]
pub(in crate::cli) struct EndpointFlags {
    /// Its IPv4 address; one is chosen if none is given
    #[arg(long, value_name = "ADDR")]
    ip: Option<Ipv4Addr>,
    /// Its IPv6 address; one is chosen if none is given
    #[arg(long, value_name = "ADDR")]
    ip6: Option<Ipv6Addr>,
    /// Its hardware address; one is chosen if none is given
    #[arg(long, visible_alias = "mac", value_name = "MAC")]
    mac_address: Option<MacAddr>,
    /// A further name in DNS on the network
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    /// A name that only this sandbox knows another by
    #[arg(long, value_name = "SANDBOX[:ALIAS]")]
    link: Vec<String>,
    /// An address of the link alone, to set beside these
    #[arg(long, value_name = "ADDR")]
    link_local_ip: Vec<IpAddr>,
    /// An option of the driver
    #[arg(long, value_name = "KEY=VALUE")]
    driver_opt: Vec<Pair>,
    /// Who gives a sandbox its way out: the highest first
    #[arg(long, value_name = "N", default_value_t = 0, allow_hyphen_values = true)]
    gw_priority: i32,
}

impl EndpointFlags {
    /// The request that says so.
    pub(in crate::cli) fn asked(self) -> EndpointAsked {
        EndpointAsked {
            ipv4: self.ip.map(|address| address.to_string()),
            ipv6: self.ip6.map(|address| address.to_string()),
            link_local: self.link_local_ip.iter().map(ToString::to_string).collect(),
            mac: self.mac_address.map(|mac| mac.to_string()),
            aliases: self.alias,
            links: self.link,
            priority: self.gw_priority,
            options: words(self.driver_opt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        flags: EndpointFlags,
    }

    fn asked(line: &str) -> Option<EndpointAsked> {
        let words = ["connect"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).ok().map(|line| line.flags.asked())
    }

    #[test]
    fn every_flag_of_an_endpoint_is_asked_for() {
        assert_eq!(asked(""), Some(EndpointAsked::default()));
        let line = "--ip 10.9.0.7 --ip6 fd00::7 --mac-address 02:00:00:00:00:07 --alias a --alias b --link c:d --link e \
                    --link-local-ip fe80::7 --link-local-ip 169.254.0.7 --driver-opt k=v --gw-priority -3";
        let expected = EndpointAsked {
            ipv4: Some("10.9.0.7".into()),
            ipv6: Some("fd00::7".into()),
            link_local: vec!["fe80::7".into(), "169.254.0.7".into()],
            mac: Some("02:00:00:00:00:07".into()),
            aliases: vec!["a".into(), "b".into()],
            links: vec!["c:d".into(), "e".into()],
            priority: -3,
            options: [("k".to_owned(), "v".to_owned())].into(),
        };
        assert_eq!(asked(line), Some(expected));
        assert_eq!(asked("--mac 02:00:00:00:00:07").and_then(|asked| asked.mac).as_deref(), Some("02:00:00:00:00:07"));
        for wrong in ["--ip fd00::7", "--ip6 10.9.0.7", "--ip 10.9.0", "--mac-address 02:00", "--gw-priority high"] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }
}
