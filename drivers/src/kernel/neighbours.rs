//! The limits of the neighbour table, which all namespaces of a machine share.
//!
//! Linux takes no more than `gc_thresh3` entries (1,024 if nobody changed it), of all namespaces together: 33 sandboxes that all
//! speak to one another fill it. The settings are shown in the machine's first namespace only.

use super::error::KernelError;
use super::sysctl::SysctlKey;

/// What is answered where the limits are not ours to change.
pub(crate) const NOT_HERE: &str = "the limits of the neighbour table belong to the machine's first network namespace, which this is not: they stay as they are";

/// The limits of both families, each with its place among the three.
pub(crate) fn limits() -> Result<Vec<(SysctlKey, usize)>, KernelError> {
    let names = ["ipv4", "ipv6"].into_iter().flat_map(|family| [1, 2, 3].map(|number| (family, number)));
    names
        .map(|(family, number)| Ok((SysctlKey::new(&format!("net.{family}.neigh.default.gc_thresh{number}"))?, number - 1)))
        .collect()
}

/// What a limit has to become, if it is to become anything: it never gets less.
pub(crate) fn raised(now: &str, at_least: u32) -> Option<String> {
    now.parse::<u32>().ok().filter(|now| *now < at_least).map(|_| at_least.to_string())
}

/// One change, for people.
pub(crate) fn told(key: &SysctlKey, from: &str, to: &str) -> String {
    format!("{key}: from {from} to {to}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_only_ever_goes_up() {
        assert_eq!(raised("1024", 4096), Some("4096".to_owned()));
        assert_eq!([raised("4096", 4096), raised("8192", 4096), raised("nonsense", 4096)], [None, None, None]);
    }
}
