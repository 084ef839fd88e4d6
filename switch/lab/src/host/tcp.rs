//! TCP conversations. What arrives is read at once into an inbox, so that a program which only writes is never held up by one
//! that has not read yet: a lab has one thread.

use super::{Host, HostError};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

/// Bytes of a conversation's buffer in each direction.
const BUFFER: usize = 256 * 1024;

/// Bytes read ahead of the program, after which the window closes.
const INBOX_MAX: usize = 64 << 20;

/// Connections that may wait to be accepted.
const BACKLOG: usize = 8;

/// A TCP conversation of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(u32);

/// A port of one host that takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListenerId(u16);

/// Where a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// The other end has not answered yet.
    Connecting,
    /// Both ends may send.
    Open,
    /// The other end sends no more.
    Finished,
    /// Over: refused, reset, or closed by both ends.
    Closed,
}

#[derive(Debug)]
struct Stream {
    socket: SocketHandle,
    inbox: VecDeque<u8>,
}

#[derive(Debug, Default)]
pub(super) struct Tcp {
    streams: BTreeMap<StreamId, Stream>,
    listeners: BTreeMap<ListenerId, Vec<SocketHandle>>,
    /// Let go by the program, still saying goodbye.
    leaving: Vec<SocketHandle>,
    next: u32,
}

impl Tcp {
    /// Reads ahead and forgets what is over. Whether anything was read.
    pub(super) fn poll(&mut self, sockets: &mut SocketSet<'static>) -> bool {
        self.leaving.retain(|handle| {
            let over = matches!(sockets.get::<Socket<'_>>(*handle).state(), State::Closed | State::TimeWait);
            if over {
                sockets.remove(*handle);
            }
            !over
        });
        let mut read = false;
        for stream in self.streams.values_mut() {
            let socket = sockets.get_mut::<Socket<'_>>(stream.socket);
            while socket.can_recv() && stream.inbox.len() < INBOX_MAX {
                let taken = socket.recv(|bytes| {
                    stream.inbox.extend(&*bytes);
                    (bytes.len(), bytes.len())
                });
                read |= matches!(taken, Ok(1..));
            }
        }
        read
    }

    fn adopt(&mut self, socket: SocketHandle) -> StreamId {
        let id = StreamId(self.next);
        self.next += 1;
        self.streams.insert(id, Stream { socket, inbox: VecDeque::new() });
        id
    }
}

impl Host {
    /// Begins a conversation; [`Host::poll`] puts its first segment on the wire.
    ///
    /// # Errors
    /// If nothing leads to `to`, or nobody can listen there.
    pub fn connect(&mut self, to: SocketAddr) -> Result<StreamId, HostError> {
        self.config.check_route(to.ip())?;
        let port = self.ephemeral_port();
        let mut socket = new_socket();
        socket.connect(self.interface.context(), to, port).map_err(|_| HostError::BadDestination(to))?;
        let handle = self.sockets.add(socket);
        Ok(self.tcp.adopt(handle))
    }

    /// Takes connections on `port`, on all its addresses.
    ///
    /// # Errors
    /// If the port is 0 or in use.
    pub fn listen(&mut self, port: u16) -> Result<ListenerId, HostError> {
        let id = ListenerId(port);
        if self.tcp.listeners.contains_key(&id) || port == 0 {
            return Err(HostError::PortInUse(port));
        }
        let sockets = (0..BACKLOG).map(|_| listening(&mut self.sockets, port)).collect::<Result<_, _>>()?;
        self.tcp.listeners.insert(id, sockets);
        Ok(id)
    }

