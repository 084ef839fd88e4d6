//! Work inside another network namespace, done in a thread of its own that ends with the work, or by one that goes there and
//! comes back.

use nix::sched::{CloneFlags, setns};
use std::cell::OnceCell;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The namespace of the calling thread.
const HERE: &str = "/proc/thread-self/ns/net";

/// How long a thread waits with another try to come back: the kernel lacked memory.
const PAUSE: Duration = Duration::from_millis(10);

thread_local! {
    /// Where a thread that goes into namespaces itself is at home.
    static HOME: OnceCell<File> = const { OnceCell::new() };
}

/// From now on the calling thread goes into namespaces itself and comes back, which costs a tenth of what a thread for each entry
/// does. It must be one that belongs to nobody else. If it may not come back it goes nowhere, and threads go in its place as for all
/// others.
pub(crate) fn travel() {
    let Ok(home) = File::open(HERE) else { return };
    if setns(&home, CloneFlags::CLONE_NEWNET).is_ok() {
        // A second time it is at home already.
        let _ = HOME.with(|at| at.set(home));
    }
}

/// Brings a thread home when it is dropped, however the work there ended.
struct Away<'a>(&'a File);

impl Drop for Away<'_> {
    fn drop(&mut self) {
        // It has been there before, and may; only memory can be short.
        while setns(self.0, CloneFlags::CLONE_NEWNET).is_err() {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Runs `work` inside the namespace at `path`, or here if there is none.
///
/// A descriptor opened by `work` belongs to that namespace and keeps it alive; the thread does not.
pub(crate) fn inside<T: Send>(path: Option<&Path>, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let Some(path) = path else { return work() };
    let namespace = File::open(path)?;
    HOME.with(|home| match home.get() {
        Some(home) => {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            drop(namespace);
            let _away = Away(home);
            work()
        }
        None => in_thread(namespace, work),
    })
}

fn in_thread<T: Send>(namespace: File, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("netns".into()).spawn_scoped(scope, move || {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            drop(namespace);
            work()
        })?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread inside the namespace panicked")))
    })
}

/// Runs a test's work in a namespace of its own, gone with it; threads and programs that it starts are there too. Says so if this
/// machine has none.
#[cfg(test)]
pub(crate) fn alone(work: impl FnOnce() + Send + 'static) {
    let inside = move || match nix::sched::unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => work(),
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "no network namespace: {why}");
            println!("skipped, no network namespace: {why}");
        }
    };
    std::thread::spawn(inside).join().expect("no panic");
}

/// Runs `ip` with these words in the thread's namespace.
#[cfg(test)]
pub(crate) fn ip(words: &str) {
    let done = std::process::Command::new("ip").args(words.split(' ')).status();
    assert!(done.expect("ip (iproute2)").success(), "ip {words}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;
    use std::path::PathBuf;
    use std::sync::mpsc;

    fn here() -> u64 {
        std::fs::metadata(HERE).expect("its namespace").ino()
    }

    /// The namespace of a thread of its own for as long as the work goes on.
    fn with_another(work: impl FnOnce(&Path)) {
        let (told, tid) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            nix::sched::unshare(CloneFlags::CLONE_NEWNET).expect("allowed here");
            told.send(nix::unistd::gettid()).expect("heard");
            // Told by the end of whoever tells.
            let _ = ended.recv();
        });
        work(&PathBuf::from(format!("/proc/self/task/{}/ns/net", tid.recv().expect("told"))));
        drop(end);
        other.join().expect("no panic");
    }

    #[test]
    fn a_thread_that_travels_works_in_the_namespace_and_is_at_home_again_even_after_a_panic() {
        alone(|| {
            with_another(|path| {
                let (home, there) = (here(), std::fs::metadata(path).expect("a namespace").ino());
                let me = std::thread::current().id();
                let visit = || inside(Some(path), || Ok((here(), std::thread::current().id()))).expect("inside");
                assert!(visit().0 == there && visit().1 != me, "another thread goes");
                travel();
                assert_eq!((visit(), here()), ((there, me), home), "it goes itself");
                let panic = std::panic::catch_unwind(|| inside::<()>(Some(path), || panic!("on purpose")));
                assert!(panic.is_err());
                assert_eq!(here(), home);
                assert!(inside(Some(path), || Err::<(), _>(io::Error::other("on purpose"))).is_err());
                assert_eq!(here(), home);
            });
        });
    }
}
