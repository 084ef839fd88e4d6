//! `SWITCH[/PORT]`.

use crate::names::{Name, NameError};
use std::fmt;
use std::str::FromStr;

/// A switch, or one of its ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) switch: Name,
    pub(super) port: Option<Name>,
}

impl FromStr for Place {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text.split_once('/') {
            None => Ok(Self { switch: text.parse()?, port: None }),
            Some((switch, port)) => Ok(Self { switch: switch.parse()?, port: Some(port.parse()?) }),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.port {
            None => write!(out, "{}", self.switch),
            Some(port) => write!(out, "{}/{port}", self.switch),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_switch_or_a_port_of_it() {
        let place = |text: &str| text.parse::<Place>().map(|place| place.to_string());
        assert_eq!(place("s1"), Ok("s1".to_owned()));
        assert_eq!(place("s1/p2"), Ok("s1/p2".to_owned()));
        for wrong in ["", "/", "s1/", "/p1", "s1/p1/x", "../p1", "s1/.."] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }
}
