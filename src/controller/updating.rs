//! Changing networks: labels, options, and subnets that are added.

use super::driver::spec_of;
use super::leases::check_subnets;
use super::model::{Network, NetworkChange, NetworkState, NewNetwork, Pool, PoolAsked};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use ipnet::IpNet;

impl Inner {
    /// Changes a network: whole, or not at all.
    pub(super) async fn update_network(&self, text: &str, change: NetworkChange) -> Result<(), Refusal> {
        let attempt = Attempt::new("update network", text);
        let old = self.find_network(&attempt, text)?;
        let mut new = Network::clone(&old);
        new.spec.labels.extend(change.label_add);
        for label in &change.label_rm {
            if new.spec.labels.remove(label).is_none() {
                return Err(attempt.not_found(format!("it has no label {label}"), "see `lanloom network inspect`"));
            }
        }
        new.set_options(change.options);
        self.check_addressed(&attempt, &new, &change.subnet_add)?;
        check_families(&attempt, &new, &change.subnet_add)?;
        // What has no pools yet is given them when it is made.
        let is_made = old.state != NetworkState::Dormant && !old.spec.config_only;
        let added = if is_made { self.lease_more(&attempt, &new, &change.subnet_add).await? } else { Vec::new() };
        for pool in &added {
            if pool.subnet.addr().is_ipv4() { new.v4.push(pool.clone()) } else { new.v6.push(pool.clone()) }
        }
        if !is_made {
            new.spec.pools.extend(change.subnet_add.iter().map(|subnet| asked(*subnet)));
            check_subnets(&attempt, &new.spec)?;
        }
        if new == *old {
            return Ok(());
        }
        let to_tell = is_made && (old.spec.options != new.spec.options || !added.is_empty());
        if let Err(refusal) = self.bring_about(&attempt, &old, &new, to_tell).await {
            added.iter().for_each(|pool| self.release_pool(pool));
            return Err(refusal);
        }
        let name = new.name.to_string();
        let new = self.book.put_network(new);
        self.spread_pools();
        self.reroute(&new).await;
        self.tell(EventKind::NetworkUpdated { network: name });
        Ok(())
    }

    /// Whether a network is of a kind that has addresses, if any are to be added.
    fn check_addressed(&self, attempt: &Attempt, network: &Network, subnets: &[IpNet]) -> Result<(), Refusal> {
        // What only holds a configuration is of no kind yet.
        if subnets.is_empty() || network.spec.config_only || self.driver(attempt, &network.spec.driver)?.wants_addresses() {
            return Ok(());
        }
        let why = format!("networks of driver {} have no subnets", network.spec.driver);
        Err(attempt.invalid(why, "leave --subnet-add out, or add it to a network of driver bridge"))
    }

    /// Records a changed network, and has the driver change it, if it has to; both or nothing.
    async fn bring_about(&self, attempt: &Attempt, old: &Network, new: &Network, to_tell: bool) -> Result<(), Refusal> {
        if !to_tell {
            return self.save(attempt, new).await;
        }
        let driver = self.driver(attempt, &new.spec.driver)?;
        // The record first: a driver takes no subnet away again, and what it cannot change it leaves as it was.
        self.save(attempt, new).await?;
        match driver.update_network(&spec_of(new)).await {
            Ok(()) => Ok(()),
            Err(error) => Err(Refusal::from(error).and(self.save(attempt, old).await)),
        }
    }

    async fn lease_more(&self, attempt: &Attempt, network: &Network, subnets: &[IpNet]) -> Result<Vec<Pool>, Refusal> {
        if subnets.is_empty() {
            return Ok(Vec::new());
        }
        let pools = subnets.iter().map(|subnet| asked(*subnet)).collect();
        let has = |v4: bool| subnets.iter().any(|subnet| subnet.addr().is_ipv4() == v4);
        let spec = NewNetwork { pools, ipv4: has(true), ipv6: has(false), ..network.spec.clone() };
        let (v4, v6) = self.lease_pools(attempt, &network.id, &spec).await?;
        Ok(v4.into_iter().chain(v6).collect())
    }
}

/// A pool of exactly that subnet.
fn asked(subnet: IpNet) -> PoolAsked {
    PoolAsked { subnet: Some(subnet), ..PoolAsked::default() }
}

fn check_families(attempt: &Attempt, network: &Network, subnets: &[IpNet]) -> Result<(), Refusal> {
    let has = |subnet: &IpNet| if subnet.addr().is_ipv4() { network.spec.ipv4 } else { network.spec.ipv6 };
    match subnets.iter().find(|subnet| !has(subnet)) {
        None => Ok(()),
        Some(subnet) => {
            let why = format!("the network does not have the family of {subnet}");
            Err(attempt.invalid(why, "add subnets of the families that it was made with"))
        }
    }
}
