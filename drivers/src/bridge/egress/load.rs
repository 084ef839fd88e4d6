//! Everything is brought to what the networks that are there want: the firewall, whether the host forwards, and what tables of others
//! accept.

use std::collections::BTreeSet;
use std::sync::PoisonError;

use super::super::forwarding::{Family, look_around, relying, start, stop};
use super::state::State;
use super::words::goes_on;
use super::{Egress, Outcome, PREFIX};
use crate::kernel::{Bystanders, Firewall, Forwarding, Gate, KernelError, Why};

/// How everything is brought to what is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Something has changed: tables are loaded anew.
    Load,
    /// Perhaps nothing has: what is as it should be is left alone.
    Check,
}

impl Egress {
    /// Brings everything to what is wanted, if it is not known to be so.
    pub(super) async fn apply(&self, state: &mut State, way: Way) -> Result<Outcome, KernelError> {
        let empty = state.networks.is_empty();
        if empty && state.bare {
            return Ok(Outcome::default());
        }
        let before = self.kernel.forwarding().await?;
        let right = state.right.take().filter(|right| *right == before);
        // A program that is missing may be there by now, and no number tells.
        let is_quiet = way == Way::Check && right.is_some() && (state.missing.is_none() || before.generation.is_none());
        if is_quiet && (before.is_counted() || state.rests()) {
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
        } else if !(quiet && before.is_counted() && state.others.is_some()) {
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
        if looked.is_some() || !quiet && found != Bystanders::default() {
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
        let renew = started.is_some();
        Ok(Outcome { renew, notes: looked.into_iter().chain(started).flatten().collect(), obstacle: None })
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
