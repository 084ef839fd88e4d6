//! All that there is, in lines: of two houses in which the same was done the pictures are the same, whatever ids were given.

use super::house::House;
use crate::controller::Controller;
use crate::controller::model::{EndpointState, Network, NetworkState, SandboxState};
use crate::ipam::PoolId;
use crate::store::Store;
use lanloom_drivers::kernel::{Kernel, LinkInfo, LinkKind, Netns, TableName};
use std::path::Path;

/// What the controller shows, what IPAM holds, and what is in the kernel, the store and on disk.
pub(super) async fn picture(house: &House, controller: &Controller) -> Vec<String> {
    let mut lines = shown(controller);
    lines.extend(leases(controller));
    lines.extend(kernel(house).await);
    lines.extend(records(house).await);
    files(&house.place("etc"), &mut lines);
    for view in controller.networks() {
        lines = lines.iter().map(|line| named(line, &view.network)).collect();
    }
    lines.sort();
    lines
}

/// A gateway's interface is called after its network's id.
fn named(line: &str, network: &Network) -> String {
    line.replace(&format!("ll-{}", network.id.short()), &format!("gateway of {}", network.name))
}

/// What commands would show, and what is to follow from it.
pub(super) fn shown(controller: &Controller) -> Vec<String> {
    let mut lines = Vec::new();
    for view in controller.networks() {
        let Network { name, state, spec, v4, v6, .. } = &view.network;
        lines.push(format!("network {name}: {} {spec:?} {v4:?} {v6:?}", state.name()));
        if let Ok(ports) = controller.fabric().ports(name) {
            let mut ports: Vec<String> = ports.iter().map(|port| format!("{} {}", port.spec.name, port.spec.url)).collect();
            ports.sort();
            lines.push(format!("switch {name}: {ports:?}"));
        }
    }
    for view in controller.endpoints(None).expect("endpoints") {
        let (endpoint, sandbox) = (&view.endpoint, view.sandbox.as_ref().map(|(_, name)| name.to_string()));
        let place = endpoint.state.joint().map(|joint| (&joint.ifname, joint.gateway_v4, joint.gateway_v6));
        lines.push(format!(
            "endpoint {}/{}: {} {:?} in {sandbox:?} {place:?} {:?}",
            view.network,
            endpoint.name,
            endpoint.state.name(),
            endpoint.addresses,
            view.is_gateway
        ));
    }
    for view in controller.sandboxes() {
        let (name, gateway) = (&view.sandbox.name, &view.gateway);
        let of: Vec<String> = view.endpoints.iter().map(|endpoint| endpoint.network.to_string()).collect();
        lines.push(format!("sandbox {name}: {} on {of:?} out by {gateway:?}", view.sandbox.state.name()));
        lines.extend(view.notes.iter().map(|note| format!("sandbox {name}: note: {note}")));
    }
    lines
}

/// The leases of all pools, by what they are of.
pub(super) fn leases(controller: &Controller) -> Vec<String> {
    let ipam = controller.inner.ipam();
    let mut lines = Vec::new();
    for pool in ipam.pools() {
        let usage = ipam.usage(pool).expect("a pool that is held");
        let of = |lease: crate::ipam::Lease| format!("lease {}: {} as {}", pool, lease.address, lease.kind);
        lines.extend(usage.leases.into_iter().map(of));
    }
    lines.sort();
    lines
}

/// What the leases are to be, by what the objects say.
pub(super) fn leases_by_objects(controller: &Controller) -> Vec<String> {
    let mut lines = Vec::new();
    for view in controller.networks() {
        let pools = || view.network.pools();
        let id = |pool: &crate::controller::model::Pool| PoolId::new(pool.subnet, pool.range).expect("a pool's name");
        for pool in pools() {
            lines.extend(pool.gateway.map(|gateway| format!("lease {}: {gateway} as gateway", id(pool))));
            lines.extend(pool.auxiliary.values().map(|address| format!("lease {}: {address} as auxiliary address", id(pool))));
        }
        for address in view.endpoints.iter().flat_map(|endpoint| &endpoint.endpoint.addresses) {
            let pool = pools().find(|pool| pool.subnet.contains(&address.addr())).expect("a pool of the network");
            lines.push(format!("lease {}: {} as endpoint", id(pool), address.addr()));
        }
    }
    lines.sort();
    lines
}

