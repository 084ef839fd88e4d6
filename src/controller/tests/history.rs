//! Random histories: at every step the controller does what the model does, and what follows from its objects holds.

use super::house::{House, name, with_subnet};
use super::picture::{is_unfinished, leases, leases_by_objects};
use crate::controller::Controller;
use crate::controller::model::{NewEndpoint, NewSandbox};
use lanloom_drivers::kernel::Kernel;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};
use std::collections::{BTreeMap, BTreeSet};
use tokio::runtime::Runtime;

/// Networks, sandboxes, and endpoints that are made by hand, of each so many.
const NAMES: u8 = 4;
/// Addresses for endpoints in a network's /29.
const ROOM: usize = 5;

/// One step; numbers are names.
#[derive(Clone, Debug)]
enum Step {
    CreateNetwork(u8),
    DeleteNetwork(u8),
    CreateEndpoint(u8, u8),
    DeleteEndpoint(u8, u8, bool),
    Join(u8, u8, u8),
    Leave(u8, u8),
    Connect(u8, u8),
    Disconnect(u8, u8),
    CreateSandbox(u8, Vec<u8>),
    DeleteSandbox(u8, bool),
    Restart,
}

/// What there is to be: endpoints by network, each with the sandbox that it is in.
#[derive(Debug, Default)]
struct Model {
    networks: BTreeMap<String, BTreeMap<String, Option<String>>>,
    sandboxes: BTreeSet<String>,
}

fn network(number: u8) -> String {
    format!("n{number}")
}

fn endpoint(number: u8) -> String {
    // No beginning of an id.
    format!("x{number}")
}

fn sandbox(number: u8) -> String {
    format!("s{number}")
}

impl Model {
    /// Takes a step if it can be taken. Answers whether it can.
    fn take(&mut self, step: &Step) -> bool {
        match step {
            Step::CreateNetwork(at) => {
                let is_new = !self.networks.contains_key(&network(*at));
                self.networks.entry(network(*at)).or_default();
                is_new
            }
            Step::DeleteNetwork(at) => {
                let is_idle = self.networks.get(&network(*at)).is_some_and(BTreeMap::is_empty);
                is_idle && self.networks.remove(&network(*at)).is_some()
            }
            Step::CreateEndpoint(at, one) => self.add(&network(*at), &endpoint(*one), None),
            Step::DeleteEndpoint(at, one, force) => {
                let Some(on) = self.networks.get_mut(&network(*at)) else { return false };
                let may = on.get(&endpoint(*one)).is_some_and(|joined| *force || joined.is_none());
                may && on.remove(&endpoint(*one)).is_some()
            }
            Step::Join(at, one, into) => {
                let is_there = self.sandboxes.contains(&sandbox(*into));
                let found = self.networks.get_mut(&network(*at)).and_then(|on| on.get_mut(&endpoint(*one)));
                let Some(joined) = found.filter(|joined| is_there && joined.is_none()) else { return false };
                *joined = Some(sandbox(*into));
                true
            }
            Step::Leave(at, one) => {
                let Some(on) = self.networks.get_mut(&network(*at)) else { return false };
                on.get(&endpoint(*one)).is_some_and(Option::is_some) && on.remove(&endpoint(*one)).is_some()
            }
            Step::Connect(at, one) => self.sandboxes.contains(&sandbox(*one)) && self.connect(&network(*at), &sandbox(*one)),
            Step::Disconnect(at, one) => {
                let Some(on) = self.networks.get_mut(&network(*at)) else { return false };
                let before = on.len();
                on.retain(|_, joined| joined.as_ref() != Some(&sandbox(*one)));
                on.len() < before
            }
            Step::CreateSandbox(one, on) => self.create_sandbox(&sandbox(*one), on),
            Step::DeleteSandbox(one, _) => {
                for on in self.networks.values_mut() {
                    on.retain(|_, joined| joined.as_ref() != Some(&sandbox(*one)));
                }
                self.sandboxes.remove(&sandbox(*one))
            }
            Step::Restart => true,
        }
    }

