//! One thing, shown: a line for each of its properties, names to the left.

use std::fmt::Display;

/// Names and what stands beside them.
#[derive(Debug, Default)]
pub(super) struct Page {
    lines: Vec<(&'static str, String)>,
}

impl Page {
    /// Adds a line.
    pub(super) fn say(&mut self, name: &'static str, value: impl Display) {
        self.lines.push((name, value.to_string().replace(char::is_control, " ")));
    }

    /// Adds a line if there is anything to say.
    pub(super) fn say_if(&mut self, name: &'static str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.say(name, value);
        }
    }

    /// Adds a line for each of these; only the first has the name.
    pub(super) fn say_all(&mut self, name: &'static str, values: impl IntoIterator<Item: Display>) {
        for (at, value) in values.into_iter().enumerate() {
            self.say(if at == 0 { name } else { "" }, value);
        }
    }

    /// The page as text, its names dim if coloured.
    pub(super) fn render(&self, colour: bool) -> String {
        let width = self.lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let (dim, plain) = if colour { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
        self.lines.iter().map(|(name, value)| format!("{dim}{name:<width$}{plain}  {value}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_align_beside_their_names_and_what_is_not_there_is_left_out() {
        let mut page = Page::default();
        page.say("id", "4f\u{1b}[2J");
        page.say_if("mtu", None::<u32>);
        page.say_all("label", ["a=b", "c=d"]);
        page.say_all("note", [""; 0]);
        assert_eq!(page.render(false), "id     4f [2J\nlabel  a=b\n       c=d\n");
    }
}
