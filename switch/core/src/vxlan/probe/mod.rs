//! Whether the peers of an overlay are well: small probes inside the tunnel, and what their answers tell.
//!
//! A probe is a frame of ours ([`wire`](self#the-frame)) that takes the way of every other frame to a peer: through this host's
//! VTEP, the underlay, and the peer's. [`Prober`] asks each peer now and then, answers peers that ask, and keeps for each
//! [what it knows](PeerHealth): when it was last heard, round trip, loss, and what size of frame reaches it. It holds no socket and
//! no clock; frames and time come in, frames go out.
//!
//! It is *not* what decides whether a peer gets frames: nothing is sent differently because a probe was lost.
//!
//! # Few
//! An overlay that is idle stays so. All figures are in [`pace`]: one ask in 5 s while all is well; one a second after a loss,
//! for a while; one in 15 s to a peer that answered once and no more, one in a minute to a peer that never did. A VTEP that is not
//! ours, a Linux vxlan device for one, never answers: [`Answers::Never`] together with a fresh
//! [`last_heard`](PeerHealth::last_heard) is such a peer.
//!
//! # The path MTU
//! Frames of the tunnel's whole MTU are asked for too, and when these are lost while small ones are answered, a search finds the
//! largest that passes, after the ideas of RFC 4821 and of RFC 8899: a size is given up after three losses (8899, 5.1.2
//! `MAX_PROBES`), what passes is confirmed (`CONFIRMATION_TIMER`), and a larger size is tried again now and then
//! (`PMTU_RAISE_TIMER`). No word of a router is needed, so what routers keep to themselves (a black hole) is found too. It is the way
//! *to* the peer: answers are small, and the peer searches the way back itself.
//!
//! # Against strangers
//! Only peers that were added are asked and answered. An answer is never larger than what asked for it, and a peer gets
//! [`pace::ANSWERS`] at most, so nobody is flooded by way of us. An answer counts only if it repeats what was asked of that very
//! peer: the peer's own id, which comes from a secret seed, a number that is still open, and the time it was sent. What is wrong is
//! counted ([`ProbeCounters`]) and forgotten.
//!
//! # The frame
//! To 01-80-C2-00-00-0E, which no bridge relays (802.1D-2004 Table 7-10, 802.1Q Table 8-1): a Linux bridge behind a VTEP that does
//! not know the probe drops it instead of flooding it to its hosts, and nothing that a host of ours sends there enters a
//! tunnel, so none can forge one. The EtherType is 88-B5, local experimental 1 (IEEE 802-2014, 9.2.4), which others may use as well:
//! hence the magic. All numbers are in network order.
//!
//! | bytes | what |
//! |---|---|
//! | 14 | Ethernet header; the source is a local address made of the id |
//! | 4 | magic `LLVP` |
//! | 1 | version, 1 |
//! | 1 | kind: 1 ask, 2 answer |
//! | 2 | zero |
//! | 4 | VNI of the asker |
//! | 4 | bytes of the whole frame that was asked with |
//! | 8 | id |
//! | 8 | sequence number |
//! | 8 | when it was asked, on the asker's clock |
//! | | zeros, up to the size of the frame; an answer has [`SMALLEST`] bytes |

mod asks;
mod mtu;
pub mod pace;
mod peer;
mod prober;
mod view;
mod wire;

pub use prober::{Handled, ProbeConfig, Prober};
pub use view::{Answers, Loss, PathMtu, PeerHealth, ProbeCounters, RoundTrip};
pub use wire::{ETHERTYPE, SMALLEST};
