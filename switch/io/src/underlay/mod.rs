//! The network under tunnels: UDP sockets that carry other networks' frames.
//!
//! One `Underlay` is one address and UDP port of this host, shared by all tunnel ends that are there, whichever switch and thread
//! they are on: one socket receives, a set of others sends. A UDP socket has one source port, and raw sockets refuse
//! `UDP_SEGMENT`; so that flows differ in their source ports (RFC 7348, 5), there are many sockets to send from.
//!
//! | file | one idea |
//! |---|---|
//! | `senders.rs` | sockets that send |
//! | `sockets.rs` | sockets that receive |
//! | `reach.rs` | what a peer's path carries, and whether there is one |

pub(crate) mod reach;
mod senders;
mod sockets;

pub use reach::path_mtu;
pub(crate) use senders::Senders;
pub(crate) use sockets::receiver;

use crate::clock;
use lanloom_switch_core::Instant;
use lanloom_switch_core::vxlan::Group;
use std::io;
use std::net::IpAddr;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Where datagrams are received: an address of this host, or a group on an interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    /// The interface of a group.
    pub(crate) ifname: Option<String>,
}

impl Place {
    pub(crate) fn of_group(group: &Group, port: u16) -> Self {
        Self { address: group.address, port, ifname: Some(group.ifname.clone()) }
    }
}

/// What tunnel ends at one address and UDP port share to send by.
#[derive(Debug)]
pub(crate) struct Underlay {
    senders: Senders,
    /// Datagrams that the kernel cuts one message into at most; 1 where it does not.
    segments: AtomicUsize,
    /// Whether it merges what was received.
    merges: bool,
    /// What it said last when it did not send.
    trouble: Mutex<Option<Trouble>>,
}

/// A time when the kernel did not send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// To whom.
    pub to: IpAddr,
    /// What it said.
    pub what: String,
    /// When.
    pub at: Instant,
}

impl Underlay {
    /// Opens the sockets at that address and port: what receives, and the rest.
    ///
    /// # Errors
    /// `EADDRNOTAVAIL` if the address is none of this host's, `EADDRINUSE` if somebody else has the port.
    pub(crate) fn open(local: IpAddr, port: u16) -> io::Result<(OwnedFd, Self)> {
        let place = Place { address: local, port, ifname: None };
        let (socket, merges) = receiver(&place)?;
        let senders = Senders::open(local)?;
        let segments = AtomicUsize::new(senders.probe_segments());
        Ok((socket, Self { senders, segments, merges, trouble: Mutex::default() }))
    }

    /// Number and descriptor of the socket that sends flows of that hash.
    pub(crate) fn sender(&self, hash: u32) -> (u16, BorrowedFd<'_>) {
        self.senders.choose(hash)
    }

    pub(crate) fn sender_at(&self, number: u16) -> BorrowedFd<'_> {
        self.senders.at(number)
    }

    /// Datagrams that one message may be cut into.
    pub(crate) fn segments(&self) -> usize {
        self.segments.load(Ordering::Relaxed)
    }

    /// The kernel does not cut after all, as on the way out of an interface that cannot sum.
    pub(crate) fn refuse_segments(&self) {
        self.segments.store(1, Ordering::Relaxed);
    }

    /// Keeps what the kernel said when it did not send, for who asks.
    pub(crate) fn note(&self, to: IpAddr, error: &io::Error) {
        let trouble = Trouble { to, what: error.to_string(), at: clock::now() };
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(trouble);
    }

    /// What [`Underlay::note`] kept last.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it works here, for who looks: source ports, and what the kernel does for it or not.
    pub(crate) fn features(&self) -> Vec<String> {
        let sources = format!("{} source ports", self.senders.len());
        let cuts = match self.segments() {
            1 => "no UDP_SEGMENT: works, slower".to_owned(),
            most => format!("UDP_SEGMENT to {most}"),
        };
        let merges = if self.merges { "UDP_GRO" } else { "no UDP_GRO: works, slower" };
        vec![sources, cuts, merges.to_owned()]
    }
}
