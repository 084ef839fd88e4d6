//! What the API is asked for, in the controller's terms. What a text cannot mean is refused here; what cannot be done, there.

use super::hostnames;
use crate::api::types::{EndpointAsked, Ipam, IpamPool, NetworkCreate, NetworkUpdate, SandboxCreate};
use crate::controller::model::{MacText, NetworkChange, NewEndpoint, NewNetwork, NewSandbox, PoolAsked, SandboxPlace};
use crate::names::{Name, NetnsRef, shown};
use std::fmt::Display;
use std::str::FromStr;

/// Why something cannot be meant, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) why: String,
    pub(super) hint: String,
}

type Read<T> = Result<T, Fault>;

fn fault<T>(why: impl Into<String>, hint: impl Into<String>) -> Read<T> {
    Err(Fault { why: why.into(), hint: hint.into() })
}

/// A network to make.
pub(super) fn network(asked: NetworkCreate) -> Read<NewNetwork> {
    if asked.ingress.unwrap_or_default() {
        return fault("there is no swarm here, and so no ingress network", "leave ingress out");
    }
    if let Some(scope) = given(asked.scope).filter(|scope| scope != "local") {
        let why = format!("the scope {} cannot be asked for: a network's driver says how far it reaches", shown(&scope));
        return fault(why, "leave the scope out, or write local");
    }
    let ipam = asked.ipam.unwrap_or_default();
    let Ipam { driver, options, config } = ipam;
    let config_from = given(asked.config_from.map(|from| from.network));
    Ok(NewNetwork {
        driver: given(asked.driver).filter(|driver| driver != "default").unwrap_or_else(|| "bridge".to_owned()),
        ipam_driver: given(driver).unwrap_or_else(|| "default".to_owned()),
        ipam_options: options.unwrap_or_default(),
        pools: config.unwrap_or_default().into_iter().map(pool).collect::<Read<_>>()?,
        ipv4: asked.enable_ipv4.unwrap_or(true),
        ipv6: asked.enable_ipv6.unwrap_or_default(),
        internal: asked.internal.unwrap_or_default(),
        attachable: asked.attachable.unwrap_or_default(),
        config_only: asked.config_only.unwrap_or_default(),
        config_from: config_from.as_deref().map(name).transpose()?,
        options: asked.options.unwrap_or_default(),
        labels: asked.labels.unwrap_or_default(),
    })
}

/// What to change of a network.
pub(super) fn change(asked: NetworkUpdate) -> Read<NetworkChange> {
    Ok(NetworkChange {
        label_add: asked.label_add,
        label_rm: asked.label_rm,
        subnet_add: asked.subnet_add.iter().map(|text| subnet(text)).collect::<Read<_>>()?,
        options: asked.options,
    })
}

/// An endpoint to make.
pub(super) fn endpoint(asked: EndpointAsked) -> Read<NewEndpoint> {
    let link = |text: &String| match text.split_once(':').unwrap_or((text, text)) {
        (sandbox, alias) if !sandbox.is_empty() && !alias.is_empty() => {
            let sandbox = hostnames::host("name of a linked sandbox", sandbox.to_owned())?;
            Ok((sandbox, hostnames::host("alias", alias.to_owned())?))
        }
        _ => fault(format!("{} is no link", shown(text)), "write SANDBOX:ALIAS"),
    };
    Ok(NewEndpoint {
        v4: given(asked.ipv4).map(|text| parsed(&text, "IPv4 address", "write one like 10.0.0.7")).transpose()?,
        v6: given(asked.ipv6).map(|text| parsed(&text, "IPv6 address", "write one like fd00::7")).transpose()?,
        link_local: asked.link_local.iter().map(|text| address(text)).collect::<Read<_>>()?,
        mac: given(asked.mac).map(mac).transpose()?,
        aliases: all(asked.aliases, |alias| hostnames::host("alias", alias))?,
        links: asked.links.iter().map(link).collect::<Read<_>>()?,
        priority: asked.priority,
        options: asked.options,
    })
}

/// A sandbox to make, and the networks that it is to be on.
pub(super) fn sandbox(asked: SandboxCreate) -> Read<(NewSandbox, Vec<(String, NewEndpoint)>)> {
    let mut names: Vec<&str> = asked.networks.iter().map(|on| on.network.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return fault(format!("network {} is given twice", shown(twice[0])), "leave one out");
    }
    let networks = asked.networks.into_iter().map(|on| Ok((on.network, endpoint(on.endpoint)?))).collect::<Read<_>>()?;
    let new = NewSandbox {
        place: place(given(asked.netns))?,
        hostname: given(asked.hostname).map(|text| hostnames::host("host name", text)).transpose()?,
        domainname: given(asked.domainname).map(|text| hostnames::host("domain name", text)).transpose()?,
        dns: asked.dns.iter().map(|text| address(text)).collect::<Read<_>>()?,
        dns_search: all(asked.dns_search, hostnames::search)?,
        dns_options: all(asked.dns_options, hostnames::option)?,
        extra_hosts: all(asked.extra_hosts, |host| Ok((hostnames::host("host name", host.name)?, host.address)))?,
        sysctls: asked.sysctls.into_iter().collect(),
        labels: asked.labels,
    };
    Ok((new, networks))
}

