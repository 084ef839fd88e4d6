//! What is wrong with a network, and where: facts that are gathered on this host, and rules that read them.
//!
//! It sees this host alone. Of the others it knows what the probes of its tunnels tell
//! ([`lanloom_switch_core::vxlan::probe`]); what is wrong behind them, a doctor there says. It changes nothing.
//!
//! | module | one idea |
//! |---|---|
//! | [`facts`] | what is looked at |
//! | `gather`, `way` | from the controller, the engine and the kernel to those facts |
//! | [`rules`] | from facts to findings, purely |

pub mod facts;
mod gather;
pub mod rules;
#[cfg(test)]
mod tests;
mod way;

pub use facts::{Facts, MemberFacts, MemberState, PeerFacts, SendError, StrayFacts, TunnelFacts, Way};
pub use rules::{Fault, Finding, diagnose};
