//! From the controller, the engine and the kernel to facts.

use super::facts::{Facts, MemberFacts, MemberState, PeerFacts, SendError, StrayFacts, TunnelFacts, Way};
use crate::controller::fabric::{PortView, TunnelView};
use crate::controller::model::{Endpoint, Network, Sandbox};
use crate::controller::refusal::Attempt;
use crate::controller::{Controller, Inner, Refusal};
use crate::names::Name;
use lanloom_drivers::driver::NO_WAY_OUT;
use lanloom_switch_io::clock;
use lanloom_switch_io::engine::{PortState, VtepStatus};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long peers are waited for: longer than it takes for one to count as gone, and for a size to count as lost.
const CHECK_PATIENCE: Duration = Duration::from_secs(6);

/// From look to look meanwhile.
const CHECK_AGAIN: Duration = Duration::from_millis(20);

impl Controller {
    /// What a diagnosis of a network looks at. Waits for no change, but for the answers of peers: some seconds where they do not come.
    ///
    /// # Errors
    /// If there is no such network.
    pub async fn facts(&self, text: &str) -> Result<Facts, Refusal> {
        let network = self.inner.find_network(&Attempt::new("diagnose network", text), text)?;
        Ok(self.inner.facts(&network).await)
    }

    /// The ends of tunnels that a switch has, but for where their addresses are.
    pub fn tunnel_facts(&self, switch: &Name) -> Vec<TunnelFacts> {
        self.inner.tunnel_facts(switch)
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
        let mut tunnels = self.checked_tunnels(&network.name).await;
        for tunnel in &mut tunnels {
            tunnel.way = self.way(tunnel.local).await;
        }
        // A network of tunnels has no way out, and is well.
        let is_wrong = |note: &String| tunnels.is_empty() || !note.starts_with(NO_WAY_OUT);
        let notes = self.network_view(network).notes.into_iter().filter(is_wrong).collect();
        Facts { network: network.name.to_string(), notes, members, tunnels }
    }

    /// The ends of a switch's tunnels, after their peers have been asked how they are now.
    async fn checked_tunnels(&self, switch: &Name) -> Vec<TunnelFacts> {
        let asked = Instant::now();
        // A network without a switch has no tunnels.
        let _ = self.fabric.check_tunnels(switch);
        loop {
            let tunnels = self.tunnel_facts(switch);
            let is_checking = |peer: &PeerFacts| peer.health.is_some_and(|health| health.checking);
            let waits = tunnels.iter().any(|tunnel| tunnel.down.is_none() && tunnel.peers.iter().any(is_checking));
            if !waits || asked.elapsed() > CHECK_PATIENCE {
                return tunnels;
            }
            tokio::time::sleep(CHECK_AGAIN).await;
        }
    }

    fn tunnel_facts(&self, switch: &Name) -> Vec<TunnelFacts> {
        let tunnels = self.fabric.tunnels(switch).unwrap_or_default();
        tunnels.into_iter().map(tunnel).collect()
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

fn tunnel(view: TunnelView) -> TunnelFacts {
    let TunnelView { name, state, mtu, status } = view;
    let now = clock::now();
    let strays = status.strays.iter();
    let strays = strays.map(|stray| StrayFacts { from: stray.from, vni: stray.vni.get(), ago: now.since(stray.last) });
    let down = match state {
        PortState::Up => None,
        PortState::Down { reason } => Some(reason),
    };
    TunnelFacts {
        port: name.to_string(),
        vni: status.config.vni.get(),
        local: status.config.local,
        udp: status.config.port,
        down,
        mtu,
        way: Way::Unseen { why: "nobody looked".to_owned() },
        error: status.trouble.as_ref().map(|it| SendError { to: it.to, what: it.what.clone(), ago: now.since(it.at) }),
        peers: peers(&status),
        strays: strays.collect(),
        unknown: status.unknown.iter().map(|sender| (sender.address, now.since(sender.last))).collect(),
    }
}

/// All but the group that stands for some.
fn peers(status: &VtepStatus) -> Vec<PeerFacts> {
    let health = |address| status.health.iter().find(|(peer, _)| *peer == address).map(|(_, health)| *health);
    let peers = status.peers.iter().filter(|peer| !peer.address.is_multicast());
    let facts = peers.map(|peer| {
        let (address, named, flooded) = (peer.address, peer.named, peer.flooded);
        PeerFacts { address, named, flooded, health: health(address) }
    });
    facts.collect()
}
