//! The networks that are there, and their endpoints: in memory, told anew at each start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanloom_switch_core::MacAddr;

use super::layout::Layout;
use super::options::EndpointOptions;
use crate::driver::{DriverError, DriverErrorKind, EndpointSpec, GuardMode, Join};

/// All networks, by id.
#[derive(Default)]
pub(super) struct Registry {
    networks: Mutex<BTreeMap<String, Entry>>,
    /// Held by whoever makes, changes or deletes a network: one at a time.
    pub(super) turn: tokio::sync::Mutex<()>,
}

struct Entry {
    network: Network,
    /// By id.
    endpoints: BTreeMap<String, Arc<Endpoint>>,
    /// Ports of endpoints that were forgotten while these could not be deleted, by name.
    abandoned: BTreeSet<String>,
}

/// One network.
#[derive(Clone)]
pub(super) struct Network {
    /// What it is to look like.
    pub(super) layout: Arc<Layout>,
    /// What of it there is.
    pub(super) made: Made,
}

/// What of a network there is, or may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Made {
    /// Its switch.
    pub(super) switch: bool,
    /// Its gateway's port.
    pub(super) gateway: bool,
    /// Its way out of the host.
    pub(super) egress: bool,
    /// All of it: before, and while it is being deleted, nobody else sees it.
    pub(super) whole: bool,
}

/// One endpoint.
pub(super) struct Endpoint {
    /// What was asked for.
    pub(super) spec: EndpointSpec,
    /// Its options.
    pub(super) options: EndpointOptions,
    /// Its interface's hardware address.
    pub(super) mac: MacAddr,
    /// Where it is; held while that changes.
    pub(super) seat: tokio::sync::Mutex<Seat>,
}

/// Where an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Seat {
    /// Nowhere.
    #[default]
    Free,
    /// Perhaps a port of its is there: what was tried last failed, and could not be undone.
    Doubtful,
    /// In a sandbox.
    Taken(Join),
}

impl Registry {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a layout its place among the others: that of a network of the same id that is not whole, or a new one.
    pub(super) fn claim(&self, what: &str, layout: Layout) -> Result<(), DriverError> {
        let mut networks = self.lock();
        self.compare(what, &networks, &layout)?;
        let entry = networks.entry(layout.spec.id.clone());
        let layout = Arc::new(layout);
        let network = Network { layout: Arc::clone(&layout), made: Made::default() };
        let new = Entry { network, endpoints: BTreeMap::new(), abandoned: BTreeSet::new() };
        entry.and_modify(|known| known.network.layout = layout).or_insert(new);
        Ok(())
    }

    fn compare(&self, what: &str, networks: &BTreeMap<String, Entry>, layout: &Layout) -> Result<(), DriverError> {
        let refused = |why: String, hint| Err(DriverError::new(DriverErrorKind::Conflict, what, &layout.spec.name, why, hint));
        if networks.get(&layout.spec.id).is_some_and(|known| known.network.made.whole) {
            return refused(format!("network with id {} already exists", layout.spec.id), "delete that one first");
        }
        let mut others = networks.iter().filter(|(id, _)| **id != layout.spec.id);
        match others.find_map(|(_, other)| layout.conflict(&other.network.layout)) {
            Some(why) => refused(why, "choose another name, bridge name or subnet"),
            None => Ok(()),
        }
    }

    /// Puts another layout in the place of a network's own, unless it conflicts with others.
    pub(super) fn change(&self, what: &str, layout: Layout) -> Result<(), DriverError> {
        let mut networks = self.lock();
        let mut others = networks.iter().filter(|(id, _)| **id != layout.spec.id);
        if let Some(why) = others.find_map(|(_, other)| layout.conflict(&other.network.layout)) {
            return Err(DriverError::new(DriverErrorKind::Conflict, what, &layout.spec.name, why, "choose another subnet"));
        }
        if let Some(known) = networks.get_mut(&layout.spec.id) {
            known.network.layout = Arc::new(layout);
        }
        Ok(())
    }

    /// Says what of a network there is.
    pub(super) fn note(&self, id: &str, note: impl FnOnce(&mut Made)) {
        if let Some(known) = self.lock().get_mut(id) {
            note(&mut known.network.made);
        }
    }

    /// Whatever there is of a network, whole or not.
    pub(super) fn any(&self, id: &str) -> Option<Network> {
        self.lock().get(id).map(|known| known.network.clone())
    }

    /// The networks that are not whole: while nobody is making or deleting one, those of which something was left.
    pub(super) fn remains(&self) -> Vec<String> {
        self.lock().iter().filter(|(_, known)| !known.network.made.whole).map(|(id, _)| id.clone()).collect()
    }

