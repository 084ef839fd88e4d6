//! Endpoints: where a network and a sandbox meet.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// An endpoint to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointCreate {
    /// Its name, which no other of its network has: 1 to 63 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// Its network, by id, name or the beginning of an id.
    pub network: String,
    /// What it is to be.
    #[serde(default)]
    pub endpoint: EndpointAsked,
}

/// What an endpoint is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointAsked {
    /// Its IPv4 address; one is chosen if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<String>,
    /// Its IPv6 address; one is chosen if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<String>,
    /// Addresses of the link alone to set beside these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub link_local: Vec<String>,
    /// Its hardware address; one is chosen if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// Further names in DNS on its network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// Names that only its own sandbox knows for others: `SANDBOX:ALIAS`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// Who gives the way out: the highest first.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i32,
    /// Options, which the driver gets untouched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// An endpoint that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointMade {
    /// Its id.
    pub id: String,
}

/// A sandbox that an endpoint is to join.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointJoin {
    /// The sandbox, by id, name or the beginning of an id.
    pub sandbox: String,
}

/// How an endpoint is to leave its sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointLeave {
    /// Go on where something refuses.
    #[serde(default)]
    pub force: bool,
}

/// Which endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct EndpointQuery {
    /// Only those of this network, by id, name or the beginning of an id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
}

/// How to delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DeleteQuery {
    /// Also if it is in use; goes on where something refuses.
    #[serde(default)]
    pub force: bool,
}

/// An endpoint as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointInfo {
    /// Its name.
    pub name: String,
    /// Its id: 64 hex digits.
    pub id: String,
    /// The name of its network.
    pub network: String,
    /// The id of its network.
    pub network_id: String,
    /// How far it has come: `creating`, `free`, `joining`, `joined`, `leaving` or `deleting`.
    pub state: String,
    /// The name of the sandbox that it is in.
    pub sandbox: Option<String>,
    /// The id of that sandbox.
    pub sandbox_id: Option<String>,
    /// The name of its interface there.
    pub ifname: Option<String>,
    /// Its hardware address.
    pub mac: Option<String>,
    /// Its addresses, each with its subnet's prefix length.
    pub addresses: Vec<String>,
    /// Its addresses of the link alone, each with its prefix length.
    pub link_local: Vec<String>,
    /// The network's way out over IPv4.
    pub gateway_v4: Option<String>,
    /// The network's way out over IPv6.
    pub gateway_v6: Option<String>,
    /// Whether its sandbox reaches the world by it over IPv4.
    pub is_gateway_v4: bool,
    /// Whether its sandbox reaches the world by it over IPv6.
    pub is_gateway_v6: bool,
    /// Routes beside the way out.
    pub routes: Vec<RouteInfo>,
    /// MTU in bytes, if its network names one.
    pub mtu: Option<u32>,
    /// Who gives the way out: the highest first.
    pub priority: i32,
    /// Further names in DNS that were asked for.
    pub aliases: Vec<String>,
    /// The names by which DNS knows it on its network: none while it is in no sandbox.
    pub dns_names: Vec<String>,
    /// Names that only its own sandbox knows for others: `SANDBOX:ALIAS`.
    pub links: Vec<String>,
    /// Whether it goes with its connection.
    pub by_connect: bool,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// What its driver says of it.
    pub info: BTreeMap<String, String>,
}

/// A route of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteInfo {
    /// Where to.
    pub to: String,
    /// The next hop; none if it is on the link.
    pub via: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}
