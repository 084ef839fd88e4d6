//! ufw and a daemon of ours on one host: with its rules to drop what is forwarded, networks have their way out, also after it was
//! reloaded, switched off and on, or has thrown away everything that is not its own.
//!
//! Needs root, `ip` (iproute2), `nft` (nftables), `iptables` and `ufw`.

#[path = "lab/networks.rs"]
mod networks;

use networks::house::has;
use networks::{HOST, Networks, OUTSIDE, STATE, Seat};

/// Has ufw's files and `/run` be the house's own, with the namespaces that are there.
fn own_files(host: &Networks) {
    let dir = host.path("files").display().to_string();
    host.script(&format!(
        "mkdir -p {dir}/run/netns; mount --rbind /run/netns {dir}/run/netns; mount --rbind {dir}/run /run
         cp -a /etc/ufw {dir}/ufw; cp -a /etc/default/ufw {dir}/default
         mount --bind {dir}/ufw /etc/ufw; mount --bind {dir}/default /etc/default/ufw"
    ));
}

/// ufw's rules and ours among them, each family's.
fn rules(host: &Networks) -> String {
    host.script("iptables -S; ip6tables -S")
}

/// That the sandbox reaches the world, by the host's address.
fn is_out(host: &Networks, what: &str) {
    for (to, source) in OUTSIDE.into_iter().zip(HOST) {
        assert_eq!(host.source_outside("a", to), Some(source), "{what}: {to}\n{}", rules(host));
        host.reaches("a", to);
    }
}

#[test]
fn networks_have_their_way_out_beside_ufw_whatever_becomes_of_its_rules() {
    if !has("ufw") {
        return;
    }
    let Some(mut host) = Networks::without_daemon() else { return };
    own_files(&host);
    // Its rules are not quite the same when they are first made.
    host.script("ufw --force enable; ufw reload");
    let before = rules(&host);
    assert!(before.matches("-P FORWARD DROP").count() == 2 && before.contains("-j ufw-before-forward"), "{before}");
    host.start_daemon(&STATE);
    host.network(1, "");
    let notes = host.json("network inspect n1")[0]["Lanloom"]["notes"].to_string();
    assert!(notes.contains("chain FORWARD of table ip filter") && notes.contains("of table ip6 filter"), "{notes}");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    is_out(&host, "enabled");
    for command in ["ufw reload", "ufw route deny from 10.99.0.0/24", "ufw disable", "ufw --force enable"] {
        host.sh(command);
        is_out(&host, command);
    }
    // Now it is to throw away whatever is not its own.
    let set = |managed: &str| {
        let new = host.path("new").display().to_string();
        host.script(&format!(
            "sed 's/^MANAGE_BUILTINS=.*/MANAGE_BUILTINS={managed}/' /etc/default/ufw >{new}; cat {new} >/etc/default/ufw"
        ));
    };
    set("yes");
    host.sh("ufw reload");
    is_out(&host, "flushed");
    set("no");
    host.script("ufw --force delete 1; ufw reload");
    host.says("sandbox delete a");
    host.says("network rm n1");
    let now = rules(&host);
    let [lost, gained] = [(&before, &now), (&now, &before)]
        .map(|(one, other)| one.lines().filter(|line| !other.lines().any(|also| also == *line)).collect::<Vec<_>>());
    assert_eq!((lost, gained), (vec![], vec![]));
}
