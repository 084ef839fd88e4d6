//! Chains that are made by `nft` or by a program that speaks to nftables itself.

use nftables::batch::Batch;
use nftables::expr::MetaKey;
use nftables::schema::{NfCmd, NfListObject, Rule};
use nftables::stmt::Statement;
use nftables::types::NfFamily;
use serde_json::Value;

use super::super::super::error::KernelError;
use super::super::super::forward::{Gate, Manager, Obstacle, Others};
use super::super::super::name::IfName;
use super::super::nft::{Nft, flow_is_known, is, meta, text};
use super::{DOCKER_USER, Undo, is_dockers};

/// A rule of ours in somebody's chain: what comes from an interface, or what goes to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Accept {
    interface: String,
    what: Way,
}

/// Which packets of an interface's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    /// All that come from it.
    From,
    /// Those that go to it and belong to a flow that is known.
    Known,
    /// All that go to it, of a family as `meta nfproto` has it.
    To(&'static str),
}

/// The chain by which firewalld 1 sends what is forwarded to the zone of the interface that it came from.
const FIREWALLD_ZONES: &str = "filter_FORWARD_ZONES";
/// IPv4 and IPv6 as `meta nfproto` has them.
const PROTOCOLS: [&str; 2] = ["ipv4", "ipv6"];

/// Where a rule is.
#[derive(Clone)]
struct Place {
    family: NfFamily,
    table: String,
    chain: String,
}

/// Chains at the hook that drop what nobody accepts, those of `iptables` that keeps its tables in nftables among them; and the
/// bridges of Docker that has its rules there.
pub(super) fn others(nft: &Nft) -> Result<Others, KernelError> {
    let objects = nft.ruleset("looking at what the host forwards")?;
    let rules: Vec<&Value> = objects.iter().filter_map(|object| object.get("rule")).collect();
    let chains = objects.iter().filter_map(|object| object.get("chain"));
    let of = |chain: &Value| -> Vec<&Value> {
        let same =
            |rule: &&&Value| rule["chain"] == chain["name"] && ["family", "table"].iter().all(|key| rule[*key] == chain[*key]);
        rules.iter().filter(same).copied().collect()
    };
    let known = |obstacle: Obstacle| match obstacle.place {
        Some(_) => obstacle,
        None => Obstacle { trusted: trusted(&obstacle.table, &rules), ..obstacle },
    };
    let obstacles = chains.filter_map(|chain| obstacle(chain, &of(chain))).map(known).collect();
    Ok(Others { obstacles, bridges: rules.iter().filter_map(|rule| docker_bridge(rule)).collect() })
}

/// The interface that a rule of Docker's leads to.
fn docker_bridge(rule: &Value) -> Option<IfName> {
    let of_docker = rule["table"] == "filter" && is_dockers(rule["chain"].as_str()?);
    let leads_to = |one: &Value| {
        let test = &one["match"];
        let is = test["op"] == "==" && test["left"]["meta"]["key"] == "oifname";
        IfName::new(test["right"].as_str().filter(|_| is)?).ok()
    };
    statements(rule).filter(|_| of_docker).find_map(leads_to)
}

fn obstacle(chain: &Value, rules: &[&Value]) -> Option<Obstacle> {
    let word = |key: &str| chain[key].as_str().unwrap_or_default().to_owned();
    let (family, table, name) = (word("family"), word("table"), word("name"));
    let at_hook = word("hook") == "forward" && word("type") == "filter" && nf_family(&family).is_some();
    if !at_hook || !(word("policy") == "drop" || rules.last().is_some_and(|rule| ends_all(rule))) {
        return None;
    }
    let of_iptables = family != "inet" && table == "filter" && name == "FORWARD";
    let jumps = |rule: &&Value| statements(rule).any(|one| one["jump"]["target"] == DOCKER_USER);
    let place = match (of_iptables, table.as_str()) {
        (true, _) if rules.iter().any(jumps) => Some(DOCKER_USER.to_owned()),
        // It makes its table anew whenever it is reloaded, and lets nobody else decide.
        (_, "firewalld") => None,
        (true | false, _) => Some(name.clone()),
    };
    let manager = if of_iptables { Manager::Iptables } else { Manager::Nft };
    Some(Obstacle { manager, family, table, chain: name, place, trusted: Vec::new() })
}

