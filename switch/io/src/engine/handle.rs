//! How others speak to a switch: questions that its thread answers between two rounds.

use super::Engines;
use super::asked::Asked;
use super::runtime::SwitchRuntime;
use super::status::{EngineGone, PortError, PortState, PortStatus, SwitchStatus};
use super::thread::{Engine, close};
use super::tunnels::{Keeper, Tenant};
use crate::capture::ring::ring;
use crate::capture::{CaptureId, Receiver, Scope};
use crate::clock;
use crate::link::Link;
use crate::plug::{Plug, Source};
use lanloom_switch_core::{Counters, FdbEntry, FdbError, Guard, MacAddr, NoSuchPort, PortConfig, PortId, Prefixes, Trace};
use std::fmt;
use std::sync::Arc;

/// Threads that close the links of a deleted switch.
const CLOSERS: usize = 32;

/// A switch on an engine thread. Clones are the same switch.
#[derive(Clone)]
pub struct SwitchHandle {
    inner: Arc<Inner>,
}

struct Inner {
    engines: Engines,
    thread: usize,
    key: u32,
    name: String,
}

impl SwitchHandle {
    pub(super) fn new(engines: Engines, thread: usize, key: u32, name: &str) -> Self {
        Self { inner: Arc::new(Inner { engines, thread, key, name: name.to_owned() }) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Adds a port and plugs something into it. `description` is what captures and listings call it.
    ///
    /// # Errors
    /// If the link cannot be opened; no port is left behind then.
    pub fn add_port(&self, name: &str, description: &str, plug: Plug, config: PortConfig) -> Result<PortId, PortError> {
        let plug = match plug {
            Plug::Vxlan(vtep) => return self.add_tunnel((name, description), vtep, config, false),
            Plug::Memory(_) | Plug::Interface(..) => plug,
        };
        let (link, source) = open(plug)?;
        let state = match &source {
            None => Some((u32::MAX, None)),
            // One that cannot be looked at is down until the watch knows more.
            Some(source) => source.look(),
        };
        let names = (name.to_owned(), description.to_owned());
        let key = self.inner.key;
        let id = self.engine(move |engine| {
            let added = engine.switch(key).ok_or(PortError::Gone);
            let added = added.and_then(|runtime| runtime.add_port(&names.0, &names.1, config).ok_or(PortError::Full));
            let id = match added {
                Ok(id) => id,
                Err(error) => {
                    close(link);
                    return Err(error);
                }
            };
            if let Err(error) = engine.attach(key, id, link) {
                if let Some(runtime) = engine.switch(key) {
                    runtime.delete_port(id)?;
                }
                return Err(PortError::from(error));
            }
            // Before a frame comes in.
            if let Some(state) = state {
                engine.set_looked_at(key, id, state);
            }
            Ok(id)
        })??;
        if let Some(source) = source {
            self.watch(id, source, true);
        }
        Ok(id)
    }

    /// Adds a port for an interface that is not there, or not yet: it is down, says why, and waits.
    ///
    /// # Errors
    /// If the switch is gone or full.
    pub fn add_waiting_port(
        &self,
        name: &str,
        description: &str,
        source: Source,
        config: PortConfig,
    ) -> Result<PortId, PortError> {
        let names = (name.to_owned(), description.to_owned());
        let id = self.ask(move |runtime| runtime.add_port(&names.0, &names.1, config))?.ok_or(PortError::Full)?;
        self.watch(id, source, false);
        Ok(id)
    }

    fn watch(&self, id: PortId, source: Source, plugged: bool) {
        let Inner { engines, thread, key, .. } = &*self.inner;
        engines.inner.watch.add(&engines.inner.threads[*thread].mailbox, *key, id, source, plugged);
    }

    /// Deletes a port; its link closes. Answers its last counters.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn delete_port(&self, id: PortId) -> Result<Counters, PortError> {
        let Inner { engines, thread, key, .. } = &*self.inner;
        let key = *key;
        engines.inner.watch.remove(&engines.inner.threads[*thread].mailbox, key, id);
        let tenant = self.tenant(id);
        self.keeper().remove(|other| other.is(&tenant));
        let (link, deleted) = self.engine(move |engine| {
            let link = engine.detach(key, id);
            (link, engine.switch(key).ok_or(NoSuchPort).and_then(|runtime| runtime.delete_port(id)))
        })?;
        // Here and not on the engine's thread, which has better to do than wait for the kernel.
        drop(link);
        Ok(deleted?.1)
    }

    /// Changes what is set of a port. A `config` without a guard leaves the port's guard as it is: that is no matter of a port's
    /// settings, and only [`SwitchHandle::set_guard`] takes it away.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_port(&self, id: PortId, config: PortConfig) -> Result<(), PortError> {
        Ok(self.ask(move |runtime| runtime.set_port(id, config))??)
    }

