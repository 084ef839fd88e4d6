//! Tables whose columns align.

/// Rows under a header. Columns of numbers stand to the right.
#[derive(Debug)]
pub(super) struct Table {
    header: Vec<Column>,
    rows: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Column {
    name: &'static str,
    right: bool,
}

impl Table {
    /// A table of these columns; a name with `>` in front stands to the right.
    pub(super) fn new(columns: &[&'static str]) -> Self {
        let column = |text: &&'static str| match text.strip_prefix('>') {
            Some(name) => Column { name, right: true },
            None => Column { name: text, right: false },
        };
        Self { header: columns.iter().map(column).collect(), rows: Vec::new() }
    }

    /// Appends a row, one cell a column.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into_iter().map(|cell| cell.replace(char::is_control, " ")).collect());
    }

    /// The table as text, its header dim if coloured.
    pub(super) fn render(&self, colour: bool) -> String {
        let widths = self.widths();
        let header: Vec<String> = self.header.iter().map(|column| column.name.to_owned()).collect();
        let mut text = match (colour, self.line(&header, &widths)) {
            (true, line) => format!("\u{1b}[2m{line}\u{1b}[0m\n"),
            (false, line) => format!("{line}\n"),
        };
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let widest = |at: usize| self.rows.iter().filter_map(move |row| row.get(at)).map(|cell| cell.chars().count()).max();
        self.header.iter().enumerate().map(|(at, column)| widest(at).unwrap_or(0).max(column.name.len())).collect()
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), column) in cells.iter().zip(widths).zip(&self.header) {
            line.push_str(if line.is_empty() { "" } else { "  " });
            line.push_str(&if column.right { format!("{cell:>width$}") } else { format!("{cell:<width$}") });
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_numbers_stand_to_the_right() {
        let mut table = Table::new(&["NAME", ">FRAMES", "WHY"]);
        table.row(["p1".into(), "7".into(), "größer".into()]);
        table.row(["uplink-12".into(), "123456789".into(), String::new()]);
        assert_eq!(table.render(false), "NAME          FRAMES  WHY\np1                 7  größer\nuplink-12  123456789\n");
    }

    #[test]
    fn a_cell_cannot_move_the_cursor() {
        let mut table = Table::new(&["WHY"]);
        table.row(["down\u{1b}[2J\n".into()]);
        assert_eq!(table.render(false), "WHY\ndown [2J\n");
    }
}
