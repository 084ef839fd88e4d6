//! Names in sandboxes: the zone that all name servers answer from, what each sandbox may ask, and its `hosts` and `resolv.conf`.

use super::Inner;
use super::model::{Endpoint, EndpointState, Id, Sandbox, SandboxPlace};
use super::servers::DNS;
use crate::dns::resolve::{Forward, From, Upstream, View};
use crate::dns::zone::Names;
use crate::etc::hosts::{ExtraHost, HostLine, own_names, text};
use crate::etc::resolv::{Resolv, SYSTEMD};
use crate::etc::sources::{Sources, Wanted};
use crate::etc::{Outcome, SandboxFiles};
use std::net::IpAddr;
use std::sync::Arc;

impl Inner {
    /// The names by which an endpoint is known on its network, the sandbox's own first.
    pub(super) fn dns_names(&self, endpoint: &Endpoint, sandbox: &Sandbox) -> Vec<String> {
        let mut names = vec![sandbox.name.to_string(), endpoint.name.to_string()];
        names.extend(endpoint.spec.aliases.iter().cloned());
        names.push(sandbox.id.short().to_owned());
        names.extend(sandbox.spec.hostname.clone());
        let mut seen: Vec<String> = Vec::new();
        for name in names {
            if !seen.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                seen.push(name);
            }
        }
        seen
    }

    /// From now on the endpoint answers to its names.
    pub(super) fn name_endpoint(&self, endpoint: &Endpoint, sandbox: &Sandbox) {
        self.enter_names(endpoint, sandbox);
        self.tell_links(&endpoint.network);
    }

    /// The same, where nobody has a name of its own for it, or will look later.
    pub(super) fn enter_names(&self, endpoint: &Endpoint, sandbox: &Sandbox) {
        let Some(network) = self.book.network(&endpoint.network) else { return };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in &endpoint.addresses {
            match address.addr() {
                IpAddr::V4(address) => v4.push(address),
                IpAddr::V6(address) => v6.push(address),
            }
        }
        let names = Names { names: self.dns_names(endpoint, sandbox), v4, v6, services: Vec::new() };
        self.zone().set(network.name.as_str(), endpoint.id.as_str(), names);
    }

    /// From now on it does not.
    pub(super) fn unname_endpoint(&self, endpoint: &Endpoint) {
        let Some(network) = self.book.network(&endpoint.network) else { return };
        self.zone().remove(network.name.as_str(), endpoint.id.as_str());
        self.tell_links(&network.id);
    }

    /// Who has a name of its own for another on that network looks again where that is.
    fn tell_links(&self, network: &Id) {
        for endpoint in self.book.endpoints_on(network).iter().filter(|endpoint| !endpoint.spec.links.is_empty()) {
            if let Some(sandbox) = endpoint.state.joint().and_then(|joint| self.book.sandbox(&joint.sandbox)) {
                self.look_anew(&sandbox);
            }
        }
    }

    /// What a sandbox may ask follows its networks.
    fn look_anew(&self, sandbox: &Sandbox) {
        if self.servers.has(&sandbox.id) {
            self.servers.show(&sandbox.id, self.view(sandbox));
        }
    }

    pub(super) fn view(&self, sandbox: &Sandbox) -> View {
        let candidates = self.candidates(&sandbox.id);
        let has_way_out = candidates.iter().any(|it| !it.internal && (it.v4 || it.v6));
        let upstream = |address: &IpAddr, from| Upstream { address: (*address, DNS).into(), from };
        let forward = if !sandbox.spec.dns.is_empty() {
            Forward::To(sandbox.spec.dns.iter().map(|address| upstream(address, From::Sandbox)).collect())
        } else if has_way_out {
            let host = self.host_resolv();
            Forward::To(host.nameservers.iter().map(|server| upstream(&server.address, From::Host)).collect())
        } else {
            Forward::Never
        };
        let given = Resolv { options: sandbox.spec.dns_options.clone(), ..Resolv::default() };
        View {
            networks: candidates.into_iter().map(|candidate| candidate.network).collect(),
            links: self.links(sandbox),
            forward,
            // Without any, or with none, a name is asked as it is first.
            ndots_given: given.ndots().is_some_and(|dots| dots > 0),
        }
    }

    /// Names that only this sandbox has for others.
    fn links(&self, sandbox: &Sandbox) -> Vec<(String, Vec<IpAddr>)> {
        let mut links = Vec::new();
        for endpoint in self.book.joined_to(&sandbox.id) {
            for (target, alias) in &endpoint.spec.links {
                let on = self.book.endpoints_on(&endpoint.network);
                let is_it = |other: &&Arc<Endpoint>| {
                    let EndpointState::Joined(joint) = &other.state else { return false };
                    self.book.sandbox(&joint.sandbox).is_some_and(|it| it.name.as_str() == target)
                };
                let addresses = on.iter().find(is_it).map(|other| other.addresses.iter().map(ipnet::IpNet::addr).collect());
                links.push((alias.clone(), addresses.unwrap_or_default()));
            }
        }
        links
    }

    pub(super) fn host_resolv(&self) -> Resolv {
        let main = std::fs::read_to_string(&self.networking.resolv_conf).unwrap_or_default();
        Resolv::of_host(&main, std::fs::read_to_string(SYSTEMD).ok().as_deref())
    }

    fn resolv(&self, sandbox: &Sandbox) -> Resolv {
        let spec = &sandbox.spec;
        let (nameservers, search, options) = (spec.dns.clone(), spec.dns_search.clone(), spec.dns_options.clone());
        let wanted = Wanted { nameservers, search, options };
        let (daemon, host) = (Wanted::default(), self.host_resolv());
        Sources { sandbox: &wanted, daemon: &daemon, host: &host }.embedded()
    }

    /// Where the files of a sandbox are; the host's own has none.
    pub(super) fn files_of(&self, sandbox: &Sandbox) -> Option<SandboxFiles> {
        if sandbox.spec.place == SandboxPlace::Host {
            return None;
        }
        let dir = self.networking.files.join(sandbox.name.as_str());
        Some(SandboxFiles::new(dir, self.networking.copies.join(sandbox.id.as_str())))
    }

    /// Brings the files of a sandbox, and what it may ask, to what its endpoints are. That a file could not be written keeps nothing
    /// else from being done.
    pub(super) fn write_files(&self, sandbox: &Sandbox) {
        self.look_anew(sandbox);
        let Some(files) = self.files_of(sandbox) else { return };
        let written = files.write_hosts(&self.hosts(sandbox)).and_then(|hosts| {
            let resolv = files.write_resolv(&self.resolv(sandbox).to_string())?;
            Ok((hosts, resolv))
        });
        match written {
            Ok((Outcome::Written, Outcome::Written)) => {}
            Ok(_) => tracing::info!(sandbox = %sandbox.name, "files that were edited by hand are left so"),
            Err(error) => {
                tracing::warn!(sandbox = %sandbox.name, "{error}");
                self.note(&sandbox.id, error.to_string());
            }
        }
    }

    fn hosts(&self, sandbox: &Sandbox) -> String {
        let hostname = sandbox.spec.hostname.as_deref().unwrap_or(sandbox.name.as_str());
        let names = own_names(hostname, sandbox.spec.domainname.as_deref().unwrap_or_default());
        let mut joined = self.book.joined_to(&sandbox.id);
        // As they came, the lowest interface first: the same after every restart.
        joined.sort_by_key(|endpoint| {
            let ifname = endpoint.state.joint().and_then(|joint| joint.ifname.clone()).unwrap_or_default();
            (ifname.len(), ifname)
        });
        let addresses = joined.iter().flat_map(|endpoint| &endpoint.addresses);
        let own: Vec<HostLine> = addresses.map(|net| HostLine { address: net.addr(), names: names.clone() }).collect();
        let gateways: Vec<IpAddr> = joined.iter().flat_map(|endpoint| gateways(endpoint)).collect();
        let lines = |(name, target): &(String, String)| {
            let extra: Option<ExtraHost> = format!("{name}:{target}").parse().ok();
            extra.map(|extra| extra.lines(&gateways)).unwrap_or_default()
        };
        let extra: Vec<HostLine> = sandbox.spec.extra_hosts.iter().flat_map(lines).collect();
        text(&extra, &own)
    }

    pub(super) fn delete_files(&self, sandbox: &Sandbox) -> Result<(), String> {
        self.files_of(sandbox).map_or(Ok(()), |files| files.delete().map_err(|error| error.to_string()))
    }
}

fn gateways(endpoint: &Endpoint) -> Vec<IpAddr> {
    let EndpointState::Joined(joint) = &endpoint.state else { return Vec::new() };
    joint.gateway_v4.map(IpAddr::V4).into_iter().chain(joint.gateway_v6.map(IpAddr::V6)).collect()
}
