//! One subnet: its addresses, and the pools that share them.
//!
//! A subnet is held by at least one pool: itself as a whole, or sub-ranges of it. All see each other's leases, and a lease ends
//! with the pool that it was requested of.

use super::error::AddressError;
use super::free::Free;
use super::lease::{AddressAsk, AddressKind, Holder, Lease, Usage};
use super::pool::PoolId;
use super::span::{Family, Span, number};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

#[derive(Clone, Debug)]
pub(super) struct Subnet {
    net: IpNet,
    free: Free,
    leases: BTreeMap<u128, Held>,
    pools: BTreeMap<PoolId, Giver>,
}

/// A lease, and the pool that it was requested of.
#[derive(Clone, Debug)]
struct Held {
    owner: String,
    kind: AddressKind,
    pool: PoolId,
}

/// What a pool knows besides the subnet's leases.
#[derive(Clone, Debug)]
struct Giver {
    span: Span,
    /// Behind the last address that was chosen here.
    next: u128,
    /// The one address of each owner; auxiliary ones are not in it.
    owners: BTreeMap<(AddressKind, String), u128>,
}

impl Subnet {
    /// A subnet without pools.
    pub(super) fn new(net: IpNet) -> Self {
        let mut free = Free::all_of(Span::of(net));
        for (number, _) in reserved(net) {
            free.take(Span::one(number));
        }
        Self { net, free, leases: BTreeMap::new(), pools: BTreeMap::new() }
    }

    pub(super) fn net(&self) -> IpNet {
        self.net
    }

    pub(super) fn span(&self) -> Span {
        Span::of(self.net)
    }

