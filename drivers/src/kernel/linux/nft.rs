//! The `nft` program by its JSON: one document is one transaction. And the few words of it that we use.

use std::path::PathBuf;

use ipnet::IpNet;
use nftables::batch::Batch;
use nftables::expr::{CT, Expression, Meta, MetaKey, NamedExpression, Payload, PayloadField, Prefix};
use nftables::schema::{Chain, Element, NfCmd, NfListObject, NfObject, Rule, Set, SetFlag, SetType, SetTypeValue, Table};
use nftables::stmt::{Match, Operator, Statement};
use nftables::types::{NfChainPolicy, NfChainType, NfFamily, NfHook};
use serde_json::Value;

use super::super::error::{KernelError, Why};
use super::tool::{NFT, Programs, run};

/// The program, found.
#[derive(Clone, Debug)]
pub(super) struct Nft(PathBuf);

impl Nft {
    /// Looks for it.
    pub(super) fn find(programs: &Programs) -> Result<Self, KernelError> {
        programs.find(NFT).map(Self)
    }

    /// Applies all of a batch, or nothing, in the calling thread's namespace.
    pub(super) fn apply(&self, what: &'static str, batch: Batch<'_>) -> Result<(), KernelError> {
        let document = serde_json::to_vec(&batch.to_nftables()).map_err(|error| no_sense(what, &error))?;
        run(what, &self.0, &["-j", "-f", "-"], &document).map(drop)
    }

    /// What the calling thread's namespace has, by `list` and these words: one object each.
    pub(super) fn list(&self, what: &'static str, words: &[&str]) -> Result<Vec<Value>, KernelError> {
        self.read(what, &[&["-j", "list"], words].concat())
    }

    /// All that the calling thread's namespace has, without the elements of sets.
    pub(super) fn ruleset(&self, what: &'static str) -> Result<Vec<Value>, KernelError> {
        self.read(what, &["-j", "-t", "list", "ruleset"])
    }

    fn read(&self, what: &'static str, args: &[&str]) -> Result<Vec<Value>, KernelError> {
        let text = run(what, &self.0, args, b"")?;
        let mut answer: Value = serde_json::from_str(&text).map_err(|error| no_sense(what, &error))?;
        match answer.get_mut("nftables").map(Value::take) {
            Some(Value::Array(objects)) => Ok(objects),
            Some(_) | None => Err(KernelError::new(what, "nft", Why::Other("its answer is no ruleset".to_owned()))),
        }
    }
}

fn no_sense(what: &'static str, error: &serde_json::Error) -> KernelError {
    KernelError::new(what, "nft", Why::Other(error.to_string()))
}

/// One table, in the making: whatever was there under its name goes in the same transaction.
pub(super) struct NewTable<'a> {
    family: NfFamily,
    name: &'a str,
    batch: Batch<'a>,
}

impl<'a> NewTable<'a> {
    /// Begins with an empty one.
    pub(super) fn new(family: NfFamily, name: &'a str) -> Self {
        let mut batch = deletion(family, name);
        batch.add(table(family, name));
        Self { family, name, batch }
    }

    /// The transaction.
    pub(super) fn finish(self) -> Batch<'a> {
        self.batch
    }

    /// A chain at a hook, which accepts what its rules do not decide.
    pub(super) fn chain(&mut self, name: &'a str, kind: NfChainType, hook: NfHook, priority: i32) {
        self.batch.add(NfListObject::Chain(Chain {
            family: self.family,
            table: self.name.into(),
            name: name.into(),
            _type: Some(kind),
            hook: Some(hook),
            prio: Some(priority),
            policy: Some(NfChainPolicy::Accept),
            ..Chain::default()
        }));
    }

    /// A chain that rules of others lead to.
    pub(super) fn branch(&mut self, name: &'a str) {
        let (family, table) = (self.family, self.name.into());
        self.batch.add(NfListObject::Chain(Chain { family, table, name: name.into(), ..Chain::default() }));
    }

    /// A set with these elements; of prefixes if `interval`.
    pub(super) fn set(&mut self, name: &'a str, kinds: &'a [SetType], interval: bool, elements: Vec<Expression<'a>>) {
        let set_type = match kinds {
            [one] => SetTypeValue::Single(*one),
            several => SetTypeValue::Concatenated(several.into()),
        };
        self.batch.add(NfListObject::Set(Box::new(Set {
            family: self.family,
            table: self.name.into(),
            name: name.into(),
            set_type,
            flags: interval.then(|| [SetFlag::Interval].into()),
            elem: (!elements.is_empty()).then(|| elements.into()),
            ..Set::default()
        })));
    }

    /// A map from prefixes to addresses.
    pub(super) fn address_map(&mut self, name: &'a str, kind: SetType, elements: Vec<Expression<'a>>) {
        self.batch.add(NfListObject::Map(Box::new(nftables::schema::Map {
            family: self.family,
            table: self.name.into(),
            name: name.into(),
            set_type: SetTypeValue::Single(kind),
            map: SetTypeValue::Single(kind),
            flags: Some([SetFlag::Interval].into()),
            elem: (!elements.is_empty()).then(|| elements.into()),
            ..nftables::schema::Map::default()
        })));
    }

    /// A rule, with what it is for in its comment.
    pub(super) fn rule(&mut self, chain: &'a str, comment: &'a str, statements: Vec<Statement<'a>>) {
        self.batch.add(NfListObject::Rule(Rule {
            family: self.family,
            table: self.name.into(),
            chain: chain.into(),
            expr: statements.into(),
            comment: Some(comment.into()),
            ..Rule::default()
        }));
    }
}

