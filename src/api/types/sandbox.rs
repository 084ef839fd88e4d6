//! Sandboxes: network namespaces with endpoints in them.

use crate::api::types::endpoint::{EndpointAsked, EndpointInfo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A sandbox to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxCreate {
    /// Its name: 1 to 63 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// Its namespace: one is made if not given; an absolute path for one that exists; `host` for the daemon's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netns: Option<String>,
    /// The networks that it is to be on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<SandboxNetwork>,
    /// Its host name; its name if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Its domain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub domainname: Option<String>,
    /// Addresses of name servers to ask, from inside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Domains to search.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_search: Vec<String>,
    /// Options of its `resolv.conf`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_options: Vec<String>,
    /// Further lines of its `hosts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extra_hosts: Vec<ExtraHost>,
    /// Settings of its kernel's network, `net.…`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A network that a sandbox is to be on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxNetwork {
    /// The network, by id, name or the beginning of an id.
    pub network: String,
    /// What its endpoint there is to be.
    #[serde(default)]
    pub endpoint: EndpointAsked,
}

/// A line of a sandbox's `hosts`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// Its address, or `host-gateway` for the host's.
    pub address: String,
}

/// A sandbox that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SandboxMade {
    /// Its id.
    pub id: String,
}

/// A sandbox as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SandboxInfo {
    /// Its name.
    pub name: String,
    /// Its id: 64 hex digits.
    pub id: String,
    /// How far it has come: `creating`, `ready` or `deleting`; `stale` if its path leads to another namespace, `lost` if to none.
    pub state: String,
    /// When it was made, in RFC 3339, UTC.
    pub created: String,
    /// Where its namespace is; none for the daemon's own.
    pub netns: Option<String>,
    /// Where its `hosts` and `resolv.conf` are.
    pub files: Option<String>,
    /// Its host name.
    pub hostname: String,
    /// Its domain.
    pub domainname: Option<String>,
    /// Its endpoints, in the order of gateway choice: the first that has a way out is the one.
    pub endpoints: Vec<EndpointInfo>,
    /// Which network gives the way out over IPv4, and why.
    pub gateway_v4: Option<GatewayChoice>,
    /// Which network gives the way out over IPv6, and why.
    pub gateway_v6: Option<GatewayChoice>,
    /// Where its DNS server listens, in words, or that it is starting; `notes` say why one that could not be started was not.
    pub dns_server: String,
    /// Addresses of name servers to ask, from inside.
    pub dns: Vec<String>,
    /// Domains to search.
    pub dns_search: Vec<String>,
    /// Options of its `resolv.conf`.
    pub dns_options: Vec<String>,
    /// Further lines of its `hosts`.
    pub extra_hosts: Vec<ExtraHost>,
    /// Settings of its kernel's network.
    pub sysctls: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// A line for each thing that is not as it should be.
    pub notes: Vec<String>,
}

/// Which network gives the way out, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GatewayChoice {
    /// The network's name.
    pub network: String,
    /// Why it.
    pub why: String,
}
