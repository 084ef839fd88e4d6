//! What every kind of network does, one to one with the operations of the Container Network Model.
//!
//! A driver makes what a network and an endpoint stand on: a switch and its ports, or nothing at all. It is told everything by
//! value and keeps no records: at a start the controller tells it again ([`Driver::restore_network`], then [`Driver::settle`]). It gives no addresses
//! (that is IPAM's), and sets none inside a sandbox (that is the controller's): it says by [`Joined`] what there is to set.
//!
//! Promises of every driver, held by one suite (`tests/driver_conformance.rs`):
//! - an operation that failed has left nothing behind, or says in its error what it could not undo;
//! - what is deleted twice is gone: deleting and leaving what is not there succeeds;
//! - options that it does not know are refused if they begin with its own prefix, and carried untouched otherwise.
//!
//! | module | one idea |
//! |---|---|
//! | [`spec`] | networks, endpoints, joins: what is told |
//! | [`error`] | why not |
//! | [`fabric`], [`fake_fabric`] | the switches that drivers act on, and some in memory |
//! | [`singular`] | what `null` and `host` share |

pub mod error;
pub mod fabric;
pub mod fake_fabric;
pub mod singular;
pub mod spec;

use std::collections::BTreeMap;

use async_trait::async_trait;

pub use error::{DriverError, DriverErrorKind};
pub use fabric::{Fabric, GuardMode, PortGuard, PortKind, Role, SwitchPort, Tunnel, TunnelPath};
pub use fake_fabric::FakeFabric;
pub use singular::Singular;
pub use spec::{
    Discovery, EndpointMade, EndpointSpec, External, Interface, Join, Joined, NetworkSpec, PoolData, Scope, StaticRoute,
};

/// What a note begins with that says that nothing leaves the host: true when it was said.
pub const NO_WAY_OUT: &str = "there is no way out of the host";

/// What the names of all options begin with that are ours alone: a driver refuses those that it does not know.
pub const OWN_PREFIX: &str = "lanloom.";

/// A kind of network.
///
/// What was begun is to be awaited to its end: who may go away meanwhile has a task of its own do it. (A future that is dropped
/// halfway leaves what it made until its network or endpoint is deleted.)
#[async_trait]
pub trait Driver: Send + Sync {
    /// Its name: what a network's `Driver` says.
    fn name(&self) -> &str;

    /// How far its networks reach.
    fn scope(&self) -> Scope;

    /// Whether there is exactly one network of it, always there, which nobody makes or deletes.
    fn is_singular(&self) -> bool {
        false
    }

    /// Whether its networks have addresses of IPAM's.
    fn wants_addresses(&self) -> bool {
        true
    }

    /// Whether a network with these options is to have a gateway's address in each pool of IPv4, or of IPv6. Where it is not, nobody
    /// is given one unless it was asked for, and the pool has one address more for endpoints.
    fn wants_gateway(&self, _options: &BTreeMap<String, String>, _v4: bool) -> bool {
        true
    }

    /// Takes what the configuration file says of it under `[drivers.NAME]`, untouched, before its first network: the bridge driver
    /// takes options of networks there, which hold for every network that is made from then on and does not say otherwise.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`] for options that cannot be; what held before holds on.
    fn config(&self, options: &BTreeMap<String, String>) -> Result<(), DriverError>;

