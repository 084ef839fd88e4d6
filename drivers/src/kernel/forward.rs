//! What others do to packets that the host forwards.

use std::collections::BTreeSet;
use std::fmt;

use super::error::{KernelError, Why};
use super::firewall::check_interface;
use super::name::IfName;

/// Most bytes of a comment.
const COMMENT_MAX: usize = 63;

/// The setting by which the host forwards IPv4.
pub const FORWARD_V4: &str = "net.ipv4.ip_forward";
/// The same of IPv6.
pub const FORWARD_V6: &str = "net.ipv6.conf.all.forwarding";

/// How the host forwards, read in less than a millisecond and without any program: of two readings that are the same, nobody has
/// changed nftables, a whole table of old, or whether the host forwards, between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forwarding {
    /// The number of the rules' generation (`NFTA_GEN_ID`), which each transaction of nftables moves on by one. None: the kernel
    /// has no nftables.
    pub generation: Option<u32>,
    /// Which tables `iptables` before nftables has, of IPv4 and IPv6. No number counts what changes in them.
    pub legacy: [String; 2],
    /// Whether it forwards IPv4; `None` if the kernel lacks that.
    pub v4: Option<bool>,
    /// Whether it forwards IPv6; `None` if the kernel lacks that.
    pub v6: Option<bool>,
}

impl Forwarding {
    /// Whether nobody but us changed the rules since, in the meantime of so many transactions of ours.
    pub fn follows(&self, before: &Self, transactions: u32) -> bool {
        let moved = |from: u32| from.wrapping_add(transactions);
        self.generation == before.generation.map(moved) && self.legacy == before.legacy
    }

    /// Whether every change of others' rules moves the number: not where there are tables of old with rules about what is forwarded.
    pub fn is_counted(&self) -> bool {
        families_of_old(&self.legacy).next().is_none()
    }
}

/// The families, `ip` and `ip6`, that have a table `filter` made before nftables, of the names of such tables, a line each.
pub(crate) fn families_of_old(names: &[String; 2]) -> impl Iterator<Item = &'static str> {
    let has = |names: &&String| names.lines().any(|name| name == "filter");
    names.iter().zip(["ip", "ip6"]).filter(move |(names, _)| has(names)).map(|(_, family)| family)
}

/// What others' firewalls hold that concerns what is forwarded for us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// The chains by which the host forwards nothing that is not accepted there, opened or not.
    pub obstacles: Vec<Obstacle>,
    /// Bridges that somebody keeps apart from everything else by rules of his own, which an accept of ours would go round: Docker's.
    pub bridges: BTreeSet<IfName>,
}

/// A gateway whose packets others' tables are to accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The gateway's interface.
    pub interface: IfName,
    /// Whether what is new is accepted on its way in too, of IPv4.
    pub inbound_v4: bool,
    /// The same of IPv6.
    pub inbound_v6: bool,
}

/// A chain of somebody else's by which the host forwards nothing that is not accepted there: its policy is to drop, or its last
/// rule drops or rejects all that is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// By what it was made, and has to be changed.
    pub manager: Manager,
    /// The table's family: `ip`, `ip6` or `inet`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain at the hook.
    pub chain: String,
    /// The chain that has a place for what an administrator accepts: `DOCKER-USER` where Docker has one, or the chain at the
    /// hook itself. None where whoever made the table makes it anew as it likes.
    pub place: Option<String>,
    /// Interfaces from which it accepts everything already, because its own administrator said so: names, or what names begin with
    /// before a `*`.
    pub trusted: Vec<String>,
}

/// By what a chain was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// `nft`, or a program that speaks to nftables itself.
    Nft,
    /// `iptables` that keeps its tables in nftables: it does not like others to touch them.
    Iptables,
    /// `iptables` before nftables.
    IptablesLegacy,
}

/// A place where our packets are accepted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The table's family: `ip`, `ip6` or `inet`.
    pub family: String,
    /// The table.
    pub table: String,
    /// The chain that holds the rules: for each gateway interface one that accepts what comes from it, one that accepts what goes
    /// to it and belongs to a flow that is known, and where it is to be reached from outside, one that accepts all that goes to it.
    pub chain: String,
}