fn place(netns: Option<String>) -> Read<SandboxPlace> {
    let hint = "write an absolute path, as /proc/1234/ns/net, or host";
    match netns.as_deref() {
        None => Ok(SandboxPlace::Own),
        Some("host") => Ok(SandboxPlace::Host),
        Some(text) => match text.parse() {
            Ok(NetnsRef::Path(path)) => Ok(SandboxPlace::At(path)),
            Ok(NetnsRef::Name(_)) => fault(format!("{} is no place of a namespace", shown(text)), hint),
            Err(error) => fault(said(&error), hint),
        },
    }
}

fn pool(asked: IpamPool) -> Read<PoolAsked> {
    let auxiliary = asked.auxiliary_addresses.unwrap_or_default().into_iter();
    Ok(PoolAsked {
        subnet: given(asked.subnet).map(|text| subnet(&text)).transpose()?,
        range: given(asked.ip_range).map(|text| subnet(&text)).transpose()?,
        gateway: given(asked.gateway).map(|text| address(&text)).transpose()?,
        auxiliary: auxiliary.map(|(name, text)| Ok((name, address(&text)?))).collect::<Read<_>>()?,
    })
}

fn subnet<T: FromStr>(text: &str) -> Read<T> {
    parsed(text, "subnet", "write an address and a prefix length, like 10.9.0.0/24 or fd00:9::/64")
}

fn address<T: FromStr>(text: &str) -> Read<T> {
    parsed(text, "IP address", "write one like 10.9.0.1 or fd00:9::1")
}

fn mac(text: String) -> Read<MacText> {
    let why = format!("{} is no MAC address", shown(&text));
    MacText::try_from(text).or_else(|_| fault(why, "write six hexadecimal bytes, like 02:00:00:00:00:0a"))
}

fn name(text: &str) -> Read<Name> {
    text.parse().or_else(|error| fault(said(&error), "give the name of a network made with --config-only"))
}

fn parsed<T: FromStr>(text: &str, what: &str, hint: &str) -> Read<T> {
    text.parse().or_else(|_| fault(format!("{} is no {what}", shown(text)), hint))
}

/// What is wrong with a name, without the advice that follows.
fn said(error: &impl Display) -> String {
    let said = error.to_string();
    said.split_once("; ").map_or(said.clone(), |(why, _)| why.to_owned())
}

/// Each of them read, or what is wrong with the first that cannot be.
fn all<A, T>(asked: Vec<A>, read: impl Fn(A) -> Read<T>) -> Read<Vec<T>> {
    asked.into_iter().map(read).collect()
}

