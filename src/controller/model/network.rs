//! Networks.

use super::{Id, Words};
use crate::names::Name;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

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
    /// Options among these that nobody asked for: what held for its driver when it was made.
    #[serde(default)]
    pub usual: BTreeSet<String>,
    /// Its pools, as they were given, by family.
    pub v4: Vec<Pool>,
    /// The same of IPv6.
    pub v6: Vec<Pool>,
}

impl Network {
    /// Takes what holds for its driver for options that nobody asked for.
    pub(in crate::controller) fn take_usual(&mut self, options: Words) {
        let unsaid = options.into_iter().filter(|(key, _)| !self.spec.options.contains_key(key));
        let unsaid: Vec<_> = unsaid.collect();
        self.usual.extend(unsaid.iter().map(|(key, _)| key.clone()));
        self.spec.options.extend(unsaid);
    }

    /// Sets options that are asked for.
    pub(in crate::controller) fn set_options(&mut self, options: Words) {
        self.usual.retain(|key| !options.contains_key(key));
        self.spec.options.extend(options);
    }

    /// The same network with nothing made of it: when it is made again, what holds for its driver then is taken.
    pub(in crate::controller) fn asleep(&self) -> Self {
        let mut asleep = Self { state: NetworkState::Dormant, v4: Vec::new(), v6: Vec::new(), ..self.clone() };
        let usual = std::mem::take(&mut asleep.usual);
        asleep.spec.options.retain(|key, _| !usual.contains(key));
        asleep
    }
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
