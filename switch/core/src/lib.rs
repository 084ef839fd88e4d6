//! The switch as a pure machine: frames and time in, verdicts and events out.
//!
//! [`Switch`] is an IEEE 802.1D-2004 learning bridge (clauses 7.7 to 7.9). It holds no socket, clock, thread, log or source
//! of entropy: bytes, [`Instant`] and a seed come in as arguments, answers go out as values. The same inputs give the same
//! outputs, to the byte, so a capture can be replayed, a fabric simulated in virtual time, and a frame's fate asked for
//! ([`Switch::trace`]) without sending it.
//!
//! It is *not* an engine: it moves no bytes. Whoever owns the links (`lanloom-switch-io`, `lanloom-lab`, a test) hands each
//! frame to [`Switch::handle_frame`], sends it to the ports of the [`Verdict`] and what [`Switch::poll_transmit`] hands out, and
//! reports what the links did with it.
//!
//! | module | one idea |
//! |---|---|
//! | [`mac`], [`time`], [`port`] | addresses, moments, places |
//! | [`frame`] | a checked view of an Ethernet frame, super-frames included |
//! | [`verdict`] | what is done with a frame, and why |
//! | `fdb` | the filtering database |
//! | [`guard`] | what may come from a port of a network, and what of other networks stays out |
//! | [`neighbour`] | who has which address behind a tunnel |
//! | [`storm`] | the limit on floods |
//! | [`counters`] | the accounting law |
//! | `switch` | the machine |
//! | `too_big` | what the sender hears of a packet that does not fit into a tunnel |
//! | `trace` | a verdict in steps a person can read |
//! | [`build`] | a frame from words |
//! | [`describe`] | one line that says what a frame is |
//! | [`filter`] | which frames a capture is about |
//! | [`vxlan`] | Ethernet frames inside UDP datagrams: header, peers, marks |

#![forbid(unsafe_code)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod build;
pub mod counters;
pub mod describe;
pub mod fdb;
pub mod filter;
pub mod frame;
pub mod guard;
pub mod mac;
pub mod neighbour;
pub mod port;
pub mod storm;
pub mod switch;
pub mod time;
mod too_big;
pub mod trace;
pub mod verdict;
pub mod vxlan;

pub use counters::{Counters, Flow};
pub use fdb::{Fdb, FdbEntry, FdbError, FdbLimits, FdbStats};
pub use frame::Frame;
pub use guard::{Guard, GuardMode, Prefixes, Role};
pub use mac::MacAddr;
pub use neighbour::{NeighbourEntry, NeighbourError};
pub use port::{PortConfig, PortId, Vid};
pub use storm::StormLimit;
pub use switch::{Event, NoSuchPort, Outgoing, Switch, SwitchConfig};
pub use time::Instant;
pub use trace::Trace;
pub use verdict::{Consumed, DropReason, EgressFate, Fate, FloodKind, Generated, Learned, Verdict};
