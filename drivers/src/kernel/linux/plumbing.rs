//! The plumbing namespace: where the host ends of our veths are out of the host's reach.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use super::super::error::{KernelError, Why};
use super::super::failing::Faults;
use super::super::link::LinkChange;
use super::super::name::IfName;
use super::super::netns::{HeldNetns, Keeper, Netns};
use super::super::sysctl::SysctlKey;
use super::inside::{Opened, Session};
use super::netns::{exists, file_error, make_file, mount_here, unlink, unshare_net};
use super::{address, link, sysctl};

/// What has a namespace take nothing.
const SETTINGS: [(&str, &str); 3] =
    [("net.ipv6.conf.all.disable_ipv6", "1"), ("net.ipv6.conf.default.disable_ipv6", "1"), ("net.ipv4.ip_forward", "0")];

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

/// Has the thread's namespace take nothing.
fn still() -> Result<(), KernelError> {
    for (key, value) in SETTINGS {
        match sysctl::write(&[(SysctlKey::new(key)?, value.to_owned())]) {
            // A kernel without IPv6.
            Err(error) if error.why() == &Why::NoSuchSetting && key.contains("ipv6") => {}
            done => done?,
        }
    }
    Ok(())
}
