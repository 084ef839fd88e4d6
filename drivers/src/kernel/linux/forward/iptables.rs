//! Chains that `iptables` made. Only `iptables` may change them: it refuses tables in which it finds rules of others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::super::super::error::{KernelError, Why};
use super::super::super::forward::{Gate, Manager, Obstacle, Others, families_of_old};
use super::super::super::name::IfName;
use super::super::generation::tables_of_old;
use super::super::nft::Nft;
use super::super::tool::{Programs, Tool, run};
use super::{DOCKER_USER, Undo, is_dockers};

/// One table `filter`, and the programs that read and change it.
#[derive(Clone, Debug)]
struct Filter {
    save: PathBuf,
    restore: PathBuf,
}

impl Filter {
    /// Looks for the programs.
    fn find(programs: &Programs, manager: Manager, family: &str) -> Result<Self, KernelError> {
        let v4 = family == "ip";
        let [save, restore] = match (manager, v4) {
            (Manager::IptablesLegacy, true) => ["iptables-legacy-save", "iptables-legacy-restore"],
            (Manager::IptablesLegacy, false) => ["ip6tables-legacy-save", "ip6tables-legacy-restore"],
            (Manager::Iptables | Manager::Nft, true) => ["iptables-nft-save", "iptables-nft-restore"],
            (Manager::Iptables | Manager::Nft, false) => ["ip6tables-nft-save", "ip6tables-nft-restore"],
        };
        // Where there is but one kind, it has the plain names; but which kind?
        let plain = if v4 { ["iptables-save", "iptables-restore"] } else { ["ip6tables-save", "ip6tables-restore"] };
        let find = |name, plain| {
            let tool = |name| Tool { name, package: "iptables" };
            let fitting = || programs.find(tool(plain)).ok().filter(|path| is_of(manager, path));
            programs.find(tool(name)).or_else(|missing| fitting().ok_or(missing))
        };
        Ok(Self { save: find(save, plain[0])?, restore: find(restore, plain[1])? })
    }

    /// The table, a line for each chain and rule.
    fn lines(&self, what: &'static str) -> Result<Vec<String>, KernelError> {
        Ok(run(what, &self.save, &["-t", "filter"], b"")?.lines().map(str::to_owned).collect())
    }

    /// Has these rules, each as `-A CHAIN …`, be those that the comment marks: the first of them at the top. Says which were.
    fn replace(&self, what: &'static str, wanted: &[String], comment: &str) -> Result<Vec<String>, KernelError> {
        let before = marked(&self.lines(what)?, comment);
        let same = before.iter().collect::<BTreeSet<_>>() == wanted.iter().collect::<BTreeSet<_>>();
        if same && before.len() == wanted.len() {
            return Ok(before);
        }
        let deletions = before.iter().map(|line| line.replacen("-A ", "-D ", 1));
        let insertions = wanted.iter().rev().map(|line| line.replacen("-A ", "-I ", 1));
        let commands: Vec<String> = deletions.chain(insertions).collect();
        let document = format!("*filter\n{}\nCOMMIT\n", commands.join("\n"));
        run(what, &self.restore, &["--noflush", "-w", "5"], document.as_bytes())?;
        Ok(before)
    }
}

/// Whether a program is of this kind: the newer one says that it keeps its tables in nftables.
fn is_of(manager: Manager, program: &Path) -> bool {
    let said = run("asking for a version", program, &["--version"], b"");
    said.is_ok_and(|said| said.contains("nf_tables") == (manager != Manager::IptablesLegacy))
}

