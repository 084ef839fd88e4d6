//! What underlays carry now. Many tunnels have one address and the same peers: each is asked about once.

use crate::underlay::reach;
use lanloom_switch_core::vxlan::VtepConfig;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What the kernel said a moment ago.
#[derive(Default)]
pub(super) struct Paths {
    holders: BTreeMap<IpAddr, Result<(String, u32), String>>,
    paths: BTreeMap<(IpAddr, IpAddr), Result<u32, String>>,
}

impl Paths {
    /// What a tunnel's underlay lets it carry, in bytes of payload, and why nothing if so.
    pub(super) fn look(&mut self, config: &VtepConfig) -> (u32, Option<String>) {
        let local = config.local;
        let (ifname, mtu) = match self.holders.entry(local).or_insert_with(|| holder(local)) {
            Ok(holder) => &*holder,
            Err(why) => return (u32::MAX, Some(why.clone())),
        };
        let (mut reached, mut trouble) = (None, None);
        for peer in &config.peers {
            let path = self.paths.entry((local, *peer)).or_insert_with(|| {
                reach::path_mtu(local, *peer).map_err(|error| format!("no way to {peer} by {ifname}: {error}"))
            });
            match path {
                Ok(mtu) => reached = Some(reached.map_or(*mtu, |least: u32| least.min(*mtu))),
                Err(why) => trouble = trouble.or_else(|| Some(why.clone())),
            }
        }
        let mtu = reached.unwrap_or(*mtu).min(*mtu).saturating_sub(config.overhead());
        (mtu, trouble.filter(|_| reached.is_none()))
    }
}

/// The interface that has an address, and its MTU in bytes; why it carries nothing, if so.
fn holder(address: IpAddr) -> Result<(String, u32), String> {
    match reach::holder(address) {
        Ok(Some((ifname, mtu, true))) => Ok((ifname, mtu)),
        Ok(Some((ifname, _, false))) => Err(format!("interface {ifname}, which has {address}, is down")),
        Ok(None) => Err(format!("no interface here has the address {address}")),
        Err(error) => Err(format!("looking for the address {address}: {error}")),
    }
}
