//! One TCP connection between two namespaces, with a sender and a receiver of our own.

use super::inside::inside;
use super::pattern::Pattern;
use super::stop::{self, SLICE};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How long nothing may move before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes written or read at a time.
const CHUNK: usize = 512 << 10;

/// What is to be sent, and from where to where.
#[derive(Debug)]
pub(super) struct Transfer<'a> {
    /// The sender's namespace.
    pub(super) from: &'a Path,
    /// The receiver's.
    pub(super) to: &'a Path,
    /// The receiver's address.
    pub(super) address: Ipv4Addr,
    /// Bytes.
    pub(super) size: u64,
    /// Flips one bit of the byte at this place on the way: the demo's `--break transfer`.
    pub(super) flip: Option<u64>,
}

impl Transfer<'_> {
    /// Sends it, and tells `progress` from time to time how many bytes have arrived. How long it took.
    ///
    /// # Errors
    /// If the connection fails or stands still, or a byte did not arrive as it was sent.
    pub(super) fn run(&self, mut progress: impl FnMut(u64)) -> Result<Duration, String> {
        let (pattern, arrived) = (Pattern::new(), AtomicU64::new(0));
        let (door, doors) = mpsc::channel();
        thread::scope(|scope| {
            let (pattern, arrived) = (&pattern, &arrived);
            let receiver = scope.spawn(move || inside(self.to, move || self.receive(pattern, arrived, &door)));
            let sender = scope.spawn(move || {
                let Ok(address) = doors.recv_timeout(PATIENCE) else { return Err("nobody listens".to_owned()) };
                inside(self.from, || self.send(pattern, address))
            });
            while !(receiver.is_finished() && sender.is_finished()) {
                thread::sleep(SLICE);
                progress(arrived.load(Ordering::Relaxed));
            }
            let panicked = || Err("its thread panicked".to_owned());
            let sent = sender.join().unwrap_or_else(|_| panicked());
            let received = receiver.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()));
            progress(arrived.load(Ordering::Relaxed));
            // What the receiver saw says more than that the sender's connection broke.
            received.map_err(|why| format!("receiving: {why}")).and_then(|took| {
                sent.map_err(|why| format!("sending: {why}"))?;
                Ok(took)
            })
        })
    }

    fn send(&self, pattern: &Pattern, to: SocketAddr) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        let mut stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(failed)?;
        stream.set_write_timeout(Some(SLICE)).map_err(failed)?;
        let mut at = 0;
        let mut still = Still::new();
        while at < self.size {
            let chunk = pattern.from(at);
            let len = (chunk.len() as u64).min(CHUNK as u64).min(self.size - at) as usize;
            let sent = match self.flip.filter(|flip| (at..at + len as u64).contains(flip)) {
                Some(flip) if flip > at => stream.write(&chunk[..(flip - at) as usize]),
                Some(_) => stream.write(&[chunk[0] ^ 1]),
                None => stream.write(&chunk[..len]),
            };
            at += still.moved(sent)? as u64;
        }
        Ok(())
    }

    fn receive(&self, pattern: &Pattern, arrived: &AtomicU64, door: &mpsc::Sender<SocketAddr>) -> Result<Duration, String> {
        let mut stream = self.accept(door)?;
        let (begin, mut at, mut still) = (Instant::now(), 0, Still::new());
        let mut buffer = vec![0; CHUNK];
        let mut wrong = None;
        loop {
            let read = stream.read(&mut buffer);
            let is_end = matches!(read, Ok(0));
            let len = still.moved(read)?;
            wrong = wrong.or_else(|| pattern.first_difference(at, &buffer[..len]));
            at += len as u64;
            arrived.store(at, Ordering::Relaxed);
            if is_end {
                break;
            }
        }
        let took = begin.elapsed();
        match wrong {
            Some(place) => Err(format!("byte {place} did not arrive as it was sent")),
            None if at != self.size => Err(format!("{at} bytes arrived of {}", self.size)),
            None => Ok(took),
        }
    }

    fn accept(&self, door: &mpsc::Sender<SocketAddr>) -> Result<TcpStream, String> {
        let failed = |error: std::io::Error| error.to_string();
        let listener = TcpListener::bind((self.address, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        // If the sender is gone already, nobody comes, which is said below.
        let _ = door.send(listener.local_addr().map_err(failed)?);
        let stream = stop::wait_for(PATIENCE, || match listener.accept() {
            Ok((stream, _)) => Some(Ok(stream)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => Some(Err(failed(error))),
        });
        let stream = stream.unwrap_or_else(|| Err("nobody connected".to_owned()))?;
        stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(SLICE))).map_err(failed)?;
        Ok(stream)
    }
}

/// Notices when nothing moves any more.
struct Still {
    since: Instant,
}

impl Still {
    fn new() -> Self {
        Self { since: Instant::now() }
    }

    /// How many bytes a read or write moved; none if it only waited.
    fn moved(&mut self, result: std::io::Result<usize>) -> Result<usize, String> {
        if stop::requested() {
            return Err("stopped".to_owned());
        }
        match result {
            Ok(len) => {
                self.since = Instant::now();
                Ok(len)
            }
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {
                Err(error.to_string())
            }
            Err(_) if self.since.elapsed() > PATIENCE => Err(format!("nothing moved for {} s", PATIENCE.as_secs())),
            Err(_) => Ok(0),
        }
    }
}
