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
use crate::kernel::{
    FORWARD_V4, FORWARD_V6, Firewall, Forwarding, IfName, Kernel, KernelError, Netns, Opened, SysctlKey, TableName, Why,
};

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
    /// How the host forwarded when all was right; unknown where somebody else may have changed something meanwhile.
    right: Option<Forwarding>,
    /// Transactions of ours since that was looked at.
    transactions: u32,
    /// Whether no table of others dropped what is forwarded then, nor could without being seen to.
    clear: bool,
    /// The table that drops what we have forwarded, if one does.
    obstacle: Option<String>,
    /// Why nothing leaves the host, as it was said last.
    told: Option<String>,
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
        let mut state = self.state.lock().await;
        state.right = None;
        state.networks.insert(layout.spec.id.clone(), Arc::clone(layout));
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

    /// Brings everything to what the known networks want, if it is not so. Where nobody has changed anything since the last time,
    /// that costs one message to the kernel. What is said was not said the last time.
    pub(super) async fn settle(&self) -> Result<Outcome, KernelError> {
        let mut state = self.state.lock().await;
        let mut outcome = self.apply(&mut state, Way::Check).await?;
        let wanted = state.networks.values().any(|layout| !layout.spec.internal);
        let why = state.missing.clone().or_else(|| state.obstacle.clone()).filter(|_| wanted);
        outcome.notes.extend(why.as_ref().filter(|why| state.told.as_ref() != Some(why)).map(closed));
        state.told = why;
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
        let empty = state.networks.is_empty();
        if empty && state.bare {
            return Ok(Outcome::default());
        }
        let before = self.kernel.forwarding().await?;
        let right = state.right.take().filter(|right| *right == before);
        // A program that is missing may be there by now, and no number tells.
        if way == Way::Check && right.is_some() && (state.missing.is_none() || before.generation.is_none()) {
            state.right = right;
            return Ok(Outcome { renew: state.missing.is_some(), ..Outcome::default() });
        }
        (state.bare, state.transactions) = (false, 0);
        let mut outcome = self.bring(state, way, &before, right.is_some()).await?;
        // Without a firewall, that gateways do not forward is all that keeps networks in, and it may have been otherwise in between.
        outcome.renew |= way == Way::Check && (right.is_none() || state.missing.is_some());
        let after = self.kernel.forwarding().await?;
        state.right = after.follows(&before, state.transactions).then_some(after);
        state.bare = empty && state.missing.is_none();
        Ok(outcome)
    }

    /// Brings everything to what is wanted; `quiet`: nobody else has changed anything since all was right.
    async fn bring(&self, state: &mut State, way: Way, before: &Forwarding, quiet: bool) -> Result<Outcome, KernelError> {
        let was_loaded = state.loaded;
        match self.load(state, way, before).await {
            Ok(mut outcome) => {
                let is_clear = quiet && state.clear && self.kernel.forwarding().await?.follows(before, state.transactions);
                if !is_clear || state.networks.is_empty() {
                    outcome.obstacle = self.pass_obstacles(state, before).await?;
                }
                state.obstacle = outcome.obstacle.as_ref().map(ToString::to_string);
                state.loaded = !state.networks.is_empty();
                state.missing = None;
                outcome.renew |= state.loaded && !was_loaded;
                Ok(outcome)
            }
            Err(error) if matches!(error.why(), Why::MissingTool { .. } | Why::Unsupported) => {
                state.loaded = false;
                state.missing = Some(format!("{}; {}", error.why(), error.hint()));
                Ok(Outcome { renew: was_loaded, ..Outcome::default() })
            }
            Err(error) => Err(error),
        }
    }

    /// The firewall is there before the host forwards, and goes after it has stopped.
    async fn load(&self, state: &mut State, way: Way, before: &Forwarding) -> Result<Outcome, KernelError> {
        let was_off = match state.was_off {
            Some(known) => known,
            None => self.kernel.firewall_intact(&self.empty(&self.marker)).await?,
        };
        state.was_off = Some(was_off);
        let families = families(state, before)?;
        let wanted = families.iter().any(|family| family.wanted);
        let is_off = families.iter().all(|family| !family.is_on);
        if wanted && (is_off && !was_off || was_off && way == Way::Check) {
            self.set(state, &self.empty(&self.marker), way).await?;
            state.was_off = Some(true);
        }
        let stop = was_off && !wanted;
        if stop {
            let on: Vec<_> =
                families.iter().filter(|family| family.is_on).map(|family| (family.key.clone(), "0".into())).collect();
            self.kernel.set_sysctl(&Netns::Daemon, &on).await?;
        }
        match state.networks.is_empty() {
            true => self.delete(state, &self.table).await?,
            false => self.set(state, &self.firewall(state, state.was_off == Some(true) && wanted), way).await?,
        }
        if stop {
            self.delete(state, &self.marker).await?;
            state.was_off = Some(false);
        }
        self.switch_on(&families).await
    }

    async fn set(&self, state: &mut State, firewall: &Firewall, way: Way) -> Result<(), KernelError> {
        match way {
            Way::Check if self.kernel.firewall_intact(firewall).await? => return Ok(()),
            Way::Check | Way::Load => {}
        }
        self.kernel.set_firewall(firewall).await?;
        state.transactions += 1;
        Ok(())
    }

    async fn delete(&self, state: &mut State, table: &TableName) -> Result<(), KernelError> {
        self.kernel.delete_firewall(table).await?;
        state.transactions += 1;
        Ok(())
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
    async fn pass_obstacles(&self, state: &mut State, before: &Forwarding) -> Result<Option<KernelError>, KernelError> {
        let open: Vec<IfName> =
            state.networks.values().filter(|layout| !layout.spec.internal).map(|layout| layout.ifname.clone()).collect();
        if open.is_empty() {
            if !state.nowhere {
                self.kernel.close_forward(&self.comment).await?;
            }
            (state.nowhere, state.opened, state.clear) = (true, Vec::new(), false);
            return Ok(None);
        }
        state.nowhere = false;
        match self.kernel.open_forward(&open, &self.comment).await {
            Ok(opened) => {
                let countable = before.legacy.iter().all(|names| !names.lines().any(|name| name == "filter"));
                state.clear = opened.is_empty() && countable;
                state.opened = opened;
                Ok(None)
            }
            Err(error) if matches!(error.why(), Why::NoPlace { .. }) => Ok(Some(error)),
            Err(error) => Err(error),
        }
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

/// What is wanted of each family, and how it is; a kernel without IPv6 has but one.
fn families(state: &State, now: &Forwarding) -> Result<Vec<Family>, KernelError> {
    let mut families = Vec::new();
    for (key, v4, is_on) in [(FORWARD_V4, true, now.v4), (FORWARD_V6, false, now.v6)] {
        let wanted = state.networks.values().any(|layout| layout.forwards(v4));
        match is_on {
            Some(is_on) => families.push(Family { key: SysctlKey::new(key)?, wanted, is_on }),
            None if wanted => return Err(KernelError::new("having the host forward", key, Why::NoSuchSetting)),
            None => {}
        }
    }
    Ok(families)
}
