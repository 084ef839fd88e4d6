//! Making and deleting a network, and taking one up again.
//!
//! What there is of a network is noted step by step ([`Made`](super::registry::Made)). Undoing goes by these notes, the last step
//! first, whether a network is deleted, could not be made, or was left half made before.

use std::sync::Arc;

use futures_util::future::join;

use super::egress::refused;
use super::layout::{Layout, check_change};
use super::registry::Network;
use super::{Bridge, GATEWAY};
use crate::driver::{DriverError, DriverErrorKind, EndpointSpec, Join, NetworkSpec};
use crate::kernel::Why;

impl Bridge {
    /// Makes a network.
    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<Vec<String>, DriverError> {
        let what = "create network";
        let layout = Layout::of(what, spec)?;
        let _turn = self.registry.turn.lock().await;
        self.clear_remains(what, spec).await?;
        self.registry.claim(what, layout)?;
        match self.build(&spec.id).await {
            Ok(notes) => {
                self.registry.note(&spec.id, |made| made.whole = true);
                Ok(notes)
            }
            Err(error) => Err(error.and(self.take_down(&spec.id).await)),
        }
    }

    /// Takes down what is left of networks that could not be made or deleted before. Those of others may wait.
    async fn clear_remains(&self, what: &str, spec: &NetworkSpec) -> Result<(), DriverError> {
        for remains in self.registry.remains() {
            match self.take_down(&remains).await {
                Err(error) if remains == spec.id => {
                    let (why, hint) = ("what an earlier try left is still there", error.hint.clone());
                    return Err(DriverError::new(error.kind, what, &spec.name, why, hint).and(Err(error)));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    async fn build(&self, id: &str) -> Result<Vec<String>, DriverError> {
        let layout = self.layout("create network", id)?;
        self.fabric.create_switch(&layout.spec.name).await?;
        self.registry.note(id, |made| made.switch = true);
        if layout.has_gateway() { self.build_gateway(id, &layout).await } else { Ok(Vec::new()) }
    }

    /// The gateway's interface and the firewall wait for the kernel side by side; only when both are there does the gateway forward.
    async fn build_gateway(&self, id: &str, layout: &Arc<Layout>) -> Result<Vec<String>, DriverError> {
        // Whatever fails, it is to be closed again.
        self.registry.note(id, |made| made.egress = true);
        let gateway = async {
            self.make_gateway(layout).await?;
            self.registry.note(id, |made| made.gateway = true);
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

    /// Undoes whatever there is of a network, goes on after a failure, and forgets the network if all is gone.
    async fn take_down(&self, id: &str) -> Result<(), DriverError> {
        let Some(network) = self.registry.any(id) else { return Ok(()) };
        let switch = &network.layout.spec.name;
        let (closed, unplugged) = join(self.close_egress(&network), self.remove_gateway(&network)).await;
        let mut failed = closed.err();
        if let Err(error) = unplugged {
            failed = also(failed, error);
        }
        if network.made.switch {
            match self.fabric.delete_switch(switch).await {
                Ok(()) => self.registry.note(id, |made| (made.switch, made.gateway) = (false, false)),
                Err(error) => failed = also(failed, error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => {
                self.registry.forget(id);
                Ok(())
            }
        }
    }

    async fn close_egress(&self, network: &Network) -> Result<(), DriverError> {
        let Layout { spec, .. } = &*network.layout;
        if network.made.egress {
            let closed = self.egress.close(&spec.id).await;
            closed.map_err(|error| refused("close the way out of network", &spec.name, &error))?;
            self.registry.note(&spec.id, |made| made.egress = false);
        }
        Ok(())
    }

    async fn remove_gateway(&self, network: &Network) -> Result<(), DriverError> {
        let Layout { spec, .. } = &*network.layout;
        if network.made.gateway {
            self.fabric.delete_port(&spec.name, GATEWAY).await?;
            self.registry.note(&spec.id, |made| made.gateway = false);
        }
        Ok(())
    }

    /// Deletes a network.
    pub(super) async fn remove_network(&self, id: &str) -> Result<(), DriverError> {
        let what = "delete network";
        let _turn = self.registry.turn.lock().await;
        let Some(before) = self.registry.hide(what, id)? else { return Ok(()) };
        let cleared = self.clear_abandoned(&before, None).await;
        if let Err(error) = cleared.and(self.refuse_strange_ports(what, &before).await) {
            self.registry.note(id, |made| made.whole = true);
            return Err(error);
        }
        self.take_down(id).await
    }

    /// Ports that were added by hand would lose their switch.
    async fn refuse_strange_ports(&self, what: &str, network: &Network) -> Result<(), DriverError> {
        let name = &network.layout.spec.name;
        let ports = self.fabric.ports(name).await.unwrap_or_default();
        let strange: Vec<_> = ports.iter().filter(|port| *port != GATEWAY).map(String::as_str).collect();
        if strange.is_empty() {
            return Ok(());
        }
        let why = format!("its switch has ports that are no endpoint's: {}", strange.join(", "));
        let hint = format!("delete them first: `lanloom port delete {name} {}`", strange[0]);
        Err(DriverError::new(DriverErrorKind::Conflict, what, name, why, hint))
    }

    /// Changes what may be changed of a network.
    pub(super) async fn change_network(&self, spec: &NetworkSpec) -> Result<(), DriverError> {
        let what = "update network";
        let layout = Layout::of(what, spec)?;
        let _turn = self.registry.turn.lock().await;
        let old = self.layout(what, &spec.id)?;
        check_change(what, &old, &layout)?;
        self.registry.change(what, layout)?;
        let Err(error) = self.apply(what, &spec.id).await else { return Ok(()) };
        let undone = match self.registry.change(what, (*old).clone()) {
            Ok(()) => self.apply(what, &spec.id).await,
            Err(error) => Err(error),
        };
        Err(error.and(undone))
    }

    /// Brings everything of a network to what its layout says.
    async fn apply(&self, what: &str, id: &str) -> Result<(), DriverError> {
        let network = self.registry.network(what, id)?;
        if network.layout.has_gateway() {
            let opened = self.egress.open(&network.layout).await;
            let opened = opened.map_err(|error| refused("open the way out of network", &network.layout.spec.name, &error))?;
            if opened.renew {
                self.renew_gateways().await?;
            }
            self.right_gateway(&network.layout, true).await?;
        }
        for endpoint in self.registry.endpoints(id) {
            self.set_seat(&network, &endpoint).await?;
        }
        Ok(())
    }

    /// Takes up what an earlier start made, and makes again what is not there any more.
    pub(super) async fn take_up(
        &self,
        spec: &NetworkSpec,
        endpoints: &[(EndpointSpec, Option<Join>)],
    ) -> Result<Vec<String>, DriverError> {
        let what = "restore network";
        let layout = Layout::of(what, spec)?;
        let _turn = self.registry.turn.lock().await;
        self.clear_remains(what, spec).await?;
        self.registry.claim(what, layout)?;
        let mut notes = Vec::new();
        let ports = match self.restore_switch(&spec.id, &mut notes).await {
            Ok(ports) => ports,
            Err(error) => return Err(error.and(self.take_down(&spec.id).await)),
        };
        self.registry.note(&spec.id, |made| made.whole = true);
        for (endpoint, join) in endpoints {
            if let Err(error) = self.restore_endpoint(&spec.id, endpoint, join.as_ref(), &ports).await {
                notes.push(error.to_string());
            }
        }
        Ok(notes)
    }

    /// The switch and its gateway; the ports that the switch had.
    async fn restore_switch(&self, id: &str, notes: &mut Vec<String>) -> Result<Vec<String>, DriverError> {
        let layout = self.layout("restore network", id)?;
        let found = self.fabric.ports(&layout.spec.name).await;
        if found.is_none() {
            self.fabric.create_switch(&layout.spec.name).await?;
        }
        self.registry.note(id, |made| made.switch = true);
        let ports = found.unwrap_or_default();
        if layout.has_gateway() {
            match self.right_gateway(&layout, ports.iter().any(|port| port == GATEWAY)).await {
                Ok(()) => {}
                Err(error) => notes.push(error.to_string()),
            }
            self.egress.know(&layout).await;
            self.registry.note(id, |made| (made.gateway, made.egress) = (true, true));
        }
        Ok(ports)
    }

    /// Puts right what all networks share.
    pub(super) async fn settle_all(&self) -> Result<Vec<String>, DriverError> {
        let _turn = self.registry.turn.lock().await;
        let outcome = self.egress.settle().await;
        let outcome = outcome.map_err(|error| refused("set up the firewall for", "all networks", &error))?;
        if outcome.renew {
            self.renew_gateways().await?;
        }
        Ok(outcome.notes)
    }

    fn layout(&self, what: &str, id: &str) -> Result<Arc<Layout>, DriverError> {
        self.registry.any(id).map(|network| network.layout).ok_or_else(|| DriverError::no_network(what, id))
    }
}

fn also(first: Option<DriverError>, next: DriverError) -> Option<DriverError> {
    Some(match first {
        Some(first) => first.and(Err(next)),
        None => next,
    })
}
