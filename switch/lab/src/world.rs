//! Everything in a lab, and what happens next: frames on their way and timers, in the order of their moments.
//!
//! Frames of one moment arrive in the order in which they were sent, and before the timers of that moment; so the same calls
//! in the same order make the same history.

use crate::host::Host;
use lanloom_switch_core::{DropReason, EgressFate, Event, Frame, Instant, PortId, Switch, Verdict};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// Verdicts and events that a switch remembers, of each kind; older ones are forgotten.
const REMEMBERED: usize = 65_536;

/// A frame that a switch received, and what it decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// When it arrived.
    pub at: Instant,
    /// Where it arrived.
    pub port: PortId,
    /// Its bytes, from the destination address on.
    pub frame: Rc<[u8]>,
    /// What became of it.
    pub verdict: Verdict,
}

/// Something with links and timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Host(usize),
    Switch(usize),
}

/// Where a link ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Card(usize),
    Port(usize, PortId),
}

#[derive(Debug)]
pub(crate) struct HostSeat {
    pub(crate) name: String,
    pub(crate) host: Host,
    link: Option<End>,
}

#[derive(Debug)]
pub(crate) struct SwitchSeat {
    pub(crate) name: String,
    pub(crate) core: Switch,
    pub(crate) verdicts: VecDeque<Judged>,
    pub(crate) events: VecDeque<(Instant, Event)>,
    links: BTreeMap<PortId, End>,
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) places: [Place; 2],
    pub(crate) up: bool,
    pub(crate) latency: Duration,
    /// Frames that were on it when it went down, or were sent while it was.
    pub(crate) lost: u64,
    /// How often it went down: what was sent before does not arrive after.
    downs: u32,
}

/// One of the two ends of a link.
#[derive(Clone, Copy, Debug)]
struct End {
    link: usize,
    side: usize,
}

/// A frame on its way to `to`.
#[derive(Debug)]
struct Flight {
    at: Instant,
    sequence: u64,
    to: End,
    downs: u32,
    frame: Rc<[u8]>,
}

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) hosts: Vec<HostSeat>,
    pub(crate) switches: Vec<SwitchSeat>,
    pub(crate) links: Vec<Link>,
    flights: BinaryHeap<Reverse<Flight>>,
    sequence: u64,
    wakes: BTreeSet<(Instant, Node)>,
    wake_of: BTreeMap<Node, Instant>,
}

impl World {
    pub(crate) fn add_host(&mut self, name: &str, host: Host) -> usize {
        self.hosts.push(HostSeat { name: name.to_owned(), host, link: None });
        self.hosts.len() - 1
    }

    pub(crate) fn add_switch(&mut self, name: &str, core: Switch) -> usize {
        let (verdicts, events, links) = (VecDeque::new(), VecDeque::new(), BTreeMap::new());
        self.switches.push(SwitchSeat { name: name.to_owned(), core, verdicts, events, links });
        self.switches.len() - 1
    }

    pub(crate) fn add_link(&mut self, places: [Place; 2], latency: Duration) -> usize {
        let link = self.links.len();
        self.links.push(Link { places, up: true, latency, lost: 0, downs: 0 });
        for (side, place) in places.into_iter().enumerate() {
            match place {
                Place::Card(host) => self.hosts[host].link = Some(End { link, side }),
                Place::Port(switch, port) => drop(self.switches[switch].links.insert(port, End { link, side })),
            }
        }
        link
    }

    pub(crate) fn is_linked(&self, host: usize) -> bool {
        self.hosts[host].link.is_some()
    }

    pub(crate) fn set_link(&mut self, link: usize, up: bool) {
        let Link { places, up: was_up, downs, .. } = &mut self.links[link];
        if !up && *was_up {
            *downs += 1;
        }
        *was_up = up;
        for place in *places {
            if let Place::Port(switch, port) = place {
                // A port that was deleted meanwhile has no link to be told of.
                let _ = self.switches[switch].core.set_link(port, up);
                self.set_wake(Node::Switch(switch));
            }
        }
    }

    /// Does what happens next by `until`, or goes there if nothing does. Whether something happened.
    pub(crate) fn step(&mut self, until: Instant) -> bool {
        let flight = self.flights.peek().map(|Reverse(flight)| flight.at);
        let wake = self.wakes.first().map(|(at, _)| *at);
        match (flight, wake) {
            (Some(flight), wake) if flight <= until && wake.is_none_or(|wake| flight <= wake) => self.arrive(),
            (_, Some(wake)) if wake <= until => self.wake(),
            _ => {
                self.now = self.now.max(until);
                return false;
            }
        }
        true
    }

