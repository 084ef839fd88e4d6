//! Questions for addresses that the switch knows, and what teaches it (see [`crate::neighbour`]).

use super::decide::left_out;
use super::ports::Port;
use super::{Switch, filtered_address};
use crate::frame::Frame;
use crate::guard::Claim;
use crate::mac::MacAddr;
use crate::neighbour::{Message, NEIGHBOURS_MAX, NeighbourEntry, NeighbourError, Neighbours, Reply, Says, is_host};
use crate::port::{PortConfig, PortId, Vid};
use crate::time::Instant;
use crate::verdict::FloodKind;
use std::net::IpAddr;

/// What becomes of a question that would go into a suppressing tunnel.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Suppression {
    /// It is answered.
    Answered {
        reply: Reply,
        /// The tunnel that the address was heard from and how many seconds ago; `None` if it was set by hand.
        heard: Option<(PortId, u64)>,
    },
    /// It is for an address of a port here, so no such tunnel gets it.
    Local { address: IpAddr, owner: PortId },
}

impl Port {
    /// Whether questions for known addresses stay out of it.
    pub(crate) fn suppresses(&self) -> bool {
        suppresses(&self.config)
    }
}

fn suppresses(config: &PortConfig) -> bool {
    config.tunnel && config.suppress
}

impl Switch {
    /// Says where an address is, for questions that would go into a suppressing tunnel. Answered as a host's that is no router, unless
    /// the filtering database has the MAC address elsewhere than behind such a tunnel. Comes before what was heard.
    ///
    /// # Errors
    /// If that is no host, or [`NEIGHBOURS_MAX`] others are set.
    pub fn set_neighbour(&mut self, address: IpAddr, mac: MacAddr) -> Result<(), NeighbourError> {
        if !is_host(address) || !mac.is_valid_source() {
            return Err(NeighbourError::NotIndividual);
        }
        if self.neighbours.len() >= NEIGHBOURS_MAX && !self.neighbours.contains_key(&address) {
            return Err(NeighbourError::Full);
        }
        self.neighbours.insert(address, mac);
        Ok(())
    }

    /// Takes back what [`Switch::set_neighbour`] said of an address.
    ///
    /// # Errors
    /// If it said nothing.
    pub fn delete_neighbour(&mut self, address: IpAddr) -> Result<MacAddr, NeighbourError> {
        self.neighbours.remove(&address).ok_or(NeighbourError::NoSuchEntry)
    }

    /// The addresses that are set, and those heard from tunnels that would be answered for, in order.
    pub fn neighbours(&self, now: Instant) -> Vec<NeighbourEntry> {
        let set = self.neighbours.iter().map(|(address, mac)| (*address, *mac, None, 0));
        let tunnels = self.suppressing.iter().filter_map(|id| self.port(*id).ok());
        let heard =
            tunnels.flat_map(|port| port.neighbours.iter().flat_map(|table| table.iter()).map(move |known| (port, known)));
        let heard = heard.filter(|(port, (address, _))| self.heard(now, port, *address).is_some());
        let heard = heard.map(|(port, (address, known))| (address, known.mac, Some(port.id), known.age_secs(now)));
        let entry =
            |(address, mac, port, age)| NeighbourEntry { address, mac, port, age_secs: u32::try_from(age).unwrap_or(u32::MAX) };
        let mut entries: Vec<_> = set.chain(heard).map(entry).collect();
        entries.sort_unstable();
        entries
    }

    /// What becomes of a frame from `from` that is to be flooded, if it is a question that would go into a suppressing tunnel.
    #[inline]
    pub(crate) fn suppression(&self, now: Instant, from: &Port, frame: &Frame<'_>, kind: FloodKind) -> Option<Suppression> {
        // Most switches have no such tunnel, and they flood as fast as ever.
        if self.suppressing.is_empty() { None } else { self.suppression_of(now, from, frame, kind) }
    }

