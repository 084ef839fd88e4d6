//! The way out of the host, which all networks share: the firewall, whole, and that the host forwards.
//!
//! Whatever changes, everything is brought to what the networks that are there want ([`Egress::apply`]); undoing is the same with
//! one network less. What the host was before it forwarded for us has to be known after a restart too: the table itself says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use tokio::sync::Mutex;

use super::forwarding::{Family, look_around, relying, start, stop};
use super::layout::Layout;
use crate::driver::{DriverError, DriverErrorKind, NO_WAY_OUT};
use crate::kernel::{Bystanders, Firewall, Forwarding, Gate, IfName, Kernel, KernelError, Opened, Others, TableName, Why};

/// What the names of all daemons' tables begin with.
const PREFIX: &str = "lanloom-";

/// Tables of `iptables` before nftables have no number that tells of changes: every so many quiet looks they are read.
const OF_OLD_EVERY: u32 = 5;

/// The way out of the host.
pub(super) struct Egress {
    kernel: Arc<dyn Kernel>,
    table: TableName,
    /// What marks our rules in tables of others.
    comment: String,
    state: Mutex<State>,
    /// Why nothing leaves the host, for whoever cannot wait for a change to end.
    closed: std::sync::Mutex<Option<String>>,
}

#[derive(Default)]
struct State {
    /// The networks with a gateway, by id.
    networks: BTreeMap<String, Arc<Layout>>,
    /// Those of which something may be loaded: closing any other changes nothing.
    begun: BTreeSet<String>,
    /// Who was there when the host began to forward for us; unknown until looked at.
    found: Option<Bystanders>,
    /// Whether the host forwarded IPv4, and IPv6, when a network first needed it.
    forwarded: [bool; 2],
    /// The gateways that an earlier start left in the table.
    earlier: BTreeSet<IfName>,
    /// The gateway of a network that goes.
    leaving: Option<IfName>,
    /// Whether the firewall is loaded.
    loaded: bool,
    /// What was loaded last.
    last: Option<Firewall>,
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
    /// What others' firewalls held then, if that was looked at.
    others: Option<Others>,
    /// Why that could not be looked at, if it could not.
    unread: Option<String>,
    /// Quiet looks since tables of old were read.
    looks: u32,
    /// The table that drops what we have forwarded, if one does.
    obstacle: Option<String>,
    /// That the host goes on forwarding for others.
    stays: Vec<String>,
    /// What is not as it should be, as it was said last.
    told: Vec<String>,
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

impl Egress {
    /// The way out for a daemon whose instance has that name: one kernel may have several.
    pub(super) fn new(kernel: Arc<dyn Kernel>, instance: &str) -> Result<Self, DriverError> {
        let table = TableName::new(&format!("{PREFIX}{instance}"))
            .map_err(|error| DriverError::kernel("name the firewall's table of", instance, &error))?;
        let comment = format!("lanloom:{instance}");
        Ok(Self { kernel, table, comment, state: Mutex::default(), closed: std::sync::Mutex::default() })
    }

