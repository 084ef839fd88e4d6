//! Networks, endpoints and sandboxes: what they are, and what is asked for. Values only; what is done with them is elsewhere.
//!
//! What is here is what the records have, so that a record and the object that it describes cannot differ. States are enums, and
//! say what an unfinished operation was about to do: a start finishes it or undoes it. Nothing is counted: how many endpoints a
//! network has is how many say that they are on it.

use crate::names::Name;
use ipnet::IpNet;
use lanloom_switch_core::MacAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

/// What a network, an endpoint or a sandbox is known by: 64 hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// Digits of an id that are shown in tables, and by which a sandbox is known in DNS.
pub const SHORT_ID: usize = 12;

impl Id {
    /// One that nobody has.
    pub fn random() -> Self {
        let words = [(); 4].map(|()| RandomState::new().hash_one(std::process::id()));
        Self(words.map(|word| format!("{word:016x}")).concat())
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first [`SHORT_ID`] digits.
    pub fn short(&self) -> &str {
        &self.0[..SHORT_ID]
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_id = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_id { Ok(Self(text)) } else { Err(format!("{text:?} is no id: an id has 64 hex digits")) }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Id({})", self.short())
    }
}

/// Options, labels: words under words.
pub type Words = BTreeMap<String, String>;

/// A network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Its id.
    pub id: Id,
    /// Its name, which no other has.
    pub name: Name,
    /// How far it has come.
    pub state: NetworkState,
    /// Nanoseconds since 1970 at which it was made.
    pub created: u64,
    /// What was asked for, with what a configuration network added.
    pub spec: NewNetwork,
    /// Its pools, as they were given, by family.
    pub v4: Vec<Pool>,
    /// The same of IPv6.
    pub v6: Vec<Pool>,
}

/// How far a network has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkState {
    /// Being made: a start undoes it.
    Creating,
    /// There.
    Ready,
    /// One of those that are always there, of which nothing has been made as long as nobody uses it.
    Dormant,
    /// Being deleted: a start finishes it.
    Deleting,
}

/// A pool of a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The subnet.
    pub subnet: IpNet,
    /// The part of it that endpoints get their addresses from, if not all.
    pub range: Option<IpNet>,
    /// The gateway's address.
    pub gateway: Option<IpAddr>,
    /// Addresses that others have, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

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

/// A network to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewNetwork {
    /// The driver's name.
    pub driver: String,
    /// The IPAM driver's name.
    pub ipam_driver: String,
    /// Its options.
    pub ipam_options: Words,
    /// Pools asked for; where a family has none, one is chosen.
    pub pools: Vec<PoolAsked>,
    /// Whether it has IPv4.
    pub ipv4: bool,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// Whether it has no way to the world outside.
    pub internal: bool,
    /// Whether sandboxes made by hand may use it, where a scope asks for that.
    pub attachable: bool,
    /// Whether it is only a configuration for other networks.
    pub config_only: bool,
    /// The name of the network whose configuration it takes.
    pub config_from: Option<Name>,
    /// Options, which the driver gets untouched.
    pub options: Words,
    /// Labels.
    pub labels: Words,
}

/// A pool to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PoolAsked {
    /// The subnet; one is chosen if none is given.
    pub subnet: Option<IpNet>,
    /// The part of it that endpoints get their addresses from.
    pub range: Option<IpNet>,
    /// The gateway's address.
    pub gateway: Option<IpAddr>,
    /// Addresses that others have, by name.
    pub auxiliary: BTreeMap<String, IpAddr>,
}

/// What can be changed of a network that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkChange {
    /// Labels to set.
    pub label_add: Words,
    /// Labels to remove.
    pub label_rm: Vec<String>,
    /// Subnets to add.
    pub subnet_add: Vec<IpNet>,
    /// Options to set.
    pub options: Words,
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

impl Default for NewNetwork {
    fn default() -> Self {
        Self {
            driver: "bridge".to_owned(),
            ipam_driver: "default".to_owned(),
            ipam_options: Words::new(),
            pools: Vec::new(),
            ipv4: true,
            ipv6: false,
            internal: false,
            attachable: false,
            config_only: false,
            config_from: None,
            options: Words::new(),
            labels: Words::new(),
        }
    }
}

impl Network {
    /// All its pools.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.v4.iter().chain(&self.v6)
    }
}

impl Endpoint {
    /// Its addresses of the link alone.
    pub(super) fn link_local(&self) -> impl Iterator<Item = IpNet> + '_ {
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

impl NetworkState {
    /// Its name, which stays.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creating => "creating",
            Self::Ready => "ready",
            Self::Dormant => "dormant",
            Self::Deleting => "deleting",
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_hex_digits_and_no_two_are_alike() {
        let ids = [(); 8].map(|()| Id::random());
        assert!((1..8).all(|at| !ids[..at].contains(&ids[at])), "{ids:?}");
        assert_eq!(Id::try_from(ids[0].to_string()), Ok(ids[0].clone()));
        assert!(Id::try_from("f".repeat(63)).is_err() && Id::try_from("G".repeat(64)).is_err());
    }
}
