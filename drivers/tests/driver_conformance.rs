//! One suite, all drivers, three kernels: in memory, failing by seeds, and real.
//!
//! Without libtest's harness: for real, each case is a process in namespaces of its own, which it has to enter while it has one
//! thread. A driver more is a line in `driver/kinds.rs`; a case more is one here.

mod driver;
mod own;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::process::{Command, ExitCode};

use driver::bench::Bench;
use driver::kinds::{KINDS, Kind};
use driver::{endpoints, faults, networks, restart, together};
use own::enter_own_namespaces;

/// Seeds of the failing kernel: enough for every step to be the one that fails.
const SEEDS: u64 = 300;
/// The same of the real one.
const SEEDS_FOR_REAL: u64 = 16;
/// How many calls of those fail.
const PROBABILITY: f64 = 0.15;

/// What names the one case of a process that runs for real.
const VARIABLE: &str = "LANLOOM_CASE";

type Outcome<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A name, and what is done under it.
type Case = (&'static str, for<'a> fn(&'a mut Bench) -> Outcome<'a>);

/// Cases by name.
macro_rules! cases {
    ($($room:ident::$case:ident),* $(,)?) => {
        [$((stringify!($case), |bench| Box::pin($room::$case(bench)))),*]
    };
}

const CASES: [Case; 17] = cases![
    networks::a_network_is_there_once,
    networks::a_deleted_network_leaves_nothing,
    networks::options_of_ours_are_known_and_others_carried,
    networks::what_is_not_there_is_not_found_and_easily_gone,
    networks::a_network_that_grows_keeps_what_it_has,
    networks::what_is_found_outside_may_pass,
    endpoints::an_endpoint_is_there_once,
    endpoints::a_network_with_endpoints_is_not_deleted,
    endpoints::a_join_brings_the_interface_that_it_says,
    endpoints::a_join_that_cannot_be_leaves_nothing,
    endpoints::endpoints_of_several_networks_do_not_meet,
    restart::what_is_there_stays,
    restart::what_is_not_there_is_made_again,
    restart::a_join_that_was_never_told_of_is_undone,
    together::networks_come_and_go_side_by_side,
    together::of_two_that_want_the_same_one_gets_it,
    together::who_joins_while_the_endpoint_goes_leaves_nothing,
];

/// The one for kernels that fail.
const FAULTS: &str = "a_failure_leaves_nothing_and_the_same_call_succeeds_later";

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(VARIABLE) {
        return inner(&name);
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let real = may_make_namespaces();
    let (mut passed, mut failed) = (0, 0);
    let mut note = |name: String, run: &dyn Fn() -> bool| {
        if !name.contains(&filter) {
            return;
        }
        let ok = run();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    };
    for kind in &KINDS {
        for (name, case) in CASES {
            note(format!("fake::{}::{name}", kind.name), &|| in_memory(Bench::fake(kind), case));
            if real {
                note(format!("real::{}::{name}", kind.name), &|| in_a_process(&format!("{}::{name}", kind.name)));
            }
        }
        note(format!("failing::{}::{FAULTS}", kind.name), &|| (0..SEEDS).all(|seed| with_faults(kind, seed)));
        if real {
            let run = |seed| in_a_process(&format!("{}::{FAULTS}::{seed}", kind.name));
            note(format!("real::{}::{FAULTS}", kind.name), &|| (0..SEEDS_FOR_REAL).all(run));
        }
    }
    println!("\ntest result: {}. {passed} passed; {failed} failed; 0 ignored", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(mut bench: Bench, case: for<'a> fn(&'a mut Bench) -> Outcome<'a>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(bench.begin());
    runtime.block_on(case(&mut bench));
}

/// Whether the case passes; a panic is said by its hook.
fn in_memory(bench: Bench, case: for<'a> fn(&'a mut Bench) -> Outcome<'a>) -> bool {
    catch_unwind(AssertUnwindSafe(|| run(bench, case))).is_ok()
}

fn with_faults(kind: &'static Kind, seed: u64) -> bool {
    let bench = Bench::failing(kind, seed, PROBABILITY);
    let ok = in_memory(bench, |bench| Box::pin(faults::a_failure_leaves_nothing_and_the_same_call_succeeds_later(bench)));
    if !ok {
        eprintln!("that was driver {} with seed {seed}", kind.name);
    }
    ok
}

fn in_a_process(name: &str) -> bool {
    let program = std::env::current_exe().expect("this program");
    let ok = Command::new(program).env(VARIABLE, name).status().expect("a process").success();
    if !ok {
        eprintln!("that was {name}");
    }
    ok
}

/// One case for real, in this process, which has one thread yet. Its interfaces and mounts are gone with it.
fn inner(name: &str) -> ExitCode {
    let mut words = name.split("::");
    let (kind, case, seed) = (words.next(), words.next(), words.next().and_then(|seed| seed.parse().ok()));
    let Some(kind) = KINDS.iter().find(|known| Some(known.name) == kind) else { return ExitCode::FAILURE };
    enter_own_namespaces().expect("namespaces of its own");
    if let Some(seed) = seed {
        run(Bench::real_failing(kind, seed, PROBABILITY), |bench| {
            Box::pin(faults::a_failure_leaves_nothing_and_the_same_call_succeeds_later(bench))
        });
        return ExitCode::SUCCESS;
    }
    let Some((_, case)) = CASES.iter().find(|(known, _)| Some(*known) == case) else { return ExitCode::FAILURE };
    run(Bench::real(kind), *case);
    ExitCode::SUCCESS
}

fn may_make_namespaces() -> bool {
    let root = nix::unistd::geteuid().is_root();
    let may_skip = std::env::var_os("CI").is_none();
    assert!(root || may_skip, "this must run as root where nothing may be skipped");
    if !root {
        println!("skipped: making network namespaces needs root");
    }
    root
}
