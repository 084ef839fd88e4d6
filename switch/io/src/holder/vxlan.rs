//! The kernel's VXLAN interfaces that listen in this thread's namespace, wherever they are themselves.

use super::{Holder, process};
use crate::sys::netlink::{self, VxlanLink};
use crate::sys::netns;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The calling thread's namespace.
const HERE: &str = "/proc/thread-self/ns/net";

/// Where namespaces have names: Docker's, and everybody's.
const NAMED: [&str; 2] = ["/run/docker/netns", "/run/netns"];

/// Namespaces that are looked into at most.
const MOST: usize = 512;

/// One that listens on that port.
pub(super) fn listening(port: u16) -> Option<Holder> {
    let of_port = |link: &VxlanLink| link.up && link.port == port;
    // One whose socket is elsewhere does not listen here.
    let here = netlink::vxlans().unwrap_or_default().into_iter().find(|link| of_port(link) && link.underlay.is_none());
    if let Some(VxlanLink { ifname, vni, .. }) = here {
        return Some(Holder::Vxlan { ifname, vni, netns: None });
    }
    let home = File::open(HERE).ok()?;
    others(home.metadata().ok()?.ino()).into_iter().find_map(|path| {
        let VxlanLink { ifname, vni, .. } = netns::inside(Some(&path), || taken_there(&home, of_port)).ok().flatten()?;
        Some(Holder::Vxlan { ifname, vni, netns: Some(path) })
    })
}

/// In another namespace: an interface whose socket stayed in the one that is open here.
fn taken_there(home: &File, of_port: impl Fn(&VxlanLink) -> bool) -> io::Result<Option<VxlanLink>> {
    let links = netlink::vxlans()?.into_iter().filter(of_port).collect::<Vec<_>>();
    if links.is_empty() {
        return Ok(None);
    }
    let ours = netlink::number_of(home.as_fd())?;
    Ok(links.into_iter().find(|link| ours.is_some() && link.underlay == ours))
}

/// All namespaces but that of this inode, each once, by its name if it has one.
fn others(home: u64) -> Vec<PathBuf> {
    let named = NAMED.iter().flat_map(|folder| fs::read_dir(folder).into_iter().flatten());
    let mut named: Vec<PathBuf> = named.filter_map(|entry| Some(entry.ok()?.path())).collect();
    named.sort();
    let of_processes = process::pids().into_iter().map(|pid| PathBuf::from(format!("/proc/{pid}/ns/net")));
    let mut seen = HashSet::from([home]);
    let inode = |path: &Path| fs::metadata(path).ok().map(|file| file.ino());
    named.into_iter().chain(of_processes).filter(|path| inode(path).is_some_and(|it| seen.insert(it))).take(MOST).collect()
}