    #[inline(never)]
    fn suppression_of(&self, now: Instant, from: &Port, frame: &Frame<'_>, kind: FloodKind) -> Option<Suppression> {
        let asks = Message::read(frame)?.asks.filter(|_| !from.config.tunnel)?;
        if filtered_address(frame).is_some() {
            return None;
        }
        let all = self.suppressing.iter().filter_map(|id| self.port(*id).ok());
        let mut tunnels = all.filter(|to| left_out(from, to, kind, None, frame).is_none()).peekable();
        tunnels.peek()?;
        if let Some(owner) = self.claims.owner(Claim::Address(asks.target)) {
            return Some(Suppression::Local { address: asks.target, owner });
        }
        let answer = |mac, router| Some(Reply { asks, to: frame.source(), mac, router }).filter(|_| mac != frame.source());
        if let Some(mac) = self.neighbours.get(&asks.target).filter(|mac| self.may_be_behind_a_tunnel(now, **mac)) {
            return answer(*mac, false).map(|reply| Suppression::Answered { reply, heard: None });
        }
        tunnels.find_map(|tunnel| {
            let (mac, router, age) = self.heard(now, tunnel, asks.target)?;
            answer(mac, router).map(|reply| Suppression::Answered { reply, heard: Some((tunnel.id, age)) })
        })
    }

    /// What `tunnel` has taught of an address, as long as that is to be believed: where it is, whether it is a router, and how many
    /// seconds ago that was.
    fn heard(&self, now: Instant, tunnel: &Port, address: IpAddr) -> Option<(MacAddr, bool, u64)> {
        let known = tunnel.neighbours.as_ref()?.get(address)?;
        let age = known.age_secs(now);
        let is_there =
            age <= u64::from(self.fdb.limits().ageing_secs) && self.fdb.lookup(Vid::NONE, known.mac, now) == Some(tunnel.id);
        known.router.filter(|_| is_there).map(|router| (known.mac, router, age))
    }

    fn may_be_behind_a_tunnel(&self, now: Instant, mac: MacAddr) -> bool {
        let at = self.fdb.lookup(Vid::NONE, mac, now);
        at.is_none_or(|at| self.port(at).is_ok_and(Port::suppresses))
    }

    /// Notes what a frame says that was let pass. What a host here says of an address, no tunnel has taught any longer.
    #[inline(never)]
    pub(super) fn listen(&mut self, now: Instant, port: PortId, frame: &Frame<'_>) {
        if let Some(says) = Message::read(frame).and_then(|message| message.says) {
            self.hear(now, port, &says);
        }
    }

    fn hear(&mut self, now: Instant, port: PortId, says: &Says) {
        let Ok(from) = self.port_mut(port) else { return };
        if let Some(table) = &mut from.neighbours {
            table.teach(says, now);
        } else if !from.config.tunnel {
            let Self { places, suppressing, .. } = self;
            for id in suppressing {
                let table = places[id.index()].port.as_mut().and_then(|tunnel| tunnel.neighbours.as_mut());
                table.into_iter().for_each(|table| table.forget(says.address));
            }
        }
    }

    /// Notes that a port has become one that suppresses, or is none any longer. What it had taught is then forgotten.
    pub(super) fn follow_suppression(&mut self, id: PortId) {
        let limit = NEIGHBOURS_MAX.min(self.fdb.limits().entries as usize);
        let seed = self.seed;
        let is_one = self.port_mut(id).is_ok_and(|port| {
            let is_one = port.suppresses();
            port.neighbours = port.neighbours.take().filter(|_| is_one);
            if is_one && port.neighbours.is_none() {
                port.neighbours = Some(Box::new(Neighbours::new(limit, seed)));
            }
            is_one
        });
        match (self.suppressing.binary_search_by_key(&id.index(), |port| port.index()), is_one) {
            (Err(at), true) => self.suppressing.insert(at, id),
            (Ok(at), false) => drop(self.suppressing.remove(at)),
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
}