/// What is empty was not given.
fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{ConfigFrom, ExtraHost, SandboxNetwork};

    #[test]
    fn what_is_left_out_or_empty_is_docker_s_default() {
        let asked = NetworkCreate {
            name: "web".into(),
            driver: Some(String::new()),
            scope: Some("local".into()),
            config_from: Some(ConfigFrom::default()),
            ipam: Some(Ipam { driver: Some("default".into()), config: Some(vec![IpamPool::default()]), options: None }),
            ..NetworkCreate::default()
        };
        let expected = NewNetwork { pools: vec![PoolAsked::default()], ..NewNetwork::default() };
        assert_eq!(network(asked), Ok(expected));
        assert_eq!(network(NetworkCreate::default()), Ok(NewNetwork::default()));
        assert_eq!(endpoint(EndpointAsked::default()), Ok(NewEndpoint::default()));
        assert_eq!(sandbox(SandboxCreate::default()), Ok((NewSandbox::default(), Vec::new())));
    }

    #[test]
    fn everything_that_is_asked_for_reaches_the_controller() {
        let words = || Some([("k".to_owned(), "v".to_owned())].into());
        let config = IpamPool {
            subnet: Some("10.9.0.0/24".into()),
            ip_range: Some("10.9.0.128/25".into()),
            gateway: Some("10.9.0.1".into()),
            auxiliary_addresses: Some([("host".to_owned(), "10.9.0.5".to_owned())].into()),
        };
        let asked = NetworkCreate {
            name: "web".into(),
            driver: Some("null".into()),
            enable_ipv4: Some(false),
            enable_ipv6: Some(true),
            ipam: Some(Ipam { driver: Some("null".into()), options: words(), config: Some(vec![config]) }),
            internal: Some(true),
            attachable: Some(true),
            config_only: Some(true),
            config_from: Some(ConfigFrom { network: "base".into() }),
            options: words(),
            labels: words(),
            ..NetworkCreate::default()
        };
        let new = network(asked).expect("all of it can be");
        let (driver, flags) = (new.driver.as_str(), [new.ipv4, new.ipv6, new.internal, new.attachable, new.config_only]);
        assert_eq!((driver, flags, new.ipam_driver.as_str()), ("null", [false, true, true, true, true], "null"));
        assert_eq!([&new.ipam_options, &new.options, &new.labels].map(|words| words["k"].as_str()), ["v"; 3]);
        assert_eq!(new.config_from.as_ref().map(Name::as_str), Some("base"));
        let pool = &new.pools[0];
        let texts = [pool.subnet.map(|net| net.to_string()), pool.range.map(|net| net.to_string())];
        assert_eq!(texts, [Some("10.9.0.0/24".to_owned()), Some("10.9.0.128/25".to_owned())]);
        assert_eq!((pool.gateway, pool.auxiliary["host"]), ("10.9.0.1".parse().ok(), "10.9.0.5".parse().expect("an address")));
    }

    #[test]
    fn what_cannot_be_meant_is_told_what_is_right() {
        let with = |change: fn(&mut NetworkCreate)| {
            let mut asked = NetworkCreate { name: "web".into(), ..NetworkCreate::default() };
            change(&mut asked);
            network(asked).err().map(|fault| format!("{}; {}", fault.why, fault.hint)).unwrap_or_default()
        };
        let subnet = |asked: &mut NetworkCreate| {
            let pool = IpamPool { subnet: Some("10.9.0.0".into()), ..IpamPool::default() };
            asked.ipam = Some(Ipam { config: Some(vec![pool]), ..Ipam::default() });
        };
        assert!(with(subnet).contains("\"10.9.0.0\" is no subnet; write an address and a prefix length"));
        let web = || SandboxNetwork { network: "web".into(), ..SandboxNetwork::default() };
        let twice = SandboxCreate { networks: vec![web(), web()], ..SandboxCreate::default() };
        assert_eq!(sandbox(twice).err().map(|fault| fault.why).as_deref(), Some("network \"web\" is given twice"));
        assert!(with(|asked| asked.ingress = Some(true)).contains("no swarm here"));
        assert!(with(|asked| asked.scope = Some("swarm".into())).contains("leave the scope out"));
        assert!(with(|asked| asked.config_from = Some(ConfigFrom { network: "a/b".into() })).contains("'/' in it"));
        let said = |change: fn(&mut EndpointAsked)| {
            let mut asked = EndpointAsked::default();
            change(&mut asked);
            endpoint(asked).err().map(|fault| fault.why).unwrap_or_default()
        };
        assert_eq!(said(|asked| asked.ipv4 = Some("fd00::1".into())), "\"fd00::1\" is no IPv4 address");
        assert_eq!(said(|asked| asked.ipv6 = Some("10.0.0.1".into())), "\"10.0.0.1\" is no IPv6 address");
        assert_eq!(said(|asked| asked.mac = Some("02:00".into())), "\"02:00\" is no MAC address");
        assert_eq!(said(|asked| asked.links = vec!["a:".into()]), "\"a:\" is no link");
        assert_eq!(said(|asked| asked.link_local = vec!["x".into()]), "\"x\" is no IP address");
    }

    #[test]
    fn names_that_would_write_other_lines_into_hosts_or_resolv_conf_are_refused() {
        let evil = || "h1\n6.6.6.6 evil".to_owned();
        for change in [
            (|asked, evil| asked.hostname = Some(evil)) as fn(&mut SandboxCreate, String),
            |asked, evil| asked.domainname = Some(evil),
            |asked, evil| asked.dns_search = vec![evil],
            |asked, evil| asked.dns_options = vec![evil],
            |asked, evil| asked.extra_hosts = vec![ExtraHost { name: evil, address: "1.1.1.1".into() }],
            |asked, evil| asked.networks = vec![on(EndpointAsked { aliases: vec![evil], ..EndpointAsked::default() })],
            |asked, evil| asked.networks = vec![on(EndpointAsked { links: vec![evil], ..EndpointAsked::default() })],
        ] {
            let mut asked = SandboxCreate::default();
            change(&mut asked, evil());
            let fault = sandbox(asked).expect_err("that is no name");
            assert!(fault.why.contains("has '\\n' in it"), "{fault:?}");
        }
    }

    fn on(endpoint: EndpointAsked) -> SandboxNetwork {
        SandboxNetwork { network: "web".into(), endpoint }
    }

    #[test]
    fn a_sandbox_s_place_is_its_own_the_host_s_or_a_path() {
        let place_of = |text: &str| place(given(Some(text.to_owned()))).ok();
        assert_eq!(place_of(""), Some(SandboxPlace::Own));
        assert_eq!(place_of("host"), Some(SandboxPlace::Host));
        assert_eq!(place_of("/proc/7/ns/net"), Some(SandboxPlace::At("/proc/7/ns/net".into())));
        assert_eq!([place_of("blue"), place_of("/a/../b"), place_of("../x")], [None, None, None]);
        let on = SandboxNetwork { network: "web".into(), endpoint: EndpointAsked { priority: 3, ..EndpointAsked::default() } };
        let asked = SandboxCreate { networks: vec![on], dns: vec!["9.9.9.9".into()], ..SandboxCreate::default() };
        let (new, networks) = sandbox(asked).expect("it can be");
        assert_eq!((networks[0].0.as_str(), networks[0].1.priority), ("web", 3));
        assert_eq!(new.dns, ["9.9.9.9".parse::<std::net::IpAddr>().expect("an address")]);
    }
}
