//! What the configuration file says of drivers.

use super::house::{House, name, sandbox, why};
use crate::config::Config;
use crate::controller::Controller;
use crate::controller::model::{NetworkChange, NewNetwork};

#[tokio::test(flavor = "multi_thread")]
async fn options_of_the_file_hold_for_networks_that_do_not_say_otherwise() {
    let house = House::new().await;
    let controller = house.start().await;
    let config = Config::parse("[drivers.bridge]\n\"com.docker.network.driver.mtu\" = 1400\n").expect("a good configuration");
    let started = controller.reload(config.clone()).await;
    assert_eq!((started.changes, started.notes), (vec!["the options of drivers changed".to_owned()], vec![]));
    assert_eq!(controller.config().drivers, config.drivers);
    let own = NewNetwork {
        options: [("com.docker.network.driver.mtu".to_owned(), "1300".to_owned())].into(),
        ..NewNetwork::default()
    };
    controller.create_network(name("usual"), NewNetwork::default()).await.expect("a network");
    controller.create_network(name("own"), own).await.expect("a network");
    sandbox(&controller, "box", &["usual", "own"]).await.expect("a sandbox");
    let mtu = |network: &str| controller.fabric().port(&name(network), &name("box")).expect("its port").spec.url.mtu();
    assert_eq!((mtu("usual"), mtu("own")), (Some(1400), Some(1300)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bridge_has_what_the_file_says_when_it_is_woken_but_for_what_was_asked_of_it() {
    let house = House::new().await;
    let controller = house.start().await;
    let (mtu, guard) = ("com.docker.network.driver.mtu", "lanloom.guard");
    let says = |usual: u32| format!("[drivers.bridge]\n{mtu:?} = {usual}\n{guard:?} = \"strict\"\n");
    let asked = |controller: &Controller| {
        let network = controller.network("bridge").expect("it is always there").network;
        (network.spec.options.get(mtu).cloned(), network.spec.options.get(guard).cloned())
    };
    let text = |value: &str| Some(value.to_owned());
    let change = NetworkChange { options: [(guard.to_owned(), "off".to_owned())].into(), ..NetworkChange::default() };
    controller.update_network("bridge".into(), change).await.expect("updated");
    for usual in [1400, 1300] {
        controller.reload(Config::parse(&says(usual)).expect("a good configuration")).await;
        sandbox(&controller, "box", &["bridge"]).await.expect("a sandbox");
        assert_eq!(asked(&controller), (text(&usual.to_string()), text("off")));
        let port = controller.fabric().port(&name("bridge"), &name("box")).expect("its port");
        assert_eq!(port.spec.url.mtu(), Some(usual));
        controller.delete_sandbox("box".into(), false).await.expect("deleted");
        assert_eq!(asked(&controller), (None, text("off")), "asleep, it has what was asked for");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn options_that_cannot_be_are_told_and_what_held_before_holds_on() {
    let house = House::new().await;
    let controller = house.start().await;
    let options = [("bridge", "no"), ("nobody", "a"), ("host", "b")]
        .map(|(driver, key)| (driver.to_owned(), [(key.to_owned(), "1".to_owned())].into()));
    let config = Config { drivers: options.into(), ..Config::default() };
    let notes = controller.reload(config).await.notes.join("\n");
    for said in ["options for no driver: nobody", "unknown option no", "it has no option b"] {
        assert!(notes.contains(said), "{said}: {notes}");
    }
    controller.create_network(name("web"), NewNetwork::default()).await.expect("a network");
    assert!(why(controller.create_network(name("web"), NewNetwork::default()).await).contains("already exists"));
}
