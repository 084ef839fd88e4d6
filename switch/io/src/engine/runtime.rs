//! One switch with its ports, and what happens to a batch of frames.

use super::{BATCH, EventKind, egress};
use crate::buffer::Batch;
use crate::capture::{CaptureId, Origin, PortLabel, Record, Sender};
use crate::clock;
use crate::link::{Link, LinkError, Waiting};
use crate::offload::{self, Shape};
use crate::vnet::VnetHeader;
use lanloom_switch_core::{
    Counters, DropReason, EgressFate, Event, Fate, FdbEntry, FdbError, Frame, Guard, Instant, Learned, MacAddr, NoSuchPort,
    PortConfig, PortId, Prefixes, Switch, SwitchConfig, Verdict,
};
use std::ops::Range;
use std::sync::Arc;

/// A switch and what is plugged into its ports.
pub(super) struct SwitchRuntime {
    pub(super) name: String,
    pub(super) switch: Switch,
    pub(super) ports: Vec<Option<PortRuntime>>,
    /// Those of them that are tunnels.
    pub(super) tunnels: Vec<PortId>,
    pub(super) since: Instant,
    pub(super) captures: Vec<Sender>,
    pub(super) next_id: u64,
    /// A second, and the addresses that moved in it.
    moves: (u64, u32),
    pub(super) round: Round,
}

/// Addresses whose moves are told in a second: who sends from one address on two ports in turn moves it with every frame, and whoever
/// listens is not to hear of each. The others are lost and counted.
const MOVES_PER_SECOND: u32 = 100;

/// A port as the engine sees it.
pub(super) struct PortRuntime {
    pub(super) id: PortId,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) link: Option<Box<dyn Link>>,
    /// What the user has set; the switch's has the smaller MTU of this and the interface's.
    pub(super) config: PortConfig,
    /// What the interface carries.
    pub(super) link_mtu: u32,
    /// Why it carries no frames.
    pub(super) down: Option<String>,
    /// Segments that its frames were cut into beyond its budget, to be made up for before it is served again.
    debt: usize,
    out: Vec<u16>,
}

/// Scratch of one batch, used again.
#[derive(Default)]
pub(super) struct Round {
    shapes: Vec<Shape>,
    /// Ports that have copies to send.
    touched: Vec<PortId>,
    pub(super) fates: Vec<EgressFate>,
    judged: Vec<Judged>,
    copies: Vec<(PortId, EgressFate)>,
}

/// A verdict kept for the captures.
struct Judged {
    time: u64,
    origin: Origin,
    copies: Range<usize>,
}

/// Memory of a thread's batches.
pub(super) struct Buffers {
    pub(super) received: Batch,
    pub(super) segments: Batch,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { received: Batch::new(BATCH), segments: Batch::new(BATCH) }
    }
}

impl SwitchRuntime {
    pub(super) fn new(name: &str, config: SwitchConfig, since: Instant) -> Self {
        Self {
            name: name.to_owned(),
            switch: Switch::new(config),
            ports: Vec::new(),
            tunnels: Vec::new(),
            since,
            captures: Vec::new(),
            next_id: 1,
            moves: (0, 0),
            round: Round::default(),
        }
    }

    pub(super) fn port(&self, id: PortId) -> Result<&PortRuntime, NoSuchPort> {
        self.ports.get(id.index()).and_then(Option::as_ref).filter(|port| port.id == id).ok_or(NoSuchPort)
    }

    pub(super) fn port_mut(&mut self, id: PortId) -> Result<&mut PortRuntime, NoSuchPort> {
        self.ports.get_mut(id.index()).and_then(Option::as_mut).filter(|port| port.id == id).ok_or(NoSuchPort)
    }

    pub(super) fn port_name(&self, id: PortId) -> String {
        self.port(id).map_or_else(|_| format!("{id:?}"), |port| port.name.clone())
    }

