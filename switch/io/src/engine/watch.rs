//! What becomes of the interfaces behind the ports: a thread that hears of every change and acts on those that matter.
//!
//! The kernel tells of changes by netlink, and inotify of namespaces that come and go by name. After either, the thread looks
//! at what is there now: a port whose interface is gone, renamed or down says so and waits; when an interface of that name is
//! back, it is opened again. Nobody polls. A descriptor that was opened inside a namespace is closed when its name goes, so
//! that it does not keep the namespace alive.

use super::mailbox::Mailbox;
use super::thread::close;
use crate::link::Link;
use crate::plug::{Found, Identity, Source, SourceKind};
use crate::sys::netlink::{self, Nsid};
use crate::sys::netns;
use lanloom_switch_core::PortId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How long a namespace whose name has come may take until it is mounted there and has its interface. Looked at 20 ms apart.
const PATIENCE: Duration = Duration::from_secs(2);

/// A port of an engine thread.
#[derive(Clone)]
struct Place {
    mailbox: Arc<Mailbox>,
    key: u32,
    port: PortId,
}

impl Place {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.mailbox, &other.mailbox) && self.key == other.key && self.port == other.port
    }
}

enum Word {
    Add { place: Place, source: Source, plugged: bool },
    LookAt { place: Place, pulled: Option<Box<dyn Link>> },
    Remove(Place),
    RemoveSwitch(Arc<Mailbox>, u32),
    ReadOverruns(Arc<Mailbox>, u32),
    Stop,
}

/// Speaks to the thread.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    words: mpsc::Sender<(Word, mpsc::SyncSender<()>)>,
    bell: Arc<EventFd>,
}

impl Watch {
    pub(super) fn start() -> io::Result<Self> {
        let (words, heard) = mpsc::channel();
        let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let watcher = Watcher {
            words: heard,
            bell: Arc::clone(&bell),
            // Without it (no netlink, in a strict sandbox) ports still work, but hear of no change.
            changes: netlink::Listener::open().ok(),
            names: Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok(),
            ports: Vec::new(),
        };
        std::thread::Builder::new().name("watch".into()).spawn(|| watcher.run())?;
        Ok(Self { words, bell })
    }

    /// Watches a port's interface from now on. The port's state is right when this returns. `plugged` tells whether the port
    /// has the interface open.
    pub(super) fn add(&self, mailbox: &Arc<Mailbox>, key: u32, port: PortId, source: Source, plugged: bool) {
        let place = Place { mailbox: Arc::clone(mailbox), key, port };
        self.say(Word::Add { place, source, plugged }, true);
    }

    /// A port's link has failed. What was `pulled` out is closed before the interface is looked at.
    pub(super) fn look_at(&self, mailbox: &Arc<Mailbox>, key: u32, port: PortId, pulled: Option<Box<dyn Link>>) {
        let place = Place { mailbox: Arc::clone(mailbox), key, port };
        self.say(Word::LookAt { place, pulled }, false);
    }

    pub(super) fn remove(&self, mailbox: &Arc<Mailbox>, key: u32, port: PortId) {
        self.say(Word::Remove(Place { mailbox: Arc::clone(mailbox), key, port }), true);
    }

    pub(super) fn remove_switch(&self, mailbox: &Arc<Mailbox>, key: u32) {
        self.say(Word::RemoveSwitch(Arc::clone(mailbox), key), true);
    }

    /// Reads what the kernel lost on the way to a switch's TAPs and has it counted, before this returns.
    pub(super) fn read_overruns(&self, mailbox: &Arc<Mailbox>, key: u32) {
        self.say(Word::ReadOverruns(Arc::clone(mailbox), key), true);
    }

    pub(super) fn stop(&self) {
        self.say(Word::Stop, true);
    }

    fn say(&self, word: Word, wait: bool) {
        let (done, is_done) = mpsc::sync_channel(1);
        if self.words.send((word, done)).is_ok() {
            // Fails only if the bell has rung 2^64 times unheard.
            let _ = self.bell.write(1);
            if wait {
                // An error means that the thread has ended, and nothing is left to wait for.
                let _ = is_done.recv();
            }
        }
    }
}

