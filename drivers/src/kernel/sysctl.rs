//! Settings of a network namespace, by name.

use std::fmt;
use std::path::{Path, PathBuf};

use super::error::{KernelError, Why};

/// Most bytes of a value: a page, which is what `/proc/sys` takes.
const VALUE_MAX: usize = 4096;

/// The name of a setting of a network namespace: `net.ipv4.conf.eth0.forwarding`, or with slashes.
///
/// As with sysctl(8), the separator that comes first is the separator, and the other one is part of a name: an interface
/// `eth0.7` is `net/ipv4/conf/eth0.7/forwarding` or `net.ipv4.conf.eth0/7.forwarding`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SysctlKey {
    /// With slashes, without one at the beginning.
    path: String,
}

impl SysctlKey {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Why::InvalidName`] if it is not below `net`, has an empty part or `..`, or holds a blank or a control character.
    pub fn new(key: &str) -> Result<Self, KernelError> {
        let dotted = key.find(['.', '/']).is_some_and(|at| key.as_bytes()[at] == b'.');
        let path: String = if dotted { key.chars().map(swap).collect() } else { key.to_owned() };
        check(&path).map_err(|rule| KernelError::new("naming a setting", format!("{key:?}"), Why::InvalidName(rule)))?;
        Ok(Self { path })
    }

    /// Its parts: `net`, `ipv4`, …
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.path.split('/')
    }

    /// The interface that it is of, and without which it is not there; none for settings of all of them, and of `lo`, which always is.
    pub fn interface(&self) -> Option<&str> {
        let parts: Vec<&str> = self.parts().collect();
        let ["net", "ipv4" | "ipv6" | "mpls", "conf" | "neigh", name, _] = *parts.as_slice() else { return None };
        (!["all", "default", "lo"].contains(&name)).then_some(name)
    }

    /// Its file, below that of all settings (`/proc/sys`).
    pub(crate) fn file(&self, root: &Path) -> PathBuf {
        root.join(&self.path)
    }

    /// Whether a value can be written at all.
    pub(crate) fn check_value(&self, value: &str) -> Result<(), KernelError> {
        let refused =
            |rule: &str| Err(KernelError::new("changing a setting", self.to_string(), Why::InvalidValue(rule.to_owned())));
        match value {
            "" => refused("the value is empty"),
            _ if value.len() > VALUE_MAX => refused("the value is longer than a page"),
            _ if value.chars().any(|one| one.is_control() && one != '\t') => refused("the value holds a control character"),
            _ => Ok(()),
        }
    }
}

fn swap(one: char) -> char {
    match one {
        '.' => '/',
        '/' => '.',
        other => other,
    }
}

fn check(path: &str) -> Result<(), &'static str> {
    if path.chars().any(|one| one.is_control() || one.is_whitespace()) {
        return Err("it holds a blank or a control character");
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err("a part of it is empty, `.` or `..`");
    }
    match path.split('/').next() {
        Some("net") if path.contains('/') => Ok(()),
        _ => Err("only settings below `net` belong to a network namespace"),
    }
}

impl fmt::Display for SysctlKey {
    /// With dots, unless a part holds one.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.contains('.') { out.write_str(&self.path) } else { out.write_str(&self.path.replace('/', ".")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(key: &str) -> String {
        SysctlKey::new(key).expect("a valid name").to_string()
    }

    #[test]
    fn dots_and_slashes_name_the_same_setting() {
        assert_eq!(SysctlKey::new("net.ipv4.ip_forward"), SysctlKey::new("net/ipv4/ip_forward"));
        assert_eq!(shown("net/ipv4/ip_forward"), "net.ipv4.ip_forward");
    }

    #[test]
    fn an_interface_s_name_may_hold_a_dot() {
        assert_eq!(SysctlKey::new("net/ipv4/conf/eth0.7/forwarding"), SysctlKey::new("net.ipv4.conf.eth0/7.forwarding"));
        let key = SysctlKey::new("net/ipv4/conf/eth0.7/forwarding").expect("valid");
        assert_eq!(key.file(Path::new("/proc/sys")), Path::new("/proc/sys/net/ipv4/conf/eth0.7/forwarding"));
        assert_eq!(SysctlKey::new(&key.to_string()), Ok(key));
    }

    #[test]
    fn a_setting_is_of_one_interface_or_of_none() {
        for (key, interface) in [
            ("net.ipv4.conf.eth0.log_martians", Some("eth0")),
            ("net/ipv6/neigh/eth0.7/retrans_time_ms", Some("eth0.7")),
            ("net.ipv4.conf.all.forwarding", None),
            ("net.ipv6.conf.lo.disable_ipv6", None),
            ("net.ipv4.ip_forward", None),
        ] {
            assert_eq!(SysctlKey::new(key).expect("valid").interface(), interface, "{key}");
        }
    }

    #[test]
    fn a_name_that_could_reach_elsewhere_is_refused() {
        let wrong = [
            "",
            "net",
            "net.",
            "kernel.core_pattern",
            "net.ipv4..x",
            "net/../kernel/core_pattern",
            "net.//.kernel.core_pattern",
            "net/./x",
            "/net/x",
            "net/x/",
            "net.a b",
            "net.a\nb",
            "net.a\0b",
        ];
        for key in wrong {
            assert!(matches!(SysctlKey::new(key).expect_err("invalid").why(), Why::InvalidName(_)), "{key:?}");
        }
    }

    #[test]
    fn a_value_of_several_lines_is_refused() {
        let key = SysctlKey::new("net.ipv4.ip_local_port_range").expect("valid");
        assert_eq!(key.check_value("1024\t2048"), Ok(()));
        for value in ["", "1\n2", "1\0", &"1".repeat(5000)] {
            assert!(matches!(key.check_value(value).expect_err("invalid").why(), Why::InvalidValue(_)), "{value:?}");
        }
    }
}
