//! Namespaces that go behind our back. The sockets of a sandbox's name server would keep such a namespace alive, with all that is
//! in it: they are closed as soon as its file is gone. That somebody only unmounts one is told by nobody; rounds see it.
//!
//! Files in a folder are heard of by inotify. A namespace of a process (`/proc/PID/ns/net`) has no file of which anybody would tell:
//! it is given up when its process has ended, which a descriptor of that process tells. One thread waits for both, and sleeps
//! while nothing goes.

use super::identity::process_of;
use super::servers::NameServers;
use super::{Event, EventKind};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::broadcast;

/// Hears of namespaces that go, until it is dropped.
#[derive(Debug)]
pub(super) struct Vanishing {
    ears: Arc<Ears>,
}

/// What the thread listens to.
#[derive(Debug)]
struct Ears {
    inotify: Inotify,
    /// By number; one is enough, however many sandboxes have its namespace.
    processes: Mutex<Vec<(i32, Arc<OwnedFd>)>>,
    /// There is another process to wait for, or the end has come.
    wake: EventFd,
    has_ended: AtomicBool,
}

impl Vanishing {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the process has no descriptor or thread left.
    pub(super) fn start(servers: Arc<NameServers>, events: broadcast::Sender<Event>) -> io::Result<Self> {
        let ears = Arc::new(Ears::new()?);
        let (listening, runtime) = (Arc::clone(&ears), Handle::current());
        let listen = move || {
            while let Some(went) = listening.wait() {
                if went {
                    let (servers, events) = (Arc::clone(&servers), events.clone());
                    runtime.spawn(async move { sweep(&servers, &events).await });
                }
            }
        };
        std::thread::Builder::new().name("vanish".into()).spawn(listen)?;
        Ok(Self { ears })
    }

    /// From now on it is heard if the namespace at that path goes.
    pub(super) fn watch(&self, path: &Path) -> io::Result<()> {
        self.ears.watch(path)
    }
}

impl Drop for Vanishing {
    fn drop(&mut self) {
        self.ears.has_ended.store(true, Ordering::Relaxed);
        // Full, it wakes the thread all the same.
        let _ = self.ears.wake.write(1);
    }
}

impl Ears {
    fn new() -> io::Result<Self> {
        Ok(Self {
            inotify: Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?,
            processes: Mutex::default(),
            wake: EventFd::from_value_and_flags(0, EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            has_ended: AtomicBool::new(false),
        })
    }

    fn watch(&self, path: &Path) -> io::Result<()> {
        if let Some(pid) = process_of(path) {
            return self.watch_process(pid);
        }
        let Some(folder) = path.parent() else { return Ok(()) };
        // A folder that is watched already stays so, and one that was made anew is another: the kernel knows which (inotify(7)).
        self.inotify.add_watch(folder, AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVED_FROM)?;
        Ok(())
    }

    fn watch_process(&self, pid: i32) -> io::Result<()> {
        let mut processes = self.processes();
        if !processes.iter().any(|(known, _)| *known == pid) {
            let named = Pid::from_raw(pid).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
            processes.push((pid, Arc::new(pidfd_open(named, PidfdFlags::empty())?)));
            drop(processes);
            self.wake.write(1)?;
        }
        Ok(())
    }

    fn processes(&self) -> MutexGuard<'_, Vec<(i32, Arc<OwnedFd>)>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something went (`true`), or there is another thing to wait for; `None` at the end.
    fn wait(&self) -> Option<bool> {
        let processes = self.processes().clone();
        let others = [self.wake.as_fd(), self.inotify.as_fd()];
        let all = others.into_iter().chain(processes.iter().map(|(_, process)| process.as_fd()));
        let mut all: Vec<PollFd<'_>> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut all, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => {
                tracing::error!(%error, "what becomes of namespaces is not heard any more");
                return None;
            }
        }
        if self.has_ended.load(Ordering::Relaxed) {
            return None;
        }
        let ready: Vec<bool> = all.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        // What was read or could not be does not matter: what is gone is looked for.
        let _ = (self.wake.read(), self.inotify.read_events());
        let ended: Vec<&(i32, Arc<OwnedFd>)> =
            processes.iter().zip(&ready[2..]).filter(|(_, ready)| **ready).map(|(it, _)| it).collect();
        self.processes().retain(|process| !ended.iter().any(|ended| Arc::ptr_eq(&ended.1, &process.1)));
        Some(ready[1] || !ended.is_empty())
    }
}

/// Stops the servers whose namespaces are gone.
async fn sweep(servers: &NameServers, events: &broadcast::Sender<Event>) {
    for (sandbox, running) in servers.take_gone() {
        running.end().await;
        // Nobody may be listening.
        let _ = events.send(EventKind::SandboxLost { sandbox }.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_goes_from_a_folder_that_was_made_anew_is_heard_too() {
        let (home, ears) = (tempfile::tempdir().expect("a folder"), Ears::new().expect("descriptors"));
        let folder = home.path().join("netns");
        for _ in 0..2 {
            fs::create_dir(&folder).expect("made");
            let path = folder.join("a");
            fs::write(&path, "").expect("written");
            ears.watch(&path).expect("watched");
            fs::remove_file(&path).expect("removed");
            let events = ears.inotify.read_events().expect("it is heard");
            assert!(events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_DELETE)), "{events:?}");
            fs::remove_dir(&folder).expect("removed");
            ears.inotify.read_events().expect("it is heard");
        }
    }
}
