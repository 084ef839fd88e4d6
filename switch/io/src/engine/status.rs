//! What a switch and its ports answer: how they are, or why something was not done.

use crate::link::LinkError;
use lanloom_switch_core::fdb::FdbStats;
use lanloom_switch_core::{FdbLimits, NoSuchPort, PortConfig, PortId};
use std::fmt;
use std::io;
use std::time::Duration;

/// The thread that owned the switch has ended, or the switch was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineGone;

impl fmt::Display for EngineGone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the switch is gone")
    }
}

impl std::error::Error for EngineGone {}

/// Why something was not done to a port.
#[derive(Debug)]
pub enum PortError {
    /// The switch is gone.
    Gone,
    /// There is no such port.
    NoSuchPort,
    /// All 65,536 places are taken.
    Full,
    /// Its link could not be opened.
    Link(LinkError),
}

impl fmt::Display for PortError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => EngineGone.fmt(out),
            Self::NoSuchPort => NoSuchPort.fmt(out),
            Self::Full => out.write_str("the switch has no place left"),
            Self::Link(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for PortError {}

impl From<EngineGone> for PortError {
    fn from(_: EngineGone) -> Self {
        Self::Gone
    }
}

impl From<NoSuchPort> for PortError {
    fn from(_: NoSuchPort) -> Self {
        Self::NoSuchPort
    }
}

impl From<io::Error> for PortError {
    fn from(error: io::Error) -> Self {
        Self::Link(LinkError::Io(error))
    }
}

/// Whether a port carries frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortState {
    /// It does.
    Up,
    /// It does not.
    Down {
        /// Why.
        reason: String,
    },
}

/// A port, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortStatus {
    /// Its number.
    pub id: PortId,
    /// Its name.
    pub name: String,
    /// What is plugged in, in the words of whoever plugged it.
    pub description: String,
    /// What was set of it.
    pub config: PortConfig,
    /// Whether it carries frames.
    pub state: PortState,
    /// Bytes of the largest payload, by setting and by interface.
    pub mtu: u32,
    /// What its link takes uncut and unfinished.
    pub features: Vec<&'static str>,
}

/// A switch, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchStatus {
    /// What its filtering database may hold.
    pub limits: FdbLimits,
    /// Addresses in it.
    pub addresses: usize,
    /// What it has done.
    pub fdb: FdbStats,
    /// Ports.
    pub ports: usize,
    /// Whole seconds since it was made.
    pub uptime_secs: u64,
    /// The engine thread that it is on, from 0.
    pub engine: usize,
    /// How long that thread looks for more now, after it had work.
    pub spin: Duration,
    /// Events that found nobody to take them.
    pub events_lost: u64,
}
