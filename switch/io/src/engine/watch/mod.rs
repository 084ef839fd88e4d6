//! What becomes of the interfaces behind the ports: a thread that hears of every change and acts on those that matter.
//!
//! The kernel tells of interfaces by netlink, of namespaces that come and go by their names by `/proc/self/mountinfo`, and of
//! those that end with a process by its descriptor. After any of it, the thread looks at what is there now: a port whose
//! interface is gone, renamed, down or without an other end says so and waits; when an interface of that name is back, it is
//! opened again. Nobody polls; only an interface that could not be opened for a passing reason is tried again after a time. A
//! link that was opened inside a namespace is closed when its name goes, so that it does not keep the namespace alive.
//!
//! | file | one idea |
//! |---|---|
//! | `watcher.rs` | the thread: what it hears, and which ports that concerns |
//! | `port.rs` | one port: what is there now, and what the engine is told |
//! | `retry.rs` | when to try again |

mod port;
mod retry;
mod watcher;

use super::mailbox::Mailbox;
use crate::link::Link;
use crate::plug::Source;
use crate::sys::netns;
use lanloom_switch_core::PortId;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::sync::{Arc, mpsc};
use watcher::Watcher;

/// A port of an engine thread.
#[derive(Clone)]
struct Place {
    mailbox: Arc<Mailbox>,
    key: u32,
    port: PortId,
}

impl Place {
    fn is(&self, other: &Self) -> bool {
        self.is_of(&other.mailbox, other.key) && self.port == other.port
    }

    /// Whether it is one of that switch.
    fn is_of(&self, mailbox: &Arc<Mailbox>, key: u32) -> bool {
        Arc::ptr_eq(&self.mailbox, mailbox) && self.key == key
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
    lacks: Arc<[String]>,
}

impl Watch {
    pub(super) fn start() -> io::Result<Self> {
        let (words, heard) = mpsc::channel();
        let bell = Arc::new(EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?);
        let (watcher, lacks) = Watcher::new(heard, Arc::clone(&bell));
        let run = || {
            netns::travel();
            watcher.run();
        };
        std::thread::Builder::new().name("watch".into()).spawn(run)?;
        Ok(Self { words, bell, lacks: lacks.into() })
    }

    /// What it cannot hear of here, and why: ports work without, but do not come and go with their interfaces.
    pub(super) fn lacks(&self) -> &[String] {
        &self.lacks
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

    /// Watches a port no longer. What the kernel lost on the way to it has been counted when this returns.
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
