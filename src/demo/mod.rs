//! `lanloom demo`: hosts talk through a switch of ours, sandboxes on networks, and over an overlay; shown, checked, and gone again.
//!
//! It starts an ephemeral daemon in this process and speaks to it by its socket, as anybody else would. Each check is about one
//! thing that Lanloom promises, and `--break` breaks that thing for real. It wires, like the daemon, and decides nothing about
//! frames.
//!
//! | module | one idea |
//! |---|---|
//! | `rights`, `cast` | what the kernel allows, and which hosts that makes possible |
//! | `stage`, `board`, `hosts`, `recording` | what is up: daemon, hosts, capture |
//! | `networks` | networks and sandboxes, and the checks of them |
//! | `overlay` | two hosts with daemons of their own, a network over both, and the checks of it |
//! | `line` | how a daemon is spoken to |
//! | `script`, `verify`, `outcome` | the checks, what they compare, and how they end |
//! | `faults` | what `--break` does |
//! | `talk`, `ping`, `transfer`, `pattern`, `inside` | what hosts do in their namespaces |
//! | `census`, `leftovers` | what there is of ours before and after, and what killed demos left |
//! | `show`, `terminal`, `picture`, `words`, `advice` | what a person sees |
//! | `stop` | Ctrl-C |

mod advice;
mod board;
mod cast;
mod census;
mod faults;
mod hosts;
mod inside;
mod leftovers;
mod line;
mod networks;
mod outcome;
mod overlay;
mod pattern;
mod picture;
mod ping;
mod recording;
mod rights;
mod script;
mod show;
mod stage;
mod stop;
mod talk;
mod terminal;
mod transfer;
mod verify;
mod words;

use crate::cli::demo::{DemoArgs, Subject};
use cast::{Kind, Role};
use census::Census;
use faults::Faults;
use lanloom_drivers::kernel::{CapabilityKind, Kernel, LinuxKernel};
use outcome::{Check, Outcome, Seen};
use recording::Recording;
use rights::Rights;
use script::Script;
use show::Show;
use stage::Stage;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Where namespaces are, for `ip netns` too.
const NETNS_DIR: &str = "/run/netns";

/// What a shell says of a command that ended by Ctrl-C.
const INTERRUPTED: u8 = 130;

/// Runs the demo. It must be called before any thread is made: it may have to move into namespaces of its own.
pub fn run(args: &DemoArgs) -> ExitCode {
    let rights = Rights::take();
    let show = Show::new(args.json);
    if let Err(error) = stop::listen() {
        eprintln!("lanloom: cannot listen for Ctrl-C: {error}; run the demo again");
        return ExitCode::FAILURE;
    }
    show.headline("Lanloom demo: three hosts on one switch, which is this process");
    show.line(&format!("\n  rights: {}\n", rights.words()));
    match Demo::prepare(args, &rights, &show) {
        Ok(demo) => demo.run(args),
        Err(why) => {
            eprintln!("lanloom: {why}");
            ExitCode::FAILURE
        }
    }
}

/// A demo that is about to begin.
struct Demo<'a> {
    show: &'a Show,
    rights: &'a Rights,
    script: Script<'a>,
    folder: PathBuf,
    netns_dir: PathBuf,
    pcap: Option<PathBuf>,
}

impl<'a> Demo<'a> {
    fn prepare(args: &DemoArgs, rights: &'a Rights, show: &'a Show) -> Result<Self, String> {
        let without = missing(rights)?;
        let tap = without.iter().find(|(kind, _)| *kind == Kind::Tap).map(|(_, why)| why.as_str());
        let roles = cast::cast(rights, tap);
        leftovers::delete(Path::new(NETNS_DIR), show);
        refuse_unbreakable(args.fault, &roles, &without)?;
        let script = Script::new(show, Faults(args.fault), args.size.0, roles, without);
        let folder = std::env::temp_dir().join(cast::prefix().trim_end_matches('-'));
        Ok(Self { show, rights, script, folder, netns_dir: PathBuf::from(NETNS_DIR), pcap: None })
    }

    fn run(mut self, args: &DemoArgs) -> ExitCode {
        let before = Census::take(&self.netns_dir, &self.folder);
        let (problems, left, kept) = self.play(args.keep);
        let after = Census::take_settled(&self.netns_dir, &self.folder, &before);
        if stop::requested() {
            // The terminal has shown Ctrl-C.
            self.show.line("");
        }
        let cleanup = Check::of(Subject::Cleanup, cleaned(&problems, &before, &after));
        self.script.add(cleanup);
        if let Some(left) = left
            && let Err(why) = left.remove(&LinuxKernel::new(&self.netns_dir))
        {
            eprintln!("lanloom: removing what was left on purpose: {why}");
        }
        self.finish(args.json, kept)
    }

