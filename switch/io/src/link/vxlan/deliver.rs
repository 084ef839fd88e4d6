//! Messages to the kernel, and what it says to them.

use super::queue::{Message, Out, Part, Queue, Sending};
use crate::buffer::Batch;
use crate::sys::datagram::{Outbound, With};
use crate::underlay::Underlay;
use lanloom_switch_core::DropReason;
use lanloom_switch_core::vxlan::Vtep;
use nix::errno::Errno;
use std::io;

/// Sends all messages that wait, those of one socket by one call, and notes what did not go.
pub(super) fn deliver(queue: &mut Queue, out: &mut Out<'_>, batch: &Batch) {
    let underlay = out.underlay;
    let (messages, frames, outbound, chosen, arena) = queue.split();
    let mut done = 0;
    while done < messages.len() {
        // The socket of the first message that no call before has taken; most often the only one.
        let socket = messages[done].socket;
        chosen.clear();
        if !messages[..done].iter().any(|message| message.socket == socket) {
            chosen.extend((done..messages.len()).filter(|at| messages[*at].socket == socket));
            let mut call = Call { messages, chosen, frames, underlay, batch, arena, group_by: out.group_by };
            call.run(outbound, socket);
            for at in chosen.iter() {
                tell_peer(&messages[*at], frames, out.vtep);
            }
        }
        done += 1;
    }
    queue.sent();
}

/// Counts at its peer the frames that a message held the first part of, if they went.
fn tell_peer(message: &Message, frames: &[Sending], vtep: &mut Vtep) {
    for part in message.parts.iter().filter(|part| part.is_first) {
        let frame = &frames[usize::from(part.frame)];
        let failed = frame.last == Some(message.peer) && frame.failed > 0;
        if !failed {
            vtep.record_sent(message.peer, frame.len as usize, frame.segments);
        }
    }
}

/// Messages of one socket.
struct Call<'a> {
    messages: &'a [Message],
    chosen: &'a [usize],
    frames: &'a mut [Sending],
    underlay: &'a Underlay,
    batch: &'a Batch,
    arena: &'a [u8],
    group_by: Option<u32>,
}

impl Call<'_> {
    fn run(&mut self, outbound: &mut Outbound, socket: u16) {
        outbound.clear();
        for at in self.chosen {
            let message = &self.messages[*at];
            let segment = (message.parts.len() > 1).then_some(message.size as u16);
            self.lay(outbound, message, &message.parts, segment);
        }
        let mut from = 0;
        while from < self.chosen.len() {
            match self.send(outbound, socket, from) {
                Ok(sent) => from += sent,
                Err(error) => {
                    let answer = Errno::from_raw(error.raw_os_error().unwrap_or(0));
                    match answer {
                        Errno::EINTR => continue,
                        Errno::EINVAL | Errno::EIO | Errno::EMSGSIZE | Errno::ENOPROTOOPT
                            if self.messages[self.chosen[from]].parts.len() > 1 =>
                        {
                            self.send_singly(socket, self.chosen[from], answer);
                        }
                        _ => self.fail(self.chosen[from], &error),
                    }
                    from += 1;
                }
            }
        }
    }

    fn lay(&self, outbound: &mut Outbound, message: &Message, parts: &[Part], segment: Option<u16>) {
        let Some(to) = message.to else { return };
        let by = self.group_by.filter(|_| to.ip().is_multicast());
        outbound.message(to, With { tos: message.outside.tos, ttl: message.outside.ttl, segment, by });
        for bytes in parts.iter().flat_map(|part| part.bytes(self.batch, self.arena)).filter(|bytes| !bytes.is_empty()) {
            outbound.part(bytes);
        }
    }

    fn send(&self, outbound: &mut Outbound, socket: u16, from: usize) -> io::Result<usize> {
        // SAFETY: the parts are in the batch and in the arena, which this call borrows as long as it is.
        #[allow(unsafe_code)]
        unsafe {
            outbound.send(self.underlay.sender_at(socket), from)
        }
    }

    /// The kernel did not cut a message: its datagrams go one by one. If they do go, it was the cutting that it refused.
    fn send_singly(&mut self, socket: u16, at: usize, refusal: Errno) {
        let message = &self.messages[at];
        let mut outbound = Outbound::new(1, 1);
        let mut went = true;
        for part in &message.parts {
            outbound.clear();
            self.lay(&mut outbound, message, std::slice::from_ref(part), None);
            if let Err(error) = self.send(&mut outbound, socket, 0) {
                went = false;
                self.fail_part(message, part, &error);
            }
        }
        if went && refusal != Errno::EMSGSIZE {
            self.underlay.refuse_segments();
        }
    }

    fn fail(&mut self, at: usize, error: &io::Error) {
        let message = &self.messages[at];
        message.parts.iter().for_each(|part| self.fail_part(message, part, error));
    }

    fn fail_part(&mut self, message: &Message, part: &Part, error: &io::Error) {
        let frame = &mut self.frames[usize::from(part.frame)];
        frame.reason = reason(error);
        if frame.reason == DropReason::LinkError
            && let Some(to) = message.to
        {
            self.underlay.note(to.ip(), error);
        }
        if frame.last != Some(message.peer) || frame.failed == 0 {
            frame.failed += 1;
            frame.last = Some(message.peer);
        }
    }
}

/// What a refusal to send is to be counted as.
pub(super) fn reason(error: &io::Error) -> DropReason {
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM => DropReason::QueueFull,
        Errno::EMSGSIZE => DropReason::MtuExceeded,
        _ => DropReason::LinkError,
    }
}
