//! Work inside a host's namespace, done in a thread of its own: sockets opened there belong there for good.

use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::path::Path;
use std::thread;

/// Runs `work` in the namespace at `path`.
///
/// # Errors
/// What `work` says, or why the namespace cannot be entered.
pub(super) fn inside<T: Send>(path: &Path, work: impl FnOnce() -> Result<T, String> + Send) -> Result<T, String> {
    let failed = |error: &dyn std::fmt::Display| format!("entering namespace {}: {error}", path.display());
    let namespace = File::open(path).map_err(|error| failed(&error))?;
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("host".to_owned()).spawn_scoped(scope, || {
            setns(&namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| failed(&errno))?;
            drop(namespace);
            work()
        });
        let thread = thread.map_err(|error| failed(&error))?;
        thread.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()))
    })
}
