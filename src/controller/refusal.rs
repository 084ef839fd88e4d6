//! Why something was not done: what was tried, on what, why it failed, and what to do next.

use crate::store::{Outcome, StoreError};
use lanloom_drivers::kernel::{KernelError, Why};
use lanloom_switch_core::FdbError;
use lanloom_switch_core::vxlan::HandError;
use lanloom_switch_io::engine::{EngineGone, PortError};
use std::fmt;

/// Why something was not done. It left no trace, unless `why` says what could not be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// What was tried, as a verb and a noun: `create switch`.
    pub what: String,
    /// The thing it was tried on: `lab/p1`.
    pub on: String,
    /// Why it failed.
    pub why: String,
    /// What to do next.
    pub hint: String,
}

/// Kinds of refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It says something that cannot be.
    Invalid,
    /// The thing does not exist.
    NotFound,
    /// It exists already, is in use, or belongs to the configuration file.
    Conflict,
    /// The kernel or the disk refused.
    Failed,
    /// Not now: the daemon is stopping.
    Unavailable,
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {} {}: {}; {}", self.what, self.on, self.why, self.hint)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// Adds what could not be undone.
    pub(super) fn and(mut self, left: Result<(), Self>) -> Self {
        if let Err(left) = left {
            self.why = format!("{}; besides, cannot {} {}: {}", self.why, left.what, left.on, left.why);
        }
        self
    }
}

/// What is being tried: makes refusals of whatever goes wrong.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    what: &'static str,
    on: String,
}

impl Attempt {
    pub(super) fn new(what: &'static str, on: impl fmt::Display) -> Self {
        Self { what, on: on.to_string() }
    }

    pub(super) fn refuse(&self, kind: RefusalKind, why: impl fmt::Display, hint: impl fmt::Display) -> Refusal {
        let (what, on) = (self.what.to_owned(), self.on.clone());
        Refusal { kind, what, on, why: why.to_string(), hint: hint.to_string() }
    }

    pub(super) fn invalid(&self, why: impl fmt::Display, hint: impl fmt::Display) -> Refusal {
        self.refuse(RefusalKind::Invalid, why, hint)
    }

    pub(super) fn not_found(&self, why: impl fmt::Display, hint: impl fmt::Display) -> Refusal {
        self.refuse(RefusalKind::NotFound, why, hint)
    }

    pub(super) fn conflict(&self, why: impl fmt::Display, hint: impl fmt::Display) -> Refusal {
        self.refuse(RefusalKind::Conflict, why, hint)
    }

    pub(super) fn failed(&self, why: impl fmt::Display, hint: impl fmt::Display) -> Refusal {
        self.refuse(RefusalKind::Failed, why, hint)
    }

    pub(super) fn kernel(&self, error: KernelError) -> Refusal {
        let kind = match error.why() {
            Why::Exists | Why::Busy => RefusalKind::Conflict,
            Why::NoSuchLink | Why::NoSuchNetns(_) | Why::NoSuchAddress | Why::NoSuchRoute | Why::NoSuchSetting => {
                RefusalKind::NotFound
            }
            Why::InvalidName(_) | Why::InvalidValue(_) => RefusalKind::Invalid,
            _ => RefusalKind::Failed,
        };
        let mut why = format!("{} ({}): {}", error.what(), error.on(), error.why());
        error.also().iter().for_each(|also| why.push_str(&format!("; and {also}")));
        self.refuse(kind, why, error.hint())
    }

    pub(super) fn store(&self, error: StoreError) -> Refusal {
        tracing::error!(what = self.what, on = self.on, %error, "the store did not do it");
        self.failed(error, "`lanloom info` names the state directory, and the daemon's log has the time")
    }

    /// What became of a transaction.
    pub(super) fn committed(&self, done: Result<Outcome, StoreError>) -> Result<(), Refusal> {
        match done {
            Ok(Outcome::Committed(_)) => Ok(()),
            Ok(Outcome::Conflict(key)) => Err(self.recorded(&key)),
            Err(error) => Err(self.store(error)),
        }
    }

    /// What is to be made has a record, although it is not there: what an earlier start left.
    pub(super) fn recorded(&self, key: &str) -> Refusal {
        let hint = "choose another name, or start the daemon as it was then, with its --config and its version; \
                    `lanloom system reset` forgets all records";
        self.conflict(format!("there is a record of one of that name ({key}) that this start could not bring about"), hint)
    }

    pub(super) fn engine(&self, _: EngineGone) -> Refusal {
        self.refuse(RefusalKind::Unavailable, "its engine thread has ended", "start the daemon again")
    }

    pub(super) fn port(&self, error: PortError) -> Refusal {
        match error {
            PortError::Gone => self.engine(EngineGone),
            PortError::NoSuchPort => self.not_found("there is no such port", "see `lanloom port ls`"),
            PortError::Full => self.conflict("the switch has 65,536 ports", "delete one, or make another switch"),
            PortError::Link(error) => self.failed(error, "look at the interface, and retry"),
        }
    }

    /// Of what leads to the other ends of a tunnel.
    pub(super) fn hand(&self, error: HandError) -> Refusal {
        match error {
            HandError::Fdb(error) => self.fdb(error),
            HandError::TooManyPeers => self.conflict(error, "take one away first"),
            HandError::NoPeer => self.invalid(error, "name the address of another end"),
        }
    }

    pub(super) fn fdb(&self, error: FdbError) -> Refusal {
        match error {
            FdbError::Full => self.conflict(error, "delete a static entry"),
            FdbError::NoSuchEntry => self.not_found(error, "see `lanloom fdb show`"),
            FdbError::NotIndividual => self.invalid(error, "give the address of one station"),
        }
    }
}
