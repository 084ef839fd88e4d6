//! From the controller, the engine and the kernel to facts.

use super::facts::{Facts, MemberFacts, MemberState};
use crate::controller::fabric::PortView;
use crate::controller::model::{Endpoint, Network, Sandbox};
use crate::controller::refusal::Attempt;
use crate::controller::{Controller, Inner, Refusal};
use lanloom_switch_io::engine::PortState;
use std::sync::Arc;

impl Controller {
    /// What a diagnosis of a network looks at. Waits for no change.
    ///
    /// # Errors
    /// If there is no such network.
    pub async fn facts(&self, text: &str) -> Result<Facts, Refusal> {
        let network = self.inner.find_network(&Attempt::new("diagnose network", text), text)?;
        Ok(self.inner.facts(&network).await)
    }
}

impl Inner {
    async fn facts(&self, network: &Arc<Network>) -> Facts {
        // A network without a switch has no ports.
        let ports = self.fabric.ports(&network.name).unwrap_or_default();
        let mut members = Vec::new();
        for endpoint in self.book.endpoints_on(&network.id) {
            members.push(self.member(&endpoint, &ports).await);
        }
        Facts { network: network.name.to_string(), notes: self.network_view(network).notes, members, tunnels: Vec::new() }
    }

    async fn member(&self, endpoint: &Endpoint, ports: &[PortView]) -> MemberFacts {
        let joint = endpoint.state.joint();
        let sandbox = joint.and_then(|joint| self.book.sandbox(&joint.sandbox));
        let port = ports.iter().find(|port| port.spec.name == endpoint.name);
        let state = match (&sandbox, port.map(|port| &port.state)) {
            (None, _) => MemberState::Free,
            (Some(sandbox), _) if self.is_away(sandbox).await => MemberState::Lost,
            (Some(_), Some(PortState::Down { reason })) => MemberState::Down { why: reason.clone() },
            (Some(_), Some(PortState::Up) | None) => MemberState::Up,
        };
        MemberFacts {
            endpoint: endpoint.name.to_string(),
            sandbox: sandbox.map(|sandbox| sandbox.name.to_string()),
            state,
            mtu: joint.and_then(|joint| joint.mtu),
        }
    }

    /// Whether a sandbox's namespace is not there, or another one.
    async fn is_away(&self, sandbox: &Sandbox) -> bool {
        let path = self.netns_path(sandbox).filter(|_| self.is_ours(sandbox));
        match path {
            Some(path) => self.is_stale(sandbox) || !self.has_namespace(&path).await,
            None => false,
        }
    }
}
