//! Which networks a filter means.

use crate::api::types::{Filters, has_label};
use crate::controller::model::{Network, NetworkState};
use crate::controller::view::NetworkView;

/// The networks that are always there.
const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

/// Whether a network is listed.
pub(super) fn is_listed(view: &NetworkView, filters: &Filters) -> bool {
    let network = &view.network;
    let (id, name, driver) = (network.id.as_str(), network.name.as_str(), &network.spec.driver);
    let dangling = !is_predefined(view) && view.endpoints.is_empty();
    let kind = if is_predefined(view) { "builtin" } else { "custom" };
    filters.any("dangling", |wanted| matches!(wanted, "true" | "1") == dangling)
        && filters.any("driver", |wanted| wanted == driver)
        && filters.any("id", |wanted| is_part(wanted, id))
        && filters.any("name", |wanted| is_part(wanted, name))
        && filters.any("scope", |wanted| wanted == view.scope)
        && filters.any("type", |wanted| wanted == kind)
        && filters.values("label").iter().all(|wanted| has_label(&network.spec.labels, wanted))
}

/// Whether a network goes when those that nobody uses go. `now` is nanoseconds since 1970.
pub(super) fn is_pruned(view: &NetworkView, filters: &Filters, now: u64) -> bool {
    let network = &view.network;
    let labels = &network.spec.labels;
    let is_kept = is_predefined(view) || network.spec.config_only || network.state != NetworkState::Ready;
    !is_kept
        && view.endpoints.is_empty()
        && filters.is_before_until(network.created, now)
        && filters.values("label").iter().all(|wanted| has_label(labels, wanted))
        && !filters.values("label!").iter().any(|kept| has_label(labels, kept))
}

/// Why a network that has no switch has none, and what there is to do; none if it should have one.
pub(super) fn why_no_switch(network: &Network) -> Option<(String, String)> {
    let Network { name, spec, state, .. } = network;
    if spec.config_only {
        let why = format!("{name} only holds a configuration, and no frames pass it");
        return Some((why, "name a network that was made from it".to_owned()));
    }
    if spec.driver == "null" {
        let why = format!("network {name} carries no frames: who is on it has only its loopback interface");
        return Some((why, "name a network of driver bridge".to_owned()));
    }
    if spec.driver != "bridge" {
        let why = format!("frames of network {name}, of driver {}, do not cross us", spec.driver);
        return Some((why, "use tcpdump on the host's interfaces".to_owned()));
    }
    let why = format!("network {name} sleeps until a sandbox uses it, and has no switch yet");
    let hint = format!("connect one: `lanloom network connect {name} SANDBOX`");
    (*state == NetworkState::Dormant).then_some((why, hint))
}

fn is_predefined(view: &NetworkView) -> bool {
    PREDEFINED.contains(&view.network.name.as_str())
}

/// Whether a text holds another; `^` and `$` stand for its beginning and end, as people write them for Docker.
fn is_part(wanted: &str, text: &str) -> bool {
    match (wanted.strip_prefix('^'), wanted.strip_suffix('$')) {
        (Some(rest), Some(_)) => rest.strip_suffix('$') == Some(text),
        (Some(start), None) => text.starts_with(start),
        (None, Some(end)) => text.ends_with(end),
        (None, None) => text.contains(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::service::sample;
    use crate::api::types::Purpose;
    use crate::controller::model::NewNetwork;

    const HOUR: u64 = 3_600_000_000_000;

    fn filters(purpose: Purpose, terms: &str) -> Filters {
        let mut filters = Filters::new(purpose);
        terms.split_whitespace().for_each(|term| filters.add(term).expect(term));
        filters
    }

    /// `web` is in use, `spare` is not, `bridge` is always there.
    fn networks() -> [NetworkView; 3] {
        let mut all = ["web", "spare", "bridge"].map(sample::network);
        all[0].endpoints = vec![sample::endpoint("web", "a", "10.9.0.2/24", Some("a"))];
        all[0].network.spec.labels.clear();
        all[1].network.spec.driver = "null".to_owned();
        all
    }

    #[test]
    fn every_filter_takes_what_it_names() {
        let networks = networks();
        for (terms, expected) in [
            ("", "web spare bridge"),
            ("dangling=true", "spare"),
            ("dangling=0", "web bridge"),
            ("driver=bridge", "web bridge"),
            ("driver=bridge driver=null", "web spare bridge"),
            ("driver=brid", ""),
            ("name=e", "web spare bridge"),
            ("name=^web$", "web"),
            ("name=^b", "bridge"),
            ("name=e$", "spare bridge"),
            ("name=w name=s", "web spare"),
            ("scope=local", "web spare bridge"),
            ("scope=global", ""),
            ("type=builtin", "bridge"),
            ("type=custom", "web spare"),
            ("label=tier", "spare bridge"),
            ("label=tier=front type=custom", "spare"),
            ("label=tier label=other", ""),
        ] {
            let filters = filters(Purpose::List, terms);
            let listed = networks.iter().filter(|view| is_listed(view, &filters)).map(|view| view.network.name.as_str());
            assert_eq!(listed.collect::<Vec<_>>().join(" "), expected, "{terms}");
        }
        let id = format!("id={}", networks[1].network.id.short());
        assert!(
            !is_listed(&networks[0], &filters(Purpose::List, &id)) && is_listed(&networks[1], &filters(Purpose::List, &id))
        );
    }

    #[test]
    fn a_network_without_a_switch_has_a_reason_of_its_own() {
        let reason = |driver: &str, state: NetworkState| {
            let network = sample::network("net").network;
            let spec = NewNetwork { driver: driver.to_owned(), ..network.spec.clone() };
            why_no_switch(&Network { state, spec, ..network }).map(|(why, _)| why)
        };
        let host = reason("host", NetworkState::Ready).expect("it has none");
        assert_eq!(host, "frames of network net, of driver host, do not cross us");
        assert!(reason("null", NetworkState::Ready).expect("it has none").contains("carries no frames"));
        assert!(reason("bridge", NetworkState::Dormant).expect("it has none").contains("sleeps until a sandbox uses it"));
        assert_eq!(reason("bridge", NetworkState::Ready), None, "that it has none is no rule");
    }

    #[test]
    fn only_what_nobody_uses_and_no_one_needs_is_pruned() {
        let [used, spare, bridge] = networks();
        let none = Filters::new(Purpose::Prune);
        let now = spare.network.created + 10 * HOUR;
        assert!(is_pruned(&spare, &none, now) && !is_pruned(&used, &none, now) && !is_pruned(&bridge, &none, now));
        let mut template = spare.clone();
        template.network.spec.config_only = true;
        let mut leaving = spare.clone();
        leaving.network.state = NetworkState::Deleting;
        assert!(!is_pruned(&template, &none, now) && !is_pruned(&leaving, &none, now));
        for (terms, goes) in [
            ("until=9h", true),
            ("until=11h", false),
            ("label=tier=front", true),
            ("label=tier=back", false),
            ("label!=tier=back", true),
            ("label!=tier", false),
        ] {
            assert_eq!(is_pruned(&spare, &filters(Purpose::Prune, terms), now), goes, "{terms}");
        }
    }
}
