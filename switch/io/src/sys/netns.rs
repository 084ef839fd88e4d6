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

/// Runs a test's work in a namespace of its own, gone with it; threads and programs that it starts are there too. Says so if this
/// machine has none.
#[cfg(test)]
pub(crate) fn alone(work: impl FnOnce() + Send + 'static) {
    let inside = move || match nix::sched::unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => work(),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "no network namespace: {why}");
            println!("skipped, no network namespace: {why}");
        }
    };
    std::thread::spawn(inside).join().expect("no panic");
}

/// Runs `ip` with these words in the thread's namespace.
#[cfg(test)]
pub(crate) fn ip(words: &str) {
    let done = std::process::Command::new("ip").args(words.split(' ')).status();
    assert!(done.expect("ip (iproute2)").success(), "ip {words}");
}
