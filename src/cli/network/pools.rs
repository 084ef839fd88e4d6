//! Subnets, ranges, gateways and auxiliary addresses, each given by itself: which belongs to which.

use crate::api::types::IpamPool;
use clap::Args;
use ipnet::IpNet;
use std::fmt::Display;
use std::net::IpAddr;

/// The pools of a network, as `docker network create` takes them.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Pools {
    /// A subnet, like 10.9.0.0/24 or fd00:9::/64; one is chosen if none is given
    #[arg(long, value_name = "SUBNET")]
    subnet: Vec<IpNet>,
    /// The part of a subnet that addresses are taken from
    #[arg(long, value_name = "SUBNET")]
    ip_range: Vec<IpNet>,
    /// The gateway's address in a subnet; the first one if none is given
    #[arg(long, value_name = "ADDR")]
    gateway: Vec<IpAddr>,
    /// An address in a subnet that somebody else has
    #[arg(long, value_name = "NAME=ADDR", value_parser = auxiliary)]
    aux_address: Vec<(String, IpAddr)>,
}

impl Pools {
    /// Each subnet with what lies in it.
    pub(super) fn paired(self) -> Result<Vec<IpamPool>, String> {
        let subnets = &self.subnet;
        if let Some((one, other)) = overlapping(subnets) {
            return Err(format!("the subnets {one} and {other} overlap; leave one out"));
        }
        for subnet in subnets {
            let mut inside = self.gateway.iter().filter(|gateway| subnet.contains(*gateway));
            if let (Some(one), Some(other)) = (inside.next(), inside.next()) {
                return Err(two("gateway", one, other, *subnet));
            }
        }
        if self.ip_range.len().max(self.gateway.len()) > subnets.len() {
            let hint = "add --subnet for each subnet they lie in";
            return Err(format!("every ip-range or gateway must have a corresponding subnet; {hint}"));
        }
        let mut pools: Vec<IpamPool> =
            subnets.iter().map(|subnet| IpamPool { subnet: Some(subnet.to_string()), ..IpamPool::default() }).collect();
        let home = |what: &str, text: String, address: IpAddr| {
            let found = subnets.iter().position(|subnet| subnet.contains(&address));
            found.ok_or_else(|| format!("the {what} {text} lies in no subnet given; add --subnet for it"))
        };
        for range in self.ip_range {
            let at = home("ip-range", range.to_string(), range.addr())?;
            only("ip-range", &mut pools[at].ip_range, range.to_string(), subnets[at])?;
        }
        for gateway in self.gateway {
            let at = home("gateway", gateway.to_string(), gateway)?;
            only("gateway", &mut pools[at].gateway, gateway.to_string(), subnets[at])?;
        }
        for (name, address) in self.aux_address {
            let at = home("aux-address", format!("{name}={address}"), address)?;
            pools[at].auxiliary_addresses.get_or_insert_default().insert(name, address.to_string());
        }
        Ok(pools)
    }
}

/// Sets what a subnet can have one of.
fn only(what: &str, place: &mut Option<String>, value: String, subnet: IpNet) -> Result<(), String> {
    match place.replace(value.clone()) {
        None => Ok(()),
        Some(before) => Err(two(what, before, value, subnet)),
    }
}

fn two(what: &str, one: impl Display, other: impl Display, subnet: IpNet) -> String {
    format!("two {what}s for {subnet}: {one} and {other}; leave one out")
}

fn overlapping(subnets: &[IpNet]) -> Option<(IpNet, IpNet)> {
    let overlap = |one: &IpNet, other: &IpNet| one.contains(&other.network()) || other.contains(&one.network());
    subnets
        .iter()
        .enumerate()
        .find_map(|(at, one)| subnets[..at].iter().find(|other| overlap(one, other)).map(|other| (*other, *one)))
}

fn auxiliary(text: &str) -> Result<(String, IpAddr), String> {
    let right = "write NAME=ADDRESS, like router=10.9.0.5";
    let (name, address) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or(right)?;
    let address = address.parse().map_err(|_| format!("{address} is no IP address; {right}"))?;
    Ok((name.to_owned(), address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        pools: Pools,
    }

    fn paired(line: &str) -> Result<Vec<IpamPool>, String> {
        let words = ["create"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).map_err(|error| error.to_string())?.pools.paired()
    }

    #[test]
    fn each_subnet_gets_what_lies_in_it() {
        let line = "--subnet 10.9.0.0/24 --subnet fd00:9::/64 --gateway fd00:9::1 --gateway 10.9.0.254 \
                    --ip-range 10.9.0.128/25 --aux-address a=10.9.0.5 --aux-address b=10.9.0.6";
        let auxiliary = [("a", "10.9.0.5"), ("b", "10.9.0.6")].map(|(name, address)| (name.to_owned(), address.to_owned()));
        let v4 = IpamPool {
            subnet: Some("10.9.0.0/24".into()),
            ip_range: Some("10.9.0.128/25".into()),
            gateway: Some("10.9.0.254".into()),
            auxiliary_addresses: Some(auxiliary.into()),
        };
        let v6 = IpamPool { subnet: Some("fd00:9::/64".into()), gateway: Some("fd00:9::1".into()), ..IpamPool::default() };
        assert_eq!(paired(line), Ok(vec![v4, v6]));
        assert_eq!(paired(""), Ok(vec![]));
    }

    #[test]
    fn what_belongs_to_no_subnet_or_twice_to_one_is_refused() {
        for (line, said) in [
            ("--gateway 10.9.0.1", "every ip-range or gateway must have a corresponding subnet"),
            (
                "--subnet 10.9.0.0/24 --gateway 10.9.0.1 --gateway 10.9.0.2",
                "two gateways for 10.9.0.0/24: 10.9.0.1 and 10.9.0.2",
            ),
            ("--subnet 10.9.0.0/24 --gateway 10.8.0.1", "the gateway 10.8.0.1 lies in no subnet given"),
            ("--subnet 10.9.0.0/24 --ip-range 10.8.0.0/25", "the ip-range 10.8.0.0/25 lies in no subnet given"),
            ("--subnet 10.9.0.0/24 --aux-address a=10.8.0.5", "the aux-address a=10.8.0.5 lies in no subnet given"),
            (
                "--subnet 10.9.0.0/24 --subnet 10.8.0.0/24 --gateway 10.9.0.1 --gateway 10.9.0.2",
                "two gateways for 10.9.0.0/24: 10.9.0.1 and 10.9.0.2; leave one out",
            ),
            ("--subnet 10.9.0.0/24 --subnet 10.9.0.0/16", "the subnets 10.9.0.0/24 and 10.9.0.0/16 overlap"),
            ("--subnet 10.9.0.0", "invalid value '10.9.0.0'"),
            ("--subnet 10.9.0.0/24 --aux-address 10.9.0.5", "write NAME=ADDRESS"),
            ("--subnet 10.9.0.0/24 --aux-address foo=10.9.0.300", "10.9.0.300 is no IP address"),
        ] {
            let error = paired(line).expect_err(line);
            assert!(error.contains(said), "{line}: {error}");
        }
    }
}
