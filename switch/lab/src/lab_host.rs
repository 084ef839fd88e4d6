//! A host of a lab, its conversations, and calls that wait in virtual time.

use crate::error::LabError;
use crate::host::{Host, HostError, ListenerId, StreamId, StreamState, UdpId};
use crate::lab::Lab;
use crate::world::World;
use lanloom_switch_core::MacAddr;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long an echo request waits for its answer, in virtual time, unless told otherwise.
pub const PING_PATIENCE: Duration = Duration::from_secs(5);

/// A TCP/IP host with one network card.
#[derive(Clone, Debug)]
pub struct LabHost {
    lab: Lab,
    number: usize,
}

impl LabHost {
    pub(crate) fn new(lab: &Lab, number: usize) -> Self {
        Self { lab: lab.clone(), number }
    }

    pub(crate) fn lab(&self) -> &Lab {
        &self.lab
    }

    pub(crate) fn number(&self) -> usize {
        self.number
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.lab.with(|world| world.hosts[self.number].name.clone())
    }

    /// Its Ethernet address.
    pub fn mac(&self) -> MacAddr {
        self.lab.with(|world| world.hosts[self.number].host.mac())
    }

    /// Sends one echo request and answers how long the reply took, address resolution included. Gives it [`PING_PATIENCE`].
    ///
    /// # Errors
    /// If nothing leads there, or no reply comes in time.
    pub fn ping(&self, to: IpAddr) -> Result<Duration, LabError> {
        self.ping_within(to, PING_PATIENCE)
    }

    /// As [`LabHost::ping`], with another patience.
    ///
    /// # Errors
    /// As [`LabHost::ping`].
    pub fn ping_within(&self, to: IpAddr, patience: Duration) -> Result<Duration, LabError> {
        let now = self.lab.now();
        let ping = self.run(|host| host.start_ping(now, to))?;
        let what = self.says(&format!("ping {to}"));
        let answer = self.lab.wait_for(patience, &what, |world| Ok(world.hosts[self.number].host.ping_answer(ping)));
        self.tell(|host| host.end_ping(ping));
        answer
    }

    /// Opens a TCP connection.
    ///
    /// # Errors
    /// If nothing leads there, nothing listens there, or no answer comes within the lab's patience.
    pub fn connect(&self, to: SocketAddr) -> Result<LabStream, LabError> {
        let id = self.run(|host| host.connect(to))?;
        let stream = LabStream { host: self.clone(), id };
        let what = self.says(&format!("connect to {to}"));
        self.lab.wait_for(self.lab.patience(), &what, |world| match world.hosts[self.number].host.stream_state(id) {
            StreamState::Connecting => Ok(None),
            StreamState::Open | StreamState::Finished => Ok(Some(())),
            StreamState::Closed => Err(LabError::Refused { what: what.clone() }),
        })?;
        Ok(stream)
    }

    /// Takes TCP connections on a port, on all its addresses, until the listener is dropped.
    ///
    /// # Errors
    /// If the port is in use.
    pub fn listen(&self, port: u16) -> Result<LabListener, LabError> {
        let id = self.run(|host| host.listen(port))?;
        Ok(LabListener { host: self.clone(), id, port })
    }

    /// Opens a UDP port until the socket is dropped; 0 lets the host choose.
    ///
    /// # Errors
    /// If the port is in use.
    pub fn udp(&self, port: u16) -> Result<LabUdp, LabError> {
        let id = self.run(|host| host.open_udp(port))?;
        Ok(LabUdp { host: self.clone(), id })
    }

    /// Puts bytes on its link as they are, as a program with a raw socket would.
    ///
    /// # Errors
    /// If they are fewer than an Ethernet header.
    pub fn send_frame(&self, bytes: &[u8]) -> Result<(), LabError> {
        if bytes.len() < lanloom_switch_core::frame::HEADER_LEN {
            return Err(LabError::NoFrame { len: bytes.len() });
        }
        self.lab.with(|world| world.send_from_card(self.number, bytes.into()));
        Ok(())
    }

    /// Lets the host act, and sends what comes of it.
    fn run<T>(&self, act: impl FnOnce(&mut Host) -> Result<T, HostError>) -> Result<T, LabError> {
        self.lab.with(|world| self.run_in(world, act))
    }

    fn tell(&self, act: impl FnOnce(&mut Host)) {
        self.lab.with(|world| {
            act(&mut world.hosts[self.number].host);
            world.run_host(self.number);
        });
    }

