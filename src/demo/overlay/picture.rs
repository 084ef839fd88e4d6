//! The hosts as a picture: in each a sandbox on its part of the network, and below both the switch between them.

use super::super::cast::INTERFACE;
use super::super::picture::{MARGIN, line};
use super::{NETWORK, Side, UNDERLAY};
use std::fmt::Write as _;

/// Columns of a host, its frame included, and between two of them.
const HOST: usize = 33;
const GAP: usize = 4;

/// Columns within a host, and of the sandbox in it.
const WITHIN: usize = HOST - 4;
const SANDBOX: usize = WITHIN - 4;

/// The columns where lines go down: from a host, and from a sandbox.
const LEG: usize = HOST / 2;
const SANDBOX_LEG: usize = SANDBOX / 2;

/// A host as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    name: String,
    sandbox: String,
    /// Of the sandbox.
    lines: [String; 2],
    /// Among hosts.
    address: String,
}

impl Drawn {
    /// A host that is up.
    pub(super) fn of(side: Side<'_>) -> Self {
        let Side { host, sandbox } = side;
        let interface = &sandbox.interface;
        let indent = " ".repeat(interface.chars().count());
        Self {
            name: host.plan.name.to_owned(),
            sandbox: sandbox.name.to_owned(),
            lines: [format!("{interface} {}", sandbox.v4), format!("{indent} {}", sandbox.v6)],
            address: host.plan.address.to_string(),
        }
    }

    /// What is in it, line by line.
    fn within(&self) -> Vec<String> {
        let inner = SANDBOX - 4;
        let title = format!(" sandbox {} ", self.sandbox);
        let mut lines = vec![format!("  ┌{title:─^width$}┐", width = SANDBOX - 2)];
        lines.extend(self.lines.iter().map(|line| format!("  │ {line:<inner$} │")));
        lines.push(format!("  └{}┘", line('─', '┬', 1..SANDBOX - 1, &[SANDBOX_LEG])));
        lines.push(line('═', '╧', 0..WITHIN, &[2 + SANDBOX_LEG]));
        lines.push(format!("switch {NETWORK}, in its daemon"));
        lines.push(format!("tunnel from {INTERFACE}, {}", self.address));
        lines
    }
}

/// Draws both.
pub(super) fn draw(hosts: &[Drawn; 2]) -> String {
    let mut out = String::new();
    let gap = " ".repeat(GAP);
    let mut row = |cells: [String; 2], gap: &str| {
        let _ = writeln!(out, "{}", format!("{:MARGIN$}{}", "", cells.join(gap)).trim_end());
    };
    row(hosts.each_ref().map(|host| format!("{:^HOST$}", format!("host {}", host.name))), &gap);
    row(hosts.each_ref().map(|_| format!("┌{}┐", "─".repeat(HOST - 2))), &gap);
    let [left, right] = hosts.each_ref().map(Drawn::within);
    for (left, right) in left.into_iter().zip(right) {
        row([left, right].map(|text| format!("│ {text:<WITHIN$} │")), &gap);
    }
    row(hosts.each_ref().map(|_| format!("└{}┘", line('─', '┬', 1..HOST - 1, &[LEG]))), &gap);
    row(hosts.each_ref().map(|_| line('═', '╧', 0..HOST, &[LEG])), &"═".repeat(GAP));
    let _ = writeln!(out, "{:MARGIN$}switch {UNDERLAY}, in this process", "");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_its_sandbox_on_its_part_of_the_network() {
        let host = |name: &str, sandbox: &str, v4: &str, v6: &str, address: &str| Drawn {
            name: name.to_owned(),
            sandbox: sandbox.to_owned(),
            lines: [format!("eth0 {v4}"), format!("     {v6}")],
            address: address.to_owned(),
        };
        let hosts = [
            host("west", "shop", "10.4.0.16", "fd00:4::10", "192.0.2.1"),
            host("east", "stock", "10.4.0.32", "fd00:4::20", "192.0.2.2"),
        ];
        let expected = "              host west                            host east
  ┌───────────────────────────────┐    ┌───────────────────────────────┐
  │   ┌──── sandbox shop ─────┐   │    │   ┌──── sandbox stock ────┐   │
  │   │ eth0 10.4.0.16        │   │    │   │ eth0 10.4.0.32        │   │
  │   │      fd00:4::10       │   │    │   │      fd00:4::20       │   │
  │   └───────────┬───────────┘   │    │   └───────────┬───────────┘   │
  │ ══════════════╧══════════════ │    │ ══════════════╧══════════════ │
  │ switch wide, in its daemon    │    │ switch wide, in its daemon    │
  │ tunnel from eth0, 192.0.2.1   │    │ tunnel from eth0, 192.0.2.2   │
  └───────────────┬───────────────┘    └───────────────┬───────────────┘
  ════════════════╧════════════════════════════════════╧════════════════
  switch underlay, in this process
";
        assert_eq!(draw(&hosts), expected, "{}", draw(&hosts));
    }
}