    pub(super) fn add_port(&mut self, name: &str, description: &str, config: PortConfig) -> Option<PortId> {
        let id = self.switch.add_port(config.clone())?;
        // Down until a link is attached.
        let _ = self.switch.set_link(id, false);
        if self.ports.len() <= id.index() {
            self.ports.resize_with(id.index() + 1, || None);
        }
        self.round.touched.reserve(self.ports.len());
        self.ports[id.index()] = Some(PortRuntime {
            id,
            name: name.to_owned(),
            description: description.to_owned(),
            link: None,
            config,
            link_mtu: u32::MAX,
            down: Some("nothing is plugged in".to_owned()),
            debt: 0,
            out: Vec::with_capacity(BATCH),
        });
        let label = self.label(id);
        self.captures.iter_mut().for_each(|capture| label.iter().for_each(|label| capture.port(label.clone())));
        Some(id)
    }

    pub(super) fn delete_port(&mut self, id: PortId) -> Result<(PortRuntime, Counters), NoSuchPort> {
        self.port(id)?;
        let counters = self.switch.delete_port(id)?;
        self.ports[id.index()].take().map(|port| (port, counters)).ok_or(NoSuchPort)
    }

    /// A guard stays unless `config` brings another.
    pub(super) fn set_port(&mut self, id: PortId, config: PortConfig) -> Result<(), NoSuchPort> {
        let port = self.port_mut(id)?;
        let guard = config.guard.clone().or(port.config.guard.take());
        port.config = PortConfig { guard, ..config };
        self.settle(id)
    }

    pub(super) fn set_guard(&mut self, id: PortId, guard: Option<Arc<Guard>>) -> Result<(), NoSuchPort> {
        self.port_mut(id)?.config.guard = guard.clone();
        self.switch.set_guard(id, guard)
    }

    pub(super) fn set_foreign(&mut self, foreign: &Arc<Prefixes>) {
        self.switch.set_foreign(foreign);
        for port in self.ports.iter_mut().flatten() {
            port.config.guard = self.switch.config(port.id).ok().and_then(|config| config.guard.clone());
        }
    }

    /// Tells the switch what holds for a port now.
    pub(super) fn settle(&mut self, id: PortId) -> Result<(), NoSuchPort> {
        let port = self.port_mut(id)?;
        let config = PortConfig { mtu: port.config.mtu.min(port.link_mtu), ..port.config.clone() };
        let up = port.down.is_none() && port.link.is_some();
        let tunnel = port.link.as_mut().and_then(|link| link.tunnel());
        let is_tunnel = tunnel.is_some();
        tunnel.into_iter().for_each(|tunnel| tunnel.follow(up && config.up, config.mtu));
        self.tunnels.retain(|tunnel| *tunnel != id);
        self.tunnels.extend(is_tunnel.then_some(id));
        self.switch.set_port(id, config)?;
        self.switch.set_link(id, up)
    }

    /// When time alone brings something, if ever.
    pub(super) fn poll_timeout(&mut self) -> Option<Instant> {
        [self.switch.poll_timeout(), self.tunnels_timeout()].into_iter().flatten().min()
    }

    pub(super) fn capture(&mut self, mut sender: Sender) {
        for id in self.switch.port_ids().collect::<Vec<_>>() {
            self.label(id).into_iter().for_each(|label| sender.port(label));
        }
        self.captures.push(sender);
    }

    /// Ends a capture, which its reader then hears. `false` if there is no such capture any more.
    pub(super) fn end_capture(&mut self, id: CaptureId) -> bool {
        let before = self.captures.len();
        self.captures.retain(|capture| capture.id() != id);
        self.captures.len() < before
    }

    fn label(&self, id: PortId) -> Option<PortLabel> {
        let port = self.port(id).ok()?;
        Some(PortLabel { port: id, name: port.name.clone(), description: port.description.clone() })
    }

    pub(super) fn set_fdb(&mut self, mac: MacAddr, port: PortId, sticky: bool) -> Result<(), FdbError> {
        self.switch.set_fdb(clock::now(), mac, port, sticky)
    }

