//! Many sandboxes on one network: all reach all, and all are found again.
//!
//! With `LANLOOM_FULL` set the second test makes 1,100, more than a bridge of the kernel has ports; else 60, since each takes its
//! tenth of a second. Each test's host is a house of its own. Needs root and `ip` (iproute2).
//!
//! Linux holds 1,024 neighbours for all namespaces together unless somebody raised that in the machine's first one, where no test
//! may; the daemon of a house cannot either, and says so. What sandboxes are told of each other for good does not count there:
//! so all pairs are tried with that, and only some with addresses that they have to ask for.

#[path = "lab/keep.rs"]
mod keep;
#[path = "lab/pinger.rs"]
mod pinger;

use keep::house::{self, House};
use keep::{End, STATE, Talk, daemon, end, leaks, text, v4, with_world};
use pinger::Pinger;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const SANDBOXES: usize = 200;
/// More than the 1,023 that a bridge of Linux can have.
const MANY: usize = 1100;
const FEWER: usize = 60;
/// Liveness only: as long as any answer may take to come.
const PATIENCE: Duration = Duration::from_secs(100);

/// A sandbox as the others see it.
struct Member {
    name: String,
    address: Ipv4Addr,
    mac: String,
}

fn member_name(number: usize) -> String {
    format!("s{number}")
}

/// Makes sandboxes on the network `many`, in turn by TAP and by veth, and says what they are.
fn make(house: &House, count: usize) -> Vec<Member> {
    house.says("network create many");
    for number in 0..count {
        let kind = ["tap", "veth"][number % 2];
        house.says(&format!("sandbox create {} --network many --endpoint {kind}", member_name(number)));
    }
    let endpoints = house.json("endpoint ls --network many");
    let member = |endpoint: &serde_json::Value| {
        let address = text(&endpoint["addresses"][0]);
        let address = address.split('/').next().and_then(|address| address.parse().ok()).expect("an address");
        Member { name: text(&endpoint["sandbox"]), address, mac: text(&endpoint["mac"]) }
    };
    endpoints.as_array().expect("a list").iter().map(member).collect()
}

/// Tells each sandbox for good where all others are.
fn introduce(house: &House, members: &[Member]) {
    let line = |one: &Member| format!("neigh replace {} lladdr {} dev eth0 nud permanent\n", one.address, one.mac);
    let file = house.path("neighbours");
    std::fs::write(&file, members.iter().map(line).collect::<String>()).expect("written");
    for one in members {
        house.sh(&format!("ip -n {} -batch {}", one.name, file.display()));
    }
}

fn print_size(house: &House, what: &str) {
    let process = daemon(house);
    let status = std::fs::read_to_string(process.join("status")).expect("its status");
    let line = |key: &str| status.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    let descriptors = std::fs::read_dir(process.join("fd")).expect("its descriptors").count();
    println!("{what}: {}, {}, {descriptors} descriptors", line("VmRSS"), line("Threads"));
}

#[test]
fn two_hundred_sandboxes_on_one_network_all_reach_all_others() {
    let Some(mut house) = with_world() else { return };
    house.start_daemon(&STATE);
    print_size(&house, "without a sandbox");
    let begin = Instant::now();
    let members = make(&house, SANDBOXES);
    assert_eq!(members.len(), SANDBOXES);
    println!("{SANDBOXES} sandboxes made in {:?}", begin.elapsed());
    print_size(&house, "with all sandboxes");
    let pingers: Vec<Pinger> = members.iter().map(|one| Pinger::open(&house, &one.name)).collect();
    let addresses: Vec<Ipv4Addr> = members.iter().map(|one| one.address).collect();
    // Some that have to ask first, each for one who knows nothing of it.
    for at in (0..SANDBOXES - 1).step_by(8) {
        pingers[at].ping_all(addresses[at], &addresses[at + 1..at + 2], 7);
    }
    introduce(&house, &members);
    let begin = Instant::now();
    let again: usize = addresses.iter().zip(&pingers).map(|(own, pinger)| pinger.ping_all(*own, &addresses, 8)).sum();
    println!("{} pairs in {:?}; some were asked again {again} times", SANDBOXES * (SANDBOXES - 1), begin.elapsed());
    end(&mut house, End::Killed);
    let begin = Instant::now();
    house.start_daemon(&STATE);
    for (own, pinger) in addresses.iter().zip(&pingers).step_by(20) {
        pinger.ping_all(*own, &addresses, 9);
    }
    println!("after a kill, the daemon and all pairs from ten of them again in {:?}", begin.elapsed());
    assert_eq!(leaks(&house), Vec::<String>::new());
}

#[test]
fn all_of_many_endpoints_on_one_network_are_reached_and_found_again_after_a_stop_and_a_kill() {
    let Some(mut house) = with_world() else { return };
    house.start_daemon(&STATE);
    let count = if std::env::var_os("LANLOOM_FULL").is_some() { MANY } else { FEWER };
    let begin = Instant::now();
    let members = make(&house, count);
    println!("{count} endpoints made in {:?}", begin.elapsed());
    print_size(&house, "with all of them");
    assert_eq!(house.json("network inspect many")[0]["Containers"].as_object().map(serde_json::Map::len), Some(count));
    assert_eq!(house.json("port ls many").as_array().map(Vec::len), Some(count + 1), "and the gateway's");
    let pingers: Vec<Pinger> = members.iter().step_by(count / 12).map(|one| Pinger::open(&house, &one.name)).collect();
    let sample: Vec<Member> = members.into_iter().step_by(count / 12).collect();
    let addresses: Vec<Ipv4Addr> = sample.iter().map(|one| one.address).collect();
    let all_meet = |id| {
        for (own, pinger) in addresses.iter().zip(&pingers) {
            pinger.ping_all(*own, &addresses, id);
        }
    };
    all_meet(10);
    let (first, last) = (&sample[0].name, &sample[sample.len() - 1].name);
    let talk = Talk::udp(&house, first, last, &v4(&house, "many", last));
    talk.goes_on(&house);
    for how in [End::Asked, End::Killed] {
        end(&mut house, how);
        let (begin, forwards) = (Instant::now(), talk.next_round());
        house.start_patiently(&STATE, PATIENCE * 3);
        let answers = begin.elapsed();
        house.wait_within(PATIENCE * 3, "all to be taken up", || house.is_taken_up());
        let whole = begin.elapsed();
        talk.goes_on(&house);
        let forwards = forwards.join().expect("it does not panic");
        println!("{how:?}: forwarding {forwards:?} after the start, an answer after {answers:?}, all names after {whole:?}");
        all_meet(11);
        assert_eq!(house.json("endpoint ls --network many").as_array().map(Vec::len), Some(count));
    }
    print_size(&house, "after a kill and a start");
}
