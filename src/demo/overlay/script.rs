//! The checks of the overlay, in order.

use super::super::cast::Kind;
use super::super::outcome::Check;
use super::super::script::Script;
use super::super::stage::Stage;
use super::super::stop;
use super::picture::Drawn;
use super::{Overlay, VNI, beside, doctor, faults, looks, picture};
use crate::cli::demo::Subject;

/// All of them.
pub(in super::super) const SUBJECTS: [Subject; 3] = [Subject::Overlay, Subject::Underlay, Subject::Doctor];

/// What the others stand on.
const GROUND: [Subject; 2] = [Subject::Daemon, Subject::Overlay];

/// Why there can be no overlay, if there can be none: hosts are namespaces, on veths.
pub(in super::super) fn missing(without: &[(Kind, String)]) -> Option<&str> {
    without.iter().find(|(kind, _)| *kind == Kind::Veth).map(|(_, why)| why.as_str())
}

impl Script<'_> {
    /// The checks of the overlay; skipped where the kernel lets no host be made.
    pub(in super::super) fn play_overlay(&mut self, stage: &mut Stage) {
        if let Some(why) = missing(&self.without) {
            let [first, rest @ ..] = SUBJECTS;
            let first = Check::skipped(first, format!("its hosts are namespaces: {why}"));
            self.add(first);
            return rest.into_iter().for_each(|subject| self.add(Check::skipped(subject, "there is no overlay")));
        }
        self.create_overlay(stage);
        let mut pairs = Vec::new();
        self.check(Subject::Underlay, &GROUND, |_| {
            let (seen, found) = looks::underlay(stage)?;
            pairs = found;
            Ok(seen)
        });
        if !pairs.is_empty() {
            self.show.line(&beside::lines(&pairs, self.show.columns()));
        }
        self.check(Subject::Doctor, &GROUND, |script| doctor::look(stage, script.faults.has(Subject::Doctor)));
    }

    /// Has the hosts and what is on them made, and draws them.
    fn create_overlay(&mut self, stage: &mut Stage) {
        if !stop::requested() {
            self.show.line("");
            self.show.headline("Two hosts, each with a daemon of its own, and one network over both");
            self.show.line("");
        }
        self.check(Subject::Overlay, &[Subject::Daemon], |script| {
            // What people usually have, where it can be had.
            let has_taps = script.without.iter().all(|(kind, _)| *kind != Kind::Tap);
            let vni = if script.faults.has(Subject::Underlay) { faults::OTHER_VNI } else { VNI };
            Overlay::create(stage, if has_taps { "tap" } else { "veth" }, vni)?;
            if script.faults.has(Subject::Overlay) {
                faults::overlay(stage)?;
            }
            looks::overlay(stage, script.size)
        });
        if let Ok(sides) = stage.overlay.sides() {
            self.show.line(&format!("\n{}", picture::draw(&sides.map(Drawn::of))));
        }
    }
}
