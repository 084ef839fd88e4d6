//! Tunnel ports: which underlay each stands on, who reads its sockets, and what becomes of them as addresses and routes change.
//!
//! Tunnels of several switches share a socket, and switches are on several threads: one thread reads, the one that the first of
//! them is on, and hands over what is for another's.
//!
//! | file | one idea |
//! |---|---|
//! | `book.rs` | who shares what |
//! | `reader.rs` | a socket, and whose each network is |
//! | `serve.rs` | what an engine thread does with such sockets |
//! | `keeper.rs` | a thread hears of addresses and routes, and has ports follow |
//! | `probes.rs` | what tunnel ends take and send themselves |
//! | `losses.rs` | what a socket lost |
//! | `handle.rs` | how others speak to a tunnel port |

mod book;
mod handle;
mod keeper;
mod losses;
mod probes;
mod reader;
mod serve;

pub use crate::underlay::Trouble;
pub(super) use book::Tenant;
pub use handle::VtepStatus;
pub(super) use keeper::Keeper;
pub use reader::Stray;
pub(super) use serve::Readers;

use super::Engines;
use crate::underlay::reach;
use lanloom_switch_core::vxlan::VtepConfig;
use std::net::IpAddr;

/// What a tunnel's underlay lets it carry, in bytes of payload, and why nothing if so.
pub(super) fn look(config: &VtepConfig, peers: &[IpAddr]) -> (u32, Option<String>) {
    let local = config.local;
    let (ifname, mtu) = match reach::holder(local) {
        Ok(Some((ifname, _, false))) => return (u32::MAX, Some(format!("interface {ifname}, which has {local}, is down"))),
        Ok(Some((ifname, mtu, true))) => (ifname, mtu),
        Ok(None) => return (u32::MAX, Some(format!("no interface here has the address {local}"))),
        Err(error) => return (u32::MAX, Some(format!("looking for the address {local}: {error}"))),
    };
    let paths: Vec<_> = peers.iter().map(|peer| (peer, reach::path_mtu(local, *peer))).collect();
    let reached = paths.iter().filter_map(|(_, path)| path.as_ref().ok().copied()).min();
    let trouble = match paths.iter().find_map(|(peer, path)| path.as_ref().err().map(|error| (peer, error))) {
        Some((peer, error)) if reached.is_none() => Some(format!("no way to {peer} by {ifname}: {error}")),
        Some(_) | None => None,
    };
    (reached.unwrap_or(mtu).min(mtu).saturating_sub(config.overhead()), trouble)
}

impl Engines {
    /// Bytes of payload that a tunnel with that configuration could carry now, and why nothing if so.
    pub fn look_at_underlay(config: &VtepConfig) -> (u32, Option<String>) {
        look(config, &config.peers)
    }
}
