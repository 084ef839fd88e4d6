//! The topology as a picture: a box for each host, a line for the switch.

use std::fmt::Write as _;
use std::ops::Range;

/// Columns of a box, its frame included.
pub(super) const BOX: usize = 22;
/// Columns between two boxes.
pub(super) const GAP: usize = 2;
/// Columns before the first.
pub(super) const MARGIN: usize = 2;
/// The column of a box where a single line goes down from it.
pub(super) const MIDDLE: usize = BOX / 2;

/// A box as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Column {
    /// Stands above the box.
    pub(super) title: String,
    /// Lines in the box.
    pub(super) lines: Vec<String>,
    /// The columns of the box where lines go down from it.
    pub(super) legs: &'static [usize],
}

/// A host as it is drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Drawn {
    /// Stands above the box.
    pub(super) title: String,
    /// Lines in the box.
    pub(super) lines: Vec<String>,
    /// The port that it is on.
    pub(super) port: String,
}

/// Draws `hosts` on a switch called so.
pub(super) fn draw(switch: &str, hosts: &[Drawn]) -> String {
    let column = |host: &Drawn| Column { title: host.title.clone(), lines: host.lines.clone(), legs: &[MIDDLE] };
    let mut out = boxes(&hosts.iter().map(column).collect::<Vec<_>>());
    row(&mut out, hosts, |host| centred(&host.port));
    let bus: Vec<_> = hosts.iter().map(|_| line('═', '╧', 0..BOX, &[MIDDLE])).collect();
    let _ = writeln!(out, "{}{}", " ".repeat(MARGIN), bus.join(&"═".repeat(GAP)));
    let _ = writeln!(out, "{}switch {switch}, in this process", " ".repeat(MARGIN));
    out
}

/// Draws boxes of the same height side by side.
pub(super) fn boxes(columns: &[Column]) -> String {
    let mut out = String::new();
    let height = columns.iter().map(|column| column.lines.len()).max().unwrap_or(0);
    row(&mut out, columns, |column| centred(&column.title));
    row(&mut out, columns, |_| format!("┌{}┐", "─".repeat(BOX - 2)));
    for line in 0..height {
        row(&mut out, columns, |column| {
            let text = fitted(column.lines.get(line).map_or("", String::as_str));
            format!("│ {text:<width$} │", width = BOX - 4)
        });
    }
    row(&mut out, columns, |column| format!("└{}┘", line('─', '┬', 1..BOX - 1, column.legs)));
    out
}

/// A line of those columns, with a mark where legs are.
pub(super) fn line(plain: char, mark: char, columns: Range<usize>, legs: &[usize]) -> String {
    columns.map(|column| if legs.contains(&column) { mark } else { plain }).collect()
}

fn row<T>(out: &mut String, columns: &[T], cell: impl Fn(&T) -> String) {
    let cells: Vec<_> = columns.iter().map(cell).collect();
    let line = format!("{}{}", " ".repeat(MARGIN), cells.join(&" ".repeat(GAP)));
    let _ = writeln!(out, "{}", line.trim_end());
}

/// In the middle of a box's width, where the line goes down too.
fn centred(text: &str) -> String {
    let text = fitted(text);
    let len = text.chars().count();
    let before = MIDDLE.saturating_sub(len / 2);
    format!("{}{text}{}", " ".repeat(before), " ".repeat(BOX.saturating_sub(before + len)))
}

/// Cut to what a box holds.
fn fitted(text: &str) -> String {
    if text.chars().count() <= BOX - 4 { text.to_owned() } else { text.chars().take(BOX - 5).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(title: &str, lines: &[&str], port: &str) -> Drawn {
        let lines = lines.iter().map(|line| (*line).to_owned()).collect();
        Drawn { title: title.to_owned(), lines, port: port.to_owned() }
    }

    #[test]
    fn boxes_stand_side_by_side_on_the_switch() {
        let hosts = [
            host("namespace blue", &["eth0, a TAP", "10.1.0.1"], "p1"),
            host("in this process", &["smoltcp", "10.1.0.3", "fd00:1::3"], "p3"),
        ];
        let expected = "      namespace blue          in this process
  ┌────────────────────┐  ┌────────────────────┐
  │ eth0, a TAP        │  │ smoltcp            │
  │ 10.1.0.1           │  │ 10.1.0.3           │
  │                    │  │ fd00:1::3          │
  └──────────┬─────────┘  └──────────┬─────────┘
            p1                      p3
  ═══════════╧═══════════════════════╧══════════
  switch demo, in this process
";
        assert_eq!(draw("demo", &hosts), expected);
    }

    #[test]
    fn however_long_the_words_the_frames_stay_aligned() {
        let long = "a name that is much longer than any box could hold";
        let drawn = draw("demo", &[host(long, &[long], long), host("b", &[], "p2")]);
        let frames: Vec<_> = drawn.lines().filter(|line| line.contains(['│', '┌', '└'])).collect();
        assert!(frames.iter().all(|line| line.chars().count() == MARGIN + 2 * BOX + GAP), "{drawn}");
    }
}
