//! Names in sandboxes as whoever is in them finds them: by `dig`, by the C library, and in the files there.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2), `nft` (nftables) and `dig` (bind9-dnsutils).

#[path = "lab/asking.rs"]
mod asking;
#[path = "lab/keep.rs"]
mod keep;

use asking::{Upstream, dig, empty, set_resolv_conf, short, start, status, unknown};
use keep::house::{House, has};
use keep::{End, STATE, address, end, exec, v4, with_world};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

#[test]
fn a_sandbox_is_found_by_each_of_its_names_and_addresses_and_by_nothing_else() {
    let Some(house) = start() else { return };
    house.says("network create web --ipv6");
    house.says("network create plain");
    house.says("sandbox create a --network web --network plain");
    let id = house.says("sandbox create b --network web:alias=db,alias=Store --network plain --hostname bertha");
    let v6 = |name: &str| address(&house, "web", name, |address| address.contains(':'));
    let (four, six) = (v4(&house, "web", "b"), v6("b"));
    for name in ["b", "B", "b.", "b.web", "db", "DB", "store", "bertha", "BeRTHa.web", &id[..12], "a.web"] {
        let (four, six) = if name == "a.web" { (v4(&house, "web", "a"), v6("a")) } else { (four.clone(), six.clone()) };
        assert_eq!(short(&house, "a", &format!("{name} A")), [four], "{name}");
        assert_eq!(short(&house, "a", &format!("{name} AAAA")), [six], "{name}");
    }
    assert_eq!(short(&house, "a", "b.plain A"), [v4(&house, "plain", "b")]);
    assert_eq!(status(&house, "a", "b.plain AAAA"), empty(), "the other family");
    for kind in ["MX", "TXT", "SRV", "NS"] {
        assert_eq!(status(&house, "a", &format!("b {kind}")), empty(), "{kind}");
    }
    for name in ["_80._tcp.b SRV", "c.web A", "b.web.web A", "x.b.web A"] {
        assert_eq!(status(&house, "a", name).1, 0, "{name}");
    }
    assert_eq!(short(&house, "a", &format!("-x {four}")), ["b.web."]);
    assert_eq!(short(&house, "a", &format!("-x {six}")), ["b.web."]);
    assert_eq!(short(&house, "b", &format!("-x {}", v4(&house, "plain", "a"))), ["a.plain."]);
    let line = dig(&house, "a", "+noall +answer b A");
    assert!(line.contains("600") && line.contains(&four), "it holds for 600 s: {line}");
    assert_eq!(short(&house, "a", "+tcp b A"), [four.as_str()]);
    // By the C library, and by what needs no program in the sandbox.
    assert!(exec(&house, "a", "getent ahostsv6 db").starts_with(&six));
    assert!(exec(&house, "a", &format!("getent hosts {four}")).contains("b.web"));
    let said = house.says("sandbox ping -c 1 a bertha");
    assert!(said.contains(&four) || said.contains(&six), "{said}");
    assert!(house.says("sandbox ping -c 1 a b.plain").contains(&v4(&house, "plain", "b")));
    exec(&house, "a", "ping -n -c 1 -w 20 db");
}

