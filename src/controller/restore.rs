//! How a daemon finds networks, endpoints and sandboxes again: what is whole is taken up, what is half made is undone, what is
//! half deleted is finished. Nothing of it can fail the start: it answers a line for each thing that is not as it should be.

use super::driver::{endpoint_spec_of, join_of, spec_of};
use super::keys::{Obscure, Shelf};
use super::model::{Endpoint, EndpointState, Id, Network, NetworkState, NewNetwork, SandboxPlace, SandboxState};
use super::networks::{PREDEFINED, is_predefined};
use super::refusal::Attempt;
use super::{Inner, Origin, Refusal};
use crate::names::Name;
use lanloom_drivers::driver::{EndpointSpec, Join};
use std::sync::Arc;
use std::time::Instant;

impl Inner {
    /// Takes up what the records say.
    pub(super) async fn restore(&self, shelf: Shelf) -> Vec<String> {
        let mut notes = Vec::new();
        let is_clear = shelf.is_clear();
        let mut shelf = self.without_orphans(shelf, &mut notes).await;
        let obscure = std::mem::take(&mut shelf.obscure);
        notes.extend(self.lease_again(&shelf.networks, &shelf.endpoints));
        shelf.networks.into_iter().for_each(|network| drop(self.book.put_network(network)));
        shelf.endpoints.into_iter().for_each(|endpoint| drop(self.book.put_endpoint(endpoint)));
        shelf.sandboxes.into_iter().for_each(|sandbox| drop(self.book.put_sandbox(sandbox)));
        self.put_predefined(is_clear).await;
        self.spread_pools();
        self.restore_networks(&mut notes).await;
        if !self.book.endpoints().is_empty() {
            self.make_room_for_neighbours().await;
        }
        self.tidy_endpoints(&obscure, &mut notes).await;
        self.sweep_ports(&obscure, &mut notes).await;
        self.restore_sandboxes(&mut notes).await;
        self.tidy_networks(&mut notes).await;
        self.sweep_switches(is_clear, &mut notes).await;
        notes
    }

    /// Endpoints whose network is no more are forgotten; those whose network could not be read are left as they are.
    async fn without_orphans(&self, mut shelf: Shelf, notes: &mut Vec<String>) -> Shelf {
        let ids: Vec<Id> = shelf.networks.iter().map(|network| network.id.clone()).collect();
        let (endpoints, orphans) = std::mem::take(&mut shelf.endpoints).into_iter().partition(|it| ids.contains(&it.network));
        shelf.endpoints = endpoints;
        let orphans: Vec<Endpoint> = orphans;
        for orphan in orphans.iter().filter(|orphan| !shelf.obscure.networks.iter().any(|id| id == orphan.network.as_str())) {
            let attempt = Attempt::new("tidy up endpoint", &orphan.name);
            notes.push(format!("endpoint {} of a network that is no more was removed", orphan.name));
            notes.extend(self.erase(&attempt, orphan).await.err().map(|refusal| refusal.to_string()));
        }
        shelf
    }

    /// The networks that are always there. They are recorded only if it is known that they are not yet.
    async fn put_predefined(&self, is_clear: bool) {
        for (name, driver) in PREDEFINED {
            let Ok(name) = name.parse() else { continue };
            if self.book.networks().iter().any(|network| network.name == name) {
                continue;
            }
            let state = if driver == "bridge" { NetworkState::Dormant } else { NetworkState::Ready };
            let spec = NewNetwork { driver: driver.to_owned(), ..NewNetwork::default() };
            let network = Network {
                id: Id::random(),
                name,
                state,
                created: super::now(),
                spec,
                usual: [].into(),
                v4: vec![],
                v6: vec![],
            };
            let attempt = Attempt::new("make network", &network.name);
            if is_clear && let Err(refusal) = self.save(&attempt, &network).await {
                tracing::warn!("{refusal}");
            }
            self.book.put_network(network);
        }
    }

