//! Datagrams of a test's own making, from any address of the other machine to our end of the tunnel.

use super::{Site, VNI};
use nix::sys::socket::{setsockopt, sockopt};
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// Sends datagrams to our end.
pub(crate) struct Stranger {
    socket: UdpSocket,
    to: SocketAddr,
}

impl Site {
    /// One at an address of the other machine, which it gets if it is none of it yet.
    pub(crate) fn stranger(&self, at: IpAddr) -> Stranger {
        let bits = if at.is_ipv4() { "24" } else { "64 nodad" };
        if at != self.remote() {
            self.script(&format!("ip -n far address replace {at}/{bits} dev u2"));
        }
        let socket = self.inside("far", || UdpSocket::bind((at, 0))).expect("a socket");
        Stranger { socket, to: (self.local(), 4789).into() }
    }
}

impl Stranger {
    /// Sends a datagram as it is.
    pub(crate) fn send(&self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.to).expect("it is sent");
    }

    /// Sends a frame in the network of the tunnel.
    pub(crate) fn send_inside(&self, frame: &[u8]) {
        self.send(&datagram(VNI, frame));
    }

    /// The traffic class of what is sent from now on.
    pub(crate) fn set_tos(&self, tos: u8) {
        if self.to.is_ipv4() {
            setsockopt(&self.socket, sockopt::Ipv4Tos, &i32::from(tos)).expect("set");
        } else {
            setsockopt(&self.socket, sockopt::Ipv6TClass, &i32::from(tos)).expect("set");
        }
    }
}

/// A frame in a network, as RFC 7348, 5, has it.
pub(crate) fn datagram(vni: u32, frame: &[u8]) -> Vec<u8> {
    let [_, high, mid, low] = vni.to_be_bytes();
    [&[8, 0, 0, 0, high, mid, low, 0][..], frame].concat()
}
