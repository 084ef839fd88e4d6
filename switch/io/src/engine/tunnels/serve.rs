//! What an engine thread does with the sockets of tunnels.

use super::reader::{Parcel, Reader, Run, Target, hand_over, runs};
use super::{Stray, Tenant};
use crate::buffer::Batch;
use crate::clock;
use crate::engine::thread::{Engine, READERS};
use crate::link::vxlan::Vxlan;
use crate::sys::datagram::Inbound;
use crate::underlay::Place;
use lanloom_switch_core::vxlan::Vni;
use lanloom_switch_core::{DropReason, PortId};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// Messages taken at once at most; of merged ones, as many as fill a batch.
const MESSAGES: usize = 32;

/// Bytes that are taken at once: what is received is still in the core's own cache when it is sent.
const BYTES: usize = 256 << 10;

/// The sockets that a thread reads for tunnels.
#[derive(Default)]
pub(in crate::engine) struct Readers {
    /// By the number that epoll calls each.
    sockets: Vec<Option<Reader>>,
    inbound: Option<Inbound>,
}

impl Engine {
    pub(super) fn add_reader(&mut self, reader: Reader) -> io::Result<()> {
        let number = self.readers.sockets.iter().position(Option::is_none).unwrap_or(self.readers.sockets.len());
        let token = u64::from(READERS) << 32 | number as u64;
        self.epoll.add(reader.socket.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        if number == self.readers.sockets.len() {
            self.readers.sockets.push(None);
        }
        self.readers.sockets[number] = Some(reader);
        Ok(())
    }

    pub(super) fn remove_reader(&mut self, place: &Place) {
        let is_it = |reader: &Option<Reader>| reader.as_ref().is_some_and(|reader| reader.place == *place);
        if let Some(reader) = self.readers.sockets.iter_mut().find(|reader| is_it(reader)).and_then(Option::take) {
            // Closing it would take it out all the same.
            let _ = self.epoll.delete(reader.socket.as_fd());
        }
    }

    pub(super) fn set_route(&mut self, place: &Place, vni: Vni, target: Option<Target>) {
        if let Some(reader) = self.reader_mut(place) {
            reader.set_route(vni, target);
        }
    }

    pub(super) fn reader_mut(&mut self, place: &Place) -> Option<&mut Reader> {
        self.readers.sockets.iter_mut().flatten().find(|reader| reader.place == *place)
    }

    /// What came to a place for networks that are not there.
    pub(super) fn strays(&self, place: &Place) -> Vec<Stray> {
        let mut readers = self.readers.sockets.iter().flatten();
        readers.find(|reader| reader.place == *place).map(|reader| reader.strays().to_vec()).unwrap_or_default()
    }

    /// Reads a socket once, and sees every datagram to its end. Answers whether there were any.
    pub(in crate::engine) fn serve_reader(&mut self, number: usize) -> bool {
        let Some(mut reader) = self.readers.sockets.get_mut(number).and_then(Option::take) else { return false };
        let mut inbound = self.readers.inbound.take().unwrap_or_else(|| Inbound::new(MESSAGES));
        let count = (BYTES / reader.longest.max(1)).clamp(1, MESSAGES);
        // An error is of one datagram, if any: the next call goes on behind it.
        let received = inbound.recv(reader.socket.as_fd(), count).unwrap_or(0);
        if received > 0 {
            self.sort(&mut reader, &inbound, received);
        }
        self.readers.inbound = Some(inbound);
        self.readers.sockets[number] = Some(reader);
        received > 0
    }

    fn sort(&mut self, reader: &mut Reader, inbound: &Inbound, received: usize) {
        let mut open = None;
        // A port's last batch is still there.
        self.buffers.received.clear();
        reader.longest = 0;
        for message in 0..received {
            let message = inbound.message(message);
            reader.longest = reader.longest.max(message.bytes.len());
            for run in runs(&message) {
                let Some((target, reason)) = reader.target(&run) else { continue };
                match target.clone() {
                    Target::Here { key, port } => {
                        if open != Some((key, port)) {
                            self.see_off(open.replace((key, port)));
                        }
                        self.fill(key, port, &run, reason);
                    }
                    Target::Elsewhere { tenant, on_their_way } => send_away(&tenant, &on_their_way, &run, reason),
                }
                if reason == Some(DropReason::VniUnknown) {
                    reader.note_stray(&run, clock::now());
                }
            }
        }
        self.see_off(open);
    }

    /// Takes what another thread has read.
    pub(super) fn take_parcel(&mut self, key: u32, port: PortId, parcel: &Parcel) {
        self.buffers.received.clear();
        self.fill(key, port, &parcel.run(), None);
        self.see_off(Some((key, port)));
    }

    /// Has a port take datagrams into the batch, seen off as often as it is full; or reject them.
    fn fill(&mut self, key: u32, port: PortId, run: &Run<'_>, reason: Option<DropReason>) {
        let now = clock::now();
        for datagram in run.datagrams() {
            loop {
                let batch = &mut self.buffers.received;
                let Some(tunnel) = tunnel_of(&mut self.switches, key, port) else { return };
                let taken = match reason {
                    None => tunnel.take(now, (run.from, run.tos, run.cut), datagram, batch),
                    Some(reason) => tunnel.refuse(datagram.len(), reason, batch),
                };
                if taken {
                    break;
                }
                self.see_off(Some((key, port)));
            }
        }
    }

    /// Sees to the end what is in the batch, all of it one port's.
    fn see_off(&mut self, at: Option<(u32, PortId)>) {
        let Some((key, port)) = at else { return };
        if let Some(tunnel) = tunnel_of(&mut self.switches, key, port) {
            tunnel.close(&mut self.buffers.received);
        }
        self.see_through(key, port);
        self.buffers.received.clear();
        if let Some(runtime) = self.switches.get_mut(&key) {
            runtime.see_probes(port);
        }
    }
}

fn tunnel_of(
    switches: &mut std::collections::BTreeMap<u32, crate::engine::runtime::SwitchRuntime>,
    key: u32,
    port: PortId,
) -> Option<&mut Vxlan> {
    switches.get_mut(&key)?.port_mut(port).ok()?.link.as_mut()?.tunnel()
}

fn send_away(tenant: &Tenant, on_their_way: &Arc<AtomicUsize>, run: &Run<'_>, reason: Option<DropReason>) {
    let Some(reason) = reason else { return hand_over(tenant, on_their_way, run) };
    let (key, port, size) = (tenant.key, tenant.port, run.size);
    let datagrams = run.count();
    // A thread that has ended counts nothing any more.
    let _ = tenant.thread.tell(move |engine| {
        let Some(runtime) = engine.switch(key) else { return };
        (0..datagrams).for_each(|_| runtime.switch.record_unreadable(port, size, reason));
    });
}

impl Vxlan {
    /// Rejects a datagram that is no frame for anybody; `false` if the batch is full.
    fn refuse(&mut self, len: usize, reason: DropReason, batch: &mut Batch) -> bool {
        self.close(batch);
        let room = batch.room() > 0;
        if room {
            batch.reject(len, reason);
        }
        room
    }
}
