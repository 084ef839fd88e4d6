//! How a daemon leaves things.

use super::records::{ROOT, Records};
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
    pub(in crate::controller) fn failed(refusal: Refusal) -> Self {
        Self { removed: Vec::new(), left: vec![refusal.to_string()] }
    }

    pub(in crate::controller) fn note(&mut self, what: String, done: Result<(), Refusal>) {
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
        let mut removed = Removed::default();
        self.remove_switches(&mut removed).await;
        self.remove_orphans(&mut removed).await;
        if removed.left.is_empty() {
            self.remove_plumbing(&mut removed).await;
        }
        // What is left keeps its records, so that it is not lost sight of.
        if removed.left.is_empty() {
            removed.left.extend(self.forget_all().await.err().map(|refusal| refusal.to_string()));
        }
        removed
    }

    /// Interfaces of ours whose ports did not come about at the start.
    async fn remove_orphans(&self, removed: &mut Removed) {
        let attempt = Attempt::new("read", "the records");
        let records = match self.store.range(ROOT).await {
            Ok(range) => Records::read(&range.pairs),
            Err(error) => return removed.left.push(attempt.store(error).to_string()),
        };
        for (switch, port, record) in &records.made {
            if self.switches.get(switch).is_some_and(|entry| entry.ports.contains_key(port)) {
                continue;
            }
            let what = format!("interface {} of port {switch}/{port}, which was not there", record.url);
            removed.note(what, self.remove_made(switch, port, record).await);
        }
    }

    async fn remove_all(&self) -> Removed {
        let mut removed = Removed::default();
        self.remove_switches(&mut removed).await;
        if removed.left.is_empty() {
            self.remove_plumbing(&mut removed).await;
        }
        removed
    }

    /// Goes on whatever fails.
    async fn remove_switches(&self, removed: &mut Removed) {
        for entry in self.entries() {
            for port in entry.ports_in_order() {
                let what = format!("port {}/{} ({})", entry.name, port.spec.name, port.spec.url);
                removed.note(what, self.delete_port(&entry.name, &port.spec.name, port.origin).await);
            }
            let what = format!("switch {}", entry.name);
            removed.note(what, self.delete_switch(&entry.name, Origin::Config).await);
        }
    }

    /// With what is in it: the host ends of veths, and so the veths.
    async fn remove_plumbing(&self, removed: &mut Removed) {
        let Some(path) = &self.plumbing_path else { return };
        // The next veth makes it anew.
        *self.plumbing.lock().await = None;
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
