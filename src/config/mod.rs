//! Switches and ports as a person writes them down, in TOML; and the same as values.
//!
//! ```toml
//! [daemon]
//! engines = 2
//! metrics = "127.0.0.1:9469"
//!
//! [[switch]]
//! name = "lab"
//! ageing = 300
//!
//! [[switch.port]]
//! name = "p1"
//! url = "tap://t0?netns=blue"
//! isolated = true
//! forward = ["lacp", "lldp"]
//!
//! [[switch.fdb]]
//! mac = "02:00:00:00:00:0a"
//! port = "p1"
//! ```
//!
//! Text in, values or faults with line numbers out ([`Config::parse`]); values in, text out ([`Config::to_toml`]), which reads
//! back the same; two configurations in, the changes that lead from one to the other out ([`diff()`]). It reads no file, and makes
//! no switch.
//!
//! | module | one idea |
//! |---|---|
//! | `spec` | what a switch, a port, an entry is to be |
//! | `words` | settings with a text form of their own |
//! | `diff` | what a reload has to touch |
//! | `fault` | what is wrong with a file, and where |

mod diff;
mod fault;
mod parse;
mod spec;
mod words;

#[cfg(test)]
mod tests;

pub use diff::{Change, diff};
pub use fault::{Fault, Faults};
pub use spec::{AGEING_SECS, DaemonSpec, FdbKey, FdbSpec, PortSettings, PortSpec, SwitchSettings, SwitchSpec};
pub use words::{Openings, OpeningsError, Storm, StormError};

use serde::Serialize;
use std::collections::BTreeMap;

/// A whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Config {
    /// `[daemon]`: what takes effect when the daemon starts.
    #[serde(skip_serializing_if = "DaemonSpec::is_default")]
    pub daemon: DaemonSpec,
    /// `[drivers.NAME]`: options that drivers of networks get, numbers and truth values as text; in a file, only what they can take.
    #[serde(skip_serializing_if = "Drivers::is_empty")]
    pub drivers: Drivers,
    /// `[[switch]]`: each name once.
    #[serde(rename = "switch", skip_serializing_if = "Vec::is_empty")]
    pub switches: Vec<SwitchSpec>,
}

/// Options of drivers, by driver.
pub type Drivers = BTreeMap<String, BTreeMap<String, String>>;

impl Config {
    /// Reads a configuration.
    ///
    /// # Errors
    /// All faults that could be found, in the order of their lines.
    pub fn parse(text: &str) -> Result<Self, Faults> {
        parse::parse(text)
    }

    /// Writes it, settings that have their default left out.
    pub fn to_toml(&self) -> String {
        // Nothing here is of a kind that TOML cannot say: maps have string keys, and there is no unit and no u64.
        toml::to_string_pretty(self).unwrap_or_default()
    }
}
