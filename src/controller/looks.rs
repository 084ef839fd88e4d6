//! Which sandboxes are looked at, for what somebody changed in them: some each time, in turn, and before them those whose ports went
//! down. No change waits meanwhile, nor does anybody else.

use super::model::{Id, Sandbox};
use super::{Event, EventKind, Inner, Refusal};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

/// Sandboxes that are looked at in turn at a time, and those at the most whose ports went down.
const IN_TURN: usize = 4;
const TOLD: usize = 32;

/// How many times as long as it took to look at a sandbox it is left alone: who is at home there may make that take long.
const REST: u32 = 10;

/// Who is looked at next, and what came of it so far.
pub(super) struct Looks {
    /// The name of the sandbox that was looked at last.
    seen: Option<String>,
    /// Until when sandboxes are left alone.
    pub(super) rests: HashMap<Id, Instant>,
    astray: Astray,
    events: Receiver<Event>,
}

/// Why DNS could not be redirected again, by sandbox.
#[derive(Default)]
struct Astray(HashMap<Id, String>);

impl Astray {
    /// Notes what came of the last try in a sandbox. Answers what is to be said: where `nft` is missing that is why in all of them,
    /// which is said once until none lacks it.
    fn note(&mut self, sandbox: &Id, refusal: Option<Refusal>) -> Option<Refusal> {
        let Some(refusal) = refusal else {
            self.0.remove(sandbox);
            return None;
        };
        let is_known = self.0.values().any(|why| *why == refusal.why);
        self.0.insert(sandbox.clone(), refusal.why.clone());
        (!is_known).then_some(refusal)
    }
}

impl Looks {
    pub(super) fn new(inner: &Inner) -> Self {
        Self { seen: None, rests: HashMap::new(), astray: Astray::default(), events: inner.fabric.events() }
    }

    /// Looks at those whose time it is.
    pub(super) async fn make(&mut self, inner: &Inner) {
        inner.lost.retain(|sandbox, ()| inner.book.sandbox(sandbox).is_some());
        inner.damage.retain(|sandbox, _| inner.book.sandbox(sandbox).is_some());
        self.astray.0.retain(|sandbox, _| inner.book.sandbox(sandbox).is_some());
        self.rests.retain(|_, until| *until > Instant::now());
        for sandbox in self.told(inner).into_iter().chain(self.some_in_turn(inner)) {
            if !inner.upkeep.has_ended() && !self.rests.contains_key(&sandbox.id) {
                self.look_at(inner, &sandbox.id).await;
            }
        }
    }

    /// Looks at a sandbox, and notes how long it is left alone then.
    async fn look_at(&mut self, inner: &Inner, sandbox: &Id) {
        if inner.is_lost_now(sandbox).await {
            return;
        }
        let (took, redirected) = inner.redirect_again(sandbox).await;
        if let Some(refusal) = self.astray.note(sandbox, redirected.err()) {
            tracing::warn!("{refusal}; it is tried again");
        }
        let took = took + inner.look_at(sandbox).await;
        self.rests.insert(sandbox.clone(), Instant::now() + took.saturating_mul(REST));
    }

    /// The sandboxes whose ports went down since the last time, or whose namespace was heard to go.
    fn told(&mut self, inner: &Inner) -> Vec<Arc<Sandbox>> {
        let mut told: Vec<Arc<Sandbox>> = Vec::new();
        loop {
            match self.events.try_recv() {
                Ok(Event { kind: EventKind::PortDown { switch, port, .. }, .. }) if told.len() < TOLD => {
                    let sandbox = sandbox_of(inner, &switch, &port).and_then(|id| inner.book.sandbox(&id));
                    told.extend(sandbox.filter(|sandbox| !told.iter().any(|other| other.id == sandbox.id)));
                }
                Ok(Event { kind: EventKind::SandboxLost { sandbox }, .. }) if told.len() < TOLD => {
                    told.extend(inner.book.sandboxes().into_iter().find(|one| one.name.as_str() == sandbox));
                }
                // Those that were missed have their turn too.
                Ok(_) | Err(TryRecvError::Lagged(_)) => {}
                Err(TryRecvError::Empty | TryRecvError::Closed) => return told,
            }
        }
    }

    /// The next ones by name, from the first again after the last.
    fn some_in_turn(&mut self, inner: &Inner) -> Vec<Arc<Sandbox>> {
        let all = inner.book.sandboxes();
        let is_later = |sandbox: &Arc<Sandbox>| self.seen.as_ref().is_none_or(|seen| sandbox.name.as_str() > seen.as_str());
        let at = all.iter().position(is_later).unwrap_or(0);
        let some: Vec<Arc<Sandbox>> = all.iter().cycle().skip(at).take(IN_TURN.min(all.len())).cloned().collect();
        self.seen = some.last().map(|sandbox| sandbox.name.to_string());
        some
    }
}

/// The sandbox that a network's port leads to.
fn sandbox_of(inner: &Inner, switch: &str, port: &str) -> Option<Id> {
    let network = inner.book.networks().into_iter().find(|network| network.name.as_str() == switch)?;
    let endpoint = inner.book.endpoints_on(&network.id).into_iter().find(|endpoint| endpoint.name.as_str() == port)?;
    endpoint.state.joint().map(|joint| joint.sandbox.clone())
}

#[cfg(test)]
mod tests {
    use super::super::refusal::Attempt;
    use super::*;

    #[test]
    fn what_keeps_dns_from_being_redirected_in_many_sandboxes_is_said_once_until_none_of_them_lacks_it() {
        let (mut astray, sandboxes) = (Astray::default(), [Id::random(), Id::random()]);
        let refusal = |why| Some(Attempt::new("redirect DNS again in sandbox", "one").failed(why, "install it"));
        let mut said = Vec::new();
        for why in ["no nft", "no nft", "too old", "too old"] {
            said.extend(sandboxes.iter().filter_map(|sandbox| astray.note(sandbox, refusal(why))));
        }
        assert_eq!(said.iter().map(|refusal| refusal.why.as_str()).collect::<Vec<_>>(), ["no nft", "too old"]);
        assert!(sandboxes.iter().all(|sandbox| astray.note(sandbox, None).is_none()));
        assert_eq!(astray.note(&sandboxes[1], refusal("too old")), refusal("too old"));
    }
}
