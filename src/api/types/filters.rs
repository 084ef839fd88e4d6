//! Filters of networks, in the words of `docker network ls` and `docker network prune`.
//!
//! Values of one key are alternatives, except for labels, all of which are wanted; keys all hold together.

use crate::api::time::moment;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// What networks are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filters {
    purpose: Purpose,
    terms: BTreeMap<String, Vec<String>>,
}

/// What the filters are for, which says what they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To list.
    List,
    /// To remove what nobody uses.
    Prune,
}

/// A filter that there is not, or a value that it cannot have: what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// What is wrong.
    pub why: String,
    /// What would be right.
    pub hint: String,
}

/// As Docker's clients write them: a list of values, or a set as an object.
#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    List(Vec<String>),
    Set(BTreeMap<String, bool>),
}

impl Purpose {
    /// The filters that there are.
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::List => &["dangling", "driver", "id", "label", "name", "scope", "type"],
            Self::Prune => &["until", "label", "label!"],
        }
    }
}

impl Filters {
    /// None yet.
    pub const fn new(purpose: Purpose) -> Self {
        Self { purpose, terms: BTreeMap::new() }
    }

    /// Adds one as the command line has it, `KEY=VALUE`.
    ///
    /// # Errors
    /// If there is no such filter, or it cannot have that value.
    pub fn add(&mut self, term: &str) -> Result<(), FilterError> {
        let (key, value) = term.split_once('=').ok_or_else(|| FilterError {
            why: format!("the filter {term:?} has no value"),
            hint: "write KEY=VALUE".to_owned(),
        })?;
        self.want(key.trim(), value.trim())
    }

    /// Reads them as Docker's clients send them: `{"driver":["bridge"]}` or `{"driver":{"bridge":true}}`.
    ///
    /// # Errors
    /// As [`Filters::add`], and if it is no such JSON.
    pub fn from_json(purpose: Purpose, text: &str) -> Result<Self, FilterError> {
        let sent: BTreeMap<String, Values> = serde_json::from_str(text).map_err(|_| FilterError {
            why: "the filters are not the JSON expected".to_owned(),
            hint: r#"write {"KEY":["VALUE"]}"#.to_owned(),
        })?;
        let mut filters = Self::new(purpose);
        for (key, values) in sent {
            let values: Vec<String> = match values {
                Values::List(values) => values,
                Values::Set(values) => values.into_iter().filter(|(_, wanted)| *wanted).map(|(value, _)| value).collect(),
            };
            values.iter().try_for_each(|value| filters.want(&key, value))?;
        }
        Ok(filters)
    }

    /// As they are sent; none if there is nothing to send.
    pub fn to_json(&self) -> Option<String> {
        let text = serde_json::to_string(&self.terms).unwrap_or_default();
        Some(text).filter(|_| !self.terms.is_empty())
    }

    /// The values asked for under a key.
    pub fn values(&self, key: &str) -> &[String] {
        self.terms.get(key).map_or(&[], Vec::as_slice)
    }

    /// Whether no value of that key is asked for, or one that holds.
    pub fn any(&self, key: &str, holds: impl Fn(&str) -> bool) -> bool {
        let values = self.values(key);
        values.is_empty() || values.iter().any(|value| holds(value))
    }

    /// Whether something made at that moment was made before all that `until` says. Moments are nanoseconds since 1970.
    pub fn is_before_until(&self, made: u64, now: u64) -> bool {
        self.values("until").iter().all(|value| moment(value, now).is_some_and(|until| made <= until))
    }

    fn want(&mut self, key: &str, value: &str) -> Result<(), FilterError> {
        let known = self.purpose.keys();
        if !known.contains(&key) {
            let why = format!("there is no filter {key:?}");
            return Err(FilterError { why, hint: format!("there are {}", known.join(", ")) });
        }
        if let Some(right) = right_values(key).filter(|right| !right.contains(&value)) {
            let why = format!("the filter {key} cannot be {value:?}");
            return Err(FilterError { why, hint: format!("write one of {}", right.join(", ")) });
        }
        if key == "until" && moment(value, 0).is_none() {
            let why = format!("the filter until cannot be {value:?}");
            return Err(FilterError { why, hint: "write a span, as 24h, or a moment, as 2026-01-02T03:04:05Z".to_owned() });
        }
        self.terms.entry(key.to_owned()).or_default().push(value.to_owned());
        Ok(())
    }
}

