//! Who may depend on whom: the table of ARCHITECTURE.md, held against the rooms of `src/` and against what the switch core
//! mentions. Its rows about whole crates are in `dependencies.rs`.

#[path = "support/source.rs"]
mod source;

use std::fs;
use std::path::Path;

/// A folder or file of `src/`, named as a module path, and what it may mention.
struct Room {
    path: &'static str,
    rooms: Rooms,
    never: &'static [&'static str],
}

/// Which other rooms a room may use; its own always.
enum Rooms {
    Any,
    Only(&'static [&'static str]),
}

/// What a pure machine must not mention: input, output, clocks, threads, entropy.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::io",
    "std::env",
    "std::os",
    "std::process",
    "std::thread",
    "std::sync::mpsc",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::net::ToSocketAddrs",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::hash::RandomState",
    "std::collections::hash_map::RandomState",
    "tokio",
    "nix",
    "libc",
    "rand",
    "tracing",
    "rtnetlink",
    "lanloom_switch_io",
    "lanloom_lab",
    "lanloom_drivers",
];

/// The same for the configuration, which holds a file against `lanloom_drivers::defaults`: the last of them is left out.
const IMPURE_BUT_DRIVERS: &[&str] = IMPURE.split_at(IMPURE.len() - 1).0;

/// What a room that needs nothing but std must not mention.
const NOT_STD: &[&str] = &[
    "tokio",
    "nix",
    "libc",
    "tracing",
    "rtnetlink",
    "lanloom_switch_core",
    "lanloom_switch_io",
    "lanloom_drivers",
    "lanloom_lab",
];

const ROOMS: &[Room] = &[
    Room { path: "names", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "url", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "config", rooms: Rooms::Only(&[]), never: IMPURE_BUT_DRIVERS },
    Room { path: "ipam", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "dns::zone", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "dns::resolve", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "dns", rooms: Rooms::Only(&[]), never: IMPURE },
    Room {
        path: "dns::server",
        rooms: Rooms::Only(&[]),
        never: &["nix", "libc", "axum", "lanloom_drivers", "lanloom_switch_io"],
    },
    Room { path: "etc", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "etc::files", rooms: Rooms::Only(&[]), never: NOT_STD },
    Room { path: "controller::fabric::reconcile", rooms: Rooms::Only(&[]), never: IMPURE },
    Room { path: "store", rooms: Rooms::Only(&[]), never: &["lanloom_drivers", "lanloom_switch_io", "lanloom_switch_core"] },
    Room { path: "controller", rooms: Rooms::Only(&["ipam", "store", "dns", "etc"]), never: &["axum", "clap"] },
    Room { path: "exec", rooms: Rooms::Only(&[]), never: &["tokio", "axum", "clap", "lanloom_drivers", "lanloom_switch_io"] },
    Room { path: "api", rooms: Rooms::Only(&["controller"]), never: &["lanloom_drivers", "clap"] },
    Room {
        path: "cli",
        rooms: Rooms::Only(&["api::types", "api::client", "exec"]),
        never: &["lanloom_drivers", "lanloom_switch_io"],
    },
    Room { path: "daemon", rooms: Rooms::Any, never: &[] },
    Room { path: "demo", rooms: Rooms::Any, never: &[] },
];

/// Small rooms of plain words and their checks, which every other may use.
const WORDS: &[&str] = &["names", "url", "config"];

/// The files that only tie rooms together.
const WIRING: &[&str] = &["lib", "main"];

#[test]
fn every_room_keeps_to_the_table() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts: Vec<(String, String)> = source::files(&src).iter().map(|file| (module_of(file, &src), read(file))).collect();
    assert!(!texts.is_empty(), "no source file below {}", src.display());
    let broken: Vec<String> = texts.iter().flat_map(|(module, text)| broken_by_room(module, text)).collect();
    assert!(broken.is_empty(), "{}", report(&broken));
}

#[test]
fn the_switch_core_is_pure() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("switch/core/src");
    let files = source::files(&src);
    assert!(!files.is_empty(), "no source file below {}", src.display());
    let broken: Vec<String> = files.iter().flat_map(|file| impure(&file.display().to_string(), &read(file), IMPURE)).collect();
    assert!(broken.is_empty(), "{}", report(&broken));
}

