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
//! | `paths.rs` | what underlays carry now |
//! | `probes.rs` | what tunnel ends take and send themselves |
//! | `losses.rs` | what a socket lost |
//! | `handle.rs` | how others speak to a tunnel port |

mod book;
mod handle;
mod keeper;
mod losses;
mod paths;
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
use lanloom_switch_core::vxlan::VtepConfig;
use paths::Paths;

impl Engines {
    /// Bytes of payload that a tunnel with that configuration could carry now, and why nothing if so.
    pub fn look_at_underlay(config: &VtepConfig) -> (u32, Option<String>) {
        Paths::default().look(config)
    }
}
