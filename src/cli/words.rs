//! `KEY=VALUE`, as options, labels and settings are written, and work on many things.

use crate::api::types::EndpointInfo;
use crate::cli::output::Failure;
use crate::names::Name;
use std::collections::BTreeMap;
use std::str::FromStr;

/// `KEY=VALUE`; `KEY` alone has an empty value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    key: String,
    value: String,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            return Err("it has no key; write KEY=VALUE".to_owned());
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

/// The name or id, or the beginning of an id, of a network, endpoint or sandbox that is there: held to what such a name can be, so
/// that none is asked for that cannot be.
pub(super) fn known(text: &str) -> Result<String, String> {
    let is_id = text.len() == WHOLE_ID && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.parse::<Name>() {
        _ if text.is_empty() => Err("the name is empty; give a name or an id".to_owned()),
        Err(error) if !is_id => Err(error.to_string()),
        Ok(_) | Err(_) => Ok(text.to_owned()),
    }
}

/// The same of an endpoint, which may be named with its network: `web/e1`.
pub(super) fn known_endpoint(text: &str) -> Result<String, String> {
    let (network, endpoint) = text.split_once('/').map_or((None, text), |(network, endpoint)| (Some(network), endpoint));
    network.map(known).transpose()?;
    known(endpoint).map(|_| text.to_owned())
}

/// Digits of a whole id.
const WHOLE_ID: usize = 64;

/// Pairs by their keys; the last of a key counts.
pub(super) fn words(pairs: Vec<Pair>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()
}

/// Words as they were written.
pub(super) fn written(words: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    words.iter().map(|(key, value)| if value.is_empty() { key.clone() } else { format!("{key}={value}") })
}

/// All addresses of an endpoint, those of the link alone last.
pub(super) fn addresses(endpoint: &EndpointInfo) -> String {
    endpoint.addresses.iter().chain(&endpoint.link_local).map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Does something to each, goes on after a failure, and reports all of them.
pub(super) async fn each<T>(
    things: impl IntoIterator<Item = T>,
    mut work: impl AsyncFnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut failures = Vec::new();
    for thing in things {
        failures.extend(work(thing).await.err());
    }
    Failure::all(failures)
}

/// The beginning of an id, as tables show it.
pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// Digits of an id that tables show.
const SHORT_ID: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_parted_at_its_first_equals_sign() {
        let read = |text: &str| text.parse().map(|pair| words(vec![pair]));
        let pair = |key: &str, value: &str| Ok(BTreeMap::from([(key.to_owned(), value.to_owned())]));
        assert_eq!(read("a=b=c"), pair("a", "b=c"));
        assert_eq!(read("a"), pair("a", ""));
        assert!(read("=b").is_err() && read("").is_err());
        assert_eq!(
            written(&words(vec!["b=1".parse().expect("a pair"), "a".parse().expect("a key")])).collect::<Vec<_>>(),
            ["a", "b=1"]
        );
    }

    #[test]
    fn what_is_asked_for_is_a_name_or_an_id() {
        for text in ["web", "3f", &"a1".repeat(32), &"a".repeat(63)] {
            assert_eq!(known(text).as_deref(), Ok(text));
        }
        assert!(known("").is_err_and(|said| said.starts_with("the name is empty")));
        for text in ["a b", "a/b", "..", &"g".repeat(64), "a\n"] {
            assert!(known(text).is_err_and(|said| said.contains(" is no name")), "{text:?}");
        }
        for (text, is_one) in [("e1", true), ("web/e1", true), ("", false), ("/e1", false), ("web/", false), ("a/b/c", false)] {
            assert_eq!(known_endpoint(text).ok().as_deref(), is_one.then_some(text));
        }
    }

    #[tokio::test]
    async fn a_failure_does_not_stop_what_comes_after_it() {
        let mut done = Vec::new();
        let failure = each([1, 2, 3, 4], async |number: u8| {
            done.push(number);
            if number.is_multiple_of(2) { Err(Failure::failed(format!("{number} is even"))) } else { Ok(()) }
        });
        let failure = failure.await.expect_err("two failed");
        assert_eq!((failure.status(), failure.lines()), (1, &["2 is even".to_owned(), "4 is even".to_owned()][..]));
        assert_eq!(done, [1, 2, 3, 4]);
    }
}
