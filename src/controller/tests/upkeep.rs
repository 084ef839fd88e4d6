//! What is put right in sandboxes without anybody asking.

use super::house::{House, name, sandbox, with_subnet};
use super::names::asked;
use crate::controller::model::{NetworkChange, Redirect};
use crate::controller::{Controller, EventKind, keeper};
use lanloom_drivers::kernel::{Failing, Faults, IfName, Kernel, Netns, TableName};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Liveness only.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn netns(named: &str) -> Netns {
    Netns::At(format!("/fake/netns/{named}").into())
}

/// Two sandboxes on a network, left by a daemon that has stopped.
async fn left(house: &House) {
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    for named in ["one", "two"] {
        sandbox(&controller, named, &["web"]).await.expect("a sandbox");
    }
    controller.stop().await;
}

pub(super) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(super) fn dns(controller: &Controller, named: &str) -> String {
    controller.sandbox(named).expect("the sandbox").dns
}

fn redirect(controller: &Controller, named: &str) -> Redirect {
    controller.sandbox(named).expect("the sandbox").sandbox.redirect.expect("a redirection that is known")
}

/// Whether a sandbox's port 53 leads to where its server is recorded to be, and nobody has touched that since.
async fn stands(house: &House, named: &str, redirect: Redirect) -> bool {
    let kernel = &house.ground.kernel;
    let leads = kernel.dns_redirect(&netns(named)).map(|(udp, tcp)| (udp.port(), tcp));
    leads == Some((redirect.udp, redirect.tcp))
        && kernel.dns_redirect_stands(&netns(named), redirect.change).await.expect("told")
}

