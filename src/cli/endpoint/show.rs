//! How endpoints are shown.

use crate::api::types::EndpointInfo;
use crate::cli::page::Page;
use crate::cli::table::Table;
use crate::cli::words::{addresses, short, written};

/// A line per endpoint.
pub(super) fn table(endpoints: &[EndpointInfo], whole: bool) -> Table {
    let mut table = Table::new(&["ENDPOINT ID", "NAME", "NETWORK", "SANDBOX", "INTERFACE", "ADDRESSES", "MAC", "STATE"]);
    for endpoint in endpoints {
        let id = if whole { &endpoint.id } else { short(&endpoint.id) };
        table.row([
            id.to_owned(),
            endpoint.name.clone(),
            endpoint.network.clone(),
            endpoint.sandbox.clone().unwrap_or_default(),
            endpoint.ifname.clone().unwrap_or_default(),
            addresses(endpoint),
            endpoint.mac.clone().unwrap_or_default(),
            endpoint.state.clone(),
        ]);
    }
    table
}

/// A line per property.
pub(super) fn page(endpoint: &EndpointInfo) -> Page {
    let mut page = Page::default();
    page.say("endpoint", format_args!("{}/{}", endpoint.network, endpoint.name));
    page.say("id", &endpoint.id);
    page.say("state", &endpoint.state);
    page.say_if("sandbox", endpoint.sandbox.as_ref());
    page.say_if("interface", endpoint.ifname.as_ref());
    page.say_if("mac", endpoint.mac.as_ref());
    page.say_all("address", endpoint.addresses.iter().chain(&endpoint.link_local));
    let gateways = [(&endpoint.gateway_v4, endpoint.is_gateway_v4), (&endpoint.gateway_v6, endpoint.is_gateway_v6)];
    page.say_all(
        "gateway",
        gateways.into_iter().filter_map(|(gateway, is_chosen)| {
            let chosen = if is_chosen { ", by which the sandbox reaches the world" } else { "" };
            gateway.as_ref().map(|gateway| format!("{gateway}{chosen}"))
        }),
    );
    if endpoint.priority != 0 {
        page.say("priority", endpoint.priority);
    }
    page.say_all(
        "route",
        endpoint.routes.iter().map(|route| match &route.via {
            Some(via) => format!("{} via {via}", route.to),
            None => route.to.clone(),
        }),
    );
    page.say_if("mtu", endpoint.mtu);
    page.say_if("names", Some(endpoint.dns_names.join(", ")).filter(|names| !names.is_empty()));
    let has_names = !endpoint.dns_names.is_empty();
    page.say_if("aliases", Some(endpoint.aliases.join(", ")).filter(|aliases| !aliases.is_empty() && !has_names));
    page.say_all("link", &endpoint.links);
    page.say_all("option", written(&endpoint.options));
    for (label, value) in labelled(endpoint) {
        page.say(label, value);
    }
    let others = endpoint.info.iter().filter(|(key, _)| LABELS.iter().all(|(known, _)| known != key));
    page.say_all("driver", others.map(|(key, value)| format!("{key}={value}")));
    page
}

/// What the driver's keys mean to people; without a word, what the page says already.
const LABELS: [(&str, &str); 9] = [
    ("port", "port"),
    ("lanloom.switch", "switch"),
    ("lanloom.endpoint", "kind"),
    ("lanloom.guard", "guard"),
    ("lanloom.trusted", "trusted"),
    ("lanloom.egress", "egress"),
    ("lanloom.port", ""),
    ("lanloom.interface", ""),
    ("com.docker.network.endpoint.macaddress", ""),
];

/// What the driver says, by words.
fn labelled(endpoint: &EndpointInfo) -> impl Iterator<Item = (&'static str, &String)> {
    let worded = LABELS.into_iter().filter(|(_, label)| !label.is_empty());
    worded.filter_map(|(key, label)| endpoint.info.get(key).map(|value| (label, value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_shows_what_it_has_and_nothing_that_it_has_not() {
        let endpoint = EndpointInfo {
            name: "a".into(),
            id: "0123456789abcdef".into(),
            network: "web".into(),
            state: "joined".into(),
            sandbox: Some("a".into()),
            ifname: Some("eth0".into()),
            addresses: vec!["10.9.0.2/24".into(), "fd00:9::2/64".into()],
            gateway_v4: Some("10.9.0.1".into()),
            is_gateway_v4: true,
            ..EndpointInfo::default()
        };
        let expected = "\
endpoint   web/a
id         0123456789abcdef
state      joined
sandbox    a
interface  eth0
address    10.9.0.2/24
           fd00:9::2/64
gateway    10.9.0.1, by which the sandbox reaches the world
";
        assert_eq!(page(&endpoint).render(false), expected);
        let expected = "\
ENDPOINT ID   NAME  NETWORK  SANDBOX  INTERFACE  ADDRESSES                  MAC  STATE
0123456789ab  a     web      a        eth0       10.9.0.2/24, fd00:9::2/64       joined
";
        assert_eq!(table(&[endpoint], false).render(false), expected);
    }

    #[test]
    fn what_the_driver_says_has_words_and_what_has_none_is_shown_as_it_is() {
        let info = [
            ("port", "web/a"),
            ("lanloom.port", "a"),
            ("lanloom.egress", "off: nft is missing"),
            ("lanloom.guard", "leased"),
            ("other.key", "x"),
        ];
        let info = info.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let shown = page(&EndpointInfo { info, ..EndpointInfo::default() }).render(false);
        let said = "port      web/a\nguard     leased\negress    off: nft is missing\ndriver    other.key=x\n";
        assert!(shown.ends_with(said), "{shown}");
    }

    #[test]
    fn addresses_of_the_link_alone_and_names_for_later_are_shown() {
        let endpoint = EndpointInfo {
            name: "a".into(),
            network: "web".into(),
            state: "free".into(),
            addresses: vec!["10.9.0.2/24".into()],
            link_local: vec!["169.254.1.1/16".into()],
            aliases: vec!["db".into(), "sql".into()],
            ..EndpointInfo::default()
        };
        let shown = page(&endpoint).render(false);
        assert!(shown.contains("address   10.9.0.2/24\n          169.254.1.1/16\naliases   db, sql\n"), "{shown}");
        assert!(table(std::slice::from_ref(&endpoint), false).render(false).contains("10.9.0.2/24, 169.254.1.1/16"));
        let joined = EndpointInfo { dns_names: vec!["a".into(), "db".into(), "sql".into()], ..endpoint };
        assert!(!page(&joined).render(false).contains("aliases"), "they are among its names");
    }
}
