//! Making, changing and deleting a network, and taking one up again, whatever its driver.
//!
//! What there is of a network is noted step by step. Undoing goes by these notes, the last step first, whether a network is deleted,
//! could not be made, or was left half made before.

use std::sync::Arc;

use async_trait::async_trait;

use super::registry::Network;
use super::{Layout, Switched};
use crate::driver::{DriverError, DriverErrorKind, EndpointSpec, Join};

/// What a driver of such networks does by itself; the rest, which is provided, is the same for all.
#[async_trait]
pub(crate) trait Kind: Send + Sync {
    /// What its networks look like.
    type Layout: Layout;

    /// Its networks.
    fn switched(&self) -> &Switched<Self::Layout>;

    /// Makes what a network has beside its switch, which is there, and its endpoints, and notes each step. Answers a line for each
    /// thing that it does without.
    async fn build(&self, layout: &Arc<Self::Layout>) -> Result<Vec<String>, DriverError>;

    /// Undoes whatever there is of that, as noted; goes on after a failure. The switch is deleted next, with the ports it still has.
    async fn dismantle(&self, network: &Network<Self::Layout>) -> Result<(), DriverError>;

    /// Brings all of that to what the network's layout says.
    async fn apply(&self, network: &Network<Self::Layout>) -> Result<(), DriverError>;

    /// Takes all of that up after a start, and makes again what is not there; `ports` are those that the switch has. What stays
    /// away is a line among the notes.
    async fn find(&self, layout: &Arc<Self::Layout>, ports: &[String], notes: &mut Vec<String>);

    /// Makes a network.
    async fn make_network(&self, layout: Self::Layout) -> Result<Vec<String>, DriverError> {
        let (what, spec) = ("create network", layout.spec().clone());
        let registry = &self.switched().registry;
        let _turn = registry.turn.lock().await;
        self.clear_remains(what, &layout).await?;
        registry.claim(what, layout)?;
        match self.build_all(&spec.id).await {
            Ok(notes) => {
                registry.note_whole(&spec.id, true);
                Ok(notes)
            }
            Err(error) => Err(error.and(self.take_down(&spec.id).await)),
        }
    }

    /// Takes down what is left of networks that could not be made or deleted before. Those of others may wait.
    async fn clear_remains(&self, what: &str, layout: &Self::Layout) -> Result<(), DriverError> {
        let spec = layout.spec();
        for remains in self.switched().registry.remains() {
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

    /// Makes a network's switch, and the rest.
    async fn build_all(&self, id: &str) -> Result<Vec<String>, DriverError> {
        let switched = self.switched();
        let layout = switched.layout("create network", id)?;
        switched.fabric.create_switch(&layout.spec().name).await?;
        switched.registry.note_switch(id, true);
        self.build(&layout).await
    }

    /// Undoes whatever there is of a network, goes on after a failure, and forgets the network if all is gone.
    async fn take_down(&self, id: &str) -> Result<(), DriverError> {
        let switched = self.switched();
        let Some(network) = switched.registry.any(id) else { return Ok(()) };
        let mut failed = self.dismantle(&network).await.err();
        if network.switch {
            match switched.fabric.delete_switch(&network.layout.spec().name).await {
                Ok(()) => switched.registry.note_switch(id, false),
                Err(error) => failed = also(failed, error),
            }
        }
        match failed {
            Some(error) => Err(error),
            None => {
                switched.registry.forget(id);
                Ok(())
            }
        }
    }

    /// Deletes a network.
    async fn remove_network(&self, id: &str) -> Result<(), DriverError> {
        let what = "delete network";
        let switched = self.switched();
        let _turn = switched.registry.turn.lock().await;
        let Some(before) = switched.registry.hide(what, id)? else { return Ok(()) };
        let cleared = switched.clear_abandoned(&before, None).await;
        if let Err(error) = cleared.and(switched.refuse_strange_ports(what, &before).await) {
            switched.registry.note_whole(id, true);
            return Err(error);
        }
        self.take_down(id).await
    }

    /// Changes what may be changed of a network: all of it, or nothing.
    async fn change_network(&self, layout: Self::Layout) -> Result<(), DriverError> {
        let what = "update network";
        let registry = &self.switched().registry;
        let _turn = registry.turn.lock().await;
        let id = layout.spec().id.clone();
        let old = registry.network(what, &id)?.layout;
        let layout = layout.follow(what, &old)?;
        registry.change(what, layout)?;
        let Err(error) = self.bring_about(what, &id).await else { return Ok(()) };
        let undone = match registry.change(what, (*old).clone()) {
            Ok(()) => self.bring_about(what, &id).await,
            Err(error) => Err(error),
        };
        Err(error.and(undone))
    }

    /// Brings everything of a network to what its layout says.
    async fn bring_about(&self, what: &str, id: &str) -> Result<(), DriverError> {
        let switched = self.switched();
        let network = switched.registry.network(what, id)?;
        self.apply(&network).await?;
        for endpoint in switched.registry.endpoints(id) {
            switched.set_seat(&network, &endpoint).await?;
        }
        Ok(())
    }

    /// Takes up what an earlier start made, and makes again what is not there any more.
    async fn take_up(
        &self,
        layout: Self::Layout,
        endpoints: &[(EndpointSpec, Option<Join>)],
    ) -> Result<Vec<String>, DriverError> {
        let (what, id) = ("restore network", layout.spec().id.clone());
        let switched = self.switched();
        let _turn = switched.registry.turn.lock().await;
        self.clear_remains(what, &layout).await?;
        switched.registry.claim(what, layout)?;
        let mut notes = Vec::new();
        let ports = match self.find_all(&id, &mut notes).await {
            Ok(ports) => ports,
            Err(error) => return Err(error.and(self.take_down(&id).await)),
        };
        switched.registry.note_whole(&id, true);
        for (endpoint, join) in endpoints {
            if let Err(error) = switched.restore_endpoint(&id, endpoint, join.as_ref(), &ports).await {
                notes.push(error.to_string());
            }
        }
        Ok(notes)
    }

    /// The switch, and the rest; the ports that the switch had.
    async fn find_all(&self, id: &str, notes: &mut Vec<String>) -> Result<Vec<String>, DriverError> {
        let switched = self.switched();
        let layout = switched.layout("restore network", id)?;
        let found = switched.fabric.ports(&layout.spec().name).await;
        if found.is_none() {
            switched.fabric.create_switch(&layout.spec().name).await?;
        }
        switched.registry.note_switch(id, true);
        let ports = found.unwrap_or_default();
        self.find(&layout, &ports, notes).await;
        Ok(ports)
    }
}

impl<L: Layout> Switched<L> {
    /// Ports that were added by hand would lose their switch.
    async fn refuse_strange_ports(&self, what: &str, network: &Network<L>) -> Result<(), DriverError> {
        let (layout, name) = (&network.layout, &network.layout.spec().name);
        let ports = self.fabric.ports(name).await.unwrap_or_default();
        let strange: Vec<_> = ports.iter().map(String::as_str).filter(|port| layout.own_port(port).is_none()).collect();
        if strange.is_empty() {
            return Ok(());
        }
        let why = format!("its switch has ports that are no endpoint's: {}", strange.join(", "));
        let hint = format!("delete them first: `lanloom port delete {name} {}`", strange[0]);
        Err(DriverError::new(DriverErrorKind::Conflict, what, name, why, hint))
    }
}

/// The first error, with another that came after it.
pub(crate) fn also(first: Option<DriverError>, next: DriverError) -> Option<DriverError> {
    Some(match first {
        Some(first) => first.and(Err(next)),
        None => next,
    })
}
