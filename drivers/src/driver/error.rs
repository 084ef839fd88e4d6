//! Why a driver did not do it.

use std::fmt;

use crate::kernel::{KernelError, Why};

/// Why a driver did not do something: what was tried, on what, why not, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverError {
    /// What kind of refusal it is.
    pub kind: DriverErrorKind,
    /// What was tried, as "create network".
    pub what: String,
    /// On what.
    pub on: String,
    /// Why not, with what could not be undone.
    pub why: String,
    /// What to do next.
    pub hint: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverErrorKind {
    /// It says something that cannot be.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It is there already, is in use, or takes what another has.
    Conflict,
    /// It is never allowed.
    Forbidden,
    /// This driver has nothing like it.
    NotImplemented,
    /// The kernel, or who was asked, refused.
    Failed,
}

impl DriverError {
    /// An error of that kind.
    pub fn new(
        kind: DriverErrorKind,
        what: impl Into<String>,
        on: impl Into<String>,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { kind, what: what.into(), on: on.into(), why: why.into(), hint: hint.into() }
    }

    /// What the kernel refused while `what` was tried on `on`.
    pub fn kernel(what: impl Into<String>, on: impl Into<String>, error: &KernelError) -> Self {
        let kind = match error.why() {
            Why::Exists | Why::Busy => DriverErrorKind::Conflict,
            Why::NoSuchLink | Why::NoSuchNetns(_) | Why::NoSuchAddress | Why::NoSuchRoute => DriverErrorKind::NotFound,
            Why::InvalidName(_) | Why::InvalidValue(_) => DriverErrorKind::Invalid,
            _ => DriverErrorKind::Failed,
        };
        let mut why = format!("{} ({}): {}", error.what(), error.on(), error.why());
        error.also().iter().for_each(|also| why.push_str(&format!("; and {also}")));
        Self::new(kind, what, on, why, error.hint())
    }

    /// There is no such network.
    pub fn no_network(what: impl Into<String>, network: impl Into<String>) -> Self {
        let hint = "`lanloom network ls` shows what is there";
        Self::new(DriverErrorKind::NotFound, what, network, "there is no such network", hint)
    }

    /// There is no such endpoint.
    pub fn no_endpoint(what: impl Into<String>, endpoint: impl Into<String>) -> Self {
        let hint = "`lanloom endpoint ls` shows what is there";
        Self::new(DriverErrorKind::NotFound, what, endpoint, "there is no such endpoint", hint)
    }

    /// There is such an endpoint already.
    pub fn endpoint_exists(what: impl Into<String>, endpoint: impl Into<String>) -> Self {
        let hint = "choose another name, or delete that one";
        Self::new(DriverErrorKind::Conflict, what, endpoint, "there is such an endpoint already", hint)
    }

    /// Adds what could not be undone.
    #[must_use]
    pub fn and(mut self, left: Result<(), Self>) -> Self {
        if let Err(left) = left {
            self.why = format!("{}; besides, cannot {} {}: {}", self.why, left.what, left.on, left.why);
        }
        self
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {} {}: {}; {}", self.what, self.on, self.why, self.hint)
    }
}

impl std::error::Error for DriverError {}
