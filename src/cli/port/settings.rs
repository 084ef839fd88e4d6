//! What `port set` can change.

use crate::api::types::PortChange;
use clap::{Args, ValueEnum};

/// The settings of a port.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Settings {
    /// Carry frames, or none
    #[arg(value_enum)]
    admin: Option<Admin>,
    /// Learn source addresses here
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    learning: Option<Switched>,
    /// Flood frames to unknown addresses here
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    flood: Option<Switched>,
    /// Flood multicast here
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    mcast_flood: Option<Switched>,
    /// Flood broadcasts here
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    bcast_flood: Option<Switched>,
    /// Exchange frames only with ports that are not isolated
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    isolated: Option<Switched>,
    /// Largest payload in bytes
    #[arg(long, value_name = "N")]
    mtu: Option<u32>,
    /// Which of 01:80:c2:00:00:01…0f pass: lacp, lldp, … or a last digit, 0x1 to 0xf
    #[arg(long, value_name = "NAME,…|none", value_delimiter = ',')]
    forward: Vec<String>,
    /// Frames a second from here that may be flooded, and at once
    #[arg(long, value_name = "RATE[:BURST]|off")]
    storm: Option<String>,
    /// Learned addresses that this port may hold
    #[arg(long, value_name = "N|off", value_parser = limit)]
    fdb_limit: Option<u32>,
    /// Drop frames from one address more, in place of forgetting the oldest
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true)]
    fdb_limit_drops: Option<Switched>,
}

/// `up` or `down`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Admin {
    Up,
    Down,
}

/// `on` or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switched {
    On,
    Off,
}

impl Settings {
    /// The request that says so.
    pub(super) fn change(&self) -> PortChange {
        let on = |switched: Option<Switched>| switched.map(|switched| switched == Switched::On);
        PortChange {
            up: self.admin.map(|admin| admin == Admin::Up),
            learning: on(self.learning),
            flood: on(self.flood),
            mcast_flood: on(self.mcast_flood),
            bcast_flood: on(self.bcast_flood),
            isolated: on(self.isolated),
            mtu: self.mtu,
            forward: self.forward(),
            storm: self.storm.clone(),
            fdb_limit: self.fdb_limit,
            fdb_limit_drops: on(self.fdb_limit_drops),
        }
    }

    fn forward(&self) -> Option<Vec<String>> {
        match &self.forward[..] {
            [] => None,
            [none] if none == "none" => Some(Vec::new()),
            names => Some(names.to_vec()),
        }
    }
}

fn limit(text: &str) -> Result<u32, String> {
    if text == "off" {
        return Ok(0);
    }
    text.parse().ok().filter(|limit| *limit > 0).ok_or_else(|| "write how many addresses, at least 1, or off".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn change(line: &str) -> Option<PortChange> {
        let words = ["set"].into_iter().chain(line.split_whitespace());
        Line::try_parse_from(words).ok().map(|line| line.settings.change())
    }

    #[test]
    fn only_what_is_given_is_changed() {
        let expected = PortChange { up: Some(false), isolated: Some(true), mtu: Some(1400), ..PortChange::default() };
        assert_eq!(change("down --isolated on --mtu 1400"), Some(expected));
        let expected = PortChange { forward: Some(vec!["lacp".into(), "lldp".into()]), ..PortChange::default() };
        assert_eq!(change("--forward lacp,lldp"), Some(expected));
        let expected = PortChange { forward: Some(Vec::new()), fdb_limit: Some(0), ..PortChange::default() };
        assert_eq!(change("--forward none --fdb-limit off"), Some(expected));
        for wrong in ["", "sideways", "--flood maybe", "--fdb-limit 0", "--mtu -1"] {
            assert_eq!(change(wrong), None, "{wrong}");
        }
    }
}
