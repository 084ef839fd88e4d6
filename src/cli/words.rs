//! `KEY=VALUE`, as options, labels and settings are written, and work on many things.

use crate::api::types::EndpointInfo;
use crate::cli::output::Failure;
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