#[tokio::test(flavor = "multi_thread")]
async fn until_its_turn_has_come_after_a_start_a_sandbox_says_that_it_is_still_being_taken_up() {
    let house = House::new().await;
    left(&house).await;
    let controller = house.start_idle(Arc::new(house.ground.kernel.clone())).await;
    let shown = controller.sandbox("one").expect("the sandbox");
    assert_eq!(shown.dns, "starting");
    assert_eq!(shown.notes, ["it is still being taken up after the daemon's start"]);
    keeper::start(&controller.inner);
    controller.taken_up().await;
    let shown = controller.sandbox("one").expect("the sandbox");
    assert!(shown.dns.contains("redirected") && shown.notes.is_empty(), "{shown:?}");
    assert_eq!(asked(&house, "one", "two"), ["10.9.0.3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_server_that_could_not_be_started_says_why_and_is_started_later_without_anybody_asking() {
    let house = House::new().await;
    left(&house).await;
    let kernel = Arc::new(Failing::new(Arc::new(house.ground.kernel.clone()), Faults::none()));
    let controller = house.start_idle(Arc::clone(&kernel) as Arc<dyn Kernel>).await;
    kernel.faults().worsen(1.0);
    keeper::start(&controller.inner);
    controller.taken_up().await;
    let shown = controller.sandbox("one").expect("the sandbox");
    assert_eq!(shown.dns, "not started; see the notes");
    let said = shown.notes.join("\n");
    assert!(said.contains("cannot find sandbox again one") && said.contains("it is tried again in"), "{said}");
    kernel.faults().heal();
    until("it is started", || dns(&controller, "one").contains("redirected")).await;
    until("nothing is left to do", || controller.sandbox("one").expect("the sandbox").notes.is_empty()).await;
    assert_eq!(asked(&house, "one", "two"), ["10.9.0.3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_is_deleted_before_its_turn_comes_is_not_taken_up() {
    let house = House::new().await;
    left(&house).await;
    let controller = house.start_idle(Arc::new(house.ground.kernel.clone())).await;
    controller.delete_sandbox("one".into(), false).await.expect("deleted");
    keeper::start(&controller.inner);
    controller.taken_up().await;
    assert!(controller.sandbox("one").is_err());
    assert_eq!(house.ground.kernel.listening(&netns("one")), Vec::new());
    assert!(dns(&controller, "two").contains("redirected"));
}

/// What there is after another start is what there was before it. Somebody on this machine may have one of the ports by then, for
/// which a kernel in memory has none of its own: then another start is looked at.
async fn kept(house: &House, mut before: Redirect) {
    for _ in 0..20 {
        let controller = house.start().await;
        let after = redirect(&controller, "one");
        assert!(stands(house, "one", after).await);
        assert_eq!(asked(house, "one", "two"), ["10.9.0.3"]);
        controller.stop().await;
        if after == before {
            return;
        }
        before = after;
    }
    panic!("the ports of before are never had again, or the rules are made again each time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_that_stands_is_kept_over_a_restart_and_the_server_has_its_ports_again() {
    let house = House::new().await;
    left(&house).await;
    let controller = house.start().await;
    let before = redirect(&controller, "one");
    assert!(dns(&controller, "one").contains(&format!("ports {} (UDP) and {} (TCP)", before.udp, before.tcp)));
    controller.stop().await;
    kept(&house, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_that_somebody_flushed_while_the_daemon_was_down_is_made_again_and_known_from_then_on() {
    let house = House::new().await;
    left(&house).await;
    house.ground.kernel.flush_ruleset_in(&netns("one"));
    let controller = house.start().await;
    let made = redirect(&controller, "one");
    assert!(stands(&house, "one", made).await);
    controller.stop().await;
    kept(&house, made).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_that_somebody_flushed_is_put_right_without_anybody_asking_also_after_that_failed_for_a_while() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let kernel = Arc::new(Failing::new(Arc::new(house.ground.kernel.clone()), Faults::none()));
    let controller = house.start_idle(Arc::clone(&kernel) as Arc<dyn Kernel>).await;
    let keeper = keeper::start(&controller.inner);
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    let table = TableName::new("lanloom-0badcafe").expect("a name");
    let loaded = house.ground.kernel.firewall(&table).expect("its firewall");
    let is_back = || house.ground.kernel.firewall(&table).as_ref() == Some(&loaded);
    house.ground.kernel.flush_ruleset();
    until("it is back", is_back).await;
    kernel.faults().worsen(1.0);
    let calls = kernel.faults().calls();
    house.ground.kernel.flush_ruleset();
    until("it is tried", || kernel.faults().calls() > calls).await;
    assert!(!is_back());
    kernel.faults().heal();
    until("it is back after a while", is_back).await;
    controller.stop().await;
    house.ground.kernel.flush_ruleset();
    tokio::time::timeout(PATIENCE, keeper).await.expect("whoever put things right has ended").expect("without a panic");
    assert!(!is_back(), "a controller that has stopped does nothing more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_takes_from_a_sandbox_is_told_once_and_shown_until_it_is_there_again() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    for named in ["a", "b", "c", "d", "e", "f"].map(|named| format!("box-{named}")) {
        sandbox(&controller, &named, &["web"]).await.expect("a sandbox");
    }
    let (kernel, mut events) = (&house.ground.kernel, controller.events());
    let (at, eth0) = (netns("box-f"), IfName::new("eth0").expect("a name"));
    let notes = || controller.sandbox("box-f").expect("the sandbox").notes;
    assert_eq!(notes(), Vec::<String>::new());
    let address = "10.9.0.7/24".parse().expect("an address");
    kernel.delete_address(&at, &eth0, address).await.expect("deleted");
    let said = ["its address 10.9.0.7/24 on eth0 is gone; restarting the daemon sets it again"];
    until("it is shown", || notes().iter().any(|note| said.contains(&note.as_str()))).await;
    kernel.create_address(&at, &eth0, address).await.expect("created");
    until("it is there again", || !notes().iter().any(|note| note.contains("its address"))).await;
    kernel.delete_link(&at, &eth0).await.expect("deleted");
    until("it is shown", || notes() == ["its interface eth0 is gone; restarting the daemon sets it again"]).await;
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventKind::SandboxDamaged { sandbox, what } = event.kind {
            told.push(format!("{sandbox}: {what}"));
        }
    }
    for what in ["its address 10.9.0.7/24 on eth0 is gone", "its interface eth0 is gone"] {
        assert_eq!(told.iter().filter(|line| **line == format!("box-f: {what}")).count(), 1, "{told:?}");
    }
    assert!(told.iter().all(|line| line.starts_with("box-f: ")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirection_that_somebody_flushed_leads_to_the_server_again_without_anybody_asking() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    let (before, kernel) = (redirect(&controller, "one"), &house.ground.kernel);
    kernel.flush_ruleset_in(&netns("one"));
    until("it is redirected again", || kernel.dns_redirect(&netns("one")).is_some()).await;
    until("it is known", || redirect(&controller, "one") != before).await;
    let now = redirect(&controller, "one");
    assert_eq!((now.udp, now.tcp), (before.udp, before.tcp));
    assert!(stands(&house, "one", now).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn routes_to_new_subnets_that_could_not_be_set_are_told_once_until_they_are_set_with_the_next_or_it_leaves() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    let (kernel, at, eth0) = (&house.ground.kernel, netns("one"), IfName::new("eth0").expect("a name"));
    let grow = async |subnet: &str| {
        let subnet_add = vec![subnet.parse().expect("a subnet")];
        controller.update_network("web".into(), NetworkChange { subnet_add, ..NetworkChange::default() }).await.expect("grown");
    };
    let told = || {
        let notes = controller.sandbox("one").expect("the sandbox").notes;
        notes.iter().filter(|note| note.starts_with("cannot set the routes of endpoint web/one: ")).count()
    };
    kernel.delete_link(&at, &eth0).await.expect("deleted");
    for subnet in ["10.9.1.0/24", "10.9.2.0/24"] {
        grow(subnet).await;
        assert_eq!(told(), 1, "{subnet}");
    }
    house.ground.somebodys_veth(&at, "eth0").await;
    grow("10.9.3.0/24").await;
    assert_eq!(told(), 0);
    let routes = kernel.list_routes(&at).await.expect("routes");
    for to in ["10.9.1.0/24", "10.9.2.0/24", "10.9.3.0/24"] {
        assert!(routes.iter().any(|route| route.to.to_string() == to), "{to}: {routes:?}");
    }
    kernel.delete_link(&at, &eth0).await.expect("deleted");
    grow("10.9.4.0/24").await;
    assert_eq!(told(), 1);
    controller.disconnect("web".into(), "one".into(), true).await.expect("disconnected");
    assert_eq!(told(), 0);
}
