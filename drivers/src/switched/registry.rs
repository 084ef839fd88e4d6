//! The networks that are there, and their endpoints: in memory, told anew at each start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanloom_switch_core::MacAddr;

use super::Layout;
use super::options::EndpointOptions;
use crate::driver::{DriverError, DriverErrorKind, EndpointSpec, GuardMode, Join};

/// All networks, by id.
pub(crate) struct Registry<L: Layout> {
    networks: Mutex<BTreeMap<String, Entry<L>>>,
    /// Held by whoever makes, changes or deletes a network: one at a time.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

struct Entry<L: Layout> {
    network: Network<L>,
    /// By id.
    endpoints: BTreeMap<String, Arc<Endpoint>>,
    /// Ports of endpoints that were forgotten while these could not be deleted, by name.
    abandoned: BTreeSet<String>,
}

/// One network.
#[derive(Clone)]
pub(crate) struct Network<L: Layout> {
    /// What it is to look like.
    pub(crate) layout: Arc<L>,
    /// Whether its switch is there.
    pub(crate) switch: bool,
    /// What else of it there is.
    pub(crate) made: L::Made,
    /// Whether all of it is there: before, and while it is being deleted, nobody else sees it.
    pub(crate) whole: bool,
}

/// One endpoint.
pub(crate) struct Endpoint {
    /// What was asked for.
    pub(crate) spec: EndpointSpec,
    /// Its options.
    pub(crate) options: EndpointOptions,
    /// Its interface's hardware address.
    pub(crate) mac: MacAddr,
    /// Where it is; held while that changes.
    pub(crate) seat: tokio::sync::Mutex<Seat>,
}

/// Where an endpoint is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Seat {
    /// Nowhere.
    #[default]
    Free,
    /// Perhaps a port of its is there: what was tried last failed, and could not be undone.
    Doubtful,
    /// In a sandbox.
    Taken(Join),
}