    fn arrive(&mut self) {
        let Some(Reverse(Flight { at, to, downs, frame, .. })) = self.flights.pop() else { return };
        self.now = self.now.max(at);
        let link = &mut self.links[to.link];
        if link.downs != downs {
            link.lost += 1;
            return;
        }
        match link.places[to.side] {
            Place::Card(host) => {
                self.hosts[host].host.receive(&frame);
                self.run_host(host);
            }
            Place::Port(switch, port) => self.switch_frame(switch, port, frame),
        }
    }

    fn wake(&mut self) {
        let Some((at, node)) = self.wakes.pop_first() else { return };
        self.wake_of.remove(&node);
        self.now = self.now.max(at);
        match node {
            Node::Host(host) => self.run_host(host),
            Node::Switch(switch) => {
                self.switches[switch].core.handle_timeout(self.now);
                self.set_wake(node);
            }
        }
    }

    /// Lets a host do what is due, and puts on its link what it sends.
    pub(crate) fn run_host(&mut self, host: usize) {
        self.hosts[host].host.poll(self.now);
        while let Some(frame) = self.hosts[host].host.poll_transmit() {
            self.send_from_card(host, frame.into());
        }
        self.set_wake(Node::Host(host));
    }

    /// Puts a frame on a host's link; without one it is nobody's.
    pub(crate) fn send_from_card(&mut self, host: usize, frame: Rc<[u8]>) {
        if let Some(from) = self.hosts[host].link {
            self.carry(from, frame);
        }
    }

    /// Sends a frame away from `from`. Whether the link took it.
    fn carry(&mut self, from: End, frame: Rc<[u8]>) -> bool {
        let link = &mut self.links[from.link];
        if !link.up {
            link.lost += 1;
            return false;
        }
        let (at, to) = (self.now + link.latency, End { side: 1 - from.side, ..from });
        self.flights.push(Reverse(Flight { at, sequence: self.sequence, to, downs: link.downs, frame }));
        self.sequence += 1;
        true
    }

    fn switch_frame(&mut self, switch: usize, port: PortId, bytes: Rc<[u8]>) {
        let now = self.now;
        let seat = &mut self.switches[switch];
        let Some(frame) = Frame::new(&bytes) else {
            return seat.core.record_unreadable(port, bytes.len(), DropReason::Malformed);
        };
        // A port that was deleted while the frame was on its way: the frame is nobody's.
        let Ok(verdict) = seat.core.handle_frame(now, port, &frame).cloned() else { return };
        for (to, fate) in &verdict.copies {
            if *fate == EgressFate::Sent {
                self.send_from_port(switch, *to, &bytes);
            }
        }
        self.send_made(switch);
        let seat = &mut self.switches[switch];
        remember(&mut seat.verdicts, Judged { at: now, port, frame: bytes, verdict });
        while let Some(event) = seat.core.poll_event() {
            remember(&mut seat.events, (now, event));
        }
        self.set_wake(Node::Switch(switch));
    }

    fn send_from_port(&mut self, switch: usize, to: PortId, bytes: &Rc<[u8]>) {
        let fate = self.carry_from_port(switch, to, Rc::clone(bytes));
        self.switches[switch].core.record_copy(to, bytes.len(), 1, fate);
    }

    /// Sends what a switch itself has made.
    fn send_made(&mut self, switch: usize) {
        while let Some(made) = self.switches[switch].core.poll_transmit() {
            let (to, bytes) = (made.port, Rc::<[u8]>::from(made.bytes));
            let len = bytes.len();
            let fate = self.carry_from_port(switch, to, bytes);
            self.switches[switch].core.record_generated(to, len, fate);
        }
    }

    fn carry_from_port(&mut self, switch: usize, to: PortId, bytes: Rc<[u8]>) -> EgressFate {
        let end = self.switches[switch].links.get(&to).copied();
        let taken = end.is_some_and(|end| self.carry(end, bytes));
        if taken { EgressFate::Sent } else { EgressFate::Dropped(DropReason::LinkError) }
    }

    /// Notes when a node wants to be woken next.
    pub(crate) fn set_wake(&mut self, node: Node) {
        let at = match node {
            Node::Host(host) => self.hosts[host].host.poll_timeout(self.now),
            Node::Switch(switch) => self.switches[switch].core.poll_timeout(),
        };
        if let Some(before) = self.wake_of.remove(&node) {
            self.wakes.remove(&(before, node));
        }
        if let Some(at) = at {
            self.wake_of.insert(node, at);
            self.wakes.insert((at, node));
        }
    }
}

fn remember<T>(memory: &mut VecDeque<T>, what: T) {
    if memory.len() == REMEMBERED {
        memory.pop_front();
    }
    memory.push_back(what);
}

impl Ord for Flight {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Flight {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Flight {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Flight {}
