//! The driver `bridge`, the default: a network is one of our switches, named after it.
//!
//! An endpoint is a port of the switch: a TAP, or a veth, in the sandbox's namespace. One more port, [`GATEWAY`], is in the daemon's
//! namespace and holds the gateway addresses: by it the host reaches the network, and the network the world. What passes between
//! ports is the switch's own to decide; the kernel only routes what comes out of the gateway.
//!
//! Options of networks, libnetwork's but for the last two. Each `com.docker.network.` is left out here; what else there is, is carried
//! untouched.
//!
//! | option | default | meaning |
//! |---|---|---|
//! | `bridge.name` | `ll-` and 12 digits of the id | the gateway's interface |
//! | `bridge.enable_icc` | true | whether endpoints reach each other |
//! | `bridge.enable_ip_masquerade` | true | whether what leaves the host gets its address |
//! | `bridge.inhibit_ipv4` | false | whether the gateway's interface goes without its IPv4 address |
//! | `bridge.gateway_mode_ipv4`, `_ipv6` | nat | `nat`, `nat-unprotected`, `routed`: nothing is translated; `isolated`, of internal networks: the host has no address in it |
//! | `bridge.host_binding_ipv4`, `bridge.trusted_host_interfaces` | | where ports are published, and from where they are reached |
//! | `driver.mtu` | 1500 | bytes |
//! | `host_ipv4`, `host_ipv6` | | the source of what leaves the host, in place of the interface's address |
//! | `lanloom.guard` | leased | what source addresses endpoints may use: `strict`, `leased`, `off` |
//! | `lanloom.trusted` | false | whether endpoints may send router advertisements, DHCP answers and BPDUs |
//!
//! Endpoints have the last two as well, which come before their network's, `lanloom.endpoint` (`tap` or `veth`) and
//! `com.docker.network.endpoint.macaddress`.
//!
//! | file | one idea |
//! |---|---|
//! | `options/` | options, typed |
//! | `layout.rs` | what a network is to look like: pure |
//! | `network.rs` | what a network has beside its switch and its endpoints |
//! | `gateway.rs` | the gateway's interface |
//! | `egress.rs`, `egress/` | the way out of the host: what is asked, what is known, how it is brought about |
//! | `forwarding.rs` | that the host forwards |
//!
//! What it shares with `overlay` is in `switched`.

mod egress;
mod forwarding;
mod gateway;
mod layout;
mod network;
mod options;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use self::egress::Egress;
use self::layout::Layout;
use crate::driver::{
    Discovery, Driver, DriverError, EndpointMade, EndpointSpec, External, Fabric, Join, Joined, NetworkSpec, PortGuard, Scope,
    StaticRoute,
};
use crate::kernel::Kernel;
use crate::switched::options::Fault;
use crate::switched::{Kind as _, Switched};
use options::NetworkOptions;

/// The driver's name.
pub const NAME: &str = "bridge";

/// The name of the port that leads to the host; no endpoint may have it.
pub const GATEWAY: &str = "_gateway";

/// Whether an option can hold for every network that does not say otherwise; why not, and what would be right.
pub(crate) fn default_option(key: &str) -> Result<(), String> {
    options::default_option(key).map_err(Fault::line)
}

/// Whether an option that can hold for every network can have that value; why not, and what would be right.
pub(crate) fn default_value(key: &str, value: &str) -> Result<(), String> {
    options::default_value(key, value).map_err(Fault::line)
}

/// The driver.
pub struct Bridge {
    kernel: Arc<dyn Kernel>,
    networks: Switched<Layout>,
    egress: Egress,
    /// Options that hold for every network that does not say otherwise.
    defaults: RwLock<BTreeMap<String, String>>,
}

impl Bridge {
    /// The driver of a daemon, without networks. `instance` tells this daemon's part of the firewall from that of others on the same
    /// kernel, and is the same after a restart: letters, digits, `_` and `-`, at most 40 of them.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`](crate::driver::DriverErrorKind::Invalid) if the instance's name is none.
    pub fn new(kernel: Arc<dyn Kernel>, fabric: Arc<dyn Fabric>, instance: &str) -> Result<Self, DriverError> {
        let egress = Egress::new(Arc::clone(&kernel), instance)?;
        Ok(Self { kernel, networks: Switched::new(fabric), egress, defaults: RwLock::default() })
    }
}

#[async_trait]
impl Driver for Bridge {
    fn name(&self) -> &str {
        NAME
    }

    fn scope(&self) -> Scope {
        Scope::Local
    }

    fn wants_gateway(&self, options: &BTreeMap<String, String>, v4: bool) -> bool {
        NetworkOptions::wants_gateway(options, v4)
    }

    fn config(&self, options: &BTreeMap<String, String>) -> Result<(), DriverError> {
        NetworkOptions::defaults(options)?;
        *self.defaults.write().unwrap_or_else(PoisonError::into_inner) = options.clone();
        Ok(())
    }

    fn defaults(&self) -> BTreeMap<String, String> {
        self.defaults.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn create_network(&self, network: &NetworkSpec) -> Result<Vec<String>, DriverError> {
        self.make_network(Layout::of("create network", network)?).await
    }

    async fn update_network(&self, network: &NetworkSpec) -> Result<(), DriverError> {
        self.change_network(Layout::of("update network", network)?).await
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

    fn no_way_out(&self) -> Option<String> {
        self.egress.closed()
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
        self.take_up(Layout::of("restore network", network)?, endpoints).await
    }

    async fn settle(&self) -> Result<Vec<String>, DriverError> {
        self.settle_all().await
    }
}
