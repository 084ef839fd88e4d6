//! Subnets for networks and addresses for endpoints: what IPAM is asked, and how it is told again at a start.

use super::model::{Endpoint, Id, Network, NewNetwork, Pool, PoolAsked};
use super::refusal::Attempt;
use super::{Inner, Refusal};
use crate::ipam::{
    AddressAsk, AddressError, AddressKind, Config, DRIVERS, Family, Holder, Ipam, Null, PoolAsk, PoolError, PoolId,
};
use ipnet::IpNet;
use lanloom_drivers::kernel::{Netns, Route};
use std::net::IpAddr;
use std::sync::{MutexGuard, PoisonError};

/// Whether endpoints get the lowest free address, and not the next one.
const SERIAL: &str = "com.docker.network.ipam.serial";

type Pools = (Vec<Pool>, Vec<Pool>);

impl Inner {
    pub(super) fn ipam(&self) -> MutexGuard<'_, Ipam> {
        self.ipam.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pools for a network, IPv4 and IPv6, each with its gateway and what is set aside. What fails leaves nothing leased.
    pub(super) async fn lease_pools(&self, attempt: &Attempt, id: &Id, spec: &NewNetwork) -> Result<Pools, Refusal> {
        check_subnets(attempt, spec)?;
        match spec.ipam_driver.as_str() {
            "default" => {}
            "null" => return no_pools(spec).map_err(|error| pool_refused(attempt, &error)),
            other => {
                let hint = format!("there are: {}", DRIVERS.join(", "));
                return Err(attempt.not_found(format!("unknown IPAM driver {other:?}"), hint));
            }
        }
        let avoid = self.networks_of_the_host().await;
        let mut leased = Pools::default();
        for (has, of) in [(spec.ipv4, Family::V4), (spec.ipv6, Family::V6)] {
            let mut asked: Vec<PoolAsked> = spec.pools.iter().filter(|pool| family(pool) == of).cloned().collect();
            if has && asked.is_empty() {
                asked.push(PoolAsked::default());
            }
            let driver = self.drivers.iter().find(|driver| driver.name() == spec.driver);
            let wants_gateway = driver.is_none_or(|driver| driver.wants_gateway(&spec.options, of == Family::V4));
            for asked in asked {
                let has_gateway = wants_gateway || asked.gateway.is_some();
                match self.lease_pool(attempt, id, of, &asked, has_gateway, &avoid) {
                    Ok(pool) if of == Family::V4 => leased.0.push(pool),
                    Ok(pool) => leased.1.push(pool),
                    Err(refusal) => {
                        leased.0.iter().chain(&leased.1).for_each(|pool| self.release_pool(pool));
                        return Err(refusal);
                    }
                }
            }
        }
        Ok(leased)
    }

    fn lease_pool(
        &self,
        attempt: &Attempt,
        id: &Id,
        family: Family,
        asked: &PoolAsked,
        has_gateway: bool,
        avoid: &[IpNet],
    ) -> Result<Pool, Refusal> {
        let mut ipam = self.ipam();
        let (subnet, range) = (asked.subnet, asked.range);
        let ask = PoolAsk { family, subnet, range, avoid: avoid.to_vec(), size: None };
        let pool = ipam.request_pool(&ask).map_err(|error| pool_refused(attempt, &error))?;
        let aux = asked.auxiliary.values().map(|address| AddressAsk::auxiliary(id.as_str(), *address));
        let mut gateway = None;
        let gateways = has_gateway.then(|| AddressAsk::gateway(id.as_str(), asked.gateway));
        for ask in aux.chain(gateways) {
            match ipam.request_address(&pool.id, &ask) {
                Ok(address) if ask.kind == AddressKind::Gateway => gateway = Some(address.addr()),
                Ok(_) => {}
                Err(error) => {
                    ipam.release_pool(&pool.id);
                    return Err(address_refused(attempt, &error));
                }
            }
        }
        Ok(Pool { subnet: pool.subnet, range: pool.id.sub_range(), gateway, auxiliary: asked.auxiliary.clone() })
    }

