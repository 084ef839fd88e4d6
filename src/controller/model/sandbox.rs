//! Sandboxes.

use super::{Id, Words};
use crate::names::Name;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::path::PathBuf;

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sandbox {
    /// Its id.
    pub id: Id,
    /// Its name, which no other has.
    pub name: Name,
    /// How far it has come.
    pub state: SandboxState,
    /// Nanoseconds since 1970 at which it was made.
    pub created: u64,
    /// What was asked for.
    pub spec: NewSandbox,
    /// Which namespace was adopted, or made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// What leads to its name server, as far as that can be known again.
    #[serde(default)]
    pub redirect: Option<Redirect>,
}

/// What tells a namespace, and the process by whose number it was named, from any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The device of the namespace's file.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// What the kernel called this start of the machine.
    pub boot: String,
    /// When the process was started, in ticks of the clock since the machine was; for a path that names no process, when the namespace
    /// was mounted there, in nanoseconds since 1970. None if neither was known.
    pub started: Option<u64>,
}

/// What leads from port 53 of a sandbox's resolver address to its name server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// The port where it listens by UDP.
    pub udp: u16,
    /// The same by TCP.
    pub tcp: u16,
    /// What the namespace's rules are known by until somebody changes one.
    pub change: u32,
}

/// How far a sandbox has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxState {
    /// Being made: a start undoes it.
    Creating,
    /// There.
    Ready,
    /// Being deleted: a start finishes it.
    Deleting,
}

/// A sandbox to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewSandbox {
    /// Its namespace.
    pub place: SandboxPlace,
    /// Its host name; its name if none is given.
    pub hostname: Option<String>,
    /// Its domain.
    pub domainname: Option<String>,
    /// Name servers to ask, from inside.
    pub dns: Vec<IpAddr>,
    /// Domains to search.
    pub dns_search: Vec<String>,
    /// Options of its `resolv.conf`.
    pub dns_options: Vec<String>,
    /// Further lines of its `hosts`: a name, and an address or `host-gateway`.
    pub extra_hosts: Vec<(String, String)>,
    /// Settings of its kernel's network, `net.…`.
    pub sysctls: Vec<(String, String)>,
    /// Labels.
    pub labels: Words,
}

/// Where a sandbox's namespace is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxPlace {
    /// Made for it, under its name.
    #[default]
    Own,
    /// Somebody's, at this path.
    At(PathBuf),
    /// The daemon's.
    Host,
}

impl SandboxState {
    /// Its name, which stays.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Deleting => "deleting",
        }
    }
}