#[test]
fn a_room_that_breaks_the_table_is_named_with_its_rule() {
    let broken = |module: &str, text: &str| broken_by_room(module, text).join("\n");
    assert_eq!(broken("cli::fdb", "use crate::api::types::Fdb; use crate::cli::table; use super::table::Row;"), "");
    assert_eq!(
        broken("cli::fdb", "// crate::store\nlet x = \"crate::store::Key\"; #[cfg(test)] mod t { use crate::store::Key; }"),
        ""
    );
    let cases = [
        ("cli::fdb", "use crate::{api::types::Fdb, store::Key};", "cli::fdb uses store::Key"),
        ("cli::fdb", "fn f() { lanloom::store::open() }", "cli::fdb uses store::open"),
        ("cli::fdb", "use super::super::store;", "cli::fdb uses store"),
        ("api::http", "use crate::{api, cli::{self as shell, table::*}};", "api::http uses cli::self"),
        ("api::http", "use lanloom_drivers::Kernel;", "api::http uses lanloom_drivers::Kernel"),
        ("ipam", "let now = std::time::Instant::now();", "ipam uses std::time::Instant::now"),
        ("ipam::pool", "use std::{net::Ipv4Addr, time::{Duration, SystemTime}};", "ipam::pool uses std::time::SystemTime"),
        ("store", "use crate::controller::State;", "store uses controller::State"),
        ("controller::fabric::reconcile", "use crate::store::Key;", "controller::fabric::reconcile uses store::Key"),
        ("attic", "", "attic is in no room of the table"),
    ];
    for (module, text, message) in cases {
        assert!(broken(module, text).contains(message), "{text:?} in {module}: {:?}", broken(module, text));
    }
}

fn broken_by_room(module: &str, text: &str) -> Vec<String> {
    if WIRING.contains(&module) {
        return Vec::new();
    }
    let Some(room) = ROOMS.iter().filter(|room| below(module, room.path)).max_by_key(|room| room.path.len()) else {
        return vec![format!("{module} is in no room of the table: add the room to ARCHITECTURE.md and to this test")];
    };
    let mut broken = impure(module, text, room.never);
    if let Rooms::Only(allowed) = room.rooms {
        let own = first(module);
        let fits = |target: &String| {
            first(target) == own || WORDS.contains(&first(target)) || allowed.iter().any(|room| below(target, room))
        };
        let targets = source::paths(text).into_iter().filter_map(|path| in_this_crate(module, &path));
        let wrong = targets.filter(|target| !fits(target));
        broken.extend(wrong.map(|target| format!("{module} uses {target}, but room {} may use only {allowed:?}", room.path)));
    }
    broken
}

fn impure(place: &str, text: &str, never: &[&str]) -> Vec<String> {
    let mentioned = source::paths(text).into_iter().map(|path| path.join("::"));
    let wrong = mentioned.filter(|path| never.iter().any(|name| below(path, name)));
    wrong.map(|path| format!("{place} uses {path}, which its row of the table forbids")).collect()
}

/// The path from the crate's root on that `path`, written in `module`, leads to; `None` if it leads elsewhere.
fn in_this_crate(module: &str, path: &[String]) -> Option<String> {
    let mut here: Vec<&str> = module.split("::").collect();
    let rest = match path.first()?.as_str() {
        "crate" | "lanloom" => &path[1..],
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            here.truncate(here.len().saturating_sub(ups));
            return Some(here.into_iter().chain(path[ups..].iter().map(String::as_str)).collect::<Vec<_>>().join("::"));
        }
        _ => return None,
    };
    Some(rest.join("::"))
}

/// Whether `path` is `prefix` or lies in it.
fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn first(path: &str) -> &str {
    path.split("::").next().unwrap_or(path)
}

/// `src/api/http.rs` is `api::http`, `src/api/mod.rs` is `api`.
fn module_of(file: &Path, src: &Path) -> String {
    let inside = file.strip_prefix(src).expect("the file was found there").with_extension("");
    let segments: Vec<_> = inside.iter().map(|segment| segment.to_string_lossy().into_owned()).collect();
    segments.join("::").trim_end_matches("::mod").to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
}

fn report(broken: &[String]) -> String {
    format!("the dependency table of ARCHITECTURE.md is broken:\n  {}", broken.join("\n  "))
}