    /// Knows of a network, for the next change to open it.
    pub(super) async fn know(&self, layout: &Arc<Layout>) {
        let mut state = self.state.lock().await;
        state.right = None;
        state.begun.insert(layout.spec.id.clone());
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
                outcome.notes.extend(state.unread.as_ref().filter(|_| !layout.spec.internal).map(uncertain));
                Ok(outcome)
            }
        });
        if let (Err(_), Some(before)) = (&done, before) {
            state.networks.insert(layout.spec.id.clone(), before);
        }
        done
    }

    /// Closes a network's way out; on failure it is still to be closed. That of one of which nothing was loaded needs no rights.
    pub(super) async fn close(&self, id: &str) -> Result<(), KernelError> {
        let mut state = self.state.lock().await;
        let Some(layout) = state.networks.remove(id) else { return Ok(()) };
        if !state.begun.contains(id) {
            state.right = None;
            return Ok(());
        }
        state.leaving = Some(layout.ifname.clone());
        let done = self.apply(&mut state, Way::Load).await.map(drop);
        state.leaving = None;
        match done.is_err() {
            true => drop(state.networks.insert(id.to_owned(), layout)),
            false => drop(state.begun.remove(id)),
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
        let unread = state.unread.as_ref().filter(|_| wanted).map(uncertain);
        let tell: Vec<_> = why.as_ref().map(closed).into_iter().chain(unread).chain(state.stays.iter().cloned()).collect();
        outcome.notes.extend(tell.iter().filter(|one| !state.told.contains(one)).cloned());
        state.told = tell;
        Ok(outcome)
    }

    /// Whether what leaves a gateway may be forwarded.
    pub(super) async fn is_open(&self) -> bool {
        self.state.lock().await.loaded
    }

    /// Why nothing leaves the host, as far as it was seen last.
    pub(super) fn closed(&self) -> Option<String> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let is_quiet = way == Way::Check && right.is_some() && (state.missing.is_none() || before.generation.is_none());
        if is_quiet && (is_counted(&before) || state.rests()) {
            state.right = right;
            return Ok(Outcome { renew: state.missing.is_some(), ..Outcome::default() });
        }
        (state.bare, state.transactions) = (false, 0);
        let mut outcome = self.bring(state, way, &before, right.is_some()).await?;
        // Without a firewall, that gateways do not forward is all that keeps networks in, and it may have been otherwise in between.
        outcome.renew |= way == Way::Check && (right.is_none() || state.missing.is_some());
        let after = self.kernel.forwarding().await?;
        state.right = after.follows(&before, state.transactions).then_some(after);
        state.bare = empty && state.missing.is_none() && state.found == Some(Bystanders::default());
        Ok(outcome)
    }

    /// Brings everything to what is wanted; `quiet`: nobody else has changed anything since all was right.
    async fn bring(&self, state: &mut State, way: Way, before: &Forwarding, quiet: bool) -> Result<Outcome, KernelError> {
        let was_loaded = state.loaded;
        let done = match self.bring_all(state, way, before, quiet).await {
            Ok(mut outcome) => {
                state.obstacle = outcome.obstacle.as_ref().map(ToString::to_string);
                state.loaded = !state.networks.is_empty();
                state.missing = None;
                outcome.renew |= state.loaded && !was_loaded;
                Ok(outcome)
            }
            Err(error) if matches!(error.why(), Why::MissingTool { .. } | Why::Unsupported) => {
                (state.loaded, state.unread) = (false, None);
                state.missing = Some(format!("{}; {}", error.why(), error.hint()));
                Ok(Outcome { renew: was_loaded, ..Outcome::default() })
            }
            Err(error) => Err(error),
        };
        let why = state.missing.as_ref().or(state.obstacle.as_ref());
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = why.cloned();
        done
    }

    async fn bring_all(&self, state: &mut State, way: Way, before: &Forwarding, quiet: bool) -> Result<Outcome, KernelError> {
        if state.networks.is_empty() {
            // Nobody needs to know, until there is a network again.
            (state.others, state.unread) = (None, None);
        } else if !(quiet && is_counted(before) && state.others.is_some()) {
            self.look_at_others(state, way).await?;
        }
        let mut outcome = self.load(state, way, before, quiet).await?;
        outcome.obstacle = self.pass_obstacles(state).await?;
        Ok(outcome)
    }

    /// Reads what others' firewalls hold. What cannot be read keeps nobody from having a firewall: what was known of it stays known. Only
    /// the first network is refused where reading failed and not for want of a program.
    async fn look_at_others(&self, state: &mut State, way: Way) -> Result<(), KernelError> {
        match self.kernel.others().await {
            Ok(others) => (state.others, state.unread) = (Some(others), None),
            Err(error) => {
                let is_lacking = matches!(error.why(), Why::MissingTool { .. } | Why::Unsupported);
                if way == Way::Load && state.others.is_none() && !is_lacking {
                    return Err(error);
                }
                state.unread = Some(format!("{}; {}", error.why(), error.hint()));
            }
        }
        Ok(())
    }

    /// The firewall is there before the host forwards, and goes after it has stopped.
    async fn load(&self, state: &mut State, way: Way, before: &Forwarding, quiet: bool) -> Result<Outcome, KernelError> {
        let kernel = &*self.kernel;
        let mut found = match &state.found {
            Some(known) => known.clone(),
            None => {
                state.earlier = kernel.gateways(PREFIX).await?.remove(&self.table).unwrap_or_default();
                kernel.bystanders(&self.table).await?
            }
        };
        let own: BTreeSet<_> =
            state.networks.values().map(|layout| layout.ifname.clone()).chain(state.leaving.clone()).collect();
        let own = &own | &state.earlier;
        let wanted = [true, false].map(|v4| state.networks.values().any(|layout| layout.forwards(v4)));
        let families = Family::all(wanted, before, state.forwarded)?;
        let looked = look_around(kernel, &families, &mut found, &own).await?;
        if looked || !quiet && found != Bystanders::default() {
            // Those of a daemon that starts at the same time may have been there before it has the host forward.
            let others = kernel.gateways(PREFIX).await?.into_iter().filter(|(table, _)| *table != self.table);
            found = found.without(&others.flat_map(|(_, gateways)| gateways).collect());
        }
        state.found = Some(found.clone());
        let begin: Vec<_> = state.networks.keys().cloned().collect();
        state.begun.extend(begin);
        let unwanted = families.iter().filter(|family| !family.wanted && found.of(family.v4).is_some());
        let (mut ending, mut stays) = (Vec::new(), Vec::new());
        for family in unwanted {
            let others = relying(kernel, family, &found, &own).await?;
            if others.is_empty() { ending.push(family) } else { stays.push(goes_on(family, &others)) }
        }
        state.stays = stays;
        if !ending.is_empty() {
            stop(kernel, &ending, &mut found).await?;
        }
        let firewall = self.firewall(state, found.clone().without(&own));
        match firewall.networks.is_empty() && found == Bystanders::default() {
            true => self.delete(state).await?,
            false => self.set(state, firewall, way, quiet).await?,
        }
        state.found = Some(found.clone());
        let started = start(kernel, &families, &found).await?;
        state.forwarded = [true, false].map(|v4| wanted[usize::from(!v4)] && found.of(v4).is_none());
        Ok(Outcome { renew: started.is_some(), notes: started.unwrap_or_default(), obstacle: None })
    }

    async fn set(&self, state: &mut State, firewall: Firewall, way: Way, quiet: bool) -> Result<(), KernelError> {
        let last = state.last.take().filter(|last| quiet && firewall.extends(last));
        match way {
            Way::Check if self.kernel.firewall_intact(&firewall).await? => {}
            Way::Check | Way::Load => {
                self.load_rules(last.as_ref(), &firewall).await?;
                state.transactions += 1;
            }
        }
        state.last = Some(firewall);
        Ok(())
    }

    /// Adds to what is loaded, if that is known to be there still and is all there is to do.
    async fn load_rules(&self, loaded: Option<&Firewall>, firewall: &Firewall) -> Result<(), KernelError> {
        match loaded {
            // Whatever is in the way: making the table anew puts it right, or fails too and says why.
            Some(loaded) if self.kernel.extend_firewall(loaded, firewall).await.is_ok() => Ok(()),
            Some(_) | None => self.kernel.set_firewall(firewall).await,
        }
    }

    async fn delete(&self, state: &mut State) -> Result<(), KernelError> {
        state.last = None;
        self.kernel.delete_firewall(&self.table).await?;
        state.transactions += 1;
        Ok(())
    }

    /// Has tables of others accept what is forwarded for us, and no more; the one that cannot, if one cannot.
    async fn pass_obstacles(&self, state: &mut State) -> Result<Option<KernelError>, KernelError> {
        let gates: Vec<Gate> = state.networks.values().filter_map(|layout| layout.gate()).collect();
        if gates.is_empty() {
            if !state.nowhere {
                self.kernel.close_forward(&self.comment).await?;
            }
            (state.nowhere, state.opened) = (true, Vec::new());
            return Ok(None);
        }
        let obstacles = state.others.as_ref().map(|others| others.obstacles.as_slice()).unwrap_or_default();
        if obstacles.is_empty() {
            // What could not be read may still be in the way.
            if !state.nowhere && state.unread.is_none() {
                self.kernel.close_forward(&self.comment).await?;
                (state.nowhere, state.opened) = (true, Vec::new());
            }
            return Ok(None);
        }
        state.nowhere = false;
        match self.kernel.open_forward(obstacles, &gates, &self.comment).await {
            Ok(opened) => {
                state.opened = opened;
                Ok(None)
            }
            Err(error) if matches!(error.why(), Why::NoPlace { .. }) => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    fn firewall(&self, state: &State, bystanders: Bystanders) -> Firewall {
        let networks = state.networks.values().flat_map(|layout| layout.egress()).collect();
        let bridges = state.others.as_ref().map(|others| others.bridges.clone()).unwrap_or_default();
        Firewall { table: self.table.clone(), networks, bystanders, bridges }
    }
}

impl State {
    /// Whether tables of old need not be read this time.
    fn rests(&mut self) -> bool {
        self.looks = (self.looks + 1) % OF_OLD_EVERY;
        self.looks != 0
    }
}

/// Whether every change of others' rules moves the kernel's number: not where there are tables of `iptables` before nftables.
fn is_counted(forwarding: &Forwarding) -> bool {
    forwarding.legacy.iter().all(|names| !names.lines().any(|name| name == "filter"))
}

/// That others may drop what is forwarded.
fn uncertain(why: &String) -> String {
    format!("whether other firewalls drop what leaves sandboxes cannot be seen: {why}")
}

/// That the host forwards a family though none of our networks needs it.
fn goes_on(family: &Family, others: &BTreeSet<IfName>) -> String {
    let others: Vec<_> = others.iter().map(IfName::as_str).collect();
    format!("the host goes on forwarding {} for what came after it began to: {}", family.name(), others.join(", "))
}

/// That nothing leaves the host.
fn closed(why: &String) -> String {
    format!("{NO_WAY_OUT}: {why}")
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
