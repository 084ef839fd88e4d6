//! Rounds that come whatever else there is to do and whoever panics, and sandboxes that are left alone in them.

use super::house::{House, name, sandbox, with_subnet};
use super::upkeep::{PATIENCE, netns, until};
use crate::controller::keeper;
use crate::controller::rounds::Rounds;
use async_trait::async_trait;
use lanloom_drivers::driver::{
    Discovery, Driver, DriverError, EndpointMade, EndpointSpec, External, Join, Joined, NetworkSpec, PortGuard, Scope,
};
use lanloom_drivers::kernel::{IfName, Kernel, TableName};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn drivers_are_asked_while_there_are_always_sandboxes_to_be_seen_to_that_fail() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let mut controller = house.start_idle(Arc::new(house.ground.kernel.clone())).await;
    let driver = Arc::new(Panicking::default());
    let inner = Arc::get_mut(&mut controller.inner).expect("nobody else has it yet");
    inner.drivers.insert(0, Arc::clone(&driver) as Arc<dyn Driver>);
    keeper::start(&controller.inner);
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    let mut broken = Vec::new();
    for named in (0..30).map(|at| format!("box-{at}")) {
        broken.push(sandbox(&controller, &named, &["web"]).await.expect("a sandbox"));
        let eth0 = IfName::new("eth0").expect("a name");
        house.ground.kernel.delete_link(&netns(&named), &eth0).await.expect("deleted");
    }
    let (upkeep, is_enough) = (Arc::clone(&controller.inner.upkeep), Arc::new(AtomicU64::new(0)));
    // As many that fail slowly would: some are always due, and have been for a while.
    let (stop, due) = (Arc::clone(&is_enough), Instant::now());
    let always = std::thread::spawn(move || {
        while stop.load(Ordering::Relaxed) == 0 {
            broken.iter().for_each(|sandbox| upkeep.put(sandbox, due));
        }
    });
    let asked = || driver.0.load(Ordering::Relaxed);
    let before = asked();
    until("rounds are made", || asked() > before + 2).await;
    is_enough.store(1, Ordering::Relaxed);
    always.join().expect("ended");
}

/// A driver that panics when it is asked for the first time to put things right, and counts how often it is asked.
#[derive(Default)]
struct Panicking(AtomicU64);

#[tokio::test(flavor = "multi_thread")]
async fn a_driver_that_panics_is_asked_again_and_keeps_nobody_else_from_being_put_right() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let mut controller = house.start_idle(Arc::new(house.ground.kernel.clone())).await;
    let driver = Arc::new(Panicking::default());
    let inner = Arc::get_mut(&mut controller.inner).expect("nobody else has it yet");
    inner.drivers.insert(0, Arc::clone(&driver) as Arc<dyn Driver>);
    keeper::start(&controller.inner);
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    until("it panics, and is asked again", || driver.0.load(Ordering::Relaxed) > 2).await;
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
    let mut rounds = Rounds::new(&controller.inner);
    rounds.rests.insert(one.clone(), Instant::now() + PATIENCE * 60);
    rounds.make(&controller.inner).await;
    assert!(!controller.inner.damage.contains_key(&one), "it is not looked at");
    rounds.rests.clear();
    rounds.make(&controller.inner).await;
    assert!(controller.inner.damage.contains_key(&one) && rounds.rests.contains_key(&one));
}

#[async_trait]
impl Driver for Panicking {
    fn name(&self) -> &str {
        "panicking"
    }

    fn scope(&self) -> Scope {
        Scope::Local
    }

    fn config(&self, _: &BTreeMap<String, String>) -> Result<(), DriverError> {
        Ok(())
    }

    async fn settle(&self) -> Result<Vec<String>, DriverError> {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "as the test wants it");
        Ok(Vec::new())
    }

    async fn create_network(&self, _: &NetworkSpec) -> Result<Vec<String>, DriverError> {
        unreachable!("it has no networks")
    }

    async fn update_network(&self, _: &NetworkSpec) -> Result<(), DriverError> {
        unreachable!("it has no networks")
    }

    async fn delete_network(&self, _: &str) -> Result<(), DriverError> {
        unreachable!("it has no networks")
    }

    async fn create_endpoint(&self, _: &str, _: &EndpointSpec) -> Result<EndpointMade, DriverError> {
        unreachable!("it has no networks")
    }

    async fn delete_endpoint(&self, _: &str, _: &str) -> Result<(), DriverError> {
        unreachable!("it has no networks")
    }

    fn forget_endpoint(&self, _: &str, _: &str) {}

    async fn join(&self, _: &str, _: &str, _: &Join) -> Result<Joined, DriverError> {
        unreachable!("it has no networks")
    }

    async fn leave(&self, _: &str, _: &str) -> Result<(), DriverError> {
        unreachable!("it has no networks")
    }

    async fn info(&self, _: &str, _: &str) -> Result<BTreeMap<String, String>, DriverError> {
        unreachable!("it has no networks")
    }

    async fn program_external(&self, _: &str, _: &str, _: &External) -> Result<(), DriverError> {
        unreachable!("it has no networks")
    }

    async fn revoke_external(&self, _: &str, _: &str) -> Result<(), DriverError> {
        unreachable!("it has no networks")
    }

    async fn discover(&self, _: &Discovery) -> Result<(), DriverError> {
        Ok(())
    }

    async fn restore_network(&self, _: &NetworkSpec, _: &[(EndpointSpec, Option<Join>)]) -> Result<Vec<String>, DriverError> {
        unreachable!("it has no networks")
    }

    fn guards(&self, _: &NetworkSpec, _: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
        Vec::new()
    }
}
