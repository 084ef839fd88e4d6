//! The host's firewall as rules: few of them over sets, so that a network more is an element more.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use nftables::batch::Batch;
use nftables::expr::{Expression, Map, MetaKey, NamedExpression};
use nftables::schema::SetType;
use nftables::stmt::{JumpTarget, NAT, NATFamily, Statement};
use nftables::types::{NfChainType, NfFamily, NfHook};

use super::super::firewall::{Bystanders, Egress, Firewall};
use super::nft::{NewTable, both, ct, field, flow_is_known, is, is_not, is_one_of, meta, named, prefix, text};

/// `NF_IP_PRI_NAT_SRC`, where sources are rewritten.
const SOURCE: i32 = 100;
/// `NF_IP_PRI_FILTER`.
const FILTER: i32 = 0;
/// The gateways from which only sources of their networks' pools come.
const HONEST: &str = "honest";
/// The bridges of others.
const BRIDGES: &str = "bridges";
/// The chain for what goes to a network that is protected.
const TO_PROTECTED: &str = "to-protected";

/// The sets of [`Bystanders`], and of gateway interfaces.
pub(super) const BYSTANDERS: [&str; 2] = ["bystanders4", "bystanders6"];
pub(super) const LISTENERS: &str = "listeners";
pub(super) const FORWARDERS: [&str; 2] = ["forwarders4", "forwarders6"];
pub(super) const FORCED: &str = "forced6";
/// One that is there, or is not, and has no elements.
pub(super) const NO_REDIRECTS: &str = "no-redirects";
pub(super) const GATEWAYS: &str = "gateways";

/// What is said for each family of addresses.
struct Words {
    v4: bool,
    header: &'static str,
    family: NATFamily,
    /// The family as `meta nfproto` has it.
    protocol: &'static str,
    address: SetType,
    pool_and_gateway: [SetType; 2],
    own: &'static str,
    sources: &'static str,
    snat: &'static str,
    protected: &'static str,
    bystanders: &'static str,
    same: &'static str,
    /// What comes in by these was forwarded before.
    forwarded: &'static str,
    pools: &'static str,
}

const FAMILIES: [Words; 2] = [
    Words {
        v4: true,
        header: "ip",
        family: NATFamily::IP,
        protocol: "ipv4",
        address: SetType::Ipv4Addr,
        pool_and_gateway: [SetType::Ipv4Addr, SetType::Ifname],
        own: "own4",
        sources: "sources4",
        snat: "snat4",
        protected: "protected4",
        bystanders: BYSTANDERS[0],
        same: "same4",
        forwarded: FORWARDERS[0],
        pools: "pools4",
    },
    Words {
        v4: false,
        header: "ip6",
        family: NATFamily::IP6,
        protocol: "ipv6",
        address: SetType::Ipv6Addr,
        pool_and_gateway: [SetType::Ipv6Addr, SetType::Ifname],
        own: "own6",
        sources: "sources6",
        snat: "snat6",
        protected: "protected6",
        bystanders: BYSTANDERS[1],
        same: "same6",
        forwarded: FORCED,
        pools: "pools6",
    },
];

/// The table, made anew.
pub(super) fn ruleset(firewall: &Firewall) -> Batch<'_> {
    let mut table = NewTable::new(NfFamily::INet, firewall.table.as_str());
    table.chain("postrouting", NfChainType::NAT, NfHook::Postrouting, SOURCE);
    table.chain("forward", NfChainType::Filter, NfHook::Forward, FILTER);
    FAMILIES.iter().for_each(|words| rewrite_sources(&mut table, firewall, words));
    // First, for what stays in its network is accepted next, and nothing is asked of it any more.
    keep_honest(&mut table, firewall);
    keep_apart(&mut table, firewall);
    protect(&mut table, firewall);
    keep_from_bridges(&mut table, firewall);
    stand_by(&mut table, &firewall.bystanders);
    table.finish()
}

