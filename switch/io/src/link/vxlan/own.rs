//! What a tunnel end takes and sends itself: probes of its peers' health, which never come to its switch.

use super::Vxlan;
use super::deliver::reason;
use crate::sys::datagram::{Outbound, With};
use lanloom_switch_core::vxlan::{flow_hash, header, outside};
use lanloom_switch_core::{DropReason, EgressFate, Frame, Instant};
use std::net::SocketAddr;

/// The largest payload that is probed for: that of the longest UDP datagram.
const PROBED_MAX: u32 = 65_507 - 8 - 14;

impl Vxlan {
    /// Takes note of how its port is: only while that is up, frames are taken and peers probed; and what it is to carry, in bytes of
    /// payload.
    pub(crate) fn follow(&mut self, is_up: bool, mtu: u32) {
        self.is_up = is_up;
        if mtu != u32::MAX {
            self.mtu = mtu;
            self.vtep.set_mtu(mtu.min(PROBED_MAX));
        }
    }

    /// The probes that came since the last question.
    pub(crate) fn taken(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.taken)
    }

    /// When to call [`Vxlan::handle_timeout`] and [`Vxlan::send_own`] next, if ever.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.vtep.poll_timeout().filter(|_| self.is_up)
    }

    /// Does what time alone brings.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        self.vtep.handle_timeout(now);
    }

    /// Sends the next frame that is the tunnel end's own, which is written to `frame`, and says what became of it; `None` if there is
    /// none now.
    pub(crate) fn send_own(&mut self, now: Instant, frame: &mut Vec<u8>) -> Option<EgressFate> {
        if !self.is_up {
            return None;
        }
        let peer = self.vtep.poll_transmit(now, frame)?;
        let Some(address) = self.vtep.peer(peer).map(|peer| peer.address) else {
            return Some(EgressFate::Dropped(DropReason::NoPeer));
        };
        let fate = self.send_to(SocketAddr::new(address, self.vtep.config().port), frame);
        if fate == EgressFate::Sent {
            self.vtep.record_sent(peer, frame.len(), 1);
        }
        Some(fate)
    }

    fn send_to(&self, to: SocketAddr, bytes: &[u8]) -> EgressFate {
        let Some(frame) = Frame::new(bytes) else { return EgressFate::Dropped(DropReason::Malformed) };
        let outside = outside(self.vtep.config(), &frame);
        let (_, socket) = self.underlay.sender(flow_hash(&frame, self.seed));
        let prefix = header(self.vtep.config().vni);
        let mut outbound = Outbound::new(1, 2);
        outbound.message(to, With { tos: outside.tos, ttl: outside.ttl, ..With::default() });
        outbound.part(&prefix);
        outbound.part(bytes);
        // SAFETY: `prefix` and `bytes` are still there.
        #[allow(unsafe_code)]
        let sent = unsafe { outbound.send(socket, 0) };
        match sent {
            Ok(_) => EgressFate::Sent,
            Err(error) => {
                let reason = reason(&error);
                if reason == DropReason::LinkError {
                    self.underlay.note(to.ip(), &error);
                }
                EgressFate::Dropped(reason)
            }
        }
    }
}
