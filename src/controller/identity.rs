//! Which namespace was adopted, or made: a path may lead to another one later. The number of a process is given to the next one, a name
//! may be deleted and made anew by somebody, and after a restart of the machine all begin anew. What is told of a namespace by its path
//! only is therefore compared with what the path led to at first; a sandbox whose path leads elsewhere now is *stale*, and nothing is
//! done in that other namespace.

use super::fabric::forgetting;
use super::keys::{Recorded, Shelf};
use super::model::{EndpointState, Identity, Sandbox, SandboxPlace};
use super::refusal::Attempt;
use super::{Inner, Refusal};
use crate::store::{Operation, Store, Txn};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// What the kernel says at each start of the machine anew (random(4)).
static BOOT: LazyLock<String> =
    LazyLock::new(|| fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned());

/// The device of all files that are namespaces.
static NAMESPACES: LazyLock<Option<u64>> = LazyLock::new(|| fs::metadata("/proc/self/ns/net").ok().map(|file| file.dev()));

/// The place of a process's start time among the fields of `/proc/PID/stat` behind its name (proc(5), field 22).
const START_TIME: usize = 19;

/// What tells the namespace at a path from others; none if no namespace is there, as when a file is left on which one was mounted.
pub(super) fn identity(path: &Path) -> Option<Identity> {
    let file = fs::metadata(path).ok().filter(|file| Some(file.dev()) == *NAMESPACES)?;
    let process = process_of(path).or_else(|| process_of(&fs::read_link(path).ok()?));
    let started = match process {
        Some(process) => started(process),
        None => mounted(path, &file),
    };
    Some(Identity { device: file.dev(), inode: file.ino(), boot: BOOT.clone(), started })
}

/// The process whose namespace a path is.
pub(super) fn process_of(path: &Path) -> Option<i32> {
    let rest = path.strip_prefix("/proc").ok()?;
    rest.components().next()?.as_os_str().to_str()?.parse().ok()
}

/// When a process was started, in ticks of the clock since the machine was.
fn started(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // A name may hold blanks and brackets.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(START_TIME)?.parse().ok()
}

/// When a namespace was mounted, in nanoseconds since 1970. The kernel gives its number to the next one soon, but not its time. Only
/// what is mounted keeps its file, and is one or leads to one: what a process shows may have a new file whenever nobody looks, and is a
/// link that leads to no path (proc(5)).
fn mounted(path: &Path, file: &Metadata) -> Option<u64> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|file| file.is_file());
    if !is_file && fs::canonicalize(path).is_err() {
        return None;
    }
    u64::try_from(i128::from(file.ctime()) * 1_000_000_000 + i128::from(file.ctime_nsec())).ok()
}

impl Identity {
    /// Whether that is the same. What was not known when this was written is not compared.
    pub(super) fn is_same(&self, now: &Self) -> bool {
        let Self { device, inode, boot, started } = self;
        (device, inode, boot) == (&now.device, &now.inode, &now.boot) && (started.is_none() || *started == now.started)
    }
}

impl Sandbox {
    /// Where its namespace is, of those that have a name in that folder; none for the daemon's own.
    pub(super) fn path(&self, netns_dir: &Path) -> Option<PathBuf> {
        match &self.spec.place {
            SandboxPlace::Own => Some(netns_dir.join(self.name.as_str())),
            SandboxPlace::At(path) => Some(path.clone()),
            SandboxPlace::Host => None,
        }
    }

    /// Whether its path leads to another namespace than the one that was adopted, or made for it.
    fn is_stale(&self, netns_dir: &Path) -> bool {
        let (Some(path), Some(then)) = (self.path(netns_dir), &self.identity) else { return false };
        identity(&path).is_some_and(|now| !then.is_same(&now))
    }
}

impl Inner {
    /// Whether a sandbox's path leads to another namespace than at first.
    pub(super) fn is_stale(&self, sandbox: &Sandbox) -> bool {
        sandbox.is_stale(self.kernel.netns_dir())
    }

    /// Why nothing is done with a sandbox, if it is stale.
    pub(super) fn stale_note(&self, sandbox: &Sandbox) -> Option<String> {
        let path = self.netns_path(sandbox).filter(|_| self.is_stale(sandbox))?;
        Some(format!("its namespace is gone: {} leads to another one now", path.display()))
    }

    /// What tells a sandbox's namespace from others: what is known of it, else what its own is now. One that is adopted is known from
    /// the first, or not at all.
    pub(super) fn identity_of(&self, sandbox: &Sandbox) -> Option<Identity> {
        let made = || identity(&self.netns_path(sandbox).filter(|_| sandbox.spec.place == SandboxPlace::Own)?);
        sandbox.identity.clone().or_else(made)
    }

