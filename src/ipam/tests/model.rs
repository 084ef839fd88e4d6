//! What the allocator should answer, the slow way: every address and every candidate is looked at, one by one.

use super::*;
use ipnet::{Ipv4AddrRange, Ipv6AddrRange};
use std::collections::BTreeMap;

/// An answer of the allocator, as far as the model foresees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Pool(PoolId),
    Address(PoolId, IpNet),
    Ended(Option<Vec<Lease>>),
    Released(Option<Lease>),
    Refused(String),
}

/// Pools, each with the last address that was chosen of it, and per subnet the addresses in use.
pub(super) struct Model {
    ranges: Vec<(IpNet, u8)>,
    pub(super) pools: BTreeMap<PoolId, Option<IpAddr>>,
    used: BTreeMap<IpNet, BTreeMap<IpAddr, (PoolId, Lease)>>,
}

impl Model {
    /// Without pools; `ranges` and the sizes they are cut into are the defaults.
    pub(super) fn new(ranges: Vec<(IpNet, u8)>) -> Self {
        Self { ranges, pools: BTreeMap::new(), used: BTreeMap::new() }
    }

    pub(super) fn any(&mut self, family: Family, size: Option<u8>, avoid: &[IpNet]) -> Answer {
        let ranges = self.ranges.iter().filter(|(base, _)| Family::of_net(*base) == family);
        let fits: Vec<_> =
            ranges.map(|(base, own)| (*base, size.unwrap_or(*own))).filter(|(base, size)| base.prefix_len() <= *size).collect();
        if fits.is_empty() {
            return Answer::Refused("size".to_owned());
        }
        let mut candidates = fits.into_iter().flat_map(|(base, size)| base.subnets(size).unwrap());
        let clear = |net: &IpNet| !self.used.keys().chain(avoid).any(|other| overlap(net, other));
        match candidates.find(clear) {
            Some(subnet) => self.hold(PoolId::new(subnet, None).unwrap()),
            None => Answer::Refused("exhausted".to_owned()),
        }
    }

    pub(super) fn named(&mut self, subnet: IpNet, range: Option<IpNet>) -> Answer {
        let id = PoolId::new(subnet, range).unwrap();
        let shared = range.is_some() && self.used.contains_key(&subnet) && !self.pools.contains_key(&id);
        let met = self.used.keys().any(|other| overlap(&subnet, other));
        if met && !shared { Answer::Refused("overlap".to_owned()) } else { self.hold(id) }
    }

    fn hold(&mut self, id: PoolId) -> Answer {
        self.used.entry(id.subnet()).or_default();
        self.pools.insert(id.clone(), None);
        Answer::Pool(id)
    }

    pub(super) fn release_pool(&mut self, id: &PoolId) -> Answer {
        if self.pools.remove(id).is_none() {
            return Answer::Ended(None);
        }
        let used = self.used.get_mut(&id.subnet()).unwrap();
        let ended = used.values().filter(|(pool, _)| pool == id).map(|(_, lease)| lease.clone()).collect();
        used.retain(|_, (pool, _)| pool != id);
        if !self.pools.keys().any(|pool| pool.subnet() == id.subnet()) {
            self.used.remove(&id.subnet());
        }
        Answer::Ended(Some(ended))
    }

    pub(super) fn request(&mut self, id: &PoolId, ask: &AddressAsk) -> Answer {
        let refused = |why: &str| Answer::Refused(why.to_owned());
        if !self.pools.contains_key(id) {
            return refused("no pool");
        }
        match (self.held(id, ask), ask.address) {
            (Some(has), Some(asked)) if has != asked => refused("has another"),
            (Some(has), _) => self.given(id, has),
            (None, Some(asked)) if !id.subnet().contains(&asked) => refused("out of range"),
            (None, Some(asked)) => match self.holder(id, asked) {
                None => self.give(id, ask, asked),
                Some(by) if ask.kind == AddressKind::Auxiliary && self.is_lease_of(id, ask, asked) => {
                    assert!(matches!(by, Holder::Lease { .. }));
                    self.given(id, asked)
                }
                Some(by) => Answer::Refused(format!("in use: {by}")),
            },
            (None, None) if ask.kind == AddressKind::Auxiliary => refused("unnamed"),
            (None, None) => match self.next(id, ask) {
                None => refused("exhausted"),
                Some(next) => {
                    self.pools.insert(id.clone(), Some(next));
                    self.give(id, ask, next)
                }
            },
        }
    }

