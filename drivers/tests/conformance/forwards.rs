//! Others' tables that drop what the host forwards: seen, opened for us, and closed again.

use std::path::Path;

use lanloom_drivers::kernel::{
    Bystanders, FORWARD_V4, Firewall, Gate, Kernel, KernelError, LinuxKernel, Manager, Netns, Obstacle, Opened, Why,
};

use super::bench::{Bench, if_name};
use super::firewalls::{egress, firewall};
use super::linux::{inside, run};
use super::packets::{Family, Net};
use super::settings::key;

const MARK: &str = "lanloom:test";

/// Has `iptables` drop what is forwarded, on a host as Docker leaves it or on a plain one; answers what is to be seen.
async fn obstruct(bench: &Bench, docker: bool) -> Obstacle {
    let place = if docker { "DOCKER-USER" } else { "FORWARD" };
    let obstacle = obstacle(Manager::Iptables, ["ip", "filter", "FORWARD"], Some(place));
    match bench.memory() {
        Some(fake) => fake.set_obstacles(vec![obstacle.clone()]),
        None => obstruct_by("iptables-nft", &bench.host().await.1, docker),
    }
    obstacle
}

fn obstruct_by(program: &str, host: &Netns, docker: bool) {
    run(host, &format!("{program} -P FORWARD DROP"));
    if docker {
        for rule in
            ["-N DOCKER-USER", "-A FORWARD -j DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -i docker0 -j ACCEPT"]
        {
            run(host, &format!("{program} {rule}"));
        }
    }
}

fn obstacle(manager: Manager, [family, table, chain]: [&str; 3], place: Option<&str>) -> Obstacle {
    let place = place.map(str::to_owned);
    Obstacle {
        manager,
        family: family.to_owned(),
        table: table.to_owned(),
        chain: chain.to_owned(),
        place,
        trusted: Vec::new(),
    }
}

fn opened(family: &str, table: &str, chain: &str) -> Opened {
    Opened { family: family.to_owned(), table: table.to_owned(), chain: chain.to_owned() }
}

fn gateways(names: &[&str]) -> Vec<Gate> {
    names.iter().map(|name| Gate { interface: if_name(name), inbound_v4: false, inbound_v6: false }).collect()
}

async fn obstacles(kernel: &dyn Kernel) -> Result<Vec<Obstacle>, KernelError> {
    kernel.others().await.map(|others| others.obstacles)
}

/// Opens all obstacles that there are.
async fn open(kernel: &dyn Kernel, gates: &[Gate], comment: &str) -> Result<Vec<Opened>, KernelError> {
    kernel.open_forward(&kernel.others().await?.obstacles, gates, comment).await
}

