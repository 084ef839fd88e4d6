//! The way out of the host, which all networks share: the firewall, whole, and that the host forwards.
//!
//! Whatever changes, everything is brought to what the networks that are there want ([`Egress::apply`]); undoing is the same with
//! one network less. That the host forwarded nothing before we came has to be known after a restart too: a table without any network,
//! the marker, says so for as long as we have it forward.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::layout::Layout;
use crate::driver::{DriverError, DriverErrorKind};
use crate::kernel::{Firewall, IfName, Kernel, KernelError, Netns, Opened, SysctlKey, TableName, Why};

/// Whether the host forwards IPv4, and IPv6.
const FORWARD_V4: &str = "net.ipv4.ip_forward";
const FORWARD_V6: &str = "net.ipv6.conf.all.forwarding";

/// What to know once IPv6 is forwarded (`accept_ra` in the kernel's ip-sysctl.rst).
const ROUTER_NOTE: &str = "IPv6 forwarding was switched on: an interface of this host that learns its routes from router \
                           advertisements needs accept_ra=2 from now on";

/// The way out of the host.
pub(super) struct Egress {
    kernel: Arc<dyn Kernel>,
    table: TableName,
    marker: TableName,
    /// What marks our rules in tables of others.
    comment: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The networks with a gateway, by id.
    networks: BTreeMap<String, Arc<Layout>>,
    /// Whether the host forwards only because of us; unknown until looked at.
    was_off: Option<bool>,
    /// Whether the firewall is loaded.
    loaded: bool,
    /// Why it cannot be.
    missing: Option<String>,
    /// Where tables of others accept our packets.
    opened: Vec<Opened>,
    /// Whether it is known that no table of others has a rule of ours.
    nowhere: bool,
    /// Whether it is known that there is nothing of ours at all.
    bare: bool,
}

/// How everything is brought to what is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Something has changed: tables are loaded anew.
    Load,
    /// Perhaps nothing has: what is as it should be is left alone.
    Check,
}

/// What came of a change.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// A line for each thing that is to be known.
    pub(super) notes: Vec<String>,
    /// Whether the settings of all gateways have to be written again: the kernel has changed them, or more is allowed now.
    pub(super) renew: bool,
    /// The table of others that drops what is forwarded and has no place for a rule of ours.
    pub(super) obstacle: Option<KernelError>,
}

/// A family of addresses that is to be forwarded.
struct Family {
    key: SysctlKey,
    wanted: bool,
    is_on: bool,
}

impl Egress {
    /// The way out for a daemon whose instance has that name: one kernel may have several.
    pub(super) fn new(kernel: Arc<dyn Kernel>, instance: &str) -> Result<Self, DriverError> {
        let table = |suffix: &str| {
            TableName::new(&format!("lanloom-{instance}{suffix}"))
                .map_err(|error| DriverError::kernel("name the firewall's table of", instance, &error))
        };
        let comment = format!("lanloom:{instance}");
        Ok(Self { kernel, table: table("")?, marker: table("-forwards")?, comment, state: Mutex::default() })
    }

    /// Knows of a network, for the next change to open it.
    pub(super) async fn know(&self, layout: &Arc<Layout>) {
        self.state.lock().await.networks.insert(layout.spec.id.clone(), Arc::clone(layout));
    }

    /// Opens a network's way out, or keeps an internal one in. One whose packets a table of others would drop is refused.
    pub(super) async fn open(&self, layout: &Arc<Layout>) -> Result<Outcome, KernelError> {
        let mut state = self.state.lock().await;
        let before = state.networks.insert(layout.spec.id.clone(), Arc::clone(layout));
        let opened = state.opened.clone();
        let done = self.apply(&mut state, Way::Load).await.and_then(|mut outcome| match outcome.obstacle.take() {
            Some(error) if !layout.spec.internal => Err(error),
            Some(_) | None => {
                outcome.notes.extend(state.opened.iter().filter(|place| !opened.contains(place)).map(accepts));
                outcome.notes.extend(state.missing.as_ref().filter(|_| !layout.spec.internal).map(closed));
                Ok(outcome)
            }
        });
        if let (Err(_), Some(before)) = (&done, before) {
            state.networks.insert(layout.spec.id.clone(), before);
        }
        done
    }

    /// Closes a network's way out; on failure it is still to be closed.
    pub(super) async fn close(&self, id: &str) -> Result<(), KernelError> {
        let mut state = self.state.lock().await;
        let Some(layout) = state.networks.remove(id) else { return Ok(()) };
        let done = self.apply(&mut state, Way::Load).await.map(drop);
        if done.is_err() {
            state.networks.insert(id.to_owned(), layout);
        }
        done
    }

    /// Brings everything to what the known networks want, if it is not so.
    pub(super) async fn settle(&self) -> Result<Outcome, KernelError> {
        let mut state = self.state.lock().await;
        let mut outcome = self.apply(&mut state, Way::Check).await?;
        let wanted = state.networks.values().any(|layout| !layout.spec.internal);
        let why = state.missing.clone().or_else(|| outcome.obstacle.take().map(|error| error.to_string()));
        outcome.notes.extend(why.filter(|_| wanted).as_ref().map(closed));
        Ok(outcome)
    }

    /// Whether what leaves a gateway may be forwarded.
    pub(super) async fn is_open(&self) -> bool {
        self.state.lock().await.loaded
    }

    /// Where tables of others accept our packets.
    pub(super) async fn opened(&self) -> Vec<Opened> {
        self.state.lock().await.opened.clone()
    }

    /// Why networks have no way out of the host, if they have none.
    pub(super) async fn missing(&self) -> Option<String> {
        self.state.lock().await.missing.clone()
    }

