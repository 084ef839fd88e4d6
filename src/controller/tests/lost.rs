//! Sandboxes whose namespace goes behind our back, or whose path leads to another's.

use super::house::{House, sandbox};
use super::names::asked;
use super::upkeep::{PATIENCE, dns, netns, until};
use crate::controller::model::NewEndpoint;
use crate::controller::{Controller, EventKind};
use lanloom_drivers::kernel::{FakeKernel, Kernel, Netns, NetnsName};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

/// A process whose namespace can be told from ours; it ends when dropped.
struct Process(Child);

impl Process {
    fn start() -> Self {
        // They are told apart by when they were started, in ticks of 10 ms.
        std::thread::sleep(Duration::from_millis(20));
        Self(Command::new("sleep").arg("1000").spawn().expect("a process"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A house with the sandbox `one`, and the file by which its namespace is told from others.
struct Told {
    house: House,
    file: PathBuf,
    at: Netns,
}

impl Told {
    async fn new() -> (Self, Controller) {
        let mut house = House::new().await;
        house.look_every = Duration::from_millis(5);
        let folder = house.place("netns");
        std::fs::create_dir(&folder).expect("made");
        house.ground.kernel = FakeKernel::new(&folder);
        let file = folder.join("one");
        let told = Self { house, at: Netns::At(file.clone()), file };
        told.leads_to(std::process::id());
        let controller = told.house.start().await;
        sandbox(&controller, "one", &[]).await.expect("a sandbox");
        (told, controller)
    }

    /// From now on there is the namespace of that process.
    fn leads_to(&self, process: u32) {
        // The first time it is not there.
        let _ = std::fs::remove_file(&self.file);
        std::os::unix::fs::symlink(format!("/proc/{process}/ns/net"), &self.file).expect("made");
    }

    async fn is_there(&self) -> bool {
        self.house.ground.kernel.netns_exists(&self.at).await.expect("told")
    }
}

const ANOTHERS: &str = "one leads to another one now";

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_name_somebody_made_again_is_stale_and_nothing_is_done_there_nor_does_it_go_with_it() {
    let (told, controller) = Told::new().await;
    let shown = || controller.sandbox("one").expect("the sandbox");
    assert!(!shown().is_stale && shown().dns.contains("redirected"), "{:?}", shown());
    let process = Process::start();
    told.leads_to(process.0.id());
    assert!(shown().is_stale && shown().notes.join("").contains(ANOTHERS), "{:?}", shown());
    until("its name server ends", || dns(&controller, "one") == "none").await;
    let refused = controller.connect("bridge".into(), "one".into(), NewEndpoint::default()).await.expect_err("it is another's");
    assert!(refused.why.contains(ANOTHERS), "{refused}");
    controller.delete_sandbox("one".into(), false).await.expect("deleted");
    assert!(told.is_there().await, "it is another's");
    let refused = sandbox(&controller, "one", &[]).await.expect_err("it is another's");
    assert!(refused.why.contains("there is a network namespace at"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_removes_a_sandbox_whose_name_somebody_made_again_says_so_and_leaves_what_is_there() {
    let (told, controller) = Told::new().await;
    controller.stop().await;
    let process = Process::start();
    told.leads_to(process.0.id());
    let (controller, started) = told.house.start_on(Arc::new(told.house.ground.kernel.clone()), false).await;
    let said = |note: &String| note.starts_with("sandbox one was removed: its namespace is gone:") && note.contains(ANOTHERS);
    assert!(started.notes.iter().any(said), "{:?}", started.notes);
    assert!(controller.sandbox("one").is_err() && told.is_there().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_a_start_made_again_is_the_sandboxs_own_from_then_on() {
    let (told, controller) = Told::new().await;
    controller.stop().await;
    let kernel = &told.house.ground.kernel;
    kernel.delete_netns(&told.at).await.expect("deleted");
    std::fs::remove_file(&told.file).expect("removed");
    let (controller, _) = told.house.start_on(Arc::new(kernel.clone()), false).await;
    assert!(told.is_there().await, "it is made again");
    controller.stop().await;
    // As the kernel would show what was made.
    let (made, process) = (Process::start(), Process::start());
    told.leads_to(made.0.id());
    let controller = told.house.start().await;
    assert!(!controller.sandbox("one").expect("the sandbox").is_stale);
    controller.stop().await;
    told.leads_to(process.0.id());
    let controller = told.house.start_idle(Arc::new(kernel.clone())).await;
    assert!(controller.sandbox("one").is_err(), "it is known by then which it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_namespace_somebody_deleted_is_lost_and_says_what_to_do_until_it_is_there_again() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let controller = house.start().await;
    for named in ["one", "two"] {
        sandbox(&controller, named, &[]).await.expect("a sandbox");
    }
    let is_lost = |named: &str| controller.sandbox(named).expect("the sandbox").is_lost;
    house.ground.kernel.delete_netns(&netns("one")).await.expect("deleted");
    until("it is noticed", || is_lost("one")).await;
    assert!(!is_lost("two"));
    let notes = controller.sandbox("one").expect("the sandbox").notes.join("\n");
    assert!(notes.contains("its namespace is gone: delete it with `lanloom sandbox delete one`"), "{notes}");
    house.ground.kernel.create_netns(&NetnsName::new("one").expect("a valid name")).await.expect("made");
    until("it is there again", || !is_lost("one")).await;
    until("it has its name server again", || dns(&controller, "one").contains("redirected")).await;
    until("nothing is left to do", || controller.sandbox("one").expect("the sandbox").notes.is_empty()).await;
    assert_eq!(asked(&house, "one", "nobody"), Vec::<String>::new());
    assert!(house.ground.kernel.dns_redirect(&netns("one")).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_server_of_a_sandbox_whose_namespace_a_round_finds_gone_ends_and_holds_it_no_longer() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    let controller = house.start().await;
    sandbox(&controller, "one", &[]).await.expect("a sandbox");
    let (at, mut events) = (netns("one"), controller.events());
    let server = house.ground.kernel.listening(&at).pop().expect("a name server").real_udp;
    house.ground.kernel.delete_netns(&at).await.expect("deleted");
    until("it is noticed", || controller.sandbox("one").expect("the sandbox").is_lost).await;
    until("its server is gone", || dns(&controller, "one") == "none").await;
    until("its socket is closed", || UdpSocket::bind(server).is_ok()).await;
    let told = tokio::time::timeout(PATIENCE, async {
        while !matches!(events.recv().await.expect("an event").kind, EventKind::SandboxLost { .. }) {}
    });
    told.await.expect("it is told");
}
