//! Networks in one process: hosts, switches and links in virtual time. No root, no kernel, no threads, no waiting.
//!
//! The switches are the machine that Lanloom's daemon runs; the hosts are smoltcp's TCP/IP. A call that waits, like
//! [`LabHost::ping`], lets virtual time pass until it has its answer, so five minutes of ageing take milliseconds. The same
//! seed and the same calls make the same history, to the byte.
//!
//! ```
//! use lanloom_lab::{Lab, LabError};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), LabError> {
//! let lab = Lab::new(7);
//! let switch = lab.switch("s1");
//! let alice = lab.host("alice", &["10.0.0.1/24", "fd00::1/64"])?;
//! let bob = lab.host("bob", &["10.0.0.2/24", "fd00::2/64"])?;
//! let cable = lab.link(&alice, &switch)?;
//! lab.link(&bob, &switch)?;
//!
//! alice.ping([10, 0, 0, 2].into())?;
//! assert_eq!(switch.port_of(alice.mac()), cable.port_on(&switch));
//!
//! let door = bob.listen(80)?;
//! let mut there = alice.connect(([10, 0, 0, 2], 80).into())?;
//! let mut here = door.accept()?;
//! there.send(b"hello")?;
//! let mut five = [0; 5];
//! here.recv_exact(&mut five)?;
//! assert_eq!(&five, b"hello");
//!
//! cable.down();
//! assert!(alice.ping([10, 0, 0, 2].into()).is_err());
//! cable.up();
//! lab.run_for(Duration::from_secs(600));
//! assert!(switch.fdb().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! | module | one idea |
//! |---|---|
//! | [`host`] | a TCP/IP host as a pure machine, for real time too |
//! | `lab` | makes things, links them, lets time pass |
//! | `lab_host`, `lab_switch`, `lab_link` | what a test holds in its hand |
//! | `world` | frames on their way and timers, in order |
//! | [`live`] | one such host in real time, on a link in memory |
//!
//! It is *not* a model of speed: links have a latency and no bandwidth, and nothing here says how fast a switch is.

#![forbid(unsafe_code)]

mod error;
pub mod host;
mod lab;
mod lab_host;
mod lab_link;
mod lab_switch;
pub mod live;
mod world;

pub use error::LabError;
pub use host::{Host, HostConfig, HostError};
pub use lab::{LATENCY, Lab, PATIENCE, Plug};
pub use lab_host::{LabHost, LabListener, LabStream, LabUdp, PING_PATIENCE};
pub use lab_link::LabLink;
pub use lab_switch::LabSwitch;
pub use lanloom_switch_core::{
    Consumed, Counters, DropReason, EgressFate, Event, Fate, FdbEntry, FdbLimits, FloodKind, Flow, Frame, Generated, Guard,
    GuardMode, Instant, Learned, MacAddr, PortConfig, PortId, Prefixes, Role, StormLimit, Switch, SwitchConfig, Trace, Verdict,
    Vid,
};
pub use world::Judged;