    /// Tells each driver of its networks again.
    async fn restore_networks(&self, notes: &mut Vec<String>) {
        for network in self.book.networks() {
            if network.state == NetworkState::Dormant || network.spec.config_only {
                continue;
            }
            match self.restore_network(&network).await {
                Ok(lines) => drop(self.notes.insert(network.id.clone(), lines)),
                Err(refusal) => {
                    self.notes.insert(network.id.clone(), vec![refusal.to_string()]);
                    notes.push(refusal.to_string());
                }
            }
        }
        for driver in &self.drivers {
            match driver.settle().await {
                Ok(lines) => notes.extend(lines),
                Err(error) => notes.push(error.to_string()),
            }
        }
    }

    async fn restore_network(&self, network: &Network) -> Result<Vec<String>, Refusal> {
        let attempt = Attempt::new("find network again", &network.name);
        let driver = self.driver(&attempt, &network.spec.driver)?;
        let told: Vec<_> = self.book.endpoints_on(&network.id).iter().map(|endpoint| self.told(endpoint)).collect();
        Ok(driver.restore_network(&spec_of(network), &told).await?)
    }

    fn told(&self, endpoint: &Arc<Endpoint>) -> (EndpointSpec, Option<Join>) {
        let join = endpoint.state.joint().and_then(|joint| {
            let sandbox = self.book.sandbox(&joint.sandbox).filter(|sandbox| !self.is_stale(sandbox))?;
            Some(join_of(self.netns_path(&sandbox), joint.ifname.as_deref()?))
        });
        (endpoint_spec_of(endpoint), join)
    }

    /// Undoes what was half made, finishes what was half deleted. What is in a sandbox that could not be read stays as it is.
    async fn tidy_endpoints(&self, obscure: &Obscure, notes: &mut Vec<String>) {
        let is_in_obscure = |endpoint: &Endpoint| {
            endpoint.state.joint().is_some_and(|joint| obscure.sandboxes.iter().any(|id| id == joint.sandbox.as_str()))
        };
        for endpoint in self.book.endpoints().into_iter().filter(|endpoint| !is_in_obscure(endpoint)) {
            let attempt = Attempt::new("tidy up endpoint", &endpoint.name);
            let done = match &endpoint.state {
                EndpointState::Creating | EndpointState::Deleting => self.unmake_endpoint(&attempt, &endpoint, true).await,
                EndpointState::Leaving(_) => self.leave(&attempt, &endpoint, true).await,
                EndpointState::Joining(_) if endpoint.by_connect => self.leave(&attempt, &endpoint, true).await,
                EndpointState::Joining(_) => self.unjoin(&attempt, &endpoint).await,
                EndpointState::Free if endpoint.by_connect => self.unmake_endpoint(&attempt, &endpoint, true).await,
                EndpointState::Joined(joint) if self.book.sandbox(&joint.sandbox).is_none() => {
                    notes.push(format!("endpoint {} of a sandbox that is no more was removed", endpoint.name));
                    self.leave(&attempt, &endpoint, true).await
                }
                EndpointState::Free | EndpointState::Joined(_) => Ok(()),
            };
            notes.extend(done.err().map(|refusal| refusal.to_string()));
        }
    }

