//! A station that sends and sees frames as they are, with their virtio-net headers: on a host's interface, or at the other end
//! of a link in memory.

use super::{Host, PATIENCE};
use lanloom_switch_core::EgressFate;
use lanloom_switch_io::buffer::Batch;
use lanloom_switch_io::link::Link;
use lanloom_switch_io::link::memory::MemoryEnd;
use lanloom_switch_io::link::packet::Packet;
use lanloom_switch_io::vnet::VnetHeader;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A frame and what its virtio-net header says.
pub(crate) type Seen = (Vec<u8>, VnetHeader);

/// More frames than any test sends.
const MANY: usize = 100_000;

/// Frames in and out.
pub(crate) enum Wire {
    Interface { packet: Box<Packet>, batch: Box<Batch>, waiting: VecDeque<Seen> },
    Memory(MemoryEnd),
}

impl Wire {
    /// On `e0` of a host, beside its own network stack.
    pub(crate) fn on(host: &Host) -> Self {
        Self::on_interface(&host.sandbox, "e0")
    }

    pub(crate) fn on_interface(sandbox: &super::Sandbox, ifname: &str) -> Self {
        let packet = sandbox.inside(|| Packet::open(ifname)).expect("a packet socket");
        Self::Interface { packet: Box::new(packet), batch: Box::new(Batch::new(64)), waiting: VecDeque::new() }
    }

    /// Sends a frame; answers whether the link took it.
    pub(crate) fn try_send(&mut self, bytes: &[u8], vnet: VnetHeader) -> EgressFate {
        match self {
            Self::Memory(end) => end.send_frame(bytes, vnet),
            Self::Interface { packet, batch, .. } => {
                batch.clear();
                assert!(batch.push_copy(bytes, vnet), "a frame of {} bytes", bytes.len());
                let mut fates = Vec::new();
                packet.send(batch, &[0], &mut fates);
                fates[0]
            }
        }
    }

    /// Sends a frame that the link must take.
    pub(crate) fn send(&mut self, bytes: &[u8], vnet: VnetHeader) {
        assert_eq!(self.try_send(bytes, vnet), EgressFate::Sent, "{} bytes, {vnet:?}", bytes.len());
    }

    /// The next frame from `source`, waiting for it at most `patience`.
    pub(crate) fn recv_within(&mut self, source: [u8; 6], patience: Duration) -> Option<Seen> {
        let deadline = Instant::now() + patience;
        for _ in 0..MANY {
            let left = deadline.saturating_duration_since(Instant::now());
            let seen = match self {
                Self::Memory(end) => end.recv_frame(left).expect("the switch").map(|(bytes, vnet)| (bytes.into_vec(), vnet)),
                Self::Interface { packet, batch, waiting } => next(packet, batch, waiting, left),
            };
            match seen {
                Some(seen) if seen.0.get(6..12) == Some(&source) => return Some(seen),
                Some(_) => {}
                None if left.is_zero() => return None,
                None => {}
            }
        }
        panic!("{MANY} frames, and none of those that were waited for");
    }

    /// The next frame from `source`; panics if none comes.
    pub(crate) fn recv(&mut self, source: [u8; 6]) -> Seen {
        self.recv_within(source, PATIENCE).expect("a frame that was sent")
    }

    /// Whatever has come from `source` by now.
    pub(crate) fn drain(&mut self, source: [u8; 6]) -> Vec<Seen> {
        let seen: Vec<Seen> = std::iter::from_fn(|| self.recv_within(source, Duration::ZERO)).take(MANY).collect();
        assert!(seen.len() < MANY, "an end to the frames");
        seen
    }
}

fn next(packet: &mut Packet, batch: &mut Batch, waiting: &mut VecDeque<Seen>, patience: Duration) -> Option<Seen> {
    if waiting.is_empty() {
        let millis = u16::try_from(patience.as_millis()).unwrap_or(u16::MAX);
        // Interrupted is as good as nothing there: the caller looks again.
        let _ = poll(&mut [PollFd::new(packet.fd(), PollFlags::POLLIN)], PollTimeout::from(millis));
        batch.clear();
        packet.recv(batch).expect("the interface");
        waiting.extend((0..batch.len()).map(|frame| (batch.bytes(frame).to_vec(), batch.descriptor(frame).vnet)));
    }
    waiting.pop_front()
}
