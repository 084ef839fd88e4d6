//! What users may call things, checked once at the edge.
//!
//! A [`Name`] goes into paths, URLs, TOML and terminals; an [`IfName`] goes to the kernel; a [`NetnsRef`] is opened. Whoever
//! holds one of them need not look again: none carries a slash where it could leave its folder, a control character, or more
//! bytes than its user can take. They say nothing about whether the thing exists.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The name of a switch, port, network, endpoint, sandbox or namespace: 1 to 63 of `[A-Za-z0-9_.-]`, not `.` or `..`, not starting with `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// The name of a network interface, by the kernel's rules (`dev_valid_name`, `sysctl_dev_name_is_allowed`) and in printable
/// ASCII: 1 to 15 bytes without space, `/`, `:` and `%`, not `.`, `..`, `all` or `default`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(String);

/// A network namespace: one of the namespaces' folder by its name, or any by its absolute path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NetnsRef {
    /// A file of that name in the namespaces' folder, as `ip netns` keeps them.
    Name(Name),
    /// An absolute path without `..` and control characters.
    Path(PathBuf),
}

/// Bytes that an interface name may have: `IFNAMSIZ` without its NUL.
pub const IF_NAME_MAX: usize = 15;

/// Bytes that a name may have.
pub const NAME_MAX: usize = 63;

/// Bytes that a path may have: `PATH_MAX` without its NUL.
const PATH_MAX: usize = 4095;

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(text: &str) -> Option<String> {
        let stray = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        length_fault(text, NAME_MAX)
            .or_else(|| stray_fault(text, stray))
            .or_else(|| dots_fault(text))
            .or_else(|| text.starts_with('-').then(|| "it starts with '-', which commands would take for an option".to_owned()))
    }
}

impl IfName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn fault(text: &str) -> Option<String> {
        let stray = |c: char| !c.is_ascii_graphic() || matches!(c, '/' | ':' | '%');
        let taken = || matches!(text, "all" | "default").then(|| format!("the kernel keeps '{text}' for its own settings"));
        length_fault(text, IF_NAME_MAX).or_else(|| stray_fault(text, stray)).or_else(|| dots_fault(text)).or_else(taken)
    }
}

impl NetnsRef {
    /// Where the namespace is, `folder` holding those that go by a name.
    pub fn path(&self, folder: &Path) -> PathBuf {
        match self {
            Self::Name(name) => folder.join(name.as_str()),
            Self::Path(path) => path.clone(),
        }
    }

    fn path_fault(text: &str) -> Option<String> {
        let up = || text.split('/').any(|part| part == "..").then(|| "it has '..' in it".to_owned());
        let root = || text.trim_matches('/').is_empty().then(|| "it is a directory, not a namespace".to_owned());
        length_fault(text, PATH_MAX).or_else(|| stray_fault(text, char::is_control)).or_else(up).or_else(root)
    }
}

fn length_fault(text: &str, most: usize) -> Option<String> {
    match text.len() {
        0 => Some("it is empty".to_owned()),
        len if len > most => Some(format!("it has {len} bytes and {most} are allowed")),
        _ => None,
    }
}

fn stray_fault(text: &str, stray: impl Fn(char) -> bool) -> Option<String> {
    text.chars().find(|c| stray(*c)).map(|c| format!("it has {c:?} in it"))
}

fn dots_fault(text: &str) -> Option<String> {
    matches!(text, "." | "..").then(|| format!("'{text}' means a directory"))
}

/// A text that may not be used as a name: what it was to name, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// Of what, if the place where it was said does not tell.
    of: &'static str,
    given: String,
    fault: String,
    right: &'static str,
}

impl NameError {
    fn check(of: &'static str, given: &str, fault: Option<String>, right: &'static str) -> Result<(), Self> {
        fault.map_or(Ok(()), |fault| Err(Self { of, given: shown(given), fault, right }))
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} is no name{}: {}; {}", self.given, self.of, self.fault, self.right)
    }
}