    /// Refuses what would be done in another's namespace.
    pub(super) fn check_not_stale(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<(), Refusal> {
        let Some(why) = self.stale_note(sandbox) else { return Ok(()) };
        Err(attempt.conflict(why, format!("delete it with `lanloom sandbox delete {}`", sandbox.name)))
    }
}

/// Has ports in the namespaces of stale sandboxes forgotten, before any is looked for: what is there by their name is another's.
/// Answers a line for each that could not be.
pub(super) async fn forget_ports(store: &dyn Store, shelf: &Shelf, netns_dir: &Path) -> Vec<String> {
    let mut notes = Vec::new();
    for sandbox in shelf.sandboxes.iter().filter(|sandbox| sandbox.is_stale(netns_dir)) {
        let joined = |state: &EndpointState| state.joint().is_some_and(|joint| joint.sandbox == sandbox.id);
        for endpoint in shelf.endpoints.iter().filter(|endpoint| joined(&endpoint.state)) {
            let Some(network) = shelf.networks.iter().find(|network| network.id == endpoint.network) else { continue };
            let attempt = Attempt::new("forget the port of endpoint", format!("{}/{}", network.name, endpoint.name));
            let done = match forgetting(store, &network.name, &endpoint.name).await {
                Ok(operations) => forget(&attempt, store, operations).await,
                Err(error) => Err(attempt.store(error)),
            };
            notes.extend(done.err().map(|refusal| refusal.to_string()));
        }
    }
    notes
}

/// Namespaces of sandboxes' own that are gone are about to be made anew: what told the old ones from others is forgotten first, so that
/// whatever ends a start between the two, the new ones are not taken for somebody's. Answers a line if that could not be written.
pub(super) async fn forget_gone(store: &dyn Store, shelf: &mut Shelf, netns_dir: &Path) -> Option<String> {
    let is_gone = |sandbox: &Sandbox| {
        let path = sandbox.path(netns_dir).filter(|_| sandbox.spec.place == SandboxPlace::Own && sandbox.identity.is_some());
        path.is_some_and(|path| identity(&path).is_none())
    };
    let mut operations = Vec::new();
    for sandbox in shelf.sandboxes.iter_mut().filter(|sandbox| is_gone(sandbox)) {
        sandbox.identity = None;
        operations.extend(sandbox.put());
    }
    if operations.is_empty() {
        return None;
    }
    let attempt = Attempt::new("forget the namespaces of", format!("{} sandboxes, which are gone", operations.len()));
    forget(&attempt, store, operations).await.err().map(|refusal| refusal.to_string())
}

async fn forget(attempt: &Attempt, store: &dyn Store, operations: Vec<Operation>) -> Result<(), Refusal> {
    attempt.committed(store.txn(Txn::of(operations)).await)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::model::{Id, NewSandbox, SandboxState};
    use std::process::{Child, Command};

    struct Process(Child);

    impl Process {
        /// One with the namespace of this one.
        fn start() -> Self {
            Self(Command::new("sleep").arg("1000").spawn().expect("a process"))
        }

        fn path(&self) -> PathBuf {
            format!("/proc/{}/ns/net", self.0.id()).into()
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn adopted(path: PathBuf, identity: Option<Identity>) -> Sandbox {
        let (name, spec) = ("box".parse().expect("a name"), NewSandbox { place: SandboxPlace::At(path), ..Default::default() });
        Sandbox { id: Id::random(), name, state: SandboxState::Ready, created: 0, spec, identity, redirect: None }
    }

    #[test]
    fn a_process_that_has_the_number_of_another_is_told_from_it_also_in_the_same_namespace() {
        let (one, two) = (Process::start(), Process::start());
        let known = identity(&one.path()).expect("it is there");
        assert_eq!(known.started, started(one.0.id().try_into().expect("a number")));
        assert!(known.started.is_some() && !known.boot.is_empty());
        assert!(!adopted(one.path(), Some(known.clone())).is_stale(Path::new("/none")));
        // As the kernel would show it if `two` had been given the number of `one` a tick later.
        let later = Identity { started: identity(&two.path()).and_then(|two| two.started).map(|ticks| ticks + 1), ..known };
        assert!(adopted(one.path(), Some(later.clone())).is_stale(Path::new("/none")));
        assert!(!adopted(one.path(), None).is_stale(Path::new("/none")), "a record of before knows nothing to compare");
        let gone = one.path();
        drop(one);
        assert!(!adopted(gone, Some(later)).is_stale(Path::new("/none")), "it is gone, and not another's");
    }

    #[test]
    fn after_a_restart_of_the_machine_nothing_is_the_same() {
        let process = Process::start();
        let before = identity(&process.path()).map(|known| Identity { boot: "another".to_owned(), ..known });
        assert!(adopted(process.path(), before).is_stale(Path::new("/none")));
    }
}
