//! Commands to an engine thread: closures that run between two rounds.

use super::status::EngineGone;
use super::thread::Engine;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError, mpsc};

type Command = Box<dyn FnOnce(&mut Engine) + Send>;

/// What a thread is to do next.
pub(super) struct Mailbox {
    queue: Mutex<Queue>,
    bell: EventFd,
}

#[derive(Default)]
struct Queue {
    commands: VecDeque<Command>,
    closed: bool,
}

impl Mailbox {
    pub(super) fn new() -> io::Result<Self> {
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Self { queue: Mutex::default(), bell })
    }

    /// Has the thread do something, without waiting for it.
    pub(super) fn tell(&self, command: impl FnOnce(&mut Engine) + Send + 'static) -> Result<(), EngineGone> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.closed {
            return Err(EngineGone);
        }
        queue.commands.push_back(Box::new(command));
        drop(queue);
        self.ring();
        Ok(())
    }

    /// Has the thread answer something, and waits for it.
    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T, EngineGone> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.tell(move |engine| {
            // Whoever asked may have gone.
            let _ = answer.send(question(engine));
        })?;
        answered.recv().map_err(|_| EngineGone)
    }

    /// Takes no more commands, and has the thread end once those before are done.
    pub(super) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.ring();
    }

    /// Takes no more commands and forgets those that wait; whoever asked hears that the thread is gone.
    pub(super) fn abandon(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.closed = true;
        queue.commands.clear();
    }

    /// Readable when there is something to take.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// The next command; an error when there is none and never will be.
    pub(super) fn take(&self) -> Result<Option<Command>, EngineGone> {
        // Silent already if this is not the first look after a ring.
        let _ = self.bell.read();
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        match queue.commands.pop_front() {
            None if queue.closed => Err(EngineGone),
            command => Ok(command),
        }
    }

    fn ring(&self) {
        // Fails only if the bell has rung 2^64 times unheard.
        let _ = self.bell.write(1);
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Mailbox")
    }
}