#[test]
fn names_come_and_go_with_connections_and_are_known_on_their_own_networks_only() {
    let Some(mut house) = start() else { return };
    for network in ["alfa", "bravo", "charlie"] {
        house.says(&format!("network create {network}"));
    }
    house.says("sandbox create mid --network alfa --network bravo --network charlie");
    house.says("sandbox create a --network alfa:alias=twin");
    house.says("sandbox create b --network bravo:alias=twin");
    house.says("sandbox create c --network charlie:alias=twin");
    house.says("sandbox create c2 --network charlie:alias=twin");
    let on = |network: &str, name: &str| v4(&house, network, name);
    for (name, network) in [("a", "alfa"), ("b", "bravo"), ("c", "charlie")] {
        assert_eq!(short(&house, "mid", name), [on(network, name)]);
        assert_eq!(short(&house, name, "mid"), [on(network, "mid")], "each has its own view of it");
        assert_eq!(short(&house, name, &format!("-x {}", on(network, "mid"))), [format!("mid.{network}.")]);
    }
    for (from, name) in [("a", "b"), ("b", "a"), ("c", "b.bravo"), ("a", "mid.bravo")] {
        assert_eq!(status(&house, from, name).1, 0, "{from} knows nothing of {name}");
    }
    assert_eq!(status(&house, "a", "mid.bravo").0, "NXDOMAIN", "a name on a network of others");
    assert_eq!(short(&house, "mid", "twin"), [on("alfa", "a")], "the first network with such a name answers");
    let mut twins = vec![on("charlie", "c"), on("charlie", "c2")];
    twins.sort();
    assert_eq!(short(&house, "mid", "twin.charlie"), twins, "all that share a name");
    let orders: BTreeSet<String> = (0..30).map(|_| dig(&house, "mid", "+short twin.charlie")).collect();
    assert_eq!(orders.len(), 2, "in any order");

    assert_eq!(status(&house, "a", "c").1, 0);
    house.says("network connect --alias late alfa c");
    for name in ["c", "late", "c.alfa"] {
        assert_eq!(short(&house, "a", name), [v4(&house, "alfa", "c")], "{name}");
    }
    house.says("network disconnect alfa c");
    for name in ["c", "late", "c.alfa"] {
        assert_eq!(status(&house, "a", name).1, 0, "{name}");
    }
    assert_eq!(short(&house, "mid", "c").len(), 1, "it is still on the other");
    house.says("sandbox delete b");
    assert_eq!(status(&house, "mid", "b").1, 0);
    let before = dig(&house, "mid", "+noall +answer a");
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    assert_eq!(dig(&house, "mid", "+noall +answer a"), before, "after a kill");
    assert_eq!(short(&house, "mid", "twin.charlie"), twins);
    assert_eq!(status(&house, "a", "late").1, 0);
}

#[test]
fn an_answer_that_is_too_long_for_a_datagram_says_so_and_comes_whole_by_tcp_or_edns() {
    const MANY: usize = 34;
    let Some(house) = start() else { return };
    house.says("network create web");
    house.says("sandbox create a --network web");
    for number in 0..MANY {
        house.says(&format!("sandbox create m{number} --network web:alias=many"));
    }
    let cut = dig(&house, "a", "+noedns +ignore many");
    assert!(cut.lines().any(|line| line.starts_with(";; flags:") && line.contains(" tc")), "{cut}");
    for how in ["+noedns", "+tcp", "+noedns +tcp", "+bufsize=4096"] {
        let lines: BTreeSet<String> =
            short(&house, "a", &format!("{how} many")).into_iter().filter(|line| !line.starts_with(';')).collect();
        assert_eq!(lines.len(), MANY, "{how}");
    }
    let whole = dig(&house, "a", "+bufsize=4096 +ignore many");
    assert!(whole.lines().any(|line| line.starts_with(";; flags:") && !line.contains(" tc")), "{whole}");
}

#[test]
fn other_names_are_asked_of_the_hosts_servers_and_none_of_ours_ever_leaves() {
    let Some(mut house) = start() else { return };
    // The house's own namespace under a name, so that a server can be started there.
    let attached = house.command(&["sh", "-c", "ip netns attach house $$"]).status().expect("it runs");
    assert!(attached.success());
    let upstream = Upstream::start(&house, "house", Ipv4Addr::LOCALHOST, [198, 51, 100, 7]);
    set_resolv_conf(&house, "nameserver 127.0.0.1\nsearch example.test\n");
    end(&mut house, End::Asked);
    house.start_daemon(&STATE);
    house.says("network create web");
    house.says("network create back --internal");
    house.says("sandbox create a --network web");
    house.says("sandbox create b --network web:alias=db --network back");
    house.says("sandbox create c --network back");
    for how in ["", "+tcp "] {
        assert_eq!(short(&house, "a", &format!("{how}far.example.test")), ["198.51.100.7"]);
        assert_eq!(upstream.asked(), ["far.example.test."], "{how}");
    }
    assert!(exec(&house, "a", "getent ahostsv4 far").starts_with("198.51.100.7"));
    let asked = BTreeSet::from_iter(upstream.asked());
    assert_eq!(asked, BTreeSet::from(["far.".to_owned()]), "a single label is forwarded as it is");
    assert_eq!(status(&house, "a", "nobody.example.test"), unknown(), "what it says is passed on");
    assert_eq!(upstream.asked(), ["nobody.example.test."]);
    let four = v4(&house, "web", "b");
    for words in ["b", "b AAAA", "b MX", "db TXT", "b.web", "none.web", "c.back", "b.back AAAA", &format!("-x {four}")] {
        dig(&house, "a", words);
        assert_eq!(upstream.asked(), Vec::<String>::new(), "{words} left the host");
    }
    // Who is on internal networks only is told nothing of the world outside; who is on another too is.
    assert_eq!(short(&house, "b", "far.example.test"), ["198.51.100.7"]);
    upstream.asked();
    for words in ["far.example.test", "+tcp far.example.test", "far", "secret.a.name.that.carries.data.example.test TXT"] {
        assert_eq!(status(&house, "c", words), unknown(), "{words}");
    }
    assert_eq!(short(&house, "c", "b"), [v4(&house, "back", "b")]);
    assert_eq!(upstream.asked(), Vec::<String>::new(), "something was forwarded for an internal network");
    drop(upstream);
    assert_eq!(status(&house, "a", "far.example.test"), ("SERVFAIL".to_owned(), 0), "nobody is there to be asked");
    assert_eq!(short(&house, "a", "b"), [four], "our own names need nobody");
}

