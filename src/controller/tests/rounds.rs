//! Rounds that come whatever else there is to do and whoever panics, and sandboxes that are left alone in them.

use super::house::{House, name, sandbox, with_subnet};
use super::listener::Listener;
use super::upkeep::{PATIENCE, netns, until};
use crate::controller::looks::Looks;
use crate::controller::rounds::Rounds;
use crate::controller::{Controller, keeper};
use lanloom_drivers::driver::Driver;
use lanloom_drivers::kernel::{IfName, Kernel, TableName};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// A daemon that has a driver that panics when it is asked for the first time to put things right, with a network, and nobody who keeps it right yet.
async fn with_panicking(look_every: Duration) -> (House, Controller, Arc<Listener>) {
    let mut house = House::new().await;
    house.look_every = look_every;
    let mut controller = house.start_idle(Arc::new(house.ground.kernel.clone())).await;
    let driver = Arc::new(Listener::panicking());
    let inner = Arc::get_mut(&mut controller.inner).expect("nobody else has it yet");
    inner.drivers.insert(0, Arc::clone(&driver) as Arc<dyn Driver>);
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    (house, controller, driver)
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_are_asked_before_all_sandboxes_whose_turn_has_come_are_seen_to() {
    let (_house, controller, driver) = with_panicking(Duration::ZERO).await;
    let mut sandboxes = Vec::new();
    for named in (0..30).map(|at| format!("box-{at}")) {
        sandboxes.push(sandbox(&controller, &named, &["web"]).await.expect("a sandbox"));
    }
    let (inner, now) = (&controller.inner, Instant::now());
    sandboxes.iter().for_each(|sandbox| inner.upkeep.put(sandbox, now));
    let rounds = Arc::new(Mutex::new(Rounds::new(inner)));
    assert!(keeper::pass(&rounds, inner).await.0, "there were some");
    assert_eq!(driver.settled.load(Ordering::Relaxed), 1, "drivers were asked");
    let left = sandboxes.iter().filter(|sandbox| inner.upkeep.waits(sandbox)).count();
    assert!((1..30).contains(&left), "{left} still wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_panics_is_asked_again_and_keeps_nobody_else_from_being_put_right() {
    let (house, controller, driver) = with_panicking(Duration::from_millis(5)).await;
    keeper::start(&controller.inner);
    until("it panics, and is asked again", || driver.settled.load(Ordering::Relaxed) > 2).await;
    let table = TableName::new("lanloom-0badcafe").expect("a name");
    let loaded = house.ground.kernel.firewall(&table).expect("its firewall");
    house.ground.kernel.flush_ruleset();
    until("it is back", || house.ground.kernel.firewall(&table).as_ref() == Some(&loaded)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_took_long_to_look_at_is_left_alone_for_a_while() {
    let mut house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    let one = sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    controller.stop().await;
    house.look_every = Duration::ZERO;
    let controller = house.start_idle(Arc::new(house.ground.kernel.clone())).await;
    controller.inner.upkeep.take_out(&one);
    house.ground.kernel.delete_link(&netns("one"), &IfName::new("eth0").expect("a name")).await.expect("deleted");
    let mut looks = Looks::new(&controller.inner);
    looks.rests.insert(one.clone(), Instant::now() + PATIENCE * 60);
    looks.make(&controller.inner).await;
    assert!(!controller.inner.damage.contains_key(&one), "it is not looked at");
    looks.rests.clear();
    looks.make(&controller.inner).await;
    assert!(controller.inner.damage.contains_key(&one) && looks.rests.contains_key(&one));
}

#[tokio::test(flavor = "multi_thread")]
async fn drivers_are_asked_again_and_again_however_long_it_takes_to_look_at_a_sandbox() {
    let (_house, controller, driver) = with_panicking(Duration::ZERO).await;
    let one = sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    let mut rounds = Rounds::new(&controller.inner);
    let looks = Arc::clone(&rounds.looks);
    // As whoever looks at a sandbox that never comes to an end.
    let looking = looks.lock().await;
    for asked in 1..4 {
        timeout(PATIENCE, rounds.make(&controller.inner)).await.expect("nobody waits for it");
        assert_eq!(driver.settled.load(Ordering::Relaxed), asked);
    }
    assert!(looking.rests.is_empty());
    drop(looking);
    until("it is looked at when that has ended", || looks.try_lock().is_ok_and(|looks| looks.rests.contains_key(&one))).await;
}
