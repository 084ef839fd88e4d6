//! A sandbox's files can be read by whoever runs in it, however strict the daemon's umask is. Alone in its process, which the
//! umask belongs to.

use lanloom::etc::SandboxFiles;
use nix::sys::stat::{Mode, umask};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn files_and_folders_are_readable_for_all_whatever_the_umask() {
    let folder = tempfile::tempdir().expect("a folder");
    umask(Mode::from_bits_truncate(0o077));
    let files = SandboxFiles::new(folder.path().join("netns/a"), folder.path().join("copies/a"));
    files.write_hosts("h\n").expect("written");
    files.write_resolv("r\n").expect("written");
    let mode = |path: &str| fs::metadata(folder.path().join(path)).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(["netns/a/hosts", "netns/a/resolv.conf"].map(mode), [0o644; 2]);
    assert_eq!(["netns", "netns/a"].map(mode), [0o755; 2]);
}
