//! The loop of an engine thread.

use super::mailbox::Mailbox;
use super::runtime::{Buffers, SwitchRuntime};
use super::spin::Spin;
use super::tunnels::Readers;
use super::watch::Watch;
use super::{EngineConfig, EngineEvent, EventKind, Tally, count};
use crate::clock;
use crate::link::{Link, LinkError};
use crate::plug::LookedAt;
use lanloom_switch_core::{Instant, PortId};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

/// What epoll calls the mailbox.
const MAILBOX: u64 = u64::MAX;

/// Sockets of tunnels are called by this, where ports have their switch's key, and their number.
pub(super) const READERS: u32 = u32::MAX - 1;

/// How late timers may be on a thread that never sleeps.
const TIMERS_UNDER_LOAD: Duration = Duration::from_millis(100);

/// Descriptors told of at once.
const EVENTS: usize = 64;

/// A thread's switches and all that it needs to serve them.
pub(super) struct Engine {
    pub(super) epoll: Epoll,
    mailbox: Arc<Mailbox>,
    tally: Arc<Tally>,
    watch: Watch,
    pub(super) switches: BTreeMap<u32, SwitchRuntime>,
    next_key: u32,
    pub(super) buffers: Buffers,
    pub(super) readers: Readers,
    spin: Spin,
    events: Option<SyncSender<EngineEvent>>,
}

/// However the thread ends, nobody waits for it.
impl Drop for Engine {
    fn drop(&mut self) {
        self.mailbox.abandon();
    }
}

