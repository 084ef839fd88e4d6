//! Named namespaces as `ip netns` has them: a file each, which the namespace is mounted on.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::statfs::{NSFS_MAGIC, statfs};

use super::super::Occupant;
use super::super::error::{KernelError, Needs, Why};
use super::super::failing::Faults;
use super::super::name::NetnsName;
use super::super::netns::Netns;
use super::inside::{Opened, errno_of};

/// Nothing of a mount's.
const NONE: Option<&str> = None;

/// Makes a namespace by the calling thread, which stays in it, and mounts it at `NAME` in the directory.
pub(super) fn create(dir: &Path, name: &NetnsName, faults: &Faults) -> Result<Netns, KernelError> {
    let what = "creating a network namespace";
    faults.pass(what, name)?;
    let locked = prepare(dir)?;
    let path = dir.join(name.as_str());
    make_file(&path)?;
    let made = unshare_net(what, &path)
        .and_then(|()| faults.pass("setting lo up", name))
        .and_then(|()| super::set_lo_up())
        .and_then(|()| faults.pass("mounting a network namespace", name))
        .and_then(|()| mount_here(&path));
    drop(locked);
    match made {
        Ok(()) => Ok(Netns::At(path)),
        Err(error) => Err(error.and(unlink(&path).err())),
    }
}

/// Unmounts and unlinks, and says who is still in there.
pub(super) fn delete(netns: &Netns) -> Result<Vec<Occupant>, KernelError> {
    let what = "deleting a network namespace";
    let Netns::At(path) = netns else {
        let rule = "it has no file to delete; it goes with the last process and holder".to_owned();
        return Err(KernelError::new(what, netns.to_string(), Why::InvalidValue(rule)));
    };
    if !path.symlink_metadata().is_ok_and(|file| file.is_file()) {
        return Err(KernelError::new(what, netns.to_string(), Why::NoSuchNetns(path.clone())));
    }
    let inode = mounted(path).then(|| fs::metadata(path).map(|file| file.ino()).ok()).flatten();
    if inode.is_none() && !is_stale(path) {
        return Err(KernelError::new(what, netns.to_string(), Why::NoSuchNetns(path.clone())));
    }
    unmount(path)?;
    unlink(path)?;
    Ok(inode.map(occupants).unwrap_or_default())
}

/// Whether a namespace's file is there and mounted.
pub(super) fn exists(netns: &Netns) -> Result<bool, KernelError> {
    match Opened::open(netns) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.why(), Why::NoSuchNetns(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names of what is mounted in a directory.
pub(super) fn list(dir: &Path) -> Result<Vec<String>, KernelError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_error("listing network namespaces", dir, &error)),
    };
    let files = entries.filter_map(Result::ok).filter(|entry| mounted(&entry.path()));
    let mut names: Vec<_> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}

/// The directory as iproute2 makes it: there, shared (so that other mount namespaces see what is unmounted and let go of it),
/// and locked while a namespace is being mounted.
fn prepare(dir: &Path) -> Result<File, KernelError> {
    let what = "preparing the directory of network namespaces";
    let failed = |error: std::io::Error| file_error(what, dir, &error);
    fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(failed)?;
    let locked = File::open(dir).map_err(failed)?;
    locked.lock().map_err(failed)?;
    let share = || mount(NONE, dir, NONE, MsFlags::MS_SHARED | MsFlags::MS_REC, NONE);
    let bind = || mount(Some(dir), dir, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE);
    // EINVAL: it is no mount point yet.
    let shared = share().or_else(|errno| if errno == Errno::EINVAL { bind().and_then(|()| share()) } else { Err(errno) });
    shared.map_err(|errno| KernelError::errno(what, dir.display().to_string(), errno, Needs::SysAdmin))?;
    Ok(locked)
}

/// The file to mount on: new, or one that a crash left.
pub(super) fn make_file(path: &Path) -> Result<(), KernelError> {
    let what = "creating a network namespace";
    match File::options().write(true).create_new(true).mode(0o444).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_stale(path) => Ok(()),
        Err(error) => Err(file_error(what, path, &error)),
    }
}

/// An empty file that is no namespace.
fn is_stale(path: &Path) -> bool {
    !mounted(path) && path.symlink_metadata().is_ok_and(|file| file.is_file() && file.len() == 0)
}

fn mounted(path: &Path) -> bool {
    statfs(path).is_ok_and(|system| system.filesystem_type() == NSFS_MAGIC)
}

pub(super) fn unshare_net(what: &'static str, path: &Path) -> Result<(), KernelError> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(|errno| KernelError::errno(what, path.display().to_string(), errno, Needs::SysAdmin))
}

pub(super) fn mount_here(path: &Path) -> Result<(), KernelError> {
    mount(Some("/proc/thread-self/ns/net"), path, NONE, MsFlags::MS_BIND, NONE)
        .map_err(|errno| KernelError::errno("mounting a network namespace", path.display().to_string(), errno, Needs::SysAdmin))
}

/// Takes off every mount of the file; lazily, for it may be in use.
fn unmount(path: &Path) -> Result<(), KernelError> {
    let flags = MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
    loop {
        match umount2(path, flags) {
            Ok(()) => {}
            Err(Errno::EINVAL) => return Ok(()),
            Err(errno) => {
                let on = path.display().to_string();
                return Err(KernelError::errno("unmounting a network namespace", on, errno, Needs::SysAdmin));
            }
        }
    }
}

pub(super) fn unlink(path: &Path) -> Result<(), KernelError> {
    fs::remove_file(path).map_err(|error| file_error("unlinking a network namespace", path, &error))
}

/// The processes whose namespace has this inode, as far as we may look.
fn occupants(inode: u64) -> Vec<Occupant> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let inside = |pid: &u32| fs::metadata(format!("/proc/{pid}/ns/net")).is_ok_and(|file| file.ino() == inode);
    let command = |pid| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
    numbers.filter(inside).map(|pid| Occupant { pid, command: command(pid) }).collect()
}

pub(super) fn file_error(what: &'static str, path: &Path, error: &std::io::Error) -> KernelError {
    KernelError::errno(what, path.display().to_string(), errno_of(error), Needs::File)
}