    /// Everything from the first to the last thing that is up; answers what could not be taken away, what was left on purpose,
    /// and whether it was kept until somebody had seen enough.
    fn play(&mut self, keep: bool) -> (Vec<String>, Option<stage::Left>, bool) {
        let mut stage = match Stage::open(&self.folder, &self.netns_dir) {
            Ok(stage) => stage,
            Err(why) => {
                self.script.add(Check::of(Subject::Daemon, Err(why)));
                return (Vec::new(), None, false);
            }
        };
        self.script.play(&mut stage);
        self.pcap = script::capture_path(&stage).map(Path::to_owned);
        let frames = advice::frames(self.pcap.as_deref(), &script::examples(&stage));
        self.show.line(&frames.unwrap_or_default());
        self.script.play_networks(&mut stage);
        self.script.play_overlay(&mut stage);
        let kept = keep && !stop::requested();
        if kept {
            stage.recording.iter().for_each(Recording::end);
            self.show.line(&advice::while_kept(&stage, self.rights));
            linger(&stage);
        }
        let (problems, left) = stage.close(self.script.faults.has(Subject::Cleanup));
        (problems, left, kept)
    }

    fn finish(&self, json: bool, kept: bool) -> ExitCode {
        let checks = &self.script.checks;
        if json {
            let outcome = Outcome::new(checks, self.pcap.as_deref());
            println!("{}", serde_json::to_string_pretty(&outcome).unwrap_or_default());
        }
        let ok = outcome::is_ok(checks);
        if !kept && stop::requested() {
            return ExitCode::from(INTERRUPTED);
        }
        self.show.line(&advice::afterwards(checks, kept));
        if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The kinds of hosts that there cannot be, and why.
///
/// It makes the process's first runtime, with which come two sockets that stay for as long as the process does: so this is
/// before anything is counted.
fn missing(rights: &Rights) -> Result<Vec<(Kind, String)>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("starting a runtime: {error}; close programs that are not needed"))?;
    if let Rights::None(why) = rights {
        return Ok(vec![(Kind::Tap, why.clone()), (Kind::Veth, why.clone())]);
    }
    let capabilities = runtime.block_on(LinuxKernel::new(NETNS_DIR).capabilities());
    let taps = capabilities.into_iter().filter(|capability| capability.kind == CapabilityKind::Tap);
    Ok(taps.filter_map(|tap| tap.missing).map(|missing| (Kind::Tap, format!("{}; {}", missing.why, missing.brings))).collect())
}

/// What this run does not have cannot be broken.
fn refuse_unbreakable(fault: Option<Subject>, roles: &[Role], without: &[(Kind, String)]) -> Result<(), String> {
    let of_a_kind = [Subject::Tap, Subject::Veth, Subject::InProcess];
    if let Some(fault) =
        fault.filter(|fault| networks::SUBJECTS.contains(fault) && without.iter().any(|(kind, _)| *kind == Kind::Tap))
    {
        let name = fault.name();
        return Err(format!(
            "cannot break {name}: with these rights there are no networks; break another check, or run this as root"
        ));
    }
    if let Some(fault) = fault.filter(|fault| overlay::SUBJECTS.contains(fault) && overlay::missing(without).is_some()) {
        let name = fault.name();
        return Err(format!(
            "cannot break {name}: with these rights there is no overlay; break another check, or run this as root"
        ));
    }
    match fault.filter(|fault| of_a_kind.contains(fault)) {
        Some(fault) if roles.iter().all(|role| role.kind.subject() != fault) => {
            let name = fault.name();
            Err(format!(
                "cannot break {name}: with these rights no host is plugged in so; break another check, or run this as root"
            ))
        }
        _ => Ok(()),
    }
}

fn cleaned(problems: &[String], before: &Census, after: &Census) -> Seen {
    let left = after.left_since(before);
    match (problems, left.as_slice()) {
        ([], []) => Ok(format!("nothing left: {after}, as before")),
        (_, []) => Err(problems.join("; ")),
        (_, left) => Err(format!("left: {}", [left, problems].concat().join("; "))),
    }
}

/// Until Ctrl-C; the hosts go on talking meanwhile, so that there is something to see.
fn linger(stage: &Stage) {
    while !stop::requested() {
        if let [from, to, ..] = &stage.hosts[..] {
            // Whoever looks around may have taken something down on purpose.
            let _ = from.ping(to.role.v4().into(), Duration::from_secs(1));
        }
        if let Some((web, app)) = stage.networks.example() {
            // As above.
            let _ = inside::inside(&web.place().netns, || ping::ping(app.into(), 1, Duration::from_secs(1)));
        }
        stage.overlay.ping_once();
        stop::wait_for(Duration::from_secs(1), || None::<()>);
    }
}
