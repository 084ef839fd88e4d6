//! Keeps things right while the daemon runs: one task that sees to sandboxes whose turn has come, and goes its rounds. The sandboxes
//! that a start found come first; forwarding and the API do not wait for them. It takes its turn among the changes, each time briefly.

use super::Inner;
use super::model::{EndpointState, Sandbox, SandboxState};
use super::refusal::Attempt;
use super::refusal::Refusal;
use super::restore::both;
use super::rounds::Rounds;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

/// Sandboxes that are seen to side by side, in one turn.
const SIDE_BY_SIDE: usize = 8;

/// Begins. It ends with the controller, whether anybody waits for that or not.
pub(super) fn start(inner: &Arc<Inner>) -> JoinHandle<()> {
    tokio::spawn(run(Arc::downgrade(inner)))
}

async fn run(inner: Weak<Inner>) {
    let Some(rounds) = inner.upgrade().map(|inner| Arc::new(Mutex::new(Rounds::new(&inner)))) else { return };
    while let Some(inner) = inner.upgrade().filter(|inner| !inner.upkeep.has_ended()) {
        let (any, next) = pass(&rounds, &inner).await;
        let upkeep = Arc::clone(&inner.upkeep);
        drop(inner);
        if any {
            continue;
        }
        let pause = upkeep.next(Instant::now()).map_or(next, |due| due.min(next));
        // Either way it is time to look.
        let _ = timeout(pause, upkeep.woken.notified()).await;
    }
}

/// Sees to some sandboxes whose turn has come, and goes a round if it is time: however many wait, rounds come in between. Answers
/// whether there were any, and how long until the next round.
pub(super) async fn pass(rounds: &Arc<Mutex<Rounds>>, inner: &Arc<Inner>) -> (bool, Duration) {
    (see_to_some(inner).await, go_round(rounds, inner).await)
}

/// Makes a round, if it is time, and answers how long until the next. One that panics takes none of those after it along.
async fn go_round(rounds: &Arc<Mutex<Rounds>>, inner: &Arc<Inner>) -> Duration {
    let (held, inner) = (Arc::clone(rounds), Arc::clone(inner));
    if let Err(error) = tokio::spawn(async move { held.lock().await.make(&inner).await }).await {
        tracing::error!("a round to put things right stopped halfway: {error}; the next one comes in its time");
    }
    rounds.lock().await.next()
}

/// Sees to sandboxes whose turn has come. Answers whether there were any.
async fn see_to_some(inner: &Arc<Inner>) -> bool {
    if inner.upkeep.next(Instant::now()) != Some(Duration::ZERO) {
        return false;
    }
    let _turn = inner.writer.lock().await;
    if inner.upkeep.has_ended() {
        return false;
    }
    let now = Instant::now();
    let sandboxes = inner.book.sandboxes().into_iter().filter(|sandbox| inner.upkeep.take_turn(&sandbox.id, now));
    let mut some = JoinSet::new();
    for sandbox in sandboxes.take(SIDE_BY_SIDE) {
        let inner = Arc::clone(inner);
        some.spawn(async move { inner.see_to(&sandbox).await });
    }
    let any = !some.is_empty();
    // One that has panicked has said so itself, and has its turn again.
    while some.join_next().await.is_some() {}
    any
}

impl Inner {
    /// Brings a sandbox to what it is to be, and notes it for another try if that fails.
    async fn see_to(&self, sandbox: &Sandbox) {
        match sandbox.state {
            SandboxState::Ready if !self.is_stale(sandbox) => {}
            // What is on its way is the matter of whoever has it there, and what is at a path that leads elsewhere is another's.
            SandboxState::Ready | SandboxState::Creating | SandboxState::Deleting => return self.upkeep.take_out(&sandbox.id),
        }
        match self.put_right(sandbox).await {
            Ok(()) => self.upkeep.take_out(&sandbox.id),
            Err(refusal) => {
                tracing::warn!("{refusal}; it is tried again");
                self.upkeep.fail(&sandbox.id, refusal.to_string());
            }
        }
    }

    /// Goes on whatever fails: one interface that is not as it should be takes neither the others nor the names from a sandbox.
    async fn put_right(&self, sandbox: &Sandbox) -> Result<(), Refusal> {
        let attempt = Attempt::new("find sandbox again", &sandbox.name);
        let (mut done, mut routes) = (Ok(()), Vec::new());
        for endpoint in self.book.joined_to(&sandbox.id) {
            let EndpointState::Joined(joint) = &endpoint.state else { continue };
            match self.populate_again(&attempt, sandbox, &endpoint, joint).await {
                Ok(seen) => routes.extend(seen),
                Err(refusal) => done = both(done, Err(refusal)),
            }
        }
        if !self.servers.has(&sandbox.id) {
            done = both(done, self.start_names_again(&attempt, sandbox).await);
        }
        self.doubt_ways_out(sandbox, &routes);
        done = both(done, self.choose_ways_out_among(&attempt, sandbox, &routes).await);
        self.write_files(sandbox);
        done
    }

    /// What leads to the server is recorded if it is new, so that the next start need not make it again; and so is what tells the
    /// namespace from others, where a start made it or a record of before does not say.
    async fn start_names_again(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<(), Refusal> {
        let redirect = self.start_names(attempt, sandbox).await?;
        let known = Sandbox { redirect, identity: self.identity_of(sandbox), ..sandbox.clone() };
        if known != *sandbox {
            let sandbox = known;
            if let Err(refusal) = self.save(attempt, &sandbox).await {
                tracing::warn!("{refusal}");
            }
            self.book.put_sandbox(sandbox);
        }
        Ok(())
    }
}
