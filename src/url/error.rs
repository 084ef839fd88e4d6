//! Why a text is no port URL.

use super::vxlan::VxlanFault;
use crate::names::{NameError, shown};
use std::fmt;

const SCHEMES: &str = "tap://, veth://, iface://, vxlan://";

/// A text that is no port URL: what was given, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    pub(super) url: String,
    pub(super) fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoScheme,
    UnknownScheme(String),
    InProcess,
    UnknownKey { key: String, scheme: &'static str, known: &'static str },
    KeyOfNone(String, String),
    NoValue(String),
    Twice(String),
    Value { key: String, value: String, right: String },
    NoNetns,
    Vxlan(VxlanFault),
    Name(NameError),
    Escape,
    NotUtf8,
}

impl Fault {
    pub(super) fn unknown_key(key: &str, scheme: &'static str, known: &'static str) -> Self {
        Self::UnknownKey { key: shown(key), scheme, known }
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => write!(out, "it does not say what kind of port; there are {SCHEMES}"),
            Self::UnknownScheme(scheme) => write!(out, "no kind of port is called {scheme}; there are {SCHEMES}"),
            Self::InProcess => write!(out, "a memory:// port is made in process only; write one of {SCHEMES}"),
            Self::UnknownKey { key, scheme, known } => write!(out, "{scheme}:// has no key {key}; it has {known}"),
            Self::KeyOfNone(key, scheme) => write!(out, "{scheme}:// has no keys, and so no {key}; leave out what follows '?'"),
            Self::NoValue(pair) => write!(out, "{pair} has no value; write KEY=VALUE"),
            Self::Twice(key) => write!(out, "{key} is given twice; leave one out"),
            Self::Value { key, value, right } => write!(out, "{key}={value} is not possible; write {right}"),
            Self::NoNetns => write!(out, "a veth needs a namespace for its other end; add ?netns=NAME"),
            Self::Vxlan(fault) => write!(out, "{fault}"),
            Self::Name(error) => write!(out, "{error}"),
            Self::Escape => write!(out, "'%' is not followed by two hexadecimal digits; write %25 for '%' itself"),
            Self::NotUtf8 => write!(out, "what its %XX stand for is not UTF-8; check them"),
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} is no port URL: {}", self.url, self.fault)
    }
}

impl std::error::Error for UrlError {}
