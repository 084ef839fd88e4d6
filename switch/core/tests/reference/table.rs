//! The reference switch's address table: rows in the order of their last refresh, searched from end to end.

use lanloom_switch_core::{FdbEntry, Learned, MacAddr, PortId, Vid};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Learned,
    Sticky,
    Static,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    mac: MacAddr,
    port: PortId,
    origin: Origin,
    seen: u64,
}

/// What a source address came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    Says(Learned),
    /// The port holds all it may, and wants such frames dropped.
    DropFrame,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) learned: u64,
    pub(crate) moves: u64,
    pub(crate) aged: u64,
    pub(crate) evicted: u64,
    pub(crate) refused: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    places: usize,
    pub(crate) ageing: u64,
    pub(crate) tally: Tally,
}

impl Table {
    pub(crate) fn new(places: u32, ageing: u32) -> Self {
        Self { rows: Vec::new(), places: places as usize, ageing: u64::from(ageing), tally: Tally::default() }
    }

    /// 7.9.2: an entry that was not refreshed for longer than the ageing time is removed.
    pub(crate) fn sweep(&mut self, now: u64) {
        let before = self.rows.len();
        let ageing = self.ageing;
        self.rows.retain(|row| row.lives(now, ageing));
        self.tally.aged += (before - self.rows.len()) as u64;
    }

    pub(crate) fn places(&self) -> usize {
        self.places
    }

    pub(crate) fn port_of(&self, mac: MacAddr, now: u64) -> Option<PortId> {
        self.row_of(mac, now).map(|at| self.rows[at].port)
    }

    pub(crate) fn shown(&self, now: u64) -> Vec<FdbEntry> {
        let living = self.rows.iter().filter(|row| row.lives(now, self.ageing));
        let mut shown: Vec<_> = living
            .map(|row| FdbEntry {
                vid: Vid::NONE,
                mac: row.mac,
                port: row.port,
                is_static: row.origin == Origin::Static,
                sticky: row.origin == Origin::Sticky,
                age_secs: if row.origin == Origin::Static { 0 } else { (now - row.seen) as u32 },
            })
            .collect();
        shown.sort_by_key(|entry| entry.mac);
        shown
    }

    /// 7.8: what a valid source address seen on `port` teaches. Expects a swept table.
    pub(crate) fn learn(&mut self, mac: MacAddr, port: PortId, limit: Option<u32>, drops: bool, now: u64) -> Lesson {
        let known = self.row_of(mac, now);
        if let Some(at) = known {
            let row = self.rows[at];
            if row.port == port {
                self.refresh(at, port, now);
                return Lesson::Says(Learned::Refreshed);
            }
            if row.origin != Origin::Learned {
                return Lesson::Says(Learned::Held(row.port));
            }
        }
        let at_limit = limit.is_some_and(|limit| self.learned_on(port) >= limit as usize);
        if at_limit && drops {
            self.tally.refused += 1;
            return Lesson::DropFrame;
        }
        if at_limit && limit == Some(0) {
            self.tally.refused += 1;
            return Lesson::Says(Learned::Full);
        }
        if at_limit {
            self.evict_oldest_of(port);
        }
        if let Some(at) = self.row_of(mac, now) {
            let from = self.rows[at].port;
            self.refresh(at, port, now);
            self.tally.moves += 1;
            return Lesson::Says(Learned::Moved(from));
        }
        if self.rows.len() >= self.places && !self.make_room_for(port) {
            self.tally.refused += 1;
            return Lesson::Says(Learned::Full);
        }
        self.rows.push(Row { mac, port, origin: Origin::Learned, seen: now });
        self.tally.learned += 1;
        Lesson::Says(Learned::New)
    }

    /// Whether the entry was set; it is not if nothing can make room.
    pub(crate) fn set(&mut self, mac: MacAddr, port: PortId, origin: Origin, now: u64) -> bool {
        self.sweep(now);
        let known = self.row_of(mac, now);
        if let Some(at) = known {
            self.rows.remove(at);
        } else if self.rows.len() >= self.places {
            let Some(most) = self.fullest() else { return false };
            self.evict_oldest_of(most);
        }
        self.rows.push(Row { mac, port, origin, seen: now });
        true
    }

    pub(crate) fn remove(&mut self, mac: MacAddr, now: u64) -> bool {
        self.sweep(now);
        let known = self.row_of(mac, now);
        known.map(|at| self.rows.remove(at)).is_some()
    }

    pub(crate) fn flush(&mut self, port: Option<PortId>, set_too: bool) -> usize {
        let before = self.rows.len();
        self.rows.retain(|row| {
            let named = port.is_none_or(|port| row.port == port);
            !named || (row.origin != Origin::Learned && !set_too)
        });
        before - self.rows.len()
    }

    pub(crate) fn forget_elsewhere(&mut self, mac: MacAddr, port: PortId) {
        self.rows.retain(|row| row.mac != mac || row.port == port || row.origin != Origin::Learned);
    }

    /// Takes the oldest addresses that were learned on a port until no more than `limit` are left.
    pub(crate) fn hold_to(&mut self, limit: u32, port: PortId) {
        while self.learned_on(port) > limit as usize {
            self.evict_oldest_of(port);
        }
    }

    /// A port with its share or more pays for its new address itself. One below its share takes a place from the port that
    /// holds most, if that one is above its share.
    fn make_room_for(&mut self, port: PortId) -> bool {
        let mut holders: Vec<PortId> = self.learned_rows().map(|row| row.port).chain([port]).collect();
        holders.sort_unstable();
        holders.dedup();
        let set = self.rows.iter().filter(|row| row.origin != Origin::Learned).count();
        let share = ((self.places - set) / holders.len()).max(1);
        if self.learned_on(port) >= share {
            self.evict_oldest_of(port);
            return true;
        }
        match self.fullest() {
            Some(most) if self.learned_on(most) > share => {
                self.evict_oldest_of(most);
                true
            }
            _ => false,
        }
    }

    /// The port with the most learned addresses; of equals, the lowest.
    fn fullest(&self) -> Option<PortId> {
        let mut ports: Vec<PortId> = self.learned_rows().map(|row| row.port).collect();
        ports.sort_by_key(|port| port.index());
        ports.dedup();
        let most = ports.iter().map(|port| self.learned_on(*port)).max()?;
        ports.into_iter().find(|port| self.learned_on(*port) == most)
    }

    fn evict_oldest_of(&mut self, port: PortId) {
        if let Some(at) = self.rows.iter().position(|row| row.port == port && row.origin == Origin::Learned) {
            self.rows.remove(at);
            self.tally.evicted += 1;
        }
    }

    /// Moves a row to the end, unless it is static, or was there this second.
    fn refresh(&mut self, at: usize, port: PortId, now: u64) {
        let row = self.rows[at];
        if row.origin != Origin::Static && (row.seen, row.port) != (now, port) {
            self.rows.remove(at);
            self.rows.push(Row { port, seen: now, ..row });
        }
    }

    fn learned_on(&self, port: PortId) -> usize {
        self.learned_rows().filter(|row| row.port == port).count()
    }

    fn learned_rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.origin == Origin::Learned)
    }

    fn row_of(&self, mac: MacAddr, now: u64) -> Option<usize> {
        self.rows.iter().position(|row| row.mac == mac && row.lives(now, self.ageing))
    }
}

impl Row {
    fn lives(&self, now: u64, ageing: u64) -> bool {
        self.origin == Origin::Static || now - self.seen <= ageing
    }
}
