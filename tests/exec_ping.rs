//! Ping from a sandbox, without a program in it: over a veth pair, by address and by name, and to nobody.
//!
//! Needs root and `ip` (iproute2).

mod lab;

use lab::Sandbox;
use lab::sandbox::may_make_namespaces;
use lanloom::exec::ping::{Echo, Family, Outcome, PingArgs, PingError, Summary, ping};
use lanloom::exec::{ExecError, Place};
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Two sandboxes with a cable between them: 10.9.0.1 and fd09::1, 10.9.0.2 and fd09::2.
struct Pair {
    near: Sandbox,
    far: Sandbox,
}

impl Pair {
    fn new() -> Self {
        let (near, far) = (Sandbox::new(), Sandbox::new());
        near.ip(&format!("link add e0 type veth peer name e0 netns {}", far.name));
        for (number, end) in [(1, &near), (2, &far)] {
            end.ip(&format!("addr add 10.9.0.{number}/24 dev e0"));
            end.ip(&format!("addr add fd09::{number}/64 dev e0 nodad"));
            end.ip("link set e0 up");
        }
        Self { near, far }
    }

    fn asks(&self, args: &PingArgs) -> Summary {
        asks(&self.near, None, args).expect("it was asked")
    }
}

/// As many requests, each of which is answered within milliseconds or never.
fn args(target: &str, count: u32) -> PingArgs {
    PingArgs { count, wait: Duration::from_secs(10), interval: Duration::from_millis(1), ..PingArgs::new(target) }
}

fn asks(sandbox: &Sandbox, files: Option<&Path>, args: &PingArgs) -> Result<Summary, PingError> {
    let place = Place { netns: sandbox.path(), files: files.map(Path::to_owned) };
    ping(&place, args, |warning| panic!("{warning}"), |_| {})
}

fn is_answered(echo: &Echo) -> bool {
    matches!(echo.outcome, Outcome::Answered { .. })
}

#[test]
fn a_sandbox_reaches_itself_and_its_neighbour_by_both_families() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    for target in ["127.0.0.1", "::1", "10.9.0.1", "10.9.0.2", "fd09::2"] {
        let summary = pair.asks(&args(target, 2));
        assert!(summary.echoes().iter().all(is_answered), "{:?}", summary.echoes());
        assert_eq!((summary.answered(), summary.failure(None)), (2, None), "{summary}");
        assert_eq!(summary.address().to_string(), target);
    }
}

#[test]
fn sockets_that_only_ping_are_answered_too_where_the_namespace_allows_them() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    pair.near.sysctl("ipv4/ping_group_range", "0 0");
    for target in ["127.0.0.1", "10.9.0.2", "fd09::2"] {
        assert_eq!(pair.asks(&args(target, 2)).answered(), 2, "{target}");
    }
}

#[test]
fn a_link_local_neighbour_is_reached_through_its_interface() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    pair.near.ip("addr add fe80::a/64 dev e0 nodad");
    pair.far.ip("addr add fe80::b/64 dev e0 nodad");
    assert_eq!(pair.asks(&args("fe80::b%e0", 1)).failure(None), None);
}

#[test]
fn every_request_is_told_as_it_ends_and_in_order() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    let place = Place { netns: pair.near.path(), files: None };
    let mut told = Vec::new();
    let summary = ping(&place, &args("10.9.0.2", 3), |warning| panic!("{warning}"), |echo| told.push(echo.clone()));
    assert_eq!(summary.expect("it was asked").echoes(), told);
    assert_eq!(told.iter().map(|echo| echo.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[test]
fn nobody_at_an_address_of_the_link_is_no_answer() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    for target in ["10.9.0.77", "fd09::77"] {
        let summary = pair.asks(&PingArgs { wait: Duration::from_millis(50), ..args(target, 2) });
        assert_eq!((summary.echoes().len(), summary.answered()), (2, 0), "{summary}");
        assert!(summary.failure(None).is_some_and(|line| line.starts_with(&format!("no answer from {target}: "))));
    }
    // Long enough for the kernel to give the neighbour up, which it says.
    let summary = pair.asks(&args("10.9.0.78", 1));
    let said = summary.failure(None).expect("nobody answered");
    assert!(said.contains("nobody on its link has this address"), "{said}");
}

#[test]
fn where_no_route_leads_every_request_says_so() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    for target in ["203.0.113.7", "2001:db8::7"] {
        let summary = pair.asks(&args(target, 2));
        let refused = |echo: &Echo| matches!(&echo.outcome, Outcome::Refused { why } if why == "no route leads there");
        assert!(summary.echoes().len() == 2 && summary.echoes().iter().all(refused), "{:?}", summary.echoes());
    }
}

#[test]
fn an_answer_to_one_ping_is_not_taken_for_another_s() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    std::thread::scope(|scope| {
        let pings: Vec<_> = (0..8).map(|_| scope.spawn(|| pair.asks(&args("10.9.0.2", 20)))).collect();
        let nobody = scope.spawn(|| pair.asks(&PingArgs { wait: Duration::from_millis(50), ..args("10.9.0.77", 3) }));
        for ping in pings {
            assert_eq!(ping.join().expect("asked").answered(), 20);
        }
        assert_eq!(nobody.join().expect("asked").answered(), 0);
    });
}

#[test]
fn a_name_means_what_the_sandbox_s_hosts_say_in_the_family_that_is_asked_for() {
    if !may_make_namespaces() {
        return;
    }
    let pair = Pair::new();
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = "10.9.0.2\tfar.test\nfd09::2\tfar.test\n10.9.0.1\tnear.test\n";
    fs::write(folder.path().join("hosts"), hosts).expect("written");
    // Nobody answers for names: what is not in the file is unknown.
    fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").expect("written");
    let asks = |target: &str, family| asks(&pair.near, Some(folder.path()), &PingArgs { family, ..args(target, 1) });
    for (family, address) in [(Family::V4, "10.9.0.2"), (Family::V6, "fd09::2")] {
        let summary = asks("far.test", Some(family)).expect("it was asked");
        assert_eq!((summary.address().to_string(), summary.answered()), (address.to_owned(), 1));
    }
    assert_eq!(asks("far.test", None).expect("it was asked").answered(), 1);
    let none = asks("near.test", Some(Family::V6)).expect_err("it has none");
    assert!(matches!(none, PingError::NoAddress { family: Family::V6, .. }), "{none}");
    let unknown = asks("lanloom-is-not-there.test", None).expect_err("nobody knows it");
    assert!(matches!(unknown, PingError::UnknownName { .. }), "{unknown}");
}

#[test]
fn from_a_sandbox_that_is_not_there_nothing_is_asked() {
    let nowhere = Place { netns: "/run/netns/lanloom-is-not-there".into(), files: None };
    let error = ping(&nowhere, &args("127.0.0.1", 1), |_| {}, |echo| panic!("{echo}")).expect_err("no such sandbox");
    assert!(matches!(error, PingError::Enter(ExecError::NoSandbox { .. })), "{error}");
}