    /// The layouts of all networks whose gateway is there.
    pub(super) fn gateways(&self) -> Vec<Arc<Layout>> {
        let networks = self.lock();
        let networks = networks.values().map(|known| &known.network);
        networks.filter(|network| network.made.gateway).map(|network| Arc::clone(&network.layout)).collect()
    }

    /// A network that is whole.
    pub(super) fn network(&self, what: &str, id: &str) -> Result<Network, DriverError> {
        self.any(id).filter(|network| network.made.whole).ok_or_else(|| DriverError::no_network(what, id))
    }

    /// Hides a network that nobody uses, for it to be deleted. None if there is nothing of it.
    pub(super) fn hide(&self, what: &str, id: &str) -> Result<Option<Network>, DriverError> {
        let mut networks = self.lock();
        let Some(Entry { network, endpoints, .. }) = networks.get_mut(id) else { return Ok(None) };
        if !endpoints.is_empty() {
            let name = &network.layout.spec.name;
            let why = format!("network {id} has active endpoint");
            let hint = "delete its endpoints first: `lanloom endpoint ls --network` shows them";
            return Err(DriverError::new(DriverErrorKind::Conflict, what, name, why, hint));
        }
        network.made.whole = false;
        Ok(Some(network.clone()))
    }

    /// Forgets a network.
    pub(super) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// An endpoint with its network.
    pub(super) fn endpoint(&self, what: &str, network: &str, id: &str) -> Result<(Network, Arc<Endpoint>), DriverError> {
        let networks = self.lock();
        let known = networks.get(network).filter(|known| known.network.made.whole);
        let known = known.ok_or_else(|| DriverError::no_network(what, network))?;
        let endpoint = known.endpoints.get(id).ok_or_else(|| DriverError::no_endpoint(what, id))?;
        Ok((known.network.clone(), Arc::clone(endpoint)))
    }

    /// The endpoints of a network.
    pub(super) fn endpoints(&self, network: &str) -> Vec<Arc<Endpoint>> {
        self.lock().get(network).into_iter().flat_map(|known| known.endpoints.values().cloned()).collect()
    }

    /// Adds an endpoint to a network that is whole.
    pub(super) fn add_endpoint(&self, what: &str, network: &str, endpoint: Endpoint) -> Result<(), DriverError> {
        let mut networks = self.lock();
        let known = networks.get_mut(network).filter(|known| known.network.made.whole);
        let known = known.ok_or_else(|| DriverError::no_network(what, network))?;
        let name = &endpoint.spec.name;
        if known.endpoints.values().any(|other| other.spec.id == endpoint.spec.id || other.spec.name == *name) {
            return Err(DriverError::endpoint_exists(what, name));
        }
        let guarded = known.network.guard(&endpoint).0 != GuardMode::Off;
        if let Some(twin) = known.endpoints.values().find(|other| guarded && other.mac == endpoint.mac) {
            let why = format!("endpoint {} has the hardware address {}", twin.spec.name, endpoint.mac);
            return Err(DriverError::new(DriverErrorKind::Conflict, what, name, why, "give another one, or lanloom.guard=off"));
        }
        known.endpoints.insert(endpoint.spec.id.clone(), Arc::new(endpoint));
        Ok(())
    }

    /// Forgets an endpoint.
    pub(super) fn forget_endpoint(&self, network: &str, id: &str) {
        if let Some(known) = self.lock().get_mut(network) {
            known.endpoints.remove(id);
        }
    }

    /// Forgets an endpoint whose port may still be there.
    pub(super) fn abandon_endpoint(&self, network: &str, id: &str) {
        if let Some(known) = self.lock().get_mut(network)
            && let Some(endpoint) = known.endpoints.remove(id)
        {
            known.abandoned.insert(endpoint.spec.name.clone());
        }
    }

    /// The ports that endpoints of a network left behind.
    pub(super) fn abandoned(&self, network: &str) -> Vec<String> {
        self.lock().get(network).into_iter().flat_map(|known| known.abandoned.iter().cloned()).collect()
    }

    /// Such a port is gone.
    pub(super) fn found_gone(&self, network: &str, port: &str) {
        if let Some(known) = self.lock().get_mut(network) {
            known.abandoned.remove(port);
        }
    }
}

impl Network {
    /// What an endpoint's sources are held to, and whether it is trusted.
    pub(super) fn guard(&self, endpoint: &Endpoint) -> (GuardMode, bool) {
        let (own, network) = (&endpoint.options, &self.layout.options);
        (own.guard.unwrap_or(network.guard), own.trusted.unwrap_or(network.trusted))
    }
}
