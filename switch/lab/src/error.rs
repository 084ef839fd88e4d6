//! What goes wrong in a lab.

use crate::host::HostError;
use std::fmt;
use std::time::Duration;

/// Why a call of a lab did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabError {
    /// A host refused it.
    Host {
        /// The host's name.
        host: String,
        /// Why.
        why: HostError,
    },
    /// It did not happen in time.
    TimedOut {
        /// What was waited for.
        what: String,
        /// How much virtual time was given.
        after: Duration,
    },
    /// The other end refused the connection, or reset it.
    Refused {
        /// What was tried.
        what: String,
    },
    /// The host has a link already; it has one network card.
    Linked {
        /// The host's name.
        host: String,
    },
    /// The switch has no such port.
    NoSuchPort {
        /// The switch's name.
        switch: String,
    },
    /// The switch has no place for one more port.
    NoPlace {
        /// The switch's name.
        switch: String,
    },
    /// Fewer bytes than an Ethernet header.
    NoFrame {
        /// How many.
        len: usize,
    },
    /// They are in different labs, and no link reaches from one to the other.
    OtherLab,
}

impl fmt::Display for LabError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, why } => write!(out, "host {host}: {why}"),
            Self::TimedOut { what, after } => {
                write!(out, "{what}: no answer within {after:?} of virtual time; the switches' verdicts say where it ended")
            }
            Self::Refused { what } => write!(out, "{what}: refused or reset by the other end; is something listening there?"),
            Self::Linked { host } => write!(out, "host {host} has a link already: make another host"),
            Self::NoSuchPort { switch } => write!(out, "switch {switch} has no such port: `ports` lists those it has"),
            Self::NoPlace { switch } => write!(out, "switch {switch} has no place for one more port: make another switch"),
            Self::NoFrame { len } => write!(out, "{len} bytes are no frame: an Ethernet header has 14"),
            Self::OtherLab => out.write_str("the two ends are in different labs: make both in one"),
        }
    }
}

impl std::error::Error for LabError {}
