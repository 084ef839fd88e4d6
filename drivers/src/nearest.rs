//! Which of the words that are known somebody may have meant.

/// The known word whose last part, behind the last dot, is closest to that of `given`: the same, or up to a third of its letters
/// apart. Of two that are as close, the one that is closer as a whole.
pub(crate) fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    let part = last_part(given);
    let far = |word: &str| (distance(part, last_part(word)), distance(given, word));
    let best = known.iter().copied().min_by_key(|word| far(word))?;
    (distance(part, last_part(best)) <= part.chars().count() / 3).then_some(best)
}

fn last_part(word: &str) -> &str {
    word.rsplit('.').next().unwrap_or(word)
}

/// Letters to put in, take out or change, to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut before = line;
        let mut next = vec![line + 1];
        for (at, other) in to.iter().enumerate() {
            let changed = before + usize::from(letter != *other);
            before = row.get(at + 1).copied().unwrap_or(usize::MAX);
            let left = next.last().copied().unwrap_or(usize::MAX);
            next.push(changed.min(before.saturating_add(1)).min(left.saturating_add(1)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn distances_are_counted_in_letters() {
        for (from, to, letters) in [("", "abc", 3), ("abc", "abc", 0), ("kitten", "sitting", 3), ("trsuted", "trusted", 2)] {
            assert_eq!((distance(from, to), distance(to, from)), (letters, letters), "{from} {to}");
        }
    }

    #[test]
    fn the_nearest_is_by_the_last_part_or_none() {
        let known = ["a.bridge.enable_icc", "a.driver.mtu", "lanloom.guard", "lanloom.trusted"];
        for (given, meant) in [
            ("enable_icc", Some("a.bridge.enable_icc")),
            ("mtu", Some("a.driver.mtu")),
            ("lanloom.trsuted", Some("lanloom.trusted")),
            ("com.lanloom.gaurd", None),
            ("lanloom.gard", Some("lanloom.guard")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(given, &known), meant, "{given}");
        }
    }
}
