//! Streams between two hosts by the kernel's own TCP and UDP, compared byte for byte.

use super::{Host, PATIENCE};
use nix::sys::socket::{setsockopt, sockopt};
use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

/// Its length has no factor in common with any buffer's: a shifted or repeated piece shows.
const PATTERN: usize = 1_000_003;

/// Bytes of a datagram in a UDP super-frame: a full frame over IPv6.
pub(crate) const DATAGRAM: usize = 1452;
/// Datagrams in a UDP super-frame.
pub(crate) const DATAGRAMS: usize = 43;

pub(crate) fn pattern() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(PATTERN).collect()
}

/// Moves `len` bytes from one host to the other over TCP, to that address. Panics unless they arrive as they were sent.
/// Answers how long it took.
pub(crate) fn tcp(from: &Host, to: &Host, address: IpAddr, len: usize) -> Duration {
    let (sender, receiver) = connect(from, to, address);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || give(sender, len));
        take(receiver, len);
    });
    begun.elapsed()
}

/// A TCP connection from one host to an address of the other.
pub(crate) fn connect(from: &Host, to: &Host, address: IpAddr) -> (TcpStream, TcpStream) {
    let listener = to.sandbox.inside(|| TcpListener::bind((address, 0))).expect("a listener");
    let there = listener.local_addr().expect("an address");
    let sender = from.sandbox.inside(|| TcpStream::connect_timeout(&there, PATIENCE)).expect("a connection");
    let (receiver, _) = listener.accept().expect("the connection");
    for stream in [&sender, &receiver] {
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    }
    (sender, receiver)
}

/// Sends the pattern, over and over, and closes.
pub(crate) fn give(mut stream: TcpStream, len: usize) {
    let pattern = pattern();
    let mut sent = 0;
    while sent < len {
        let at = sent % PATTERN;
        let piece = &pattern[at..PATTERN.min(at + len - sent)];
        stream.write_all(piece).unwrap_or_else(|error| panic!("sending byte {sent}: {error}"));
        sent += piece.len();
    }
}

/// Receives the pattern to the end of the stream.
pub(crate) fn take(mut stream: TcpStream, len: usize) {
    let pattern = pattern();
    let (mut received, mut buffer) = (0, vec![0; 256 << 10]);
    loop {
        let count = stream.read(&mut buffer).unwrap_or_else(|error| panic!("receiving byte {received}: {error}"));
        if count == 0 {
            break;
        }
        for piece in split(received, count) {
            let at = (received + piece.start) % PATTERN;
            assert!(buffer[piece.clone()] == pattern[at..at + piece.len()], "the bytes from {received} on are others");
        }
        received += count;
    }
    assert_eq!(received, len, "bytes received");
}

/// Where the next `count` bytes after `start` cross the pattern's end.
fn split(start: usize, count: usize) -> Vec<std::ops::Range<usize>> {
    let first = (PATTERN - start % PATTERN).min(count);
    [0..first, first..count].into_iter().filter(|piece| !piece.is_empty()).collect()
}

/// Sends `rounds` UDP super-frames (`UDP_SEGMENT`) from one host to the other, each after the one before has arrived. Panics
/// unless every datagram arrives, in order and as it was sent.
pub(crate) fn udp(from: &Host, to: &Host, address: IpAddr, rounds: usize) {
    let receiver = to.sandbox.inside(|| UdpSocket::bind((address, 0))).expect("a socket");
    setsockopt(&receiver, sockopt::RcvBufForce, &(4 << 20)).expect("room for a super-frame");
    receiver.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let there = receiver.local_addr().expect("an address");
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let sender = from.sandbox.inside(|| UdpSocket::bind(any)).expect("a socket");
    setsockopt(&sender, sockopt::UdpGsoSegment, &(DATAGRAM as i32)).expect("UDP_SEGMENT");
    let pattern = pattern();
    for round in 0..rounds {
        let at = round * DATAGRAM * DATAGRAMS % (PATTERN - DATAGRAM * DATAGRAMS);
        let payload = &pattern[at..at + DATAGRAM * DATAGRAMS];
        assert_eq!(sender.send_to(payload, there).expect("a super-frame"), payload.len());
        let mut buffer = vec![0; 65_536];
        for (number, datagram) in payload.chunks(DATAGRAM).enumerate() {
            let len = receiver.recv(&mut buffer).unwrap_or_else(|error| panic!("datagram {number} of {round}: {error}"));
            assert!(buffer[..len] == *datagram, "datagram {number} of round {round}, {len} bytes, is another");
        }
    }
}