    fn add(&mut self, network: &str, endpoint: &str, joined: Option<String>) -> bool {
        let Some(on) = self.networks.get_mut(network) else { return false };
        if on.len() == ROOM || on.contains_key(endpoint) {
            return false;
        }
        on.insert(endpoint.to_owned(), joined);
        true
    }

    fn connect(&mut self, network: &str, sandbox: &str) -> bool {
        let is_on = self.networks.get(network).is_some_and(|on| on.values().flatten().any(|joined| joined == sandbox));
        !is_on && self.add(network, sandbox, Some(sandbox.to_owned()))
    }

    fn create_sandbox(&mut self, sandbox: &str, on: &[u8]) -> bool {
        let before = self.networks.clone();
        if !self.sandboxes.insert(sandbox.to_owned()) {
            return false;
        }
        if on.iter().all(|at| self.connect(&network(*at), sandbox)) {
            return true;
        }
        self.networks = before;
        self.sandboxes.remove(sandbox);
        false
    }
}

/// Has the controller take a step. Answers whether it did, or why not.
async fn take(house: &House, controller: &mut Controller, step: &Step) -> Result<(), String> {
    let plain = NewEndpoint::default;
    let by_name = |at: u8, one: u8| format!("{}/{}", network(at), endpoint(one));
    let done = match step {
        Step::CreateNetwork(at) => {
            controller.create_network(name(&network(*at)), with_subnet(&format!("10.{at}.0.0/29"))).await.map(drop)
        }
        Step::DeleteNetwork(at) => controller.delete_network(network(*at)).await,
        Step::CreateEndpoint(at, one) => {
            controller.create_endpoint(network(*at), name(&endpoint(*one)), plain()).await.map(drop)
        }
        Step::DeleteEndpoint(at, one, force) => controller.delete_endpoint(by_name(*at, *one), *force).await,
        Step::Join(at, one, into) => controller.join_endpoint(by_name(*at, *one), sandbox(*into)).await,
        Step::Leave(at, one) => controller.leave_endpoint(by_name(*at, *one), false).await,
        Step::Connect(at, one) => controller.connect(network(*at), sandbox(*one), plain()).await.map(drop),
        Step::Disconnect(at, one) => controller.disconnect(network(*at), sandbox(*one), false).await,
        Step::CreateSandbox(one, on) => {
            let on = on.iter().map(|at| (network(*at), plain())).collect();
            controller.create_sandbox(name(&sandbox(*one)), NewSandbox::default(), on).await.map(drop)
        }
        Step::DeleteSandbox(one, force) => controller.delete_sandbox(sandbox(*one), *force).await,
        Step::Restart => {
            controller.stop().await;
            *controller = house.start().await;
            house.ground.settle().await;
            Ok(())
        }
    };
    done.map_err(|refusal| refusal.to_string())
}

/// What the controller has, as the model has it.
fn seen(controller: &Controller) -> Model {
    let mut model = Model::default();
    for view in controller.networks().iter().filter(|view| view.network.spec.driver == "bridge") {
        if view.network.name.as_str() != "bridge" {
            let on = view
                .endpoints
                .iter()
                .map(|view| (view.endpoint.name.to_string(), view.sandbox.as_ref().map(|(_, sandbox)| sandbox.to_string())));
            model.networks.insert(view.network.name.to_string(), on.collect());
        }
    }
    model.sandboxes = controller.sandboxes().iter().map(|view| view.sandbox.name.to_string()).collect();
    model
}

