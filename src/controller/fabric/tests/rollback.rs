//! Nothing is half done: each step of each change is made to fail.

use super::house::*;
use crate::config::{FdbSpec, SwitchSettings};
use crate::controller::fabric::{Fabric, Refusal};
use lanloom_drivers::kernel::{Failing, Faults, Netns};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The changes tried, on a switch `s1` with a TAP `p1`, a veth `p2` and a TAP of somebody's `p3`.
const CHANGES: [&str; 10] = ["create", "tap", "veth", "iface", "mtu", "settings", "delete tap", "delete veth", "fdb", "ageing"];

async fn furnished() -> (House, Fabric) {
    let house = House::new().await;
    let controller = house.with_switch().await;
    house.kernel.create_tap(&Netns::Daemon, &kernel_name("eth8")).expect("an interface");
    for url in ["tap://t1?netns=a", "veth://v1?netns=b", "iface://eth9"] {
        controller.add_port(name("s1"), port(None, url)).await.expect("a port");
    }
    let entry =
        |mac: &str| FdbSpec { mac: mac.parse().expect("an address"), port: name("p1"), dst: None, vid: 0, sticky: false };
    controller.add_fdb(name("s1"), entry("02:00:00:00:00:01")).await.expect("set");
    (house, controller)
}

async fn change(controller: &Fabric, what: &str) -> Result<(), Refusal> {
    let (s1, p1, p2) = (name("s1"), name("p1"), name("p2"));
    match what {
        "create" => controller.create_switch(name("s2"), SwitchSettings::default()).await,
        "tap" => controller.add_port(s1, port(None, "tap://t9?netns=b")).await.map(drop),
        "veth" => controller.add_port(s1, port(None, "veth://v9?netns=a")).await.map(drop),
        "iface" => controller.add_port(s1, port(None, "iface://eth8")).await.map(drop),
        "mtu" => controller.set_port(s1, p2, |settings| settings.mtu = Some(1300)).await,
        "settings" => controller.set_port(s1, p1, |settings| settings.isolated = true).await,
        "delete tap" => controller.delete_port(s1, p1).await,
        "delete veth" => controller.delete_port(s1, p2).await,
        "fdb" => {
            let mac = "02:00:00:00:00:01".parse().expect("an address");
            controller.add_fdb(s1, FdbSpec { mac, port: p2, dst: None, vid: 0, sticky: true }).await
        }
        "ageing" => controller.set_switch(s1, |settings| settings.ageing = 77).await,
        other => panic!("no change {other}"),
    }
}

#[tokio::test]
async fn a_change_that_the_store_refuses_leaves_no_trace() {
    for what in CHANGES {
        let mut refused = 0;
        for step in 0.. {
            let (house, controller) = furnished().await;
            let before = (house.traces().await, shown(&controller));
            house.store.countdown.store(step, Ordering::SeqCst);
            let done = change(&controller, what).await;
            if house.store.countdown.swap(i64::MAX, Ordering::SeqCst) >= 0 {
                done.unwrap_or_else(|refusal| panic!("{what}, nothing failed: {refusal}"));
                assert_ne!((house.traces().await, shown(&controller)), before, "{what} changed nothing");
                break;
            }
            if let (Ok(()), true) = (&done, what.starts_with("delete")) {
                // The interface is gone, and only the note of it could not be deleted: the next start does that.
                controller.stop().await;
                house.start().await;
                let url = if what == "delete tap" { "t1" } else { "v1" };
                let traces = house.traces().await;
                assert!(!traces.iter().any(|trace| trace.contains(url)), "{what}, step {step}: {traces:?}");
                refused += 1;
                continue;
            }
            assert!(why(done).contains("injected"), "{what}, step {step}");
            assert_eq!((house.traces().await, shown(&controller)), before, "{what}, step {step}");
            refused += 1;
        }
        assert!(refused > 0, "{what} never asked the store");
    }
}

#[tokio::test]
async fn a_change_that_the_kernel_refuses_at_any_call_leaves_no_trace_or_names_what_is_left() {
    let (mut refused, mut named) = (0, 0);
    for what in ["tap", "veth", "iface", "mtu", "delete tap", "delete veth"] {
        let mut of_this = 0;
        for seed in 0..40 {
            let (house, first) = furnished().await;
            first.stop().await;
            let failing = Arc::new(Failing::new(Arc::new(house.kernel.clone()), Faults::new(seed, 0.25)));
            let (controller, _) = house.start_with(failing, "", false).await;
            let before = (house.traces().await, shown(&controller));
            let Err(refusal) = change(&controller, what).await else { continue };
            let refusal = refusal.to_string();
            assert!(refusal.contains("made to fail"), "{what}, seed {seed}: {refusal}");
            if refusal.contains("besides") {
                named += 1;
                continue;
            }
            assert_eq!((house.traces().await, shown(&controller)), before, "{what}, seed {seed}: {refusal}");
            (refused, of_this) = (refused + 1, of_this + 1);
        }
        assert!(of_this > 0, "no seed made {what} fail");
    }
    println!("{refused} changes refused without a trace, {named} that named what was left");
}

#[tokio::test]
async fn a_switch_whose_port_cannot_be_deleted_stays_with_that_port_and_says_which() {
    for seed in 0..60 {
        let (house, first) = furnished().await;
        first.stop().await;
        let failing = Arc::new(Failing::new(Arc::new(house.kernel.clone()), Faults::new(seed, 0.3)));
        let (controller, started) = house.start_with(failing, "", false).await;
        let Err(refusal) = controller.delete_switch(name("s1")).await else { continue };
        if !started.notes.is_empty() || refusal.why.contains("besides") {
            continue;
        }
        let left = controller.ports(&name("s1")).expect("the switch is still there");
        assert!(!left.is_empty() && left.iter().all(|port| refusal.why.contains(port.spec.name.as_str())), "{refusal}");
        let traces = house.traces().await;
        assert_eq!(traces.iter().filter(|trace| trace.contains("/lanloom/ports/")).count(), left.len(), "seed {seed}");
        controller.stop().await;
        house.start().await.delete_switch(name("s1")).await.expect("a kernel that works");
        return;
    }
    panic!("no seed made exactly the deletion fail");
}

#[tokio::test]
async fn a_change_that_nobody_waits_for_any_more_is_ended() {
    let house = House::new().await;
    let controller = house.with_switch().await;
    let mut events = controller.events();
    let mut adding = Box::pin(controller.add_port(name("s1"), port(None, "veth://v1?netns=a")));
    std::future::poll_fn(|context| {
        let _ = adding.as_mut().poll(context);
        std::task::Poll::Ready(())
    })
    .await;
    drop(adding);
    let added = async { while events.recv().await.expect("an event").kind.name() != "port.added" {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), added).await.expect("in time");
    assert_eq!(controller.ports(&name("s1")).expect("the switch").len(), 1);
}