    /// The next connection that was made to a listener.
    pub fn accept(&mut self, listener: ListenerId) -> Option<StreamId> {
        let places = self.tcp.listeners.get_mut(&listener)?;
        let ready = |handle: &SocketHandle| {
            !matches!(self.sockets.get::<Socket<'_>>(*handle).state(), State::Listen | State::SynReceived | State::Closed)
        };
        let place = places.iter().position(ready)?;
        let socket = std::mem::replace(&mut places[place], listening(&mut self.sockets, listener.0).ok()?);
        Some(self.tcp.adopt(socket))
    }

    /// Takes no more connections.
    pub fn unlisten(&mut self, listener: ListenerId) {
        for handle in self.tcp.listeners.remove(&listener).into_iter().flatten() {
            self.sockets.get_mut::<Socket<'_>>(handle).abort();
            self.tcp.leaving.push(handle);
        }
    }

    /// Where a conversation stands.
    pub fn stream_state(&self, id: StreamId) -> StreamState {
        let Some(stream) = self.tcp.streams.get(&id) else { return StreamState::Closed };
        match self.sockets.get::<Socket<'_>>(stream.socket).state() {
            State::Listen | State::SynSent | State::SynReceived => StreamState::Connecting,
            State::Established | State::FinWait1 | State::FinWait2 => StreamState::Open,
            State::CloseWait | State::LastAck | State::Closing | State::TimeWait => StreamState::Finished,
            State::Closed => StreamState::Closed,
        }
    }

    /// The other end of a conversation, while it lasts.
    pub fn peer(&self, id: StreamId) -> Option<SocketAddr> {
        let stream = self.tcp.streams.get(&id)?;
        let peer = self.sockets.get::<Socket<'_>>(stream.socket).remote_endpoint()?;
        Some(SocketAddr::new(peer.addr.into(), peer.port))
    }

    /// Hands bytes over to be sent. How many there was room for.
    ///
    /// # Errors
    /// [`HostError::Closed`] if nothing can be sent any more.
    pub fn send(&mut self, id: StreamId, bytes: &[u8]) -> Result<usize, HostError> {
        let stream = self.tcp.streams.get(&id).ok_or(HostError::Closed)?;
        self.sockets.get_mut::<Socket<'_>>(stream.socket).send_slice(bytes).map_err(|_| HostError::Closed)
    }

    /// Bytes handed over and not yet acknowledged by the other end.
    pub fn unsent(&self, id: StreamId) -> usize {
        self.tcp.streams.get(&id).map_or(0, |stream| self.sockets.get::<Socket<'_>>(stream.socket).send_queue())
    }

    /// Reads bytes that arrived: `None` if none has yet, 0 if none will.
    ///
    /// # Errors
    /// [`HostError::Closed`] if there is no such conversation.
    pub fn recv(&mut self, id: StreamId, into: &mut [u8]) -> Result<Option<usize>, HostError> {
        let state = self.stream_state(id);
        let stream = self.tcp.streams.get_mut(&id).ok_or(HostError::Closed)?;
        let len = stream.inbox.len().min(into.len());
        for (place, byte) in into.iter_mut().zip(stream.inbox.drain(..len)) {
            *place = byte;
        }
        let over = matches!(state, StreamState::Finished | StreamState::Closed);
        Ok((len > 0 || over || into.is_empty()).then_some(len))
    }

    /// Sends no more; what was handed over still goes out, and the other end may still send.
    pub fn close(&mut self, id: StreamId) {
        if let Some(stream) = self.tcp.streams.get(&id) {
            self.sockets.get_mut::<Socket<'_>>(stream.socket).close();
        }
    }

    /// Closes a conversation and forgets it.
    pub fn forget(&mut self, id: StreamId) {
        self.close(id);
        if let Some(stream) = self.tcp.streams.remove(&id) {
            self.tcp.leaving.push(stream.socket);
        }
    }
}

fn new_socket() -> Socket<'static> {
    Socket::new(SocketBuffer::new(vec![0; BUFFER]), SocketBuffer::new(vec![0; BUFFER]))
}

fn listening(sockets: &mut SocketSet<'static>, port: u16) -> Result<SocketHandle, HostError> {
    let mut socket = new_socket();
    socket.listen(port).map_err(|_| HostError::PortInUse(port))?;
    Ok(sockets.add(socket))
}
