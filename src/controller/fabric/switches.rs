//! Making, setting and deleting switches.

use super::records::{self, switch_key};
use super::refusal::Attempt;
use super::registry::{Origin, SwitchEntry, SwitchView};
use super::{EventKind, Inner, Refusal};
use crate::config::{AGEING_SECS, SwitchSettings};
use crate::names::Name;
use crate::store::{Compare, Operation, RecordError, Txn};
use lanloom_switch_core::SwitchConfig;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

pub(super) fn view(entry: &SwitchEntry, what: &'static str) -> Result<SwitchView, Refusal> {
    let status = entry.handle.status().map_err(|gone| Attempt::new(what, &entry.name).engine(gone))?;
    Ok(SwitchView { name: entry.name.clone(), origin: entry.origin, settings: entry.settings(), status })
}

/// A record that JSON cannot say: a fault of ours.
pub(super) fn unsaid(attempt: &Attempt) -> impl Fn(RecordError) -> Refusal + '_ {
    |error| attempt.failed(error, "report it")
}

fn check(attempt: &Attempt, settings: &SwitchSettings) -> Result<(), Refusal> {
    if !AGEING_SECS.contains(&settings.ageing) {
        let hint = format!("write {} to {}", AGEING_SECS.start(), AGEING_SECS.end());
        return Err(attempt.invalid(format!("an ageing time of {} seconds is not possible", settings.ageing), hint));
    }
    if settings.fdb_limit == 0 {
        return Err(attempt.invalid("a filtering database of no entries is not possible", "write at least 1"));
    }
    Ok(())
}

/// Whether `by` may delete what `origin` made: a command may not delete what the file or a network made.
pub(super) fn allow(attempt: &Attempt, origin: Origin, by: Origin) -> Result<(), Refusal> {
    match (by, origin) {
        (Origin::Command, Origin::Config) => {
            Err(attempt.conflict("the configuration file made it", "take it out of the file, then `lanloom config reload`"))
        }
        (Origin::Command, Origin::Network) => {
            let hint = "it goes with `lanloom network disconnect` or `lanloom network rm`";
            Err(attempt.conflict("a network made it", hint))
        }
        (Origin::Command, Origin::Command) | (Origin::Config | Origin::Network, _) => Ok(()),
    }
}

impl Inner {
    pub(super) async fn create_switch(&self, name: &Name, settings: SwitchSettings, origin: Origin) -> Result<(), Refusal> {
        let attempt = Attempt::new("create switch", name);
        check(&attempt, &settings)?;
        if let Some(other) = self.switches.get(name).map(|entry| entry.origin) {
            let by = match other {
                Origin::Command => "a command made a switch of that name",
                Origin::Config => "the configuration file made a switch of that name",
                Origin::Network => "there is a network of that name, whose switch it is",
            };
            return Err(attempt.conflict(by, "choose another name, or delete that one"));
        }
        let entry = self.start_switch(&attempt, name, &settings, origin)?;
        if origin.is_recorded() {
            let put = records::put_switch(name, &settings, origin).map_err(unsaid(&attempt))?;
            let txn = Txn::of([put]).only_if(Compare::Absent(switch_key(name)));
            if let Err(refusal) = self.commit(&attempt, txn).await {
                return Err(refusal.and(entry.handle.delete().map_err(|gone| attempt.engine(gone))));
            }
        }
        self.switches.insert(name.clone(), entry);
        self.tell(EventKind::SwitchCreated { switch: name.to_string() });
        Ok(())
    }

    /// Makes it on an engine thread, and nowhere else yet.
    pub(super) fn start_switch(
        &self,
        attempt: &Attempt,
        name: &Name,
        settings: &SwitchSettings,
        origin: Origin,
    ) -> Result<Arc<SwitchEntry>, Refusal> {
        let config = SwitchConfig { fdb: settings.limits(), seed: seed_for(name) };
        let handle = self.engines.create_switch(name.as_str(), config).map_err(|gone| attempt.engine(gone))?;
        Ok(Arc::new(SwitchEntry::new(name.clone(), origin, handle, settings.clone())))
    }

    pub(super) async fn set_switch(&self, name: &Name, change: impl FnOnce(&mut SwitchSettings)) -> Result<(), Refusal> {
        let attempt = Attempt::new("set switch", name);
        let entry = self.entry(&attempt, name)?;
        let old = entry.settings();
        let mut new = old.clone();
        change(&mut new);
        if new == old {
            return Ok(());
        }
        check(&attempt, &new)?;
        if new.fdb_limit != old.fdb_limit {
            let why = "the size of its filtering database is fixed when it is made";
            return Err(attempt.invalid(why, "delete it and create it anew"));
        }
        if entry.origin.is_recorded() {
            let put = records::put_switch(name, &new, entry.origin).map_err(unsaid(&attempt))?;
            self.commit(&attempt, Txn::of([put])).await?;
        }
        entry.handle.set_ageing(new.ageing).map_err(|gone| attempt.engine(gone))?;
        entry.note_settings(new);
        self.tell(EventKind::SwitchSet { switch: name.to_string() });
        Ok(())
    }

    pub(super) async fn delete_switch(&self, name: &Name, by: Origin) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete switch", name);
        let entry = self.entry(&attempt, name)?;
        allow(&attempt, entry.origin, by)?;
        if by == Origin::Network {
            let others = entry.ports_in_order().into_iter().filter(|port| port.origin != Origin::Network);
            let others: Vec<String> = others.map(|port| port.spec.name.to_string()).collect();
            if !others.is_empty() {
                let why = format!("ports were plugged into its switch by hand: {}", others.join(", "));
                return Err(attempt.conflict(why, format!("delete these with `lanloom port delete {name} PORT`")));
            }
        }
        let mut left = Vec::new();
        for port in entry.ports_in_order() {
            // The switch takes its ports with it, whoever made them.
            if let Err(refusal) = self.delete_port(name, &port.spec.name, port.origin).await {
                left.push(format!("{}: {}", port.spec.name, refusal.why));
            }
        }
        if !left.is_empty() {
            let why = format!("ports of it could not be deleted: {}", left.join("; "));
            return Err(attempt.failed(why, "see to these, and try again; the other ports are gone"));
        }
        if entry.origin.is_recorded() {
            self.commit(&attempt, Txn::of([Operation::Delete { key: switch_key(name) }])).await?;
        }
        // Its thread may have ended; then it is gone all the same.
        let _ = entry.handle.delete();
        self.switches.remove(name);
        self.tell(EventKind::SwitchDeleted { switch: name.to_string() });
        Ok(())
    }
}

/// Who sends frames chooses their addresses, so the hash of a switch's filtering database starts where nobody knows.
fn seed_for(name: &Name) -> u64 {
    RandomState::new().hash_one(name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_knows_the_seed_of_a_switch_by_its_name() {
        let name: Name = "s1".parse().expect("a name");
        let seeds = [(); 8].map(|()| seed_for(&name));
        assert!((1..8).all(|at| !seeds[..at].contains(&seeds[at])), "{seeds:x?}");
    }
}
