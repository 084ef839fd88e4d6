//! How our lines change in a file that a user has changed too.
//!
//! No marks in the file: what we wrote last is known, so a line of ours is one that stands there as we wrote it. A line that the
//! user has touched is the user's from then on, and a line of ours that the user has taken out stays out.

/// Whose lines a file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// What the file is to hold now.
    pub bytes: Vec<u8>,
    /// Whether a user had changed it since it was last written.
    pub edited: bool,
}

/// Leads a file that holds `present` from `last`, what we wrote last, to `wanted`: lines of ours that are not wanted any more go,
/// new ones come behind the last of ours that is still there, all others stay as they are. Bytes, since a user's may be of any
/// encoding.
pub fn merge(present: &[u8], last: &[u8], wanted: &[u8]) -> Merged {
    if present == last || present == wanted {
        return Merged { bytes: wanted.to_vec(), edited: false };
    }
    let mut going = without(&lines(last), &lines(wanted));
    // What stands there already is not written once more: a user may have been first, or a crash came before we noted it.
    let coming = without(&without(&lines(wanted), &lines(last)), &without(&lines(present), &lines(last)));
    let mut kept = lines(present);
    // From the end: if the user has written one of our lines once more, it is ours that goes, which is as good as theirs.
    for at in (0..kept.len()).rev() {
        if take(&mut going, kept[at]) {
            kept.remove(at);
        }
    }
    let ours = lines(last);
    let behind = kept.iter().rposition(|line| ours.contains(line)).map_or(kept.len(), |at| at + 1);
    kept.splice(behind..behind, coming);
    let bytes = kept.iter().flat_map(|line| [line, &b"\n"[..]]).flatten().copied().collect();
    Merged { bytes, edited: true }
}

/// The lines, without what ends them.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let ended = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() { Vec::new() } else { ended.split(|byte| *byte == b'\n').collect() }
}

/// The lines of `some` that `others` has not, each as often as it has it oftener.
fn without<'a>(some: &[&'a [u8]], others: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut others = others.to_vec();
    some.iter().copied().filter(|line| !take(&mut others, line)).collect()
}

/// Takes one such line out, if there is one.
fn take(lines: &mut Vec<&[u8]>, line: &[u8]) -> bool {
    let at = lines.iter().position(|other| *other == line);
    at.map(|at| lines.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn merged(present: &str, last: &str, wanted: &str) -> String {
        String::from_utf8(merge(present.as_bytes(), last.as_bytes(), wanted.as_bytes()).bytes).expect("text")
    }

    #[test]
    fn a_file_that_nobody_touched_becomes_what_is_wanted() {
        let merged = merge(b"old\n", b"old\n", b"new\n");
        assert_eq!(merged, Merged { bytes: b"new\n".to_vec(), edited: false });
    }

    #[test]
    fn a_user_s_lines_stay_where_they_are_while_ours_come_and_go() {
        let last = "127.0.0.1\tlocalhost\n172.18.0.2\ta\n";
        let present = "# mine\n127.0.0.1\tlocalhost\n172.18.0.2\ta\n192.0.2.7 db\n";
        let connected = "127.0.0.1\tlocalhost\n172.18.0.2\ta\n172.19.0.2\ta\n";
        let then = merged(present, last, connected);
        assert_eq!(then, "# mine\n127.0.0.1\tlocalhost\n172.18.0.2\ta\n172.19.0.2\ta\n192.0.2.7 db\n");
        let left = "127.0.0.1\tlocalhost\n172.19.0.2\ta\n";
        assert_eq!(merged(&then, connected, left), "# mine\n127.0.0.1\tlocalhost\n172.19.0.2\ta\n192.0.2.7 db\n");
    }

    #[test]
    fn a_line_that_the_user_changed_is_the_user_s() {
        let last = "127.0.0.1\tlocalhost\n172.18.0.2\ta\n";
        let present = "127.0.0.1\tlocalhost\n172.18.0.2\ta www\n";
        assert_eq!(merged(present, last, "127.0.0.1\tlocalhost\n"), present);
    }

    #[test]
    fn a_line_of_ours_that_the_user_took_out_stays_out() {
        let last = "127.0.0.1\tlocalhost\nff02::1\tip6-allnodes\n";
        let wanted = "127.0.0.1\tlocalhost\nff02::1\tip6-allnodes\n172.18.0.2\ta\n";
        assert_eq!(merged("127.0.0.1\tlocalhost\n", last, wanted), "127.0.0.1\tlocalhost\n172.18.0.2\ta\n");
    }

    #[test]
    fn a_file_in_any_encoding_and_without_a_last_newline_is_kept_to_the_byte() {
        let merged = merge(b"\xe9t\xe9\r\n192.0.2.7 db", b"", b"172.18.0.2\ta\n");
        assert_eq!(merged.bytes, b"\xe9t\xe9\r\n192.0.2.7 db\n172.18.0.2\ta\n");
        assert!(merged.edited);
    }

    #[test]
    fn a_line_that_is_there_already_is_not_written_twice() {
        let present = "192.0.2.7 db\n127.0.0.1\tlocalhost\n172.18.0.2\ta\n";
        assert_eq!(merged(present, "127.0.0.1\tlocalhost\n", "127.0.0.1\tlocalhost\n172.18.0.2\ta\n"), present);
    }

    proptest! {
        #[test]
        fn lines_that_are_not_ours_survive_whatever_comes_and_goes(
            theirs in proptest::collection::vec("[t-z]{1,3}", 1..6),
            before in proptest::collection::vec("[a-c]", 0..6),
            after in proptest::collection::vec("[a-c]", 0..6),
            at in 0usize..6,
        ) {
            let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
            let mut present = before.clone();
            present.splice(at.min(before.len())..at.min(before.len()), theirs.clone());
            let result = merged(&text(&present), &text(&before), &text(&after));
            let (left, ours): (Vec<&str>, Vec<&str>) = result.lines().partition(|line| line.starts_with(|c| c >= 't'));
            prop_assert_eq!(left, theirs.iter().map(String::as_str).collect::<Vec<_>>());
            let sorted = |mut lines: Vec<String>| { lines.sort(); lines };
            prop_assert_eq!(sorted(ours.into_iter().map(str::to_owned).collect()), sorted(after));
        }
    }
}
