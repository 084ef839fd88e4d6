//! Making and deleting networks, in libnetwork's order of steps (`controller.go` NewNetwork, `network.go` delete), each
//! with its way back.

use super::book::{self, Unfound};
use super::driver::spec_of;
use super::leases::check_subnets;
use super::model::{Id, Network, NetworkState, NewNetwork};
use super::refusal::Attempt;
use super::{EventKind, Inner, Origin, Refusal};
use crate::names::Name;
use ipnet::IpNet;
use lanloom_drivers::driver::Scope;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Networks that are always there: their name, and their driver's.
pub(super) const PREDEFINED: [(&str, &str); 3] = [("bridge", "bridge"), ("host", "host"), ("none", "null")];

/// Entries of the kernel's neighbour table: kept without looking, kept for a while, and at most (`gc_thresh1` to 3).
const NEIGHBOURS: [u32; 3] = [8_192, 49_152, 65_536];

/// The driver of the one among them that something is made of.
const BRIDGE: &str = "bridge";

/// The driver of networks that only hold a configuration.
const NULL: &str = "null";

pub(super) fn is_predefined(name: &str) -> bool {
    PREDEFINED.iter().any(|(predefined, _)| *predefined == name)
}

impl Inner {
    /// The network that a text means.
    pub(super) fn find_network(&self, attempt: &Attempt, text: &str) -> Result<Arc<Network>, Refusal> {
        book::find(&self.book.networks(), text).map_err(|unfound| match unfound {
            Unfound::Nothing => attempt.not_found(format!("network {text} not found"), "see `lanloom network ls`"),
            Unfound::Several(count) => attempt
                .invalid(format!("network {text} is ambiguous: {count} ids begin so"), "give more of the id, or the name"),
        })
    }

    pub(super) async fn create_network(&self, name: Name, new: NewNetwork) -> Result<(Id, Vec<String>), Refusal> {
        let attempt = Attempt::new("create network", &name);
        if is_predefined(name.as_str()) {
            let why = format!("operation is not permitted on predefined {name} network");
            return Err(attempt.conflict(why, "choose another name"));
        }
        self.clear_network_name(&attempt, &name).await?;
        let spec = self.with_configuration(&attempt, new)?;
        if spec.config_only {
            check_subnets(&attempt, &spec)?;
            let spec = NewNetwork { driver: NULL.to_owned(), ..spec };
            return self.keep_configuration(&attempt, name, spec).await;
        }
        let driver = self.driver(&attempt, &spec.driver)?;
        if driver.is_singular() {
            let why = format!("only one instance of \"{}\" network is allowed", driver.name());
            return Err(attempt
                .conflict(why, format!("use the network of that driver: `lanloom network ls -f driver={}`", driver.name())));
        }
        let (id, state, created) = (Id::random(), NetworkState::Creating, super::now());
        self.make_network(
            &attempt,
            Network { id, name, state, created, spec, usual: [].into(), v4: Vec::new(), v6: Vec::new() },
        )
        .await
    }

    /// Gives a network its pools, and has its driver make it. What fails leaves nothing behind, not even a record.
    pub(super) async fn make_network(&self, attempt: &Attempt, mut network: Network) -> Result<(Id, Vec<String>), Refusal> {
        let driver = self.driver(attempt, &network.spec.driver)?;
        network.take_usual(driver.defaults());
        let before = self.book.network(&network.id);
        self.check_ipv6(attempt, network.spec.ipv6).await?;
        let mut hidden = Vec::new();
        if driver.wants_addresses() {
            (network.v4, network.v6) = self.lease_pools(attempt, &network.id, &network.spec).await?;
            let named: Vec<IpNet> = network.pools().map(|pool| pool.subnet).filter(|net| is_named(&network, *net)).collect();
            hidden = self.overlaps(&named).await;
            hidden.extend(by_itself(&network).filter(|_| driver.scope() == Scope::Global));
        }
        network.state = NetworkState::Creating;
        if let Err(refusal) = self.save(attempt, &network).await {
            self.release_pools(&network);
            return Err(refusal);
        }
        let network = self.book.put_network(network);
        let made = driver.create_network(&spec_of(&network)).await.map_err(|error| of_network(attempt, error.into()));
        let (made, notes) = match made {
            Ok(notes) => (self.note_network(attempt, &network, NetworkState::Ready).await, notes),
            Err(refusal) => (Err(refusal), Vec::new()),
        };
        if let Err(refusal) = made {
            return Err(refusal.and(self.undo_network(attempt, &network, before.is_some()).await));
        }
        self.spread_pools();
        self.make_room_for_neighbours().await;
        let notes: Vec<String> = notes.into_iter().chain(hidden).collect();
        self.notes.insert(network.id.clone(), notes.clone());
        self.tell(EventKind::NetworkCreated { network: network.name.to_string(), id: network.id.to_string() });
        Ok((network.id.clone(), notes.into_iter().chain(driver.notes(network.id.as_str())).collect()))
    }