    pub(super) fn delete_fdb(&mut self, mac: MacAddr) -> Result<FdbEntry, FdbError> {
        self.switch.delete_fdb(clock::now(), mac)
    }

    /// Receives a batch from a port and sees every frame of it to its end. Answers how many that were.
    ///
    /// A port whose last batch had to be cut into more segments than its budget has frames waits for as many rounds as that was
    /// worth, unless it is `alone`: then nobody is kept waiting by it.
    ///
    /// # Errors
    /// What the link says; the frames received before have been seen to.
    pub(super) fn serve(&mut self, id: PortId, alone: bool, buffers: &mut Buffers) -> Result<usize, LinkError> {
        let batch = &mut buffers.received;
        batch.clear();
        let Ok(PortRuntime { link: Some(link), debt, .. }) = self.port_mut(id) else { return Ok(0) };
        if *debt > 0 && !alone {
            *debt = debt.saturating_sub(BATCH);
            return Ok(0);
        }
        let answer = link.recv(batch);
        let frames = batch.len();
        self.see_through(id, buffers);
        match answer {
            Ok(Waiting::None | Waiting::Maybe) => Ok(frames),
            Err(error) => Err(error),
        }
    }

    /// Sees every frame that was received on a port to its end.
    pub(super) fn see_through(&mut self, id: PortId, buffers: &mut Buffers) {
        let batch = &mut buffers.received;
        for (len, reason) in batch.rejected() {
            self.switch.record_unreadable(id, *len, *reason);
        }
        if !batch.is_empty() {
            self.decide(id, batch);
            let cut = self.send(buffers);
            if let Ok(port) = self.port_mut(id) {
                port.debt = (cut as usize).saturating_sub(BATCH);
            }
        }
        self.hand_over(id, &buffers.received);
        self.transmit(buffers);
    }

    /// Asks the switch about every frame and notes the copies at their ports.
    fn decide(&mut self, id: PortId, batch: &Batch) {
        let Self { switch, ports, round, captures, .. } = self;
        round.shapes.clear();
        round.judged.clear();
        round.copies.clear();
        let capturing = !captures.is_empty();
        let now = clock::now();
        switch.warm(now, (0..batch.len()).filter_map(|number| Frame::new(batch.bytes(number))));
        for number in 0..batch.len() {
            let bytes = batch.bytes(number);
            let seen = offload::check(bytes, &batch.descriptor(number).vnet).and_then(|shape| {
                let frame = Frame::super_frame(bytes, shape.segments, shape.wire_len).ok_or(DropReason::Malformed)?;
                Ok((shape, frame))
            });
            let (shape, frame) = match seen {
                Ok(seen) => seen,
                Err(reason) => {
                    switch.record_unreadable(id, bytes.len(), reason);
                    round.shapes.push(Shape { segments: 1, wire_len: bytes.len() as u32 });
                    if capturing {
                        round.note(dropped(reason), &[]);
                    }
                    continue;
                }
            };
            round.shapes.push(shape);
            // The port has just received it. If the switch did not know the port, none of its frames would be anybody's.
            let Ok(verdict) = switch.handle_frame(now, id, &frame) else { return };
            for (to, fate) in &verdict.copies {
                if *fate == EgressFate::Sent
                    && let Some(port) = &mut ports[to.index()]
                {
                    if port.out.is_empty() {
                        round.touched.push(*to);
                    }
                    port.out.push(number as u16);
                }
            }
            if capturing {
                let Verdict { fate, learned, answer, .. } = *verdict;
                round.note(Origin::Received { fate, learned, answer }, &verdict.copies);
            }
        }
    }