/// A port with an interface.
struct Watched {
    place: Place,
    source: Source,
    /// What its namespace is called in messages, if that is known.
    nsid: Option<Nsid>,
    /// What the port has open.
    attached: Option<Identity>,
    /// Frames that a TAP had dropped when last read.
    dropped: u64,
    /// Until when its namespace, whose name has come, is looked for.
    patience: Option<Instant>,
}

struct Watcher {
    words: mpsc::Receiver<(Word, mpsc::SyncSender<()>)>,
    bell: Arc<EventFd>,
    changes: Option<netlink::Listener>,
    names: Option<Inotify>,
    ports: Vec<Watched>,
}

impl Watcher {
    fn run(mut self) {
        loop {
            self.wait();
            // Silent if it was not the bell.
            let _ = self.bell.read();
            while let Ok((word, done)) = self.words.try_recv() {
                let stop = matches!(word, Word::Stop);
                self.heed(word);
                // Whoever said it may not wait.
                let _ = done.send(());
                if stop {
                    return;
                }
            }
            self.hear_changes();
            self.hear_names();
            for index in 0..self.ports.len() {
                if let Some(until) = self.ports[index].patience {
                    self.ports[index].patience = Some(until).filter(|until| Instant::now() < *until);
                    self.look(index);
                }
            }
        }
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.changes.iter().map(|changes| PollFd::new(changes.fd(), PollFlags::POLLIN)));
        fds.extend(self.names.iter().map(|names| PollFd::new(names.as_fd(), PollFlags::POLLIN)));
        let waiting = self.ports.iter().any(|port| port.patience.is_some());
        // Interrupted is as good as ready: all is looked at again.
        let _ = poll(&mut fds, if waiting { PollTimeout::from(20_u8) } else { PollTimeout::NONE });
    }

    fn heed(&mut self, word: Word) {
        match word {
            Word::Add { place, source, plugged } => self.add(place, source, plugged),
            Word::LookAt { place, pulled } => {
                drop(pulled);
                if let Some(index) = self.ports.iter().position(|port| port.place.is(&place)) {
                    self.look(index);
                }
            }
            Word::Remove(place) => self.ports.retain(|port| !port.place.is(&place)),
            Word::RemoveSwitch(mailbox, key) => {
                self.ports.retain(|port| !(Arc::ptr_eq(&port.place.mailbox, &mailbox) && port.place.key == key));
            }
            Word::ReadOverruns(mailbox, key) => {
                let ours = |port: &&mut Watched| Arc::ptr_eq(&port.place.mailbox, &mailbox) && port.place.key == key;
                self.ports.iter_mut().filter(ours).for_each(Watched::read_overrun);
            }
            Word::Stop => {}
        }
    }

    fn add(&mut self, place: Place, source: Source, plugged: bool) {
        let nsid = source.netns.as_ref().and_then(|path| self.follow(path));
        let attached = match source.find(None) {
            Ok(Found::Here(identity, _)) if plugged => Some(identity),
            _ => None,
        };
        let mut port = Watched { place, source, nsid, attached, dropped: 0, patience: None };
        port.dropped = port.tx_dropped().unwrap_or(0);
        self.ports.push(port);
        self.look(self.ports.len() - 1);
    }

    /// Hears of a namespace's interfaces, and of its name. Answers what it is called in messages.
    fn follow(&self, path: &Path) -> Option<Nsid> {
        // Refused without rights over it; its changes are not heard then.
        let nsid = File::open(path).ok().and_then(|namespace| netlink::name_namespace(namespace.as_fd()).ok());
        // Where the folder itself is not there yet (`/run/netns` before the first namespace), its coming is heard of instead.
        let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).filter(|folder| !folder.starts_with("/proc"));
        if let (Some(folder), Some(names)) = (folder, &self.names) {
            let flags =
                AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE | AddWatchFlags::IN_DELETE_SELF;
            // The same watch if there is one already; refused without the right to read the folder, whose changes are not heard then.
            let _ = names.add_watch(folder, flags);
        }
        nsid
    }

    fn hear_changes(&mut self) {
        let Some(Ok(changes)) = self.changes.as_ref().map(netlink::Listener::changes) else { return };
        for index in 0..self.ports.len() {
            let port = &self.ports[index];
            let is_there = |change: &netlink::Change| match (change.namespace, port.nsid) {
                (None, _) => true,
                (Some(there), Some(nsid)) => there == nsid,
                (Some(_), None) => port.source.netns.is_some(),
            };
            let concerns = |change: &netlink::Change| {
                let same =
                    change.name == port.source.ifname || port.attached.is_some_and(|attached| attached.index == change.index);
                same && is_there(change)
            };
            if changes.as_ref().is_none_or(|changes| changes.iter().any(concerns)) {
                self.look(index);
            }
        }
    }

    fn hear_names(&mut self) {
        let Some(Ok(events)) = self.names.as_ref().map(Inotify::read_events) else { return };
        for index in 0..self.ports.len() {
            let Some(path) = self.ports[index].source.netns.clone() else { continue };
            // Without a name it is about a folder itself, or about events that were lost.
            let concerns = |name: &OsString| path.iter().any(|part| part == name);
            if events.iter().any(|event| event.name.as_ref().is_none_or(concerns)) {
                self.ports[index].nsid = self.follow(&path);
                self.ports[index].patience = path.exists().then(|| Instant::now() + PATIENCE);
                self.look(index);
            }
        }
    }

    fn look(&mut self, index: usize) {
        if self.ports[index].patience.is_some() {
            // The namespace may be there by now and its interface not yet: hear of it when it comes.
            let path = self.ports[index].source.netns.as_ref();
            self.ports[index].nsid = path.and_then(|path| self.follow(path));
        }
        let port = &mut self.ports[index];
        port.look();
        port.patience = port.patience.filter(|_| port.attached.is_none());
    }
}