    /// The kernel has one table of neighbours for all namespaces, and it holds 1,024: too few for some dozen sandboxes that all talk
    /// to each other. Its limits are raised, never lowered, as libnetwork does for its overlays, and the log says so.
    pub(super) async fn make_room_for_neighbours(&self) {
        if self.has_room.load(Ordering::Relaxed) {
            return;
        }
        match self.kernel.raise_neighbour_limits(NEIGHBOURS).await {
            Ok(raised) => {
                self.has_room.store(true, Ordering::Relaxed);
                raised.iter().for_each(|line| tracing::info!("{line}"));
            }
            Err(error) => tracing::warn!("many sandboxes may not find each other: {error}"),
        }
    }

    /// Undoes a network that could not be made. Until all of it is undone it stays as one that is being made: deleting it, making it
    /// again, or the next start, goes on.
    async fn undo_network(&self, attempt: &Attempt, network: &Network, is_always_there: bool) -> Result<(), Refusal> {
        if is_always_there {
            return self.put_to_sleep(attempt, network).await;
        }
        self.driver(attempt, &network.spec.driver)?.delete_network(network.id.as_str()).await?;
        self.erase(attempt, network).await?;
        self.book.remove_network(&network.id);
        self.release_pools(network);
        Ok(())
    }

    /// Whatever has that name is to be gone: what an earlier change left half done is finished, all else refuses.
    async fn clear_network_name(&self, attempt: &Attempt, name: &Name) -> Result<(), Refusal> {
        let holder = self.book.networks().into_iter().find(|network| network.name == *name);
        let Some(holder) = holder else { return Ok(()) };
        let is_used = !self.book.endpoints_on(&holder.id).is_empty();
        match holder.state {
            NetworkState::Creating | NetworkState::Deleting if !is_used => self.unmake_network(attempt, &holder).await,
            NetworkState::Creating | NetworkState::Deleting | NetworkState::Ready | NetworkState::Dormant => {
                let why = format!("network with name {name} already exists");
                Err(attempt.conflict(why, "choose another name, or delete that one"))
            }
        }
    }

    /// The `bridge` that is always there sleeps while nobody uses it: when the last has gone, and after a change that was refused.
    /// Ports that somebody plugged into its switch keep it awake.
    pub(super) async fn doze_off(&self, attempt: &Attempt, network: &Id) {
        let is_made = |now: &Arc<Network>| now.state == NetworkState::Ready && now.spec.driver == BRIDGE;
        let now = self.book.network(network).filter(|now| is_made(now) && is_predefined(now.name.as_str()));
        let Some(now) = now.filter(|now| self.book.endpoints_on(&now.id).is_empty()) else { return };
        if self.has_nothing_of_others(attempt, &now).is_err() {
            return;
        }
        if let Err(refusal) = self.put_to_sleep(attempt, &now).await {
            tracing::warn!("{refusal}");
            // Half gone, it is made whole by whoever uses it next, or put to sleep at the next start.
            if let Err(refusal) = self.note_network(attempt, &now, NetworkState::Creating).await {
                tracing::warn!("{refusal}");
            }
        }
    }