impl Engine {
    pub(super) fn new(config: &EngineConfig, mailbox: Arc<Mailbox>, tally: Arc<Tally>, watch: Watch) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        epoll.add(mailbox.fd(), EpollEvent::new(EpollFlags::EPOLLIN, MAILBOX))?;
        let (spin, events, switches) = (Spin::new(config.spin), config.events.clone(), BTreeMap::new());
        let (buffers, readers) = (Buffers::new(), Readers::default());
        Ok(Self { epoll, mailbox, tally, watch, switches, next_key: 0, buffers, readers, spin, events })
    }

    /// Serves until the mailbox is closed.
    pub(super) fn run(mut self) {
        let mut ready = [EpollEvent::empty(); EVENTS];
        let mut timers = Instant::default();
        loop {
            let now = clock::now();
            let spinning = self.spin.is_on(now);
            let timeout = if spinning { EpollTimeout::ZERO } else { self.sleep_at_most(now) };
            let count_ready = self.epoll.wait(&mut ready, timeout).unwrap_or(0);
            let tally = if spinning { &self.tally.spins } else { &self.tally.wakeups };
            if !spinning || count_ready == 0 {
                count(tally, 1);
            }
            if spinning && count_ready == 0 {
                // Whoever else wants this core, as a guest whose answer is looked for, comes first.
                std::thread::yield_now();
            }
            let woke = if spinning { now } else { clock::now() };
            let mut worked = false;
            for event in &ready[..count_ready] {
                if event.data() == MAILBOX {
                    if self.obey().is_err() {
                        return;
                    }
                } else if (event.data() >> 32) as u32 == READERS {
                    worked |= self.serve_reader(event.data() as u32 as usize);
                } else if self.serve(event.data(), count_ready == 1) {
                    worked = true;
                }
            }
            if worked {
                self.spin.worked(woke, clock::now());
                self.tally.spin_nanos.store(self.spin.window().as_nanos() as u64, Ordering::Relaxed);
            }
            if !spinning || timers <= now {
                self.handle_timeouts();
                timers = now + TIMERS_UNDER_LOAD;
            }
        }
    }

    /// Until the next timer of a switch, or for ever.
    fn sleep_at_most(&mut self, now: Instant) -> EpollTimeout {
        let next = self.switches.values_mut().filter_map(SwitchRuntime::poll_timeout).min();
        next.map_or(EpollTimeout::NONE, |next| {
            let millis = next.since(now).as_nanos().div_ceil(1_000_000);
            EpollTimeout::try_from(u32::try_from(millis).unwrap_or(u32::MAX).min(i32::MAX as u32)).unwrap_or(EpollTimeout::NONE)
        })
    }

    fn handle_timeouts(&mut self) {
        let now = clock::now();
        for runtime in self.switches.values_mut() {
            if runtime.switch.poll_timeout().is_some_and(|due| due <= now) {
                runtime.switch.handle_timeout(now);
            }
            runtime.handle_tunnels_timeout(now);
        }
    }

    /// Runs the commands that wait.
    fn obey(&mut self) -> Result<(), super::EngineGone> {
        let mailbox = Arc::clone(&self.mailbox);
        while let Some(command) = mailbox.take()? {
            command(self);
        }
        Ok(())
    }

    /// Serves a port that has frames or trouble, `alone` if nothing else has. Answers whether there were frames.
    fn serve(&mut self, token: u64, alone: bool) -> bool {
        let (key, port) = ((token >> 32) as u32, PortId::from_bits(token as u32));
        let Some(runtime) = self.switches.get_mut(&key) else { return false };
        let answer = runtime.serve(port, alone, &mut self.buffers);
        self.tell_events(key);
        match answer {
            Ok(frames) => {
                count(&self.tally.batches, 1);
                count(&self.tally.frames, frames as u64);
                frames > 0
            }
            Err(error) => {
                self.fail(key, port, &error);
                false
            }
        }
    }

    /// Sees to the end what others' sockets brought for a port, and is in the batch.
    pub(super) fn see_through(&mut self, key: u32, port: PortId) {
        let Some(runtime) = self.switches.get_mut(&key) else { return };
        runtime.see_through(port, &mut self.buffers);
        count(&self.tally.batches, 1);
        count(&self.tally.frames, self.buffers.received.len() as u64);
        self.tell_events(key);
    }

    fn tell_events(&mut self, key: u32) {
        let Some(runtime) = self.switches.get_mut(&key).filter(|_| self.events.is_some()) else { return };
        let (told, lost) = runtime.events();
        count(&self.tally.events_lost, lost);
        told.into_iter().for_each(|kind| self.tell(key, kind));
    }

    /// A link failed: the port is down, and the watch finds out why and waits for better.
    fn fail(&mut self, key: u32, port: PortId, error: &LinkError) {
        let pulled = if matches!(error, LinkError::Down) { None } else { self.detach(key, port) };
        self.set_down(key, port, Some(error.to_string()));
        self.watch.look_at(&self.mailbox, key, port, pulled);
    }

    pub(super) fn insert(&mut self, runtime: SwitchRuntime) -> u32 {
        let key = self.next_key;
        self.next_key += 1;
        self.switches.insert(key, runtime);
        key
    }

    pub(super) fn switch(&mut self, key: u32) -> Option<&mut SwitchRuntime> {
        self.switches.get_mut(&key)
    }

    /// Ends a switch and answers with what was plugged into it; `None` if there was no such switch.
    pub(super) fn remove(&mut self, key: u32) -> Option<Vec<Box<dyn Link>>> {
        let ports: Vec<PortId> = self.switch(key).map(|runtime| runtime.switch.port_ids().collect()).unwrap_or_default();
        let links = ports.into_iter().filter_map(|port| self.detach(key, port)).collect();
        self.switches.remove(&key).map(|_| links)
    }

    /// Plugs a link into a port, and answers with what was there. One that is refused is closed, by somebody else.
    pub(super) fn attach(&mut self, key: u32, id: PortId, link: Box<dyn Link>) -> io::Result<Option<Box<dyn Link>>> {
        let before = self.detach(key, id);
        let token = u64::from(key) << 32 | u64::from(id.to_bits());
        let Self { switches, epoll, .. } = self;
        let added = match switches.get_mut(&key).filter(|runtime| runtime.port(id).is_ok()) {
            Some(runtime) => epoll.add(link.fd(), EpollEvent::new(EpollFlags::EPOLLIN, token)).map(|()| runtime),
            None => Err(Errno::ENOENT),
        };
        let runtime = match added {
            Ok(runtime) => runtime,
            Err(error) => {
                before.into_iter().chain([link]).for_each(close);
                return Err(error.into());
            }
        };
        // The port was there a line ago, as it is in what follows.
        if let Ok(port) = runtime.port_mut(id) {
            port.link = Some(link);
        }
        let _ = runtime.settle(id);
        Ok(before)
    }

    /// As [`Engine::attach`], for an interface that has been looked at: no frame comes in before the port is as it is to be.
    pub(super) fn attach_looked_at(
        &mut self,
        key: u32,
        id: PortId,
        link: Box<dyn Link>,
        state: LookedAt,
    ) -> io::Result<Option<Box<dyn Link>>> {
        let before = self.attach(key, id, link)?;
        self.set_looked_at(key, id, state);
        Ok(before)
    }

    /// Tells what a look at a port's interface has shown.
    pub(super) fn set_looked_at(&mut self, key: u32, id: PortId, (mtu, trouble): LookedAt) {
        self.set_link_mtu(key, id, mtu);
        self.set_down(key, id, trouble);
    }

    /// Pulls a port's link out; what the kernel lost on its way through it is counted. Closing one waits for the kernel (tens of
    /// milliseconds for AF_PACKET and TAPs): whoever gets it closes it elsewhere, see [`close`].
    pub(super) fn detach(&mut self, key: u32, id: PortId) -> Option<Box<dyn Link>> {
        let runtime = self.switches.get_mut(&key)?;
        let mut link = runtime.port_mut(id).ok()?.link.take()?;
        // Gone from epoll already if the kernel has closed it.
        let _ = self.epoll.delete(link.fd());
        runtime.switch.record_overrun(id, link.overrun());
        // The port was there a line ago.
        let _ = runtime.settle(id);
        Some(link)
    }

    pub(super) fn is_plugged(&mut self, key: u32, id: PortId) -> bool {
        self.switch(key).is_some_and(|runtime| runtime.port(id).is_ok_and(|port| port.link.is_some()))
    }

    /// Tells what a port's interface carries, in bytes.
    fn set_link_mtu(&mut self, key: u32, id: PortId, mtu: u32) {
        let Some(runtime) = self.switch(key) else { return };
        if let Ok(port) = runtime.port_mut(id) {
            port.link_mtu = mtu;
            // The port was there a line ago.
            let _ = runtime.settle(id);
        }
    }

    pub(super) fn record_overrun(&mut self, key: u32, id: PortId, frames: u64) {
        if let Some(runtime) = self.switch(key) {
            runtime.switch.record_overrun(id, frames);
        }
    }

    /// Sets a port down for a reason, or up, and tells of it if that is new.
    pub(super) fn set_down(&mut self, key: u32, id: PortId, reason: Option<String>) {
        let Some(runtime) = self.switch(key) else { return };
        let Ok(port) = runtime.port_mut(id) else { return };
        if port.down == reason {
            return;
        }
        let was_up = port.down.is_none();
        let name = port.name.clone();
        port.down.clone_from(&reason);
        // The port was there a line ago.
        let _ = runtime.settle(id);
        match reason {
            Some(reason) => self.tell(key, EventKind::PortDown { port: name, reason }),
            None if !was_up => self.tell(key, EventKind::PortUp { port: name }),
            None => {}
        }
    }

    fn tell(&mut self, key: u32, kind: EventKind) {
        let Some(switch) = self.switch(key).map(|runtime| runtime.name.clone()) else { return };
        let lost = self.events.as_ref().is_some_and(|events| events.try_send(EngineEvent { switch, kind }).is_err());
        if lost {
            count(&self.tally.events_lost, 1);
        }
    }
}

/// Closes a link in a thread of its own, so that nobody waits for it.
pub(super) fn close(link: Box<dyn Link>) {
    // Without a thread to be had, it is closed here.
    let _ = std::thread::Builder::new().name("close".into()).spawn(move || drop(link));
}
