//! Namespaces of a test process's own.

use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Enters a network and a `/run` that nobody else has: while the process has one thread.
pub(crate) fn enter_own_namespaces() -> nix::Result<()> {
    let none = None::<&Path>;
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("lanloom"), "/run", Some("tmpfs"), MsFlags::empty(), none)
}
