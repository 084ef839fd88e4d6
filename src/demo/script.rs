//! The checks, in order: each looks at one thing, and each can be shown that thing broken.

use super::cast::{Kind, Role};
use super::faults;
use super::hosts::{Body, Host};
use super::outcome::{Check, Seen, Status};
use super::picture::{self, Drawn};
use super::recording::Example;
use super::show::Show;
use super::stage::{PATIENCE, Reading, Stage};
use super::talk::{exchange, ping_all_ways};
use super::transfer::Transfer;
use super::{board, faults::Faults, stop, verify, words};
use crate::api::types::PortState;
use crate::cli::demo::Subject;
use std::path::Path;

/// The most that is sent between hosts in this process: it is held in memory as a whole.
const IN_PROCESS_MAX: u64 = 8 << 20;

/// The checks that all later ones stand on.
const GROUND: [Subject; 4] = [Subject::Daemon, Subject::Tap, Subject::Veth, Subject::InProcess];

/// Goes through the checks.
pub(super) struct Script<'a> {
    pub(super) show: &'a Show,
    pub(super) faults: Faults,
    pub(super) size: u64,
    roles: Vec<Role>,
    /// Why there are no TAPs, and no veths, if there are none.
    pub(super) without: Vec<(Kind, String)>,
    pub(super) checks: Vec<Check>,
    before: Vec<Reading>,
    sent: u64,
}

impl<'a> Script<'a> {
    pub(super) fn new(show: &'a Show, faults: Faults, size: u64, roles: Vec<Role>, without: Vec<(Kind, String)>) -> Self {
        Self { show, faults, size, roles, without, checks: Vec::new(), before: Vec::new(), sent: 0 }
    }

    /// All checks of the one switch.
    pub(super) fn play(&mut self, stage: &mut Stage) {
        self.check(Subject::Daemon, &[], |script| script.daemon(stage));
        for kind in [Kind::Tap, Kind::Veth, Kind::InProcess] {
            self.plug(stage, kind);
        }
        if stage.hosts.len() == self.roles.len() {
            self.show.line(&format!("\n{}", picture::draw(board::SWITCH, &self.drawn())));
        }
        self.check(Subject::Ping4, &GROUND, |_| ping_all_ways(&stage.hosts, Subject::Ping4));
        self.check(Subject::Ping6, &GROUND, |_| ping_all_ways(&stage.hosts, Subject::Ping6));
        self.check(Subject::Fdb, &GROUND, |script| script.fdb(stage));
        let transfer_ground = [&GROUND[..], &[Subject::Ping4]].concat();
        self.check(Subject::Transfer, &transfer_ground, |script| script.transfer(stage));
        self.check(Subject::Counters, &transfer_ground, |script| script.counters(stage));
        self.check(Subject::Trace, &GROUND, |script| script.trace(stage));
        self.check(Subject::Capture, &[Subject::Daemon], |script| script.capture(stage));
    }

    /// Makes a check, unless one that it stands on failed, or the demo is to end.
    pub(super) fn check(&mut self, subject: Subject, ground: &[Subject], look: impl FnOnce(&mut Self) -> Seen) {
        let failed = self
            .checks
            .iter()
            .find(|check| check.status == Status::Failed && ground.iter().any(|subject| subject.name() == check.name()));
        let check = match failed {
            _ if stop::requested() => Check::skipped(subject, "stopped before it"),
            Some(failed) => Check::skipped(subject, format!("not looked at, because {} failed", failed.name())),
            None => match look(self) {
                Err(_) if stop::requested() => Check::skipped(subject, "stopped during it"),
                seen => Check::of(subject, seen),
            },
        };
        self.add(check);
    }

    pub(super) fn add(&mut self, check: Check) {
        self.show.check(&check);
        self.checks.push(check);
    }

    fn daemon(&self, stage: &mut Stage) -> Seen {
        stage.board.create_switch(board::SWITCH)?;
        let (path, elsewhere) = stage.record()?;
        if let Some(why) = elsewhere {
            self.show.line(&format!("  the capture goes to {}: {why}", path.display()));
        }
        if self.faults.has(Subject::Daemon) {
            faults::daemon(stage)?;
        }
        let info = stage.board.info()?;
        Ok(format!("Lanloom {} answers on {}", info.version, info.socket))
    }

    /// Plugs in the hosts of one kind, and looks whether their ports are up.
    fn plug(&mut self, stage: &mut Stage, kind: Kind) {
        let roles: Vec<_> = self.roles.iter().filter(|role| role.kind == kind).cloned().collect();
        let subject = kind.subject();
        if roles.is_empty() {
            let why = self.without.iter().find(|(without, _)| *without == kind);
            return self.add(Check::skipped(subject, why.map_or("no host of this demo is one", |(_, why)| why)));
        }
        self.check(subject, &GROUND, |script| {
            for role in &roles {
                stage.plug(role, script.faults.lacks(role))?;
                script.faults.after_plug(stage, role)?;
            }
            let seen: Vec<_> = roles.iter().map(|role| plugged(stage, role)).collect::<Result<_, _>>()?;
            Ok(words::list(&seen))
        });
    }

    fn drawn(&self) -> Vec<Drawn> {
        let drawn = |role: &Role| {
            let (title, what) = match role.kind {
                Kind::Tap => (format!("namespace {}", role.name), "eth0, a TAP"),
                Kind::Veth => (format!("namespace {}", role.name), "eth0, a veth"),
                Kind::InProcess => (format!("{}, in here", role.name), "smoltcp"),
            };
            let lines = vec![what.to_owned(), role.v4().to_string(), role.v6().to_string(), role.mac().to_string()];
            Drawn { title, lines, port: role.port() }
        };
        self.roles.iter().map(drawn).collect()
    }

