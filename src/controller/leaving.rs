//! How a daemon leaves networks and sandboxes: as they are, or, if it is ephemeral or told to reset, not at all.

use super::fabric::Removed;
use super::keys::{HOST_ID, put_host};
use super::model::{Network, NetworkState};
use super::networks::is_predefined;
use super::refusal::Attempt;
use super::{Inner, Refusal};
use crate::store::Txn;

impl Inner {
    pub(super) async fn stop(&self) -> Removed {
        self.upkeep.end();
        let mut removed = Removed::default();
        if self.ephemeral {
            self.remove_all(&mut removed).await;
        } else {
            for sandbox in self.book.sandboxes() {
                self.stop_names(&sandbox).await;
            }
        }
        with(removed, self.fabric.stop().await)
    }

    pub(super) async fn reset(&self) -> Removed {
        let mut removed = Removed::default();
        self.remove_all(&mut removed).await;
        let removed = with(removed, self.fabric.reset().await);
        if let Err(refusal) = self.remember_what_is_left().await {
            tracing::warn!("{refusal}");
        }
        removed
    }

    /// What could not be removed, and the networks that are always there, are not lost sight of; and the host keeps its prefix.
    async fn remember_what_is_left(&self) -> Result<(), Refusal> {
        let attempt = Attempt::new("keep records", "of what is left");
        for sandbox in self.book.sandboxes() {
            self.save(&attempt, &*sandbox).await?;
        }
        for endpoint in self.book.endpoints() {
            self.save(&attempt, &*endpoint).await?;
        }
        for network in self.book.networks() {
            self.save(&attempt, &*network).await?;
        }
        let id = put_host(HOST_ID, &self.host_id).map_err(|error| attempt.failed(error, "report it"))?;
        self.commit(&attempt, Txn::of([id])).await
    }

    /// Goes on whatever fails.
    async fn remove_all(&self, removed: &mut Removed) {
        for sandbox in self.book.sandboxes() {
            let attempt = Attempt::new("delete sandbox", &sandbox.name);
            removed.note(format!("sandbox {}", sandbox.name), self.unmake_sandbox(&attempt, &sandbox, false).await);
        }
        for endpoint in self.book.endpoints() {
            let attempt = Attempt::new("delete endpoint", &endpoint.name);
            removed.note(format!("endpoint {}", endpoint.name), self.leave(&attempt, &endpoint, true).await);
        }
        for network in self.book.networks() {
            let attempt = Attempt::new("delete network", &network.name);
            let what = format!("network {}", network.name);
            if !is_predefined(network.name.as_str()) {
                removed.note(what, self.unmake_network(&attempt, &network).await);
            } else if network.spec.driver == "bridge" && network.state != NetworkState::Dormant {
                removed.note(what, self.put_to_sleep(&attempt, &network).await);
            }
        }
    }

    /// Takes away what was made of a network that is always there.
    pub(super) async fn put_to_sleep(&self, attempt: &Attempt, network: &Network) -> Result<(), Refusal> {
        self.driver(attempt, &network.spec.driver)?.delete_network(network.id.as_str()).await?;
        let asleep = network.asleep();
        self.save(attempt, &asleep).await?;
        self.release_pools(network);
        self.book.put_network(asleep);
        self.notes.remove(&network.id);
        self.spread_pools();
        Ok(())
    }
}

fn with(first: Removed, second: Removed) -> Removed {
    Removed {
        removed: first.removed.into_iter().chain(second.removed).collect(),
        left: first.left.into_iter().chain(second.left).collect(),
    }
}
