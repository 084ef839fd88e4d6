//! Probes of tunnels' peers, between the engine's rounds: taken out before the switch, sent past it, counted and captured as what
//! they are.

use crate::capture::{Origin, Sender};
use crate::clock;
use crate::engine::runtime::SwitchRuntime;
use crate::link::vxlan::Vxlan;
use lanloom_switch_core::{Consumed, Fate, Generated, Instant, Learned, PortId};

impl SwitchRuntime {
    /// When a tunnel end has something to do, if ever.
    pub(in crate::engine) fn tunnels_timeout(&mut self) -> Option<Instant> {
        let mut next = None;
        for at in 0..self.tunnels.len() {
            let due = self.tunnel(self.tunnels[at]).and_then(|tunnel| tunnel.poll_timeout());
            next = [next, due].into_iter().flatten().min();
        }
        next
    }

    /// Has the tunnel ends whose time has come do what they have to.
    pub(in crate::engine) fn handle_tunnels_timeout(&mut self, now: Instant) {
        for at in 0..self.tunnels.len() {
            let port = self.tunnels[at];
            let Some(tunnel) = self.tunnel(port).filter(|tunnel| tunnel.poll_timeout().is_some_and(|due| due <= now)) else {
                continue;
            };
            tunnel.handle_timeout(now);
            self.see_probes(port);
        }
    }

    /// Tells of the probes that came to a tunnel, and sends what its end has to say of its own accord.
    pub(in crate::engine) fn see_probes(&mut self, port: PortId) {
        let before = self.next_id;
        let taken = self.tunnel(port).map(Vxlan::taken).unwrap_or_default();
        for bytes in taken {
            self.switch.record_consumed(port, bytes.len());
            let origin = Origin::Received { fate: Fate::Consumed(Consumed::Probe), learned: Learned::Nothing, answer: None };
            self.tell_alone(port, &bytes, bytes.len(), origin, &[]);
        }
        let (now, mut bytes) = (clock::now(), Vec::new());
        while let Some(fate) = self.tunnel(port).and_then(|tunnel| tunnel.send_own(now, &mut bytes)) {
            self.switch.record_generated(port, bytes.len(), fate);
            self.tell_alone(port, &bytes, bytes.len(), Origin::Generated(Generated::Probe), &[(port, fate)]);
        }
        if self.next_id != before {
            self.captures.retain_mut(Sender::flush);
        }
    }

    fn tunnel(&mut self, port: PortId) -> Option<&mut Vxlan> {
        self.port_mut(port).ok()?.link.as_mut()?.tunnel()
    }
}
