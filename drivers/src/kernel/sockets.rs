//! Sockets that are opened inside a namespace and used from anywhere.

use std::net::{TcpListener, UdpSocket};

/// A pair of sockets that answer inside a namespace. They do not block, and are closed in a process that is started.
///
/// Each keeps the namespace alive until it is dropped, even one whose file is deleted: whoever holds them has to let go when
/// the sandbox goes.
#[derive(Debug)]
pub struct Listening {
    /// Where datagrams come.
    pub udp: UdpSocket,
    /// Where connections come.
    pub tcp: TcpListener,
}