/// What holds of whatever there is.
async fn check(house: &House, controller: &Controller, model: &Model) -> Result<(), TestCaseError> {
    let found = seen(controller);
    prop_assert_eq!(&found.networks, &model.networks);
    prop_assert_eq!(&found.sandboxes, &model.sandboxes);
    prop_assert!(!is_unfinished(controller), "something is unfinished");
    let held = leases(controller);
    prop_assert_eq!(&held, &leases_by_objects(controller), "leases are what the objects say");
    prop_assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), held.len(), "no address is given twice");
    for (on, endpoints) in &model.networks {
        let ports = controller.fabric().ports(&name(on)).map_err(|refusal| TestCaseError::fail(refusal.to_string()))?;
        let ports: BTreeSet<String> = ports.iter().map(|port| port.spec.name.to_string()).collect();
        let joined = endpoints.iter().filter(|(_, joined)| joined.is_some()).map(|(name, _)| name.clone());
        prop_assert_eq!(ports, joined.chain(["_gateway".to_owned()]).collect(), "the ports of {}", on);
    }
    let namespaces: BTreeSet<String> = house.ground.kernel.list_netns().await.expect("namespaces").into_iter().collect();
    let wanted = model.sandboxes.iter().cloned().chain(["a".to_owned(), "b".to_owned()]).collect();
    prop_assert_eq!(namespaces, wanted, "a namespace for each sandbox");
    Ok(())
}

async fn walk(steps: impl Iterator<Item = Step>) -> Result<(), TestCaseError> {
    let house = House::new().await;
    let (mut controller, mut model) = (house.start().await, Model::default());
    for (at, step) in steps.enumerate() {
        let can = model.take(&step);
        let done = take(&house, &mut controller, &step).await;
        prop_assert_eq!(done.is_ok(), can, "step {}, {:?}: {:?}", at, step, done);
        check(&house, &controller, &model)
            .await
            .map_err(|error| TestCaseError::fail(format!("step {at}, {step:?}: {error}")))?;
    }
    Ok(())
}

fn steps() -> impl Strategy<Value = Step> {
    let one = || 0..NAMES;
    prop_oneof![
        4 => one().prop_map(Step::CreateNetwork),
        2 => one().prop_map(Step::DeleteNetwork),
        4 => (one(), one()).prop_map(|(at, one)| Step::CreateEndpoint(at, one)),
        2 => (one(), one(), any::<bool>()).prop_map(|(at, one, force)| Step::DeleteEndpoint(at, one, force)),
        4 => (one(), one(), one()).prop_map(|(at, one, into)| Step::Join(at, one, into)),
        2 => (one(), one()).prop_map(|(at, one)| Step::Leave(at, one)),
        6 => (one(), one()).prop_map(|(at, one)| Step::Connect(at, one)),
        3 => (one(), one()).prop_map(|(at, one)| Step::Disconnect(at, one)),
        3 => (one(), prop::collection::vec(one(), 0..3)).prop_map(|(one, on)| Step::CreateSandbox(one, on)),
        1 => (one(), any::<bool>()).prop_map(|(one, force)| Step::DeleteSandbox(one, force)),
    ]
    .boxed()
}

/// The same, with a restart now and then.
fn steps_and_restarts() -> impl Strategy<Value = Step> {
    prop_oneof![60 => steps(), 1 => Just(Step::Restart)]
}

#[test]
fn ten_thousand_steps_of_a_random_history_do_what_the_model_does() {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[3; 32]);
    let mut runner = TestRunner::new_with_rng(Runs::default(), rng);
    let strategy = steps_and_restarts();
    let history = (0..10_000).map(move |_| strategy.new_tree(&mut runner).expect("a step").current());
    let done = Runtime::new().expect("threads").block_on(walk(history));
    done.unwrap_or_else(|error| panic!("{error}"));
}

proptest! {
    #![proptest_config(Runs { max_shrink_iters: 400, ..Runs::default() })]

    #[test]
    fn a_short_random_history_does_what_the_model_does(history in prop::collection::vec(steps_and_restarts(), 1..24)) {
        Runtime::new().expect("threads").block_on(walk(history.into_iter()))?;
    }
}
