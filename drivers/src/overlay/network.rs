//! What a network has beside its switch and its endpoints: its tunnels.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::layout::{Layout, Made, own_port};
use super::options::NetworkOptions;
use super::{NO_EGRESS, Overlay};
use crate::driver::{DriverError, EndpointSpec, NetworkSpec, PortGuard, Tunnel, TunnelPath};
use crate::switched::{Kind, Layout as _, Network, Switched, endpoint_guards};

#[async_trait]
impl Kind for Overlay {
    type Layout = Layout;

    fn switched(&self) -> &Switched<Layout> {
        &self.networks
    }

    async fn build(&self, layout: &Arc<Layout>) -> Result<Vec<String>, DriverError> {
        self.right_tunnels(layout).await.map(|()| Vec::new())
    }

    /// Tunnels go with their switch.
    async fn dismantle(&self, _network: &Network<Layout>) -> Result<(), DriverError> {
        Ok(())
    }

    async fn apply(&self, network: &Network<Layout>) -> Result<(), DriverError> {
        self.right_tunnels(&network.layout).await
    }

    /// What stays away is told by [`Overlay::complete`], which comes next.
    async fn find(&self, layout: &Arc<Layout>, _ports: &[String], _notes: &mut Vec<String>) {
        match self.right_tunnels(layout).await {
            Ok(()) | Err(_) => {}
        }
    }
}

impl Overlay {
    /// Has a network's tunnels be as its layout says, with as little change as that takes. What is there stays while this host has
    /// no place in the underlay.
    async fn right_tunnels(&self, layout: &Layout) -> Result<(), DriverError> {
        let (id, switch) = (&layout.spec.id, &layout.spec.name);
        let registry = &self.networks.registry;
        registry.note(id, |made| made.tunnels = false);
        if layout.place.is_none() {
            return Ok(());
        }
        let tunnels = layout.tunnels();
        let ports = self.networks.fabric.ports(switch).await.unwrap_or_default();
        let ours = ports.iter().filter(|port| own_port(port).is_some());
        for excess in ours.filter(|port| tunnels.iter().all(|tunnel| tunnel.name != **port)) {
            self.networks.fabric.delete_port(switch, excess).await?;
        }
        for tunnel in &tunnels {
            self.right_tunnel(switch, tunnel).await?;
        }
        registry.note(id, |made| *made = Made { tunnels: true, trouble: None });
        Ok(())
    }

    async fn right_tunnel(&self, switch: &str, tunnel: &Tunnel) -> Result<(), DriverError> {
        let fabric = &self.networks.fabric;
        match fabric.tunnel(switch, &tunnel.name).await {
            Some(now) if is_alike(&now, &tunnel.path) => {
                if sorted(&now.peers) != sorted(&tunnel.path.peers) {
                    fabric.set_tunnel_peers(switch, &tunnel.name, &tunnel.path.peers).await?;
                }
                fabric.set_port(switch, &tunnel.name, false, &tunnel.guard).await
            }
            Some(_) => {
                fabric.delete_port(switch, &tunnel.name).await?;
                fabric.add_tunnel(switch, tunnel).await
            }
            None => fabric.add_tunnel(switch, tunnel).await,
        }
    }

    /// Changes what may be changed of a network.
    pub(super) async fn change(&self, spec: &NetworkSpec) -> Result<(), DriverError> {
        let what = "update network";
        let before = self.networks.registry.network(what, &spec.id)?.layout.place.map(|place| place.local);
        self.change_network(self.plan(what, spec, before).await?).await
    }

    /// Says why a network's tunnels are not as they should be; whether that is news.
    fn note_trouble(&self, id: &str, trouble: Option<String>) -> bool {
        let before = self.networks.registry.any(id).and_then(|network| network.made.trouble);
        let is_new = trouble.is_some() && trouble != before;
        self.networks.registry.note(id, |made| made.trouble = trouble);
        is_new
    }

    /// Tries again what of tunnels could not be made when their networks were taken up. Answers a line for each network of which it
    /// cannot for another reason than before.
    pub(super) async fn complete(&self) -> Vec<String> {
        let registry = &self.networks.registry;
        let _turn = registry.turn.lock().await;
        let mut news = Vec::new();
        for network in registry.all().into_iter().filter(|network| network.whole && !network.made.tunnels) {
            let spec = &network.layout.spec;
            let trouble = self.complete_one(spec).await.err().map(|error| error.to_string());
            if self.note_trouble(&spec.id, trouble.clone()) {
                news.extend(trouble);
            }
        }
        news
    }

    async fn complete_one(&self, spec: &NetworkSpec) -> Result<(), DriverError> {
        let what = "make tunnels of network";
        let layout = self.plan(what, spec, None).await?;
        self.networks.registry.change(what, layout.clone())?;
        self.right_tunnels(&layout).await
    }

    /// What of a network is not as it should be now.
    pub(super) fn notes_on(&self, id: &str) -> Vec<String> {
        let Some(network) = self.networks.registry.any(id) else { return Vec::new() };
        let trouble = network.made.trouble.map(|why| format!("other hosts are not reached: {why}"));
        network.layout.notes().into_iter().chain(trouble).collect()
    }

    /// What there is to say about an endpoint.
    pub(super) async fn describe(&self, network: &str, endpoint: &str) -> Result<BTreeMap<String, String>, DriverError> {
        let (mut words, layout) = self.networks.describe(network, endpoint).await?;
        let (_, endpoint) = self.networks.registry.endpoint("look at endpoint", network, endpoint)?;
        words.insert("lanloom.egress".to_owned(), format!("off: {NO_EGRESS}"));
        words.insert("lanloom.vni".to_owned(), layout.segment_of(&endpoint.spec).1.vni.to_string());
        Ok(words)
    }
}

/// Whether a tunnel is as it is to be, but for its peers and its guard.
fn is_alike(now: &TunnelPath, wanted: &TunnelPath) -> bool {
    let without = |path: &TunnelPath| TunnelPath { peers: Vec::new(), ..path.clone() };
    without(now) == without(wanted)
}

fn sorted(peers: &[IpAddr]) -> Vec<IpAddr> {
    let mut peers = peers.to_vec();
    peers.sort_unstable();
    peers
}

/// What the ports of a network are held to, before it is restored: as the options say, and to the strictest where these cannot be
/// read.
pub(super) fn guards(network: &NetworkSpec, endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
    let options = NetworkOptions::parse("guard network", network).ok();
    let layout = options.and_then(|options| Layout::of(network, options, Vec::new(), None).ok());
    let tunnels = layout.as_ref().map(Layout::tunnel_guards).unwrap_or_default();
    let usual = layout.as_ref().map(|layout| layout.guard());
    tunnels.into_iter().chain(endpoint_guards(usual, endpoints)).collect()
}
