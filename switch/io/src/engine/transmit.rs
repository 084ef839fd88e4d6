//! What the switch itself makes, on its way into links and captures.

use super::runtime::{Buffers, SwitchRuntime};
use crate::buffer::Batch;
use crate::capture::{Origin, Record, Sender};
use crate::clock;
use crate::vnet::VnetHeader;
use lanloom_switch_core::{DropReason, EgressFate, PortId};

impl SwitchRuntime {
    /// Sends what the switch has made of a batch, frame by frame, counts what became of it, and tells the captures.
    pub(super) fn transmit(&mut self, buffers: &mut Buffers) {
        let batch = &mut buffers.segments;
        let mut told = false;
        while let Some(frame) = self.switch.poll_transmit() {
            let (port, len, origin) = (frame.port, frame.bytes.len(), Origin::Generated(frame.what));
            batch.clear();
            batch.push_copy(frame.bytes, VnetHeader::default());
            let fate = self.send_made(port, batch);
            self.switch.record_generated(port, len, fate);
            let bytes = if batch.is_empty() { &[] } else { batch.bytes(0) };
            self.tell_alone(port, bytes, len, origin, &[(port, fate)]);
            told = true;
        }
        if told {
            self.captures.retain_mut(Sender::flush);
        }
    }

    /// Sends the one frame of `batch`, which needs nothing that a link may not have.
    fn send_made(&mut self, port: PortId, batch: &mut Batch) -> EgressFate {
        let mut fates = std::mem::take(&mut self.round.fates);
        fates.clear();
        if let (Ok(port), false) = (self.port_mut(port), batch.is_empty()) {
            port.link.iter_mut().for_each(|link| link.send(batch, &[0], &mut fates));
        }
        let fate = fates.first().copied().unwrap_or(EgressFate::Dropped(DropReason::LinkError));
        self.round.fates = fates;
        fate
    }

    /// Tells the captures of a frame of `len` bytes that came or went by itself, and in no batch.
    pub(super) fn tell_alone(
        &mut self,
        port: PortId,
        bytes: &[u8],
        len: usize,
        origin: Origin,
        copies: &[(PortId, EgressFate)],
    ) {
        let record = Record {
            time: clock::wall(),
            id: self.next_id,
            port,
            bytes,
            original_len: len as u32,
            vnet: VnetHeader::default(),
            segments: 1,
            origin,
            copies,
            lost_before: 0,
        };
        self.captures.iter_mut().for_each(|capture| capture.record(&record));
        self.next_id += 1;
    }
}