#[test]
fn a_server_given_for_a_sandbox_is_asked_from_inside_also_on_an_internal_network_and_nothing_leaves_the_host() {
    let Some(house) = start() else { return };
    for words in [
        "add table inet watch",
        "add chain inet watch in { type filter hook prerouting priority -300 ; }",
        "add rule inet watch in ip protocol { tcp, udp } counter",
    ] {
        house.sh(&format!("ip netns exec outside nft {words}"));
    }
    let arrived = || {
        let listed = house.sh("ip netns exec outside nft list chain inet watch in");
        let count = listed.split_once("packets ").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
        count.unwrap_or_else(|| panic!("{listed}"))
    };
    let outside = Upstream::start(&house, "outside", Ipv4Addr::new(192, 0, 2, 2), [198, 51, 100, 1]);
    house.says("network create back --internal");
    house.says("network create web");
    house.says("sandbox create ns --network back --network web");
    let server = v4(&house, "back", "ns");
    let inside = Upstream::start(&house, "ns", server.parse().expect("an address"), [198, 51, 100, 2]);
    house.says(&format!("sandbox create c --network back --dns {server}"));
    house.says("sandbox create d --network back --dns 192.0.2.2");
    house.says("sandbox create w --network web --dns 192.0.2.2");
    assert_eq!(short(&house, "c", "far.example.test"), ["198.51.100.2"]);
    assert_eq!(short(&house, "c", "+tcp far.example.test"), ["198.51.100.2"]);
    assert_eq!(inside.asked().len(), 2);
    assert_eq!(short(&house, "c", "ns"), [server]);
    assert_eq!(inside.asked(), Vec::<String>::new());
    assert_eq!((outside.asked(), arrived()), (Vec::new(), 0), "nothing has left so far");
    assert_eq!(status(&house, "d", "far.example.test"), ("SERVFAIL".to_owned(), 0), "it cannot be reached from inside");
    assert_eq!((outside.asked(), arrived()), (Vec::new(), 0), "nothing leaves an internal network");
    // The same server, where there is a way to it, sees that it works: and the count that it could have been seen.
    assert_eq!(short(&house, "w", "far.example.test"), ["198.51.100.1"]);
    assert_eq!(outside.asked(), ["far.example.test."]);
    assert!(arrived() > 0);
}

#[test]
fn port_53_in_a_sandbox_is_the_sandboxs_own() {
    let Some(house) = start() else { return };
    house.says("network create web");
    house.says("sandbox create a --network web");
    house.says("sandbox create b --network web");
    let own = Upstream::start(&house, "a", Ipv4Addr::UNSPECIFIED, [198, 51, 100, 3]);
    let four = v4(&house, "web", "a");
    assert_eq!(short(&house, "b", &format!("@{four} far.example.test")), ["198.51.100.3"]);
    assert_eq!(short(&house, "a", "@127.0.0.1 far.example.test"), ["198.51.100.3"]);
    assert_eq!(own.asked().len(), 2);
    assert_eq!(short(&house, "a", "b"), [v4(&house, "web", "b")], "and ours answers beside it");
    assert_eq!(own.asked(), Vec::<String>::new());
    let shown = house.json("sandbox inspect a")[0]["dns_server"].to_string();
    assert!(shown.contains("127.0.0.11:53") && shown.contains("redirected"), "{shown}");
}

