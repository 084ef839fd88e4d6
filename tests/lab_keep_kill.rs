//! `kill -9` of the real daemon at any moment of its work: what was acknowledged is there afterwards, what was under way is there
//! whole or not at all, and nothing else is.
//!
//! `LANLOOM_KILLS` says how often, `LANLOOM_SEED` which operations. Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/keep.rs"]
mod keep;

use keep::house::{House, has};
use keep::{End, STATE, Seeded, Talk, end, leaks, said, text, v4, with_world};
use lanloom::store::{Embedded, Store};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use std::time::Duration;

/// Kills in the ordinary run.
const KILLS: usize = 10;
/// How many of them, at the least, while a request is open.
const INSIDE: usize = 3;
/// About as long as an operation that makes no interface takes, or one that does, so that a kill may come at any of their moments.
const SHORT_MS: usize = 50;
const LONG_MS: usize = 120;

type Said = BTreeMap<String, Value>;

/// A command, and what becomes of things by it, each as a key of [`said`].
#[derive(Debug, Default)]
struct Operation {
    words: String,
    adds: Vec<String>,
    removes: Vec<String>,
    changes: Vec<String>,
}

/// How a command that was under way is found again.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Whole,
    NotAtAll,
}

/// What there is to choose from.
struct Choice<'a> {
    said: &'a Said,
    seeded: &'a mut Seeded,
}

impl Choice<'_> {
    fn one(&mut self, among: Vec<String>) -> Option<String> {
        let at = self.seeded.below(among.len().max(1));
        among.into_iter().nth(at)
    }

    /// Names of a kind that the test may touch.
    fn there(&self, kind: &str, prefix: char) -> Vec<String> {
        let names = self.said.keys().filter_map(|key| key.strip_prefix(&format!("{kind}/")));
        names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
    }

    fn unused(&mut self, kind: &str, prefix: char, count: usize) -> Option<String> {
        let there = self.there(kind, prefix);
        let free = (0..count).map(|number| format!("{prefix}{number}")).filter(|name| !there.contains(name)).collect();
        self.one(free)
    }

    fn network(&mut self) -> Option<String> {
        let networks = self.there("network", 'w');
        self.one(networks)
    }

    fn sandbox(&mut self) -> Option<String> {
        let sandboxes = self.there("sandbox", 's');
        self.one(sandboxes)
    }

    /// Endpoints as `NETWORK/NAME` with their sandboxes.
    fn endpoints(&self) -> Vec<(String, Option<String>)> {
        let names = self.there("endpoint", 'w');
        names
            .into_iter()
            .map(|name| (name.clone(), self.said[&format!("endpoint/{name}")]["sandbox"].as_str().map(str::to_owned)))
            .collect()
    }

    fn endpoint(&mut self, is_wanted: impl Fn(&str, Option<&str>) -> bool) -> Option<String> {
        let wanted = self.endpoints().into_iter().filter(|(name, sandbox)| is_wanted(name, sandbox.as_deref()));
        let wanted = wanted.map(|(name, _)| name).collect();
        self.one(wanted)
    }

    fn is_on(&self, network: &str, sandbox: &str) -> bool {
        let on =
            |(name, of): &(String, Option<String>)| name.starts_with(&format!("{network}/")) && of.as_deref() == Some(sandbox);
        self.endpoints().iter().any(on) || self.said.contains_key(&format!("endpoint/{network}/{sandbox}"))
    }

    /// An operation of a kind, if there is anything that it could be done to.
    fn operation(&mut self, kind: usize) -> Option<Operation> {
        Some(match kind {
            0 => {
                let network = self.unused("network", 'w', 4)?;
                let flags = ["", " --internal", " --ipv6"][self.seeded.below(3)];
                Operation {
                    words: format!("network create {network}{flags}"),
                    adds: vec![format!("network/{network}")],
                    ..Operation::default()
                }
            }
            1 => {
                let on: Vec<String> = self.endpoints().into_iter().map(|(name, _)| name).collect();
                let is_free = |network: &String| !on.iter().any(|name| name.starts_with(&format!("{network}/")));
                let free = self.there("network", 'w').into_iter().filter(is_free).collect();
                let network = self.one(free)?;
                Operation {
                    words: format!("network rm {network}"),
                    removes: vec![format!("network/{network}")],
                    ..Operation::default()
                }
            }
            2 | 3 => {
                let (sandbox, network) = (self.unused("sandbox", 's', 5)?, self.network()?);
                let kind = ["tap", "veth"][self.seeded.below(2)];
                Operation {
                    words: format!("sandbox create {sandbox} --network {network} --endpoint {kind}"),
                    adds: vec![format!("sandbox/{sandbox}"), format!("endpoint/{network}/{sandbox}")],
                    ..Operation::default()
                }
            }
            4 => {
                let sandbox = self.sandbox()?;
                let its = self.endpoints().into_iter().filter(|(_, of)| of.as_ref() == Some(&sandbox));
                let its = its.map(|(name, _)| format!("endpoint/{name}"));
                let removes = its.chain([format!("sandbox/{sandbox}")]).collect();
                Operation { words: format!("sandbox delete {sandbox}"), removes, ..Operation::default() }
            }
            5 | 6 => {
                let (network, sandbox) = (self.network()?, self.sandbox()?);
                if self.is_on(&network, &sandbox) {
                    return None;
                }
                Operation {
                    words: format!("network connect {network} {sandbox}"),
                    adds: vec![format!("endpoint/{network}/{sandbox}")],
                    ..Operation::default()
                }
            }
            7 => {
                let endpoint = self.endpoint(|_, sandbox| sandbox.is_some())?;
                let (network, _) = endpoint.split_once('/')?;
                let sandbox = text(&self.said[&format!("endpoint/{endpoint}")]["sandbox"]);
                Operation {
                    words: format!("network disconnect {network} {sandbox}"),
                    removes: vec![format!("endpoint/{endpoint}")],
                    ..Operation::default()
                }
            }
            8 => {
                let (network, name) = (self.network()?, format!("e{}", self.seeded.below(3)));
                let key = format!("endpoint/{network}/{name}");
                if self.said.contains_key(&key) {
                    return None;
                }
                Operation {
                    words: format!("endpoint create {name} --network {network}"),
                    adds: vec![key],
                    ..Operation::default()
                }
            }
            9 => {
                let (endpoint, sandbox) = (self.endpoint(|_, sandbox| sandbox.is_none())?, self.sandbox()?);
                if self.is_on(endpoint.split_once('/')?.0, &sandbox) {
                    return None;
                }
                Operation {
                    words: format!("endpoint join {endpoint} {sandbox}"),
                    changes: vec![format!("endpoint/{endpoint}")],
                    ..Operation::default()
                }
            }
            10 => {
                let endpoint = self.endpoint(|name, sandbox| sandbox.is_some() && name.contains("/e"))?;
                Operation {
                    words: format!("endpoint leave {endpoint}"),
                    removes: vec![format!("endpoint/{endpoint}")],
                    ..Operation::default()
                }
            }
            _ => {
                let endpoint = self.endpoint(|_, sandbox| sandbox.is_none())?;
                Operation {
                    words: format!("endpoint delete {endpoint}"),
                    removes: vec![format!("endpoint/{endpoint}")],
                    ..Operation::default()
                }
            }
        })
    }

    fn any(&mut self) -> Operation {
        loop {
            let kind = self.seeded.below(12);
            if let Some(operation) = self.operation(kind) {
                return operation;
            }
        }
    }
}

