//! Names that end up in `hosts`, in `resolv.conf` and in the name server: what would break a line there is refused.

use super::asked::Fault;
use crate::names::shown;

/// Most bytes of a label, and of a name without the dot at its end (RFC 1035, 2.3.4).
const LABEL_MOST: usize = 63;
const NAME_MOST: usize = 253;

/// A name of a host, as `db1` or `db1.lab`, if it is one; a dot at its end may be.
pub(super) fn host(what: &str, text: String) -> Result<String, Fault> {
    let name = text.strip_suffix('.').unwrap_or(&text);
    let wrong = word_fault(&text).or_else(|| {
        let longest = name.split('.').map(str::len).max().unwrap_or_default();
        let has_empty = name.split('.').any(str::is_empty);
        match (name.len() > NAME_MOST, longest > LABEL_MOST, has_empty) {
            (true, _, _) => Some(format!("has {} bytes of {NAME_MOST} at most", name.len())),
            (false, true, _) => Some(format!("has a part of {longest} bytes between dots, of {LABEL_MOST} at most")),
            (false, false, true) => Some("has nothing before, or between, its dots".to_owned()),
            (false, false, false) => None,
        }
    });
    refuse(what, text, wrong, "write a name like db1 or db1.lab")
}

/// A domain to search in; `.` alone is for none.
pub(super) fn search(text: String) -> Result<String, Fault> {
    if text == "." { Ok(text) } else { host("search domain", text) }
}

/// An option of `resolv.conf`.
pub(super) fn option(text: String) -> Result<String, Fault> {
    let too_long = || (text.len() > NAME_MOST).then(|| format!("has {} bytes of {NAME_MOST} at most", text.len()));
    let wrong = word_fault(&text).or_else(too_long);
    refuse("option of resolv.conf", text, wrong, "write one like ndots:2 or timeout:1")
}

/// What keeps a text from being one word of a line.
fn word_fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("is empty".to_owned());
    }
    let stray = text.chars().find(|c| c.is_control() || c.is_whitespace() || matches!(c, '#' | ';'))?;
    Some(format!("has {stray:?} in it"))
}

fn refuse(what: &str, text: String, wrong: Option<String>, hint: &str) -> Result<String, Fault> {
    match wrong {
        None => Ok(text),
        Some(wrong) => Err(Fault { why: format!("{} is no {what}: it {wrong}", shown(&text)), hint: hint.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::{host, option, search};

    #[test]
    fn names_that_would_break_a_line_or_are_too_long_are_refused_with_what_is_wrong() {
        let long = format!("{}.lab", "a".repeat(64));
        let longer = ["a".repeat(60).as_str(); 5].join(".");
        for (text, says) in [
            ("", "it is empty"),
            ("h1\n6.6.6.6 evil", "has '\\n' in it"),
            ("bad name", "has ' ' in it"),
            ("a\u{7f}", "in it"),
            ("a\u{a0}b", "in it"),
            ("a#b", "has '#' in it"),
            ("a..b", "between, its dots"),
            (".a", "its dots"),
            (".", "its dots"),
            (&long, "a part of 64 bytes"),
            (&longer, "has 304 bytes of 253"),
        ] {
            let fault = host("host name", text.to_owned()).expect_err(text);
            assert!(fault.why.contains("is no host name") && fault.why.contains(says), "{fault:?}");
            assert!(!fault.why.contains(char::is_control), "{fault:?}");
        }
    }

    #[test]
    fn names_options_and_search_domains_pass_as_they_are() {
        for text in ["db1", "db1.lab", "db1.lab.", "my_db", "größe", &"a".repeat(63)] {
            assert_eq!(host("host name", text.to_owned()).as_deref(), Ok(text));
        }
        assert_eq!((search(".".into()), search("lab".into())), (Ok(".".into()), Ok("lab".into())));
        assert_eq!(option("ndots:2".into()), Ok("ndots:2".into()));
        for text in ["", "ndots:2 rotate", "a\nnameserver 6.6.6.6"] {
            assert!(option(text.to_owned()).is_err(), "{text:?}");
            assert!(search(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