    fn run_in<T>(&self, world: &mut World, act: impl FnOnce(&mut Host) -> Result<T, HostError>) -> Result<T, LabError> {
        let seat = &mut world.hosts[self.number];
        let answer = act(&mut seat.host).map_err(|why| LabError::Host { host: seat.name.clone(), why });
        world.run_host(self.number);
        answer
    }

    fn says(&self, what: &str) -> String {
        format!("{what} on host {}", self.name())
    }
}

/// A TCP port that takes connections.
#[derive(Debug)]
pub struct LabListener {
    host: LabHost,
    id: ListenerId,
    port: u16,
}

impl LabListener {
    /// The next connection, waiting for it within the lab's patience.
    ///
    /// # Errors
    /// If none comes in time.
    pub fn accept(&self) -> Result<LabStream, LabError> {
        let what = self.host.says(&format!("accept on port {}", self.port));
        let lab = &self.host.lab;
        let id = lab.wait_for(lab.patience(), &what, |world| self.host.run_in(world, |host| Ok(host.accept(self.id))))?;
        Ok(LabStream { host: self.host.clone(), id })
    }
}

impl Drop for LabListener {
    fn drop(&mut self) {
        self.host.tell(|host| host.unlisten(self.id));
    }
}

/// One end of a TCP connection; dropping it closes it.
#[derive(Debug)]
pub struct LabStream {
    host: LabHost,
    id: StreamId,
}

impl LabStream {
    /// Where the other end is, while the connection lasts.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.host.lab.with(|world| world.hosts[self.host.number].host.peer(self.id))
    }

    /// Sends all of `bytes`; what arrives is kept for the other end until it reads, so this waits for no reader.
    ///
    /// # Errors
    /// If the connection is over, or the bytes do not go out within the lab's patience without any progress.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), LabError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = self.wait("send", |host, id| host.send(id, rest).map(|sent| (sent > 0).then_some(sent)))?;
            rest = &rest[sent..];
        }
        Ok(())
    }

    /// Reads what has arrived, waiting for at least one byte. 0 says that the other end sends no more.
    ///
    /// # Errors
    /// If nothing comes within the lab's patience.
    pub fn recv(&mut self, into: &mut [u8]) -> Result<usize, LabError> {
        self.wait("receive", |host, id| host.recv(id, into))
    }

    /// Reads until `into` is full.
    ///
    /// # Errors
    /// If the other end sends no more before, or nothing comes within the lab's patience.
    pub fn recv_exact(&mut self, into: &mut [u8]) -> Result<(), LabError> {
        let mut filled = 0;
        while filled < into.len() {
            match self.recv(&mut into[filled..])? {
                0 => return Err(LabError::Refused { what: self.host.says("receive") }),
                len => filled += len,
            }
        }
        Ok(())
    }

    /// Says that this end sends no more.
    pub fn finish(&mut self) {
        self.host.tell(|host| host.close(self.id));
    }

    fn wait<T>(
        &self,
        what: &str,
        mut act: impl FnMut(&mut Host, StreamId) -> Result<Option<T>, HostError>,
    ) -> Result<T, LabError> {
        let lab = &self.host.lab;
        let what = self.host.says(what);
        lab.wait_for(lab.patience(), &what, |world| self.host.run_in(world, |host| act(host, self.id)))
    }
}

impl Drop for LabStream {
    fn drop(&mut self) {
        self.host.tell(|host| host.forget(self.id));
    }
}

/// A UDP port.
#[derive(Debug)]
pub struct LabUdp {
    host: LabHost,
    id: UdpId,
}

impl LabUdp {
    /// Sends a datagram.
    ///
    /// # Errors
    /// If nothing leads there, or too many wait.
    pub fn send_to(&self, to: SocketAddr, bytes: &[u8]) -> Result<(), LabError> {
        self.host.run(|host| host.send_to(self.id, to, bytes))
    }

    /// The next datagram and where it came from, waiting for it within the lab's patience.
    ///
    /// # Errors
    /// If none comes in time.
    pub fn recv_from(&self) -> Result<(Vec<u8>, SocketAddr), LabError> {
        let lab = &self.host.lab;
        let what = self.host.says("receive a datagram");
        lab.wait_for(lab.patience(), &what, |world| self.host.run_in(world, |host| Ok(host.recv_from(self.id))))
    }
}

impl Drop for LabUdp {
    fn drop(&mut self) {
        self.host.tell(|host| host.close_udp(self.id));
    }
}
