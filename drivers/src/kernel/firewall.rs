//! What the host's firewall is to do for our networks: a whole, as a value.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::error::{KernelError, Why};
use super::name::IfName;

/// Most bytes of a table's name: far less than `NFT_NAME_MAXLEN`, and enough.
const TABLE_MAX: usize = 63;

/// The name of an nftables table: 1 to 63 bytes of `[A-Za-z0-9_-]`, the first of them a letter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName(String);

impl TableName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`Why::InvalidName`].
    pub fn new(name: &str) -> Result<Self, KernelError> {
        let refused = |rule| Err(KernelError::new("naming a table", format!("{name:?}"), Why::InvalidName(rule)));
        if !name.starts_with(|one: char| one.is_ascii_alphabetic()) {
            return refused("it does not begin with a letter");
        }
        if name.len() > TABLE_MAX {
            return refused("a table's name has at most 63 bytes");
        }
        if !name.chars().all(|one| one.is_ascii_alphanumeric() || "_-".contains(one)) {
            return refused("it holds something other than letters, digits, `_` and `-`");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// One daemon's table of family `inet`, whole. At postrouting it rewrites sources, at forward it keeps networks apart. What it accepts, another table may still drop ([`Kernel::open_forward`](super::Kernel::open_forward)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// The table, one for each daemon.
    pub table: TableName,
    /// The networks that have a gateway on the host.
    pub networks: Vec<Egress>,
    /// What was there when we had the host forward.
    pub bystanders: Bystanders,
    /// Bridges of others that nothing of our networks reaches but by a published port or in answer.
    pub bridges: BTreeSet<IfName>,
}

/// The interfaces that were there when we had the host forward, which it did not before: it is not to become a router by us. Those
/// that come later are somebody's who may rely on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bystanders {
    /// Nothing of IPv4 that comes in by one of these is forwarded by another. None if the host forwarded it already.
    pub v4: Option<BTreeSet<IfName>>,
    /// The same of IPv6.
    pub v6: Option<BTreeSet<IfName>>,
    /// Those that still listen to router advertisements although the host forwards IPv6: their `accept_ra` is 2, and was 1.
    pub listeners: BTreeSet<IfName>,
    /// Those by which IPv4 was forwarded all the same (`net.ipv4.conf.X.forwarding` was 1): what comes in there goes on being so.
    /// `default` among them means the setting of interfaces that come later.
    pub forwarders_v4: BTreeSet<IfName>,
    /// The same of IPv6, of which the kernel forwards nothing for that alone.
    pub forwarders_v6: BTreeSet<IfName>,
    /// Those by which IPv6 is forwarded whether or not the host does (`net.ipv6.conf.X.force_forwarding`).
    pub forced: BTreeSet<IfName>,
    /// Whether the host did not accept ICMP redirects (`net.ipv4.conf.all.accept_redirects` was 0). Its kernel does once it forwards
    /// IPv4 no more.
    pub no_redirects: bool,
}

impl Bystanders {
    /// Those of one family.
    pub fn of(&self, v4: bool) -> Option<&BTreeSet<IfName>> {
        if v4 { self.v4.as_ref() } else { self.v6.as_ref() }
    }

    /// The same, to be changed.
    pub(crate) fn of_mut(&mut self, v4: bool) -> &mut Option<BTreeSet<IfName>> {
        if v4 { &mut self.v4 } else { &mut self.v6 }
    }

    /// Those whose own setting had a family forwarded before the host did.
    pub fn forwarders(&self, v4: bool) -> &BTreeSet<IfName> {
        if v4 { &self.forwarders_v4 } else { &self.forwarders_v6 }
    }

    /// All that is known of a family is over.
    pub(crate) fn forget(&mut self, v4: bool) {
        *self.of_mut(v4) = None;
        if v4 {
            self.forwarders_v4.clear();
            self.no_redirects = false;
        } else {
            [&mut self.listeners, &mut self.forwarders_v6, &mut self.forced].into_iter().for_each(BTreeSet::clear);
        }
    }

    /// All but these interfaces.
    #[must_use]
    pub(crate) fn without(mut self, names: &BTreeSet<IfName>) -> Self {
        let [forwarders_v4, forwarders_v6] = [&mut self.forwarders_v4, &mut self.forwarders_v6];
        let marked = [&mut self.listeners, forwarders_v4, forwarders_v6, &mut self.forced];
        for set in [self.v4.as_mut(), self.v6.as_mut()].into_iter().flatten().chain(marked) {
            set.retain(|name| !names.contains(name));
        }
        self
    }

    fn all(&self) -> impl Iterator<Item = &IfName> {
        let marked = [&self.listeners, &self.forwarders_v4, &self.forwarders_v6, &self.forced];
        [self.v4.as_ref(), self.v6.as_ref()].into_iter().flatten().chain(marked).flatten()
    }
}

/// One network's way out of the host. Packets between the gateway interfaces of two networks are dropped, whatever else holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Egress {
    /// The gateway interface. One that is given twice is one network: as for a source of each family.
    pub gateway: IfName,
    /// The network's pools. Those of two networks must not overlap.
    pub pools: Vec<IpNet>,
    /// Whether what comes from the pools and leaves by another interface gets a source of the host's.
    pub masquerade: bool,
    /// That source, for pools of its family (`host_ipv4`, `host_ipv6`); the address of the interface that it leaves by if none
    /// is given.
    pub snat: Option<IpAddr>,
    /// Nothing is forwarded to or from it, nor rewritten.
    pub internal: bool,
    /// Of what is forwarded to it in the families of its pools, only flows that are known and published ports (`dnat`) get in:
    /// whoever has a route here starts nothing.
    pub protected: bool,
    /// What it sends out with a source outside of its pools is dropped: it would leave the host with that source.
    pub own_sources: bool,
    /// Its endpoints are kept apart: nothing that comes from it is sent back into it.
    pub apart: bool,
}

