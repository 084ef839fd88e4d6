//! One address in the table: 16 bytes, so that a decision touches few cache lines however large the table is.

use super::Key;
use super::order::{ListId, NodeId};

/// How an entry came and whether it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Learned,
    Sticky,
    Static,
}

/// Seconds after which a [`Slot::stamp`] comes again.
pub(super) const STAMPS: u32 = 1 << 14;

#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) key: Key,
    /// Its place in the order of ages; meaningless for a static entry.
    pub(super) node: NodeId,
    /// Index of the port that leads to it.
    pub(super) port: u16,
    /// The kind in the two upper bits, the last refresh in seconds modulo [`STAMPS`] in the others.
    stamp: u16,
}

impl Slot {
    pub(super) fn new(key: Key, port: usize, node: NodeId, kind: Kind, now: u32) -> Self {
        let kind = match kind {
            Kind::Learned => 0,
            Kind::Sticky => 1,
            Kind::Static => 2,
        };
        Self { key, node, port: port as u16, stamp: kind << 14 | (now % STAMPS) as u16 }
    }

    pub(super) fn kind(&self) -> Kind {
        match self.stamp >> 14 {
            0 => Kind::Learned,
            1 => Kind::Sticky,
            _ => Kind::Static,
        }
    }

    /// The list that it is in, if it ages.
    pub(super) fn list(&self) -> Option<ListId> {
        match self.kind() {
            Kind::Learned => Some(ListId::learned(usize::from(self.port))),
            Kind::Sticky => Some(ListId::sticky(usize::from(self.port))),
            Kind::Static => None,
        }
    }

    pub(super) fn is_static(&self) -> bool {
        self.kind() == Kind::Static
    }

    /// Whether the last refresh was at second `now`, or a multiple of [`STAMPS`] before.
    pub(super) fn was_refreshed_at(&self, now: u32) -> bool {
        u32::from(self.stamp) % STAMPS == now % STAMPS
    }

    pub(super) fn refresh(&mut self, port: usize, now: u32) {
        self.port = port as u16;
        self.stamp = self.stamp >> 14 << 14 | (now % STAMPS) as u16;
    }
}
