//! What demos left that were killed before they could clean up.

use super::show::Show;
use super::stage::sandboxes_in;
use lanloom_drivers::kernel::{Kernel, LinuxKernel, Netns};
use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What the names of namespaces and folders of demos begin with; the demo's process follows.
pub(super) const STEM: &str = "lanloom-demo-";

/// Deletes the namespaces of demos whose process is no more, and their folders, and says so.
pub(super) fn delete(netns_dir: &Path, show: &Show) {
    let orphans = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let orphan = |name: &String| owner(name).is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(orphan).collect::<Vec<_>>()
    };
    let namespaces = orphans(netns_dir);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let deleted = namespaces.iter().map(|name| {
        let netns = Netns::At(netns_dir.join(name));
        let deleted = runtime.block_on(LinuxKernel::new(netns_dir).delete_netns(&netns));
        (name, deleted.map(drop).map_err(|error| error.to_string()))
    });
    let temporary = std::env::temp_dir();
    let folders = orphans(&temporary);
    let ours = |name: &&String| {
        let folder = fs::symlink_metadata(temporary.join(name));
        folder.is_ok_and(|folder| folder.is_dir() && folder.uid() == nix::unistd::geteuid().as_raw())
    };
    let removed = folders.iter().filter(ours).map(|name| {
        let folder = temporary.join(name);
        let unmounted = sandboxes_in(&folder).iter().try_for_each(|folder| unmount(folder));
        let removed = unmounted.and_then(|()| fs::remove_dir_all(folder).map_err(|error| error.to_string()));
        (name, removed)
    });
    for (name, done) in deleted.chain(removed) {
        match done {
            Ok(()) => show.line(&format!("  removed {name}, left by a demo that was killed\n")),
            Err(why) => show.line(&format!("  {name}, left by a demo that was killed, cannot be removed: {why}\n")),
        }
    }
}

/// Takes off what was mounted on a folder to make namespaces in it, with all that are still mounted there.
///
/// # Errors
/// If the kernel refuses.
pub(super) fn unmount(folder: &Path) -> Result<(), String> {
    if !folder.exists() {
        return Ok(());
    }
    match umount2(folder, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        // Nothing was mounted, or nothing could be.
        Ok(()) | Err(Errno::EINVAL | Errno::EPERM) => Ok(()),
        Err(errno) => Err(format!("unmounting {}: {errno}", folder.display())),
    }
}

/// The process in the name of something that is a demo's.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(STEM)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_demo_gives_have_an_owner() {
        assert_eq!(owner("lanloom-demo-4711-blue"), Some(4711));
        assert_eq!(owner("lanloom-demo-4711"), Some(4711));
        assert_eq!(owner("lanloom-demo-4711.pcapng"), None);
        assert_eq!(owner("lanloom-4711-blue"), None);
    }
}
