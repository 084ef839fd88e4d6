//! What becomes of the interfaces behind the ports: a thread that hears of every change and acts on those that matter.
//!
//! The kernel tells of changes by netlink, and inotify of namespaces that come and go by name. After either, the thread looks
//! at what is there now: a port whose interface is gone, renamed or down says so and waits; when an interface of that name is
//! back, it is opened again. Nobody polls. A descriptor that was opened inside a namespace is closed when its name goes, so
//! that it does not keep the namespace alive.

use super::mailbox::Mailbox;
use super::thread::close;
use crate::plug::{Found, Identity, Source, SourceKind};
use crate::sys::{netlink, netns};
use lanloom_switch_core::PortId;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

/// Looks at a namespace whose name has come but that is not mounted there yet, 20 ms apart.
const PATIENCE: u32 = 100;

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
    LookAt { place: Place, pulled: bool },
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
            folders: Vec::new(),
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

    /// A port's link has failed; `pulled` tells whether it was closed.
    pub(super) fn look_at(&self, mailbox: &Arc<Mailbox>, key: u32, port: PortId, pulled: bool) {
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
    /// What the port has open.
    attached: Option<Identity>,
    /// Frames that a TAP had dropped when last read.
    dropped: u64,
    /// Looks left until its namespace must be there.
    patience: u32,
}

struct Watcher {
    words: mpsc::Receiver<(Word, mpsc::SyncSender<()>)>,
    bell: Arc<EventFd>,
    changes: Option<netlink::Listener>,
    names: Option<Inotify>,
    folders: Vec<PathBuf>,
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
                if self.ports[index].patience > 0 {
                    self.ports[index].patience -= 1;
                    self.look(index);
                }
            }
        }
    }

    fn wait(&self) {
        let mut fds = vec![PollFd::new(self.bell.as_fd(), PollFlags::POLLIN)];
        fds.extend(self.changes.iter().map(|changes| PollFd::new(changes.fd(), PollFlags::POLLIN)));
        fds.extend(self.names.iter().map(|names| PollFd::new(names.as_fd(), PollFlags::POLLIN)));
        let waiting = self.ports.iter().any(|port| port.patience > 0);
        // Interrupted is as good as ready: all is looked at again.
        let _ = poll(&mut fds, if waiting { PollTimeout::from(20_u8) } else { PollTimeout::NONE });
    }

    fn heed(&mut self, word: Word) {
        match word {
            Word::Add { place, source, plugged } => self.add(place, source, plugged),
            Word::LookAt { place, pulled } => {
                if let Some(index) = self.ports.iter().position(|port| port.place.is(&place)) {
                    if pulled {
                        self.ports[index].attached = None;
                    }
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
        if let Some(path) = &source.netns {
            self.follow(path);
        }
        let attached = match source.find(None) {
            Ok(Found::Here(identity, _)) if plugged => Some(identity),
            _ => None,
        };
        let mut port = Watched { place, source, attached, dropped: 0, patience: 0 };
        port.dropped = port.tx_dropped().unwrap_or(0);
        self.ports.push(port);
        self.look(self.ports.len() - 1);
    }

    /// Hears of a namespace's interfaces, and of its name.
    fn follow(&mut self, path: &Path) {
        if let Ok(namespace) = File::open(path) {
            // Refused without rights over it; its changes are not heard then.
            let _ = netlink::name_namespace(namespace.as_fd());
        }
        let Some(folder) = path.parent().filter(|folder| !folder.starts_with("/proc")) else { return };
        if !self.folders.iter().any(|known| known == folder) {
            let flags = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_DELETE | AddWatchFlags::IN_MOVE;
            let watched = self.names.as_ref().map(|names| names.add_watch(folder, flags));
            if matches!(watched, Some(Ok(_))) {
                self.folders.push(folder.to_owned());
            }
        }
    }

    fn hear_changes(&mut self) {
        let Some(Ok(changes)) = self.changes.as_ref().map(netlink::Listener::changes) else { return };
        for index in 0..self.ports.len() {
            let port = &self.ports[index];
            let concerns = |change: &netlink::Change| {
                change.name == port.source.ifname || port.attached.is_some_and(|attached| attached.index == change.index)
            };
            if changes.as_ref().is_none_or(|changes| changes.iter().any(concerns)) {
                self.look(index);
            }
        }
    }

    fn hear_names(&mut self) {
        let Some(Ok(events)) = self.names.as_ref().map(Inotify::read_events) else { return };
        for index in 0..self.ports.len() {
            let netns = self.ports[index].source.netns.clone();
            let Some(path) = netns.filter(|path| events.iter().any(|event| event.name.as_deref() == path.file_name())) else {
                continue;
            };
            self.ports[index].patience = if path.exists() { PATIENCE } else { 0 };
            self.look(index);
        }
    }

    fn look(&mut self, index: usize) {
        let port = &mut self.ports[index];
        port.look();
        if port.attached.is_some() && port.patience > 0 {
            port.patience = 0;
            let netns = port.source.netns.clone();
            netns.iter().for_each(|path| self.follow(path));
        } else if port.patience > 0 {
            // The namespace may be there by now and its interface not yet: hear of it when it comes.
            let netns = port.source.netns.clone();
            netns.iter().for_each(|path| self.follow(path));
        }
    }
}

impl Watched {
    /// Looks at what is there now, and has the engine act on it.
    fn look(&mut self) {
        let name = &self.source.ifname;
        match self.source.find(self.attached) {
            Ok(Found::Here(identity, interface)) => {
                if self.attached != Some(identity)
                    && let Err(reason) = self.open(identity)
                {
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
        let link = self.source.open().map_err(|error| format!("opening interface {}: {error}", self.source.ifname))?;
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
