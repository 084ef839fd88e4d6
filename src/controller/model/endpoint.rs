//! Endpoints.

use super::{Id, Words};
use crate::names::Name;
use ipnet::IpNet;
use lanloom_switch_core::MacAddr;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its id.
    pub id: Id,
    /// Its name, which no other of its network has.
    pub name: Name,
    /// Its network.
    pub network: Id,
    /// How far it has come.
    pub state: EndpointState,
    /// Whether `connect` made it: then it goes with its connection, however that ends.
    pub by_connect: bool,
    /// Its hardware address.
    pub mac: Option<MacText>,
    /// Its addresses, each with its subnet's prefix length.
    pub addresses: Vec<IpNet>,
    /// What was asked for.
    pub spec: NewEndpoint,
}

/// How far an endpoint has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointState {
    /// Being made: a start undoes it.
    Creating,
    /// There, and in no sandbox.
    Free,
    /// Being joined: a start undoes it.
    Joining(Joint),
    /// In a sandbox.
    Joined(Joint),
    /// Leaving, and to be deleted then: a start finishes it.
    Leaving(Joint),
    /// Being deleted: a start finishes it.
    Deleting,
}

/// Where an endpoint and a sandbox meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joint {
    /// The sandbox.
    pub sandbox: Id,
    /// The interface's name there; none for networks without interfaces.
    pub ifname: Option<String>,
    /// The way out that the driver named.
    pub gateway_v4: Option<Ipv4Addr>,
    /// The same of IPv6.
    pub gateway_v6: Option<Ipv6Addr>,
    /// Routes beside it: where to, and the next hop.
    pub routes: Vec<(IpNet, Option<IpAddr>)>,
    /// MTU in bytes, if the driver named one.
    pub mtu: Option<u32>,
}

/// An endpoint to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewEndpoint {
    /// Its IPv4 address; one is chosen if none is given.
    pub v4: Option<Ipv4Addr>,
    /// Its IPv6 address; one is chosen if none is given.
    pub v6: Option<Ipv6Addr>,
    /// Addresses of the link alone to set beside these.
    pub link_local: Vec<IpAddr>,
    /// Its hardware address; the driver chooses one if none is given.
    pub mac: Option<MacText>,
    /// Further names in DNS on its network.
    pub aliases: Vec<String>,
    /// Names that only its own sandbox knows for others: name of a sandbox, alias.
    pub links: Vec<(String, String)>,
    /// Who gives the way out: the highest first.
    pub priority: i32,
    /// Options, which the driver gets untouched.
    pub options: Words,
}

/// A hardware address as records and requests write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacText(pub MacAddr);

impl TryFrom<String> for MacText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse::<MacAddr>().map(Self).map_err(|error| error.to_string())
    }
}

impl From<MacText> for String {
    fn from(mac: MacText) -> Self {
        mac.0.to_string()
    }
}

impl Endpoint {
    /// Its addresses of the link alone.
    pub fn link_local(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.spec.link_local.iter().map(|address| {
            let prefix = if address.is_ipv4() { 16 } else { 64 };
            IpNet::new(*address, prefix).unwrap_or_else(|_| (*address).into())
        })
    }
}

impl EndpointState {
    /// Where it meets its sandbox, if it does or is about to.
    pub fn joint(&self) -> Option<&Joint> {
        match self {
            Self::Joining(joint) | Self::Joined(joint) | Self::Leaving(joint) => Some(joint),
            Self::Creating | Self::Free | Self::Deleting => None,
        }
    }

    /// Its name, which stays.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Free => "free",
            Self::Joining(_) => "joining",
            Self::Joined(_) => "joined",
            Self::Leaving(_) => "leaving",
            Self::Deleting => "deleting",
        }
    }
}
