//! One port: what is there now, and what the engine is told.

use super::Place;
use super::retry::Retry;
use crate::engine::thread::close;
use crate::link::LinkError;
use crate::plug::{Found, Identity, Source, SourceKind};
use crate::sys::interface::Interface;
use crate::sys::netlink::{self, Nsid};
use crate::sys::netns;
use nix::errno::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// A port with an interface.
pub(super) struct Watched {
    pub(super) place: Place,
    source: Source,
    /// What its namespace is called in messages, if that is known.
    nsid: Option<Nsid>,
    /// The inode of the namespace that was there when last looked.
    namespace: Option<u64>,
    /// The process that its namespace is named after.
    process: Option<OwnedFd>,
    /// What the port has open.
    attached: Option<Identity>,
    /// Frames that a TAP had dropped when last read.
    dropped: u64,
    /// When to look again, if nobody tells.
    retry: Option<Retry>,
}

impl Watched {
    /// Looks at what is there, too.
    pub(super) fn new(place: Place, source: Source, plugged: bool) -> Self {
        let (nsid, namespace, process, retry) = (None, None, None, None);
        let mut port = Self { place, source, nsid, namespace, process, attached: None, dropped: 0, retry };
        port.follow();
        if plugged && let Ok((Found::Here(identity, interface), dropped)) = port.source.find_with_losses() {
            (port.attached, port.dropped) = (Some(identity), dropped);
            if port.is_plugged() {
                port.settle(interface);
                return port;
            }
        }
        port.look();
        port
    }

    /// Readable when the process has ended that its namespace is named after.
    pub(super) fn process(&self) -> Option<BorrowedFd<'_>> {
        self.process.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn forget_process(&mut self) {
        self.process = None;
    }

    pub(super) fn retry_due(&self) -> Option<Instant> {
        self.retry.map(|retry| retry.due)
    }

    /// Whether another namespace is under the name of its own than when last looked, or none.
    pub(super) fn is_elsewhere_now(&self) -> bool {
        self.source.netns.is_some() && self.source.namespace().ok().flatten() != self.namespace
    }

    /// Whether one of the changes may be one of its interface; `None` is changes that nobody remembers.
    pub(super) fn is_concerned_by(&self, changes: Option<&[netlink::Change]>) -> bool {
        let is_there = |change: &netlink::Change| match (change.namespace, self.nsid) {
            (None, _) => true,
            (Some(there), Some(nsid)) => there == nsid,
            (Some(_), None) => self.source.netns.is_some(),
        };
        let is_it = |change: &netlink::Change| {
            change.name == self.source.ifname || self.attached.is_some_and(|attached| attached.index == change.index)
        };
        changes.is_none_or(|changes| changes.iter().any(|change| is_it(change) && is_there(change)))
    }

    /// Hears of its namespace's interfaces, and of its process's end. Before the interface is looked at: what changes after that
    /// is told.
    fn follow(&mut self) {
        let Some(path) = &self.source.netns else { return };
        let namespace = self.source.namespace().ok().flatten();
        if namespace.is_some() && namespace == self.namespace && self.nsid.is_some() {
            return;
        }
        // Refused without rights over it; its changes are not heard then.
        self.nsid = File::open(path).ok().and_then(|file| netlink::name_namespace(file.as_fd()).ok());
        // One that has ended and was not waited for can still be followed, and says so without end: it has no namespace any more.
        let process = namespace.and_then(|_| process_of(path));
        self.process = process.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        self.namespace = namespace;
    }

    /// Looks at what is there now, and has the engine act on it.
    pub(super) fn look(&mut self) {
        self.follow();
        let retry = self.retry.take();
        let name = self.source.label();
        match self.source.find(self.attached) {
            Ok(Found::Here(identity, interface)) => {
                let is_open = self.attached == Some(identity) && self.is_plugged();
                if is_open {
                    return self.settle(interface);
                }
                if let Err((reason, passing)) = self.open(identity, interface) {
                    self.retry = passing.then(|| Retry::after(retry, Instant::now()));
                    self.set_down(reason, true);
                }
            }
            Ok(Found::NoInterface { renamed: Some(other) }) => {
                let reason = format!("interface {name} is called {other} now");
                self.set_down(reason, false);
            }
            Ok(Found::NoInterface { renamed: None }) => {
                let reason = format!("there is no interface {name}{}", self.place_words());
                self.set_down(reason, true);
            }
            Ok(Found::NoNamespace) => {
                let path = self.source.netns.as_deref().unwrap_or(Path::new(""));
                let reason = format!("there is no namespace {}", path.display());
                self.set_down(reason, true);
            }
            Err(error) => {
                self.retry = is_passing(&error).then(|| Retry::after(retry, Instant::now()));
                self.set_down(format!("looking at interface {name}: {error}"), false);
            }
        }
    }

    /// Where the interface is looked for; a label says that itself.
    fn place_words(&self) -> String {
        let netns = self.source.netns.as_ref().filter(|_| self.source.label.is_none());
        netns.map_or(String::new(), |path| format!(" in {}", path.display()))
    }

