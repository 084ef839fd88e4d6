//! Networks, endpoints and sandboxes.

use super::asked::{self, Fault};
use super::{Answer, Service, choose, doctor, shape};
use crate::api::types::{
    ApiError, EndpointAsked, EndpointInfo, EndpointMade, ErrorCode, Filters, NetworkConnected, NetworkCreate, NetworkInfo,
    NetworkMade, NetworkUpdate, NetworksPruned, SandboxCreate, SandboxInfo, SandboxMade,
};
use crate::controller::RefusalKind;
use crate::controller::view::NetworkView;
use crate::names::Name;
use std::time::{SystemTime, UNIX_EPOCH};

impl Service {
    pub(in crate::api) fn networks(&self, filters: &Filters) -> Vec<NetworkInfo> {
        let networks = self.controller.networks().into_iter();
        networks.filter(|view| choose::is_listed(view, filters)).map(|view| self.shaped(view)).collect()
    }

    pub(in crate::api) fn network(&self, network: &str) -> Answer<NetworkInfo> {
        Ok(self.shaped(self.controller.network(network)?))
    }

    pub(in crate::api) async fn network_create(&self, name: Name, request: NetworkCreate) -> Answer<NetworkMade> {
        let new = asked::network(request).map_err(refusing("create network", name.as_str()))?;
        let (id, warnings) = self.controller.create_network(name, new).await?;
        Ok(NetworkMade { id: id.into(), warning: warnings.join("; ") })
    }

    pub(in crate::api) async fn network_update(&self, network: String, request: NetworkUpdate) -> Answer<NetworkInfo> {
        let change = asked::change(request).map_err(refusing("update network", &network))?;
        self.controller.update_network(network.clone(), change).await?;
        self.network(&network)
    }

    pub(in crate::api) async fn network_delete(&self, network: String) -> Answer<()> {
        Ok(self.controller.delete_network(network).await?)
    }

    /// Deletes what nobody uses. One that somebody comes to use meanwhile stays, and so does one that is a pattern for others.
    pub(in crate::api) async fn networks_prune(&self, filters: &Filters) -> Answer<NetworksPruned> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().try_into().unwrap_or(u64::MAX);
        let mut networks_deleted = Vec::new();
        for view in self.controller.networks().into_iter().filter(|view| choose::is_pruned(view, filters, now)) {
            match self.controller.delete_network(view.network.id.into()).await {
                Ok(()) => networks_deleted.push(view.network.name.into()),
                Err(refusal) => match refusal.kind {
                    RefusalKind::NotFound | RefusalKind::Conflict => {}
                    RefusalKind::Invalid | RefusalKind::Failed | RefusalKind::Unavailable => return Err(refusal.into()),
                },
            }
        }
        Ok(NetworksPruned { networks_deleted })
    }

    pub(in crate::api) async fn network_connect(
        &self,
        network: String,
        sandbox: String,
        request: EndpointAsked,
    ) -> Answer<NetworkConnected> {
        let new = asked::endpoint(request).map_err(refusing("connect to network", format!("{network} sandbox {sandbox}")))?;
        let id = self.controller.connect(network, sandbox, new).await?;
        Ok(NetworkConnected { endpoint_id: id.into() })
    }

    pub(in crate::api) async fn network_disconnect(&self, network: String, sandbox: String, force: bool) -> Answer<()> {
        Ok(self.controller.disconnect(network, sandbox, force).await?)
    }

    pub(in crate::api) fn endpoints(&self, network: Option<&str>) -> Answer<Vec<EndpointInfo>> {
        Ok(self.controller.endpoints(network)?.into_iter().map(shape::endpoint).collect())
    }

    pub(in crate::api) async fn endpoint(&self, endpoint: &str) -> Answer<EndpointInfo> {
        Ok(shape::endpoint(self.controller.endpoint(endpoint).await?))
    }

    pub(in crate::api) async fn endpoint_create(
        &self,
        network: String,
        name: Name,
        request: EndpointAsked,
    ) -> Answer<EndpointMade> {
        let new = asked::endpoint(request).map_err(refusing("create endpoint", format!("{network}/{name}")))?;
        Ok(EndpointMade { id: self.controller.create_endpoint(network, name, new).await?.into() })
    }

    pub(in crate::api) async fn endpoint_join(&self, endpoint: String, sandbox: String) -> Answer<()> {
        Ok(self.controller.join_endpoint(endpoint, sandbox).await?)
    }

    pub(in crate::api) async fn endpoint_leave(&self, endpoint: String, force: bool) -> Answer<()> {
        Ok(self.controller.leave_endpoint(endpoint, force).await?)
    }

    pub(in crate::api) async fn endpoint_delete(&self, endpoint: String, force: bool) -> Answer<()> {
        Ok(self.controller.delete_endpoint(endpoint, force).await?)
    }

    pub(in crate::api) fn sandboxes(&self) -> Vec<SandboxInfo> {
        self.controller.sandboxes().into_iter().map(shape::sandbox).collect()
    }

    pub(in crate::api) fn sandbox(&self, sandbox: &str) -> Answer<SandboxInfo> {
        Ok(shape::sandbox(self.controller.sandbox(sandbox)?))
    }

    pub(in crate::api) async fn sandbox_create(&self, name: Name, request: SandboxCreate) -> Answer<SandboxMade> {
        let (new, networks) = asked::sandbox(request).map_err(refusing("create sandbox", name.as_str()))?;
        Ok(SandboxMade { id: self.controller.create_sandbox(name, new, networks).await?.into() })
    }

    pub(in crate::api) async fn sandbox_delete(&self, sandbox: String, force: bool) -> Answer<()> {
        Ok(self.controller.delete_sandbox(sandbox, force).await?)
    }

    /// A network that is a switch has its name.
    fn shaped(&self, view: NetworkView) -> NetworkInfo {
        let is_switch = matches!(view.network.spec.driver.as_str(), "bridge" | "overlay") && !view.network.spec.config_only;
        let switch = is_switch.then(|| self.controller.fabric().switch(&view.network.name).ok()).flatten();
        let tunnels = switch.as_ref().map(|switch| self.controller.tunnel_facts(&switch.name)).unwrap_or_default();
        let peers = tunnels.iter().flat_map(doctor::peers).collect();
        shape::network(view, switch.map(|switch| switch.name.into()), peers)
    }
}

/// What was asked for cannot be meant.
fn refusing(what: &'static str, on: impl Into<String>) -> impl FnOnce(Fault) -> ApiError {
    move |fault| ApiError::new(ErrorCode::Invalid, what, on, fault.why, fault.hint)
}
