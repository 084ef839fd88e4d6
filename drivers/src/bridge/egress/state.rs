//! What is known of the way out of the host.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::layout::Layout;
use crate::kernel::{Bystanders, Firewall, Forwarding, IfName, Opened, Others};

/// Tables of `iptables` before nftables have no number that tells of changes: every so many quiet looks they are read.
const OF_OLD_EVERY: u32 = 5;

/// What is known of it.
#[derive(Default)]
pub(super) struct State {
    /// The networks with a gateway, by id.
    pub(super) networks: BTreeMap<String, Arc<Layout>>,
    /// Those of which something may be loaded: closing any other changes nothing.
    pub(super) begun: BTreeSet<String>,
    /// Who was there when the host began to forward for us; unknown until looked at.
    pub(super) found: Option<Bystanders>,
    /// Whether the host forwarded IPv4, and IPv6, when a network first needed it.
    pub(super) forwarded: [bool; 2],
    /// The gateways that an earlier start left in the table, but for those of networks that have gone since.
    pub(super) earlier: BTreeSet<IfName>,
    /// The gateway of a network that goes.
    pub(super) leaving: Option<IfName>,
    /// Whether the firewall is loaded.
    pub(super) loaded: bool,
    /// What was loaded last.
    pub(super) last: Option<Firewall>,
    /// Why it cannot be.
    pub(super) missing: Option<String>,
    /// Where tables of others accept our packets.
    pub(super) opened: Vec<Opened>,
    /// Whether it is known that no table of others has a rule of ours.
    pub(super) nowhere: bool,
    /// Whether it is known that there is nothing of ours at all.
    pub(super) bare: bool,
    /// How the host forwarded when all was right; unknown where somebody else may have changed something meanwhile.
    pub(super) right: Option<Forwarding>,
    /// Transactions of ours since that was looked at.
    pub(super) transactions: u32,
    /// What others' firewalls held then, if that was looked at.
    pub(super) others: Option<Others>,
    /// Why that could not be looked at, if it could not.
    pub(super) unread: Option<String>,
    /// Quiet looks since tables of old were read.
    pub(super) looks: u32,
    /// The table that drops what we have forwarded, if one does.
    pub(super) obstacle: Option<String>,
    /// That the host goes on forwarding for others.
    pub(super) stays: Vec<String>,
    /// What is not as it should be, as it was said last.
    pub(super) told: Vec<String>,
}

impl State {
    /// Whether tables of old need not be read this time.
    pub(super) fn rests(&mut self) -> bool {
        self.looks = (self.looks + 1) % OF_OLD_EVERY;
        self.looks != 0
    }
}
