//! Networks that nobody here has, and who sends in their names.

use crate::time::Instant;
use crate::vxlan::Vni;
use std::net::IpAddr;

/// How many are kept; then the one that was heard longest ago makes room.
const STRAYS_MAX: usize = 64;

/// A VXLAN network that a host sends to this one, which is no end of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Who sends.
    pub from: IpAddr,
    /// The network.
    pub vni: Vni,
    /// How many datagrams came.
    pub datagrams: u64,
    /// When the last one came.
    pub heard: Instant,
}

/// What came to a socket and belongs to no tunnel end there (`vni_unknown`). A peer of one network that sends another is as a
/// rule one whose VNI was mistyped, here or there.
#[derive(Clone, Debug, Default)]
pub struct Strays {
    known: Vec<Stray>,
}

impl Strays {
    /// Notes a datagram. Anybody can send one, so few are kept.
    pub fn note(&mut self, now: Instant, from: IpAddr, vni: Vni) {
        let stray = Stray { from, vni, datagrams: 1, heard: now };
        if let Some(known) = self.known.iter_mut().find(|known| (known.from, known.vni) == (from, vni)) {
            *known = Stray { datagrams: known.datagrams + 1, ..stray };
        } else if self.known.len() < STRAYS_MAX {
            self.known.push(stray);
        } else if let Some(oldest) = self.known.iter_mut().min_by_key(|known| known.heard) {
            *oldest = stray;
        }
    }

    /// Forgets what was sent in the name of a network that now has an end here.
    pub fn forget(&mut self, vni: Vni) {
        self.known.retain(|known| known.vni != vni);
    }

    /// All that is known, in no order.
    pub fn all(&self) -> &[Stray] {
        &self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

    fn vni(number: u32) -> Vni {
        Vni::new(number).expect("24 bits")
    }

    #[test]
    fn each_network_of_each_sender_is_counted() {
        let mut strays = Strays::default();
        for (secs, number) in [(1, 7), (2, 8), (3, 7)] {
            strays.note(Instant::from_secs(secs), A, vni(number));
        }
        let shown: Vec<_> =
            strays.all().iter().map(|stray| (stray.vni.get(), stray.datagrams, stray.heard.as_secs())).collect();
        assert_eq!(shown, [(7, 2, 3), (8, 1, 2)]);
        strays.forget(vni(7));
        assert_eq!(strays.all().len(), 1);
    }

    #[test]
    fn whoever_sends_many_only_drives_out_what_is_older() {
        let mut strays = Strays::default();
        (0..1000).for_each(|number| strays.note(Instant::from_secs(u64::from(number)), A, vni(number)));
        assert_eq!(strays.all().len(), STRAYS_MAX);
        assert!(strays.all().iter().all(|stray| stray.vni.get() >= 1000 - STRAYS_MAX as u32));
    }
}
