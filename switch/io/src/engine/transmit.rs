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
            if !self.captures.is_empty() {
                self.tell_made(port, len, origin, fate, batch);
                told = true;
            }
            self.next_id += 1;
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

    fn tell_made(&mut self, port: PortId, len: usize, origin: Origin, fate: EgressFate, batch: &Batch) {
        let record = Record {
            time: clock::wall(),
            id: self.next_id,
            port,
            bytes: if batch.is_empty() { &[] } else { batch.bytes(0) },
            original_len: len as u32,
            vnet: VnetHeader::default(),
            segments: 1,
            origin,
            copies: &[(port, fate)],
            lost_before: 0,
        };
        self.captures.iter_mut().for_each(|capture| capture.record(&record));
    }
}
