//! Namespaces of one's own: an ordinary user's process becomes root of a network that nobody else sees.
//!
//! [`private_namespaces`] is for the start of a program, before any thread is made: user, network and mount namespaces, with the
//! user as their root, nothing of their mounts reaching the machine's, and a `/run` of their own, so that `/run/netns` and
//! `/run/lanloom` can be made there. It is all gone with the last process in it. `/run/user` stays what it was: sockets there
//! are reached from outside too.

#![allow(unsafe_code)]

mod forbidden;

use std::ffi::{CStr, CString};
use std::fs;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fchdir, fork, getegid, geteuid, mkdir, pipe2, read, write};

use self::forbidden::Failed;
pub use self::forbidden::{Forbidden, PrivateError, Step};
use super::linux;

/// How often, and how long each time, ending threads are waited for.
const WAITS: u32 = 200;
const WAIT: Duration = Duration::from_millis(1);

/// Moves this process into namespaces of its own. It must have one thread; those that are just ending are waited for. It is
/// tried by a child first: on failure this process is where it was.
///
/// # Errors
/// Which step failed, and the setting that forbids it as far as one can be found.
pub fn private_namespaces() -> Result<(), PrivateError> {
    wait_for_threads()?;
    try_private_namespaces()?;
    let way = Way::prepare();
    way.take().map_err(|failed| failed.explain())?;
    let made = fs::create_dir_all("/run/netns").and_then(|()| fs::create_dir_all("/run/lanloom"));
    let failed = |step, text: String| PrivateError { step, why: Forbidden::Other(text) };
    made.map_err(|error| failed(Step::Run, error.to_string()))?;
    linux::set_lo_up().map_err(|error| failed(Step::Loopback, error.to_string()))
}

/// A kernel's operation may have been answered while its thread still ends.
fn wait_for_threads() -> Result<(), PrivateError> {
    let threads = || fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    for _ in 0..WAITS {
        if threads() == 1 {
            return Ok(());
        }
        thread::sleep(WAIT);
    }
    Err(PrivateError { step: Step::Unshare, why: Forbidden::Threads(threads()) })
}

/// Whether [`private_namespaces`] would work, tried by a child process that ends at once; whatever threads there are.
///
/// # Errors
/// As those of [`private_namespaces`].
pub fn try_private_namespaces() -> Result<(), PrivateError> {
    let way = Way::prepare();
    let broken = |errno: Errno| PrivateError { step: Step::Child, why: Forbidden::Errno(errno) };
    let (answer, tell) = pipe2(OFlag::O_CLOEXEC).map_err(broken)?;
    // SAFETY: the child of a process with threads may only make system calls: `Way::take` and `tell` do no more (no allocation,
    // no lock), and `_exit` runs no destructor.
    let child = match unsafe { fork() }.map_err(broken)? {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            if let Err(Failed { step, errno }) = way.take() {
                let _ = write(&tell, &[step as u8, errno as u8]);
            }
            // SAFETY: it ends the child, and nothing else.
            unsafe { libc::_exit(0) }
        }
    };
    drop(tell);
    let mut said = [0; 2];
    let length = read(&answer, &mut said).map_err(broken)?;
    waitpid(child, None).map_err(broken)?;
    match (length, said) {
        (0, _) => Ok(()),
        (_, [step, errno]) => Err(Failed { step: Step::of(step), errno: Errno::from_raw(errno.into()) }.explain()),
    }
}

/// The way there, with its texts made ready: going it makes system calls only.
struct Way {
    uids: CString,
    gids: CString,
}

impl Way {
    fn prepare() -> Self {
        let map = |id: u32| CString::new(format!("0 {id} 1")).unwrap_or_default();
        Self { uids: map(geteuid().as_raw()), gids: map(getegid().as_raw()) }
    }

    fn take(&self) -> Result<(), Failed> {
        let at = |step| move |errno| Failed { step, errno };
        let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
        unshare(flags).map_err(at(Step::Unshare))?;
        // user_namespaces(7): who may not setgroups outside has to give it up before mapping a group.
        put(c"/proc/self/setgroups", c"deny").map_err(at(Step::Map))?;
        put(c"/proc/self/uid_map", &self.uids).map_err(at(Step::Map))?;
        put(c"/proc/self/gid_map", &self.gids).map_err(at(Step::Map))?;
        let none = None::<&CStr>;
        mount(none, c"/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).map_err(at(Step::Propagation))?;
        cover_run().map_err(at(Step::Run))
    }
}

/// Mounts an empty `/run`, and what was `/run/user` in it: reached by the working directory, while that is covered.
fn cover_run() -> Result<(), Errno> {
    let directory = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let before = open(c".", directory, Mode::empty())?;
    let user = open(c"/run/user", directory, Mode::empty());
    let none = None::<&CStr>;
    mount(Some(c"lanloom"), c"/run", Some(c"tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(c"mode=0755"))?;
    let Ok(user) = user else { return Ok(()) };
    fchdir(&user)?;
    mkdir(c"/run/user", Mode::from_bits_truncate(0o755))?;
    // Recursively: what is mounted below may not be uncovered by who did not mount it.
    mount(Some(c"."), c"/run/user", none, MsFlags::MS_BIND | MsFlags::MS_REC, none)?;
    fchdir(&before)
}

fn put(path: &CStr, text: &CStr) -> Result<(), Errno> {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    write(&file, text.to_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_threads_is_told_so_and_stays_where_it_is() {
        // The test's own thread is the second one.
        let before = fs::read_link("/proc/self/ns/user").expect("a namespace");
        let error = private_namespaces().expect_err("there are threads");
        assert!(matches!(error.why(), Forbidden::Threads(count) if *count > 1), "{error}");
        assert_eq!(fs::read_link("/proc/self/ns/user").expect("a namespace"), before);
    }
}
