//! The drivers that there are, and what they are told of networks and endpoints.
//!
//! A record may name a driver that this daemon does not have, as one of another version wrote it. Such a network is shown, and nothing
//! can be made on it; what there is of it can be deleted, and then its ports and its switch go as those of any other.

use super::model::{Endpoint, Network, Pool};
use super::refusal::Attempt;
use super::{Inner, Origin, Refusal, RefusalKind};
use ipnet::IpNet;
use lanloom_drivers::driver::{Driver, DriverError, DriverErrorKind, EndpointSpec, Join, NetworkSpec, PoolData};
use std::path::PathBuf;
use std::sync::Arc;

impl From<DriverError> for Refusal {
    fn from(error: DriverError) -> Self {
        let kind = match error.kind {
            DriverErrorKind::Invalid | DriverErrorKind::NotImplemented => RefusalKind::Invalid,
            DriverErrorKind::NotFound => RefusalKind::NotFound,
            DriverErrorKind::Conflict | DriverErrorKind::Forbidden => RefusalKind::Conflict,
            DriverErrorKind::Failed => RefusalKind::Failed,
        };
        Self { kind, what: error.what, on: error.on, why: error.why, hint: error.hint }
    }
}

impl From<Refusal> for DriverError {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.kind {
            RefusalKind::Invalid => DriverErrorKind::Invalid,
            RefusalKind::NotFound => DriverErrorKind::NotFound,
            RefusalKind::Conflict => DriverErrorKind::Conflict,
            RefusalKind::Failed | RefusalKind::Unavailable => DriverErrorKind::Failed,
        };
        Self::new(kind, refusal.what, refusal.on, refusal.why, refusal.hint)
    }
}

impl Inner {
    /// A driver, by its name.
    pub(super) fn driver(&self, attempt: &Attempt, name: &str) -> Result<Arc<dyn Driver>, Refusal> {
        self.drivers.iter().find(|driver| driver.name() == name).cloned().ok_or_else(|| {
            let names: Vec<&str> = self.drivers.iter().map(|driver| driver.name()).collect();
            attempt.not_found(format!("unknown driver {name:?}"), format!("there are: {}", names.join(", ")))
        })
    }

    /// The driver of an endpoint's network, if that network is there.
    pub(super) fn driver_of(&self, attempt: &Attempt, endpoint: &Endpoint) -> Result<(Arc<Network>, Arc<dyn Driver>), Refusal> {
        let network = self.network_of(attempt, endpoint)?;
        let driver = self.driver(attempt, &network.spec.driver)?;
        Ok((network, driver))
    }

    /// The network of an endpoint.
    pub(super) fn network_of(&self, attempt: &Attempt, endpoint: &Endpoint) -> Result<Arc<Network>, Refusal> {
        self.book.network(&endpoint.network).ok_or_else(|| attempt.not_found("its network is gone", "delete the endpoint"))
    }

    /// Has a network taken down.
    pub(super) async fn take_down(&self, network: &Network) -> Result<(), Refusal> {
        match self.known_driver(network) {
            Some(driver) => Ok(driver.delete_network(network.id.as_str()).await?),
            None => {
                let switch = self.fabric.switch(&network.name);
                if switch.is_ok_and(|switch| switch.origin == Origin::Network) {
                    self.fabric.delete_switch_for(network.name.clone(), Origin::Network).await?;
                }
                Ok(())
            }
        }
    }

    /// Has an endpoint's interface taken out of its sandbox.
    pub(super) async fn take_out(&self, network: &Network, endpoint: &Endpoint) -> Result<(), Refusal> {
        let sandbox = endpoint.state.joint().and_then(|joint| self.book.sandbox(&joint.sandbox));
        if sandbox.is_some_and(|sandbox| self.is_stale(&sandbox)) {
            self.fabric.disown(network.name.clone(), endpoint.name.clone()).await?;
        }
        match self.known_driver(network) {
            Some(driver) => Ok(driver.leave(network.id.as_str(), endpoint.id.as_str()).await?),
            None => self.delete_its_port(network, endpoint).await,
        }
    }

    /// Has an endpoint deleted that is in no sandbox any more.
    pub(super) async fn take_away(&self, network: &Network, endpoint: &Endpoint) -> Result<(), Refusal> {
        match self.known_driver(network) {
            Some(driver) => Ok(driver.delete_endpoint(network.id.as_str(), endpoint.id.as_str()).await?),
            None => self.delete_its_port(network, endpoint).await,
        }
    }

    /// Has an endpoint forgotten that could not be taken away, and that is to be gone all the same.
    pub(super) fn forget(&self, network: &Network, endpoint: &Endpoint) {
        if let Some(driver) = self.known_driver(network) {
            driver.forget_endpoint(network.id.as_str(), endpoint.id.as_str());
        }
    }

    fn known_driver(&self, network: &Network) -> Option<&Arc<dyn Driver>> {
        self.drivers.iter().find(|driver| driver.name() == network.spec.driver)
    }

    async fn delete_its_port(&self, network: &Network, endpoint: &Endpoint) -> Result<(), Refusal> {
        let port = self.fabric.port(&network.name, &endpoint.name);
        if port.is_ok_and(|port| port.origin == Origin::Network) {
            self.fabric.delete_port_for(network.name.clone(), endpoint.name.clone(), Origin::Network).await?;
        }
        Ok(())
    }
}

/// A network, as its driver is told it.
pub(super) fn spec_of(network: &Network) -> NetworkSpec {
    NetworkSpec {
        id: network.id.to_string(),
        name: network.name.to_string(),
        options: network.spec.options.clone(),
        internal: network.spec.internal,
        v4: network.v4.iter().map(pool_data).collect(),
        v6: network.v6.iter().map(pool_data).collect(),
    }
}

fn pool_data(pool: &Pool) -> PoolData {
    let with_prefix = |address| IpNet::new(address, pool.subnet.prefix_len()).ok();
    PoolData { pool: pool.subnet, gateway: pool.gateway.and_then(with_prefix), auxiliary: pool.auxiliary.clone() }
}

/// An endpoint, as its driver is told it.
pub(super) fn endpoint_spec_of(endpoint: &Endpoint) -> EndpointSpec {
    EndpointSpec {
        id: endpoint.id.to_string(),
        name: endpoint.name.to_string(),
        options: endpoint.spec.options.clone(),
        mac: endpoint.mac.or(endpoint.spec.mac).map(|mac| mac.0),
        addresses: endpoint.addresses.iter().copied().chain(endpoint.link_local()).collect(),
    }
}

/// Where an endpoint's interface goes.
pub(super) fn join_of(netns: Option<PathBuf>, ifname: &str) -> Join {
    Join { netns, ifname: ifname.to_owned() }
}
