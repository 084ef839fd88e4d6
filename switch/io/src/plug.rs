//! What is to be plugged into a port, and how it is opened again after trouble.
//!
//! This crate opens what exists, or what an ioctl makes. Making veth pairs and moving TAPs between namespaces is the
//! `lanloom-drivers` crate's.

use crate::link::memory::MemoryEnd;
use crate::link::packet::Packet;
use crate::link::plain_tap::PlainTap;
use crate::link::tap::Tap;
use crate::link::{Link, LinkError};
use crate::sys::interface::{self, Interface};
use crate::sys::{netlink, netns};
use lanloom_switch_core::vxlan::VtepConfig;
use nix::errno::Errno;
use nix::sys::statfs::statfs;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The file system of namespaces (`NSFS_MAGIC` in Linux's `magic.h`): a name that is no mount of it is no namespace, or not yet.
const NSFS_MAGIC: i64 = 0x6e73_6673;

/// From now on the calling thread goes into the namespaces of sources itself and comes back, where otherwise a thread is made for
/// each entry, which costs ten times as much. It must be one that belongs to nobody else, as a runtime's do not: for whoever opens
/// many. Without the right to come back it goes nowhere, and everything is as before.
pub fn travel() {
    netns::travel();
}

/// What is to be plugged into a port.
pub enum Plug {
    /// One end of a link in memory.
    Memory(MemoryEnd),
    /// An interface of the kernel's, perhaps opened already.
    Interface(Source, Option<Box<dyn Link>>),
    /// One end of a tunnel.
    Vxlan(VtepConfig),
}

/// An interface of the kernel's: where it is and how it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub ifname: String,
    /// The namespace that it is in: a path, or the daemon's own.
    pub netns: Option<PathBuf>,
    /// How it is opened.
    pub kind: SourceKind,
    /// What messages call it instead of its name: for our end of a veth pair, the other end, which the user knows.
    pub label: Option<String>,
}

/// How an interface is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// As a TAP device.
    Tap {
        /// With super-frames and partial checksums, or as frames are on the wire.
        offload: bool,
        /// Whether it is made to outlive us.
        persist: bool,
    },
    /// By AF_PACKET.
    Packet,
}

/// What is there now under a [`Source`]'s name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The namespace is not.
    NoNamespace,
    /// The namespace is, the interface is not; what was attached may be called otherwise now.
    NoInterface { renamed: Option<String> },
    /// The interface.
    Here(Identity, Interface),
}

/// Bytes of the largest payload that an interface carries, and why it carries nothing if so.
pub(crate) type LookedAt = (u32, Option<String>);

/// Which interface it is, whatever it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The namespace's inode; 0 for the daemon's own.
    pub(crate) namespace: u64,
    pub(crate) index: u32,
}

impl Source {
    /// Opens the interface, which must exist unless it is a TAP: that is made if it does not.
    ///
    /// # Errors
    /// [`LinkError::Gone`] if there is none, else the kernel's.
    pub fn open(&self) -> Result<Box<dyn Link>, LinkError> {
        netns::inside(self.netns.as_deref(), || self.open_here()).map_err(open_error)
    }

