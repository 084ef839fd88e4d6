//! The driver `overlay`: a network of several hosts. On each it is one of our switches, named after it, with one port more for each
//! subnet: a VXLAN tunnel (RFC 7348) to all its peers, which the switch itself speaks.
//!
//! Hosts need not talk to each other for it: who its peers are is said by [`Peers`], for now by hand; the identifier of each subnet
//! is found alike on all of them, from the network's name and the subnet; and who is where, tunnels learn from frames. Only what is
//! sent by peers is taken, and nobody behind a tunnel may have an address of an endpoint here.
//!
//! It has no gateway and no way out of its hosts: for that, a sandbox joins a network of driver `bridge` as well.
//!
//! Options of networks; what else there is, is carried untouched, but for what begins with `lanloom.` or
//! `com.docker.network.driver.overlay.`, and for `encrypted`, which is refused until it is real.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `lanloom.peers` | | the other hosts' addresses in the underlay, parted by commas |
//! | `lanloom.local` | the daemon's `--underlay`, or what the kernel takes to the first peer | this host's |
//! | `lanloom.port` | 4789 | the UDP port of the underlay |
//! | `com.docker.network.driver.overlay.vxlanid_list` | found | identifiers of the subnets, in order, parted by commas |
//! | `com.docker.network.driver.mtu` | what the underlay's paths to all peers carry | bytes of the underlay; inside it is 50 less, over IPv6 70 |
//! | `lanloom.guard`, `lanloom.trusted` | leased, false | as of the driver `bridge` |
//!
//! | file | one idea |
//! |---|---|
//! | `options/` | options, typed |
//! | `vni.rs` | which identifier each subnet has: pure |
//! | `layout.rs` | what a network is to look like: pure |
//! | `peers.rs` | who the other hosts are |
//! | `underlay.rs` | where this host is in the underlay |
//! | `network.rs` | tunnels |
//!
//! What it shares with `bridge` is in `switched`.

mod layout;
mod network;
mod options;
mod peers;
mod underlay;
mod vni;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use self::layout::Layout;
use self::options::Usual;
pub use self::peers::{ByHand, Peers};
use crate::driver::{
    Discovery, Driver, DriverError, EndpointMade, EndpointSpec, External, Fabric, Join, Joined, NetworkSpec, PortGuard, Scope,
    StaticRoute,
};
use crate::kernel::Kernel;
use crate::switched::options::Fault;
use crate::switched::{Kind as _, Switched};

/// The driver's name.
pub const NAME: &str = "overlay";

/// Why nothing leaves the host by its networks.
const NO_EGRESS: &str = "an overlay has none; a sandbox gets one by a network of driver bridge that it joins as well";

/// Whether an option can hold for every network that does not say otherwise; why not, and what would be right.
pub(crate) fn default_option(key: &str) -> Result<(), String> {
    options::default_option(key).map_err(Fault::line)
}

/// Whether an option that can hold for every network can have that value; why not, and what would be right.
pub(crate) fn default_value(key: &str, value: &str) -> Result<(), String> {
    options::default_value(key, value).map_err(Fault::line)
}

/// The driver.
pub struct Overlay {
    kernel: Arc<dyn Kernel>,
    peers: Arc<dyn Peers>,
    networks: Switched<Layout>,
    /// This host's address in the underlay, whatever the configuration file says.
    underlay: Option<IpAddr>,
    usual: RwLock<Usual>,
}

impl Overlay {
    /// The driver of a daemon, without networks. `underlay` is this host's address in the underlay, for networks that do not say;
    /// without it, the configuration file's, or what the kernel takes to a network's first peer.
    pub fn new(kernel: Arc<dyn Kernel>, fabric: Arc<dyn Fabric>, peers: Arc<dyn Peers>, underlay: Option<IpAddr>) -> Self {
        Self { kernel, peers, networks: Switched::new(fabric), underlay, usual: RwLock::default() }
    }

