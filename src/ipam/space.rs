//! The subnets of one family that pools hold, and the choice of a free one.

use super::defaults::PoolRange;
use super::error::{Met, PoolError, Tried};
use super::free::Free;
use super::lease::Lease;
use super::pool::PoolId;
use super::span::{Family, Span};
use super::subnet::Subnet;
use ipnet::IpNet;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(super) struct Space {
    family: Family,
    free: Free,
    /// By their first address; no two overlap.
    subnets: BTreeMap<u128, Subnet>,
}

impl Space {
    pub(super) fn new(family: Family) -> Self {
        Self { family, free: Free::all_of(family.all()), subnets: BTreeMap::new() }
    }

    /// The subnet of a pool that is held.
    pub(super) fn subnet_of(&self, pool: &PoolId) -> Option<&Subnet> {
        self.subnets.get(&Span::of(pool.subnet()).first).filter(|subnet| subnet.has(pool))
    }

    pub(super) fn subnet_of_mut(&mut self, pool: &PoolId) -> Option<&mut Subnet> {
        self.subnets.get_mut(&Span::of(pool.subnet()).first).filter(|subnet| subnet.has(pool))
    }

    pub(super) fn pools(&self) -> impl Iterator<Item = &PoolId> {
        self.subnets.values().flat_map(Subnet::pools)
    }

    /// Holds a pool.
    pub(super) fn request_pool(&mut self, pool: &PoolId) -> Result<(), PoolError> {
        let span = Span::of(pool.subnet());
        if let Some(other) = self.overlapping(span).next() {
            let shared = pool.sub_range().is_some() && other.net() == pool.subnet() && !other.has(pool);
            if !shared {
                let with = if other.has(pool) { pool } else { other.pools().next().unwrap_or(pool) };
                return Err(PoolError::Overlap { asked: pool.clone(), with: with.clone() });
            }
        }
        self.free.take(span);
        self.subnets.entry(span.first).or_insert_with(|| Subnet::new(pool.subnet())).request_pool(pool.clone());
        Ok(())
    }

    /// Lets a pool go, and the subnet with its last pool.
    pub(super) fn release_pool(&mut self, pool: &PoolId) -> Option<Vec<Lease>> {
        let subnet = self.subnet_of_mut(pool)?;
        let ended = subnet.release_pool(pool)?;
        let (last, span) = (subnet.pools().next().is_none(), subnet.span());
        if last {
            self.subnets.remove(&span.first);
            self.free.release(span);
        }
        Some(ended)
    }

    /// The lowest free subnet of the first range that has room.
    pub(super) fn choose(&self, size: Option<u8>, ranges: &[PoolRange], avoid: &[IpNet]) -> Result<IpNet, PoolError> {
        let family = self.family;
        let ranges = || ranges.iter().filter(move |range| Family::of_net(range.base) == family);
        let avoid = clear_of(family, avoid);
        let spans: Vec<Span> = merged(avoid.iter().map(|net| Span::of(*net)));
        if let Some(subnet) = ranges().find_map(|range| range.lowest(size.unwrap_or(range.size), &self.free, &spans)) {
            return Ok(subnet);
        }
        let tried: Vec<Tried> = ranges().map(|range| self.tried(*range, size.unwrap_or(range.size), &avoid)).collect();
        Err(match size {
            Some(size) if tried.iter().all(|tried| !tried.fits()) && !tried.is_empty() => PoolError::Size { family, size },
            Some(_) | None => PoolError::Exhausted { family, tried },
        })
    }

    fn tried(&self, range: PoolRange, size: u8, avoid: &[IpNet]) -> Tried {
        let span = Span::of(range.base);
        let avoided = avoid.iter().copied().filter(|net| Span::of(*net).and(span).is_some());
        let pools = self.overlapping(span).map(Subnet::net);
        Tried { range, size, pools: Met::all(pools), avoided: Met::all(avoided) }
    }

    /// The subnets that have an address in `span`, lowest first.
    fn overlapping(&self, span: Span) -> impl Iterator<Item = &Subnet> {
        let before = self.subnets.range(..span.first).next_back().map(|(_, subnet)| subnet);
        let before = before.filter(|subnet| subnet.span().last >= span.first);
        before.into_iter().chain(self.subnets.range(span.first..=span.last).map(|(_, subnet)| subnet))
    }
}

/// The networks to keep clear of, in order. A default route says where all other addresses are, and is no network.
fn clear_of(family: Family, avoid: &[IpNet]) -> Vec<IpNet> {
    let counts = |net: &&IpNet| Family::of_net(**net) == family && net.prefix_len() > 0;
    let mut nets: Vec<IpNet> = avoid.iter().filter(counts).map(IpNet::trunc).collect();
    nets.sort();
    nets.dedup();
    nets
}

/// Spans in order of their first number, those that overlap made one.
fn merged(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    spans.fold(Vec::new(), |mut done: Vec<Span>, span| {
        match done.last_mut() {
            Some(last) if span.first <= last.last => last.last = last.last.max(span.last),
            Some(_) | None => done.push(span),
        }
        done
    })
}
