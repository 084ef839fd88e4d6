//! Networks, endpoints and sandboxes over the end of the real daemon and its next start: what stays, what goes on, and what is
//! made again of what somebody took away meanwhile.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2) and `nft` (nftables).

#[path = "lab/keep.rs"]
mod keep;

use keep::house::{House, has};
use keep::{End, OUTSIDE, STATE, Talk, address, assert_alike, end, exec, inside, leaks, shown, text, v4, with_world};
use std::time::Instant;

/// Two networks and an internal one, with sandboxes on each by TAP and by veth.
fn furnish(house: &House) {
    house.says("network create web");
    house.says("network create dual --ipv6");
    house.says("network create back --internal");
    house.says("sandbox create a --network web --network back");
    house.says("sandbox create b --network web:alias=db --endpoint tap");
    house.says("sandbox create c --network web --network dual --endpoint veth");
    house.says("sandbox create d --network dual --network back --hostname dora --endpoint veth");
    house.says("network connect --link-local-ip fe80::77 back c");
}

const SANDBOXES: [&str; 4] = ["a", "b", "c", "d"];

/// What names mean in a sandbox, by its own files and name server.
fn resolved(house: &House) -> String {
    let ask = |(from, name): (&str, &str)| {
        let said = exec(house, from, &format!("getent ahostsv4 {name}"));
        format!("{from} {name} {}", said.split_whitespace().next().unwrap_or_default())
    };
    [("a", "b"), ("a", "db"), ("b", "a.web"), ("c", "d"), ("d", "a"), ("a", "dora")].map(ask).join("\n")
}

#[test]
fn whatever_ends_the_daemon_sandboxes_keep_all_they_have_and_their_connections_live_on() {
    if !has("nft") {
        return;
    }
    let Some(mut house) = with_world() else { return };
    house.start_daemon(&STATE);
    furnish(&house);
    let talks = [
        Talk::tcp(&house, "a", "b", &v4(&house, "web", "b")),
        Talk::tcp(&house, "b", "c", &v4(&house, "web", "c")),
        Talk::tcp(&house, "c", "d", &address(&house, "dual", "d", |address| address.contains(':'))),
        Talk::tcp(&house, "a", "d", &v4(&house, "back", "d")),
        Talk::tcp(&house, "b", "outside", OUTSIDE),
        Talk::tcp(&house, "c", "outside", OUTSIDE),
    ];
    let pings = [
        Talk::udp(&house, "a", "b", &v4(&house, "web", "b")),
        Talk::udp(&house, "a", "c", &v4(&house, "web", "c")),
        Talk::udp(&house, "a", "outside", OUTSIDE),
    ];
    // What the kernel has asked for in vain it asks again a second later only: that is not to be measured.
    for (from, to) in [("a", "b"), ("a", "c"), ("b", "a"), ("c", "a")] {
        let of = |name: &str| house.json(&format!("endpoint inspect web/{name}"))[0].take();
        let (here, there) = (text(&of(from)["ifname"]), text(&of(to)["mac"]));
        house.sh(&format!("ip -n {from} neigh replace {} lladdr {there} dev {here} nud permanent", v4(&house, "web", to)));
    }
    for talk in talks.iter().chain(&pings) {
        talk.goes_on(&house);
    }
    let kernel = |house: &House| SANDBOXES.map(|name| inside(house, name));
    let (shown_before, kernel_before, names_before) = (shown(&house), kernel(&house), resolved(&house));
    let links_before = house.interfaces();
    assert_eq!(leaks(&house), Vec::<String>::new());

    for how in [End::Asked, End::Killed, End::Killed, End::Asked] {
        end(&mut house, how);
        assert_eq!(kernel(&house), kernel_before, "while nobody is there");
        assert_eq!(house.interfaces(), links_before, "while nobody is there");
        let start = Instant::now();
        let carried = pings.each_ref().map(Talk::next_round);
        house.start_daemon(&STATE);
        let answers = start.elapsed();
        let carried = carried.map(|carried| carried.join().expect("it does not panic"));
        println!("{how:?}: datagrams are carried {carried:?} after the start, the daemon answered after {answers:?}");
        for talk in pings.iter().chain(&talks) {
            talk.goes_on(&house);
            println!(
                "{how:?}: {} goes on {:?} after the start; the daemon answered after {answers:?}",
                talk.what,
                start.elapsed()
            );
        }
        assert_alike(&shown(&house), &shown_before, &format!("{how:?}"));
        assert_eq!(kernel(&house), kernel_before, "{how:?}");
        assert_eq!(resolved(&house), names_before, "{how:?}");
        assert_eq!(leaks(&house), Vec::<String>::new(), "{how:?}");
    }
    drop((talks, pings));
    SANDBOXES.iter().for_each(|name| drop(house.says(&format!("sandbox delete {name}"))));
    house.says("network rm web dual back");
    assert_eq!(leaks(&house), Vec::<String>::new());
    assert_eq!(house.interfaces(), ["lo", "up0"]);
}