    async fn apply(&self, state: &mut State, way: Way) -> Result<Outcome, KernelError> {
        let (before, empty) = (state.loaded, state.networks.is_empty());
        if empty && state.bare {
            return Ok(Outcome::default());
        }
        state.bare = false;
        match self.load(state, way).await {
            Ok(mut outcome) => {
                outcome.obstacle = self.pass_obstacles(state).await?;
                (state.loaded, state.bare) = (!empty, empty);
                state.missing = None;
                outcome.renew |= state.loaded && !before;
                Ok(outcome)
            }
            Err(error) if matches!(error.why(), Why::MissingTool { .. } | Why::Unsupported) => {
                state.loaded = false;
                state.missing = Some(format!("{}; {}", error.why(), error.hint()));
                Ok(Outcome { renew: before, ..Outcome::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// The firewall is there before the host forwards, and goes after it has stopped.
    async fn load(&self, state: &mut State, way: Way) -> Result<Outcome, KernelError> {
        let was_off = match state.was_off {
            Some(known) => known,
            None => self.kernel.firewall_intact(&self.empty(&self.marker)).await?,
        };
        state.was_off = Some(was_off);
        let families = self.families(state).await?;
        let wanted = families.iter().any(|family| family.wanted);
        let is_off = families.iter().all(|family| !family.is_on);
        if wanted && (is_off && !was_off || was_off && way == Way::Check) {
            self.set(&self.empty(&self.marker), way).await?;
            state.was_off = Some(true);
        }
        let stop = was_off && !wanted;
        if stop {
            let on: Vec<_> =
                families.iter().filter(|family| family.is_on).map(|family| (family.key.clone(), "0".into())).collect();
            self.kernel.set_sysctl(&Netns::Daemon, &on).await?;
        }
        match state.networks.is_empty() {
            true => self.kernel.delete_firewall(&self.table).await?,
            false => self.set(&self.firewall(state, state.was_off == Some(true) && wanted), way).await?,
        }
        if stop {
            self.kernel.delete_firewall(&self.marker).await?;
            state.was_off = Some(false);
        }
        self.switch_on(&families).await
    }

    async fn set(&self, firewall: &Firewall, way: Way) -> Result<(), KernelError> {
        match way {
            Way::Check if self.kernel.firewall_intact(firewall).await? => Ok(()),
            Way::Check | Way::Load => self.kernel.set_firewall(firewall).await,
        }
    }

    async fn switch_on(&self, families: &[Family]) -> Result<Outcome, KernelError> {
        let off: Vec<_> = families.iter().filter(|family| family.wanted && !family.is_on).collect();
        let keys: Vec<_> = off.iter().map(|family| (family.key.clone(), "1".to_owned())).collect();
        if keys.is_empty() {
            return Ok(Outcome::default());
        }
        self.kernel.set_sysctl(&Netns::Daemon, &keys).await?;
        let v6 = off.iter().any(|family| family.key.to_string() == FORWARD_V6);
        Ok(Outcome { notes: v6.then(|| ROUTER_NOTE.to_owned()).into_iter().collect(), renew: true, obstacle: None })
    }

    /// Has tables of others accept what is forwarded for us, and no more; the one that cannot, if one cannot.
    async fn pass_obstacles(&self, state: &mut State) -> Result<Option<KernelError>, KernelError> {
        let open: Vec<IfName> =
            state.networks.values().filter(|layout| !layout.spec.internal).map(|layout| layout.ifname.clone()).collect();
        if open.is_empty() {
            if !state.nowhere {
                self.kernel.close_forward(&self.comment).await?;
            }
            (state.nowhere, state.opened) = (true, Vec::new());
            return Ok(None);
        }
        state.nowhere = false;
        match self.kernel.open_forward(&open, &self.comment).await {
            Ok(opened) => {
                state.opened = opened;
                Ok(None)
            }
            Err(error) if matches!(error.why(), Why::NoPlace { .. }) => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// What is wanted of each family, and how it is; a kernel without IPv6 has but one.
    async fn families(&self, state: &State) -> Result<Vec<Family>, KernelError> {
        let mut families = Vec::new();
        for (key, v4) in [(FORWARD_V4, true), (FORWARD_V6, false)] {
            let key = SysctlKey::new(key)?;
            let wanted = state.networks.values().any(|layout| layout.forwards(v4));
            match self.kernel.sysctl(&Netns::Daemon, &key).await {
                Ok(value) => families.push(Family { key, wanted, is_on: value != "0" }),
                Err(error) if error.why() == &Why::NoSuchSetting && !wanted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(families)
    }

    fn firewall(&self, state: &State, forwarding_was_off: bool) -> Firewall {
        let networks = state.networks.values().flat_map(|layout| layout.egress()).collect();
        Firewall { table: self.table.clone(), networks, forwarding_was_off }
    }

    fn empty(&self, table: &TableName) -> Firewall {
        Firewall { table: table.clone(), networks: Vec::new(), forwarding_was_off: false }
    }
}

/// That nothing leaves the host.
fn closed(why: &String) -> String {
    format!("there is no way out of the host: {why}")
}

/// That a table of others has rules of ours.
fn accepts(place: &Opened) -> String {
    let Opened { family, table, chain } = place;
    format!(
        "chain {chain} of table {family} {table} accepts what goes through our gateways now, and no more once they are gone"
    )
}

/// What the kernel refused about the way out, for a network.
pub(super) fn refused(what: &str, network: &str, error: &KernelError) -> DriverError {
    let failed = DriverError::kernel(what, network, error);
    // Whatever it was, it is not that the network is there or not.
    DriverError { kind: DriverErrorKind::Failed, ..failed }
}