    /// Changes what a port is held to, and nothing else of it; `None` makes it a bare port. Cheap, however many ports there are.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_guard(&self, id: PortId, guard: Option<Arc<Guard>>) -> Result<(), PortError> {
        Ok(self.ask(move |runtime| runtime.set_guard(id, guard))??)
    }

    /// Changes for every guarded port at once where other networks live, as when a pool of one comes or goes.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn set_foreign(&self, foreign: Arc<Prefixes>) -> Result<(), EngineGone> {
        self.ask(move |runtime| runtime.set_foreign(&foreign))
    }

    /// Its ports, in order.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn ports(&self) -> Result<Vec<PortStatus>, EngineGone> {
        self.ask(|runtime| {
            let ports = runtime.ports.iter().flatten().map(|port| PortStatus {
                id: port.id,
                name: port.name.clone(),
                description: port.description.clone(),
                config: port.config.clone(),
                state: match &port.down {
                    _ if !port.config.up => PortState::Down { reason: "set down".to_owned() },
                    Some(reason) => PortState::Down { reason: reason.clone() },
                    None => PortState::Up,
                },
                mtu: port.config.mtu.min(port.link_mtu),
                features: port.link.as_ref().map(|link| link.offloads().names()).unwrap_or_default(),
            });
            ports.collect()
        })
    }

    /// What it is and has done.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn status(&self) -> Result<SwitchStatus, EngineGone> {
        let engine = self.inner.thread;
        let spin = self.inner.engines.inner.threads[engine].stats().spin;
        self.ask(move |runtime| SwitchStatus {
            limits: runtime.switch.fdb().limits(),
            addresses: runtime.switch.fdb().len(),
            fdb: runtime.switch.fdb().stats(),
            ports: runtime.ports.iter().flatten().count(),
            uptime_secs: clock::now().since(runtime.since).as_secs(),
            engine,
            spin,
            events_lost: runtime.switch.events_lost(),
        })
    }

    /// Changes the ageing time, in seconds, of its tunnels too.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn set_ageing(&self, secs: u32) -> Result<(), EngineGone> {
        let Inner { engines, thread, key, .. } = &*self.inner;
        self.keeper().set_ageing(|tenant| tenant.is_of(&engines.inner.threads[*thread].mailbox, *key), secs);
        self.ask(move |runtime| {
            runtime.switch.set_ageing(secs);
            runtime.tunnels(None).for_each(|tunnel| tunnel.vtep_mut().set_ageing(secs));
        })
    }

    /// Every entry of the filtering database, by VLAN and address.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn fdb(&self) -> Result<Vec<FdbEntry>, EngineGone> {
        self.ask(|runtime| runtime.switch.fdb().entries(clock::now()))
    }

    /// Sets an entry of the filtering database that learning does not move.
    ///
    /// # Errors
    /// If the switch is gone; inside, what [`lanloom_switch_core::Switch::set_fdb`] says.
    pub fn set_fdb(&self, mac: MacAddr, port: PortId, sticky: bool) -> Result<Result<(), FdbError>, EngineGone> {
        self.ask(move |runtime| runtime.set_fdb(mac, port, sticky))
    }

    /// Removes an entry of the filtering database.
    ///
    /// # Errors
    /// If the switch is gone; inside, if there is no such entry.
    pub fn delete_fdb(&self, mac: MacAddr) -> Result<Result<FdbEntry, FdbError>, EngineGone> {
        self.ask(move |runtime| runtime.delete_fdb(mac))
    }

    /// Forgets what was learned, on one port or on all, and which peers of tunnels there led to it. Answers how many entries of the
    /// filtering database that were.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn flush_fdb(&self, port: Option<PortId>) -> Result<usize, EngineGone> {
        self.ask(move |runtime| {
            for tunnel in runtime.tunnels(port) {
                tunnel.vtep_mut().flush();
            }
            runtime.switch.flush_fdb(port)
        })
    }

    /// What each port has seen, by number and name, with what the kernel lost before us.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn counters(&self) -> Result<Vec<(PortId, String, Counters)>, EngineGone> {
        let Inner { engines, thread, key, .. } = &*self.inner;
        engines.inner.watch.read_overruns(&engines.inner.threads[*thread].mailbox, *key);
        self.keeper().note_losses();
        self.ask(|runtime| {
            for port in runtime.ports.iter_mut().flatten() {
                let lost = port.link.as_mut().map_or(0, |link| link.overrun());
                runtime.switch.record_overrun(port.id, lost);
            }
            let seen = runtime
                .ports
                .iter()
                .flatten()
                .filter_map(|port| Some((port.id, port.name.clone(), runtime.switch.counters(port.id).ok()?.clone())));
            seen.collect()
        })
    }

    /// What would become of a frame received on a port now. Sends nothing and changes nothing.
    ///
    /// # Errors
    /// If there is no such port; `None` if what is asked about is no frame.
    pub fn trace(&self, id: PortId, asked: Asked) -> Result<Option<Trace>, PortError> {
        let trace = self.ask(move |runtime| {
            let Some(frame) = asked.frame() else { return Ok(None) };
            let name = |port| runtime.port_name(port);
            runtime.switch.trace(clock::now(), id, &frame, &name).map(Some)
        })??;
        Ok(trace)
    }

    /// Begins a capture; it ends when the receiver is dropped, or by [`SwitchHandle::end_capture`].
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn capture(&self, scope: Scope) -> Result<Receiver, EngineGone> {
        let (sender, receiver) = ring(scope);
        self.ask(move |runtime| runtime.capture(sender))?;
        Ok(receiver)
    }

    /// Ends a capture in good order: its reader hears what was recorded, and then the end. Answers `false` if it has ended already.
    ///
    /// # Errors
    /// If the switch is gone.
    pub fn end_capture(&self, id: CaptureId) -> Result<bool, EngineGone> {
        self.ask(move |runtime| runtime.end_capture(id))
    }

    /// Deletes the switch; its links close.
    ///
    /// # Errors
    /// If it is gone already.
    pub fn delete(&self) -> Result<(), EngineGone> {
        let Inner { engines, thread, key, .. } = &*self.inner;
        let (key, thread) = (*key, &engines.inner.threads[*thread]);
        engines.inner.watch.remove_switch(&thread.mailbox, key);
        self.keeper().remove(|tenant| tenant.is_of(&thread.mailbox, key));
        let links = thread.mailbox.ask(move |engine| engine.remove(key))?.ok_or(EngineGone)?;
        thread.switches.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        close_all(links);
        Ok(())
    }

    pub(super) fn keeper(&self) -> &Arc<Keeper> {
        &self.inner.engines.inner.tunnels
    }

    /// A port of this switch, as tunnels are told apart.
    pub(super) fn tenant(&self, port: PortId) -> Tenant {
        let Inner { engines, thread, key, .. } = &*self.inner;
        Tenant { thread: Arc::clone(&engines.inner.threads[*thread].mailbox), key: *key, port }
    }

    pub(super) fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut SwitchRuntime) -> T + Send + 'static,
    ) -> Result<T, EngineGone> {
        let key = self.inner.key;
        self.engine(move |engine| engine.switch(key).map(question))?.ok_or(EngineGone)
    }

    fn engine<T: Send + 'static>(&self, question: impl FnOnce(&mut Engine) -> T + Send + 'static) -> Result<T, EngineGone> {
        self.inner.engines.inner.threads[self.inner.thread].mailbox.ask(question)
    }
}

impl fmt::Debug for SwitchHandle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("SwitchHandle").field(&self.inner.name).finish()
    }
}

/// Closes links side by side, as each waits for the kernel, and returns when all are closed.
fn close_all(links: Vec<Box<dyn Link>>) {
    let mut links = links.into_iter();
    let share = links.len().div_ceil(CLOSERS);
    std::thread::scope(|scope| {
        while links.len() > 0 {
            let some: Vec<_> = links.by_ref().take(share).collect();
            // Without a thread to be had, they are closed here.
            let _ = std::thread::Builder::new().spawn_scoped(scope, move || drop(some));
        }
    });
}

/// Opens what is to be plugged in, and keeps how to open it again.
fn open(plug: Plug) -> Result<(Box<dyn Link>, Option<Source>), PortError> {
    match plug {
        Plug::Memory(end) => Ok((Box::new(end), None)),
        Plug::Vxlan(_) => Err(PortError::NoSuchPort),
        Plug::Interface(source, Some(link)) => Ok((link, Some(source))),
        Plug::Interface(source, None) => Ok((source.open().map_err(PortError::Link)?, Some(source))),
    }
}