    /// A network that only holds a configuration is a record and nothing else.
    async fn keep_configuration(&self, attempt: &Attempt, name: Name, spec: NewNetwork) -> Result<(Id, Vec<String>), Refusal> {
        let (id, state, created) = (Id::random(), NetworkState::Ready, super::now());
        let (v4, v6) = (Vec::new(), Vec::new());
        let network = Network { id: id.clone(), name: name.clone(), state, created, spec, usual: [].into(), v4, v6 };
        self.save(attempt, &network).await?;
        self.book.put_network(network);
        self.tell(EventKind::NetworkCreated { network: name.to_string(), id: id.to_string() });
        Ok((id, Vec::new()))
    }

    /// What was asked for, with what the network adds that it takes its configuration from (`network.go`, `applyConfigurationTo`).
    fn with_configuration(&self, attempt: &Attempt, new: NewNetwork) -> Result<NewNetwork, Refusal> {
        let Some(from) = new.config_from.clone() else { return Ok(new) };
        if new.config_only {
            let why = "a configuration network cannot depend on another configuration network";
            return Err(attempt.invalid(why, "give --config-only or --config-from, not both"));
        }
        let found = self.book.networks().into_iter().find(|network| network.name == from);
        let Some(source) = found else {
            let why = format!("configuration network {:?} does not exist", from.as_str());
            return Err(attempt.not_found(why, "make it with `lanloom network create --config-only`"));
        };
        if !source.spec.config_only {
            let why = format!("{from} is not a configuration network");
            return Err(attempt.invalid(why, "name one that was made with --config-only"));
        }
        if !new.pools.is_empty() || !new.options.is_empty() || new.ipv6 || !new.ipam_options.is_empty() {
            let why = "user-specified configurations are not supported if the network depends on a configuration network";
            return Err(attempt.invalid(why, "leave subnets, options and IPv6 to that one"));
        }
        let labels = source.spec.labels.clone().into_iter().chain(new.labels.clone()).collect();
        let configuration = source.spec.clone();
        let (ipam_driver, ipam_options) = (configuration.ipam_driver, configuration.ipam_options);
        let (pools, ipv4, ipv6, options) = (configuration.pools, configuration.ipv4, configuration.ipv6, configuration.options);
        Ok(NewNetwork { ipam_driver, ipam_options, pools, ipv4, ipv6, options, labels, ..new })
    }

    /// Records how far a network has come.
    async fn note_network(&self, attempt: &Attempt, network: &Network, state: NetworkState) -> Result<(), Refusal> {
        let network = Network { state, ..network.clone() };
        self.save(attempt, &network).await?;
        self.book.put_network(network);
        Ok(())
    }

    /// Has a network that sleeps made, and answers it; one that is not ready is refused.
    pub(super) async fn awake(&self, attempt: &Attempt, network: Arc<Network>) -> Result<Arc<Network>, Refusal> {
        match network.state {
            NetworkState::Ready => return Ok(network),
            NetworkState::Dormant => {}
            NetworkState::Creating if is_predefined(network.name.as_str()) => self.put_to_sleep(attempt, &network).await?,
            NetworkState::Creating | NetworkState::Deleting => {
                let why = format!("network {} is {}", network.name, network.state.name());
                return Err(attempt.conflict(why, format!("delete it with `lanloom network rm {}`", network.name)));
            }
        }
        let id = network.id.clone();
        self.make_network(attempt, network.asleep()).await?;
        self.book.network(&id).ok_or_else(|| attempt.failed("the network is gone again", "try again"))
    }