impl Operation {
    /// How it is found in what is said afterwards. Fails if that is neither.
    fn found(&self, before: &Said, after: &Said) -> Found {
        if after == before {
            return Found::NotAtAll;
        }
        let mut keys: BTreeSet<&String> = before.keys().filter(|key| !self.removes.contains(key)).collect();
        keys.extend(&self.adds);
        let differs = |key: &&&String| {
            let is_its = self.adds.contains(key) || self.changes.contains(key);
            if is_its { !is_settled(key, &after[**key]) } else { before.get(**key) != after.get(**key) }
        };
        let is: BTreeSet<&String> = after.keys().collect();
        assert_eq!(is, keys, "after {}", self.words);
        let odd: Vec<_> = keys.iter().filter(differs).map(|key| (before.get(*key), after.get(*key))).collect();
        assert!(odd.is_empty(), "after {}: {odd:#?}", self.words);
        Found::Whole
    }
}

fn is_settled(key: &str, value: &Value) -> bool {
    let state = if key.starts_with("network/") { &value["Lanloom"]["state"] } else { &value["state"] };
    ["ready", "free", "joined"].iter().any(|settled| state == settled)
}

/// Does some operations to their end, and says what there is then.
fn do_some(house: &House, seeded: &mut Seeded, mut now: Said) -> Said {
    for _ in 0..1 + seeded.below(3) {
        let operation = Choice { said: &now, seeded }.any();
        println!("{}", operation.words);
        house.says(&operation.words);
        let after = said(house);
        assert_eq!(operation.found(&now, &after), Found::Whole, "{}", operation.words);
        now = after;
    }
    now
}

