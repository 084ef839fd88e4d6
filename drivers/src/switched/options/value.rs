//! Options' values, one by one. What libnetwork says of a bad one is said here too.

use std::net::IpAddr;
use std::str::FromStr;

use lanloom_switch_core::MacAddr;

use crate::driver::{DriverError, DriverErrorKind, GuardMode, PortKind};

/// The least MTU of an Ethernet interface, and the largest of a TAP, in bytes.
const MTU_MIN: i64 = 68;
const MTU_MAX: i64 = 65_521;

/// Why an option cannot be, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    why: String,
    hint: String,
}

impl Fault {
    /// Why not, and what to do.
    pub(crate) fn new(why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { why: why.into(), hint: hint.into() }
    }

    /// The fault in a line, for where it is said otherwise what it is of.
    pub(crate) fn line(self) -> String {
        format!("{}; {}", self.why, self.hint)
    }

    /// The fault as an error of `what`, tried on `on`.
    pub(crate) fn at(self, what: &str, on: &str) -> DriverError {
        DriverError::new(DriverErrorKind::Invalid, what, on, self.why, self.hint)
    }
}

/// An option whose value cannot be read.
pub(crate) fn unread(key: &str, value: &str, why: impl std::fmt::Display, hint: &str) -> Fault {
    Fault::new(format!("failed to parse {key} value: {value} ({why})"), hint)
}

/// What Go's `strconv.ParseBool` takes.
pub(crate) fn boolean(key: &str, value: &str) -> Result<bool, Fault> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(unread(key, value, "invalid syntax", "write true or false")),
    }
}

/// Bytes; 0 for what the kernel gives.
pub(crate) fn mtu(key: &str, value: &str) -> Result<Option<u32>, Fault> {
    let hint = "write 68 to 65521 bytes, or 0 for what the kernel gives";
    let number: i64 = value.parse().map_err(|error| unread(key, value, error, hint))?;
    match number {
        0 => Ok(None),
        MTU_MIN..=MTU_MAX => Ok(u32::try_from(number).ok()),
        _ => Err(Fault::new(format!("invalid MTU number: {number}"), hint)),
    }
}

/// What source addresses endpoints may use.
pub(crate) fn guard(key: &str, value: &str) -> Result<GuardMode, Fault> {
    match value {
        "strict" => Ok(GuardMode::Strict),
        "leased" => Ok(GuardMode::Leased),
        "off" => Ok(GuardMode::Off),
        _ => Err(unread(key, value, "there is no such guard", "write strict, leased or off")),
    }
}

/// What an endpoint's interface is.
pub(crate) fn kind(key: &str, value: &str) -> Result<PortKind, Fault> {
    match value {
        "tap" => Ok(PortKind::Tap),
        "veth" => Ok(PortKind::Veth),
        _ => Err(unread(key, value, "there is no such kind of endpoint", "write tap or veth")),
    }
}

/// A station's hardware address.
pub(crate) fn mac(key: &str, value: &str) -> Result<MacAddr, Fault> {
    let hint = "write six hexadecimal bytes, as 02:42:ac:11:00:02";
    let mac = MacAddr::from_str(value).map_err(|error| unread(key, value, error, hint))?;
    match mac.is_valid_source() {
        true => Ok(mac),
        false => Err(unread(key, value, "it is a group's address or zero", "give an address of a station")),
    }
}

/// An address of the family that the option is of.
pub(crate) fn address<A: FromStr + Into<IpAddr>>(key: &str, value: &str) -> Result<A, Fault> {
    value.parse().map_err(|_| unread(key, value, "invalid address", "write an address of that family, without a prefix length"))
}
