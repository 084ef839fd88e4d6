//! A driver that notes all that it is told, and refuses it if it is to.

use crate::controller::model::Words;
use async_trait::async_trait;
use lanloom_drivers::driver::{
    Discovery, Driver, DriverError, DriverErrorKind, EndpointMade, EndpointSpec, External, Join, Joined, NetworkSpec,
    PortGuard, Scope, StaticRoute,
};
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Says in [`Joined`] that there is a way out by this address, or a route to everywhere if its network has this option.
const GATEWAY: [u8; 4] = [192, 0, 2, 1];
pub(super) const EVERYWHERE: &str = "everywhere";

/// A driver that makes nothing.
#[derive(Default)]
pub(super) struct Listener {
    /// How often it was asked to put things right.
    pub(super) settled: AtomicU64,
    panics: bool,
    told: Mutex<Vec<String>>,
    refuses: Mutex<Option<&'static str>>,
    /// Names by id, and what networks were made with.
    names: Mutex<HashMap<String, String>>,
    networks: Mutex<HashMap<String, Words>>,
}

impl Listener {
    /// One that panics when it is asked for the first time to put things right.
    pub(super) fn panicking() -> Self {
        Self { panics: true, ..Self::default() }
    }

    fn name_of(&self, id: &str) -> String {
        self.names.lock().expect("no panic").get(id).cloned().unwrap_or_else(|| "nobody".to_owned())
    }

    /// Notes a call, and refuses it if it is the one to refuse.
    fn note(&self, what: &str, on: &str) -> Result<(), DriverError> {
        self.told.lock().expect("no panic").push(format!("{what} {on}"));
        if *self.refuses.lock().expect("no panic") != Some(what) {
            return Ok(());
        }
        Err(DriverError::new(DriverErrorKind::Failed, what, on, "it was told to refuse", "tell it otherwise"))
    }

    pub(super) fn refuse(&self, what: Option<&'static str>) {
        *self.refuses.lock().expect("no panic") = what;
    }

    /// What it was told since the last time.
    pub(super) fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().expect("no panic"))
    }
}

#[async_trait]
impl Driver for Listener {
    fn name(&self) -> &str {
        "listener"
    }

    fn scope(&self) -> Scope {
        Scope::Local
    }

    fn config(&self, _: &BTreeMap<String, String>) -> Result<(), DriverError> {
        Ok(())
    }

    async fn settle(&self) -> Result<Vec<String>, DriverError> {
        let before = self.settled.fetch_add(1, Ordering::Relaxed);
        assert!(before > 0 || !self.panics, "as the test wants it");
        Ok(Vec::new())
    }

    async fn create_network(&self, network: &NetworkSpec) -> Result<Vec<String>, DriverError> {
        self.names.lock().expect("no panic").insert(network.id.clone(), network.name.clone());
        self.networks.lock().expect("no panic").insert(network.id.clone(), network.options.clone());
        let gateways: Vec<_> = network.v4.iter().filter_map(|pool| pool.gateway).map(|net| net.to_string()).collect();
        self.note("create network", &format!("{} {}", network.name, gateways.join(" "))).map(|()| Vec::new())
    }

    async fn update_network(&self, network: &NetworkSpec) -> Result<(), DriverError> {
        self.note("update network", &network.name)
    }

    async fn delete_network(&self, network: &str) -> Result<(), DriverError> {
        self.note("delete network", &self.name_of(network))
    }

    async fn create_endpoint(&self, network: &str, endpoint: &EndpointSpec) -> Result<EndpointMade, DriverError> {
        let on = format!("{}/{}", self.name_of(network), endpoint.name);
        self.names.lock().expect("no panic").insert(endpoint.id.clone(), on.clone());
        let addresses: Vec<_> = endpoint.addresses.iter().map(ToString::to_string).collect();
        self.note("create endpoint", &format!("{on} {}", addresses.join(" "))).map(|()| EndpointMade::default())
    }

    async fn delete_endpoint(&self, _: &str, endpoint: &str) -> Result<(), DriverError> {
        self.note("delete endpoint", &self.name_of(endpoint))
    }

    fn forget_endpoint(&self, _: &str, endpoint: &str) {
        self.told.lock().expect("no panic").push(format!("forget endpoint {}", self.name_of(endpoint)));
    }

    async fn join(&self, network: &str, endpoint: &str, _: &Join) -> Result<Joined, DriverError> {
        let leads = self.networks.lock().expect("no panic")[network].contains_key(EVERYWHERE);
        let everywhere = StaticRoute { to: "0.0.0.0/0".parse().expect("a network"), via: None };
        let routes = if leads { vec![everywhere] } else { Vec::new() };
        let joined = Joined { gateway_v4: (!leads).then_some(GATEWAY.into()), routes, ..Joined::default() };
        self.note("join", &self.name_of(endpoint)).map(|()| joined)
    }

    async fn leave(&self, _: &str, endpoint: &str) -> Result<(), DriverError> {
        self.note("leave", &self.name_of(endpoint))
    }

    async fn info(&self, _: &str, _: &str) -> Result<BTreeMap<String, String>, DriverError> {
        Ok(BTreeMap::new())
    }

    async fn program_external(&self, _: &str, endpoint: &str, _: &External) -> Result<(), DriverError> {
        self.note("open", &self.name_of(endpoint))
    }

    async fn revoke_external(&self, _: &str, endpoint: &str) -> Result<(), DriverError> {
        self.note("close", &self.name_of(endpoint))
    }

    async fn discover(&self, _: &Discovery) -> Result<(), DriverError> {
        Ok(())
    }

    async fn restore_network(
        &self,
        network: &NetworkSpec,
        _: &[(EndpointSpec, Option<Join>)],
    ) -> Result<Vec<String>, DriverError> {
        self.note("restore network", &network.name).map(|()| Vec::new())
    }

    fn guards(&self, _: &NetworkSpec, _: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
        Vec::new()
    }
}