impl Egress {
    /// That of a network of which nothing else was said: it begins flows, by the host's addresses, and nobody begins one to it.
    pub fn usual(gateway: IfName, pools: Vec<IpNet>) -> Self {
        let (snat, internal, apart) = (None, false, false);
        Self { gateway, pools, masquerade: true, snat, internal, protected: true, own_sources: true, apart }
    }
}

impl Firewall {
    /// Whether it is `other` and some networks more.
    pub fn extends(&self, other: &Self) -> bool {
        let is_kept = |network: &Egress| self.networks.contains(network);
        let same = self.table == other.table && self.bystanders == other.bystanders && self.bridges == other.bridges;
        same && other.networks.iter().all(is_kept)
    }

    /// Whether it can be loaded at all.
    pub(crate) fn check(&self) -> Result<(), KernelError> {
        self.networks.iter().map(|network| &network.gateway).try_for_each(check_interface)?;
        self.bystanders.all().chain(&self.bridges).try_for_each(check_element)?;
        let of =
            |network: &Egress| network.pools.iter().map(|pool| (pool.trunc(), network.gateway.clone())).collect::<Vec<_>>();
        let mut pools: Vec<_> = self.networks.iter().flat_map(of).collect();
        // Of two pools one is within the other or they are apart; what is within comes after what it is in, and before the rest.
        pools.sort_by_key(|(pool, _)| (pool.network(), pool.prefix_len()));
        let mut widest: Option<&(IpNet, IfName)> = None;
        for pool in &pools {
            match widest {
                Some(outer) if outer.0.contains(&pool.0) && outer.1 != pool.1 => {
                    let rule = format!("the pools {} and {} of two networks overlap", outer.0, pool.0);
                    return Err(KernelError::new("setting the firewall", self.table.as_str(), Why::InvalidValue(rule)));
                }
                Some(outer) if outer.0.contains(&pool.0) => {}
                Some(_) | None => widest = Some(pool),
            }
        }
        Ok(())
    }
}

/// Whether a set of interfaces can hold a name as it is: there an `@` before and a `*` behind it mean other things.
pub(crate) fn check_element(name: &IfName) -> Result<(), KernelError> {
    if !name.as_str().starts_with('@') && !name.as_str().ends_with('*') {
        return Ok(());
    }
    let rule = Why::InvalidName("in a set of a firewall's it may not begin with `@` nor end with `*`");
    Err(KernelError::new("naming an interface in a firewall", format!("{:?}", name.as_str()), rule))
}

/// Whether an interface's name means only itself in any rule of anybody's firewall, where `*` and `@` mean other things.
pub(crate) fn check_interface(name: &IfName) -> Result<(), KernelError> {
    if name.as_str().chars().all(|one| one.is_ascii_alphanumeric() || "_-.".contains(one)) {
        return Ok(());
    }
    let rule = Why::InvalidName("in a firewall it may only hold letters, digits, `_`, `-` and `.`");
    Err(KernelError::new("naming an interface in a firewall", format!("{:?}", name.as_str()), rule))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(gateway: &str, pools: &[&str]) -> Egress {
        let pools = pools.iter().map(|pool| pool.parse().expect("a pool")).collect();
        Egress::usual(IfName::new(gateway).expect("a valid name"), pools)
    }

    fn checked(networks: Vec<Egress>) -> Result<(), KernelError> {
        Firewall {
            table: TableName::new("t").expect("valid"),
            networks,
            bystanders: Bystanders::default(),
            bridges: BTreeSet::new(),
        }
        .check()
    }

    #[test]
    fn a_table_s_name_is_plain() {
        assert_eq!(TableName::new("lanloom-1a2b3c4d").expect("valid").as_str(), "lanloom-1a2b3c4d");
        for name in ["", "1a", "a b", "a;b", "@a", "a.b", "a/b", &"a".repeat(64)] {
            assert!(matches!(TableName::new(name).expect_err("invalid").why(), Why::InvalidName(_)), "{name:?}");
        }
    }

    #[test]
    fn pools_of_two_networks_must_not_overlap() {
        assert_eq!(checked(vec![egress("g0", &["10.0.0.0/24", "fd00::/64"]), egress("g1", &["10.0.1.0/24"])]), Ok(()));
        assert_eq!(checked(vec![egress("g0", &["10.0.0.0/24"]), egress("g0", &["10.0.0.0/25"])]), Ok(()), "one network");
        let error = checked(vec![egress("g0", &["10.0.0.0/16"]), egress("g1", &["10.0.1.0/24"])]).expect_err("overlapping");
        assert!(error.to_string().contains("10.0.0.0/16 and 10.0.1.0/24"), "{error}");
    }

    #[test]
    fn an_interface_s_name_cannot_mean_more_than_itself() {
        for name in ["g*", "@internal", "g\"", "$g", "g\\", "{g}"] {
            assert!(checked(vec![egress(name, &[])]).is_err(), "{name:?}");
        }
        for (name, fits) in [("lan+1", true), ("wan@x", true), ("$g", true), ("@internal", false), ("g*", false)] {
            assert_eq!(check_element(&IfName::new(name).expect("a valid name")).is_ok(), fits, "{name:?}");
        }
    }
}