    fn fdb(&self, stage: &Stage) -> Seen {
        let known: Vec<_> = self.roles.iter().map(Role::known).collect();
        let seen = verify::fdb(&stage.board.fdb()?, &known);
        self.faults.after_fdb(stage)?;
        seen
    }

    /// From the first host to the second.
    fn transfer(&mut self, stage: &Stage) -> Seen {
        let [from, to, ..] = &stage.hosts[..] else { return Err("there are no two hosts".to_owned()) };
        self.before = stage.settled()?;
        let flip = self.faults.has(Subject::Transfer);
        let (size, took) = match (&from.body, &to.body) {
            (Body::Namespace(sender), Body::Namespace(receiver)) => {
                let flip = flip.then_some(self.size / 2);
                let transfer = Transfer { from: sender, to: receiver, address: to.role.v4(), size: self.size, flip };
                let mut progress = self.show.progress(self.size);
                (self.size, transfer.run(|arrived| progress.at(arrived))?)
            }
            _ => {
                let size = self.size.min(IN_PROCESS_MAX);
                (size, exchange(from, to, size, flip)?)
            }
        };
        self.sent = size;
        let (amount, rate) = (words::bytes(size), words::rate(size, took));
        let way = if matches!(to.body, Body::InProcess(_)) { "⇄" } else { "→" };
        let (from, to) = (from.role.name, to.role.name);
        Ok(format!("{amount} over TCP, {from} {way} {to}, in {}: {rate}, every byte as sent", words::time(took)))
    }

    fn counters(&self, stage: &Stage) -> Seen {
        if self.faults.has(Subject::Counters) {
            faults::counters(stage)?;
        }
        let counters = stage.board.counters()?;
        verify::law(&counters)?;
        verify::drops(&counters)?;
        let mut last = Err("stopped".to_owned());
        let agree = stop::wait_for(PATIENCE, || {
            last = stage.changes(&self.before).and_then(|changes| self.compare(&stage.hosts, &changes));
            last.clone().ok()
        });
        agree.map_or(last, Ok)
    }

    fn compare(&self, hosts: &[Host], changes: &[Reading]) -> Seen {
        let mut compared = Vec::new();
        for (host, (port, traffic)) in hosts.iter().zip(changes) {
            if let Some(traffic) = traffic {
                verify::traffic(port, host.role.name, *traffic)?;
                compared.push(format!("{} {}", port.port, words::count(port.rx.frames + port.tx.frames)));
            }
        }
        let [from, to, ..] = changes else { return Err("there are no two hosts".to_owned()) };
        if from.0.rx.bytes < self.sent || to.0.tx.bytes < self.sent {
            let (rx, tx) = (from.0.rx.bytes, to.0.tx.bytes);
            return Err(format!("{} bytes were sent, {} received {rx} and {} sent {tx}", self.sent, from.0.port, to.0.port));
        }
        let law = "all accounted for";
        if compared.is_empty() {
            return Ok(format!("{} and {} counted every byte sent; {law}", from.0.port, to.0.port));
        }
        Ok(format!("{} frames, just as the interfaces; {law}", words::list(&compared)))
    }

    fn trace(&self, stage: &Stage) -> Seen {
        let [from, to, ..] = &self.roles[..] else { return Err("there are no two hosts".to_owned()) };
        if self.faults.has(Subject::Trace) {
            faults::set_down(stage, to)?;
        }
        let answer = stage.board.trace(&from.port(), echo_request(from, to)?)?;
        let way = format!("{} to {}", from.name, to.name);
        match answer.drop {
            None if answer.ports == [to.port()] => Ok(format!("a ping from {way} would go: {}", answer.verdict)),
            _ => Err(format!("a ping from {way} should go to {} alone; the switch says: {}", to.port(), answer.verdict)),
        }
    }

    fn capture(&self, stage: &Stage) -> Seen {
        let recording = stage.recording.as_ref().ok_or("there is no recording")?;
        let mut last = Err("stopped".to_owned());
        let complete = stop::wait_for(PATIENCE, || {
            let received = Stage::received(&stage.board.counters().ok()?);
            last = recording.read().and_then(|contents| contents.check(received));
            last.clone().ok()
        });
        if !self.faults.has(Subject::Capture) {
            return complete.map_or(last, Ok);
        }
        recording.lose_end()?;
        recording.read().and_then(|contents| contents.check(Stage::received(&stage.board.counters()?)))
    }
}

fn plugged(stage: &Stage, role: &Role) -> Seen {
    let port = stage.port_when_up(role)?;
    match port.state {
        PortState::Up => Ok(format!("{} on {}", role.name, port.port)),
        PortState::Down => Err(format!("{} on {} is down: {}", role.name, port.port, port.reason)),
    }
}

/// An echo request from one host to another, as hexadecimal digits.
fn echo_request(from: &Role, to: &Role) -> Result<String, String> {
    let frame = etherparse::PacketBuilder::ethernet2(from.mac().0, to.mac().0)
        .ipv4(from.v4().octets(), to.v4().octets(), 64)
        .icmpv4_echo_request(1, 1);
    let mut bytes = Vec::new();
    frame.write(&mut bytes, b"lanloom").map_err(|error| error.to_string())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// What the capture says of the first ping, for people.
pub(super) fn examples(stage: &Stage) -> Vec<Example> {
    stage.recording.as_ref().and_then(|recording| recording.read().ok()).map_or_else(Vec::new, |contents| contents.examples)
}

/// Where the capture is.
pub(super) fn capture_path(stage: &Stage) -> Option<&Path> {
    stage.recording.as_ref().map(super::recording::Recording::path)
}
