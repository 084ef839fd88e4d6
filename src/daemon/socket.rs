//! The socket the daemon listens on.

use crate::daemon::lock::{Lock, LockError};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Group, chown};
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// Who may speak to a system's daemon beside root.
const GROUP: &str = "lanloom";

/// Bytes that a socket's path may have: `sun_path` without its NUL (`unix(7)`).
const PATH_MAX: usize = 107;

/// A listening socket, its path held against a second daemon. The path is gone when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    _lock: Lock,
}

impl Socket {
    /// Listens on `path`, mode 0660, of group `lanloom` if that exists. Takes over what a dead daemon left there.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it.
    pub fn listen(path: &Path) -> Result<Self, String> {
        let elsewhere = |error: io::Error| format!("{error}; name another place with --socket");
        let path = std::path::absolute(path).map_err(|error| refusal(path, &elsewhere(error)))?;
        if path.as_os_str().len() > PATH_MAX {
            return Err(refusal(
                &path,
                &format!("a socket's path has {PATH_MAX} bytes at most; name a shorter one with --socket"),
            ));
        }
        make_folder(&path)?;
        let lock = Lock::take(&lock_path(&path)).map_err(|error| taken(&path, error))?;
        remove_stale(&path)?;
        let listener = bind(&path).map_err(|error| refusal(&path, &elsewhere(error)))?;
        Ok(Self { listener, path, _lock: lock })
    }

    /// Its absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The listener, for the runtime.
    ///
    /// # Errors
    /// If no more files can be open.
    pub fn listener(&self) -> io::Result<tokio::net::UnixListener> {
        let listener = self.listener.try_clone()?;
        listener.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(listener)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn make_folder(path: &Path) -> Result<(), String> {
    let Some(folder) = path.parent().filter(|folder| !folder.exists()) else { return Ok(()) };
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.map_err(|error| refusal(path, &format!("its folder cannot be made: {error}; name another with --socket")))
}

fn lock_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn taken(path: &Path, error: LockError) -> String {
    match error {
        LockError::Taken { pid, .. } => {
            let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
            refusal(path, &format!("another daemon{who} has it; speak to that one, or name another socket with --socket"))
        }
        LockError::Io { path: file, error } => {
            refusal(path, &format!("{}: {error}; name another with --socket", file.display()))
        }
    }
}

/// Removes a socket nobody listens on: our lock shows that no daemon of ours does. Anything else is not ours to remove.
fn remove_stale(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refusal(path, &format!("{error}; name another place with --socket"))),
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path).map_err(|error| {
            refusal(
                path,
                &format!("what a dead daemon left there cannot be removed: {error}; name another place with --socket"),
            )
        }),
        Ok(_) => Err(refusal(path, &"something that is no socket is there; move it away, or name another with --socket")),
    }
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    // Closed to all others from its first moment on; opened to the group when it has its group.
    let before = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(before);
    let listener = listener?;
    if let Ok(Some(group)) = Group::from_name(GROUP) {
        // Only root may; a user's own daemon stays the user's.
        let _ = chown(path, None, Some(group.gid));
    }
    fs::set_permissions(path, Permissions::from_mode(0o660))?;
    Ok(listener)
}

fn refusal(path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("cannot listen on {}: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_is_refused_and_a_dead_one_s_socket_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/lanloom.sock");
        let first = Socket::listen(&path).expect("free");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o660);
        let refused = Socket::listen(&path).expect_err("taken");
        assert!(refused.contains(&format!("another daemon (process {}) has it", std::process::id())), "{refused}");
        drop(first);
        assert!(!path.exists());
        drop(UnixListener::bind(&path).expect("what a dead daemon leaves"));
        Socket::listen(&path).expect("taken over");
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notes.txt");
        fs::write(&path, "mine").expect("written");
        assert!(Socket::listen(&path).expect_err("not ours").contains("no socket"));
        assert_eq!(fs::read_to_string(&path).expect("still there"), "mine");
    }

    #[test]
    fn every_refusal_says_what_to_do_next() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("written");
        let _first = Socket::listen(&folder.path().join("taken.sock")).expect("free");
        let long = PathBuf::from(format!("/tmp/{}", "x".repeat(120)));
        let in_no_folder = PathBuf::from("/proc/lanloom.sock");
        for path in [PathBuf::new(), file.join("l.sock"), file.clone(), folder.path().join("taken.sock"), long, in_no_folder] {
            let refused = Socket::listen(&path).expect_err("refused");
            let next = refused.rsplit_once([';', ',']).map(|(_, next)| next).unwrap_or_default();
            assert!(next.contains("with --socket"), "{}: {refused}", path.display());
        }
    }

    #[test]
    fn a_path_longer_than_the_kernel_takes_is_refused_with_the_limit() {
        let path = PathBuf::from(format!("/tmp/{}", "x".repeat(120)));
        assert!(Socket::listen(&path).expect_err("too long").contains("107 bytes"));
    }
}
