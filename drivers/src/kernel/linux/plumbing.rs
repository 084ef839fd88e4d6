//! The plumbing namespace: where the host ends of our veths are out of the host's reach.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::super::error::{KernelError, Why};
use super::super::failing::Faults;
use super::super::link::LinkChange;
use super::super::name::IfName;
use super::super::netns::{HeldNetns, Keeper, Netns};
use super::inside::{Opened, Session};
use super::netns::{exists, file_error, make_file, mount_here, unlink, unshare_net};
use super::{address, link};

/// What has a namespace take nothing. `/proc/sys/net` shows each thread its own.
const SETTINGS: [(&str, &str); 3] = [
    ("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"),
    ("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"),
    ("/proc/sys/net/ipv4/ip_forward", "0"),
];

/// Makes the plumbing namespace, or adopts the one at the path; the thread ends up in it.
pub(super) fn open(at: Option<&Path>, faults: &Faults) -> Result<Netns, KernelError> {
    let what = "making the plumbing namespace";
    faults.pass(what, at.unwrap_or(Path::new("held")).display())?;
    let Some(path) = at else {
        unshare_net(what, Path::new("held"))?;
        still()?;
        let Opened { fd, inode, .. } = Opened::here()?;
        return Ok(Netns::Held(HeldNetns::new(Descriptor { fd, inode })));
    };
    let netns = Netns::At(path.to_owned());
    if exists(&netns)? {
        Opened::open(&netns)?.enter()?;
        still()?;
        return bare(&netns).map(|()| netns);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| file_error(what, parent, &error))?;
    }
    make_file(path)?;
    let made = unshare_net(what, path)
        .and_then(|()| still())
        .and_then(|()| faults.pass("mounting a network namespace", path.display()))
        .and_then(|()| mount_here(path));
    made.map_err(|error| error.and(unlink(path).err())).map(|()| netns)
}

/// Has a namespace that somebody may have used answer to no address: those that it has are taken away, and `lo` is set down.
fn bare(netns: &Netns) -> Result<(), KernelError> {
    let session = Session::connect(netns.clone())?;
    address::flush(&session)?;
    let down = LinkChange { up: Some(false), ..LinkChange::default() };
    link::set(&session, &IfName::new("lo")?, &down).map(drop)
}

/// A namespace without a path lives by this.
struct Descriptor {
    fd: OwnedFd,
    inode: u64,
}

impl Keeper for Descriptor {
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.fd.as_raw_fd()))
    }

    fn id(&self) -> u64 {
        self.inode
    }
}

/// Has the thread's namespace take nothing, also where `/proc/sys` is read-only, as in containers.
fn still() -> Result<(), KernelError> {
    match write_settings() {
        Err(error) if error.why() == &Why::ReadOnly => still_by_a_fresh_proc().map_err(|_| error),
        done => done,
    }
}

fn write_settings() -> Result<(), KernelError> {
    for (file, value) in SETTINGS {
        match fs::write(file, value) {
            Ok(()) => {}
            // A kernel without IPv6.
            Err(error) if error.kind() == ErrorKind::NotFound && file.contains("ipv6") => {}
            Err(_) if fs::read_to_string(file).is_ok_and(|now| now.trim() == value) => {}
            Err(error) => return Err(file_error("silencing the plumbing namespace", Path::new(file), &error)),
        }
    }
    Ok(())
}

/// By another thread of the same network namespace, whose mounts are its own.
fn still_by_a_fresh_proc() -> io::Result<()> {
    let none = None::<&str>;
    let write = move || -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
        write_settings().map_err(|error| io::Error::other(error.to_string()))
    };
    let writer = thread::Builder::new().name("kernel-proc".to_owned()).spawn(write)?;
    writer.join().map_err(|_| io::Error::other("its thread panicked"))?
}
