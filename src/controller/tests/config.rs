//! What the configuration file says of drivers.

use super::house::{House, name, sandbox, why};
use crate::config::Config;
use crate::controller::model::NewNetwork;

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
