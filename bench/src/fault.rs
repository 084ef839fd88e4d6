//! What can go wrong in a benchmark: it was told to stop, or something that it needs did not work.

use std::fmt;

/// Why a figure, a peer or the whole run has no result.
#[derive(Debug)]
pub(crate) enum Fault {
    /// Ctrl-C or a request to end: everything is taken down, and nothing more is measured.
    Stopped,
    /// What was tried, on what, and why it failed: one line.
    Failed(String),
}

/// The result of a step of a benchmark.
pub(crate) type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    /// A failure of the operating system's, with what was tried.
    pub(crate) fn on(tried: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self::Failed(format!("{tried}: {why}"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped on request"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// [`Fault`] from anything that says why, with what was tried.
pub(crate) trait Tried<T> {
    /// Adds what was tried; called only on failure.
    fn tried<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T>;
}

impl<T, E: fmt::Display> Tried<T> for std::result::Result<T, E> {
    fn tried<D: fmt::Display>(self, what: impl FnOnce() -> D) -> Result<T> {
        self.map_err(|why| Fault::on(what(), why))
    }
}