impl Obstacle {
    /// The place as it is once opened for these gateways; none if it needs no rule of ours for them.
    ///
    /// # Errors
    /// [`Why::NoPlace`].
    pub(crate) fn opened(&self, gates: &[Gate]) -> Result<Option<Opened>, KernelError> {
        let Self { family, table, place, .. } = self.clone();
        match place {
            Some(chain) => Ok(Some(Opened { family, table, chain })),
            None if gates.iter().all(|gate| self.passes(gate)) => Ok(None),
            None => Err(KernelError::new("having the host forward", self.to_string(), Why::NoPlace { table })),
        }
    }

    /// Whether it accepts all that is to pass a gateway: what is new on its way in, it does not.
    fn passes(&self, gate: &Gate) -> bool {
        let name = gate.interface.as_str();
        let is_meant = |one: &String| one.strip_suffix('*').map_or(one == name, |beginning| name.starts_with(beginning));
        !gate.inbound_v4 && !gate.inbound_v6 && self.trusted.iter().any(is_meant)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "table {} {}, chain {}", self.family, self.table, self.chain)
    }
}

/// Whether rules can be made for these interfaces, and found again by this comment: 1 to 63 bytes of `[A-Za-z0-9_.:-]`.
pub(crate) fn check(gates: &[Gate], comment: &str) -> Result<(), KernelError> {
    gates.iter().try_for_each(|gate| check_interface(&gate.interface))?;
    let plain = |one: char| one.is_ascii_alphanumeric() || "_.:-".contains(one);
    if comment.is_empty() || comment.len() > COMMENT_MAX || !comment.chars().all(plain) {
        let rule = Why::InvalidName("a comment has 1 to 63 letters, digits, `_`, `.`, `:` and `-`");
        return Err(KernelError::new("marking rules with a comment", format!("{comment:?}"), rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_old_are_not_counted_where_one_is_a_filter() {
        let of_old = |names: [&str; 2]| Forwarding { legacy: names.map(str::to_owned), ..Forwarding::default() };
        for (names, families) in [
            (["", ""], &[][..]),
            (["nat\nfilters\n", "raw\n"], &[]),
            (["nat\nfilter\n", ""], &["ip"]),
            (["filter\n", "mangle\nfilter\n"], &["ip", "ip6"]),
        ] {
            let forwarding = of_old(names);
            assert_eq!(families_of_old(&forwarding.legacy).collect::<Vec<_>>(), families, "{names:?}");
            assert_eq!(forwarding.is_counted(), families.is_empty(), "{names:?}");
        }
    }

    #[test]
    fn a_comment_is_one_plain_word() {
        assert_eq!(check(&[], "lanloom:1a2b"), Ok(()));
        for comment in ["", "two words", "a\"b", "a\nb", "a'b", &"a".repeat(64)] {
            assert!(check(&[], comment).is_err(), "{comment:?}");
        }
    }

    #[test]
    fn an_obstacle_without_a_place_is_named() {
        let (family, table, chain) = ("inet".to_owned(), "firewalld".to_owned(), "filter_FORWARD".to_owned());
        let trusted = vec!["gw1".to_owned(), "ll-*".to_owned()];
        let obstacle = Obstacle { manager: Manager::Nft, family, table, chain, place: None, trusted };
        let gate =
            |name: &str| Gate { interface: IfName::new(name).expect("a valid name"), inbound_v4: false, inbound_v6: false };
        assert_eq!(obstacle.opened(&["gw1", "ll-0"].map(gate)), Ok(None), "they are accepted as it is");
        let inbound = Gate { inbound_v6: true, ..gate("gw1") };
        assert!(obstacle.opened(&[inbound]).is_err(), "what is new is not");
        let error = obstacle.opened(&["gw1", "gw2"].map(gate)).expect_err("no place");
        assert!(error.to_string().contains("table inet firewalld, chain filter_FORWARD"), "{error}");
        assert!(error.hint().contains("firewall-cmd"), "{error}");
    }
}
