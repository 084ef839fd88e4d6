//! Echo requests (RFC 792, RFC 4443) and their answers.

use super::{Host, HostError};
use lanloom_switch_core::Instant;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::socket::icmp::{Endpoint, PacketBuffer, PacketMetadata, Socket};
use smoltcp::wire::{Icmpv4Packet, Icmpv4Repr, Icmpv6Packet, Icmpv6Repr, IpAddress, Ipv6Address};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// What an echo request carries, as many bytes as ping(8) sends.
const PAYLOAD: [u8; 56] = *b"lanloom lab lanloom lab lanloom lab lanloom lab lanloom ";

/// Requests that may wait for their destination's Ethernet address, and answers to be read.
const PACKETS: usize = 16;

/// An echo request of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PingId(u16);

#[derive(Debug)]
struct Ping {
    to: IpAddr,
    sent: Instant,
    answered: Option<Duration>,
}

/// One socket for each address that is being asked: what waits for a neighbour that is not there holds up nobody else.
#[derive(Debug)]
pub(super) struct Pings {
    sockets: BTreeMap<IpAddr, Asking>,
    ident: u16,
    next: u16,
    waiting: BTreeMap<PingId, Ping>,
}

#[derive(Clone, Copy, Debug)]
struct Asking {
    socket: SocketHandle,
    ident: u16,
}

impl Pings {
    /// Of a host whose first requests bear this identifier.
    pub(super) fn new(ident: u16) -> Self {
        Self { sockets: BTreeMap::new(), ident, next: 0, waiting: BTreeMap::new() }
    }

    /// Reads the answers that came by `now`.
    pub(super) fn poll(&mut self, sockets: &mut SocketSet<'static>, now: Instant) {
        for asking in self.sockets.values() {
            let socket = sockets.get_mut::<Socket<'_>>(asking.socket);
            while let Ok((bytes, from)) = socket.recv() {
                let answer = match from {
                    IpAddress::Ipv4(_) => answer4(bytes),
                    IpAddress::Ipv6(_) => answer6(bytes),
                };
                let ping = answer.and_then(|id| self.waiting.get_mut(&id));
                if let Some(ping) = ping.filter(|ping| IpAddress::from(ping.to) == from && ping.answered.is_none()) {
                    ping.answered = Some(now.since(ping.sent));
                }
            }
        }
    }

    /// The socket by which `to` is asked.
    fn asking(&mut self, sockets: &mut SocketSet<'static>, to: IpAddr) -> Result<Asking, HostError> {
        if let Some(asking) = self.sockets.get(&to) {
            return Ok(*asking);
        }
        let idents = (0..=u16::MAX).map(|offset| self.ident.wrapping_add(offset));
        let free = |ident: &u16| self.sockets.values().all(|asking| asking.ident != *ident);
        let ident = idents.into_iter().find(free).ok_or(HostError::Busy)?;
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; PACKETS], vec![0; PACKETS * 128]);
        let mut socket = Socket::new(buffer(), buffer());
        socket.bind(Endpoint::Ident(ident)).map_err(|_| HostError::Busy)?;
        let asking = Asking { socket: sockets.add(socket), ident };
        self.sockets.insert(to, asking);
        Ok(asking)
    }

    /// Forgets a request, and the socket if it was the last of its kind.
    fn end(&mut self, sockets: &mut SocketSet<'static>, id: PingId) {
        let Some(ended) = self.waiting.remove(&id) else { return };
        if self.waiting.values().all(|ping| ping.to != ended.to)
            && let Some(asking) = self.sockets.remove(&ended.to)
        {
            sockets.remove(asking.socket);
        }
    }
}

impl Host {
    /// Sends an echo request to `to`; [`Host::poll`] puts it on the wire. [`Host::end_ping`] forgets it.
    ///
    /// # Errors
    /// [`HostError::NoRoute`] if nothing leads there, [`HostError::Busy`] if too many wait.
    pub fn start_ping(&mut self, now: Instant, to: IpAddr) -> Result<PingId, HostError> {
        let id = PingId(self.pings.next);
        let answered = self.config.has(to).then_some(Duration::ZERO);
        if answered.is_none() {
            self.config.check_route(to)?;
            self.send_request(id, to)?;
        }
        self.pings.next = self.pings.next.wrapping_add(1);
        self.pings.waiting.insert(id, Ping { to, sent: now, answered });
        Ok(id)
    }

    /// How long the answer took, if it has come.
    pub fn ping_answer(&self, id: PingId) -> Option<Duration> {
        self.pings.waiting.get(&id)?.answered
    }

    /// Forgets an echo request, answered or not.
    pub fn end_ping(&mut self, id: PingId) {
        self.pings.end(&mut self.sockets, id);
    }

    fn send_request(&mut self, id: PingId, to: IpAddr) -> Result<(), HostError> {
        let checksums = ChecksumCapabilities::default();
        let Asking { socket, ident } = self.pings.asking(&mut self.sockets, to)?;
        let (seq_no, source) = (id.0, self.source6(to));
        let socket = self.sockets.get_mut::<Socket<'_>>(socket);
        match to {
            IpAddr::V4(_) => {
                let request = Icmpv4Repr::EchoRequest { ident, seq_no, data: &PAYLOAD };
                let bytes = socket.send(request.buffer_len(), to.into()).map_err(|_| HostError::Busy)?;
                request.emit(&mut Icmpv4Packet::new_unchecked(bytes), &checksums);
            }
            IpAddr::V6(to6) => {
                let request = Icmpv6Repr::EchoRequest { ident, seq_no, data: &PAYLOAD };
                let bytes = socket.send(request.buffer_len(), to.into()).map_err(|_| HostError::Busy)?;
                request.emit(&source, &to6, &mut Icmpv6Packet::new_unchecked(bytes), &checksums);
            }
        }
        Ok(())
    }

    fn source6(&self, to: IpAddr) -> Ipv6Address {
        match to {
            IpAddr::V4(_) => Ipv6Address::UNSPECIFIED,
            IpAddr::V6(to) => self.interface.get_source_address_ipv6(&to),
        }
    }
}

fn answer4(bytes: &[u8]) -> Option<PingId> {
    let packet = Icmpv4Packet::new_checked(bytes).ok()?;
    match Icmpv4Repr::parse(&packet, &ChecksumCapabilities::default()).ok()? {
        Icmpv4Repr::EchoReply { seq_no, data, .. } if data == PAYLOAD => Some(PingId(seq_no)),
        _ => None,
    }
}

/// The checksum of these was checked with their addresses before they came here.
fn answer6(bytes: &[u8]) -> Option<PingId> {
    let packet = Icmpv6Packet::new_checked(bytes).ok()?;
    let is_answer = packet.msg_type() == smoltcp::wire::Icmpv6Message::EchoReply && packet.payload() == PAYLOAD;
    is_answer.then(|| PingId(packet.echo_seq_no()))
}
