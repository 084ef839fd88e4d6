//! What a controller is made of, and how it starts. What it finds then is in `restore`, and cannot fail the start.

use super::book::Book;
use super::driver::{endpoint_spec_of, spec_of};
use super::fabric::{Fabric, Guards, Setup, Started};
use super::identity::{forget_gone, forget_ports};
use super::keys::{HOST_ID, Shelf, put_host};
use super::model::{Id, SandboxPlace, SandboxState};
use super::sandboxes::open_namespace;
use super::servers::NameServers;
use super::vanish::Vanishing;
use super::yard::Yard;
use super::{Controller, Inner, keeper};
use crate::config::Drivers;
use crate::ipam::{Defaults, Ipam};
use crate::store::{Store, Txn};
use dashmap::DashMap;
use lanloom_drivers::bridge::Bridge;
use lanloom_drivers::driver::{self, Driver};
use lanloom_drivers::kernel::{Kernel, Netns};
use lanloom_drivers::overlay::{ByHand, Overlay};
use lanloom_drivers::{host, null};
use std::collections::{BTreeMap, HashSet};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// Where networks keep what is not in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networking {
    /// What tells this daemon's things on the host from another's: 8 hex digits.
    pub instance: String,
    /// Where the files of sandboxes are, as `/etc/netns`.
    pub files: PathBuf,
    /// Where it is kept what was written into them last.
    pub copies: PathBuf,
    /// The host's `resolv.conf`.
    pub resolv_conf: PathBuf,
    /// This host's address in the network that overlays pass; the configuration file may say so too.
    pub underlay: Option<IpAddr>,
    /// How often is looked at what others may have changed behind our back, as the firewall.
    pub look_every: Duration,
}

/// How often a daemon looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where `ip netns` keeps namespaces, and the files that go with them.
const USUAL: (&str, &str) = ("/run/netns", "/etc/netns");

impl Networking {
    /// Of a daemon whose namespaces are in `netns_dir`, and whose own place is `home`: its state, or its socket if it keeps none.
    pub fn of(netns_dir: &Path, home: &Path) -> Self {
        let home = std::path::absolute(home).unwrap_or_else(|_| home.to_owned());
        // FNV-1a, because it has to be the same after an upgrade.
        let hash = home
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
        let beside = |path: &Path, suffix: &str| {
            let mut path = path.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        let is_usual = netns_dir == Path::new(USUAL.0);
        Self {
            instance: format!("{:08x}", hash >> 32),
            files: if is_usual { PathBuf::from(USUAL.1) } else { beside(netns_dir, ".etc") },
            copies: beside(&home, ".sandboxes"),
            resolv_conf: PathBuf::from("/etc/resolv.conf"),
            underlay: None,
            look_every: LOOK_EVERY,
        }
    }
}

impl Controller {
    /// Starts engine threads, and finds everything again. What is inside sandboxes is seen to afterwards: each says so until then.
    ///
    /// # Errors
    /// If the process has no thread or descriptor left.
    pub async fn start(setup: Setup, networking: Networking) -> io::Result<(Self, Started)> {
        let (controller, started) = Self::find(setup, networking).await?;
        keeper::start(&controller.inner);
        Ok((controller, started))
    }