    /// Sends what the ports have to send, and counts what became of it. Answers how many segments had to be cut.
    fn send(&mut self, buffers: &mut Buffers) -> u32 {
        let Self { switch, ports, round, captures, .. } = self;
        let mut cut = 0;
        while let Some(id) = round.touched.pop() {
            let Some(port) = &mut ports[id.index()] else { continue };
            round.fates.clear();
            match &mut port.link {
                Some(link) => {
                    let Buffers { received, segments } = buffers;
                    cut += egress::send(&mut **link, received, &port.out, segments, &mut round.fates);
                }
                // The switch has not been told yet; the copies end all the same.
                None => round.fates.resize(port.out.len(), EgressFate::Dropped(DropReason::LinkError)),
            }
            for (number, fate) in port.out.iter().zip(&round.fates) {
                let frame = usize::from(*number);
                switch.record_copy(id, buffers.received.bytes(frame).len(), round.shapes[frame].segments, *fate);
                if !captures.is_empty() {
                    let Judged { copies, .. } = &round.judged[frame];
                    let copy = round.copies[copies.clone()].iter_mut().find(|(to, _)| *to == id);
                    copy.into_iter().for_each(|(_, ended)| *ended = *fate);
                }
            }
            port.out.clear();
        }
        cut
    }

    /// Tells the captures of the batch, now that every copy has ended: last of what was no frame, of which nothing was kept, not even
    /// when it came.
    fn hand_over(&mut self, id: PortId, batch: &Batch) {
        let Self { captures, next_id, round, .. } = self;
        if captures.is_empty() {
            *next_id += (batch.rejected().len() + batch.len()) as u64;
            return;
        }
        let plain = Record {
            time: clock::wall(),
            id: 0,
            port: id,
            bytes: &[],
            original_len: 0,
            vnet: VnetHeader::default(),
            segments: 1,
            origin: dropped(DropReason::Malformed),
            copies: &[],
            lost_before: 0,
        };
        let mut tell = |record: Record<'_>| {
            captures.iter_mut().for_each(|capture| capture.record(&Record { id: *next_id, ..record }));
            *next_id += 1;
        };
        for (number, judged) in round.judged.iter().enumerate().take(batch.len()) {
            let bytes = batch.bytes(number);
            tell(Record {
                time: judged.time,
                bytes,
                original_len: bytes.len() as u32,
                vnet: batch.descriptor(number).vnet,
                segments: round.shapes[number].segments,
                origin: judged.origin,
                copies: &round.copies[judged.copies.clone()],
                ..plain
            });
        }
        for (len, reason) in batch.rejected() {
            tell(Record { original_len: *len as u32, origin: dropped(*reason), ..plain });
        }
        captures.retain_mut(Sender::flush);
    }

    /// What has happened since the last question, in the words of whoever listens, and how much of it is not told because too much
    /// happens.
    pub(super) fn events(&mut self) -> (Vec<EventKind>, u64) {
        let (mut told, mut lost) = (Vec::new(), 0);
        while let Some(event) = self.switch.poll_event() {
            match event {
                Event::Storm { port } => told.push(EventKind::Storm { port: self.port_name(port) }),
                Event::Moved { mac, from, to } if self.may_tell() => {
                    told.push(EventKind::AddressMoved { mac, from: self.port_name(from), to: self.port_name(to) });
                }
                Event::Moved { .. } => lost += 1,
            }
        }
        (told, lost)
    }

    /// Whether this second has room for one more address that moved.
    fn may_tell(&mut self) -> bool {
        let second = clock::now().as_secs();
        if self.moves.0 != second {
            self.moves = (second, 0);
        }
        self.moves.1 += 1;
        self.moves.1 <= MOVES_PER_SECOND
    }
}

/// How a frame ended that taught nothing.
fn dropped(reason: DropReason) -> Origin {
    Origin::Received { fate: Fate::Dropped(reason), learned: Learned::Nothing, answer: None }
}

impl Round {
    fn note(&mut self, origin: Origin, copies: &[(PortId, EgressFate)]) {
        let first = self.copies.len();
        self.copies.extend_from_slice(copies);
        self.judged.push(Judged { time: clock::wall(), origin, copies: first..self.copies.len() });
    }
}
