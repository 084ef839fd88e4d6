//! The host's firewall as the value that it was asked to be.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use nix::errno::Errno;

use super::super::capability::Missing;
use super::super::error::{KernelError, Why};
use super::super::firewall::{Bystanders, Firewall, TableName};
use super::super::forward::{FORWARD_V4, FORWARD_V6, Forwarding, Gate, Obstacle, Opened, Others};
use super::super::name::IfName;
use super::super::sysctl::SysctlKey;
use super::world::{Place, World};

/// What Linux says where the program is not installed.
const MISSING: Why = Why::MissingTool { tool: "nft", package: "nftables" };

impl World {
    pub(super) fn set_firewall(&mut self, firewall: &Firewall) -> Result<(), KernelError> {
        self.find_nft()?;
        self.firewalls.insert(firewall.table.clone(), firewall.clone());
        self.generation += 1;
        Ok(())
    }

    /// What nft would leave as it is, this does too: all but the networks that are new.
    pub(super) fn extend_firewall(&mut self, loaded: &Firewall, firewall: &Firewall) -> Result<(), KernelError> {
        self.find_nft()?;
        let known = self.firewalls.get_mut(&firewall.table);
        let absent = || KernelError::new("extending the firewall", firewall.table.as_str(), Why::Os(Errno::ENOENT));
        let new = firewall.networks.iter().filter(|network| !loaded.networks.contains(network));
        known.ok_or_else(absent)?.networks.extend(new.cloned());
        self.generation += 1;
        Ok(())
    }

    pub(super) fn delete_firewall(&mut self, table: &TableName) -> Result<(), KernelError> {
        self.find_nft()?;
        self.firewalls.remove(table);
        self.generation += 1;
        Ok(())
    }

    pub(super) fn firewall_intact(&self, firewall: &Firewall) -> Result<bool, KernelError> {
        self.find_nft()?;
        Ok(self.firewalls.get(&firewall.table) == Some(firewall))
    }

    pub(super) fn bystanders(&self, table: &TableName) -> Result<Bystanders, KernelError> {
        self.find_nft()?;
        Ok(self.firewalls.get(table).map(|firewall| firewall.bystanders.clone()).unwrap_or_default())
    }

    pub(super) fn gateways(&self, prefix: &str) -> Result<BTreeMap<TableName, BTreeSet<IfName>>, KernelError> {
        self.find_nft()?;
        let ours = self.firewalls.values().filter(|one| one.table.as_str().starts_with(prefix));
        let of = |one: &Firewall| one.networks.iter().map(|network| network.gateway.clone()).collect();
        Ok(ours.map(|one| (one.table.clone(), of(one))).collect())
    }

    pub(super) fn forwarding(&mut self) -> Result<Forwarding, KernelError> {
        let [v4, v6] = [FORWARD_V4, FORWARD_V6].map(|key| {
            // A kernel without IPv6 has no such setting.
            match self.sysctl(&Place::Daemon, &SysctlKey::new(key)?) {
                Err(error) if *error.why() == Why::NoSuchSetting => Ok(None),
                value => Ok(Some(value? != "0")),
            }
        });
        let legacy = [self.table_of_old.map(|_| "filter\n".to_owned()).unwrap_or_default(), String::new()];
        Ok(Forwarding { generation: Some(self.generation), legacy, v4: v4?, v6: v6? })
    }

    pub(super) fn set_others(&mut self, change: impl FnOnce(&mut Others)) {
        change(&mut self.others);
        self.generation += u32::from(self.table_of_old.is_none());
    }

    pub(super) fn others(&self) -> Result<Others, KernelError> {
        self.find_nft()?;
        if self.table_of_old == Some(false) {
            let why = Why::MissingTool { tool: "iptables-legacy-save", package: "iptables" };
            return Err(KernelError::new("looking at what the host forwards", "filter", why));
        }
        Ok(self.others.clone())
    }

    pub(super) fn open_forward(
        &mut self,
        obstacles: &[Obstacle],
        gates: &[Gate],
        comment: &str,
    ) -> Result<Vec<Opened>, KernelError> {
        self.find_nft()?;
        let opened = obstacles.iter().filter_map(|one| one.opened(gates).transpose()).collect::<Result<Vec<_>, _>>()?;
        if !opened.is_empty() && self.opened.insert(comment.to_owned(), gates.to_vec()).as_deref() != Some(gates) {
            self.generation += 1;
        }
        Ok(opened)
    }

    pub(super) fn close_forward(&mut self, comment: &str) -> Result<(), KernelError> {
        self.find_nft()?;
        self.generation += u32::from(self.opened.remove(comment).is_some());
        Ok(())
    }

    pub(super) fn redirect_dns(&mut self, place: &Place, to: Option<(SocketAddr, u16)>) -> Result<Option<u32>, KernelError> {
        self.find_nft()?;
        let space = self.space("redirecting DNS", place)?;
        space.dns_redirect = to;
        space.changes_of_rules += 1;
        Ok(Some(space.changes_of_rules))
    }

    pub(super) fn dns_redirect_stands(&mut self, place: &Place, change: u32) -> Result<bool, KernelError> {
        let space = self.space("looking at a redirection of DNS", place)?;
        Ok(space.dns_redirect.is_some() && space.changes_of_rules == change)
    }

    pub(super) fn flush_rules_in(&mut self, place: &Place) {
        if let Ok(space) = self.space("flushing rules", place) {
            space.dns_redirect = None;
            space.changes_of_rules += 1;
        }
    }

    pub(super) fn dns_redirect(&mut self, place: &Place) -> Option<(SocketAddr, u16)> {
        self.space("redirecting DNS", place).ok()?.dns_redirect
    }

    pub(super) fn flush_ruleset(&mut self) {
        self.firewalls.clear();
        self.others = Others::default();
        self.opened.clear();
        self.generation += 1;
    }

    pub(super) fn find_nft(&self) -> Result<(), KernelError> {
        if self.without_nft { Err(KernelError::new("looking for a program", "nft", MISSING)) } else { Ok(()) }
    }

    pub(super) fn nft_capability(&self) -> Result<(), Missing> {
        let missing = |error: KernelError| Missing { why: error.why().to_string(), brings: error.hint() };
        self.find_nft().map_err(missing)
    }
}
