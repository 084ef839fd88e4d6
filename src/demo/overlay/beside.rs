//! The frames of the overlay and the datagrams that they were in: side by side, or one below the other where that is too wide.

use super::compare::Pair;
use std::fmt::Write as _;

/// Above the columns.
const TITLES: [&str; 2] = ["captured in the overlay", "captured in the underlay"];

/// Columns before the first and between the two.
const MARGIN: usize = 4;
const GAP: usize = 2;

/// Shows pairs in so many columns.
pub(super) fn lines(pairs: &[Pair], columns: usize) -> String {
    let inner = |pair: &Pair| format!("{}, {} B", pair.frame, pair.inner);
    let outer = |pair: &Pair| format!("{}, {} + {} B", pair.datagram, pair.outer, pair.inner);
    let rows: Vec<_> = pairs.iter().map(|pair| [inner(pair), outer(pair)]).collect();
    let titled = [TITLES.map(str::to_owned)].into_iter().chain(rows.iter().cloned());
    let widths = [0, 1].map(|side| titled.clone().map(|row| row[side].chars().count()).max().unwrap_or(0));
    let mut out = "\n  A ping from one to the other:\n\n".to_owned();
    if MARGIN + widths[0] + GAP + widths[1] <= columns {
        titled.for_each(|[left, right]| put(&mut out, &format!("{left:<width$}{:GAP$}{right}", "", width = widths[0])));
    } else {
        rows.iter().for_each(|[first, second]| {
            put(&mut out, &format!("overlay   {first}"));
            put(&mut out, &format!("underlay  {second}"));
        });
    }
    out
}

fn put(out: &mut String, line: &str) {
    let _ = writeln!(out, "{:MARGIN$}{line}", "");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs() -> Vec<Pair> {
        let pair = |frame: &str, inner| Pair {
            frame: frame.to_owned(),
            datagram: "vxlan 192.0.2.1 > 192.0.2.2 vni 42".to_owned(),
            inner,
            outer: 50,
        };
        vec![pair("icmp 10.4.0.16 > 10.4.0.32 echo request", 94), pair("icmp6 fd00:4::10 > fd00:4::20 echo request", 114)]
    }

    #[test]
    fn a_wide_terminal_has_them_side_by_side() {
        let expected = "
  A ping from one to the other:

    captured in the overlay                            captured in the underlay
    icmp 10.4.0.16 > 10.4.0.32 echo request, 94 B      vxlan 192.0.2.1 > 192.0.2.2 vni 42, 50 + 94 B
    icmp6 fd00:4::10 > fd00:4::20 echo request, 114 B  vxlan 192.0.2.1 > 192.0.2.2 vni 42, 50 + 114 B
";
        assert_eq!(lines(&pairs(), 104), expected);
    }

    #[test]
    fn a_narrow_one_has_one_below_the_other() {
        let expected = "
  A ping from one to the other:

    overlay   icmp 10.4.0.16 > 10.4.0.32 echo request, 94 B
    underlay  vxlan 192.0.2.1 > 192.0.2.2 vni 42, 50 + 94 B
    overlay   icmp6 fd00:4::10 > fd00:4::20 echo request, 114 B
    underlay  vxlan 192.0.2.1 > 192.0.2.2 vni 42, 50 + 114 B
";
        assert_eq!(lines(&pairs(), 80), expected);
        assert!(expected.lines().all(|line| line.len() <= 80));
    }
}