    pub(super) async fn delete_network(&self, text: &str) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete network", text);
        let network = self.find_network(&attempt, text)?;
        if is_predefined(network.name.as_str()) {
            let why = format!("network of type {:?} cannot be deleted: {} is always there", network.spec.driver, network.name);
            return Err(attempt.conflict(why, "leave it: as long as nobody uses it, nothing of it is on the host"));
        }
        let users = self.book.networks().into_iter().filter(|user| user.spec.config_from.as_ref() == Some(&network.name));
        let users: Vec<String> = users.map(|user| user.name.to_string()).collect();
        if !users.is_empty() {
            let why = format!("configuration network {:?} is in use by {}", network.name.as_str(), users.join(", "));
            return Err(attempt.conflict(why, "delete these first"));
        }
        let endpoints = self.book.endpoints_on(&network.id);
        if !endpoints.is_empty() {
            let names: Vec<String> = endpoints.iter().map(|endpoint| endpoint.name.to_string()).collect();
            let why = format!("network {} id {} has active endpoints: {}", network.name, network.id.short(), names.join(", "));
            return Err(attempt.conflict(why, "disconnect their sandboxes, or delete these"));
        }
        self.has_nothing_of_others(&attempt, &network)?;
        self.unmake_network(&attempt, &network).await
    }

    /// Ports that somebody plugged into the network's switch are not ours to take away: looked for before anything is changed.
    fn has_nothing_of_others(&self, attempt: &Attempt, network: &Network) -> Result<(), Refusal> {
        let ports = self.fabric.ports(&network.name).unwrap_or_default();
        let others = ports.into_iter().filter(|port| port.origin != Origin::Network).map(|port| port.spec.name.to_string());
        let others: Vec<String> = others.collect();
        if others.is_empty() || network.state == NetworkState::Dormant {
            return Ok(());
        }
        let why = format!("ports were plugged into its switch by hand: {}", others.join(", "));
        Err(attempt.conflict(why, format!("delete these with `lanloom port delete {} PORT`", network.name)))
    }

    /// Deletes a network that has no endpoints. If its driver cannot, it stays as one that is being deleted: deleting it again, or
    /// the next start, goes on.
    pub(super) async fn unmake_network(&self, attempt: &Attempt, network: &Network) -> Result<(), Refusal> {
        if !network.spec.config_only {
            self.note_network(attempt, network, NetworkState::Deleting).await?;
            self.take_down(network).await?;
        }
        self.erase(attempt, network).await?;
        // Not before it is forgotten: what another network gets meanwhile would be released with this one.
        self.release_pools(network);
        self.book.remove_network(&network.id);
        self.notes.remove(&network.id);
        self.zone().remove_network(network.name.as_str());
        self.spread_pools();
        self.tell(EventKind::NetworkDeleted { network: network.name.to_string(), id: network.id.to_string() });
        Ok(())
    }
}

/// What hosts that share a network have to agree on, while each gives addresses by itself.
fn by_itself(network: &Network) -> Option<String> {
    let chosen: Vec<_> = network.pools().map(|pool| pool.subnet).filter(|net| !is_named(network, *net)).collect();
    let whole: Vec<_> = network.pools().filter(|pool| pool.range.is_none()).map(|pool| pool.subnet).collect();
    let list = |nets: &[IpNet]| nets.iter().map(IpNet::to_string).collect::<Vec<_>>().join(", ");
    let same = (!chosen.is_empty()).then(|| format!("give the other hosts the same --subnet, {}", list(&chosen)));
    let parts = (!whole.is_empty()).then(|| format!("give each host an --ip-range of its own within {}", list(&whole)));
    let todo: Vec<_> = same.into_iter().chain(parts).collect();
    (!todo.is_empty()).then(|| format!("each host gives addresses by itself: {}", todo.join(", and ")))
}

/// Whether that very subnet was asked for, and not chosen.
fn is_named(network: &Network, subnet: IpNet) -> bool {
    network.spec.pools.iter().any(|pool| pool.subnet == Some(subnet))
}

/// That its switch or its gateway's port could not be made is told of the network, which is what was asked for.
fn of_network(attempt: &Attempt, refusal: Refusal) -> Refusal {
    match refusal.what.as_str() {
        "create switch" | "add port" | "add port to" => attempt.refuse(refusal.kind, refusal.why, refusal.hint),
        _ => refusal,
    }
}
