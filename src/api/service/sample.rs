//! A network, an endpoint and a sandbox as the controller shows them, for the tests beside.

use crate::controller::model::{
    Endpoint, EndpointState, Id, Joint, Network, NetworkState, NewEndpoint, NewNetwork, NewSandbox, Pool, Sandbox, SandboxState,
};
use crate::controller::view::{EndpointView, NetworkView, SandboxView};
use crate::names::Name;
use std::collections::BTreeMap;

/// 2023-11-14T22:13:20.000000007Z.
const CREATED: u64 = 1_700_000_000_000_000_007;

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

/// With pool `10.9.0.0/24`, label `tier=front` and nobody on it.
pub(super) fn network(text: &str) -> NetworkView {
    let pool = Pool {
        subnet: "10.9.0.0/24".parse().expect("a subnet"),
        range: None,
        gateway: "10.9.0.1".parse().ok(),
        auxiliary: [("printer".to_owned(), "10.9.0.9".parse().expect("an address"))].into(),
    };
    let spec = NewNetwork {
        options: [("com.docker.network.driver.mtu".to_owned(), "1400".to_owned())].into(),
        labels: [("tier".to_owned(), "front".to_owned())].into(),
        ..NewNetwork::default()
    };
    let (state, v4) = (NetworkState::Ready, vec![pool]);
    let network =
        Network { id: Id::random(), name: name(text), state, created: CREATED, spec, usual: [].into(), v4, v6: Vec::new() };
    NetworkView { network, scope: "local", endpoints: Vec::new(), notes: Vec::new() }
}

/// In that sandbox, or in none.
pub(super) fn endpoint(network: &str, text: &str, address: &str, sandbox: Option<&str>) -> EndpointView {
    let sandbox = sandbox.map(|text| (Id::random(), name(text)));
    let joint = |(id, _): &(Id, Name)| Joint {
        sandbox: id.clone(),
        ifname: Some("eth0".to_owned()),
        gateway_v4: "10.9.0.1".parse().ok(),
        gateway_v6: None,
        routes: vec![("10.0.0.0/8".parse().expect("a subnet"), "10.9.0.254".parse().ok())],
        mtu: None,
    };
    let endpoint = Endpoint {
        id: Id::random(),
        name: name(text),
        network: Id::random(),
        state: sandbox.as_ref().map_or(EndpointState::Free, |sandbox| EndpointState::Joined(joint(sandbox))),
        by_connect: sandbox.is_some(),
        mac: "02:00:00:00:00:0a".to_owned().try_into().ok(),
        addresses: vec![address.parse().expect("an address")],
        spec: NewEndpoint::default(),
    };
    let (is_gateway, dns_names) = ((sandbox.is_some(), false), vec![text.to_owned()]);
    EndpointView { endpoint, network: name(network), sandbox, is_gateway, dns_names, info: BTreeMap::new() }
}

/// On no network.
pub(super) fn sandbox(text: &str) -> SandboxView {
    let sandbox = Sandbox {
        id: Id::random(),
        name: name(text),
        state: SandboxState::Ready,
        created: CREATED,
        spec: NewSandbox::default(),
        identity: None,
        redirect: None,
    };
    SandboxView {
        sandbox,
        is_stale: false,
        is_lost: false,
        netns: Some(format!("/run/netns/{text}").into()),
        files: None,
        endpoints: Vec::new(),
        gateway: [Some((name("web"), "the only network with a way out".to_owned())), None],
        dns: "127.0.0.11:53".to_owned(),
        notes: Vec::new(),
    }
}
