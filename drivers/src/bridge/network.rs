//! What a network has beside its switch and its endpoints: the gateway, and the way out of the host.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join;

use super::egress::refused;
use super::layout::{Layout, Made};
use super::{Bridge, GATEWAY};
use crate::driver::{DriverError, EndpointSpec, NetworkSpec, PortGuard};
use crate::kernel::Why;
use crate::switched::{Kind, Layout as _, Network, Switched, also, endpoint_guards};

#[async_trait]
impl Kind for Bridge {
    type Layout = Layout;

    fn switched(&self) -> &Switched<Layout> {
        &self.networks
    }

    async fn build(&self, layout: &Arc<Layout>) -> Result<Vec<String>, DriverError> {
        if layout.has_gateway() { self.build_gateway(layout).await } else { Ok(Vec::new()) }
    }

    async fn dismantle(&self, network: &Network<Layout>) -> Result<(), DriverError> {
        let (closed, unplugged) = join(self.close_egress(network), self.remove_gateway(network)).await;
        match (closed.err(), unplugged) {
            (failed, Err(error)) => also(failed, error),
            (failed, Ok(())) => failed,
        }
        .map_or(Ok(()), Err)
    }

    async fn apply(&self, network: &Network<Layout>) -> Result<(), DriverError> {
        let layout = &network.layout;
        if !layout.has_gateway() {
            return Ok(());
        }
        let opened = self.egress.open(layout).await;
        let opened = opened.map_err(|error| refused("open the way out of network", &layout.spec.name, &error))?;
        if opened.renew {
            self.renew_gateways().await?;
        }
        self.right_gateway(layout, true).await
    }

    async fn find(&self, layout: &Arc<Layout>, ports: &[String], notes: &mut Vec<String>) {
        if !layout.has_gateway() {
            return;
        }
        match self.right_gateway(layout, ports.iter().any(|port| port == GATEWAY)).await {
            Ok(()) => {}
            Err(error) => notes.push(error.to_string()),
        }
        self.egress.know(layout).await;
        self.note(&layout.spec.id, |made| (made.gateway, made.egress) = (true, true));
    }
}

impl Bridge {
    fn note(&self, id: &str, note: impl FnOnce(&mut Made)) {
        self.networks.registry.note(id, note);
    }

    /// The gateway's interface and the firewall wait for the kernel side by side; only when both are there does the gateway forward.
    async fn build_gateway(&self, layout: &Arc<Layout>) -> Result<Vec<String>, DriverError> {
        let id = &layout.spec.id;
        // Whatever fails, it is to be closed again.
        self.note(id, |made| made.egress = true);
        let gateway = async {
            self.make_gateway(layout).await?;
            self.note(id, |made| made.gateway = true);
            self.set_gateway(layout, &layout.sysctls(false)?).await
        };
        let (port, outcome) = join(gateway, self.egress.open(layout)).await;
        let lacks_rights = outcome.as_ref().is_err_and(|error| matches!(error.why(), Why::NotPermitted(_)));
        let outcome = outcome.map_err(|error| refused("open the way out of network", &layout.spec.name, &error));
        let outcome = match (port, outcome) {
            (Ok(()), outcome) => outcome?,
            (Err(error), Ok(_)) => return Err(error),
            // Once is enough, in the words that hold for all of it.
            (Err(_), Err(other)) if lacks_rights => return Err(other),
            (Err(error), Err(other)) => return Err(error.and(Err(other))),
        };
        if outcome.renew {
            self.renew_gateways().await?;
        }
        self.open_gateway(layout).await?;
        Ok(outcome.notes)
    }

    async fn close_egress(&self, network: &Network<Layout>) -> Result<(), DriverError> {
        let Layout { spec, .. } = &*network.layout;
        if network.made.egress {
            let closed = self.egress.close(&spec.id).await;
            closed.map_err(|error| refused("close the way out of network", &spec.name, &error))?;
            self.note(&spec.id, |made| made.egress = false);
        }
        Ok(())
    }

    async fn remove_gateway(&self, network: &Network<Layout>) -> Result<(), DriverError> {
        let Layout { spec, .. } = &*network.layout;
        if network.made.gateway {
            self.networks.fabric.delete_port(&spec.name, GATEWAY).await?;
            self.note(&spec.id, |made| made.gateway = false);
        }
        Ok(())
    }

    /// Puts right what all networks share.
    pub(super) async fn settle_all(&self) -> Result<Vec<String>, DriverError> {
        let _turn = self.networks.registry.turn.lock().await;
        let outcome = self.egress.settle().await;
        let outcome = outcome.map_err(|error| refused("set up the firewall for", "all networks", &error))?;
        if outcome.renew {
            self.renew_gateways().await?;
        }
        Ok(outcome.notes)
    }

    /// What there is to say about an endpoint.
    pub(super) async fn describe(&self, network: &str, endpoint: &str) -> Result<BTreeMap<String, String>, DriverError> {
        let (mut words, layout) = self.networks.describe(network, endpoint).await?;
        words.insert("lanloom.egress".to_owned(), self.egress_word(&layout).await);
        Ok(words)
    }

    /// How a network reaches the world outside.
    async fn egress_word(&self, layout: &Layout) -> String {
        if layout.spec.internal {
            return "off: the network is internal".to_owned();
        }
        if let Some(why) = self.egress.closed() {
            return format!("off: {why}");
        }
        let places: Vec<_> = self
            .egress
            .opened()
            .await
            .iter()
            .map(|at| format!(", by {} of table {} {}", at.chain, at.family, at.table))
            .collect();
        format!("on{}", places.concat())
    }
}

/// What the ports of a network are held to, before it is restored: as the options say, and to the strictest where these cannot be
/// read.
pub(super) fn guards(network: &NetworkSpec, endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
    let layout = Layout::of("guard network", network).ok();
    let gateway = layout.as_ref().filter(|layout| layout.has_gateway()).map(Layout::gateway_port);
    let usual = layout.as_ref().map(Layout::guard);
    gateway.map(|port| (port.name, port.guard)).into_iter().chain(endpoint_guards(usual, endpoints)).collect()
}
