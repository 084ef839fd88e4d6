//! Values of keys.

use super::error::Fault;
use crate::names::shown;
use lanloom_switch_core::MacAddr;

/// Least MTU of an interface (RFC 791).
pub const MTU_MIN: u32 = 68;

/// Largest MTU of a TAP: the kernel's 65,535 bytes without the Ethernet header.
pub const TAP_MTU_MAX: u32 = 65_521;

/// Largest MTU of a veth (`ETH_MAX_MTU`).
pub const VETH_MTU_MAX: u32 = 65_535;

pub(super) fn switch_value(key: &str, value: &str, yes: &'static str, no: &'static str) -> Result<bool, Fault> {
    match value {
        _ if value == yes => Ok(true),
        _ if value == no => Ok(false),
        _ => Err(Fault::Value { key: key.to_owned(), value: shown(value), right: format!("{yes} or {no}") }),
    }
}

pub(super) fn mtu_value(value: &str, most: u32) -> Result<u32, Fault> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let mtu = value.parse().ok().filter(|mtu| digits && (MTU_MIN..=most).contains(mtu));
    mtu.ok_or_else(|| Fault::Value { key: "mtu".into(), value: shown(value), right: format!("{MTU_MIN} to {most}") })
}

pub(super) fn mac_value(value: &str) -> Result<MacAddr, Fault> {
    let right = "the address of one station, like 02:00:00:00:00:0a";
    let mac = value.parse().ok().filter(|mac: &MacAddr| mac.is_valid_source());
    mac.ok_or_else(|| Fault::Value { key: "mac".into(), value: shown(value), right: right.into() })
}