/// The values that a filter can have, if it cannot have any.
fn right_values(key: &str) -> Option<&'static [&'static str]> {
    match key {
        "dangling" => Some(&["true", "false", "1", "0"]),
        "scope" => Some(&["local", "global", "swarm"]),
        "type" => Some(&["builtin", "custom"]),
        _ => None,
    }
}

/// Whether labels have this one: `KEY`, or `KEY=VALUE`.
pub fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        None => labels.contains_key(wanted),
        Some((key, value)) => labels.get(key).is_some_and(|has| has == value),
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}; {}", self.why, self.hint)
    }
}

impl std::error::Error for FilterError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(terms: &[&str]) -> Result<Filters, String> {
        let mut filters = Filters::new(Purpose::List);
        terms.iter().try_for_each(|term| filters.add(term)).map_err(|error| error.to_string())?;
        Ok(filters)
    }

    #[test]
    fn both_forms_that_docker_s_clients_send_say_the_same() {
        let typed = listed(&["driver=bridge", "driver=null", "label=a=b"]).expect("known filters");
        let list = r#"{"driver":["bridge","null"],"label":["a=b"]}"#;
        let set = r#"{"label":{"a=b":true,"c":false},"driver":{"bridge":true,"null":true}}"#;
        for text in [list, set] {
            assert_eq!(Filters::from_json(Purpose::List, text), Ok(typed.clone()), "{text}");
        }
        assert_eq!(typed.to_json().as_deref(), Some(list));
        assert_eq!(listed(&[]).expect("none").to_json(), None);
    }

    #[test]
    fn unknown_filters_and_values_are_told_what_there_is() {
        for (term, said) in [
            ("colour=red", "there are dangling, driver, id, label, name, scope, type"),
            ("until=1h", "there is no filter \"until\""),
            ("driver", "write KEY=VALUE"),
            ("dangling=maybe", "write one of true, false, 1, 0"),
            ("scope=moon", "write one of local, global, swarm"),
            ("type=own", "write one of builtin, custom"),
        ] {
            let error = listed(&[term]).expect_err(term);
            assert!(error.contains(said), "{term}: {error}");
        }
        for text in ["", "[]", "null", r#"{"driver":"bridge"}"#, r#"{"driver":[1]}"#, r#"{"colour":["red"]}"#] {
            assert!(Filters::from_json(Purpose::List, text).is_err(), "{text}");
        }
        assert!(Filters::from_json(Purpose::Prune, r#"{"label!":["keep"],"until":["24h"]}"#).is_ok());
        for text in [r#"{"name":["web"]}"#, r#"{"until":["yesterday"]}"#] {
            assert!(Filters::from_json(Purpose::Prune, text).is_err(), "{text}");
        }
    }

    #[test]
    fn until_takes_what_was_made_so_long_ago() {
        const HOUR: u64 = 3_600_000_000_000;
        let mut filters = Filters::new(Purpose::Prune);
        assert!(filters.is_before_until(10 * HOUR, 10 * HOUR));
        filters.add("until=2h").expect("a span");
        assert!(filters.is_before_until(8 * HOUR, 10 * HOUR) && !filters.is_before_until(9 * HOUR, 10 * HOUR));
    }

    #[test]
    fn a_label_is_asked_for_by_its_key_or_with_its_value() {
        let labels = BTreeMap::from([("tier".to_owned(), "front=1".to_owned())]);
        let has = ["tier", "tier=front=1", "tier=", "other"].map(|wanted| has_label(&labels, wanted));
        assert_eq!(has, [true, true, false, false]);
    }
}