/// The pools of one family that get another source outside, by gateway, and which source that is.
fn rewritten(firewall: &Firewall, v4: bool) -> Vec<(&str, IpNet, Option<IpAddr>)> {
    let of_family = |pool: &&IpNet| pool.addr().is_ipv4() == v4;
    let mut all = BTreeMap::new();
    for network in firewall.networks.iter().filter(|network| network.masquerade && !network.internal) {
        let source = network.snat.filter(|source| source.is_ipv4() == v4);
        // An interval set takes no pool that is within another.
        for pool in IpNet::aggregate(&network.pools.iter().filter(of_family).copied().collect()) {
            let known = all.entry((pool, network.gateway.as_str())).or_insert(source);
            *known = known.or(source);
        }
    }
    all.into_iter().map(|((pool, gateway), source)| (gateway, pool, source)).collect()
}

fn rewrite_sources<'a>(table: &mut NewTable<'a>, firewall: &'a Firewall, words: &'static Words) {
    let pools = rewritten(firewall, words.v4);
    let own = pools.iter().map(|(gateway, pool, _)| both(prefix(*pool), text(gateway))).collect();
    table.set(words.own, &words.pool_and_gateway, true, own);
    table.set(words.sources, std::slice::from_ref(&words.address), true, pools.iter().map(|pool| prefix(pool.1)).collect());
    let pair =
        |(_, pool, source): &(&str, IpNet, Option<IpAddr>)| Some(Expression::List(vec![prefix(*pool), text((*source)?)]));
    table.address_map(words.snat, words.address, pools.iter().filter_map(pair).collect());

    let source = || field(words.header, "saddr");
    let leaves_by_own = is(both(source(), meta(MetaKey::Oifname)), of(words.own));
    table.rule("postrouting", "what stays in its network keeps its source", vec![leaves_by_own, Statement::Return(None)]);
    let chosen = named(NamedExpression::Map(Box::new(Map { key: source(), data: of(words.snat) })));
    let to = NAT { addr: Some(chosen), family: Some(words.family), port: None, flags: None };
    table.rule("postrouting", "a source of the host's that was asked for", vec![Statement::SNAT(Some(to))]);
    let leaves = is(source(), of(words.sources));
    table.rule("postrouting", "the source of the interface that it leaves by", vec![leaves, Statement::Masquerade(None)]);
}

fn keep_apart<'a>(table: &mut NewTable<'a>, firewall: &'a Firewall) {
    let (all, internal) = (gateways(firewall, |_| true), gateways(firewall, |network| network.internal));
    // Nothing has to go back into a network whose endpoints are kept apart: it is as one network to another.
    let together = gateways(firewall, |network| !network.apart);
    let pairs = together.iter().map(|name| both(text(name), text(name))).collect();
    table.set("own", &[SetType::Ifname, SetType::Ifname], false, pairs);
    table.set(GATEWAYS, &[SetType::Ifname], false, all.iter().map(text).collect());
    table.set("internal", &[SetType::Ifname], false, internal.iter().map(text).collect());

    let same = is(both(from(), to()), of("own"));
    table.rule("forward", "from a network to itself", vec![same, Statement::Accept(None)]);
    let between = vec![is(from(), of(GATEWAYS)), is(to(), of(GATEWAYS)), Statement::Drop(None)];
    table.rule("forward", "from a network to another, or back into one that is apart", between);
    table.rule("forward", "from an internal network", vec![is(from(), of("internal")), Statement::Drop(None)]);
    table.rule("forward", "to an internal network", vec![is(to(), of("internal")), Statement::Drop(None)]);
}

/// What a network sends out has a source of its pools.
fn keep_honest<'a>(table: &mut NewTable<'a>, firewall: &'a Firewall) {
    let honest = || firewall.networks.iter().filter(|network| network.own_sources);
    table.set(HONEST, &[SetType::Ifname], false, gateways(firewall, |network| network.own_sources).iter().map(text).collect());
    for words in &FAMILIES {
        let mut pools = BTreeMap::<_, Vec<_>>::new();
        for network in honest() {
            let own = network.pools.iter().filter(|pool| pool.addr().is_ipv4() == words.v4);
            pools.entry(network.gateway.as_str()).or_default().extend(own.copied());
        }
        let pair = |(gateway, pools): (_, Vec<IpNet>)| {
            // An interval set takes no pool that is within another.
            IpNet::aggregate(&pools).into_iter().map(move |pool| both(prefix(pool), text(gateway)))
        };
        table.set(words.pools, &words.pool_and_gateway, true, pools.into_iter().flat_map(pair).collect());
        let comes = is_not(both(field(words.header, "saddr"), from()), of(words.pools));
        table.rule("forward", "a source of another's", vec![is(from(), of(HONEST)), comes, Statement::Drop(None)]);
    }
}