    pub(super) fn request_from(&mut self, ids: &[PoolId], ask: &AddressAsk) -> Answer {
        if ids.is_empty() {
            return Answer::Refused("none named".to_owned());
        }
        if let Some(id) = ids.iter().find(|id| self.held(id, ask).is_some()) {
            return self.request(id, ask);
        }
        if let Some(address) = ask.address {
            let range = ids.iter().find(|id| id.range().contains(&address));
            return match range.or_else(|| ids.iter().find(|id| id.subnet().contains(&address))) {
                Some(id) => self.request(id, ask),
                None => Answer::Refused("out of range".to_owned()),
            };
        }
        let exhausted = Answer::Refused("exhausted".to_owned());
        ids.iter().map(|id| self.request(id, ask)).find(|answer| *answer != exhausted).unwrap_or(exhausted.clone())
    }

    pub(super) fn release(&mut self, id: &PoolId, address: IpAddr) -> Answer {
        let Some(used) = self.used.get_mut(&id.subnet()).filter(|_| self.pools.contains_key(id)) else {
            return Answer::Released(None);
        };
        let own = used.get(&address).is_some_and(|(pool, _)| pool == id);
        Answer::Released(if own { used.remove(&address).map(|(_, lease)| lease) } else { None })
    }

    pub(super) fn usage(&self, id: &PoolId) -> Usage {
        let used = &self.used[&id.subnet()];
        let free = |net: IpNet| addresses(net).filter(|address| self.holder(id, *address).is_none()).count();
        let own = used.values().filter(|(pool, _)| pool == id);
        Usage {
            in_use: (addresses(id.subnet()).count() - free(id.subnet())) as u128,
            available: free(id.range()) as u128,
            leases: own.map(|(_, lease)| lease.clone()).collect(),
        }
    }

    /// What an owner has of a pool, but for auxiliary addresses.
    fn held(&self, id: &PoolId, ask: &AddressAsk) -> Option<IpAddr> {
        let same = |lease: &Lease| lease.owner == ask.owner && lease.kind == ask.kind && lease.kind != AddressKind::Auxiliary;
        self.used.get(&id.subnet())?.values().find(|(pool, lease)| pool == id && same(lease)).map(|(_, lease)| lease.address)
    }

    fn is_lease_of(&self, id: &PoolId, ask: &AddressAsk, address: IpAddr) -> bool {
        let lease = Lease { address, owner: ask.owner.clone(), kind: ask.kind };
        self.used[&id.subnet()].get(&address) == Some(&(id.clone(), lease))
    }

    fn holder(&self, id: &PoolId, address: IpAddr) -> Option<Holder> {
        let subnet = id.subnet();
        if let Some((_, lease)) = self.used[&subnet].get(&address) {
            return Some(Holder::Lease { owner: lease.owner.clone(), kind: lease.kind });
        }
        match subnet {
            IpNet::V4(net) if net.prefix_len() < 31 && address == net.network() => Some(Holder::Network),
            IpNet::V4(net) if net.prefix_len() < 31 && address == net.broadcast() => Some(Holder::Broadcast),
            IpNet::V6(net) if net.prefix_len() < 127 && address == net.network() => Some(Holder::SubnetRouters),
            IpNet::V4(_) | IpNet::V6(_) => None,
        }
    }

    fn next(&self, id: &PoolId, ask: &AddressAsk) -> Option<IpAddr> {
        let free = || addresses(id.range()).filter(|address| self.holder(id, *address).is_none());
        let lowest = ask.serial || ask.kind == AddressKind::Gateway;
        let last = self.pools[id].filter(|_| !lowest);
        free().find(|address| last.is_none_or(|last| *address > last)).or_else(|| free().next())
    }

    fn give(&mut self, id: &PoolId, ask: &AddressAsk, address: IpAddr) -> Answer {
        let lease = Lease { address, owner: ask.owner.clone(), kind: ask.kind };
        self.used.get_mut(&id.subnet()).unwrap().insert(address, (id.clone(), lease));
        self.given(id, address)
    }

    fn given(&self, id: &PoolId, address: IpAddr) -> Answer {
        Answer::Address(id.clone(), IpNet::new(address, id.subnet().prefix_len()).unwrap())
    }
}

/// All addresses of a small subnet.
pub(super) fn addresses(net: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match net {
        IpNet::V4(net) => Box::new(Ipv4AddrRange::new(net.network(), net.broadcast()).map(IpAddr::V4)),
        IpNet::V6(net) => Box::new(Ipv6AddrRange::new(net.network(), net.broadcast()).map(IpAddr::V6)),
    }
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}
