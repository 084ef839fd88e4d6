//! A process of its own that enters a sandbox by the library, as the command line does.

#![allow(unsafe_code)]

use super::lab::Sandbox;
use lanloom::exec::{self, Place};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

/// A sandbox's namespace without files of its own.
pub(crate) fn bare(sandbox: &Sandbox) -> Place {
    Place { netns: sandbox.path(), files: None }
}

/// A sandbox's namespace with the files of a folder.
pub(crate) fn with_files(sandbox: &Sandbox, folder: &Path) -> Place {
    Place { netns: sandbox.path(), files: Some(folder.to_owned()) }
}

/// A process that is to become the command in the sandbox.
pub(crate) fn entering(place: &Place, command: &[&str]) -> Command {
    entering_after(place, command, || Ok(()))
}

/// The same, which first does something to itself.
pub(crate) fn entering_after(
    place: &Place,
    command: &[&str],
    first: impl Fn() -> io::Result<()> + Send + Sync + 'static,
) -> Command {
    let (place, command) = (place.clone(), command.iter().map(OsString::from).collect::<Vec<_>>());
    // Never run: the process becomes another before.
    let mut process = Command::new("/bin/false");
    let become_it = move || {
        first()?;
        let error = exec::exec(&place, &command, |warning| say(&format!("warning: {warning}\n")));
        say(&format!("{error}\n"));
        // SAFETY: it ends the process, and nothing else.
        unsafe { libc::_exit(error.status().into()) }
    };
    // SAFETY: the new process has one thread. It allocates, which glibc's allocator is made fit for after a fork, and takes no
    // lock that a test might have held.
    unsafe { process.pre_exec(become_it) };
    process
}

/// Not by the standard stream's lock, which another thread may have had when the process was made.
fn say(line: &str) {
    let _ = nix::unistd::write(io::stderr(), line.as_bytes());
}

/// What a command in the sandbox prints; panics if it fails.
pub(crate) fn output_of(place: &Place, command: &[&str]) -> String {
    let output = entering(place, command).output().expect("a process");
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).expect("text")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Gives the calling process mounts of its own, and an empty file system at each of the folders.
pub(crate) fn with_empty(folders: &[&str]) -> io::Result<()> {
    const NONE: Option<&str> = None;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(NONE, "/", NONE, MsFlags::MS_PRIVATE | MsFlags::MS_REC, NONE)?;
    for folder in folders {
        mount(Some("empty"), *folder, Some("tmpfs"), MsFlags::empty(), NONE)?;
    }
    Ok(())
}
