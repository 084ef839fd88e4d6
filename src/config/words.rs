//! Settings with a text form of their own: openings for reserved addresses, and the storm limit.

use lanloom_switch_core::StormLimit;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::str::FromStr;

/// Which of the reserved addresses 01-80-C2-00-00-01…0F a port lets pass, by protocol name or last digit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Openings(u16);

/// Protocols that use a reserved address alone or mostly (802.1Q-2018 Tables 8-1 to 8-3), and its last digit.
const PROTOCOLS: [(&str, u16); 6] =
    [("pause", 0x1), ("lacp", 0x2), ("eapol", 0x3), ("elmi", 0x7), ("mvrp", 0xd), ("lldp", 0xe)];

impl Openings {
    /// Openings by bit: bit N is 01-80-C2-00-00-0N. Bit 0 has no meaning: that address passes as long as no spanning tree runs.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits & !1)
    }

    /// The same as a number.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Their names, by last digit; those without a protocol's name as digits.
    pub fn names(self) -> Vec<String> {
        let open = (1..16u16).filter(|digit| self.0 >> digit & 1 == 1);
        let name = |digit| PROTOCOLS.iter().find(|(_, of)| *of == digit).map(|(name, _)| (*name).to_owned());
        open.map(|digit| name(digit).unwrap_or_else(|| format!("0x{digit:x}"))).collect()
    }

    /// The openings of these names together.
    ///
    /// # Errors
    /// If one is neither a protocol nor a digit from `0x1` to `0xf`.
    pub fn of<S: AsRef<str>>(names: &[S]) -> Result<Self, OpeningsError> {
        names.iter().try_fold(Self::default(), |all, name| Ok(Self(all.0 | 1 << digit(name.as_ref())?)))
    }
}

fn digit(name: &str) -> Result<u16, OpeningsError> {
    if let Some((_, digit)) = PROTOCOLS.iter().find(|(protocol, _)| *protocol == name) {
        return Ok(*digit);
    }
    let digits = name.strip_prefix("0x").filter(|digits| digits.len() == 1);
    let digit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).filter(|digit| *digit > 0);
    digit.ok_or_else(|| OpeningsError(crate::names::shown(name)))
}

/// A name that is no protocol with a reserved address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpeningsError(String);

impl fmt::Display for OpeningsError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<&str> = PROTOCOLS.iter().map(|(name, _)| *name).collect();
        write!(out, "{} has no reserved address; write some of {}, or a last digit 0x1 to 0xf", self.0, known.join(", "))
    }
}

impl std::error::Error for OpeningsError {}

impl Serialize for Openings {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.names().serialize(to)
    }
}

impl<'de> Deserialize<'de> for Openings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::of(&Vec::<String>::deserialize(from)?).map_err(de::Error::custom)
    }
}

/// How much of what arrives on a port may be flooded: `off`, `RATE` or `RATE:BURST`, in frames a second and frames at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storm(Option<StormLimit>);

impl Storm {
    /// Without a limit.
    pub const OFF: Self = Self(None);

    /// A limit; a rate or burst of 0 counts as 1.
    pub fn new(limit: StormLimit) -> Self {
        Self(Some(StormLimit { rate: limit.rate.max(1), burst: limit.burst.max(1) }))
    }

    /// The limit, `None` for `off`.
    pub fn limit(self) -> Option<StormLimit> {
        self.0
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Storm {
    fn default() -> Self {
        Self(Some(StormLimit::DEFAULT))
    }
}

impl fmt::Display for Storm {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => out.write_str("off"),
            Some(StormLimit { rate, burst }) => write!(out, "{rate}:{burst}"),
        }
    }
}

impl FromStr for Storm {
    type Err = StormError;

    fn from_str(text: &str) -> Result<Self, StormError> {
        if text == "off" {
            return Ok(Self::OFF);
        }
        let (rate, burst) = text.split_once(':').unwrap_or((text, text));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| text.parse().ok().filter(|number| digits(text) && *number > 0);
        match (number(rate), number(burst)) {
            (Some(rate), Some(burst)) => Ok(Self(Some(StormLimit { rate, burst }))),
            _ => Err(StormError(crate::names::shown(text))),
        }
    }
}

/// A text that is no storm limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StormError(String);

impl fmt::Display for StormError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} is no storm limit; write frames a second, perhaps with a burst, like \"10000:2000\", or \"off\"",
            self.0
        )
    }
}

impl std::error::Error for StormError {}

impl Serialize for Storm {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        text::serialize(self, to)
    }
}

impl<'de> Deserialize<'de> for Storm {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text::deserialize(from)
    }
}

/// A value as its text.
pub(super) mod text {
    use super::*;

    pub(in crate::config) fn serialize<S: Serializer>(value: &impl fmt::Display, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(in crate::config) fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: fmt::Display>,
    {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_go_by_protocol_or_digit() {
        let openings = Openings::of(&["lldp", "lacp", "0x2", "0xf"]).expect("known names");
        assert_eq!((openings.bits(), openings.names()), (0xc004, vec!["lacp".into(), "lldp".into(), "0xf".into()]));
        for name in ["stp", "0x0", "0x10", "f", "", "0x+1"] {
            let error = Openings::of(&[name]).expect_err(name).to_string();
            assert!(error.contains("pause, lacp, eapol"), "{error}");
        }
        for bits in 0..=u16::MAX {
            let openings = Openings::from_bits(bits);
            assert_eq!(Openings::of(&openings.names()), Ok(openings));
        }
    }

    #[test]
    fn storm_limits_read_back_and_nonsense_is_refused() {
        for text in ["off", "1:1", "10000:2000"] {
            assert_eq!(text.parse::<Storm>().map(|storm| storm.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("500".parse(), Ok(Storm(Some(StormLimit { rate: 500, burst: 500 }))));
        for text in ["", "0", "5:0", "fast", "-1", "+1", "1:2:3", "4294967296"] {
            assert!(text.parse::<Storm>().is_err(), "{text}");
        }
    }
}