    fn usual_local(&self) -> Option<IpAddr> {
        self.underlay.or_else(|| self.usual.read().unwrap_or_else(PoisonError::into_inner).underlay)
    }
}

#[async_trait]
impl Driver for Overlay {
    fn name(&self) -> &str {
        NAME
    }

    fn scope(&self) -> Scope {
        Scope::Global
    }

    fn wants_gateway(&self, _options: &BTreeMap<String, String>, _v4: bool) -> bool {
        false
    }

    fn config(&self, options: &BTreeMap<String, String>) -> Result<(), DriverError> {
        let usual = Usual::parse(options)?;
        *self.usual.write().unwrap_or_else(PoisonError::into_inner) = usual;
        Ok(())
    }

    fn defaults(&self) -> BTreeMap<String, String> {
        self.usual.read().unwrap_or_else(PoisonError::into_inner).options.clone()
    }

    async fn create_network(&self, network: &NetworkSpec) -> Result<Vec<String>, DriverError> {
        self.make_network(self.plan("create network", network, None).await?).await
    }

    async fn update_network(&self, network: &NetworkSpec) -> Result<(), DriverError> {
        self.change(network).await
    }

    async fn delete_network(&self, network: &str) -> Result<(), DriverError> {
        self.remove_network(network).await
    }

    async fn create_endpoint(&self, network: &str, endpoint: &EndpointSpec) -> Result<EndpointMade, DriverError> {
        self.networks.make_endpoint(network, endpoint)
    }

    async fn delete_endpoint(&self, network: &str, endpoint: &str) -> Result<(), DriverError> {
        self.networks.remove_endpoint(network, endpoint).await
    }

    fn forget_endpoint(&self, network: &str, endpoint: &str) {
        self.networks.registry.abandon_endpoint(network, endpoint);
    }

    async fn join(&self, network: &str, endpoint: &str, join: &Join) -> Result<Joined, DriverError> {
        self.networks.plug(network, endpoint, join).await
    }

    fn routes(&self, network: &str, endpoint: &str) -> Option<Vec<StaticRoute>> {
        self.networks.routes(network, endpoint)
    }

    fn chosen(&self, network: &str) -> BTreeMap<String, String> {
        let found = self.networks.registry.any(network).map(|network| network.layout.found()).unwrap_or_default();
        found.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    fn notes(&self, network: &str) -> Vec<String> {
        self.notes_on(network)
    }

    fn no_way_out(&self) -> Option<String> {
        Some(NO_EGRESS.to_owned())
    }

    async fn leave(&self, network: &str, endpoint: &str) -> Result<(), DriverError> {
        self.networks.unplug(network, endpoint).await
    }

    async fn info(&self, network: &str, endpoint: &str) -> Result<BTreeMap<String, String>, DriverError> {
        self.describe(network, endpoint).await
    }

    async fn program_external(&self, network: &str, endpoint: &str, _external: &External) -> Result<(), DriverError> {
        self.networks.registry.endpoint("open to the world endpoint", network, endpoint).map(drop)
    }

    async fn revoke_external(&self, _network: &str, _endpoint: &str) -> Result<(), DriverError> {
        Ok(())
    }

    async fn discover(&self, _found: &Discovery) -> Result<(), DriverError> {
        Ok(())
    }

    fn owns_port(&self, port: &str) -> bool {
        layout::own_port(port).is_some()
    }

    fn guards(&self, network: &NetworkSpec, endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
        network::guards(network, endpoints)
    }

    async fn restore_network(
        &self,
        network: &NetworkSpec,
        endpoints: &[(EndpointSpec, Option<Join>)],
    ) -> Result<Vec<String>, DriverError> {
        self.take_up(self.plan_again(network).await?, endpoints).await
    }

    async fn settle(&self) -> Result<Vec<String>, DriverError> {
        Ok(self.complete().await)
    }
}
