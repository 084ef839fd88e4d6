//! A host in real time: a thread that owns it, on one end of a link in memory.
//!
//! Plug the other end into a port of a running switch, and the host is one more station there: it answers echo requests by
//! itself, and [`LiveHost::ping`] asks others. Its thread sleeps until a frame arrives or a timer of the host is due, and
//! looks up at least every [`NAP`], because a call may have set an earlier timer.

use crate::host::{Host, HostError, ListenerId, PingId, StreamId, StreamState};
use lanloom_switch_core::{Instant, MacAddr};
use lanloom_switch_io::link::LinkError;
use lanloom_switch_io::link::memory::MemoryEnd;
use lanloom_switch_io::vnet::VnetHeader;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest sleep of a live host's thread.
pub const NAP: Duration = Duration::from_millis(50);

/// How often an unanswered echo request is sent again, as ping(8) does.
const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Why a call of a live host failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LiveError {
    /// The host refused it.
    Host(HostError),
    /// It did not happen in time.
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
    },
    /// The other end refused the connection, or reset it.
    Refused {
        /// What was tried.
        what: String,
    },
    /// The other end of its link is gone.
    LinkGone,
}

impl fmt::Display for LiveError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(why) => why.fmt(out),
            Self::TimedOut { what, after } => write!(out, "{what}: no answer within {after:?}; capture the port to see why"),
            Self::Refused { what } => write!(out, "{what}: refused or reset by the other end; is something listening there?"),
            Self::LinkGone => out.write_str("the host's link is gone: its switch or its port was deleted"),
        }
    }
}

impl std::error::Error for LiveError {}

impl From<HostError> for LiveError {
    fn from(why: HostError) -> Self {
        Self::Host(why)
    }
}

/// A host whose clock is the machine's. Dropping it ends its thread.
#[derive(Debug)]
pub struct LiveHost {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    end: MemoryEnd,
    start: std::time::Instant,
    stop: AtomicBool,
    link_gone: AtomicBool,
}

#[derive(Debug)]
struct State {
    host: Host,
    echoes: Vec<ListenerId>,
    echoing: Vec<Echo>,
}

/// A connection whose bytes go back where they came from.
#[derive(Debug)]
struct Echo {
    stream: StreamId,
    unsent: Vec<u8>,
}

impl LiveHost {
    /// Switches a host on, on one end of a link that carries finished frames ([`lanloom_switch_io::link::Offloads::NONE`]).
    ///
    /// # Errors
    /// If the host cannot hold its configuration.
    pub fn start(config: HostConfig, seed: u64, end: MemoryEnd) -> Result<Self, HostError> {
        let host = Host::new(config, seed, Instant::from_nanos(0))?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State { host, echoes: Vec::new(), echoing: Vec::new() }),
            changed: Condvar::new(),
            end,
            start: std::time::Instant::now(),
            stop: AtomicBool::new(false),
            link_gone: AtomicBool::new(false),
        });
        let its = Arc::clone(&shared);
        let thread = std::thread::spawn(move || its.serve());
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Its Ethernet address.
    pub fn mac(&self) -> MacAddr {
        self.shared.lock().host.mac()
    }

    /// Sends an echo request a second until one is answered, and says how long that took.
    ///
    /// # Errors
    /// If nothing leads there, its link is gone, or no reply comes within `patience`.
    pub fn ping(&self, to: IpAddr, patience: Duration) -> Result<Duration, LiveError> {
        let mut sent: Vec<(PingId, Instant)> = Vec::new();
        let answer = self.wait_for(patience, &format!("ping {to}"), |state, now| {
            if let Some(answer) = sent.iter().find_map(|(id, _)| state.host.ping_answer(*id)) {
                return Ok(Some(answer));
            }
            if sent.last().is_none_or(|(_, at)| now.since(*at) >= PING_INTERVAL) {
                sent.push((state.host.start_ping(now, to)?, now));
            }
            Ok(None)
        });
        let mut state = self.shared.lock();
        sent.into_iter().for_each(|(id, _)| state.host.end_ping(id));
        answer
    }

    /// From now on answers every TCP connection to `port` with what it sends.
    ///
    /// # Errors
    /// If the port is in use.
    pub fn serve_echo(&self, port: u16) -> Result<(), HostError> {
        let mut state = self.shared.lock();
        let listener = state.host.listen(port)?;
        state.echoes.push(listener);
        Ok(())
    }

    /// Opens a TCP connection, sends `bytes`, and reads as many back.
    ///
    /// # Errors
    /// If nothing leads there, nothing listens there, its link is gone, or the bytes are not back within `patience`.
    pub fn exchange(&self, to: SocketAddr, bytes: &[u8], patience: Duration) -> Result<Vec<u8>, LiveError> {
        let stream = self.shared.lock().host.connect(to)?;
        let (mut sent, mut back) = (0, Vec::new());
        let what = format!("send {} bytes to {to} and read them back", bytes.len());
        let answer = self.wait_for(patience, &what, |state, _| {
            match state.host.stream_state(stream) {
                StreamState::Connecting => return Ok(None),
                StreamState::Closed => return Err(LiveError::Refused { what: what.clone() }),
                StreamState::Open | StreamState::Finished => {}
            }
            sent += state.host.send(stream, &bytes[sent..])?;
            read_into(&mut back, &mut state.host, stream)?;
            Ok((back.len() >= bytes.len()).then_some(()))
        });
        self.shared.lock().host.forget(stream);
        self.shared.run(&mut self.shared.lock());
        answer.map(|()| back)
    }

    /// Lets the host act until `done` answers, looking again whenever something happened.
    fn wait_for<T>(
        &self,
        patience: Duration,
        what: &str,
        mut done: impl FnMut(&mut State, Instant) -> Result<Option<T>, LiveError>,
    ) -> Result<T, LiveError> {
        let deadline = std::time::Instant::now() + patience;
        let mut state = self.shared.lock();
        loop {
            let answer = done(&mut state, self.shared.now());
            self.shared.run(&mut state);
            if let Some(answer) = answer? {
                return Ok(answer);
            }
            if self.shared.link_gone.load(Ordering::Acquire) {
                return Err(LiveError::LinkGone);
            }
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                return Err(LiveError::TimedOut { what: what.to_owned(), after: patience });
            }
            let waited = self.shared.changed.wait_timeout(state, left.min(NAP));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for LiveHost {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so already.
            let _ = thread.join();
        }
    }
}

