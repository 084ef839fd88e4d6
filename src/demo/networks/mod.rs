//! Two networks and three sandboxes, made by the demo's daemon: `web` is on one, `db` on the other, and `app` on both.
//!
//! | module | one idea |
//! |---|---|
//! | `script`, `looks` | the checks, and how they look |
//! | `faults` | what `--break` does to them |
//! | `page` | a page of the host's, fetched from a sandbox |
//! | `picture` | who is where |

mod faults;
mod looks;
mod page;
mod picture;
mod script;

pub(super) use script::SUBJECTS;

use super::board::Board;
use crate::controller::model::{NewEndpoint, NewNetwork, NewSandbox, PoolAsked};
use crate::controller::view::EndpointView;
use crate::exec::Place;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The network of `web`.
const FRONT: &str = "front";
/// The network of `db`.
const BACK: &str = "back";

/// The networks, with their subnets.
const NETWORKS: [(&str, [&str; 2]); 2] = [(FRONT, ["10.2.0.0/24", "fd00:2::/64"]), (BACK, ["10.3.0.0/24", "fd00:3::/64"])];

/// The sandboxes, with their networks.
const SANDBOXES: [(&str, &[&str]); 3] = [("web", &[FRONT]), ("app", &[FRONT, BACK]), ("db", &[BACK])];

/// By this name sandboxes know the host.
const HOST: &str = "host";

/// What there is once it has been made.
#[derive(Debug, Default)]
pub(super) struct Networks {
    networks: Vec<Network>,
    sandboxes: Vec<Sandbox>,
}

/// A network.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Network {
    name: &'static str,
    subnet: IpNet,
    /// The host's address in it.
    gateway: Ipv4Addr,
}

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sandbox {
    name: &'static str,
    place: Place,
    /// Where its name server listens, in words.
    dns: String,
    endpoints: Vec<Endpoint>,
}

/// A sandbox's part in a network.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Endpoint {
    network: String,
    interface: String,
    v4: Ipv4Addr,
    v6: Ipv6Addr,
}

impl Networks {
    /// Has them made, and looks where everything is.
    ///
    /// # Errors
    /// What the controller refuses, or does not say.
    fn create(board: &Board) -> Result<Self, String> {
        let networks: Vec<_> =
            NETWORKS.iter().map(|(name, subnets)| create_network(board, name, subnets)).collect::<Result<_, _>>()?;
        let sandboxes = SANDBOXES.iter().map(|(name, on)| create_sandbox(board, name, on)).collect::<Result<_, _>>()?;
        Ok(Self { networks, sandboxes })
    }

    fn network(&self, name: &str) -> Result<&Network, String> {
        self.networks.iter().find(|network| network.name == name).ok_or_else(|| format!("there is no network {name}"))
    }

    fn sandbox(&self, name: &str) -> Result<&Sandbox, String> {
        self.sandboxes.iter().find(|sandbox| sandbox.name == name).ok_or_else(|| format!("there is no sandbox {name}"))
    }

    /// A ping to see while the demo is kept: the sandbox that asks, and whom.
    pub(super) fn example(&self) -> Option<(&Sandbox, Ipv4Addr)> {
        let (web, app) = (self.sandbox("web").ok()?, self.sandbox("app").ok()?);
        Some((web, app.on(FRONT)?.v4))
    }
}

impl Sandbox {
    /// Its namespace.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    fn on(&self, network: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.network == network)
    }

    /// Where it meets another: this one's endpoint on a network that both are on, and the other's.
    fn meets<'a>(&'a self, other: &'a Self) -> Option<(&'a Endpoint, &'a Endpoint)> {
        self.endpoints.iter().find_map(|endpoint| Some((endpoint, other.on(&endpoint.network)?)))
    }
}

impl Endpoint {
    fn of(view: &EndpointView) -> Option<Self> {
        let addresses = || view.endpoint.addresses.iter().map(IpNet::addr);
        let v4 = addresses().find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })?;
        let v6 = addresses().find_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        })?;
        let interface = view.endpoint.state.joint()?.ifname.clone()?;
        Some(Self { network: view.network.to_string(), interface, v4, v6 })
    }

    fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

fn create_network(board: &Board, name: &'static str, subnets: &[&str]) -> Result<Network, String> {
    let pool = |subnet: &&str| Ok(PoolAsked { subnet: Some(parsed(subnet)?), ..PoolAsked::default() });
    let pools = subnets.iter().map(pool).collect::<Result<Vec<_>, String>>()?;
    let new = NewNetwork { pools, ipv6: true, ..NewNetwork::default() };
    let made = board.wait(board.controller().create_network(parsed(name)?, new));
    made.map_err(|refusal| refusal.to_string())?;
    let view = board.controller().network(name).map_err(|refusal| refusal.to_string())?;
    let pool = view.network.v4.first().ok_or_else(|| format!("network {name} has no subnet"))?;
    let Some(IpAddr::V4(gateway)) = pool.gateway else { return Err(format!("network {name} has no gateway")) };
    Ok(Network { name, subnet: pool.subnet, gateway })
}

fn create_sandbox(board: &Board, name: &'static str, on: &[&str]) -> Result<Sandbox, String> {
    let new = NewSandbox { extra_hosts: vec![(HOST.to_owned(), "host-gateway".to_owned())], ..NewSandbox::default() };
    let networks = on.iter().map(|network| ((*network).to_owned(), NewEndpoint::default())).collect();
    let made = board.wait(board.controller().create_sandbox(parsed(name)?, new, networks));
    made.map_err(|refusal| refusal.to_string())?;
    let view = board.controller().sandbox(name).map_err(|refusal| refusal.to_string())?;
    let netns = view.netns.ok_or_else(|| format!("sandbox {name} has no namespace"))?;
    let mut endpoints: Vec<_> = view.endpoints.iter().filter_map(Endpoint::of).collect();
    endpoints.sort_by(|one, other| one.interface.cmp(&other.interface));
    Ok(Sandbox { name, place: Place { netns, files: view.files }, dns: view.dns, endpoints })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| format!("{text}: {error}"))
}