impl Watched {
    /// Looks at what is there now, and has the engine act on it.
    fn look(&mut self) {
        let name = &self.source.ifname;
        match self.source.find(self.attached) {
            Ok(Found::Here(identity, interface)) => {
                let is_open = self.attached == Some(identity) && self.is_plugged();
                if !is_open && let Err(reason) = self.open(identity) {
                    return self.set_down(reason, true);
                }
                let reason = (!interface.up).then(|| format!("interface {} is down", self.source.ifname));
                self.settle(interface.mtu, reason);
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
                let reason = format!("there is no namespace{}", self.place_words().replace(" in", ""));
                self.set_down(reason, true);
            }
            Err(error) => self.set_down(format!("looking at interface {name}: {error}"), false),
        }
    }

    fn place_words(&self) -> String {
        self.source.netns.as_ref().map_or(String::new(), |path| format!(" in {}", path.display()))
    }

    fn open(&mut self, identity: Identity) -> Result<(), String> {
        let link = self.source.open_again(identity);
        let link = link.map_err(|error| format!("opening interface {}: {error}", self.source.ifname))?;
        let Place { mailbox, key, port } = self.place.clone();
        let attached = mailbox.ask(move |engine| engine.attach(key, port, link));
        match attached {
            Ok(Ok(before)) => {
                before.into_iter().for_each(close);
                self.attached = Some(identity);
                self.dropped = self.tx_dropped().unwrap_or(0);
                Ok(())
            }
            Ok(Err(error)) => Err(format!("interface {}: {error}", self.source.ifname)),
            Err(gone) => Err(gone.to_string()),
        }
    }

    /// Whether the port still has what was opened for it: its engine pulls out what fails.
    fn is_plugged(&self) -> bool {
        let Place { mailbox, key, port } = self.place.clone();
        mailbox.ask(move |engine| engine.is_plugged(key, port)).unwrap_or(false)
    }

    fn settle(&self, mtu: u32, reason: Option<String>) {
        let Place { mailbox, key, port } = self.place.clone();
        // A switch that is gone needs it no longer.
        let _ = mailbox.ask(move |engine| {
            engine.set_link_mtu(key, port, mtu);
            engine.set_down(key, port, reason);
        });
    }

    fn set_down(&mut self, reason: String, pull: bool) {
        if pull {
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

    fn read_overrun(&mut self) {
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
