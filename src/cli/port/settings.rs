//! What `port set` can change.

use crate::api::types::{PortChange, Storm};
use clap::{Args, ValueEnum};

/// The settings of a port.
#[derive(Debug, Args)]
#[group(required = true, multiple = true, id = "change")]
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
    /// Which of 01:80:c2:00:00:00…0f pass, bit by last digit: 0x4000 is LLDP, 0x4 LACP
    #[arg(long, value_name = "MASK", value_parser = mask)]
    group_fwd_mask: Option<u16>,
    /// Frames a second from here that may be flooded, and at once
    #[arg(long, value_name = "RATE[:BURST]|off", value_parser = storm)]
    storm: Option<Storm>,
    /// Learned addresses that this port may hold
    #[arg(long, value_name = "N|off", value_parser = limit)]
    fdb_limit: Option<u32>,
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
            group_fwd_mask: self.group_fwd_mask,
            storm: self.storm,
            fdb_limit: self.fdb_limit,
        }
    }
}

fn mask(text: &str) -> Result<u16, String> {
    let read = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u16::from_str_radix(digits, 16));
    read.map_err(|_| "write a number from 0 to 65535, like 0x4000".to_owned())
}

fn storm(text: &str) -> Result<Storm, String> {
    let wrong = || "write frames a second, perhaps with a burst, like 10000:2000, or off".to_owned();
    if text == "off" {
        return Ok(Storm { rate: 0, burst: 0 });
    }
    let (rate, burst) = text.split_once(':').unwrap_or((text, text));
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0).ok_or_else(wrong);
    Ok(Storm { rate: number(rate)?, burst: number(burst)? })
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

    #[test]
    fn masks_limits_and_rates_are_read_as_people_write_them() {
        assert_eq!(mask("0x4000"), Ok(0x4000));
        assert_eq!(mask("16388"), Ok(0x4004));
        assert!(mask("0x10000").is_err());
        assert_eq!(storm("1000:50"), Ok(Storm { rate: 1000, burst: 50 }));
        assert_eq!(storm("off"), Ok(Storm { rate: 0, burst: 0 }));
        for wrong in ["", "0", "5:0", "fast", "-1", "1:2:3"] {
            assert!(storm(wrong).is_err(), "{wrong}");
        }
        assert_eq!((limit("off"), limit("64")), (Ok(0), Ok(64)));
    }
}
