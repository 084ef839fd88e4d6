//! How a daemon leaves things.

use super::records::ROOT;
use super::refusal::Attempt;
use super::registry::Origin;
use super::{Inner, Refusal};
use crate::store::{OPERATIONS_MAX, Operation, Txn};
use lanloom_drivers::kernel::{Netns, Why};

/// What was removed, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// A line for each thing that is gone.
    pub removed: Vec<String>,
    /// A line for each thing that is left, with the reason.
    pub left: Vec<String>,
}

impl Removed {
    pub(super) fn failed(refusal: Refusal) -> Self {
        Self { removed: Vec::new(), left: vec![refusal.to_string()] }
    }

    fn note(&mut self, what: String, done: Result<(), Refusal>) {
        match done {
            Ok(()) => self.removed.push(what),
            Err(refusal) => self.left.push(refusal.to_string()),
        }
    }
}

impl Inner {
    pub(super) async fn stop(&self) -> Removed {
        if self.ephemeral {
            return self.remove_all().await;
        }
        for entry in self.entries() {
            // Its thread may have ended; then its links are closed all the same.
            let _ = entry.handle.delete();
        }
        self.switches.clear();
        Removed::default()
    }

    pub(super) async fn reset(&self) -> Removed {
        let mut removed = self.remove_all().await;
        let records = self.forget_all().await;
        removed.left.extend(records.err().map(|refusal| refusal.to_string()));
        removed
    }

    /// Goes on whatever fails.
    async fn remove_all(&self) -> Removed {
        let mut removed = Removed::default();
        for entry in self.entries() {
            for port in entry.ports_in_order() {
                let what = format!("port {}/{} ({})", entry.name, port.spec.name, port.spec.url);
                removed.note(what, self.delete_port(&entry.name, &port.spec.name, port.origin).await);
            }
            let what = format!("switch {}", entry.name);
            removed.note(what, self.delete_switch(&entry.name, Origin::Config).await);
        }
        if removed.left.is_empty() {
            self.remove_plumbing(&mut removed).await;
        }
        removed
    }

    /// With what is in it: the host ends of veths, and so the veths.
    async fn remove_plumbing(&self, removed: &mut Removed) {
        let Some(path) = &self.plumbing_path else { return };
        match self.kernel.delete_netns(&Netns::At(path.clone())).await {
            Ok(_) => removed.removed.push(format!("namespace {}", path.display())),
            Err(error) if matches!(error.why(), Why::NoSuchNetns(_)) => {}
            Err(error) => removed.left.push(error.to_string()),
        }
    }

    async fn forget_all(&self) -> Result<(), Refusal> {
        let attempt = Attempt::new("forget", "all records");
        let range = self.store.range(ROOT).await.map_err(|error| attempt.store(error))?;
        for pairs in range.pairs.chunks(OPERATIONS_MAX) {
            let delete = pairs.iter().map(|pair| Operation::Delete { key: pair.key.clone() });
            self.commit(&attempt, Txn::of(delete)).await?;
        }
        Ok(())
    }
}