    /// Opens the interface, which must exist even if it is a TAP: none is made, should it go just now.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_existing(&self) -> Result<Box<dyn Link>, LinkError> {
        self.open_numbered().map(|(link, _)| link)
    }

    /// The same, with the number of the interface in its namespace.
    ///
    /// # Errors
    /// As [`Source::open`].
    pub fn open_numbered(&self) -> Result<(Box<dyn Link>, u32), LinkError> {
        if self.namespace().map_err(open_error)?.is_none() {
            return Err(LinkError::Gone);
        }
        let opened = netns::inside(self.netns.as_deref(), || {
            let there = interface::index_of(&self.ifname)?.ok_or(Errno::ENODEV)?;
            Ok((self.passing().open_if(there)?, there))
        });
        opened.map_err(open_error)
    }

    /// Looks at the interface that has just been opened: what it carries in bytes, and why nothing if so. `None` if it is not there, or
    /// cannot be looked at.
    pub(crate) fn look(&self) -> Option<LookedAt> {
        match self.find(None) {
            Ok(Found::Here(_, interface)) => Some((interface.mtu, self.trouble(interface))),
            Ok(Found::NoNamespace | Found::NoInterface { .. }) | Err(_) => None,
        }
    }

    /// Why an interface that is there carries nothing.
    pub(crate) fn trouble(&self, interface: Interface) -> Option<String> {
        let name = self.label();
        match (interface.up, interface.carrier, &self.label) {
            (true, true, _) => None,
            (true, false, None) => Some(format!("the other end of interface {name} is down")),
            // The label is what the other end is called.
            (false, _, None) | (true, false, Some(_)) => Some(format!("interface {name} is down")),
            (false, _, Some(_)) => Some(format!("the other end of interface {name} is down")),
        }
    }

    /// What messages call it.
    pub(crate) fn label(&self) -> &str {
        self.label.as_ref().unwrap_or(&self.ifname)
    }

    /// The inode of the namespace under its path now, `None` if there is none; 0 for the daemon's own.
    pub(crate) fn namespace(&self) -> io::Result<Option<u64>> {
        let Some(path) = &self.netns else { return Ok(Some(0)) };
        match statfs(path) {
            Ok(kind) if kind.filesystem_type().0 == NSFS_MAGIC => Ok(Some(fs::metadata(path)?.ino())),
            // The last is what the name of a namespace leads to whose process has just ended.
            Ok(_) | Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ESRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the interface that was found, and makes none in its place if it is gone by now.
    ///
    /// # Errors
    /// As [`Source::open`]; a TAP that is gone is gone too.
    pub(crate) fn open_again(&self, found: Identity) -> Result<Box<dyn Link>, LinkError> {
        let source = self.passing();
        netns::inside(self.netns.as_deref(), || source.open_if(found.index)).map_err(open_error)
    }

    /// The same, but nothing is made to stay: a TAP that is there and open to nobody is persistent already, and one that was made
    /// just now goes with the descriptor.
    fn passing(&self) -> Self {
        let kind = match self.kind {
            SourceKind::Tap { offload, .. } => SourceKind::Tap { offload, persist: false },
            SourceKind::Packet => SourceKind::Packet,
        };
        Self { kind, ..self.clone() }
    }

    /// In this thread's namespace, if it is the interface of that number.
    fn open_if(&self, index: u32) -> io::Result<Box<dyn Link>> {
        let link = self.open_here()?;
        if interface::index_of(&self.ifname)? == Some(index) { Ok(link) } else { Err(Errno::ENODEV.into()) }
    }

    /// What is there now, and how many frames the kernel has dropped on the way through it, if it is a TAP.
    pub(crate) fn find_with_losses(&self) -> io::Result<(Found, u64)> {
        let Some(namespace) = self.namespace()? else { return Ok((Found::NoNamespace, 0)) };
        netns::inside(self.netns.as_deref(), || {
            let found = self.find_here(namespace, None)?;
            let losses = match (&found, self.kind) {
                (Found::Here(identity, _), SourceKind::Tap { .. }) => netlink::tx_dropped(identity.index).unwrap_or(0),
                (Found::Here(..) | Found::NoInterface { .. } | Found::NoNamespace, _) => 0,
            };
            Ok((found, losses))
        })
    }

    /// In this thread's namespace.
    fn open_here(&self) -> io::Result<Box<dyn Link>> {
        Ok(match self.kind {
            SourceKind::Tap { offload: true, persist } => Box::new(Tap::open(&self.ifname, persist)?),
            SourceKind::Tap { offload: false, persist } => Box::new(PlainTap::open(&self.ifname, persist)?),
            SourceKind::Packet => Box::new(Packet::open(&self.ifname)?),
        })
    }

    /// What is there now, if `attached` is what was there.
    pub(crate) fn find(&self, attached: Option<Identity>) -> io::Result<Found> {
        let Some(namespace) = self.namespace()? else { return Ok(Found::NoNamespace) };
        let attached = attached.filter(|attached| attached.namespace == namespace);
        netns::inside(self.netns.as_deref(), || self.find_here(namespace, attached))
    }

    /// In this thread's namespace, which is the one of that inode.
    fn find_here(&self, namespace: u64, attached: Option<Identity>) -> io::Result<Found> {
        Ok(match interface::find(&self.ifname)? {
            Some(here) => {
                // A TAP's is about us: whether we have it open.
                let carrier = self.kind != SourceKind::Packet || netlink::carrier(here.index).unwrap_or(true);
                Found::Here(Identity { namespace, index: here.index }, Interface { carrier, ..here })
            }
            None => Found::NoInterface { renamed: attached.and_then(|attached| interface::name_of(attached.index)) },
        })
    }
}

fn open_error(error: io::Error) -> LinkError {
    match error.raw_os_error() {
        Some(libc::ENODEV) => LinkError::Gone,
        _ => LinkError::Io(error),
    }
}

impl fmt::Debug for Plug {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(_) => out.write_str("Memory"),
            Self::Vxlan(config) => out.debug_tuple("Vxlan").field(config).finish(),
            Self::Interface(source, opened) => out.debug_tuple("Interface").field(source).field(&opened.is_some()).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::alone;
    use std::time::{Duration, Instant};

    #[test]
    fn a_tap_that_is_gone_by_the_time_it_is_opened_again_is_not_made_anew() {
        alone(|| {
            let kind = SourceKind::Tap { offload: true, persist: true };
            let source = Source { ifname: "t0".to_owned(), netns: None, kind, label: None };
            let first = Tap::open("t0", false).expect("a TAP");
            let Found::Here(identity, _) = source.find(None).expect("an answer") else { panic!("it is there") };
            drop(first);
            // A program that another test starts just now may hold it a moment longer.
            let deadline = Instant::now() + Duration::from_secs(10);
            while matches!(source.find(None), Ok(Found::Here(..))) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            assert!(matches!(source.open_again(identity), Err(LinkError::Gone)));
            assert!(matches!(source.open_existing(), Err(LinkError::Gone)));
            assert_eq!(source.find(None).expect("an answer"), Found::NoInterface { renamed: None });
        });
    }
}
