//! The server of one sandbox: it listens by UDP and TCP, asks its [`Authority`] about each query, and does what that says within
//! [`Limits`].
//!
//! It opens no listening socket, for those are inside a sandbox, and knows no names. A query that takes long keeps no other waiting:
//! each forward is a task of its own, and a connection costs nothing but its place.
//!
//! Needs a tokio runtime around it.

mod connections;
mod counters;
mod forward;
mod seeds;
mod tcp;
mod udp;

#[cfg(test)]
mod tests;

pub use counters::Counts;
pub use forward::Failure;

use super::resolve::{From, Reply, Transport, Upstream};
use counters::Counters;
use seeds::Seeds;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// Knows what one sandbox may know. Asked once for each query, from tasks of the runtime: it must not block.
pub trait Authority: Send + Sync {
    /// What becomes of `query`: [`resolve`](super::resolve::resolve) over the zone and the sandbox's view.
    fn resolve(&self, query: &[u8], transport: Transport, seed: u64) -> Reply;

    /// Is told that an upstream did not answer a query, so that whoever looks after it can say so.
    fn failed(&self, upstream: &Upstream, why: &Failure) {
        let _unless_wanted = (upstream, why);
    }
}

/// A socket that is being opened.
pub type Dialling<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// Opens sockets to upstreams in the namespace from which they are asked.
pub trait Dialer: Send + Sync {
    /// A new UDP socket on a port that the kernel chose at random, connected to `to`, so that nobody else is heard. Its port is half
    /// of what somebody who forges answers must guess (RFC 5452 §4.5): a socket may not be used twice.
    fn udp(&self, from: From, to: SocketAddr) -> Dialling<'_, UdpSocket>;

    /// A new TCP connection to `to`.
    fn tcp(&self, from: From, to: SocketAddr) -> Dialling<'_, TcpStream>;
}

/// Opens sockets in the namespace of the runtime's threads, which is the host's, whatever is asked for. For upstreams of the host,
/// and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostDialer;

/// How much of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Queries that are with upstreams at once; what comes above that is refused.
    pub forwards: usize,
    /// How long one upstream has for its answer.
    pub upstream: Duration,
    /// TCP connections at once. For one more, the one that was idle for longest is closed.
    pub connections: usize,
    /// How long a TCP connection may wait with its next whole query, and with taking an answer.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { forwards: 1024, upstream: Duration::from_secs(4), connections: 100, idle: Duration::from_secs(10) }
    }
}

/// A server that runs. Dropped, it stops without waiting for the end of what it does.
#[derive(Debug)]
pub struct Server {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    counters: Arc<Counters>,
}

/// What all tasks of a server share.
struct Shared {
    authority: Arc<dyn Authority>,
    dialer: Arc<dyn Dialer>,
    limits: Limits,
    counters: Arc<Counters>,
    seeds: Seeds,
    forwards: Arc<Semaphore>,
    /// Where it listens itself.
    own: [SocketAddr; 2],
}

impl Server {
    /// Answers what comes in at these two sockets, from whatever namespace they are.
    ///
    /// # Errors
    /// If the runtime cannot take a socket.
    pub fn start(
        udp: std::net::UdpSocket,
        tcp: std::net::TcpListener,
        authority: Arc<dyn Authority>,
        dialer: Arc<dyn Dialer>,
        limits: Limits,
    ) -> io::Result<Self> {
        udp.set_nonblocking(true)?;
        tcp.set_nonblocking(true)?;
        let (udp, tcp) = (UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?);
        let own = [udp.local_addr()?, tcp.local_addr()?];
        let counters = Arc::new(Counters::default());
        let forwards = Arc::new(Semaphore::new(limits.forwards));
        let seeds = Seeds::new();
        let shared = Arc::new(Shared { authority, dialer, limits, counters: counters.clone(), seeds, forwards, own });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(udp::serve(udp, shared.clone(), stopped.clone()));
        tasks.spawn(tcp::serve(tcp, shared, stopped));
        Ok(Self { stop, tasks, counters })
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.counters.read()
    }

    /// Stops, and returns when all its sockets are closed. Queries under way stay without answer.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Shared {
    /// Decides about one query, and counts it.
    fn resolve(&self, query: &[u8], transport: Transport) -> Reply {
        let reply = self.authority.resolve(query, transport, self.seeds.next());
        self.counters.query(transport, &reply);
        reply
    }
}

impl Dialer for HostDialer {
    fn udp(&self, _: From, to: SocketAddr) -> Dialling<'_, UdpSocket> {
        Box::pin(async move {
            let any: SocketAddr = if to.is_ipv4() { ([0; 4], 0).into() } else { ([0; 16], 0).into() };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(to).await?;
            Ok(socket)
        })
    }

    fn tcp(&self, _: From, to: SocketAddr) -> Dialling<'_, TcpStream> {
        Box::pin(TcpStream::connect(to))
    }
}
