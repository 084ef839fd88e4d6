//! Streams of messages (RFC 7766): each connection is a task that takes queries as they come, and answers each when it can.

use super::Shared;
use super::connections::{Connections, Place, Taken};
use super::counters::Counters;
use super::forward::{forward, framed};
use crate::dns::resolve::{Query, Reply, Transport, Upstream};
use bytes::{Buf, BytesMut};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// How long a listener that fails is left alone: there may be no more descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// Queries of one connection that are with upstreams at once; the next is not read before.
const PIPELINED: usize = 32;

/// The least that a message needs to be answered at all: its id.
const LEAST: usize = 2;

/// Takes connections until told to stop.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let connections = Arc::new(Connections::default());
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => take(stream, &shared, &connections, &mut tasks),
                Err(_) => {
                    Counters::add(&shared.counters.socket_errors);
                    sleep(PAUSE).await;
                }
            }
        }
    }
    tasks.shutdown().await;
}

fn take(stream: TcpStream, shared: &Arc<Shared>, connections: &Arc<Connections>, tasks: &mut JoinSet<()>) {
    let taken = connections.take(shared.limits.connections, |place| tasks.spawn(Connection::new(stream, shared, place).run()));
    match taken {
        Taken::Free => Counters::add(&shared.counters.connections),
        Taken::Instead => {
            Counters::add(&shared.counters.connections);
            Counters::add(&shared.counters.crowded_out);
        }
        Taken::Full => Counters::add(&shared.counters.crowded_out),
    }
}

struct Connection {
    shared: Arc<Shared>,
    place: Place,
    messages: Messages,
    writer: Arc<Mutex<OwnedWriteHalf>>,
    /// What is with upstreams; each says whether its answer could be sent.
    forwards: JoinSet<io::Result<()>>,
    /// Until when the next whole query must be there.
    deadline: Instant,
}

impl Connection {
    fn new(stream: TcpStream, shared: &Arc<Shared>, place: Place) -> Self {
        // Each answer is written whole, and the next need not wait for the client's ACK. Without it, it is slower and no more.
        let _slower = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Self {
            shared: shared.clone(),
            place,
            messages: Messages { reader, buffer: BytesMut::new() },
            writer: Arc::new(Mutex::new(writer)),
            forwards: JoinSet::new(),
            deadline: Instant::now() + shared.limits.idle,
        }
    }

    /// Runs until the client leaves, stays silent for too long, or sends what no query is.
    async fn run(mut self) {
        if let Ok(()) = self.answer_all().await {
            // The client may have closed its half alone.
            while let Some(Ok(Ok(()))) = self.forwards.join_next().await {}
        }
    }

    async fn answer_all(&mut self) -> io::Result<()> {
        loop {
            let waits = self.forwards.is_empty();
            tokio::select! {
                Some(forwarded) = self.forwards.join_next(), if !waits => {
                    forwarded??;
                    self.answered();
                }
                () = sleep_until(self.deadline), if waits => return Err(io::ErrorKind::TimedOut.into()),
                message = self.messages.next(), if self.forwards.len() < PIPELINED => match message? {
                    Next::Message(message) => self.take(&message).await?,
                    Next::End => return Ok(()),
                    Next::Malformed => {
                        Counters::add(&self.shared.counters.malformed);
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                }
            }
        }
    }

    async fn take(&mut self, message: &[u8]) -> io::Result<()> {
        match self.shared.resolve(message, Transport::Tcp) {
            Reply::Answer(answer) => self.send(&answer).await?,
            Reply::Drop(_) => {}
            Reply::Forward { upstreams, query } => self.forward(upstreams, query).await?,
        }
        self.answered();
        Ok(())
    }

    async fn forward(&mut self, upstreams: Vec<Upstream>, query: Query) -> io::Result<()> {
        let Ok(permit) = self.shared.forwards.clone().try_acquire_owned() else {
            Counters::add(&self.shared.counters.refused);
            return self.send(&query.refused()).await;
        };
        self.place.busy();
        let (shared, writer) = (self.shared.clone(), self.writer.clone());
        self.forwards.spawn(async move {
            let answer = forward(&shared, &upstreams, &query).await;
            drop(permit);
            send(&writer, &answer, shared.limits.idle).await
        });
        Ok(())
    }

    async fn send(&self, answer: &[u8]) -> io::Result<()> {
        send(&self.writer, answer, self.shared.limits.idle).await
    }

    /// The client's time begins anew when nothing of it is under way.
    fn answered(&mut self) {
        if self.forwards.is_empty() {
            self.place.idle();
            self.deadline = Instant::now() + self.shared.limits.idle;
        }
    }
}

/// Sends one whole message. A client that does not take it in time is given up.
async fn send(writer: &Mutex<OwnedWriteHalf>, answer: &[u8], within: Duration) -> io::Result<()> {
    let mut writer = writer.lock().await;
    timeout(within, writer.write_all(&framed(answer))).await?
}

/// The messages of a stream.
struct Messages {
    reader: OwnedReadHalf,
    buffer: BytesMut,
}

enum Next {
    Message(BytesMut),
    /// The client will send no more.
    End,
    /// A length that no query has, or an end in the middle of a message.
    Malformed,
}

impl Messages {
    /// The next whole message. What has arrived of it stays if this is dropped.
    async fn next(&mut self) -> io::Result<Next> {
        loop {
            if let Some(prefix) = self.buffer.first_chunk() {
                let len = usize::from(u16::from_be_bytes(*prefix));
                if len < LEAST {
                    return Ok(Next::Malformed);
                }
                if self.buffer.len() >= 2 + len {
                    self.buffer.advance(2);
                    return Ok(Next::Message(self.buffer.split_to(len)));
                }
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(if self.buffer.is_empty() { Next::End } else { Next::Malformed });
            }
        }
    }
}