    /// Networks that the host has routes to, and its name servers: to be kept clear of where a subnet is chosen.
    async fn networks_of_the_host(&self) -> Vec<IpNet> {
        let servers = self.host_resolv().nameservers.into_iter().map(|server| IpNet::from(server.address));
        let routes = match self.kernel.list_routes(&Netns::Daemon).await {
            Ok(routes) => routes,
            Err(error) => {
                tracing::warn!(%error, "subnets are chosen without looking at the host's routes");
                Vec::new()
            }
        };
        let routes = routes.into_iter().map(|route| route.to).filter(|to| to.prefix_len() > 0);
        routes.chain(servers).collect()
    }

    /// A line for each subnet that was named and overlaps with a route of the host: it may be meant, and hides what is there.
    pub(super) async fn overlaps(&self, subnets: &[IpNet]) -> Vec<String> {
        if subnets.is_empty() {
            return Vec::new();
        }
        // That they cannot be listed was said when the subnets were leased.
        let routes = self.kernel.list_routes(&Netns::Daemon).await.unwrap_or_default();
        let routes = routes.iter().filter(|route| route.to.prefix_len() > 0);
        let pairs = routes.flat_map(|route| subnets.iter().map(move |subnet| (subnet, route)));
        let overlap = pairs.filter(|(subnet, route)| subnet.contains(&route.to) || route.to.contains(*subnet));
        let line = |(subnet, route): (&IpNet, &Route)| {
            let via = route.via.map(|via| format!("via {via} ")).unwrap_or_default();
            let (to, dev) = (route.to, &route.dev);
            format!(
                "subnet {subnet} overlaps with the host's route {to} {via}dev {dev}: one of the two hides the other's addresses"
            )
        };
        overlap.map(line).collect()
    }

    pub(super) fn release_pools(&self, network: &Network) {
        network.pools().for_each(|pool| self.release_pool(pool));
    }

    pub(super) fn release_pool(&self, pool: &Pool) {
        if let Ok(id) = PoolId::new(pool.subnet, pool.range) {
            self.ipam().release_pool(&id);
        }
    }

    /// Addresses for an endpoint: one of each family that its network has.
    pub(super) fn lease_addresses(
        &self,
        attempt: &Attempt,
        network: &Network,
        endpoint: &Endpoint,
    ) -> Result<Vec<IpNet>, Refusal> {
        let serial = network.spec.ipam_options.get(SERIAL).is_some_and(|word| word == "true");
        let wishes = [(&network.v4, endpoint.spec.v4.map(IpAddr::V4)), (&network.v6, endpoint.spec.v6.map(IpAddr::V6))];
        let mut leased = Vec::new();
        for (pools, address) in wishes {
            let ids: Vec<PoolId> = pools.iter().filter_map(|pool| PoolId::new(pool.subnet, pool.range).ok()).collect();
            if ids.is_empty() {
                if let Some(address) = address {
                    self.release_addresses(network, &endpoint.id, &leased);
                    let why = format!("{address} is of a family that network {} does not have", network.name);
                    return Err(attempt.invalid(why, "see `lanloom network inspect` for its subnets"));
                }
                continue;
            }
            let ask = AddressAsk { address, serial, ..AddressAsk::endpoint(endpoint.id.as_str()) };
            // Out of the lock first: what follows takes it again.
            let answer = self.ipam().request_from(&ids, &ask);
            match answer {
                Ok((_, address)) => leased.push(address),
                Err(error) => {
                    self.release_addresses(network, &endpoint.id, &leased);
                    return Err(address_refused(attempt, &self.by_name(error)));
                }
            }
        }
        Ok(leased)
    }

    /// IPAM knows those who have addresses by their ids, and people by their names.
    fn by_name(&self, error: AddressError) -> AddressError {
        let AddressError::InUse { address, pool, by: Holder::Lease { owner, kind } } = error else { return error };
        let network = |id: &Id| self.book.network(id).map(|network| format!("network {}", network.name));
        let endpoint = |id: &Id| self.book.endpoint(id).map(|endpoint| format!("endpoint {}", endpoint.name));
        let id = Id::try_from(owner.clone()).ok();
        let named = id.and_then(|id| network(&id).or_else(|| endpoint(&id)));
        AddressError::InUse { address, pool, by: Holder::Lease { owner: named.unwrap_or(owner), kind } }
    }

