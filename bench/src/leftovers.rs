//! What benchmarks name after themselves, and the removal of what one left that was killed before it could.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Everything of ours is called so, then the process id of its benchmark.
const PREFIX: &str = "lanloom-bench-";
/// Where `ip netns` keeps names.
pub(crate) const NETNS_DIR: &str = "/run/netns";
/// A file system in memory.
pub(crate) const TMPFS: &str = "/dev/shm";

/// A name that says that this process made what has it.
pub(crate) fn name(suffix: &str) -> String {
    format!("{PREFIX}{}-{suffix}", std::process::id())
}

/// Where hierarchies of control groups are mounted, or the one of version 2 is.
const CGROUPS: &str = "/sys/fs/cgroup";

/// Removes namespaces, control groups and files of benchmarks that no longer run. Their programs ended with them.
pub(crate) fn remove() {
    for name in left_in(Path::new(NETNS_DIR)) {
        delete_netns(&name);
    }
    for hierarchy in hierarchies() {
        for name in left_in(&hierarchy) {
            remove_cgroup(&hierarchy.join(name));
        }
    }
    let temp = std::env::temp_dir();
    for (dir, name) in
        [Path::new(TMPFS), &temp].into_iter().flat_map(|dir| left_in(dir).into_iter().map(move |name| (dir, name)))
    {
        let path = dir.join(name);
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        if let Err(why) = removed {
            eprintln!("could not remove {}: {why}", path.display());
        }
    }
}

/// Deletes a namespace, also when the run was asked to end; what prevents it is printed.
pub(crate) fn delete_netns(name: &str) {
    match Command::new("ip").args(["netns", "del", name]).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => eprintln!("could not delete the namespace {name}: {}", String::from_utf8_lossy(&output.stderr).trim()),
        Err(why) => eprintln!("could not delete the namespace {name}: starting ip: {why}"),
    }
}

/// Removes the control groups of a name of ours, whose processes have ended.
pub(crate) fn delete_cgroups(name: &str) {
    for group in hierarchies().map(|hierarchy| hierarchy.join(name)).filter(|group| group.exists()) {
        remove_cgroup(&group);
    }
}

fn hierarchies() -> impl Iterator<Item = PathBuf> {
    let root = PathBuf::from(CGROUPS);
    let version_1 = std::fs::read_dir(&root).into_iter().flatten().flatten().map(|entry| entry.path());
    let version_1: Vec<_> = version_1.filter(|path| path.join("cgroup.procs").exists() && !path.is_symlink()).collect();
    std::iter::once(root).chain(version_1)
}

/// A group's files cannot be removed and need not be: those that are in it go first, then it.
fn remove_cgroup(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_cgroup(&entry.path());
        }
    }
    if let Err(why) = std::fs::remove_dir(group) {
        eprintln!("could not remove {}: {why}", group.display());
    }
}

fn left_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| owner(name).is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())).collect()
}

/// The process id in a name, if a benchmark gave it.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_a_benchmark_gives_have_an_owner() {
        assert_eq!(owner("lanloom-bench-4711-3-a"), Some(4711));
        assert_eq!(owner(&name("0-a")), Some(std::process::id()));
        assert_eq!(owner("lanloom-bench-x-a"), None);
        assert_eq!(owner("lanloom-4711-a"), None);
    }

    #[test]
    fn what_a_benchmark_that_runs_made_is_not_left_over() {
        let dir = crate::lan::ScratchDir::new("leftovers-test").unwrap();
        std::fs::write(dir.path().join(name("file")), "").unwrap();
        // No process has this id: it is above what Linux gives out (2^22).
        std::fs::write(dir.path().join("lanloom-bench-999999999-file"), "").unwrap();
        assert_eq!(left_in(dir.path()), ["lanloom-bench-999999999-file"]);
    }
}