/// Whether something is on its way in or out.
pub(super) fn is_unfinished(controller: &Controller) -> bool {
    let networks = controller.networks();
    let network = |state| matches!(state, NetworkState::Creating | NetworkState::Deleting);
    let endpoint = |state: &EndpointState| match state {
        EndpointState::Creating | EndpointState::Joining(_) | EndpointState::Leaving(_) | EndpointState::Deleting => true,
        EndpointState::Free | EndpointState::Joined(_) => false,
    };
    let sandbox = |state| matches!(state, SandboxState::Creating | SandboxState::Deleting);
    networks.iter().any(|view| network(view.network.state))
        || controller.endpoints(None).expect("endpoints").iter().any(|view| endpoint(&view.endpoint.state))
        || controller.sandboxes().iter().any(|view| sandbox(view.sandbox.state) || !view.notes.is_empty())
}

async fn kernel(house: &House) -> Vec<String> {
    house.ground.settle().await;
    let kernel = &house.ground.kernel;
    let mut lines = Vec::new();
    for netns in house.ground.namespaces().await {
        lines.push(format!("{netns}: redirect {}", kernel.dns_redirect(&netns).is_some()));
        for link in kernel.list_links(&netns).await.expect("links") {
            let LinkInfo { name, mtu, up, kind, .. } = &link;
            if *kind != LinkKind::Loopback {
                let addresses = kernel.list_addresses(&netns, &name.parse_name()).await.expect("addresses");
                lines.push(format!("{netns}: {name} {kind:?} {mtu} {up} {addresses:?}"));
            }
        }
        let routes = kernel.list_routes(&netns).await.expect("routes");
        lines.extend(routes.iter().map(|route| format!("{netns}: {} by {:?} {}", route.to, route.via, route.dev)));
    }
    let table = TableName::new("lanloom-0badcafe").expect("a name");
    for egress in kernel.firewall(&table).map(|firewall| firewall.networks).unwrap_or_default() {
        lines.push(format!("firewall: {egress:?}"));
    }
    let plumbing = Netns::At(crate::controller::fabric::tests::house::PLUMBING.into());
    let ends = kernel.list_links(&plumbing).await.map_or(0, |links| links.len().saturating_sub(1));
    lines.push(format!("ends of veths: {ends}"));
    lines
}

/// How many there are of each kind, and which ports.
async fn records(house: &House) -> Vec<String> {
    let pairs = house.ground.store.range("").await.expect("records").pairs;
    let counted = ["/lanloom/networks/", "/lanloom/endpoints/", "/lanloom/sandboxes/"];
    let count = |prefix: &str| pairs.iter().filter(|pair| pair.key.starts_with(prefix)).count();
    let mut lines: Vec<String> = counted.iter().map(|prefix| format!("records {prefix}: {}", count(prefix))).collect();
    let others = pairs.iter().filter(|pair| !counted.iter().any(|prefix| pair.key.starts_with(prefix)));
    lines.extend(others.map(|pair| format!("record {}", pair.key)));
    lines
}

/// Every file below a folder, with what is in it but for the names that are made of ids.
fn files(folder: &Path, lines: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, lines);
        } else {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let of = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            lines.push(format!("file {of:?} {name:?}: {:?}", std::fs::read_to_string(&path).expect("text")));
        }
    }
}

/// An interface's name as the kernel takes it.
trait ParseName {
    fn parse_name(&self) -> lanloom_drivers::kernel::IfName;
}

impl ParseName for String {
    fn parse_name(&self) -> lanloom_drivers::kernel::IfName {
        lanloom_drivers::kernel::IfName::new(self).expect("a name")
    }
}

/// What is in one and not in the other.
pub(super) fn difference(before: &[String], after: &[String]) -> String {
    let only = |these: &[String], those: &[String], sign: &str| {
        let lines = these.iter().filter(|line| !those.contains(line)).map(|line| format!("\n{sign} {line}"));
        lines.collect::<String>()
    };
    format!("{}{}", only(before, after, "-"), only(after, before, "+"))
}

/// That two pictures are the same, or how they differ.
pub(super) fn same(case: &str, wanted: &[String], found: &[String]) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("{case}:{}", difference(wanted, found))) }
}

/// Fails with all that is wrong.
pub(super) fn none_of(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}