/// The interfaces from which a table of firewalld's accepts everything: those that a chain of zones sends to one that accepts what
/// nothing else decides.
fn trusted(table: &str, rules: &[&Value]) -> Vec<String> {
    let in_chain = |name: &str| rules.iter().filter(|rule| rule["table"] == table && rule["chain"] == name).collect::<Vec<_>>();
    let accepts_all = |chain: &str| {
        let last = in_chain(chain).last().map(|rule| statements(rule).all(|one| one.get("accept").is_some()));
        last.unwrap_or_default()
    };
    let zone = |rule: &&&Value| {
        let target = statements(rule).find_map(|one| one["goto"]["target"].as_str().or(one["jump"]["target"].as_str()))?;
        accepts_all(target).then(|| tested(rule, "iifname"))?
    };
    rules
        .iter()
        .filter(|rule| rule["table"] == table && rule["chain"] == FIREWALLD_ZONES)
        .filter_map(|rule| zone(&rule))
        .collect()
}

/// Whether a rule drops or rejects whatever comes to it.
fn ends_all(rule: &Value) -> bool {
    let is = |one: &Value, words: &[&str]| words.iter().any(|word| one.get(word).is_some());
    // `iptables` rejects by an extension of its own.
    let ends = |one: &Value| is(one, &["drop", "reject"]) || one["xt"]["name"] == "REJECT";
    statements(rule).any(ends) && statements(rule).all(|one| ends(one) || is(one, &["counter", "log"]))
}

fn statements(rule: &Value) -> impl Iterator<Item = &Value> {
    rule["expr"].as_array().into_iter().flatten()
}

/// Has a chain accept what comes from these gateways, and what is to come in to them.
pub(super) fn open(nft: &Nft, at: &Obstacle, chain: &str, gates: &[Gate], comment: &str) -> Result<Undo, KernelError> {
    let Some(family) = nf_family(&at.family) else { return Ok(Box::new(|| Ok(()))) };
    let place = Place { family, table: at.table.clone(), chain: chain.to_owned() };
    let accepts = |gate: &Gate| {
        let inbound = [(gate.inbound_v4, PROTOCOLS[0], NfFamily::IP6), (gate.inbound_v6, PROTOCOLS[1], NfFamily::IP)];
        let new = inbound.into_iter().filter(|(is_open, _, other)| *is_open && family != *other).map(|(_, to, _)| Way::To(to));
        let interface = gate.interface.to_string();
        [Way::From, Way::Known].into_iter().chain(new).map(move |what| Accept { interface: interface.clone(), what })
    };
    let mut wanted: Vec<_> = gates.iter().flat_map(accepts).collect();
    wanted.sort();
    wanted.dedup();
    let before = replace(nft, &place, wanted, comment)?;
    let (nft, comment) = (nft.clone(), comment.to_owned());
    Ok(Box::new(move || replace(&nft, &place, before, &comment).map(drop)))
}

/// Has these be our rules of a chain, and says which were.
fn replace(nft: &Nft, place: &Place, wanted: Vec<Accept>, comment: &str) -> Result<Vec<Accept>, KernelError> {
    let words = [family_name(place.family), place.table.as_str(), place.chain.as_str()];
    let objects = nft.list("having the host forward", &[&["chain"], words.as_slice()].concat())?;
    let ours: Vec<_> = marked(&objects, comment).collect();
    let mut before: Vec<_> = ours.iter().filter_map(|rule| accept(rule)).collect();
    before.sort();
    if before == wanted {
        return Ok(before);
    }
    let mut batch = Batch::new();
    ours.iter().filter_map(|rule| deletion(rule)).for_each(|command| batch.add_cmd(command));
    // Each goes to the top, so the last one is the first.
    wanted.iter().rev().for_each(|one| batch.add_cmd(NfCmd::Insert(NfListObject::Rule(rule(place, one, comment)))));
    nft.apply("having the host forward", batch)?;
    Ok(before)
}

