//! Many TAPs taken up again at once, so that their frames go on as soon as can be: side by side, by threads that go into namespaces
//! themselves, and without looking first. What is not as it was left is looked at afterwards, one port after the other.

use super::Inner;
use super::finding::{Finding, held};
use super::ports::plug_as;
use crate::url::PortUrl;
use lanloom_switch_core::PortId;
use lanloom_switch_io::plug::travel;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads that open TAPs. The kernel does much of it one by one, so that more would only wait.
const SIDE_BY_SIDE: usize = 4;

/// A port that is plugged in again, and the number of its interface.
pub(super) type Adopted = (PortId, u32);

impl Inner {
    /// Plugs in again those of these ports whose TAP is there and open to nobody, and answers for each. Blocks the calling thread.
    pub(super) fn adopt_taps(&self, found: &[Finding]) -> Vec<Option<Adopted>> {
        let adopted: Vec<OnceLock<Adopted>> = found.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            travel();
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < found.len()) {
                if let Some(plugged) = self.adopt_tap(&found[at]) {
                    // Nobody else has that place.
                    let _ = adopted[at].set(plugged);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..SIDE_BY_SIDE.min(found.len()) {
                // What no thread is left for is found again like all others.
                let _ = thread::Builder::new().name("adopt".into()).spawn_scoped(scope, work);
            }
        });
        adopted.into_iter().map(OnceLock::into_inner).collect()
    }

    /// Whatever is in its way is told when the port is looked at.
    fn adopt_tap(&self, found: &Finding) -> Option<Adopted> {
        let PortUrl::Tap(tap) = &found.spec.url else { return None };
        let (link, number) = self.plugger.adopt(self.tap_source(found.wire(), tap))?;
        let wire = found.wire();
        let id = plug_as(&found.entry, &found.spec, link, held(found, self.guard(wire))).ok()?;
        Some((id, number))
    }
}
