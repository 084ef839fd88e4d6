//! The daemon and the kernel it runs on.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The daemon, and what this kernel offers or lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Info {
    /// Of Lanloom.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_secs: u64,
    /// Where its API listens.
    pub socket: String,
    /// Where its state is kept; empty if it is ephemeral.
    pub state: String,
    /// What keeps the state: `embedded` or `memory`.
    pub store: String,
    /// How many switches there are.
    pub switches: usize,
    /// How many ports they have.
    pub ports: usize,
    /// How many networks there are, with those that are always there.
    pub networks: usize,
    /// How many endpoints they have.
    pub endpoints: usize,
    /// How many sandboxes there are.
    pub sandboxes: usize,
    /// Its engine threads.
    pub engines: Vec<EngineInfo>,
    /// What this kernel offers or lacks.
    pub kernel: Vec<Capability>,
}

/// One engine thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EngineInfo {
    /// Its number, from 0.
    pub engine: usize,
    /// How often it woke up.
    pub wakeups: u64,
    /// Microseconds that it looks for more frames at most before it sleeps; 0 is not at all.
    pub spin_micros: u64,
    /// Microseconds that it does so now: as far as that has been worth it lately.
    pub spin_now_micros: u64,
}

/// Something that a kernel may offer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Capability {
    /// What it is: `tap`, `veth`, `network namespaces`, ….
    pub name: String,
    /// Whether it works here.
    pub ok: bool,
    /// What was seen, or why it does not work.
    pub detail: String,
    /// What to do to have it: the package, or the command; empty if nothing is to do.
    pub hint: String,
}

/// What a reload of the configuration did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Reloaded {
    /// The changes that were made, one line each; empty if nothing had changed.
    pub changes: Vec<String>,
    /// What is not as the file wants it, one line each, with the reason.
    pub notes: Vec<String>,
}

/// What a reset removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResetDone {
    /// One line for each thing that is gone.
    pub removed: Vec<String>,
    /// One line for each thing that is left, with the reason.
    pub left: Vec<String>,
}