    /// Opens it again. What failed is told, and whether that may pass by itself.
    fn open(&mut self, identity: Identity, interface: Interface) -> Result<(), (String, bool)> {
        // Its counter goes on, or goes with it.
        self.read_overrun();
        let name = self.source.label().to_owned();
        let link = self.source.open_again(identity).map_err(|error| {
            let passing = matches!(&error, LinkError::Io(error) if is_passing(error));
            (format!("opening interface {name}: {error}"), passing)
        })?;
        let Place { mailbox, key, port } = self.place.clone();
        let state = (interface.mtu, self.source.trouble(interface));
        match mailbox.ask(move |engine| engine.attach_looked_at(key, port, link, state)) {
            Ok(Ok(before)) => {
                before.into_iter().for_each(close);
                self.attached = Some(identity);
                self.dropped = self.tx_dropped().unwrap_or(0);
                Ok(())
            }
            Ok(Err(error)) => Err((format!("interface {name}: {error}"), is_passing(&error))),
            Err(gone) => Err((gone.to_string(), false)),
        }
    }

    /// Whether the port still has what was opened for it: its engine pulls out what fails.
    fn is_plugged(&self) -> bool {
        let Place { mailbox, key, port } = self.place.clone();
        mailbox.ask(move |engine| engine.is_plugged(key, port)).unwrap_or(false)
    }

    fn settle(&self, interface: Interface) {
        let Place { mailbox, key, port } = self.place.clone();
        let state = (interface.mtu, self.source.trouble(interface));
        // A switch that is gone needs it no longer.
        let _ = mailbox.ask(move |engine| engine.set_looked_at(key, port, state));
    }

    fn set_down(&mut self, reason: String, pull: bool) {
        if pull {
            self.read_overrun();
            self.attached = None;
        }
        let Place { mailbox, key, port } = self.place.clone();
        let pulled = mailbox.ask(move |engine| {
            let link = if pull { engine.detach(key, port) } else { None };
            engine.set_down(key, port, Some(reason));
            link
        });
        // As above.
        pulled.into_iter().flatten().for_each(close);
    }

    /// Has what the kernel lost since the last reading counted, as far as its counter is still there.
    pub(super) fn read_overrun(&mut self) {
        let Some(dropped) = self.tx_dropped() else { return };
        let lost = dropped.saturating_sub(std::mem::replace(&mut self.dropped, dropped));
        let Place { mailbox, key, port } = self.place.clone();
        // As above.
        let _ = mailbox.ask(move |engine| engine.record_overrun(key, port, lost));
    }

    /// Frames that the kernel dropped on their way through a TAP to us; `None` for other kinds.
    fn tx_dropped(&self) -> Option<u64> {
        let (Some(attached), SourceKind::Tap { .. }) = (self.attached, self.source.kind) else { return None };
        netns::inside(self.source.netns.as_deref(), || netlink::tx_dropped(attached.index)).ok()
    }
}

/// Whether an error tells of a shortage, or of somebody else, and not of what is wanted.
fn is_passing(error: &io::Error) -> bool {
    let passing =
        [Errno::EBUSY, Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM, Errno::ENOBUFS, Errno::EAGAIN, Errno::ENOSPC, Errno::EINTR];
    error.raw_os_error().is_some_and(|errno| passing.contains(&Errno::from_raw(errno)))
}

/// The process that a path below `/proc` is named after.
fn process_of(path: &Path) -> Option<Pid> {
    Pid::from_raw(path.strip_prefix("/proc").ok()?.iter().next()?.to_str()?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::mailbox::Mailbox;
    use lanloom_switch_core::PortId;
    use std::sync::Arc;

    fn watched(nsid: Option<Nsid>, attached: Option<u32>) -> Watched {
        let mailbox = Arc::new(Mailbox::new().expect("a descriptor"));
        let place = Place { mailbox, key: 0, port: PortId::new(0, 0) };
        let netns = Some("/run/netns/nowhere".into());
        let source = Source { ifname: "t0".to_owned(), netns, kind: SourceKind::Packet, label: None };
        let attached = attached.map(|index| Identity { namespace: 1, index });
        Watched { place, source, nsid, namespace: None, process: None, attached, dropped: 0, retry: None }
    }

    #[test]
    fn a_port_is_looked_at_for_its_own_interface_and_when_changes_were_forgotten() {
        let change = |namespace, index, name: &str| netlink::Change { namespace, index, name: name.to_owned() };
        let port = watched(Some(3), Some(7));
        assert!(port.is_concerned_by(None));
        assert!(!port.is_concerned_by(Some(&[])));
        assert!(port.is_concerned_by(Some(&[change(Some(3), 9, "other"), change(Some(3), 9, "t0")])));
        assert!(port.is_concerned_by(Some(&[change(Some(3), 7, "renamed")])));
        assert!(!port.is_concerned_by(Some(&[change(Some(4), 7, "t0"), change(Some(3), 9, "other")])), "elsewhere, or another");
        assert!(watched(None, None).is_concerned_by(Some(&[change(Some(4), 9, "t0")])), "of a namespace without a number");
    }

    #[test]
    fn the_process_of_a_namespace_is_known_by_its_path() {
        assert_eq!(process_of(Path::new("/proc/12/ns/net")), Pid::from_raw(12));
        for path in ["/proc/0/ns/net", "/proc/self/fd/3", "/run/netns/12", "/proc", "/proc/x/ns/net"] {
            assert_eq!(process_of(Path::new(path)), None, "{path}");
        }
    }
}