impl Shared {
    /// The thread: receives until it is stopped or its link is gone.
    fn serve(&self) {
        while !self.stop.load(Ordering::Acquire) {
            let nap = self.nap();
            let frame = match self.end.recv_frame(nap) {
                Ok(frame) => frame,
                Err(LinkError::Gone | LinkError::Closed | LinkError::Down | LinkError::Io(_)) => break,
            };
            let mut state = self.lock();
            if let Some((bytes, _)) = frame {
                state.host.receive(&bytes);
            }
            self.run(&mut state);
            self.changed.notify_all();
        }
        self.link_gone.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    fn nap(&self) -> Duration {
        let now = self.now();
        let due = self.lock().host.poll_timeout(now);
        due.map_or(NAP, |due| due.since(now)).min(NAP)
    }

    /// Lets the host do what is due, and sends what comes of it. What the link does not take is lost, as on any wire.
    fn run(&self, state: &mut State) {
        state.host.poll(self.now());
        state.echo();
        state.host.poll(self.now());
        while let Some(frame) = state.host.poll_transmit() {
            self.end.send_frame(&frame, VnetHeader::default());
        }
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(0) + self.start.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn echo(&mut self) {
        let Self { host, echoes, echoing } = self;
        for listener in echoes.iter() {
            while let Some(stream) = host.accept(*listener) {
                echoing.push(Echo { stream, unsent: Vec::new() });
            }
        }
        echoing.retain_mut(|echo| echo.serve(host));
    }
}

impl Echo {
    /// Whether the connection goes on.
    fn serve(&mut self, host: &mut Host) -> bool {
        let over = matches!(host.stream_state(self.stream), StreamState::Closed | StreamState::Finished);
        let read = read_into(&mut self.unsent, host, self.stream);
        let sent = host.send(self.stream, &self.unsent);
        self.unsent.drain(..sent.as_ref().map_or(0, |sent| *sent));
        let done = read.is_err() || sent.is_err() || (over && self.unsent.is_empty());
        if done {
            host.forget(self.stream);
        }
        !done
    }
}

/// Appends all that has arrived.
fn read_into(bytes: &mut Vec<u8>, host: &mut Host, stream: StreamId) -> Result<(), HostError> {
    let mut chunk = [0; 16 * 1024];
    while let Some(len @ 1..) = host.recv(stream, &mut chunk)? {
        bytes.extend_from_slice(&chunk[..len]);
    }
    Ok(())
}

pub use crate::host::HostConfig;
