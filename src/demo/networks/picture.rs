//! The networks as a picture: the sandboxes side by side, and below them the two networks that the middle one joins.

use super::super::picture::{BOX, Column, GAP, MARGIN, MIDDLE, boxes, line};
use super::{Network, Sandbox};
use std::fmt::Write as _;

/// The columns of a box that stands on two networks where lines go down to them.
const BOTH: &[usize] = &[7, 15];

/// Columns of a network's line, and between the two: together as wide as three boxes.
const LINE: usize = 33;
const APART: usize = 4;

/// Draws three sandboxes on two networks: the first on the left one, the last on the right one, and the middle one on both.
pub(super) fn draw(sandboxes: &[Sandbox], networks: &[Network]) -> String {
    let columns: Vec<_> = sandboxes.iter().map(column).collect();
    let left = |at| MARGIN + at * (BOX + GAP);
    let legs = columns.iter().enumerate().flat_map(|(at, column)| column.legs.iter().map(move |leg| left(at) + leg));
    let legs: Vec<_> = legs.collect();
    let mut out = boxes(&columns);
    let begin = |at| MARGIN + at * (LINE + APART);
    let lines: Vec<_> = (0..networks.len()).map(|at| line('═', '╧', begin(at)..begin(at) + LINE, &legs)).collect();
    row(&mut out, &lines);
    let names: Vec<_> = networks.iter().map(|network| format!("network {}, {}", network.name, network.subnet)).collect();
    row(&mut out, &names);
    let hosts: Vec<_> = networks.iter().map(|network| format!("the host is {} here", network.gateway)).collect();
    row(&mut out, &hosts);
    out
}

fn row(out: &mut String, cells: &[String]) {
    let cells: Vec<_> = cells.iter().map(|cell| format!("{cell:<LINE$}")).collect();
    let row = format!("{}{}", " ".repeat(MARGIN), cells.join(&" ".repeat(APART)));
    let _ = writeln!(out, "{}", row.trim_end());
}

/// A sandbox, with its interfaces and addresses.
fn column(sandbox: &Sandbox) -> Column {
    let lines = sandbox.endpoints.iter().flat_map(|endpoint| {
        let indent = " ".repeat(endpoint.interface.chars().count());
        [format!("{} {}", endpoint.interface, endpoint.v4), format!("{indent} {}", endpoint.v6)]
    });
    let legs = if sandbox.endpoints.len() > 1 { BOTH } else { &[MIDDLE] };
    Column { title: format!("sandbox {}", sandbox.name), lines: lines.collect(), legs }
}

#[cfg(test)]
mod tests {
    use super::super::{BACK, Endpoint, FRONT};
    use super::*;
    use crate::exec::Place;

    fn sandbox(name: &'static str, on: &[(&str, u16, u8)]) -> Sandbox {
        let endpoint = |(at, (network, subnet, host)): (usize, &(&str, u16, u8))| Endpoint {
            network: (*network).to_owned(),
            interface: format!("eth{at}"),
            v4: [10, *subnet as u8, 0, *host].into(),
            v6: [0xfd00, *subnet, 0, 0, 0, 0, 0, u16::from(*host)].into(),
        };
        let place = Place { netns: "/nonexistent".into(), files: None };
        Sandbox { name, place, dns: String::new(), endpoints: on.iter().enumerate().map(endpoint).collect() }
    }

    #[test]
    fn the_sandbox_in_the_middle_stands_on_both_networks() {
        let sandboxes =
            [sandbox("web", &[(FRONT, 2, 2)]), sandbox("app", &[(FRONT, 2, 3), (BACK, 3, 2)]), sandbox("db", &[(BACK, 3, 3)])];
        let network = |name, subnet: &str, gateway| Network { name, subnet: subnet.parse().expect("a subnet"), gateway };
        let networks =
            [network(FRONT, "10.2.0.0/24", [10, 2, 0, 1].into()), network(BACK, "10.3.0.0/24", [10, 3, 0, 1].into())];
        let expected = "        sandbox web             sandbox app             sandbox db
  ┌────────────────────┐  ┌────────────────────┐  ┌────────────────────┐
  │ eth0 10.2.0.2      │  │ eth0 10.2.0.3      │  │ eth0 10.3.0.3      │
  │      fd00:2::2     │  │      fd00:2::3     │  │      fd00:3::3     │
  │                    │  │ eth1 10.3.0.2      │  │                    │
  │                    │  │      fd00:3::2     │  │                    │
  └──────────┬─────────┘  └──────┬───────┬─────┘  └──────────┬─────────┘
  ═══════════╧═══════════════════╧═    ══╧═══════════════════╧══════════
  network front, 10.2.0.0/24           network back, 10.3.0.0/24
  the host is 10.2.0.1 here            the host is 10.3.0.1 here
";
        assert_eq!(draw(&sandboxes, &networks), expected, "{}", draw(&sandboxes, &networks));
    }
}