impl<L: Layout> Default for Registry<L> {
    fn default() -> Self {
        Self { networks: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<L: Layout> Registry<L> {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Entry<L>>> {
        self.networks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a layout its place among the others: that of a network of the same id that is not whole, or a new one.
    pub(crate) fn claim(&self, what: &str, layout: L) -> Result<(), DriverError> {
        let mut networks = self.lock();
        compare(what, &networks, &layout)?;
        let entry = networks.entry(layout.spec().id.clone());
        let layout = Arc::new(layout);
        let network = Network { layout: Arc::clone(&layout), switch: false, made: L::Made::default(), whole: false };
        let new = Entry { network, endpoints: BTreeMap::new(), abandoned: BTreeSet::new() };
        entry.and_modify(|known| known.network.layout = layout).or_insert(new);
        Ok(())
    }

    /// Puts another layout in the place of a network's own, unless it conflicts with others.
    pub(crate) fn change(&self, what: &str, layout: L) -> Result<(), DriverError> {
        let mut networks = self.lock();
        refuse_conflicts(what, &networks, &layout)?;
        if let Some(known) = networks.get_mut(&layout.spec().id) {
            known.network.layout = Arc::new(layout);
        }
        Ok(())
    }

    /// Says whether a network's switch is there.
    pub(crate) fn note_switch(&self, id: &str, is_there: bool) {
        if let Some(known) = self.lock().get_mut(id) {
            known.network.switch = is_there;
        }
    }

    /// Says whether all of a network is there.
    pub(crate) fn note_whole(&self, id: &str, is_whole: bool) {
        if let Some(known) = self.lock().get_mut(id) {
            known.network.whole = is_whole;
        }
    }

    /// Says what else of a network there is.
    pub(crate) fn note(&self, id: &str, note: impl FnOnce(&mut L::Made)) {
        if let Some(known) = self.lock().get_mut(id) {
            note(&mut known.network.made);
        }
    }

    /// Whatever there is of a network, whole or not.
    pub(crate) fn any(&self, id: &str) -> Option<Network<L>> {
        self.lock().get(id).map(|known| known.network.clone())
    }

    /// The networks that are not whole: while nobody is making or deleting one, those of which something was left.
    pub(crate) fn remains(&self) -> Vec<String> {
        self.lock().iter().filter(|(_, known)| !known.network.whole).map(|(id, _)| id.clone()).collect()
    }

    /// Whatever there is of all networks.
    pub(crate) fn all(&self) -> Vec<Network<L>> {
        self.lock().values().map(|known| known.network.clone()).collect()
    }

    /// A network that is whole.
    pub(crate) fn network(&self, what: &str, id: &str) -> Result<Network<L>, DriverError> {
        self.any(id).filter(|network| network.whole).ok_or_else(|| DriverError::no_network(what, id))
    }

    /// Hides a network that nobody uses, for it to be deleted. None if there is nothing of it.
    pub(crate) fn hide(&self, what: &str, id: &str) -> Result<Option<Network<L>>, DriverError> {
        let mut networks = self.lock();
        let Some(Entry { network, endpoints, .. }) = networks.get_mut(id) else { return Ok(None) };
        if !endpoints.is_empty() {
            let name = &network.layout.spec().name;
            let why = format!("network {id} has active endpoint");
            let hint = "delete its endpoints first: `lanloom endpoint ls --network` shows them";
            return Err(DriverError::new(DriverErrorKind::Conflict, what, name, why, hint));
        }
        network.whole = false;
        Ok(Some(network.clone()))
    }

    /// Forgets a network.
    pub(crate) fn forget(&self, id: &str) {
        self.lock().remove(id);
    }

    /// An endpoint with its network.
    pub(crate) fn endpoint(&self, what: &str, network: &str, id: &str) -> Result<(Network<L>, Arc<Endpoint>), DriverError> {
        let networks = self.lock();
        let known = networks.get(network).filter(|known| known.network.whole);
        let known = known.ok_or_else(|| DriverError::no_network(what, network))?;
        let endpoint = known.endpoints.get(id).ok_or_else(|| DriverError::no_endpoint(what, id))?;
        Ok((known.network.clone(), Arc::clone(endpoint)))
    }

    /// The endpoints of a network.
    pub(crate) fn endpoints(&self, network: &str) -> Vec<Arc<Endpoint>> {
        self.lock().get(network).into_iter().flat_map(|known| known.endpoints.values().cloned()).collect()
    }

    /// Adds an endpoint to a network that is whole.
    pub(crate) fn add_endpoint(&self, what: &str, network: &str, endpoint: Endpoint) -> Result<(), DriverError> {
        let mut networks = self.lock();
        let known = networks.get_mut(network).filter(|known| known.network.whole);
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
    pub(crate) fn forget_endpoint(&self, network: &str, id: &str) {
        if let Some(known) = self.lock().get_mut(network) {
            known.endpoints.remove(id);
        }
    }

    /// Forgets an endpoint whose port may still be there.
    pub(crate) fn abandon_endpoint(&self, network: &str, id: &str) {
        if let Some(known) = self.lock().get_mut(network)
            && let Some(endpoint) = known.endpoints.remove(id)
        {
            known.abandoned.insert(endpoint.spec.name.clone());
        }
    }

    /// The ports that endpoints of a network left behind.
    pub(crate) fn abandoned(&self, network: &str) -> Vec<String> {
        self.lock().get(network).into_iter().flat_map(|known| known.abandoned.iter().cloned()).collect()
    }

    /// Such a port is gone.
    pub(crate) fn found_gone(&self, network: &str, port: &str) {
        if let Some(known) = self.lock().get_mut(network) {
            known.abandoned.remove(port);
        }
    }
}

impl<L: Layout> Network<L> {
    /// What an endpoint's sources are held to, and whether it is trusted.
    pub(crate) fn guard(&self, endpoint: &Endpoint) -> (GuardMode, bool) {
        endpoint.options.guard_or(self.layout.guard())
    }
}

fn compare<L: Layout>(what: &str, networks: &BTreeMap<String, Entry<L>>, layout: &L) -> Result<(), DriverError> {
    let spec = layout.spec();
    if networks.get(&spec.id).is_some_and(|known| known.network.whole) {
        let why = format!("network with id {} already exists", spec.id);
        return Err(DriverError::new(DriverErrorKind::Conflict, what, &spec.name, why, "delete that one first"));
    }
    refuse_conflicts(what, networks, layout)
}

fn refuse_conflicts<L: Layout>(what: &str, networks: &BTreeMap<String, Entry<L>>, layout: &L) -> Result<(), DriverError> {
    let spec = layout.spec();
    let mut others = networks.iter().filter(|(id, _)| **id != spec.id);
    match others.find_map(|(_, other)| layout.conflict(&other.network.layout)) {
        Some(fault) => Err(DriverError { kind: DriverErrorKind::Conflict, ..fault.at(what, &spec.name) }),
        None => Ok(()),
    }
}
