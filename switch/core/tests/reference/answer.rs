//! What is answered, written again from what `too_big` promises: frames known by their meaning and never read.

use super::guard::Body;
use super::{Place, Reference, Sent};
use crate::history::guards::on_the_wire;
use lanloom_switch_core::{EgressFate, Generated, PortId};

/// A port gets a thousand answers a second to what is too big, fifty at once.
pub(super) const COST: u64 = 1_000_000;
const AT_ONCE: u64 = 50;

impl Reference {
    /// What the sender hears of a packet that does not fit into a tunnel.
    pub(super) fn too_big(&self, now: u64, from: &Place, sent: &Sent, copies: &[(PortId, EgressFate)]) -> Option<Generated> {
        let kept_out = copies.iter().filter(|(_, fate)| *fate != EgressFate::Sent).filter_map(|(to, _)| self.port(*to));
        let mtu = kept_out.filter(|to| to.config.tunnel).map(|to| to.config.mtu).min()?;
        let is_padding = sent.segments == 1 && on_the_wire(sent.body).1.len() <= mtu as usize;
        if from.answered_at(now) > COST * (AT_ONCE - 1) || sent.destination.0[0] & 1 == 1 || is_padding {
            return None;
        }
        match sent.body {
            Body::V4 { source, whole, .. } => (whole && !source.is_unspecified()).then_some(Generated::FragmentationNeeded),
            Body::V6 { source, .. } => (!source.is_unspecified()).then_some(Generated::PacketTooBig),
            Body::Plain | Body::Bpdu | Body::Arp { .. } | Body::NoHeader { .. } => None,
        }
    }
}
