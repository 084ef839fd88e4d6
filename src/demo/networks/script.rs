//! The checks of networks, in order.

use super::super::cast::Kind;
use super::super::outcome::Check;
use super::super::script::Script;
use super::super::stage::Stage;
use super::super::stop;
use super::{Networks, faults, looks, picture};
use crate::cli::demo::Subject;

/// All of them.
pub(in super::super) const SUBJECTS: [Subject; 6] =
    [Subject::Networks, Subject::Names, Subject::Reach, Subject::Isolation, Subject::Relay, Subject::Page];

/// What the others stand on.
const GROUND: [Subject; 2] = [Subject::Daemon, Subject::Networks];

impl Script<'_> {
    /// The checks of networks; skipped where the kernel lets no network be made.
    pub(in super::super) fn play_networks(&mut self, stage: &mut Stage) {
        if let Some((_, why)) = self.without.iter().find(|(kind, _)| *kind == Kind::Tap) {
            let [first, rest @ ..] = SUBJECTS;
            let first = Check::skipped(first, format!("the host takes part in networks by TAPs: {why}"));
            self.add(first);
            return rest.into_iter().for_each(|subject| self.add(Check::skipped(subject, "there are no networks")));
        }
        self.create_networks(stage);
        self.check(Subject::Names, &GROUND, |script| {
            if script.faults.has(Subject::Names) {
                faults::names(&stage.networks)?;
            }
            looks::names(&stage.networks)
        });
        let by_name = [&GROUND[..], &[Subject::Names]].concat();
        self.check(Subject::Reach, &by_name, |script| {
            script.broken(Subject::Reach, stage, faults::REACH, |stage| looks::reach(&stage.networks))
        });
        self.check(Subject::Isolation, &GROUND, |script| {
            script.broken(Subject::Isolation, stage, faults::ISOLATION, looks::isolation)
        });
        self.check(Subject::Relay, &GROUND, |script| {
            if script.faults.has(Subject::Relay) {
                faults::relay(stage)?;
            }
            looks::relay(stage)
        });
        self.check(Subject::Page, &GROUND, |script| {
            script.broken(Subject::Page, stage, faults::PAGE, |stage| looks::page(&stage.networks))
        });
    }

    /// Has networks and sandboxes made, and draws them.
    fn create_networks(&mut self, stage: &mut Stage) {
        if !stop::requested() {
            self.show.headline("Two networks, each a switch of its own, and three sandboxes on them");
            self.show.line("");
        }
        self.check(Subject::Networks, &[Subject::Daemon], |script| {
            stage.networks = Networks::create(&stage.board)?;
            if script.faults.has(Subject::Networks) {
                faults::networks(stage)?;
            }
            looks::networks(stage)
        });
        let Networks { networks, sandboxes } = &stage.networks;
        if !sandboxes.is_empty() {
            self.show.line(&format!("\n{}", picture::draw(sandboxes, networks)));
        }
    }

    /// Looks while something is broken, if it is to be, and puts it right again: later checks stand on it.
    fn broken(
        &self,
        subject: Subject,
        stage: &Stage,
        fault: faults::Fault,
        look: impl FnOnce(&Stage) -> Result<String, String>,
    ) -> Result<String, String> {
        if !self.faults.has(subject) {
            return look(stage);
        }
        (fault.apply)(stage)?;
        let seen = look(stage);
        (fault.undo)(stage)?;
        seen
    }
}
