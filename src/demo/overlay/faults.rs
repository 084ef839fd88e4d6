//! What `--break` does to the overlay: one thing is broken for real.

use super::super::cast::INTERFACE;
use super::super::stage::Stage;
use super::host::Host;
use super::{NETWORK, VNI};
use crate::api::client::Call;
use crate::api::types::{NetworkInfo, NetworkUpdate};
use lanloom_drivers::kernel::{IfName, Kernel, LinkChange};
use std::net::Ipv4Addr;

/// Not the network's identifier.
pub(super) const OTHER_VNI: u32 = VNI + 1;

/// Nobody has this address.
const NOBODY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);

/// One host is told of somebody else than the other.
pub(super) fn overlay(stage: &Stage) -> Result<(), String> {
    let [_, there] = stage.overlay.sides()?;
    let options = [("lanloom.peers".to_owned(), NOBODY.to_string())].into();
    let body = NetworkUpdate { options, ..NetworkUpdate::default() };
    let call = Call::patch("update network", NETWORK, &["v1", "networks", NETWORK]).json(&body);
    there.host.line().ask::<NetworkInfo>(call).map(drop)
}

/// The interface of a host towards the others is set up or down.
pub(super) fn set_up(stage: &Stage, host: &Host, up: bool) -> Result<(), String> {
    let interface = IfName::new(INTERFACE).map_err(|error| error.to_string())?;
    let change = LinkChange { up: Some(up), ..LinkChange::default() };
    let set = stage.board.wait(stage.kernel.set_link(&host.netns, &interface, &change));
    set.map(drop).map_err(|error| error.to_string())
}
