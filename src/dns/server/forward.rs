//! Asking upstreams, one after the other, until one answers.

use super::Shared;
use super::counters::Counters;
use crate::dns::resolve::{Judgement, Query, Setback, Transport, Upstream};
use std::fmt;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Messages that are no answer, after which an upstream is given up: nobody may guess for as long as there is time.
const FOREIGN_MAX: u32 = 32;

/// Why an upstream did not answer a query.
#[derive(Debug)]
pub enum Failure {
    /// It said nothing for [`Limits::upstream`](super::Limits::upstream).
    TimedOut,
    /// It answered that it cannot or will not.
    Answered(Setback),
    /// It cannot be reached.
    Unreachable(io::Error),
    /// What came was no answer, again and again.
    Foreign,
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => write!(out, "it did not answer in time"),
            Self::Answered(Setback::Failed) => write!(out, "it answered SERVFAIL"),
            Self::Answered(Setback::Refused) => write!(out, "it answered REFUSED"),
            Self::Unreachable(why) => write!(out, "it cannot be reached: {why}"),
            Self::Foreign => write!(out, "what came in its place was no answer"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Unreachable(error)
    }
}

/// What the client gets for `query`: the answer of the first upstream that gives one, or SERVFAIL.
pub(super) async fn forward(shared: &Shared, upstreams: &[Upstream], query: &Query) -> Vec<u8> {
    let others = upstreams.iter().filter(|upstream| !shared.own.contains(&upstream.address));
    for upstream in others {
        let asked = timeout(shared.limits.upstream, ask(shared, upstream, query)).await;
        match asked.unwrap_or(Err(Failure::TimedOut)) {
            Ok(answer) => {
                Counters::add(&shared.counters.forwarded);
                return query.to_client(answer);
            }
            Err(why) => shared.authority.failed(upstream, &why),
        }
    }
    Counters::add(&shared.counters.failed);
    query.failed()
}

/// By UDP first; what was cut is fetched by TCP for a client that can take it.
async fn ask(shared: &Shared, upstream: &Upstream, query: &Query) -> Result<Vec<u8>, Failure> {
    let (answer, whole) = ask_udp(shared, upstream, query).await?;
    match query.transport() {
        Transport::Tcp if !whole => ask_tcp(shared, upstream, query).await,
        Transport::Tcp | Transport::Udp => Ok(answer),
    }
}

/// The answer, and whether it is whole.
async fn ask_udp(shared: &Shared, upstream: &Upstream, query: &Query) -> Result<(Vec<u8>, bool), Failure> {
    let socket = shared.dialer.udp(upstream.from, upstream.address).await?;
    let id = shared.seeds.id();
    socket.send(&query.to_send(id)).await?;
    // One byte more than there may be, to know a datagram that was longer.
    let mut buffer = vec![0; query.datagram_max() + 1];
    for _ in 0..FOREIGN_MAX {
        let len = socket.recv(&mut buffer).await?;
        match query.judge(id, &buffer[..len]) {
            Judgement::Foreign => Counters::add(&shared.counters.foreign),
            Judgement::Next(setback) => return Err(Failure::Answered(setback)),
            judgement @ (Judgement::Truncated | Judgement::Final) => {
                let whole = judgement == Judgement::Final && len < buffer.len();
                buffer.truncate(len);
                return Ok((buffer, whole));
            }
        }
    }
    Err(Failure::Foreign)
}

async fn ask_tcp(shared: &Shared, upstream: &Upstream, query: &Query) -> Result<Vec<u8>, Failure> {
    let mut stream = shared.dialer.tcp(upstream.from, upstream.address).await?;
    let id = shared.seeds.id();
    stream.write_all(&framed(&query.to_send(id))).await?;
    let len = stream.read_u16().await?;
    let mut message = vec![0; len.into()];
    stream.read_exact(&mut message).await?;
    match query.judge(id, &message) {
        Judgement::Foreign => {
            Counters::add(&shared.counters.foreign);
            Err(Failure::Foreign)
        }
        Judgement::Next(setback) => Err(Failure::Answered(setback)),
        Judgement::Truncated | Judgement::Final => Ok(message),
    }
}

/// A message with its length before it, as TCP carries it (RFC 1035 §4.2.2). No message of ours is longer than a length can say.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut framed = Vec::with_capacity(2 + message.len());
    framed.extend_from_slice(&len.to_be_bytes());
    framed.extend_from_slice(&message[..len.into()]);
    framed
}
