//! Why a store refuses or fails.

use super::txn::{KEY_MAX, OPERATIONS_MAX, SIZE_MAX};
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a store refuses or fails. Nothing was changed, but for [`StoreError::Failed`] with `unknown`.
#[derive(Debug)]
pub enum StoreError {
    /// A transaction with more than [`OPERATIONS_MAX`] operations or compares.
    TooMany(usize),
    /// A transaction with more than [`SIZE_MAX`] bytes.
    TooLarge(usize),
    /// A key that is empty, longer than [`KEY_MAX`] bytes, or has a NUL in it.
    Key(String),
    /// A transaction that does two things to one key.
    Twice(String),
    /// Another daemon has the file.
    Held {
        /// The file.
        file: PathBuf,
        /// The other daemon's process id, if it could be read.
        by: Option<u32>,
    },
    /// The file was written by a newer version.
    Newer {
        /// The file.
        file: PathBuf,
        /// The format it has.
        found: u64,
        /// The newest format that this version knows.
        known: u64,
    },
    /// The file or the disk under it failed.
    Failed {
        /// What was tried.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// What it answered.
        why: io::Error,
        /// Whether a transaction may have been committed nevertheless.
        unknown: bool,
    },
    /// The store was closed while somebody waited for it.
    Closed,
}

impl fmt::Display for StoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(found) => {
                write!(out, "a transaction of {found} steps was refused: {OPERATIONS_MAX} are allowed; split it")
            }
            Self::TooLarge(bytes) => {
                write!(out, "a transaction of {bytes} bytes was refused: {SIZE_MAX} are allowed; split it")
            }
            Self::Key(key) => write!(out, "the key {key:?} was refused: 1 to {KEY_MAX} bytes without NUL are allowed"),
            Self::Twice(key) => write!(out, "a transaction that changes {key:?} twice was refused; change it once"),
            Self::Held { file, by } => {
                let by = by.map(|pid| format!(" (process {pid})")).unwrap_or_default();
                let file = file.display();
                write!(out, "cannot open {file}: another daemon{by} has it; stop that one or give this one its own --state-dir")
            }
            Self::Newer { file, found, known } => write!(
                out,
                "cannot open {}: it has format {found}, written by a newer version, and this one knows {known}; \
                 start the newer version, or give this one its own --state-dir",
                file.display()
            ),
            Self::Failed { what, file, why, unknown } => {
                let left = if *unknown { "it may or may not have been done" } else { "nothing was changed" };
                write!(out, "cannot {what} {}: {why}; {left}; look after that disk and try again", file.display())
            }
            Self::Closed => write!(out, "the store was closed; start the daemon again"),
        }
    }
}

impl std::error::Error for StoreError {}