/// What tables of `iptables` before nftables hold.
pub(super) fn of_old(programs: &Programs) -> Result<Others, KernelError> {
    let mut found = Others::default();
    for family in families_of_old(&tables_of_old()) {
        let lines = Filter::find(programs, Manager::IptablesLegacy, family)?.lines("looking at what the host forwards")?;
        found.bridges.extend(lines.iter().filter_map(|line| docker_bridge(line)));
        if drops(&lines) {
            let docker = lines.iter().any(|line| line == "-A FORWARD -j DOCKER-USER");
            let place = if docker { DOCKER_USER } else { "FORWARD" };
            let (table, chain, place) = ("filter".to_owned(), "FORWARD".to_owned(), Some(place.to_owned()));
            let family = family.to_owned();
            found.obstacles.push(Obstacle {
                manager: Manager::IptablesLegacy,
                family,
                table,
                chain,
                place,
                trusted: Vec::new(),
            });
        }
    }
    Ok(found)
}

/// The interface that a rule of Docker's leads to.
fn docker_bridge(line: &str) -> Option<IfName> {
    let words: Vec<_> = line.split(' ').collect();
    let [_, chain, ..] = words.as_slice() else { return None };
    let leads_to = words.windows(3).find(|three| three[0] != "!" && three[1] == "-o").map(|three| three[2]);
    IfName::new(leads_to.filter(|_| is_dockers(chain))?).ok()
}

/// Whether the policy is to drop, or the last rule drops or rejects whatever comes to it.
fn drops(lines: &[String]) -> bool {
    let last = lines.iter().rfind(|line| line.starts_with("-A FORWARD "));
    let ends = |line: &String| line == "-A FORWARD -j DROP" || line.starts_with("-A FORWARD -j REJECT");
    lines.iter().any(|line| line.starts_with(":FORWARD DROP ")) || last.is_some_and(ends)
}

/// Has a chain accept what comes from these gateways, and what is to come in to them.
pub(super) fn open(
    programs: &Programs,
    at: &Obstacle,
    chain: &str,
    gates: &[Gate],
    comment: &str,
) -> Result<Undo, KernelError> {
    let what = "having the host forward";
    let filter = Filter::find(programs, at.manager, &at.family)?;
    let rules = |gate: &Gate| {
        let (name, end) = (&gate.interface, format!("-m comment --comment {comment} -j ACCEPT"));
        let inbound = if at.family == "ip" { gate.inbound_v4 } else { gate.inbound_v6 };
        let out = format!("-A {chain} -i {name} {end}");
        let known = format!("-A {chain} -o {name} -m conntrack --ctstate RELATED,ESTABLISHED {end}");
        [Some(out), Some(known), inbound.then(|| format!("-A {chain} -o {name} {end}"))]
    };
    let mut wanted: Vec<String> = Vec::new();
    gates.iter().flat_map(rules).flatten().for_each(|rule| {
        if !wanted.contains(&rule) {
            wanted.push(rule)
        }
    });
    let before = filter.replace(what, &wanted, comment)?;
    let comment = comment.to_owned();
    Ok(Box::new(move || filter.replace(what, &before, &comment).map(drop)))
}

/// Takes away every rule with this comment. Where `iptables` is missing, it made none.
pub(super) fn close(nft: &Nft, programs: &Programs, comment: &str) -> Result<(), KernelError> {
    let what = "having the host forward no more";
    let tables = nft.list(what, &["tables"])?;
    let in_nftables =
        |family: &str| tables.iter().any(|one| one["table"]["family"] == family && one["table"]["name"] == "filter");
    let modern = ["ip", "ip6"].into_iter().filter(|family| in_nftables(family)).map(|family| (Manager::Iptables, family));
    for (manager, family) in modern.chain(families_of_old(&tables_of_old()).map(|family| (Manager::IptablesLegacy, family))) {
        match Filter::find(programs, manager, family) {
            Ok(filter) => filter.replace(what, &[], comment).map(drop)?,
            Err(error) if matches!(error.why(), Why::MissingTool { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The rules with this comment, which `iptables-save` quotes if it holds a `.` or a `:`.
fn marked(lines: &[String], comment: &str) -> Vec<String> {
    let (plain, quoted) = (format!(" --comment {comment} "), format!(" --comment \"{comment}\" "));
    let rules = lines.iter().filter(|line| line.starts_with("-A ")).map(|line| line.replacen(&quoted, &plain, 1));
    rules.filter(|line| line.contains(&plain)).collect()
}