    /// The same with nobody yet who sees to sandboxes.
    pub(super) async fn find(setup: Setup, networking: Networking) -> io::Result<(Self, Started)> {
        let (kernel, store, ephemeral) = (Arc::clone(&setup.kernel), Arc::clone(&setup.store), setup.ephemeral);
        let mut notes = Vec::new();
        let mut shelf = read(&*store, &mut notes).await;
        let yard = Arc::new(Yard::default());
        let drivers = drivers(&kernel, &yard, &networking);
        let options = setup.config.as_ref().map(|config| config.drivers.clone()).unwrap_or_default();
        notes.extend(configure(&drivers, &options));
        let guards = guards(&shelf, &drivers, &yard);
        notes.extend(forget_ports(&*store, &shelf, kernel.netns_dir()).await);
        notes.extend(forget_gone(&*store, &mut shelf, kernel.netns_dir()).await);
        let remade = reopen_namespaces(&shelf, &kernel, &mut notes).await;
        let (fabric, mut started) = Fabric::start(Setup { guards, remade, ..setup }).await?;
        yard.open(fabric.clone());
        let host_id = host_id(&*store, &shelf, &mut notes).await;
        let servers = Arc::new(NameServers::default());
        let vanishing = Vanishing::start(Arc::clone(&servers), fabric.teller())?;
        let inner = Inner {
            fabric,
            yard,
            kernel,
            store,
            drivers,
            ipam: std::sync::Mutex::new(Ipam::new(Defaults::for_host(host_id.as_bytes()))),
            book: Book::default(),
            ways: DashMap::new(),
            notes: DashMap::new(),
            zone: Arc::default(),
            servers,
            upkeep: Arc::default(),
            damage: DashMap::new(),
            lost: DashMap::new(),
            vanishing,
            networking,
            options: RwLock::new(options),
            ephemeral,
            host_id,
            has_room: AtomicBool::new(false),
            has_ipv6: AtomicBool::new(false),
            writer: tokio::sync::Mutex::new(()),
        };
        let controller = Self { inner: Arc::new(inner) };
        let found = controller.change(move |inner| async move { Ok(inner.restore(shelf).await) }).await;
        notes.extend(found.unwrap_or_else(|refusal| vec![refusal.to_string()]));
        notes.iter().for_each(|note| tracing::warn!("{note}"));
        started.notes.extend(notes);
        Ok((controller, started))
    }
}

fn drivers(kernel: &Arc<dyn Kernel>, yard: &Arc<Yard>, networking: &Networking) -> Vec<Arc<dyn Driver>> {
    let fabric = Arc::clone(yard) as Arc<dyn driver::Fabric>;
    let mut drivers: Vec<Arc<dyn Driver>> = vec![Arc::new(host::driver()), Arc::new(null::driver())];
    let overlay = Overlay::new(Arc::clone(kernel), Arc::clone(&fabric), Arc::new(ByHand), networking.underlay);
    match Bridge::new(Arc::clone(kernel), fabric, &networking.instance) {
        Ok(bridge) => drivers.insert(0, Arc::new(bridge)),
        Err(error) => tracing::error!("{error}"),
    }
    drivers.push(Arc::new(overlay));
    drivers
}

/// Gives each driver its options. Answers a line for each that cannot be.
pub(super) fn configure(drivers: &[Arc<dyn Driver>], options: &Drivers) -> Vec<String> {
    let strange = options.keys().filter(|name| !drivers.iter().any(|driver| driver.name() == name.as_str()));
    let mut notes: Vec<String> =
        strange.map(|name| format!("the configuration file has options for no driver: {name}")).collect();
    for driver in drivers {
        let none = BTreeMap::new();
        notes.extend(driver.config(options.get(driver.name()).unwrap_or(&none)).err().map(|error| error.to_string()));
    }
    notes
}

async fn read(store: &dyn Store, notes: &mut Vec<String>) -> Shelf {
    match store.range("/lanloom/").await {
        Ok(range) => {
            let shelf = Shelf::read(&range.pairs);
            notes.extend(shelf.unreadable.iter().map(|why| format!("a record was left as it is: {why}")));
            shelf
        }
        Err(error) => {
            notes.push(format!("no network or sandbox could be found again: {error}"));
            Shelf { is_blind: true, ..Shelf::default() }
        }
    }
}

/// What the ports of networks are held to from the moment that they are found again.
fn guards(shelf: &Shelf, drivers: &[Arc<dyn Driver>], yard: &Yard) -> Guards {
    let pools =
        shelf.networks.iter().map(|network| (network.name.to_string(), network.pools().map(|pool| pool.subnet).collect()));
    yard.spread(pools.collect());
    let mut guards = Guards::new();
    for network in &shelf.networks {
        // Where a driver is not there, the ports of its networks are held as those of a bridge: nothing goes unguarded.
        let named = |name: &str| drivers.iter().find(|driver| driver.name() == name);
        let Some(driver) = named(&network.spec.driver).or_else(|| named(lanloom_drivers::bridge::NAME)) else { continue };
        let endpoints: Vec<_> =
            shelf.endpoints.iter().filter(|endpoint| endpoint.network == network.id).map(endpoint_spec_of).collect();
        for (port, guard) in driver.guards(&spec_of(network), &endpoints) {
            if let Ok(port) = port.parse() {
                guards.insert((network.name.clone(), port), yard.guard(network.name.as_str(), &guard));
            }
        }
    }
    guards
}

/// After a restart of the machine the namespaces of sandboxes are gone: they are made again before ports are looked for in them.
/// Answers which.
async fn reopen_namespaces(shelf: &Shelf, kernel: &Arc<dyn Kernel>, notes: &mut Vec<String>) -> HashSet<PathBuf> {
    let mut remade = HashSet::new();
    let own = shelf.sandboxes.iter().filter(|sandbox| sandbox.spec.place == SandboxPlace::Own);
    // All are seen at once; those that are not seen are looked for.
    let there: HashSet<String> = kernel.list_netns().await.unwrap_or_default().into_iter().collect();
    let unseen = own.filter(|sandbox| !there.contains(sandbox.name.as_str()));
    for sandbox in unseen.filter(|sandbox| sandbox.state == SandboxState::Ready) {
        let netns = Netns::At(kernel.netns_dir().join(sandbox.name.as_str()));
        let was_there = kernel.netns_exists(&netns).await.unwrap_or(true);
        match open_namespace(&**kernel, sandbox).await {
            Ok(()) if was_there => {}
            Ok(()) => {
                notes.push(format!("the namespace of sandbox {} was gone, and was made again", sandbox.name));
                remade.insert(netns.path());
            }
            Err(error) => notes.push(format!("sandbox {}: {error}", sandbox.name)),
        }
    }
    remade
}

/// What this host's own prefix of IPv6 is made from: chosen once, and kept.
async fn host_id(store: &dyn Store, shelf: &Shelf, notes: &mut Vec<String>) -> String {
    if let Some(known) = &shelf.host_id {
        return known.clone();
    }
    let id = Id::random().to_string();
    if shelf.is_blind {
        // There may be one.
        return id;
    }
    let put = put_host(HOST_ID, &id).map_err(|error| error.to_string());
    let done = match put {
        Ok(put) => store.txn(Txn::of([put])).await.map(drop).map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    notes.extend(done.err().map(|error| format!("the host's prefix of IPv6 will be another at the next start: {error}")));
    id
}