/// The elements that the sets and maps of one table have and those of another do not.
pub(super) fn additions<'a>(before: Batch<'a>, after: Batch<'a>) -> Batch<'a> {
    let known: Vec<_> = before.to_nftables().objects.iter().filter_map(elements).collect();
    let mut batch = Batch::new();
    for mut set in after.to_nftables().objects.iter().filter_map(elements) {
        let same = known.iter().find(|known| known.name == set.name);
        set.elem.to_mut().retain(|element| !same.is_some_and(|same| same.elem.contains(element)));
        if !set.elem.is_empty() {
            batch.add(NfListObject::Element(set));
        }
    }
    batch
}

/// What a set or map begins with.
fn elements<'a>(object: &NfObject<'a>) -> Option<Element<'a>> {
    let NfObject::CmdObject(NfCmd::Add(object)) = object else { return None };
    let (family, table, name, elem) = match object {
        NfListObject::Set(set) => (set.family, &set.table, &set.name, &set.elem),
        NfListObject::Map(map) => (map.family, &map.table, &map.name, &map.elem),
        _ => return None,
    };
    Some(Element { family, table: table.clone(), name: name.clone(), elem: elem.clone().unwrap_or_default() })
}

/// Deletes a table if it is there: making it first makes that no error.
pub(super) fn deletion(family: NfFamily, name: &str) -> Batch<'_> {
    let mut batch = Batch::new();
    batch.add(table(family, name));
    batch.add_cmd(NfCmd::Delete(table(family, name)));
    batch
}

fn table(family: NfFamily, name: &str) -> NfListObject<'_> {
    NfListObject::Table(Table { family, name: name.into(), handle: None })
}

pub(super) fn text<'a>(text: impl ToString) -> Expression<'a> {
    Expression::String(text.to_string().into())
}

pub(super) fn named(expression: NamedExpression<'_>) -> Expression<'_> {
    Expression::Named(expression)
}

pub(super) fn both<'a>(one: Expression<'a>, other: Expression<'a>) -> Expression<'a> {
    named(NamedExpression::Concat(vec![one, other]))
}

/// A prefix; a single address is said as such, for so it is listed.
pub(super) fn prefix<'a>(net: IpNet) -> Expression<'a> {
    if net.prefix_len() == net.max_prefix_len() {
        return text(net.addr());
    }
    named(NamedExpression::Prefix(Prefix { addr: Box::new(text(net.network())), len: u32::from(net.prefix_len()) }))
}

pub(super) fn meta<'a>(key: MetaKey) -> Expression<'a> {
    named(NamedExpression::Meta(Meta { key }))
}

pub(super) fn field<'a>(protocol: &'a str, name: &'a str) -> Expression<'a> {
    named(NamedExpression::Payload(Payload::PayloadField(PayloadField { protocol: protocol.into(), field: name.into() })))
}

pub(super) fn is<'a>(left: Expression<'a>, right: Expression<'a>) -> Statement<'a> {
    Statement::Match(Match { left, right, op: Operator::EQ })
}

pub(super) fn is_not<'a>(left: Expression<'a>, right: Expression<'a>) -> Statement<'a> {
    Statement::Match(Match { left, right, op: Operator::NEQ })
}

/// Whether the left side, a set of flags or states, has one of the right side's.
pub(super) fn is_one_of<'a>(left: Expression<'a>, right: Expression<'a>) -> Statement<'a> {
    Statement::Match(Match { left, right, op: Operator::IN })
}

pub(super) fn ct<'a>(key: &'a str) -> Expression<'a> {
    named(NamedExpression::CT(CT { key: key.into(), family: None, dir: None }))
}

/// Whether a packet belongs to a flow that is known.
pub(super) fn flow_is_known<'a>() -> Statement<'a> {
    is_one_of(ct("state"), Expression::List(vec![text("established"), text("related")]))
}
