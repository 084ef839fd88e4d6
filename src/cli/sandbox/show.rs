//! How sandboxes are shown.

use crate::api::types::{GatewayChoice, SandboxInfo};
use crate::cli::output::{Failure, Output};
use crate::cli::page::Page;
use crate::cli::table::Table;
use crate::cli::words::{addresses, short, written};

/// A line per sandbox.
pub(super) fn table(sandboxes: &[SandboxInfo], whole: bool) -> Table {
    let mut table = Table::new(&["SANDBOX ID", "NAME", "NETWORKS", "ADDRESSES", "NAMESPACE", "STATE"]);
    for sandbox in sandboxes {
        let id = if whole { &sandbox.id } else { short(&sandbox.id) };
        let networks: Vec<&str> = sandbox.endpoints.iter().map(|endpoint| endpoint.network.as_str()).collect();
        let all = sandbox.endpoints.iter().map(addresses).filter(|addresses| !addresses.is_empty());
        table.row([
            id.to_owned(),
            sandbox.name.clone(),
            networks.join(", "),
            all.collect::<Vec<_>>().join(", "),
            namespace(sandbox).to_owned(),
            sandbox.state.clone(),
        ]);
    }
    table
}

/// A line per property, and a table of its endpoints.
pub(super) fn details(sandbox: &SandboxInfo, out: &mut Output) -> Result<(), Failure> {
    out.page(&page(sandbox))?;
    if sandbox.endpoints.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.table(&endpoints(sandbox))
}

fn page(sandbox: &SandboxInfo) -> Page {
    let mut page = Page::default();
    page.say("sandbox", &sandbox.name);
    page.say("id", &sandbox.id);
    page.say("state", &sandbox.state);
    page.say("created", &sandbox.created);
    page.say("namespace", namespace(sandbox));
    page.say_if("files", sandbox.files.as_ref());
    let domain = sandbox.domainname.as_ref().map(|domain| format!(".{domain}")).unwrap_or_default();
    page.say("host name", format_args!("{}{domain}", sandbox.hostname));
    page.say_if("dns server", Some(&sandbox.dns_server).filter(|server| !server.is_empty()));
    page.say_all("asks", &sandbox.dns);
    page.say_if("searches", Some(sandbox.dns_search.join(", ")).filter(|search| !search.is_empty()));
    page.say_if("dns option", Some(sandbox.dns_options.join(", ")).filter(|options| !options.is_empty()));
    page.say_all("hosts", sandbox.extra_hosts.iter().map(|host| format!("{} is {}", host.name, host.address)));
    page.say_all("way out", ways_out(sandbox));
    page.say_all("sysctl", written(&sandbox.sysctls));
    page.say_all("label", written(&sandbox.labels));
    page.say_all("note", &sandbox.notes);
    page
}

fn ways_out(sandbox: &SandboxInfo) -> Vec<String> {
    let way = |family: &str, choice: &GatewayChoice| format!("{family} by {}: {}", choice.network, choice.why);
    let v4 = sandbox.gateway_v4.as_ref().map(|choice| way("IPv4", choice));
    let v6 = sandbox.gateway_v6.as_ref().map(|choice| way("IPv6", choice));
    let ways: Vec<String> = v4.into_iter().chain(v6).collect();
    if ways.is_empty() { vec!["none".to_owned()] } else { ways }
}

fn namespace(sandbox: &SandboxInfo) -> &str {
    sandbox.netns.as_deref().unwrap_or("the host's")
}

fn endpoints(sandbox: &SandboxInfo) -> Table {
    let mut table = Table::new(&["NETWORK", "ENDPOINT", "INTERFACE", "ADDRESSES", "MAC", "GATEWAYS", ">PRIORITY", "STATE"]);
    for endpoint in &sandbox.endpoints {
        let gateways = [&endpoint.gateway_v4, &endpoint.gateway_v6].into_iter().flatten().map(String::as_str);
        table.row([
            endpoint.network.clone(),
            endpoint.name.clone(),
            endpoint.ifname.clone().unwrap_or_default(),
            addresses(endpoint),
            endpoint.mac.clone().unwrap_or_default(),
            gateways.collect::<Vec<_>>().join(", "),
            endpoint.priority.to_string(),
            endpoint.state.clone(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::EndpointInfo;

    #[test]
    fn a_sandbox_shows_by_what_it_reaches_the_world_and_why() {
        let endpoint = |network: &str, address: &str| EndpointInfo {
            name: "a".into(),
            network: network.into(),
            state: "joined".into(),
            ifname: Some("eth0".into()),
            addresses: vec![address.into()],
            gateway_v4: Some("10.9.0.1".into()),
            ..EndpointInfo::default()
        };
        let sandbox = SandboxInfo {
            name: "a".into(),
            id: "0123456789abcdef".into(),
            state: "ready".into(),
            created: "2026-01-02T03:04:05Z".into(),
            netns: Some("/run/netns/a".into()),
            files: Some("/etc/netns/a".into()),
            hostname: "a".into(),
            domainname: Some("lab".into()),
            dns_server: "127.0.0.11:53".into(),
            gateway_v4: Some(GatewayChoice { network: "web".into(), why: "the highest priority".into() }),
            endpoints: vec![endpoint("web", "10.9.0.2/24"), endpoint("back", "10.8.0.2/24")],
            ..SandboxInfo::default()
        };
        let expected = "\
sandbox     a
id          0123456789abcdef
state       ready
created     2026-01-02T03:04:05Z
namespace   /run/netns/a
files       /etc/netns/a
host name   a.lab
dns server  127.0.0.11:53
way out     IPv4 by web: the highest priority
";
        assert_eq!(page(&sandbox).render(false), expected);
        let expected = "\
SANDBOX ID    NAME  NETWORKS   ADDRESSES                 NAMESPACE     STATE
0123456789ab  a     web, back  10.9.0.2/24, 10.8.0.2/24  /run/netns/a  ready
";
        assert_eq!(table(&[sandbox], false).render(false), expected);
    }
}