#[test]
fn without_nft_names_are_served_on_port_53_directly_and_inspect_says_so() {
    if !has("dig") {
        return;
    }
    let Some(mut house) = with_world() else { return };
    // What is mounted over the folder with nft is seen by the daemon only; the namespaces that it makes are seen by all.
    house.sh("mount --make-shared /run/netns");
    let script = "mount -t tmpfs none /usr/sbin && PATH=/nowhere exec \"$0\" daemon --state-dir \"$1\"";
    let program = env!("CARGO_BIN_EXE_lanloom");
    let daemon = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", script, program, "STATE"];
    let log = std::fs::File::create(house.path("log")).expect("a log");
    let daemon = house.command(&daemon).stderr(log).spawn().expect("it runs");
    house.keep(daemon);
    house.wait_for("the daemon to answer", || house.lanloom("switch ls").status.success());
    house.says("network create web");
    house.says("sandbox create a --network web");
    house.says("sandbox create b --network web:alias=db");
    assert_eq!(short(&house, "a", "db"), [v4(&house, "web", "b")]);
    assert_eq!(short(&house, "a", "+tcp db"), [v4(&house, "web", "b")]);
    let shown = house.json("sandbox inspect a")[0].take();
    println!("{}\n{}", shown["dns_server"], shown["notes"]);
    assert!(shown["dns_server"].to_string().contains("directly"), "{shown}");
    assert!(shown["notes"].to_string().contains("nftables"), "it names the package: {shown}");
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    assert_eq!(short(&house, "a", "db"), [v4(&house, "web", "b")], "with nft again");
    assert!(house.json("sandbox inspect a")[0]["dns_server"].to_string().contains("redirected"));
}

#[test]
fn the_files_of_a_sandbox_follow_its_networks_until_somebody_edits_them() {
    let Some(mut house) = start() else { return };
    set_resolv_conf(&house, "nameserver 192.0.2.2\nsearch example.test corp.test\noptions timeout:3\n");
    end(&mut house, End::Asked);
    house.start_daemon(&STATE);
    house.says("network create web --ipv6");
    house.says("network create back --internal");
    house.says("sandbox create a --network web --hostname alma --add-host far:198.51.100.9 --add-host gate:host-gateway");
    let file = |house: &House, name: &str| exec(house, "a", &format!("cat /etc/{name}"));
    let has_line = |text: &str, words: &[&str]| text.lines().any(|line| line.split_whitespace().eq(words.iter().copied()));
    let resolv = file(&house, "resolv.conf");
    assert!(has_line(&resolv, &["nameserver", "127.0.0.11"]) && !resolv.contains("192.0.2.2"), "{resolv}");
    assert!(has_line(&resolv, &["search", "example.test", "corp.test"]) && resolv.contains("ndots:0"), "{resolv}");
    let hosts = file(&house, "hosts");
    let four = v4(&house, "web", "a");
    let six = address(&house, "web", "a", |address| address.contains(':'));
    let gateway = house.json("endpoint inspect web/a")[0]["gateway_v4"].as_str().expect("it has one").to_owned();
    for line in [
        ["127.0.0.1", "localhost"],
        [&four, "alma"],
        [&six, "alma"],
        ["198.51.100.9", "far"],
        [&gateway, "gate"],
        ["ff02::1", "ip6-allnodes"],
    ] {
        assert!(has_line(&hosts, &line), "{line:?} in\n{hosts}");
    }
    house.says("network connect back a");
    let second = v4(&house, "back", "a");
    assert!(has_line(&file(&house, "hosts"), &[&second, "alma"]));
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    assert!(has_line(&file(&house, "hosts"), &[&second, "alma"]));
    house.says("network disconnect back a");
    assert_eq!(file(&house, "hosts"), hosts, "as before it was connected");

    let edit =
        "printf '192.0.2.77 mine\\n' >> /etc/netns/a/hosts; printf 'nameserver 192.0.2.78\\n' > /etc/netns/a/resolv.conf";
    assert!(house.command(&["sh", "-c", edit]).status().expect("it runs").success());
    let edited = [file(&house, "hosts"), file(&house, "resolv.conf")];
    assert!(edited[0].contains("mine") && edited[1] == "nameserver 192.0.2.78\n");
    house.says("network connect back a");
    end(&mut house, End::Killed);
    house.start_daemon(&STATE);
    house.says("network disconnect back a");
    assert_eq!([file(&house, "hosts"), file(&house, "resolv.conf")], edited, "what somebody wrote is theirs");
    house.says("sandbox delete a");
    assert_eq!(house.sh("ls /etc/netns"), "");
}
