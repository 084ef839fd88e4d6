//! One daemon a socket, and one a state directory.
//!
//! A lock is a file locked by `flock` for as long as the process lives: the kernel lets go of it however the process ends, so a
//! crash leaves nothing that has to be cleaned. That takes a moment: a process that was killed closes its packet sockets first,
//! each of which waits for the kernel, so whoever starts the next one at once is given that moment too.

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long a place may be held by another before that counts.
const PATIENCE: Duration = Duration::from_secs(2);

/// A place that this process holds alone.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

/// Why a place could not be taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it.
    Taken {
        /// The lock file.
        path: PathBuf,
        /// Its process, if it has written its number.
        pid: Option<u32>,
    },
    /// The file could not be opened or locked.
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
}

impl Lock {
    /// Takes the place that the file at `path` stands for, and writes this process' number into it.
    ///
    /// # Errors
    /// If another process has it, or the file cannot be made.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |error: io::Error| LockError::Io { path: path.to_owned(), error };
        let end = Instant::now() + PATIENCE;
        loop {
            let file = open(path).map_err(failed)?;
            let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => file,
                Err((_, Errno::EWOULDBLOCK)) if Instant::now() < end => {
                    thread::sleep(Duration::from_millis(10));
                    continue;
                }
                Err((mut file, Errno::EWOULDBLOCK)) => {
                    return Err(LockError::Taken { path: path.to_owned(), pid: read_pid(&mut file) });
                }
                Err((_, errno)) => return Err(failed(errno.into())),
            };
            // Whoever had it before may have removed the file between our opening and our locking it.
            if is_at(&file, path).map_err(failed)? {
                note_pid(&mut file).map_err(failed)?;
                return Ok(Self { path: path.to_owned(), _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked: nobody can have taken the place yet.
        let _ = fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC).open(path)
}

fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn note_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    writeln!(file, "{}", std::process::id())
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_held_by_one_and_free_again_when_it_lets_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = Lock::take(&path).expect("free");
        match Lock::take(&path) {
            Err(LockError::Taken { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        assert!(!path.exists());
        Lock::take(&path).expect("free again");
    }

    #[test]
    fn a_place_whose_holder_is_about_to_end_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        let first = Lock::take(&path).expect("free");
        let ending = thread::spawn(move || {
            thread::sleep(PATIENCE / 10);
            drop(first);
        });
        Lock::take(&path).expect("free in a moment");
        ending.join().expect("it let go");
    }

    #[test]
    fn a_lock_file_that_is_a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, link) = (folder.path().join("target"), folder.path().join("lock"));
        std::os::unix::fs::symlink(&target, &link).expect("a link");
        assert!(matches!(Lock::take(&link), Err(LockError::Io { .. })));
        assert!(!target.exists());
    }
}
