//! Questions for known addresses, written again from what `neighbour` promises: frames known by their meaning and never read.

use super::guard::{Body, Carried, has};
use super::table::Table;
use super::{Place, Reference, Sent};
use lanloom_switch_core::neighbour::NEIGHBOURS_MAX;
use lanloom_switch_core::{Generated, MacAddr, NeighbourEntry, PortConfig};
use std::net::IpAddr;

/// What was heard of an address.
#[derive(Clone, Copy, Debug)]
struct Heard {
    address: IpAddr,
    mac: MacAddr,
    router: Option<bool>,
    second: u64,
}

/// What a tunnel has taught, in places that are taken in turn.
#[derive(Clone, Debug)]
pub(crate) struct Taught {
    places: Vec<Option<Heard>>,
    taken: usize,
    most: usize,
}

pub(super) fn suppresses(config: &PortConfig) -> bool {
    config.tunnel && config.suppress
}

impl Taught {
    pub(super) fn new(entries: usize) -> Self {
        Self { places: Vec::new(), taken: 0, most: entries.min(NEIGHBOURS_MAX) }
    }

    fn of(&mut self, address: IpAddr) -> Option<&mut Option<Heard>> {
        self.places.iter_mut().find(|place| place.is_some_and(|heard| heard.address == address))
    }

    fn hear(&mut self, says: Says, second: u64) {
        let Says { address, mac, router, overrides } = says;
        let heard = Heard { address, mac, router, second };
        match self.of(address) {
            Some(Some(known)) if known.mac == mac => {
                (known.second, known.router) = (second, router.or(known.router));
            }
            Some(known) if overrides => *known = Some(heard),
            Some(_) => {}
            None => {
                let place = self.taken % self.most;
                if place == self.places.len() {
                    self.places.push(None);
                }
                self.places[place] = Some(heard);
                self.taken += 1;
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Says {
    address: IpAddr,
    mac: MacAddr,
    router: Option<bool>,
    overrides: bool,
}

impl Sent {
    fn says(&self) -> Option<Says> {
        let told = match self.body {
            _ if self.tags > 0 => return None,
            Body::Arp { mac, sender, .. } => Says { address: sender.into(), mac, router: Some(false), overrides: true },
            Body::V6 {
                source, carried: Carried::Neighbour { answers, target, mac, router, overrides, sound: true }, ..
            } if !target.is_unspecified() => {
                let of = if answers { target } else { source };
                let (router, overrides) = if answers { (Some(router), overrides) } else { (None, true) };
                Says { address: of.into(), mac, router, overrides }
            }
            _ => return None,
        };
        let individual = told.mac.0[0] & 1 == 0 && told.mac.0 != [0; 6];
        (individual && !told.address.is_unspecified()).then_some(told)
    }

    /// What it asks for, if anybody who knows may answer.
    fn asks(&self) -> Option<IpAddr> {
        let says = self.says().filter(|says| says.mac == self.source)?;
        let target: IpAddr = match self.body {
            Body::Arp { target, answers: false, .. } => target.into(),
            Body::V6 { carried: Carried::Neighbour { answers: false, target, .. }, .. } => target.into(),
            _ => return None,
        };
        (target != says.address && !target.is_unspecified()).then_some(target)
    }
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Answered(Generated),
    StaysHere,
    Flooded,
}

impl Reference {
    /// What becomes of a question that these ports would get, by what `table` knew before.
    pub(super) fn question(&self, second: u64, table: &Table, from: &Place, sent: &Sent, takers: &[&Place]) -> Question {
        let tunnels: Vec<_> = takers.iter().filter(|to| suppresses(&to.config)).collect();
        let Some(target) = sent.asks().filter(|_| !from.config.tunnel && !tunnels.is_empty()) else { return Question::Flooded };
        if self.ports().any(|place| place.config.guard.as_deref().is_some_and(|guard| has(guard, target))) {
            return Question::StaysHere;
        }
        let answer = if target.is_ipv4() { Generated::ArpReply } else { Generated::NeighbourAdvertisement };
        let answer = |mac| if mac == sent.source { Question::Flooded } else { Question::Answered(answer) };
        if let Some(mac) = self.by_hand.get(&target) {
            let at = table.port_of(*mac, second).and_then(|at| self.port(at));
            if at.is_none_or(|at| suppresses(&at.config)) {
                return answer(*mac);
            }
        }
        let heard = tunnels.iter().filter_map(|tunnel| self.heard(second, table, tunnel, target)).map(|(mac, _)| mac);
        heard.map(answer).find(|answer| *answer != Question::Flooded).unwrap_or(Question::Flooded)
    }

    /// Where an address is by what `tunnel` has taught and `table` knows, and since how long.
    fn heard(&self, second: u64, table: &Table, tunnel: &Place, target: IpAddr) -> Option<(MacAddr, u64)> {
        let all = tunnel.taught.as_ref()?.places.iter().flatten();
        let heard = all.copied().find(|heard| heard.address == target && heard.router.is_some())?;
        let age = second - heard.second;
        (age <= table.ageing && table.port_of(heard.mac, second) == Some(tunnel.id)).then_some((heard.mac, age))
    }

    /// Notes what a frame says that was let pass.
    pub(super) fn hear(&mut self, second: u64, from: &Place, sent: &Sent) {
        let Some(says) = sent.says() else { return };
        for place in self.places.iter_mut().filter_map(|(_, place)| place.as_mut()) {
            match &mut place.taught {
                Some(taught) if place.id == from.id => taught.hear(says, second),
                Some(taught) if !from.config.tunnel => taught.of(says.address).into_iter().for_each(|heard| *heard = None),
                Some(_) | None => {}
            }
        }
    }

    pub(crate) fn neighbours(&self, second: u64) -> Vec<NeighbourEntry> {
        let set =
            self.by_hand.iter().map(|(address, mac)| NeighbourEntry { address: *address, mac: *mac, port: None, age_secs: 0 });
        let mut all: Vec<_> = set.collect();
        for place in self.ports() {
            for heard in place.taught.iter().flat_map(|taught| taught.places.iter().flatten()) {
                let known = self.heard(second, &self.table, place, heard.address);
                all.extend(known.map(|(mac, age)| NeighbourEntry {
                    address: heard.address,
                    mac,
                    port: Some(place.id),
                    age_secs: age as u32,
                }));
            }
        }
        all.sort_unstable();
        all
    }

    /// A port that suppresses remembers; one that does not forgets.
    pub(super) fn settle_taught(&mut self, id: lanloom_switch_core::PortId) {
        let entries = self.table.places();
        if let Some(place) = self.port_mut(id) {
            let before = place.taught.take();
            place.taught = suppresses(&place.config).then(|| before.unwrap_or_else(|| Taught::new(entries)));
        }
    }
}
