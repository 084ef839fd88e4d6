//! What follows `?`: pairs of key and value, and bytes as `%XX`.

use super::error::Fault;
use crate::names::shown;
use std::fmt;

/// The `key=value` pairs of a query, each key once.
pub(super) struct Pairs<'a> {
    rest: Option<&'a str>,
    seen: Vec<&'a str>,
}

impl<'a> Pairs<'a> {
    pub(super) fn of(query: &'a str) -> Self {
        Self { rest: Some(query).filter(|query| !query.is_empty()), seen: Vec::new() }
    }

    fn read(&mut self, pair: &'a str) -> Result<(&'a str, String), Fault> {
        let (key, value) = pair.split_once('=').ok_or_else(|| Fault::NoValue(shown(pair)))?;
        if self.seen.contains(&key) {
            return Err(Fault::Twice(shown(key)));
        }
        self.seen.push(key);
        Ok((key, decode(value)?))
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = Result<(&'a str, String), Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.take()?;
        let (pair, rest) = rest.split_once('&').map_or((rest, None), |(pair, rest)| (pair, Some(rest)));
        self.rest = rest;
        Some(self.read(pair))
    }
}

/// Reads `%XX` as the byte that it stands for (RFC 3986, 2.1).
pub(super) fn decode(text: &str) -> Result<String, Fault> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).filter(|two| two.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok()).ok_or(Fault::Escape)?;
        bytes.push(byte);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).map_err(|_| Fault::NotUtf8)
}

/// Writes as `%XX` what would end a value or is not printable ASCII.
pub(super) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'&' | b'#' | b'=' | b'"' | b'\'');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// That there are no pairs, for a kind of port that has none.
pub(super) fn no_keys(scheme: &str, query: &str) -> Result<(), Fault> {
    match Pairs::of(query).next() {
        None => Ok(()),
        Some(pair) => Err(Fault::KeyOfNone(shown(pair?.0), scheme.to_owned())),
    }
}

/// Keys and values to be printed, in the order said.
#[derive(Default)]
pub(super) struct Keys(Vec<(&'static str, String)>);

impl Keys {
    pub(super) fn say(&mut self, key: &'static str, value: impl fmt::Display) {
        self.0.push((key, encode(&value.to_string())));
    }

    /// What is at its default is left out.
    pub(super) fn say_if(&mut self, key: &'static str, value: Option<impl fmt::Display>) {
        if let Some(value) = value {
            self.say(key, value);
        }
    }
}

impl fmt::Display for Keys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (key, value)) in self.0.iter().enumerate() {
            write!(out, "{}{key}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}
