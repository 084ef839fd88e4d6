//! A driver whose one network is always there and has nothing of its own: what `null` and `host` share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    Discovery, Driver, DriverError, DriverErrorKind, EndpointMade, EndpointSpec, External, Join, Joined, NetworkSpec,
    OWN_PREFIX, PortGuard, Scope,
};

/// What is in the way when its network is made twice or deleted.
const ALWAYS_THERE: &str = "its network is always there; use that one";

/// A driver with exactly one network, without addresses; joining it does nothing.
#[derive(Debug)]
pub struct Singular {
    name: &'static str,
    network: Mutex<Option<Network>>,
}

#[derive(Debug)]
struct Network {
    id: String,
    endpoints: BTreeSet<String>,
}

impl Singular {
    /// A driver of that name, whose network is still to be made.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, network: Mutex::new(None) }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Network>> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the endpoints of the network, if that is the one.
    fn with<T>(
        &self,
        what: &str,
        network: &str,
        act: impl FnOnce(&mut BTreeSet<String>) -> Result<T, DriverError>,
    ) -> Result<T, DriverError> {
        match self.lock().as_mut() {
            Some(known) if known.id == network => act(&mut known.endpoints),
            Some(_) | None => Err(DriverError::no_network(what, network)),
        }
    }

    fn endpoint(&self, what: &str, network: &str, endpoint: &str) -> Result<(), DriverError> {
        self.with(what, network, |endpoints| match endpoints.contains(endpoint) {
            true => Ok(()),
            false => Err(DriverError::no_endpoint(what, endpoint)),
        })
    }
}

#[async_trait]
impl Driver for Singular {
    fn name(&self) -> &str {
        self.name
    }

    fn scope(&self) -> Scope {
        Scope::Local
    }

    fn is_singular(&self) -> bool {
        true
    }

    fn wants_addresses(&self) -> bool {
        false
    }

    async fn create_network(&self, network: &NetworkSpec) -> Result<Vec<String>, DriverError> {
        let what = "create network";
        refuse_unknown(what, &network.name, &network.options)?;
        let mut known = self.lock();
        if known.is_some() {
            let why = format!("only one instance of \"{}\" network is allowed", self.name);
            return Err(DriverError::new(DriverErrorKind::Forbidden, what, &network.name, why, ALWAYS_THERE));
        }
        *known = Some(Network { id: network.id.clone(), endpoints: BTreeSet::new() });
        Ok(Vec::new())
    }

    async fn update_network(&self, network: &NetworkSpec) -> Result<(), DriverError> {
        self.with("update network", &network.id, |_| Ok(()))
    }

    async fn delete_network(&self, network: &str) -> Result<(), DriverError> {
        if !matches!(&*self.lock(), Some(known) if known.id == network) {
            return Ok(());
        }
        let why = format!("network of type \"{}\" cannot be deleted", self.name);
        Err(DriverError::new(DriverErrorKind::Forbidden, "delete network", network, why, ALWAYS_THERE))
    }

    async fn create_endpoint(&self, network: &str, endpoint: &EndpointSpec) -> Result<EndpointMade, DriverError> {
        let what = "create endpoint";
        refuse_unknown(what, &endpoint.name, &endpoint.options)?;
        self.with(what, network, |endpoints| match endpoints.insert(endpoint.id.clone()) {
            true => Ok(EndpointMade::default()),
            false => Err(DriverError::endpoint_exists(what, &endpoint.name)),
        })
    }

    async fn delete_endpoint(&self, network: &str, endpoint: &str) -> Result<(), DriverError> {
        self.forget_endpoint(network, endpoint);
        Ok(())
    }

    fn forget_endpoint(&self, network: &str, endpoint: &str) {
        if let Some(known) = self.lock().as_mut().filter(|known| known.id == network) {
            known.endpoints.remove(endpoint);
        }
    }

    async fn join(&self, network: &str, endpoint: &str, _join: &Join) -> Result<Joined, DriverError> {
        self.endpoint("join endpoint", network, endpoint).map(|()| Joined::default())
    }

    async fn leave(&self, _network: &str, _endpoint: &str) -> Result<(), DriverError> {
        Ok(())
    }

    async fn info(&self, network: &str, endpoint: &str) -> Result<BTreeMap<String, String>, DriverError> {
        self.endpoint("look at endpoint", network, endpoint).map(|()| BTreeMap::new())
    }

    async fn program_external(&self, network: &str, endpoint: &str, _external: &External) -> Result<(), DriverError> {
        self.endpoint("open to the world endpoint", network, endpoint)
    }

    async fn revoke_external(&self, _network: &str, _endpoint: &str) -> Result<(), DriverError> {
        Ok(())
    }

    async fn discover(&self, _found: &Discovery) -> Result<(), DriverError> {
        Ok(())
    }

    fn config(&self, options: &BTreeMap<String, String>) -> Result<(), DriverError> {
        let Some(option) = options.keys().next() else { return Ok(()) };
        let (why, hint) = (format!("it has no option {option}"), "take it out of the configuration file");
        Err(DriverError::new(DriverErrorKind::Invalid, "configure driver", self.name(), why, hint))
    }

    fn guards(&self, _network: &NetworkSpec, _endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
        Vec::new()
    }

    async fn restore_network(
        &self,
        network: &NetworkSpec,
        endpoints: &[(EndpointSpec, Option<Join>)],
    ) -> Result<Vec<String>, DriverError> {
        self.create_network(network).await?;
        self.with("restore network", &network.id, |known| {
            known.extend(endpoints.iter().map(|(endpoint, _)| endpoint.id.clone()));
            Ok(Vec::new())
        })
    }
}

/// Of our own options these drivers know none.
fn refuse_unknown(what: &str, on: &str, options: &BTreeMap<String, String>) -> Result<(), DriverError> {
    let Some(key) = options.keys().find(|key| key.starts_with(OWN_PREFIX)) else { return Ok(()) };
    Err(DriverError::new(DriverErrorKind::Invalid, what, on, format!("unknown option {key}"), "leave it out"))
}
