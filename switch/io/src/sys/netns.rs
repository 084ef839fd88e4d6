//! Work inside another network namespace, done in a thread of its own that ends with the work.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::io;
use std::path::Path;

/// Runs `work` inside the namespace at `path`, or here if there is none.
///
/// A descriptor opened by `work` belongs to that namespace and keeps it alive; the thread does not.
pub(crate) fn inside<T: Send>(path: Option<&Path>, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let Some(path) = path else { return work() };
    let namespace = File::open(path)?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".into()).spawn_scoped(scope, move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            drop(namespace);
            work()
        })?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread inside the namespace panicked")))
    })
}