/// Of what goes to a network that is protected, only what belongs to a known flow or was sent there by a published port.
fn protect<'a>(table: &mut NewTable<'a>, firewall: &'a Firewall) {
    table.branch(TO_PROTECTED);
    table.rule(TO_PROTECTED, "a flow that is known", vec![flow_is_known(), Statement::Accept(None)]);
    let published = is_one_of(ct("status"), text("dnat"));
    table.rule(TO_PROTECTED, "a port that is published", vec![published, Statement::Accept(None)]);
    table.rule(TO_PROTECTED, "nothing else", vec![Statement::Drop(None)]);
    for words in &FAMILIES {
        let is_there =
            |network: &Egress| network.protected && network.pools.iter().any(|pool| pool.addr().is_ipv4() == words.v4);
        let names = gateways(firewall, is_there);
        table.set(words.protected, &[SetType::Ifname], false, names.iter().map(text).collect());
        let goes_there = vec![is(meta(MetaKey::Nfproto), text(words.protocol)), is(to(), of(words.protected))];
        let goto = Statement::Goto(JumpTarget { target: TO_PROTECTED.into() });
        table.rule("forward", "to a protected network", [goes_there, vec![goto]].concat());
    }
}

/// Of what goes to bridges of others, the same: an accept in their tables would come before their own rules.
fn keep_from_bridges<'a>(table: &mut NewTable<'a>, firewall: &'a Firewall) {
    table.set(BRIDGES, &[SetType::Ifname], false, firewall.bridges.iter().map(text).collect());
    let goto = Statement::Goto(JumpTarget { target: TO_PROTECTED.into() });
    table.rule("forward", "to a bridge of others", vec![is(from(), of(GATEWAYS)), is(to(), of(BRIDGES)), goto]);
}

/// Nothing passes between two interfaces that were there before the host forwarded, but what comes in where it did already. What
/// comes and goes by one of them may be what a bridge passes on, which comes by here too with br_netfilter
/// (`bridge-nf-call-iptables`): the bridge is both to it.
fn stand_by<'a>(table: &mut NewTable<'a>, bystanders: &'a Bystanders) {
    let interfaces = |names: &'a BTreeSet<_>| names.iter().map(text).collect();
    let marked = [
        (LISTENERS, &bystanders.listeners),
        (FORWARDERS[0], &bystanders.forwarders_v4),
        (FORWARDERS[1], &bystanders.forwarders_v6),
        (FORCED, &bystanders.forced),
    ];
    for (set, names) in marked {
        table.set(set, &[SetType::Ifname], false, interfaces(names));
    }
    if bystanders.no_redirects {
        table.set(NO_REDIRECTS, &[SetType::Ifname], false, Vec::new());
    }
    for words in &FAMILIES {
        let Some(names) = bystanders.of(words.v4) else { continue };
        table.set(words.bystanders, &[SetType::Ifname], false, interfaces(names));
        let pairs = names.iter().map(|name| both(text(name), text(name))).collect();
        table.set(words.same, &[SetType::Ifname, SetType::Ifname], false, pairs);
        let rule = [
            is(meta(MetaKey::Nfproto), text(words.protocol)),
            is(from(), of(words.bystanders)),
            is_not(from(), of(words.forwarded)),
            is(to(), of(words.bystanders)),
            is_not(both(from(), to()), of(words.same)),
            Statement::Drop(None),
        ];
        table.rule("forward", "what has nothing to do with us", rule.into());
    }
}

/// The gateway interfaces of those networks, each once.
fn gateways(firewall: &Firewall, of: impl Fn(&Egress) -> bool) -> BTreeSet<&str> {
    firewall.networks.iter().filter(|network| of(network)).map(|network| network.gateway.as_str()).collect()
}

fn from<'a>() -> Expression<'a> {
    meta(MetaKey::Iifname)
}

fn to<'a>() -> Expression<'a> {
    meta(MetaKey::Oifname)
}

/// What is in that set or map.
fn of<'a>(name: &str) -> Expression<'a> {
    text(format!("@{name}"))
}
