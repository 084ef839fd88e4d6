//! Who sends to a tunnel end and is no peer of it.

use super::vtep::Vtep;
use crate::time::Instant;
use std::net::IpAddr;

/// How many are kept; then the one that was heard longest ago makes room.
const KEPT: usize = 16;

/// Somebody whose datagrams were dropped as those of no peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSender {
    /// Who sent them.
    pub address: IpAddr,
    /// How many.
    pub datagrams: u64,
    /// When the last one came.
    pub last: Instant,
}

/// The latest of them. As a rule one is a host that was told of this one, and this one not of it.
#[derive(Clone, Debug)]
pub(super) struct Unknown {
    senders: Vec<UnknownSender>,
}

impl Unknown {
    pub(super) fn new() -> Self {
        Self { senders: Vec::with_capacity(KEPT) }
    }

    /// Notes a datagram. Anybody can send one, so few are kept. Allocates nothing.
    pub(super) fn note(&mut self, now: Instant, address: IpAddr) {
        let sender = UnknownSender { address, datagrams: 1, last: now };
        if let Some(known) = self.senders.iter_mut().find(|known| known.address == address) {
            *known = UnknownSender { datagrams: known.datagrams + 1, ..sender };
        } else if self.senders.len() < KEPT {
            self.senders.push(sender);
        } else if let Some(oldest) = self.senders.iter_mut().min_by_key(|known| known.last) {
            *oldest = sender;
        }
    }
}

impl Vtep {
    /// Who sent datagrams of this network and is no peer now, the latest of them, in no order.
    pub fn unknown_senders(&self) -> impl Iterator<Item = UnknownSender> + '_ {
        self.unknown.senders.iter().copied().filter(|sender| self.peers.find(sender.address).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn whoever_sends_in_many_names_only_drives_out_what_is_older() {
        let mut unknown = Unknown::new();
        let address = |number: u32| IpAddr::V4(Ipv4Addr::from(number));
        for number in (0..1000).chain([999]) {
            unknown.note(Instant::from_secs(u64::from(number)), address(number));
        }
        assert_eq!(unknown.senders.len(), KEPT);
        assert!(unknown.senders.iter().all(|sender| sender.address >= address(1000 - KEPT as u32)));
        let last = unknown.senders.iter().find(|sender| sender.address == address(999)).map(|sender| sender.datagrams);
        assert_eq!(last, Some(2));
    }
}
