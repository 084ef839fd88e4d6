//! Nothing is half done: each step of each change is made to fail.

use super::changes::{CHANGES, change, furnished};
use super::house::House;
use super::picture::{difference, is_unfinished, none_of, picture, same};
use crate::controller::fabric::tests::house::End;
use crate::controller::{Controller, Refusal};
use lanloom_drivers::kernel::{Failing, Faults, Kernel};
use std::sync::Arc;

/// A house whose kernel can be made to fail, and what it looks like before and after a change.
struct Stage {
    house: House,
    kernel: Arc<Failing>,
    controller: Controller,
    before: Vec<String>,
}

impl Stage {
    async fn set() -> Self {
        let house = House::new().await;
        let kernel = Arc::new(Failing::new(Arc::new(house.ground.kernel.clone()), Faults::none()));
        let controller = furnished(&house, Arc::clone(&kernel) as Arc<dyn Kernel>).await;
        let before = picture(&house, &controller).await;
        Self { house, kernel, controller, before }
    }

    async fn now(&self) -> Vec<String> {
        picture(&self.house, &self.controller).await
    }

    /// Another controller on what this one leaves.
    async fn restarted(self) -> Self {
        self.kernel.faults().heal();
        self.house.ground.store.heal();
        self.controller.stop().await;
        let (controller, _) = self.house.start_on(Arc::clone(&self.kernel) as Arc<dyn Kernel>, false).await;
        Self { controller, ..self }
    }
}

/// What a house looks like after a change that nothing kept from happening.
async fn after(what: &str) -> Vec<String> {
    let stage = Stage::set().await;
    change(&stage.controller, what).await.unwrap_or_else(|refusal| panic!("{what}, nothing failed: {refusal}"));
    let after = stage.now().await;
    assert_ne!(after, stage.before, "{what} changed nothing");
    after
}

/// After a change in which something failed: it happened, or left no trace, or shows what it left and can be finished.
async fn verdict(case: &str, what: &str, stage: Stage, done: Result<(), Refusal>, after: &[String]) -> Result<(), String> {
    stage.kernel.faults().heal();
    stage.house.ground.store.heal();
    let (now, case) = (stage.now().await, format!("{case}: {done:?}"));
    let before = stage.before.clone();
    match done {
        // What failed was not needed for it, or is put right by the next start.
        Ok(()) => same(&format!("{case}, after a restart"), after, &stage.restarted().await.now().await),
        Err(_) if now == before => {
            let again = change(&stage.controller, what).await;
            again.map_err(|refusal| format!("{case}, then again: {refusal}"))?;
            same(&format!("{case}, then again"), after, &stage.now().await)
        }
        Err(_) if !is_unfinished(&stage.controller) => {
            Err(format!("{case} left traces that nothing tells of:{}", difference(&before, &now)))
        }
        Err(_) => {
            let now = stage.restarted().await.now().await;
            let (case, back) = (format!("{case}, after a restart"), same("or", &before, &now));
            back.or_else(|back| same(&case, after, &now).map_err(|forth| format!("{forth}\n{back}")))
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_which_one_call_of_the_kernel_fails_happens_or_leaves_no_trace_or_can_be_finished() {
    let mut wrong = Vec::new();
    for what in CHANGES {
        let (after, mut refused) = (after(what).await, 0);
        for call in 0.. {
            let stage = Stage::set().await;
            stage.kernel.faults().fail_after(call);
            let done = change(&stage.controller, what).await;
            if stage.kernel.faults().is_armed() {
                break;
            }
            refused += u32::from(done.is_err());
            let case = format!("{what}, call {call} of the kernel failed");
            wrong.extend(verdict(&case, what, stage, done, &after).await.err());
        }
        println!("{what}: {refused} calls whose failure was a refusal");
    }
    none_of(&wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_which_one_write_fails_happens_or_leaves_no_trace_or_can_be_finished() {
    let mut wrong = Vec::new();
    for what in CHANGES {
        let (after, mut refused) = (after(what).await, 0);
        for write in 0.. {
            let stage = Stage::set().await;
            stage.house.ground.store.fail_after(write, End::Once);
            let done = change(&stage.controller, what).await;
            if !stage.house.ground.store.heal() {
                break;
            }
            refused += u32::from(done.is_err());
            let case = format!("{what}, write {write} failed");
            wrong.extend(verdict(&case, what, stage, done, &after).await.err());
        }
        assert!(refused > 0, "{what} never asked the store");
    }
    none_of(&wrong);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_which_many_calls_of_the_kernel_fail_is_finished_or_undone_by_a_restart() {
    let mut wrong = Vec::new();
    for what in CHANGES {
        let after = after(what).await;
        for seed in 0..6 {
            let stage = Stage::set().await;
            stage.controller.stop().await;
            let faults = Faults::new(seed, 0.0);
            let failing = Arc::new(Failing::new(Arc::new(stage.house.ground.kernel.clone()), faults));
            let (controller, _) = stage.house.start_on(Arc::clone(&failing) as Arc<dyn Kernel>, false).await;
            failing.faults().worsen(0.3);
            let done = change(&controller, what).await;
            failing.faults().heal();
            controller.stop().await;
            let before = stage.before.clone();
            let stage = stage.restarted().await;
            let now = stage.now().await;
            let case = format!("{what}, seed {seed}: {done:?}, after a restart");
            let back = same("or", &before, &now);
            wrong.extend(back.or_else(|back| same(&case, &after, &now).map_err(|forth| format!("{forth}\n{back}"))).err());
        }
    }
    none_of(&wrong);
}
