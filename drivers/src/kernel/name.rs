//! Names that the kernel takes: checked once, then known to be harmless.

use std::fmt;

use super::error::{KernelError, Why};

/// Most bytes of an interface's name: `IFNAMSIZ` less its NUL.
const INTERFACE_MAX: usize = 15;
/// Most bytes of a file's name (`NAME_MAX`), which a namespace's is.
const NETNS_MAX: usize = 255;

/// The name of an interface: 1 to 15 bytes, not `.` or `..`, without `/`, `:`, blanks and control characters
/// (`dev_valid_name` of the kernel, and no control characters besides).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IfName(String);

impl IfName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Why::InvalidName`] that says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, KernelError> {
        check(name, INTERFACE_MAX, "an interface's name has at most 15 bytes")
            .and_then(|()| if name.contains(':') { Err("it holds a colon") } else { Ok(()) })
            .map_err(|rule| KernelError::new("naming an interface", format!("{name:?}"), Why::InvalidName(rule)))?;
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a network namespace, and of its file: 1 to 255 bytes, with the rules of a file's name, and no blanks or control
/// characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetnsName(String);

impl NetnsName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Why::InvalidName`] that says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, KernelError> {
        check(name, NETNS_MAX, "a namespace's name has at most 255 bytes")
            .map_err(|rule| KernelError::new("naming a network namespace", format!("{name:?}"), Why::InvalidName(rule)))?;
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rules that both kinds share, or the one that is broken.
fn check(name: &str, max: usize, too_long: &'static str) -> Result<(), &'static str> {
    match name {
        "" => Err("it is empty"),
        "." | ".." => Err("`.` and `..` are directories"),
        _ if name.len() > max => Err(too_long),
        _ if name.contains('/') => Err("it holds a `/`"),
        _ if name.chars().any(char::is_control) => Err("it holds a control character"),
        _ if name.chars().any(char::is_whitespace) => Err("it holds a blank"),
        _ => Ok(()),
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for NetnsName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_takes_pass() {
        for name in ["e", "eth0", "veth-a.100", "a_23456789012345", "köln"] {
            assert_eq!(IfName::new(name).map(|name| name.to_string()), IfName::new(name).map(|_| name.to_owned()));
        }
        for name in ["eth0", "veth-a.100", "a23456789012345"] {
            assert_eq!(IfName::new(name).expect("a valid name").as_str(), name);
        }
        assert_eq!(NetnsName::new("a:b").expect("colons are fine in a file's name").as_str(), "a:b");
    }

    #[test]
    fn names_that_could_reach_elsewhere_are_refused() {
        for name in ["", ".", "..", "a/b", "../x", "a b", "a\tb", "a\nb", "a\0b", "\u{7f}"] {
            assert!(matches!(IfName::new(name).expect_err("invalid").why(), Why::InvalidName(_)), "{name:?}");
            assert!(matches!(NetnsName::new(name).expect_err("invalid").why(), Why::InvalidName(_)), "{name:?}");
        }
        assert!(IfName::new("a234567890123456").is_err(), "16 bytes");
        assert!(IfName::new("eth0:1").is_err(), "an alias's colon");
        assert!(NetnsName::new(&"n".repeat(256)).is_err());
    }
}