impl std::error::Error for NameError {}

/// A text as an error message may carry it: quoted, control characters escaped, cut when long.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(MOST).collect();
    format!("{start:?}…")
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let right = "write 1 to 63 of A-Z a-z 0-9 _ . -";
        NameError::check("", text, Self::fault(text), right)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for IfName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let right = "write 1 to 15 printable ASCII characters without space / : %";
        NameError::check(" for an interface", text, Self::fault(text), right)?;
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for NetnsRef {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let of = " for a network namespace";
        let right = "write a name, like blue, or an absolute path, like /run/netns/blue";
        if text.starts_with('/') {
            NameError::check(of, text, Self::path_fault(text), right)?;
            return Ok(Self::Path(PathBuf::from(text)));
        }
        NameError::check(of, text, Name::fault(text), right)?;
        Ok(Self::Name(Name(text.to_owned())))
    }
}

impl fmt::Display for NetnsRef {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(out, "{name}"),
            Self::Path(path) => write!(out, "{}", path.display()),
        }
    }
}

impl From<NetnsRef> for String {
    fn from(netns: NetnsRef) -> Self {
        netns.to_string()
    }
}

impl TryFrom<String> for NetnsRef {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

macro_rules! plain_text {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }
    )*};
}

plain_text! { Name IfName }

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal<T: FromStr<Err = NameError>>(text: &str) -> String {
        text.parse::<T>().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_refused_name_is_told_what_is_wrong_and_what_is_right() {
        let long = "a".repeat(64);
        for (text, fault) in [
            ("", "it is empty"),
            ("..", "means a directory"),
            ("-rf", "starts with '-'"),
            ("a/b", "it has '/' in it"),
            ("a\0b", r"it has '\0' in it"),
            ("blau\u{1b}[31m", r"it has '\u{1b}' in it"),
            ("größe", "it has 'ö' in it"),
            (long.as_str(), "it has 64 bytes and 63 are allowed"),
        ] {
            let said = refusal::<Name>(text);
            assert!(said.contains(" is no name: "), "it may be of a network as well: {said}");
            assert!(said.contains(fault) && said.contains("1 to 63"), "{text:?}: {said}");
            assert!(!said.contains(char::is_control), "{said:?}");
        }
    }

    #[test]
    fn interface_names_follow_the_kernel() {
        for text in ["eth0", "br-1.2@x", "a234567890abcde", "-x", "?&#"] {
            assert_eq!(text.parse::<IfName>().map(String::from), Ok(text.to_owned()));
        }
        for text in ["", ".", "..", "a/b", "a b", "a:1", "tap%d", "all", "default", "a234567890abcdef", "a\n", "ä"] {
            assert!(refusal::<IfName>(text).contains("an interface"), "{text:?}");
        }
    }

    #[test]
    fn a_namespace_is_a_name_or_an_absolute_path_that_goes_nowhere_else() {
        let folder = Path::new("/run/netns");
        let path = |text: &str| text.parse::<NetnsRef>().map(|netns| netns.path(folder));
        assert_eq!(path("blue"), Ok(PathBuf::from("/run/netns/blue")));
        assert_eq!(path("/proc/1/ns/net"), Ok(PathBuf::from("/proc/1/ns/net")));
        for text in ["", "..", "./blue", "../blue", "/run/../etc/x", "/run/\0", "/run/\n", "/", "a/b", "//"] {
            assert!(refusal::<NetnsRef>(text).contains("absolute path"), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_is_taken_as_it_is_or_refused_without_a_control_character(text in ".{0,70}") {
            match text.parse::<Name>() {
                Ok(name) => prop_assert_eq!(name.as_str(), &text),
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
            }
            if let Ok(name) = text.parse::<IfName>() {
                prop_assert!(name.as_str().len() <= IF_NAME_MAX && name.as_str() == text);
            }
            if let Ok(netns) = text.parse::<NetnsRef>() {
                prop_assert_eq!(netns.to_string(), text);
            }
        }
    }
}