/// Takes away every rule with this comment.
pub(super) fn close(nft: &Nft, comment: &str) -> Result<(), KernelError> {
    let what = "having the host forward no more";
    let objects = nft.ruleset(what)?;
    let mut batch = Batch::new();
    let deletions: Vec<_> = marked(&objects, comment).filter_map(deletion).collect();
    if deletions.is_empty() {
        return Ok(());
    }
    deletions.into_iter().for_each(|command| batch.add_cmd(command));
    nft.apply(what, batch)
}

fn marked<'a>(objects: &'a [Value], comment: &str) -> impl Iterator<Item = &'a Value> {
    objects.iter().filter_map(|object| object.get("rule")).filter(move |rule| rule["comment"] == comment)
}

/// What a rule compares a value of `meta` with.
fn tested(rule: &Value, key: &str) -> Option<String> {
    let of = |one: &Value| Some(one["match"]["right"].as_str()?.to_owned());
    statements(rule).find(|one| one["match"]["left"]["meta"]["key"] == key).and_then(of)
}

/// What a rule of ours accepts, read back.
fn accept(rule: &Value) -> Option<Accept> {
    if let Some(interface) = tested(rule, "iifname") {
        return Some(Accept { interface, what: Way::From });
    }
    let interface = tested(rule, "oifname")?;
    let what = match tested(rule, "nfproto") {
        Some(family) => Way::To(PROTOCOLS.into_iter().find(|one| *one == family)?),
        None if statements(rule).any(|one| one["match"]["left"].get("ct").is_some()) => Way::Known,
        // A table of one family does not say which.
        None => Way::To(if rule["family"] == "ip6" { PROTOCOLS[1] } else { PROTOCOLS[0] }),
    };
    Some(Accept { interface, what })
}

fn rule<'a>(place: &'a Place, accept: &'a Accept, comment: &'a str) -> Rule<'a> {
    let by = |key| is(meta(key), text(&accept.interface));
    let mut expr = match accept.what {
        Way::From => vec![by(MetaKey::Iifname)],
        Way::Known => vec![by(MetaKey::Oifname), flow_is_known()],
        Way::To(family) if place.family == NfFamily::INet => {
            vec![is(meta(MetaKey::Nfproto), text(family)), by(MetaKey::Oifname)]
        }
        Way::To(_) => vec![by(MetaKey::Oifname)],
    };
    expr.push(Statement::Accept(None));
    Rule { expr: expr.into(), comment: Some(comment.into()), ..at(place) }
}

fn at(place: &Place) -> Rule<'_> {
    let (table, chain) = (place.table.as_str().into(), place.chain.as_str().into());
    Rule { family: place.family, table, chain, ..Rule::default() }
}

fn deletion(rule: &Value) -> Option<NfCmd<'_>> {
    let family = nf_family(rule["family"].as_str()?)?;
    let (table, chain) = (rule["table"].as_str()?.into(), rule["chain"].as_str()?.into());
    let handle = u32::try_from(rule["handle"].as_u64()?).ok();
    Some(NfCmd::Delete(NfListObject::Rule(Rule { family, table, chain, handle, ..Rule::default() })))
}

/// The families that forward packets.
fn nf_family(name: &str) -> Option<NfFamily> {
    match name {
        "ip" => Some(NfFamily::IP),
        "ip6" => Some(NfFamily::IP6),
        "inet" => Some(NfFamily::INet),
        _ => None,
    }
}

fn family_name(family: NfFamily) -> &'static str {
    match family {
        NfFamily::IP => "ip",
        NfFamily::IP6 => "ip6",
        NfFamily::INet => "inet",
        NfFamily::ARP => "arp",
        NfFamily::Bridge => "bridge",
        NfFamily::NetDev => "netdev",
    }
}
