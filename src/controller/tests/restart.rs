//! What a start finds, wherever the daemon was stopped.

use super::changes::{CHANGES, change, furnished};
use super::house::House;
use super::picture::{is_unfinished, none_of, picture, same};
use crate::controller::fabric::tests::house::End;
use lanloom_drivers::kernel::Kernel;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// What a daemon of its own does, and then it is gone with all its tasks.
fn daemon<T>(work: impl Future<Output = T>) -> T {
    let runtime = Runtime::new().expect("threads");
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(30));
    done
}

fn kernel_of(house: &House) -> Arc<dyn Kernel> {
    Arc::new(house.ground.kernel.clone())
}

/// What a house looks like before and after a change, and after one that only woke a network on its way.
fn pictures(what: &str) -> [Vec<String>; 3] {
    daemon(async {
        let house = House::new().await;
        let controller = furnished(&house, kernel_of(&house)).await;
        let before = picture(&house, &controller).await;
        change(&controller, what).await.unwrap_or_else(|refusal| panic!("{what}, nothing failed: {refusal}"));
        let after = picture(&house, &controller).await;
        if what != "connect to bridge" {
            return [before.clone(), after, before];
        }
        controller.disconnect("bridge".into(), "bare".into(), false).await.expect("disconnected");
        [before, after, picture(&house, &controller).await]
    })
}

/// Whether the change was cut short, and whether it was acknowledged.
fn cut(house: &House, what: &str, write: i64, end: End) -> (bool, bool) {
    daemon(async {
        let controller = furnished(house, kernel_of(house)).await;
        house.ground.store.fail_after(write, end);
        let done = tokio::select! {
            done = change(&controller, what) => done.is_ok(),
            () = house.ground.store.silent.notified() => false,
        };
        (house.ground.store.heal(), done)
    })
}

fn cut_everywhere(end: End) {
    let mut wrong = Vec::new();
    for what in CHANGES {
        let [before, after, woken] = pictures(what);
        for write in 0.. {
            let house = daemon(House::new());
            let (was_cut, is_acknowledged) = cut(&house, what, write, end);
            if !was_cut {
                break;
            }
            let (now, notes, unfinished) = daemon(async {
                let (controller, started) = house.start_on(kernel_of(&house), false).await;
                (picture(&house, &controller).await, started.notes, is_unfinished(&controller))
            });
            let case = format!("{what}, {end:?} at write {write}, acknowledged: {is_acknowledged}, notes {notes:?}");
            let whole = same(&case, &after, &now);
            let undone = same("or", &before, &now).or_else(|back| same("", &woken, &now).map_err(|_| back));
            let undone = if is_acknowledged { Err("acknowledged".to_owned()) } else { undone };
            wrong.extend(whole.or_else(|forth| undone.map_err(|back| format!("{forth}\n{back}"))).err());
            wrong.extend(unfinished.then(|| format!("{case}: something is unfinished")));
        }
    }
    none_of(&wrong);
}

#[test]
fn a_change_that_the_store_stops_working_in_is_whole_or_undone_after_a_restart() {
    cut_everywhere(End::ForGood);
}

#[test]
fn a_daemon_killed_before_any_write_finds_the_change_whole_or_undone() {
    cut_everywhere(End::KilledBefore);
}

#[test]
fn a_daemon_killed_after_any_write_finds_the_change_whole_or_undone() {
    cut_everywhere(End::KilledAfter);
}
