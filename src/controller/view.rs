//! Networks, endpoints and sandboxes, as shown.

use super::model::{Endpoint, Id, Network, Sandbox};
use crate::names::Name;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A network, as shown.
#[derive(Clone, Debug)]
pub struct NetworkView {
    /// The network.
    pub network: Network,
    /// `local` or `global`.
    pub scope: &'static str,
    /// Its endpoints, by name.
    pub endpoints: Vec<EndpointView>,
    /// A line for each thing that is not as it should be.
    pub notes: Vec<String>,
}

/// An endpoint, as shown.
#[derive(Clone, Debug)]
pub struct EndpointView {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The name of its network.
    pub network: Name,
    /// The sandbox that it is in.
    pub sandbox: Option<(Id, Name)>,
    /// Whether its sandbox reaches the world by it, over IPv4 and over IPv6.
    pub is_gateway: (bool, bool),
    /// The names by which DNS knows it on its network.
    pub dns_names: Vec<String>,
    /// What its driver says of it.
    pub info: BTreeMap<String, String>,
}

/// A sandbox, as shown.
#[derive(Clone, Debug)]
pub struct SandboxView {
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Whether its path leads to another namespace by now, in which nothing is done.
    pub is_stale: bool,
    /// Whether its namespace was gone when it was looked at last.
    pub is_lost: bool,
    /// Where its namespace is; none for the daemon's own.
    pub netns: Option<PathBuf>,
    /// Where its `hosts` and `resolv.conf` are.
    pub files: Option<PathBuf>,
    /// Its endpoints, in the order of gateway choice: the first that has a way out is the one.
    pub endpoints: Vec<EndpointView>,
    /// Which endpoint gives the way out over IPv4 and why, and the same of IPv6.
    pub gateway: [Option<(Name, String)>; 2],
    /// Where its DNS server listens, in words.
    pub dns: String,
    /// A line for each thing that is not as it should be.
    pub notes: Vec<String>,
}
