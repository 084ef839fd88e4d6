//! What a configuration file may say under `[drivers.NAME]`, word by word: pure, so that a file is held against it before any driver
//! is there.

use crate::nearest::nearest;
use crate::{bridge, host, null, overlay};

/// The drivers that there are.
const DRIVERS: [&str; 4] = [bridge::NAME, host::NAME, null::NAME, overlay::NAME];

/// Whether there is a driver of that name.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn driver(name: &str) -> Result<(), String> {
    if DRIVERS.contains(&name) {
        return Ok(());
    }
    let meant = nearest(name, &DRIVERS).map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
    Err(format!("there is no driver of that name; {meant}there are {}", DRIVERS.join(", ")))
}

/// Whether a driver has an option that can hold for every network.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn option(driver: &str, key: &str) -> Result<(), String> {
    match driver {
        bridge::NAME => bridge::default_option(key),
        overlay::NAME => overlay::default_option(key),
        _ => Err(format!("driver {driver} has no options; leave it out")),
    }
}

/// Whether an option can have that value.
///
/// # Errors
/// What is wrong, and what would be right.
pub fn value(driver: &str, key: &str, value: &str) -> Result<(), String> {
    match driver {
        bridge::NAME => bridge::default_value(key, value),
        overlay::NAME => overlay::default_value(key, value),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{driver, option, value};

    #[test]
    fn a_driver_is_one_of_those_that_there_are() {
        assert_eq!(driver("bridge"), Ok(()));
        let said = driver("brdige").expect_err("there is none");
        assert!(said.contains("did you mean bridge? there are bridge, host, null, overlay"), "{said}");
    }

    #[test]
    fn an_option_that_is_not_known_is_refused_with_the_nearest() {
        assert_eq!(option("bridge", "lanloom.guard"), Ok(()));
        for (given, meant) in [
            ("lanloom.trsuted", "did you mean lanloom.trusted?"),
            ("mtu", "did you mean com.docker.network.driver.mtu?"),
            ("enable_icc", "did you mean com.docker.network.bridge.enable_icc?"),
            ("colour", "known here are com.docker.network.bridge.enable_icc, "),
            ("com.docker.network.bridge.name", "is for one network"),
        ] {
            let said = option("bridge", given).expect_err("not for all networks");
            assert!(said.contains(meant), "{said}");
        }
        assert_eq!(option("overlay", "underlay"), Ok(()));
        assert!(option("overlay", "lanloom.peers").is_err_and(|said| said.contains("is for one network")));
        assert!(option("overlay", "lanloom.prt").is_err_and(|said| said.contains("did you mean lanloom.port?")));
        assert!(option("host", "a").is_err_and(|said| said.contains("host has no options")));
    }

    #[test]
    fn a_value_that_cannot_be_is_refused() {
        assert_eq!(value("bridge", "lanloom.guard", "strict"), Ok(()));
        let said = value("bridge", "lanloom.guard", "foo").expect_err("there is no such guard");
        assert!(said.contains("strict, leased or off"), "{said}");
        assert!(value("bridge", "com.docker.network.driver.mtu", "abc").is_err());
        assert_eq!(value("overlay", "underlay", "192.0.2.1"), Ok(()));
        assert!(value("overlay", "underlay", "eth0").is_err_and(|said| said.contains("invalid address")));
    }
}
