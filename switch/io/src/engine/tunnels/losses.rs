//! What the kernel lost of what was sent to tunnels: the queue of their socket was full. It counts on the port of the network that has
//! been there longest, for nobody knows whose it was.

use super::book::Book;
use super::reader::{Reader, Target};
use crate::engine::thread::Engine;
use crate::sys::options;
use crate::underlay::Place;
use std::os::fd::AsFd;

/// Datagrams that a socket lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    /// The kernel's count when it was last read, which begins at 0 again behind its end.
    seen: u32,
    /// All since it was opened.
    all: u64,
}

impl Losses {
    /// Answers how many are new.
    fn note(&mut self, now: u32) -> u64 {
        let new = u64::from(now.wrapping_sub(self.seen));
        (self.seen, self.all) = (now, self.all + new);
        new
    }
}

impl Reader {
    /// Answers how many are new, and whose they count as.
    fn note_losses(&mut self) -> (u64, Option<Target>) {
        let new = options::socket_drops(self.socket.as_fd()).map_or(0, |now| self.losses.note(now));
        (new, self.longest_here().cloned())
    }
}

impl Engine {
    /// Counts what a socket lost since it was asked last. Answers how much that is since it was opened.
    fn note_losses(&mut self, place: &Place) -> u64 {
        let Some(reader) = self.reader_mut(place) else { return 0 };
        let (new, target) = reader.note_losses();
        let all = reader.losses.all;
        match target {
            Some(Target::Here { key, port }) if new > 0 => self.record_overrun(key, port, new),
            Some(Target::Elsewhere { tenant, .. }) if new > 0 => {
                let (key, port) = (tenant.key, tenant.port);
                // A thread that has ended counts nothing any more.
                let _ = tenant.thread.tell(move |engine: &mut Self| engine.record_overrun(key, port, new));
            }
            Some(Target::Here { .. } | Target::Elsewhere { .. }) | None => {}
        }
        all
    }
}

impl Book {
    /// Counts what all sockets lost.
    pub(super) fn note_losses(&self) {
        for (place, _) in self.readers() {
            self.losses(&place);
        }
    }

    /// Datagrams that came to a place and were lost there since it was opened.
    pub(super) fn losses(&self, place: &Place) -> u64 {
        let reader = self.readers().into_iter().find(|(other, _)| other == place).map(|(_, reader)| reader);
        let place = place.clone();
        reader.and_then(|reader| reader.ask(move |engine: &mut Engine| engine.note_losses(&place)).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::{alone, ip};
    use nix::sys::socket::{setsockopt, sockopt};
    use std::net::UdpSocket;

    #[test]
    fn every_datagram_is_received_or_told_to_be_lost() {
        alone(|| {
            ip("link set lo up");
            let (socket, sender) = ["127.0.0.1:4789", "127.0.0.1:0"].map(|at| UdpSocket::bind(at).expect("free")).into();
            setsockopt(&socket, sockopt::RcvBuf, &8192).expect("a small queue");
            socket.set_nonblocking(true).expect("a socket");
            let place = Place { address: [127, 0, 0, 1].into(), port: 4789, ifname: None };
            let mut reader = Reader::new(place, socket.try_clone().expect("a descriptor").into());
            assert_eq!(reader.note_losses().0, 0);
            for _ in 0..100 {
                sender.send_to(&[0; 1000], "127.0.0.1:4789").expect("sent");
            }
            let received = std::iter::from_fn(|| socket.recv(&mut [0; 1000]).ok()).count() as u64;
            let lost = reader.note_losses().0;
            assert!(received > 0 && lost > 0, "{received} {lost}");
            assert_eq!((received + lost, reader.note_losses().0, reader.losses.all), (100, 0, lost));
        });
    }

    #[test]
    fn what_is_lost_is_counted_once_even_when_the_kernels_count_begins_anew() {
        let mut losses = Losses::default();
        assert_eq!([3, 3, 10, u32::MAX, 4].map(|now| losses.note(now)), [3, 0, 7, u64::from(u32::MAX) - 10, 5]);
        assert_eq!(losses.all, (1 << 32) + 4);
    }
}
