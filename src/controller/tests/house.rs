//! A house to try the controller in.

use crate::controller::fabric::tests::house::{House as Ground, PLUMBING};
use crate::controller::model::{Id, NewEndpoint, NewNetwork, NewSandbox, PoolAsked, Sandbox};
use crate::controller::refusal::Attempt;
use crate::controller::upkeep::Waits;
use crate::controller::view::EndpointView;
use crate::controller::{Controller, Guards, Networking, Plugger, Refusal, Setup, Started};
use crate::names::Name;
use crate::store::Store;
use lanloom_drivers::kernel::Kernel;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// All that outlives a controller.
pub(super) struct House {
    pub(super) ground: Ground,
    folder: tempfile::TempDir,
    /// What counts calls and has one of them fail wants no other between.
    pub(super) look_every: Duration,
}

impl House {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { ground: Ground::new().await, folder, look_every: Duration::MAX }
    }

    pub(super) async fn start(&self) -> Controller {
        let (controller, started) = self.start_on(Arc::new(self.ground.kernel.clone()), false).await;
        assert_eq!(started.notes, Vec::<String>::new());
        controller
    }

    fn setup(&self, kernel: Arc<dyn Kernel>, ephemeral: bool) -> (Setup, Networking) {
        let (store, plugger) =
            (Arc::clone(&self.ground.store) as Arc<dyn Store>, Arc::clone(&self.ground.plugger) as Arc<dyn Plugger>);
        let (plumbing, guards) = (Some(PLUMBING.into()), Guards::default());
        let setup = Setup { kernel, store, plugger, ephemeral, plumbing, config: None, guards, remade: Default::default() };
        let place = |name: &str| self.place(name);
        std::fs::write(place("resolv.conf"), "nameserver 192.0.2.53\n").expect("a file");
        let networking = Networking {
            instance: "0badcafe".to_owned(),
            files: place("etc"),
            copies: place("copies"),
            resolv_conf: place("resolv.conf"),
            underlay: None,
            look_every: self.look_every,
        };
        (setup, networking)
    }

    pub(super) async fn start_on(&self, kernel: Arc<dyn Kernel>, ephemeral: bool) -> (Controller, Started) {
        let (setup, networking) = self.setup(kernel, ephemeral);
        let (controller, started) = Controller::start(setup, networking).await.expect("threads");
        controller.taken_up().await;
        (controller, started)
    }

    /// With nobody who sees to sandboxes.
    pub(super) async fn start_idle(&self, kernel: Arc<dyn Kernel>) -> Controller {
        let (setup, networking) = self.setup(kernel, false);
        Controller::find(setup, networking).await.expect("threads").0
    }

    /// Where something is on disk.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Controller {
    /// Waits until what is inside sandboxes has been seen to, well or not.
    pub(super) async fn taken_up(&self) {
        let is_new = |sandbox: &Arc<Sandbox>| self.inner.upkeep.of(&sandbox.id, Instant::now()) == Some(Waits::First);
        while self.inner.book.sandboxes().iter().any(is_new) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// One endpoint, without what its driver says of it.
    pub(super) fn one_endpoint(&self, text: &str) -> Result<EndpointView, Refusal> {
        let attempt = Attempt::new("show endpoint", text);
        let endpoint = self.inner.find_endpoint(&attempt, text)?;
        Ok(self.inner.endpoint_view(&endpoint).expect("its network is there"))
    }
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// A network with that subnet.
pub(super) fn with_subnet(subnet: &str) -> NewNetwork {
    let subnet = Some(subnet.parse().expect("a subnet"));
    NewNetwork { pools: vec![PoolAsked { subnet, ..PoolAsked::default() }], ..NewNetwork::default() }
}

/// A sandbox on networks.
pub(super) async fn sandbox(controller: &Controller, named: &str, networks: &[&str]) -> Result<Id, Refusal> {
    let networks = networks.iter().map(|network| ((*network).to_owned(), NewEndpoint::default())).collect();
    controller.create_sandbox(name(named), NewSandbox::default(), networks).await
}

pub(super) fn why<T: std::fmt::Debug>(done: Result<T, Refusal>) -> String {
    done.expect_err("a refusal").to_string()
}