/// Begins an operation and kills the daemon some time later; whether the daemon had acknowledged it.
fn kill_inside(house: &mut House, operation: &Operation, after: Duration) -> bool {
    let words: Vec<&str> = [env!("CARGO_BIN_EXE_lanloom")].into_iter().chain(operation.words.split(' ')).collect();
    let mut client = house.command(&words);
    let client = client.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    std::thread::sleep(after);
    end(house, End::Killed);
    let output = client.wait_with_output().expect("a child of ours");
    println!(
        "{}, killed after {after:?}: {} {}",
        operation.words,
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    output.status.success()
}

#[test]
fn whenever_the_daemon_is_killed_the_next_one_finds_what_was_acknowledged_and_nothing_half_done() {
    if !has("nft") {
        return;
    }
    let Some(mut house) = with_world() else { return };
    let kills = std::env::var("LANLOOM_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let mut seeded = Seeded::printed();
    house.start_daemon(&STATE);
    house.says("network create still");
    house.says("sandbox create x --network still");
    house.says("sandbox create y --network still --endpoint veth");
    let traffic = Talk::udp(&house, "x", "y", &v4(&house, "still", "y"));
    let connection = Talk::tcp(&house, "y", "x", &v4(&house, "still", "x"));
    house.says("network create w0");
    let mut now = said(&house);
    let (mut killed, mut inside, mut whole) = (0, 0, 0);
    while killed < kills || inside < INSIDE {
        now = do_some(&house, &mut seeded, now);
        killed += 1;
        let operation = Choice { said: &now, seeded: &mut seeded }.any();
        let idle = seeded.below(4) == 0;
        let acknowledged = if idle {
            end(&mut house, End::Killed);
            None
        } else {
            let longest = if operation.words.starts_with("endpoint ") { SHORT_MS } else { LONG_MS };
            let after = Duration::from_millis(seeded.below(longest) as u64);
            Some(kill_inside(&mut house, &operation, after))
        };
        house.start_daemon(&STATE);
        let after = said(&house);
        match (acknowledged, operation.found(&now, &after)) {
            (None, found) => assert_eq!(found, Found::NotAtAll, "nothing was asked"),
            (Some(true), found) => assert_eq!(found, Found::Whole, "{} was acknowledged", operation.words),
            (Some(false), found) => {
                inside += 1;
                whole += usize::from(found == Found::Whole);
            }
        }
        assert_eq!(leaks(&house), Vec::<String>::new(), "after {}; the daemon's log:\n{}", operation.words, house.log());
        traffic.goes_on(&house);
        connection.goes_on(&house);
        now = after;
    }
    println!("{killed} kills, {inside} inside a request, of which {whole} were found whole afterwards");
    drop((traffic, connection));
    remove_all(&house, &now);
    assert_eq!(leaks(&house), Vec::<String>::new());
    end(&mut house, End::Asked);
    assert_eq!(records(&house), said_of_the_predefined(&now), "records of what is no more");
}

fn remove_all(house: &House, now: &Said) {
    let named = |kind: &str| {
        let names = now.keys().filter_map(|key| key.strip_prefix(kind));
        names.filter(|name| !["bridge", "host", "none"].contains(name)).map(str::to_owned).collect::<Vec<_>>()
    };
    for (kind, verb) in [("sandbox/", "sandbox delete"), ("endpoint/", "endpoint delete"), ("network/", "network rm")] {
        for name in named(kind) {
            // Deleting its sandbox took it along.
            if kind != "endpoint/" || now[&format!("endpoint/{name}")]["sandbox"].is_null() {
                house.says(&format!("{verb} {name}"));
            }
        }
    }
}

/// The keys of all records but the host's own.
fn records(house: &House) -> BTreeSet<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let store = Embedded::open(&house.path("state")).expect("a store that nobody has open");
    let range = runtime.block_on(store.range("/lanloom/")).expect("a range");
    range.pairs.into_iter().map(|pair| pair.key).filter(|key| !key.starts_with("/lanloom/host/")).collect()
}

fn said_of_the_predefined(now: &Said) -> BTreeSet<String> {
    ["bridge", "host", "none"].map(|name| format!("/lanloom/networks/{}", text(&now[&format!("network/{name}")]["Id"]))).into()
}