    pub(super) fn has(&self, pool: &PoolId) -> bool {
        self.pools.contains_key(pool)
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = &PoolId> {
        self.pools.keys()
    }

    pub(super) fn request_pool(&mut self, pool: PoolId) {
        let span = Span::of(pool.range());
        self.pools.insert(pool, Giver { span, next: span.first, owners: BTreeMap::new() });
    }

    /// Ends a pool and the leases that were requested of it; `None` if there is no such pool.
    pub(super) fn release_pool(&mut self, pool: &PoolId) -> Option<Vec<Lease>> {
        self.pools.remove(pool)?;
        let family = Family::of_net(self.net);
        let ended: Vec<_> = self.leases.extract_if(.., |_, held| held.pool == *pool).collect();
        let leases = ended.into_iter().map(|(number, held)| {
            self.free.release(Span::one(number));
            held.lease(family.address(number))
        });
        Some(leases.collect())
    }

    pub(super) fn request(&mut self, pool: &PoolId, ask: &AddressAsk) -> Result<IpAddr, AddressError> {
        match (ask.address, self.held_by(pool, ask)) {
            (Some(address), Some(has)) if address != has => {
                Err(AddressError::HasAnother { address, has, owner: ask.owner.clone() })
            }
            (_, Some(has)) => Ok(has),
            (Some(address), None) => self.request_this(pool, ask, address),
            (None, None) => self.request_any(pool, ask),
        }
    }

    /// The address that the owner has of this pool, but for auxiliary ones.
    pub(super) fn held_by(&self, pool: &PoolId, ask: &AddressAsk) -> Option<IpAddr> {
        let number = self.pools.get(pool)?.owners.get(&(ask.kind, ask.owner.clone()))?;
        Some(Family::of_net(self.net).address(*number))
    }

    /// Ends a lease that was requested of this pool; `None` if there is none at that address.
    pub(super) fn release(&mut self, pool: &PoolId, address: IpAddr) -> Option<Lease> {
        let number = number(address);
        if Family::of(address) != Family::of_net(self.net) || self.leases.get(&number)?.pool != *pool {
            return None;
        }
        let lease = self.leases.remove(&number)?.lease(address);
        self.free.release(Span::one(number));
        if let Some(giver) = self.pools.get_mut(pool).filter(|_| lease.kind != AddressKind::Auxiliary) {
            giver.owners.remove(&(lease.kind, lease.owner.clone()));
        }
        Some(lease)
    }

    pub(super) fn usage(&self, pool: &PoolId) -> Option<Usage> {
        let giver = self.pools.get(pool)?;
        let free = |span: Span| self.free.runs_in(span).fold(0u128, |sum, run| sum.saturating_add(run.count()));
        let family = Family::of_net(self.net);
        let own = self.leases.iter().filter(|(_, held)| held.pool == *pool);
        Some(Usage {
            in_use: (self.leases.len() + reserved(self.net).count()) as u128,
            available: free(giver.span),
            leases: own.map(|(number, held)| held.clone().lease(family.address(*number))).collect(),
        })
    }

    fn request_this(&mut self, pool: &PoolId, ask: &AddressAsk, address: IpAddr) -> Result<IpAddr, AddressError> {
        if !self.net.contains(&address) {
            return Err(AddressError::OutOfRange { address, pools: vec![pool.clone()] });
        }
        let at = number(address);
        match self.leases.get(&at) {
            Some(held) if held.is(pool, ask) => Ok(address),
            Some(held) => {
                let by = Holder::Lease { owner: held.owner.clone(), kind: held.kind };
                Err(AddressError::InUse { address, pool: pool.clone(), by })
            }
            None => match reserved(self.net).find(|(number, _)| *number == at) {
                Some((_, by)) => Err(AddressError::InUse { address, pool: pool.clone(), by }),
                None => Ok(self.lease(pool, ask, at)),
            },
        }
    }

    fn request_any(&mut self, pool: &PoolId, ask: &AddressAsk) -> Result<IpAddr, AddressError> {
        let lowest = match ask.kind {
            AddressKind::Auxiliary => return Err(AddressError::AuxiliaryUnnamed),
            AddressKind::Gateway => true,
            AddressKind::Endpoint => ask.serial,
        };
        let giver = self.pools.get_mut(pool).ok_or_else(|| AddressError::NoSuchPool(pool.clone()))?;
        let ahead = Span { first: if lowest { giver.span.first } else { giver.next }, last: giver.span.last };
        let found = self.free.lowest_in(ahead).or_else(|| self.free.lowest_in(giver.span));
        let at = found.ok_or_else(|| AddressError::Exhausted { pools: vec![(pool.clone(), giver.span.count())] })?;
        giver.next = if at == giver.span.last { giver.span.first } else { at + 1 };
        Ok(self.lease(pool, ask, at))
    }

    /// Writes down a lease of a free address.
    fn lease(&mut self, pool: &PoolId, ask: &AddressAsk, at: u128) -> IpAddr {
        let was_free = self.free.take(Span::one(at));
        debug_assert!(was_free, "a lease is of a free address");
        self.leases.insert(at, Held { owner: ask.owner.clone(), kind: ask.kind, pool: pool.clone() });
        if let Some(giver) = self.pools.get_mut(pool).filter(|_| ask.kind != AddressKind::Auxiliary) {
            giver.owners.insert((ask.kind, ask.owner.clone()), at);
        }
        Family::of_net(self.net).address(at)
    }
}

impl Held {
    fn is(&self, pool: &PoolId, ask: &AddressAsk) -> bool {
        self.pool == *pool && self.kind == ask.kind && self.owner == ask.owner
    }

    fn lease(self, address: IpAddr) -> Lease {
        Lease { address, owner: self.owner, kind: self.kind }
    }
}

/// The addresses of a subnet that no one can have.
///
/// An IPv4 subnet keeps its first and last address, one of two addresses none (RFC 3021); an IPv6 subnet keeps its first (RFC
/// 4291, section 2.6.1), one of two addresses none (RFC 6164); nor does one of a single address.
pub(super) fn reserved(net: IpNet) -> impl Iterator<Item = (u128, Holder)> {
    let Span { first, last } = Span::of(net);
    let small = last - first <= 1;
    let both = match Family::of_net(net) {
        Family::V4 => [Some((first, Holder::Network)), Some((last, Holder::Broadcast))],
        Family::V6 => [Some((first, Holder::SubnetRouters)), None],
    };
    both.into_iter().flatten().filter(move |_| !small)
}