    /// What is inside sandboxes is seen to later; their names are known from the first moment on.
    async fn restore_sandboxes(&self, notes: &mut Vec<String>) {
        for sandbox in self.book.sandboxes() {
            let attempt = Attempt::new("find sandbox again", &sandbox.name);
            let is_gone = match &sandbox.spec.place {
                SandboxPlace::At(path) => self.is_stale(&sandbox) || !self.has_namespace(path).await,
                SandboxPlace::Own => self.is_stale(&sandbox),
                SandboxPlace::Host => false,
            };
            let done = match sandbox.state {
                SandboxState::Ready if is_gone => {
                    let why = self.stale_note(&sandbox).unwrap_or_else(|| "its namespace is gone".to_owned());
                    notes.push(format!("sandbox {} was removed: {why}", sandbox.name));
                    self.unmake_sandbox(&attempt, &sandbox, false).await
                }
                SandboxState::Ready => {
                    self.upkeep.put(&sandbox.id, Instant::now());
                    Ok(())
                }
                SandboxState::Creating | SandboxState::Deleting => self.unmake_sandbox(&attempt, &sandbox, false).await,
            };
            notes.extend(done.err().map(|refusal| refusal.to_string()));
        }
        for endpoint in self.book.endpoints() {
            let EndpointState::Joined(joint) = &endpoint.state else { continue };
            if let Some(sandbox) = self.book.sandbox(&joint.sandbox) {
                self.enter_names(&endpoint, &sandbox);
            }
        }
    }

    async fn tidy_networks(&self, notes: &mut Vec<String>) {
        for network in self.book.networks() {
            let attempt = Attempt::new("tidy up network", &network.name);
            let done = match network.state {
                NetworkState::Creating if is_predefined(network.name.as_str()) => self.put_to_sleep(&attempt, &network).await,
                NetworkState::Creating | NetworkState::Deleting => self.unmake_network(&attempt, &network).await,
                NetworkState::Ready => {
                    self.doze_off(&attempt, &network.id).await;
                    Ok(())
                }
                NetworkState::Dormant => Ok(()),
            };
            notes.extend(done.err().map(|refusal| refusal.to_string()));
        }
    }

    /// Takes away the ports of endpoints that are no more, as one that was forced away while its port could not be deleted. While there
    /// are endpoints that could not be read a port may be theirs: it stays, and carries nothing.
    async fn sweep_ports(&self, obscure: &Obscure, notes: &mut Vec<String>) {
        for network in self.book.networks() {
            let ports = self.fabric.ports(&network.name).unwrap_or_default();
            let endpoints = self.book.endpoints_on(&network.id);
            let owns = |name: &Name| self.drivers.iter().any(|driver| driver.owns_port(name.as_str()));
            let is_used = |name: &Name| owns(name) || endpoints.iter().any(|endpoint| endpoint.name == *name);
            for port in ports.into_iter().filter(|port| port.origin == Origin::Network && !is_used(&port.spec.name)) {
                if !obscure.endpoints.is_empty() {
                    let port = port.spec.name;
                    notes.push(format!(
                        "port {}/{port} carries nothing: the record of its endpoint cannot be read",
                        network.name
                    ));
                    continue;
                }
                let done = self.fabric.delete_port_for(network.name.clone(), port.spec.name, Origin::Network).await;
                notes.extend(done.err().map(|refusal| refusal.to_string()));
            }
        }
    }

    /// Takes away the switches of networks that are no more. While there are networks that could not be read a switch may be theirs: it
    /// stays, and its ports carry nothing.
    async fn sweep_switches(&self, is_clear: bool, notes: &mut Vec<String>) {
        let Ok(switches) = self.fabric.switches() else { return };
        for switch in switches.into_iter().filter(|switch| switch.origin == Origin::Network) {
            let network = self.book.networks().into_iter().find(|network| network.name == switch.name);
            if !is_clear && network.is_none() {
                notes.push(format!("switch {} carries nothing: the record of its network cannot be read", switch.name));
            } else if is_clear && network.is_none_or(|network| network.state == NetworkState::Dormant) {
                let done = self.fabric.delete_switch_for(switch.name, Origin::Network).await;
                notes.extend(done.err().map(|refusal| refusal.to_string()));
            }
        }
    }
}

/// The first that failed, with the second if that failed too.
pub(super) fn both(done: Result<(), Refusal>, then: Result<(), Refusal>) -> Result<(), Refusal> {
    match done {
        Ok(()) => then,
        Err(refusal) => Err(refusal.and(then)),
    }
}
