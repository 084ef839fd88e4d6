//! The thread: what it hears, and which ports that concerns.

use super::Word;
use super::port::Watched;
use crate::sys::netlink;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::EventFd;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::{Arc, mpsc};
use std::time::Instant;

/// Where the kernel lists this process's mounts, and tells that they changed (`proc_pid_mountinfo(5)`): a namespace has its name by
/// being mounted there.
const MOUNTS: &str = "/proc/self/mountinfo";

pub(super) struct Watcher {
    words: mpsc::Receiver<(Word, mpsc::SyncSender<()>)>,
    bell: Arc<EventFd>,
    changes: Option<netlink::Listener>,
    mounts: Option<File>,
    ports: Vec<Watched>,
}

/// What woke the thread, of that which tells it only once.
struct Heard {
    mounts: bool,
    /// Ports whose namespace's process has ended.
    ended: Vec<usize>,
}

impl Watcher {
    /// One that hears as much as it can here, and what it cannot.
    pub(super) fn new(words: mpsc::Receiver<(Word, mpsc::SyncSender<()>)>, bell: Arc<EventFd>) -> (Self, Vec<String>) {
        let mut lacks = Vec::new();
        let changes = netlink::Listener::open();
        let changes = changes.map_err(|error| lacks.push(format!("changes of interfaces, by netlink: {error}"))).ok();
        let mounts = File::open(MOUNTS);
        let mounts = mounts.map_err(|error| lacks.push(format!("names of namespaces, by {MOUNTS}: {error}"))).ok();
        (Self { words, bell, changes, mounts, ports: Vec::new() }, lacks)
    }

    pub(super) fn run(mut self) {
        loop {
            let heard = self.wait();
            for index in heard.ended {
                self.ports[index].forget_process();
                self.ports[index].look();
            }
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
            if heard.mounts {
                self.ports.iter_mut().filter(|port| port.is_elsewhere_now()).for_each(Watched::look);
            }
            let now = Instant::now();
            self.ports.iter_mut().filter(|port| port.retry_due().is_some_and(|due| due <= now)).for_each(Watched::look);
        }
    }

    fn wait(&self) -> Heard {
        let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let processes = || self.ports.iter().enumerate().filter_map(|(index, port)| Some((index, port.process()?)));
        // Last come those whose answer is looked at.
        let mut fds = vec![readable(self.bell.as_fd())];
        fds.extend(self.changes.iter().map(|changes| readable(changes.fd())));
        let mounts = fds.len();
        fds.extend(self.mounts.iter().map(|mounts| PollFd::new(mounts.as_fd(), PollFlags::POLLPRI)));
        let first = fds.len();
        fds.extend(processes().map(|(_, process)| readable(process)));
        let due = self.ports.iter().filter_map(Watched::retry_due).min();
        let timeout = due.map_or(PollTimeout::NONE, |due| {
            let millis = due.saturating_duration_since(Instant::now()).as_millis() + 1;
            PollTimeout::from(u16::try_from(millis).unwrap_or(u16::MAX))
        });
        if poll(&mut fds, timeout).is_err() {
            // Interrupted: all that is left to hear will be heard the next time.
            return Heard { mounts: false, ended: Vec::new() };
        }
        let has_word = |fd: &PollFd<'_>| fd.any().unwrap_or(true);
        let ended = processes().zip(&fds[first..]).filter(|(_, fd)| has_word(fd)).map(|((index, _), _)| index);
        Heard { mounts: fds[mounts..first].iter().any(has_word), ended: ended.collect() }
    }

    fn heed(&mut self, word: Word) {
        match word {
            Word::Add { place, source, plugged } => self.ports.push(Watched::new(place, source, plugged)),
            Word::LookAt { place, pulled } => {
                drop(pulled);
                self.ports.iter_mut().filter(|port| port.place.is(&place)).for_each(Watched::look);
            }
            Word::Remove(place) => {
                self.ports.iter_mut().filter(|port| port.place.is(&place)).for_each(Watched::read_overrun);
                self.ports.retain(|port| !port.place.is(&place));
            }
            Word::RemoveSwitch(mailbox, key) => self.ports.retain(|port| !port.place.is_of(&mailbox, key)),
            Word::ReadOverruns(mailbox, key) => {
                self.ports.iter_mut().filter(|port| port.place.is_of(&mailbox, key)).for_each(Watched::read_overrun);
            }
            Word::Stop => {}
        }
    }

    fn hear_changes(&mut self) {
        let Some(Ok(changes)) = self.changes.as_ref().map(netlink::Listener::changes) else { return };
        let changes = changes.as_deref();
        self.ports.iter_mut().filter(|port| port.is_concerned_by(changes)).for_each(Watched::look);
    }
}
