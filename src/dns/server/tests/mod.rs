//! A server on the loopback, clients and upstreams in this process.

mod forwarding;
mod limits;
mod streams;
mod upstream;

use super::*;
use crate::dns::question;
use crate::dns::resolve::{Forward, View, resolve};
use crate::dns::zone::{Names, Zone};
use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::{Message, MessageBuilder};
use std::sync::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use upstream::{Behaviour, FakeUpstream};

/// How long something may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(10);

/// `db` at 10.1.0.2 on the network `web`, for a sandbox on it.
struct Known {
    zone: Zone,
    view: View,
    failures: Mutex<Vec<String>>,
}

impl Authority for Known {
    fn resolve(&self, query: &[u8], transport: Transport, seed: u64) -> Reply {
        resolve(&self.zone, &self.view, query, transport, seed)
    }

    fn failed(&self, upstream: &Upstream, why: &Failure) {
        self.failures.lock().unwrap().push(format!("{}: {why}", upstream.address));
    }
}

/// A server and what it answers from.
struct Running {
    server: Server,
    udp: SocketAddr,
    tcp: SocketAddr,
    known: Arc<Known>,
}

impl Running {
    /// One that asks these upstreams.
    fn start(upstreams: &[SocketAddr], limits: Limits) -> Self {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        Self::start_on(udp, upstreams, limits)
    }

    fn start_on(udp: std::net::UdpSocket, upstreams: &[SocketAddr], limits: Limits) -> Self {
        let mut zone = Zone::new();
        let v4 = vec!["10.1.0.2".parse().unwrap()];
        zone.set("web", "e1", Names { names: vec!["db".to_owned()], v4, ..Names::default() });
        let upstreams = upstreams.iter().map(|address| Upstream { address: *address, from: From::Host }).collect();
        let view = View { networks: vec!["web".to_owned()], forward: Forward::To(upstreams), ..View::default() };
        let known = Arc::new(Known { zone, view, failures: Mutex::default() });
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        let server = Server::start(udp, tcp, known.clone(), Arc::new(HostDialer), limits).unwrap();
        Self { server, udp: addresses.0, tcp: addresses.1, known }
    }

    /// A new client's socket.
    async fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.udp).await.unwrap();
        socket
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.tcp).await.unwrap()
    }

    /// One query by UDP and its answer.
    async fn ask(&self, query: &[u8]) -> Vec<u8> {
        let client = self.client().await;
        client.send(query).await.unwrap();
        received(&client).await
    }

    /// Waits until the counters show what they are to show.
    async fn counted(&self, shows: impl Fn(&Counts) -> bool) {
        let wait = async {
            while !shows(&self.server.counts()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "{:?}", self.server.counts());
    }
}

/// Limits under which upstreams that stay silent are given up soon.
fn hasty() -> Limits {
    Limits { upstream: Duration::from_millis(300), ..Limits::default() }
}

async fn received(client: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_535];
    let len = timeout(PATIENCE, client.recv(&mut buffer)).await.expect("an answer").unwrap();
    buffer.truncate(len);
    buffer
}

fn query(id: u16, name: &str) -> Vec<u8> {
    query_with(id, name, None)
}

fn query_with(id: u16, name: &str, edns: Option<u16>) -> Vec<u8> {
    question::query(id, name, Rtype::A, Class::IN, edns)
}

/// The id, the rcode and how many records.
fn gist(answer: &[u8]) -> (u16, Rcode, u16) {
    let message = Message::from_octets(answer).unwrap();
    (message.header().id(), message.header().rcode(), message.header_counts().ancount())
}

async fn write(stream: &mut TcpStream, message: &[u8]) {
    stream.write_all(&forward::framed(message)).await.unwrap();
}

/// The next message of a stream.
async fn read(stream: &mut TcpStream) -> Vec<u8> {
    let whole = async {
        let len = stream.read_u16().await?;
        let mut message = vec![0; len.into()];
        stream.read_exact(&mut message).await.map(|_| message)
    };
    timeout(PATIENCE, whole).await.expect("an answer").unwrap()
}

/// Waits until the other end has closed the stream, and answers how many bytes came before.
async fn closed(stream: &mut TcpStream) -> usize {
    let mut rest = Vec::new();
    let end = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("the end of the stream");
    // A reset is an end as well: what the server had not read yet makes one.
    end.map_or_else(|error| assert_eq!(error.kind(), io::ErrorKind::ConnectionReset), |_| ());
    rest.len()
}

#[tokio::test]
async fn names_are_answered_by_udp_and_by_tcp() {
    let running = Running::start(&[], Limits::default());
    assert_eq!(gist(&running.ask(&query(7, "db")).await), (7, Rcode::NOERROR, 1));
    let mut stream = running.connect().await;
    write(&mut stream, &query(8, "db.web")).await;
    assert_eq!(gist(&read(&mut stream).await), (8, Rcode::NOERROR, 1));
    let counts = running.server.counts();
    assert_eq!((counts.udp_queries, counts.tcp_queries, counts.answered, counts.connections), (1, 1, 2, 1));
}

#[tokio::test]
async fn answers_and_what_is_too_short_are_counted_and_stay_without_answer() {
    let running = Running::start(&[], Limits::default());
    let client = running.client().await;
    let mut response = query(1, "db");
    response[2] |= 0x80;
    for message in [&response[..], &[], &[1], &query(2, "db")] {
        client.send(message).await.unwrap();
    }
    // The first that comes is the answer to the last that was sent.
    assert_eq!(gist(&received(&client).await), (2, Rcode::NOERROR, 1));
    let counts = running.server.counts();
    assert_eq!((counts.udp_queries, counts.reflected, counts.malformed, counts.answered), (4, 1, 2, 1));
}

#[tokio::test]
async fn a_malformed_query_is_counted_and_its_fault_is_said() {
    let running = Running::start(&[], Limits::default());
    assert_eq!(gist(&running.ask(&query(9, "db")[..15]).await), (9, Rcode::FORMERR, 0));
    assert_eq!(running.server.counts().malformed, 1);
}

#[tokio::test]
async fn a_server_that_stopped_has_closed_its_sockets_and_connections() {
    let upstream = FakeUpstream::start(Behaviour::Silent).await;
    let running = Running::start(&[upstream.address], Limits::default());
    let mut stream = running.connect().await;
    write(&mut stream, &query(1, "example.com")).await;
    running.client().await.send(&query(1, "example.com")).await.unwrap();
    running.counted(|counts| counts.udp_queries + counts.tcp_queries == 2).await;
    let Running { server, udp, tcp, .. } = running;
    timeout(PATIENCE, server.stop()).await.expect("it stops");
    assert_eq!(closed(&mut stream).await, 0);
    std::net::UdpSocket::bind(udp).expect("its port is free");
    assert!(TcpStream::connect(tcp).await.is_err(), "it still listens");
}