    /// The options that a network is made with where it does not say otherwise. Whoever makes one adds them, and keeps them with it.
    fn defaults(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// Makes a network. Answers a line for each thing that it does without, as egress where `nft` is missing.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`] for options that cannot be, [`DriverErrorKind::Conflict`] if it is there already or takes what
    /// another has, [`DriverErrorKind::Failed`] if the kernel refuses.
    async fn create_network(&self, network: &NetworkSpec) -> Result<Vec<String>, DriverError>;

    /// Changes what can be changed of a network that is there: pools added, options that allow it.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`] for an option that is fixed, [`DriverErrorKind::NotFound`] if there is no such network.
    async fn update_network(&self, network: &NetworkSpec) -> Result<(), DriverError>;

    /// Deletes a network.
    ///
    /// # Errors
    /// [`DriverErrorKind::Conflict`] if it has endpoints, [`DriverErrorKind::Failed`] if the kernel refuses.
    async fn delete_network(&self, network: &str) -> Result<(), DriverError>;

    /// Makes an endpoint, without an interface yet.
    ///
    /// # Errors
    /// [`DriverErrorKind::NotFound`] if there is no such network, [`DriverErrorKind::Conflict`] if there is such an endpoint,
    /// [`DriverErrorKind::Invalid`] for options that cannot be.
    async fn create_endpoint(&self, network: &str, endpoint: &EndpointSpec) -> Result<EndpointMade, DriverError>;

    /// Deletes an endpoint; one that is joined leaves first.
    ///
    /// # Errors
    /// [`DriverErrorKind::Failed`] if the kernel refuses.
    async fn delete_endpoint(&self, network: &str, endpoint: &str) -> Result<(), DriverError>;

    /// Forgets an endpoint that [`Driver::delete_endpoint`] could not take away and that is to be gone all the same: neither its name
    /// nor its network is held up by it. What is left of it is taken away when its name is used again or its network is deleted.
    fn forget_endpoint(&self, network: &str, endpoint: &str);

    /// Gives a sandbox the endpoint's interface.
    ///
    /// # Errors
    /// [`DriverErrorKind::NotFound`] if there is no such endpoint, [`DriverErrorKind::Conflict`] if it is joined already,
    /// [`DriverErrorKind::Failed`] if the kernel refuses.
    async fn join(&self, network: &str, endpoint: &str, join: &Join) -> Result<Joined, DriverError>;

    /// The routes beside the default one that an endpoint's sandbox is to have as its network is now, where these may have changed
    /// since [`Driver::join`] named them: a network that was given a subnet has one more. None if they cannot, or if there is no
    /// such endpoint.
    fn routes(&self, _network: &str, _endpoint: &str) -> Option<Vec<StaticRoute>> {
        None
    }

    /// The options of a network that were left to its driver, as it found them: shown beside those that were asked for. None if there
    /// is no such network.
    fn chosen(&self, _network: &str) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// What of a network is not as it should be now, a line each, beside what was answered when it was made or taken up.
    fn notes(&self, _network: &str) -> Vec<String> {
        Vec::new()
    }

    /// Why nothing leaves the host by the networks of this driver, as far as it was seen last; none if it does.
    fn no_way_out(&self) -> Option<String> {
        None
    }

    /// Takes the interface away.
    ///
    /// # Errors
    /// [`DriverErrorKind::Failed`] if the kernel refuses.
    async fn leave(&self, network: &str, endpoint: &str) -> Result<(), DriverError>;

    /// What there is to say about an endpoint, by name.
    ///
    /// # Errors
    /// [`DriverErrorKind::NotFound`].
    async fn info(&self, network: &str, endpoint: &str) -> Result<BTreeMap<String, String>, DriverError>;

    /// The endpoint has become the one by which its sandbox reaches the world.
    ///
    /// # Errors
    /// [`DriverErrorKind::NotFound`], [`DriverErrorKind::Failed`].
    async fn program_external(&self, network: &str, endpoint: &str, external: &External) -> Result<(), DriverError>;

    /// The endpoint is that no more.
    ///
    /// # Errors
    /// [`DriverErrorKind::Failed`].
    async fn revoke_external(&self, network: &str, endpoint: &str) -> Result<(), DriverError>;

    /// Something outside was found or lost: another host of those that share a store, as libnetwork's agent tells drivers when its
    /// cluster changes (`agent.go`, `discoverapi`). Whoever keeps the store calls it, with the first store that hosts can share; a
    /// host by itself finds nobody. A driver to which it means nothing lets it pass.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`] for what cannot be.
    async fn discover(&self, found: &Discovery) -> Result<(), DriverError>;

    /// Takes up a network that an earlier start made, with its endpoints; what of it is not there any more is made again. Answers a
    /// line for each thing that is not as it should be.
    ///
    /// # Errors
    /// As [`Driver::create_network`].
    async fn restore_network(
        &self,
        network: &NetworkSpec,
        endpoints: &[(EndpointSpec, Option<Join>)],
    ) -> Result<Vec<String>, DriverError>;

    /// Whether a port of that name is no endpoint's, but one that its networks have by themselves, as the one that leads to the host.
    fn owns_port(&self, _port: &str) -> bool {
        false
    }

    /// What the ports of a network are held to, by name: they are found again, and carry frames, before the network is restored.
    /// Options that cannot be read hold their ports to the strictest.
    fn guards(&self, network: &NetworkSpec, endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)>;

    /// Called after the last [`Driver::restore_network`] of a start: what all networks share, as the firewall, is put right, in
    /// one go. It may be called again at any time and often, as somebody may have flushed the firewall; what is right is left alone,
    /// and while nobody changed anything it costs next to nothing. Answers a line for each thing that is not as it should be and
    /// was as it should be the last time.
    ///
    /// # Errors
    /// [`DriverErrorKind::Failed`] if the kernel refuses; the networks stay as they were restored.
    async fn settle(&self) -> Result<Vec<String>, DriverError> {
        Ok(Vec::new())
    }
}