    /// Releases addresses of an endpoint. What damaged records gave to another one too stays that one's.
    pub(super) fn release_addresses(&self, network: &Network, endpoint: &Id, addresses: &[IpNet]) {
        let mut ipam = self.ipam();
        for address in addresses {
            for pool in network.pools().filter(|pool| pool.subnet.contains(&address.addr())) {
                let Ok(id) = PoolId::new(pool.subnet, pool.range) else { continue };
                let ended = ipam.release_address(&id, address.addr());
                if let Some(lease) = ended.filter(|lease| lease.owner != endpoint.as_str()) {
                    let ask = AddressAsk { kind: lease.kind, ..AddressAsk::endpoint(lease.owner).at(lease.address) };
                    if let Err(error) = ipam.request_address(&id, &ask) {
                        tracing::warn!("{error}");
                    }
                }
            }
        }
    }

    /// Tells IPAM again what the records say. Answers a line for each thing that it would not take.
    pub(super) fn lease_again(&self, networks: &[Network], endpoints: &[Endpoint]) -> Vec<String> {
        let mut notes = Vec::new();
        for network in networks {
            let attempt = Attempt::new("find the subnets again of network", &network.name);
            for pool in network.pools() {
                let asked = PoolAsked {
                    subnet: Some(pool.subnet),
                    range: pool.range,
                    gateway: pool.gateway,
                    auxiliary: pool.auxiliary.clone(),
                };
                let family = Family::of_net(pool.subnet);
                let leased = self.lease_pool(&attempt, &network.id, family, &asked, pool.gateway.is_some(), &[]);
                notes.extend(leased.err().map(|refusal| refusal.to_string()));
            }
        }
        for endpoint in endpoints {
            let Some(network) = networks.iter().find(|network| network.id == endpoint.network) else { continue };
            for address in &endpoint.addresses {
                let ask = AddressAsk::endpoint(endpoint.id.as_str()).at(address.addr());
                let ids = network.pools().filter_map(|pool| PoolId::new(pool.subnet, pool.range).ok());
                let ids: Vec<PoolId> = ids.filter(|id| id.subnet().contains(&address.addr())).collect();
                let answer = self.ipam().request_from(&ids, &ask);
                if let Err(error) = answer {
                    notes.push(format!("endpoint {} of network {}: {error}", endpoint.name, network.name));
                }
            }
        }
        notes
    }
}

/// Whether a network can have the subnets that are asked for. All that is wrong with them is said at once.
pub(super) fn check_subnets(attempt: &Attempt, spec: &NewNetwork) -> Result<(), Refusal> {
    let configs: Vec<Config> = spec.pools.iter().map(config).collect();
    Config::check(&configs).map_err(|errors| attempt.invalid(&errors, errors.hint()))?;
    let has = |family| if family == Family::V4 { spec.ipv4 } else { spec.ipv6 };
    match spec.pools.iter().map(family).find(|family| !has(*family)) {
        None => Ok(()),
        Some(family) => {
            let why = format!("a subnet of {family} was given for a network without it");
            Err(attempt.invalid(why, "give --ipv6, or leave that subnet out"))
        }
    }
}

fn family(pool: &PoolAsked) -> Family {
    pool.subnet.map_or(Family::V4, Family::of_net)
}

/// What the null driver gives, which may be asked for nothing in particular: a pool without addresses, which is none.
fn no_pools(spec: &NewNetwork) -> Result<Pools, PoolError> {
    let named = spec.pools.iter().map(|pool| PoolAsk { subnet: pool.subnet, range: pool.range, ..PoolAsk::any(Family::V4) });
    let six = spec.ipv6.then(|| PoolAsk::any(Family::V6));
    named.chain(six).try_for_each(|ask| Null.request_pool(&ask).map(drop))?;
    Ok(Pools::default())
}

/// What was asked for, as IPAM checks it: all that is wrong with it is said at once.
fn config(asked: &PoolAsked) -> Config {
    let PoolAsked { subnet, range, gateway, auxiliary } = asked.clone();
    Config { subnet, ip_range: range, gateway, aux: auxiliary }
}

fn pool_refused(attempt: &Attempt, error: &PoolError) -> Refusal {
    match error {
        PoolError::Overlap { .. } | PoolError::Exhausted { .. } => attempt.conflict(error, error.hint()),
        _ => attempt.invalid(error, error.hint()),
    }
}

fn address_refused(attempt: &Attempt, error: &AddressError) -> Refusal {
    match error {
        AddressError::InUse { .. } | AddressError::Exhausted { .. } => attempt.conflict(error, error.hint()),
        _ => attempt.invalid(error, error.hint()),
    }
}