pub(crate) async fn a_host_that_drops_nothing_has_nothing_to_open(bench: &Bench) {
    if bench.lacks(&["nft", "iptables-nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    assert_eq!(obstacles(&*kernel).await, Ok(Vec::new()));
    assert_eq!(open(&*kernel, &gateways(&["g1"]), MARK).await, Ok(Vec::new()));
    kernel.close_forward(MARK).await.expect("nothing to close");
}

pub(crate) async fn what_drops_is_seen_and_opened_where_it_offers_a_place(bench: &Bench) {
    if bench.lacks(&["nft", "iptables-nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    let seen = obstruct(bench, true).await;
    assert_eq!(obstacles(&*kernel).await, Ok(vec![seen]));
    for names in [&["g1", "g2"][..], &["g1", "g2"], &["g2"]] {
        let done = open(&*kernel, &gateways(names), MARK).await;
        assert_eq!(done, Ok(vec![opened("ip", "filter", "DOCKER-USER")]), "{names:?}");
    }
    for _ in 0..2 {
        kernel.close_forward(MARK).await.expect("closed");
    }
}

pub(crate) async fn a_comment_or_an_interface_that_says_more_is_refused(bench: &Bench) {
    let (kernel, _) = bench.host().await;
    for (name, comment) in [("g1", "two words"), ("g1", ""), ("g1", "a\nCOMMIT"), ("g*", MARK), ("@g", MARK)] {
        let error = open(&*kernel, &gateways(&[name]), comment).await.expect_err("refused");
        assert!(matches!(error.why(), Why::InvalidName(_)), "{error}");
    }
    assert!(kernel.close_forward("").await.is_err());
}

pub(crate) async fn a_reading_of_how_the_host_forwards_changes_with_whatever_does(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, host) = bench.host().await;
    let forwarding = || async { kernel.forwarding().await.expect("read") };
    let first = forwarding().await;
    assert_eq!(forwarding().await, first);
    for transactions in 1..=3 {
        kernel.set_firewall(&firewall(vec![egress("g1", &["10.1.0.0/24"])])).await.expect("set");
        let now = forwarding().await;
        assert!(now.follows(&first, transactions) && !now.follows(&first, transactions - 1), "{first:?} {now:?}");
    }
    let before = forwarding().await;
    kernel.set_sysctl(&host, &[(key(FORWARD_V4), "1".to_owned())]).await.expect("set");
    let after = forwarding().await;
    assert_eq!((before.v4, after.v4, after.v6), (Some(false), Some(true), before.v6));
}

/// All rules of all kinds, without counters and dates.
fn rules(host: &Netns) -> String {
    let all =
        ["nft -s list ruleset", "iptables-nft-save", "ip6tables-nft-save", "iptables-legacy-save"].map(|one| run(host, one));
    let plain = |line: &&str| !line.starts_with('#') && !line.contains("Warning");
    let lines: Vec<_> = all.iter().flat_map(|text| text.lines().filter(plain)).map(without_counters).collect();
    lines.join("\n")
}

fn without_counters(line: &str) -> &str {
    if line.starts_with(':') { line.split(" [").next().unwrap_or(line) } else { line }
}

/// The host drops; opened, our packets and the answers to them pass, and what nobody asked for does not; closed, all is as before.
async fn opens_and_closes(net: &mut Net, expected: &[Obstacle]) {
    let kernel = net.bench.host().await.0;
    let before = rules(&net.host);
    assert_eq!(obstacles(&*kernel).await.as_deref(), Ok(expected));
    assert!(!net.passes(1, 2).await, "the host drops");
    for _ in 0..2 {
        open(&*kernel, &gateways(&["g1"]), MARK).await.expect("opened");
    }
    let ours = rules(&net.host).lines().filter(|line| line.contains("\"g1\"")).count();
    assert_eq!(ours, 2 * expected.iter().filter(|one| one.manager != Manager::IptablesLegacy).count(), "each but once");
    // What comes from us passes, and so does the answer.
    net.ask(1, 2).await;
    assert_eq!((net.passes(2, 1).await, net.passes(3, 2).await), (false, false), "nothing else does");
    kernel.close_forward(MARK).await.expect("closed");
    assert_eq!(rules(&net.host), before);
    assert!(!net.passes(1, 2).await, "the host drops again");
}

/// A host before two networks and the world, if this machine has the programs.
async fn host() -> Option<Net> {
    let net = Net::new(3).await?;
    (!net.bench.lacks(&["nft", "iptables-nft", "iptables-legacy"])).then_some(net)
}

#[tokio::test]
async fn a_host_with_docker_is_opened_in_docker_s_chain_for_users() {
    let Some(mut net) = host().await else { return };
    let seen = obstruct(&net.bench, true).await;
    opens_and_closes(&mut net, &[seen]).await;
}

#[tokio::test]
async fn a_host_with_a_policy_of_iptables_is_opened_at_the_top() {
    let Some(mut net) = host().await else { return };
    let seen = obstruct(&net.bench, false).await;
    run(&net.host, "ip6tables-nft -P FORWARD DROP");
    let six = obstacle(Manager::Iptables, ["ip6", "filter", "FORWARD"], Some("FORWARD"));
    opens_and_closes(&mut net, &[seen, six]).await;
}

#[tokio::test]
async fn a_host_with_iptables_of_old_is_opened_too() {
    let Some(mut net) = host().await else { return };
    if !has_tables_of_old(&net.host) {
        assert!(std::env::var_os("CI").is_none(), "this kernel must have ip_tables where nothing may be skipped");
        eprintln!("skipped: this kernel has no ip_tables of old");
        return;
    }
    for (docker, place) in [(false, "FORWARD"), (true, "DOCKER-USER")] {
        obstruct_by("iptables-legacy", &net.host, docker);
        opens_and_closes(&mut net, &[obstacle(Manager::IptablesLegacy, ["ip", "filter", "FORWARD"], Some(place))]).await;
    }
}

#[tokio::test]
async fn chains_of_nft_are_opened_at_the_top() {
    let Some(mut net) = host().await else { return };
    run(&net.host, "nft add table inet filter");
    run(&net.host, "nft add chain inet filter forward { type filter hook forward priority 0; policy drop; }");
    run(&net.host, "nft add table ip other");
    run(&net.host, "nft add chain ip other transit { type filter hook forward priority 5; }");
    run(&net.host, "nft add rule ip other transit iifname docker0 accept");
    run(&net.host, "nft add rule ip other transit counter reject");
    let policy = obstacle(Manager::Nft, ["inet", "filter", "forward"], Some("forward"));
    let last_rule = obstacle(Manager::Nft, ["ip", "other", "transit"], Some("transit"));
    opens_and_closes(&mut net, &[policy, last_rule]).await;
}

#[tokio::test]
async fn a_last_rule_that_rejects_is_as_good_as_a_policy() {
    let Some(mut net) = host().await else { return };
    run(&net.host, "iptables-nft -A FORWARD -i lo -j ACCEPT");
    run(&net.host, "iptables-nft -A FORWARD -j REJECT --reject-with icmp-host-prohibited");
    opens_and_closes(&mut net, &[obstacle(Manager::Iptables, ["ip", "filter", "FORWARD"], Some("FORWARD"))]).await;
}

#[tokio::test]
async fn a_table_that_cannot_be_opened_is_named_and_nothing_else_is_opened() {
    let Some(net) = host().await else { return };
    obstruct(&net.bench, true).await;
    run(&net.host, "nft add table inet firewalld");
    run(&net.host, "nft add chain inet firewalld filter_FORWARD { type filter hook forward priority 10; }");
    run(&net.host, "nft add rule inet firewalld filter_FORWARD reject with icmpx admin-prohibited");
    let before = rules(&net.host);
    let error = open(&*net.bench.host().await.0, &gateways(&["g1"]), MARK).await.expect_err("no place");
    assert_eq!(error.why(), &Why::NoPlace { table: "firewalld".to_owned() });
    assert!(error.to_string().contains("table inet firewalld, chain filter_FORWARD"), "{error}");
    assert_eq!(rules(&net.host), before);
}

/// Has gateway 1 let IPv4 in, and gateway 2 IPv6.
async fn lets_in(net: &mut Net) {
    let kernel = net.bench.host().await.0;
    assert!(!net.passes(3, 1).await && !net.passes_by(Family::V6, 3, 2).await, "the host drops");
    let gates = [
        Gate { interface: if_name("g1"), inbound_v4: true, inbound_v6: false },
        Gate { interface: if_name("g2"), inbound_v4: false, inbound_v6: true },
    ];
    open(&*kernel, &gates, MARK).await.expect("opened");
    let before = kernel.forwarding().await.expect("read");
    open(&*kernel, &gates, MARK).await.expect("opened");
    assert!(kernel.forwarding().await.expect("read").follows(&before, 0), "the same again changes nothing");
    assert_eq!((net.passes(3, 1).await, net.passes_by(Family::V6, 3, 1).await), (true, false));
    assert_eq!((net.passes(3, 2).await, net.passes_by(Family::V6, 3, 2).await), (false, true));
    open(&*kernel, &gateways(&["g1", "g2"]), MARK).await.expect("opened");
    assert!(!net.passes(3, 1).await && !net.passes_by(Family::V6, 3, 2).await, "no more");
    kernel.close_forward(MARK).await.expect("closed");
}

#[tokio::test]
async fn what_is_new_is_let_in_by_tables_of_iptables_in_the_family_that_was_asked_for() {
    let Some(mut net) = host().await else { return };
    obstruct_by("iptables-nft", &net.host, false);
    obstruct_by("ip6tables-nft", &net.host, true);
    lets_in(&mut net).await;
}

#[tokio::test]
async fn what_is_new_is_let_in_by_tables_of_nft_in_the_family_that_was_asked_for() {
    let Some(mut net) = host().await else { return };
    run(&net.host, "nft add table inet filter");
    run(&net.host, "nft add chain inet filter forward { type filter hook forward priority 0; policy drop; }");
    lets_in(&mut net).await;
    run(&net.host, "nft delete table inet filter");
    for family in ["ip", "ip6"] {
        run(&net.host, &format!("nft add table {family} own"));
        run(&net.host, &format!("nft add chain {family} own forward {{ type filter hook forward priority 0; policy drop; }}"));
    }
    lets_in(&mut net).await;
}

#[tokio::test]
async fn docker_s_bridges_are_those_that_its_own_rules_lead_to() {
    let Some(net) = host().await else { return };
    let mut programs = vec!["iptables-nft", "ip6tables-nft"];
    if has_tables_of_old(&net.host) {
        programs.push("iptables-legacy");
    }
    for (number, program) in programs.into_iter().enumerate() {
        for rule in [
            "-N DOCKER-USER",
            "-N DOCKER-ISOLATION-STAGE-2",
            "-A DOCKER-USER -o eth0 -j ACCEPT",
            "-A FORWARD -o eth1 -j ACCEPT",
            "-A DOCKER-ISOLATION-STAGE-2 ! -o eth2 -j RETURN",
            &format!("-A DOCKER-ISOLATION-STAGE-2 -o docker{number} -j DROP"),
        ] {
            run(&net.host, &format!("{program} {rule}"));
        }
        let expected = (0..=number).map(|number| if_name(&format!("docker{number}"))).collect();
        assert_eq!(net.bench.host().await.0.others().await.expect("read").bridges, expected, "{program}");
    }
}

#[tokio::test]
async fn what_somebody_else_loads_is_told_from_what_we_load() {
    let Some(net) = host().await else { return };
    let kernel = net.bench.host().await.0;
    let before = kernel.forwarding().await.expect("read");
    run(&net.host, "nft add table ip other");
    let after = kernel.forwarding().await.expect("read");
    assert!(after.follows(&before, 1) && !after.follows(&before, 0), "{before:?} {after:?}");
    if has_tables_of_old(&net.host) {
        assert!(!kernel.forwarding().await.expect("read").follows(&after, 0), "a table that no number counts");
    }
}

#[tokio::test]
async fn our_own_firewall_is_no_obstacle() {
    let Some(net) = host().await else { return };
    let ours = egress("g1", &["10.1.0.0/24"]);
    let bystanders = Bystanders { v4: Some([if_name("g2")].into()), ..Bystanders::default() };
    net.set(&Firewall { bystanders, ..firewall(vec![ours]) }).await;
    assert_eq!(obstacles(&*net.bench.host().await.0).await, Ok(Vec::new()));
}

#[tokio::test]
async fn an_opening_that_fails_half_way_is_undone() {
    let Some(net) = host().await else { return };
    run(&net.host, "nft add table inet filter");
    run(&net.host, "nft add chain inet filter forward { type filter hook forward priority 0; policy drop; }");
    obstruct(&net.bench, true).await;
    let before = rules(&net.host);
    // The first can be opened with what is here, the second needs `iptables`.
    let kernel = with_programs(&net, &[("nft", "nft")]);
    let error = open(&kernel, &gateways(&["g1"]), MARK).await.expect_err("it is missing");
    assert!(matches!(error.why(), Why::MissingTool { package: "iptables", .. }), "{error}");
    assert_eq!(error.also(), [], "nothing is left behind");
    assert_eq!(rules(&net.host), before);
    kernel.close_forward(MARK).await.expect("without iptables there is nothing of it to close");
}

/// The kernel of a machine that has only these programs, each under a name and as what it is here.
fn with_programs(net: &Net, programs: &[(&str, &str)]) -> LinuxKernel {
    let dir = net.bench.dir.join("programs");
    std::fs::create_dir_all(&dir).expect("a directory");
    for (name, here) in programs {
        let found =
            ["/usr/sbin", "/sbin", "/usr/bin"].map(|place| Path::new(place).join(here)).into_iter().find(|path| path.exists());
        let program = found.expect("it is here").canonicalize().expect("a file");
        std::os::unix::fs::symlink(program, dir.join(name)).expect("a link");
    }
    LinuxKernel::new(&net.bench.dir).with_host(net.host.clone()).with_programs(vec![dir])
}

#[tokio::test]
async fn programs_under_plain_names_are_used_for_the_tables_of_their_own_kind() {
    let Some(net) = host().await else { return };
    let kinds = [("nft", "nft"), ("iptables-save", "iptables-nft-save"), ("iptables-restore", "iptables-nft-restore")];
    let kernel = with_programs(&net, &kinds);
    obstruct(&net.bench, false).await;
    let before = rules(&net.host);
    assert_eq!(open(&kernel, &gateways(&["g1"]), MARK).await, Ok(vec![opened("ip", "filter", "FORWARD")]));
    kernel.close_forward(MARK).await.expect("closed");
    assert_eq!(rules(&net.host), before);
    if has_tables_of_old(&net.host) {
        let error = kernel.others().await.expect_err("nobody here can read that table");
        assert!(matches!(error.why(), Why::MissingTool { tool: "iptables-legacy-save", .. }), "{error}");
    }
}

/// Makes a table of `iptables` before nftables, if this kernel has such.
fn has_tables_of_old(host: &Netns) -> bool {
    let made = inside(host, || std::process::Command::new("iptables-legacy").args(["-L", "-n"]).output());
    made.is_ok_and(|output| output.status.success())
}
