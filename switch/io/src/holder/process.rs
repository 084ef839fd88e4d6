//! The processes that can be looked into.

use super::Holder;
use std::fs;
use std::path::{Path, PathBuf};

/// The process that has the socket of that number, the one that was started first if there are several.
pub(super) fn having(inode: u64) -> Option<Holder> {
    let wanted = PathBuf::from(format!("socket:[{inode}]"));
    let pid = pids().into_iter().find(|pid| has(*pid, &wanted))?;
    let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // Whoever it is chose it.
    let command = command.trim_end().replace(char::is_control, " ");
    Some(Holder::Process { pid, command })
}

/// The numbers of all processes that show, from the lowest on.
pub(super) fn pids() -> Vec<u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut pids: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Whether one of a process's descriptors leads there; not if they may not be looked at.
fn has(pid: u32, wanted: &Path) -> bool {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(Result::ok);
    descriptors.filter_map(|descriptor| fs::read_link(descriptor.path()).ok()).any(|leads| leads == wanted)
}
