//! One of the two that are compared: a daemon in a room of its own, with what is there before anything is measured. Both speak
//! Docker's words over HTTP, and both are asked the same.

use crate::fault::{Fault, Result};
use crate::networks::echo::Echo;
use crate::networks::http::{Body, ask};
use crate::networks::room::Room;
use crate::process::Process;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// The network that everything is on from the start, as containers of Docker are.
pub(crate) const HOME: &str = "home";
/// The network that is connected to and disconnected from.
pub(crate) const VISITED: &str = "visited";
/// Who is connected and disconnected: it is on [`HOME`] all the time.
pub(crate) const GUEST: &str = "guest";
/// Who is on [`VISITED`] all the time and answers there.
pub(crate) const RESIDENT: &str = "resident";

/// A daemon's API.
pub(crate) struct Api {
    pub(crate) socket: PathBuf,
    /// What every path begins with.
    pub(crate) base: &'static str,
    /// Where a network is asked for.
    pub(crate) create: &'static str,
}

/// A daemon that is up, with its two networks and two containers.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    /// What it is, and how it is set up here.
    pub(crate) setup: &'static str,
    pub(crate) version: String,
    pub(crate) api: Api,
    /// Inside the guest's namespace.
    pub(crate) echo: Echo,
    /// The resident's address on [`VISITED`].
    pub(crate) resident: Ipv4Addr,
    pub(crate) daemon: Daemon,
}

/// The programs of a side and the room that they are in. The programs are told to end first.
pub(crate) struct Daemon {
    pub(crate) programs: Vec<Process>,
    pub(crate) room: Room,
}

impl Daemon {
    /// # Errors
    /// If a program has ended, with the last line that it printed.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        self.programs.iter_mut().try_for_each(Process::check_alive)
    }
}

impl Api {
    /// Asks for something below the API's base.
    ///
    /// # Errors
    /// If it is refused.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &Body<'_>) -> Result<Value> {
        ask(&self.socket, method, &format!("{}{path}", self.base), body)
    }

    /// # Errors
    /// If it is refused.
    pub(crate) fn create(&self, network: &str) -> Result<()> {
        let body = Body::Json(json!({"Name": network, "Driver": "bridge"}));
        self.ask("POST", self.create, &body).map(drop)
    }

    /// # Errors
    /// If it is refused.
    pub(crate) fn delete(&self, network: &str) -> Result<()> {
        self.ask("DELETE", &format!("/networks/{network}"), &Body::Nothing).map(drop)
    }

    /// # Errors
    /// If it is refused.
    pub(crate) fn connect(&self, network: &str, container: &str) -> Result<()> {
        let body = Body::Json(json!({"Container": container}));
        self.ask("POST", &format!("/networks/{network}/connect"), &body).map(drop)
    }

    /// # Errors
    /// If it is refused.
    pub(crate) fn disconnect(&self, network: &str, container: &str) -> Result<()> {
        let body = Body::Json(json!({"Container": container}));
        self.ask("POST", &format!("/networks/{network}/disconnect"), &body).map(drop)
    }

    /// The IPv4 addresses on a network, by container.
    ///
    /// # Errors
    /// If it is refused, or the answer is not in Docker's shape.
    pub(crate) fn addresses(&self, network: &str) -> Result<BTreeMap<String, Ipv4Addr>> {
        let answer = self.ask("GET", &format!("/networks/{network}"), &Body::Nothing)?;
        members(&answer).ok_or_else(|| Fault::on(format!("reading the members of {network}"), format!("not in {answer}")))
    }

    /// The address of one container on a network.
    ///
    /// # Errors
    /// If it is not there.
    pub(crate) fn address(&self, network: &str, container: &str) -> Result<Ipv4Addr> {
        let address = self.addresses(network)?.get(container).copied();
        address.ok_or_else(|| Fault::on(format!("looking for {container} on {network}"), "it has no address there"))
    }
}

fn members(network: &Value) -> Option<BTreeMap<String, Ipv4Addr>> {
    let one = |member: &Value| {
        let (address, _) = member["IPv4Address"].as_str()?.split_once('/')?;
        Some((member["Name"].as_str()?.to_owned(), address.parse().ok()?))
    };
    network["Containers"].as_object()?.values().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_from_dockers_shape() {
        let network = json!({"Containers": {"1f": {"Name": "guest", "IPv4Address": "172.18.0.2/16"}}});
        assert_eq!(members(&network).unwrap()["guest"], Ipv4Addr::new(172, 18, 0, 2));
        assert!(members(&json!({"Containers": {}})).unwrap().is_empty());
        assert!(members(&json!({})).is_none());
    }
}
