//! Settings by `/proc/sys`, whose `net` shows each thread those of its own namespace.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::super::error::{KernelError, Needs, Why};
use super::super::failing::Faults;
use super::super::netns::Netns;
use super::super::sysctl::SysctlKey;
use super::inside::{Opened, errno_of};

/// Where the settings are.
pub(super) const ROOT: &str = "/proc/sys";

/// Settings and their values.
pub(super) type Settings = [(SysctlKey, String)];

/// Changes settings of a namespace, which the calling thread enters: all, or none.
pub(super) fn set(netns: &Netns, settings: &Settings, faults: &Faults) -> Result<(), KernelError> {
    settings.iter().try_for_each(|(key, value)| key.check_value(value))?;
    Opened::open(netns)?.enter()?;
    change(settings, faults).map(drop)
}

/// One setting of a namespace, which the calling thread enters.
pub(super) fn get(netns: &Netns, key: &SysctlKey) -> Result<String, KernelError> {
    Opened::open(netns)?.enter()?;
    read(key)
}

/// Changes settings of the thread's namespace, all or none, and says what they were before.
pub(super) fn change(settings: &Settings, faults: &Faults) -> Result<Vec<(SysctlKey, String)>, KernelError> {
    let mut before = Vec::new();
    for (key, value) in settings {
        let done = faults.pass("changing a setting", key).and_then(|()| read_to_restore(key)).and_then(|was| {
            write(&[(key.clone(), value.clone())])?;
            before.extend(was.map(|was| (key.clone(), was)));
            Ok(())
        });
        if let Err(error) = done {
            return Err(error.and(restore(&before)));
        }
    }
    Ok(before)
}

/// Writes back what was there, the last one first, and says what could not be.
pub(super) fn restore(before: &Settings) -> Vec<KernelError> {
    before.iter().rev().filter_map(|one| write(std::slice::from_ref(one)).err()).collect()
}

/// Some settings can be written and not read (`net.ipv4.route.flush`): those have no value to go back to.
fn read_to_restore(key: &SysctlKey) -> Result<Option<String>, KernelError> {
    match read(key) {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.why(), Why::NotPermitted(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// One setting of the thread's namespace.
pub(super) fn read(key: &SysctlKey) -> Result<String, KernelError> {
    let file = key.file(Path::new(ROOT));
    match fs::read_to_string(&file) {
        Ok(text) => Ok(text.trim_end().to_owned()),
        Err(error) => Err(refused("reading a setting", key, &error)),
    }
}

/// Writes settings of the thread's namespace, also where `/proc/sys` is read-only, as in containers.
pub(super) fn write(settings: &Settings) -> Result<(), KernelError> {
    match write_here(settings) {
        Err(error) if error.why() == &Why::ReadOnly => write_by_a_fresh_proc(settings.to_vec()).map_err(|_| error),
        done => done,
    }
}

fn write_here(settings: &Settings) -> Result<(), KernelError> {
    for (key, value) in settings {
        let file = key.file(Path::new(ROOT));
        match fs::write(&file, value) {
            Ok(()) => {}
            Err(error)
                if error.kind() != ErrorKind::NotFound && fs::read_to_string(&file).is_ok_and(|now| now.trim() == value) => {}
            Err(error) => return Err(refused("changing a setting", key, &error)),
        }
    }
    Ok(())
}

/// By another thread of the same network namespace, whose mounts are its own.
fn write_by_a_fresh_proc(settings: Vec<(SysctlKey, String)>) -> io::Result<()> {
    let none = None::<&str>;
    let work = move || -> io::Result<()> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        mount(Some("proc"), "/proc", Some("proc"), MsFlags::empty(), none)?;
        write_here(&settings).map_err(|error| io::Error::other(error.to_string()))
    };
    let writer = thread::Builder::new().name("kernel-proc".to_owned()).spawn(work)?;
    writer.join().map_err(|_| io::Error::other("its thread panicked"))?
}

fn refused(what: &'static str, key: &SysctlKey, error: &io::Error) -> KernelError {
    if error.kind() == ErrorKind::NotFound {
        return KernelError::new(what, key.to_string(), Why::NoSuchSetting);
    }
    KernelError::errno(what, key.to_string(), errno_of(error), Needs::NetAdmin)
}
