//! The way in, for the calling thread alone.

use super::Place;
use super::error::{ExecError, Warning};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::statvfs::{FsFlags, statvfs};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Nothing of a mount's.
const NONE: Option<&str> = None;

/// What tells programs which server to ask for names.
const RESOLV: &str = "resolv.conf";

/// Sockets of services that the C library asks for names in place of the server in `resolv.conf`, if they are there
/// (nss-resolve(8), nscd(8)). A Unix socket leads out of a network namespace: they would answer for the host.
const HOST_RESOLVERS: [&str; 2] = ["/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket"];

/// Enters the sandbox with the calling thread, for good.
pub(super) fn enter(place: &Place, warn: &mut dyn FnMut(&Warning)) -> Result<(), ExecError> {
    enter_network(&place.netns)?;
    leave_mounts(&place.netns)?;
    match mount_sys() {
        // The one that is there is this namespace's own, as in a sandbox that is the host's.
        Ok(()) | Err(Errno::EBUSY) => {}
        Err(errno) => warn(&Warning::NoSys { errno }),
    }
    for file in place.files.as_deref().map(|folder| files_in(folder, warn)).unwrap_or_default() {
        mount_file(&file, warn);
    }
    Ok(())
}

fn enter_network(netns: &Path) -> Result<(), ExecError> {
    let namespace = File::open(netns).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ExecError::NoSandbox { netns: netns.to_owned() },
        ErrorKind::PermissionDenied => ExecError::NotPermitted { netns: netns.to_owned() },
        _ => ExecError::Failed { what: "opening namespace", on: netns.to_owned(), error },
    })?;
    setns(namespace, CloneFlags::CLONE_NEWNET).map_err(|errno| match errno {
        // A file that no namespace is mounted on, as a restart of the machine leaves them.
        Errno::EINVAL => ExecError::NoSandbox { netns: netns.to_owned() },
        errno => refused("entering namespace", netns, errno),
    })
}

/// Takes this thread to mounts of its own. What is mounted there stays there; what is unmounted outside goes here too, since a
/// copy of a mount keeps alive what is mounted: somebody's disk, another sandbox.
fn leave_mounts(netns: &Path) -> Result<(), ExecError> {
    let left =
        unshare(CloneFlags::CLONE_NEWNS).and_then(|()| mount(NONE, "/", NONE, MsFlags::MS_SLAVE | MsFlags::MS_REC, NONE));
    left.map_err(|errno| refused("making mounts of its own for", netns, errno))
}

fn refused(what: &'static str, netns: &Path, errno: Errno) -> ExecError {
    match errno {
        Errno::EPERM | Errno::EACCES => ExecError::NotPermitted { netns: netns.to_owned() },
        errno => ExecError::Failed { what, on: netns.to_owned(), error: errno.into() },
    }
}

/// A sysfs that shows the interfaces of the namespace that mounts it, over the one that is there.
fn mount_sys() -> nix::Result<()> {
    // The kernel shadows a read-only one only by another.
    let is_read_only = statvfs("/sys").is_ok_and(|system| system.flags().contains(FsFlags::ST_RDONLY));
    let read_only = if is_read_only { MsFlags::MS_RDONLY } else { MsFlags::empty() };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | read_only;
    mount(Some("lanloom"), "/sys", Some("sysfs"), flags, NONE)
}

/// What is in the folder, by name.
fn files_in(folder: &Path, warn: &mut dyn FnMut(&Warning)) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            warn(&Warning::NoFiles { folder: folder.to_owned(), error });
            return Vec::new();
        }
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files
}

/// Mounts a file over the one of its name in `/etc`; if that is a link, over what it leads to.
fn mount_file(file: &Path, warn: &mut dyn FnMut(&Warning)) {
    let Some(name) = file.file_name() else { return };
    let target = Path::new("/etc").join(name);
    match mount(Some(file), &target, NONE, MsFlags::MS_BIND, NONE) {
        Ok(()) if name == RESOLV => HOST_RESOLVERS.iter().for_each(|socket| close(Path::new(socket), warn)),
        Ok(()) => {}
        Err(Errno::ENOENT) => warn(&Warning::NoTarget { file: file.to_owned(), target }),
        Err(errno) => warn(&Warning::NotMounted { file: file.to_owned(), target, errno }),
    }
}

/// Lets nobody inside connect to a socket of the host's: the C library then asks the next that it knows.
fn close(socket: &Path, warn: &mut dyn FnMut(&Warning)) {
    match mount(Some("/dev/null"), socket, NONE, MsFlags::MS_BIND, NONE) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => warn(&Warning::HostResolves { socket: socket.to_owned(), errno }),
    }
}
