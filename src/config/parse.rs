//! From text to values, table by table, so that one fault does not hide the others.

use super::fault::{Fault, Faults};
use super::spec::{FdbSpec, PortSpec, SwitchSpec};
use super::{Config, DaemonSpec, Drivers};
use crate::names::{Name, shown};
use crate::url::{Place, PortUrl};
use lanloom_drivers::defaults;
use lanloom_switch_core::MacAddr;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

type Span = Range<usize>;

/// A key as TOML has it.
type Key<'a> = Cow<'a, str>;

/// A value that has a text form and no parts.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an option is a text, a whole number, or true or false")]
enum Plain {
    Truth(bool),
    Whole(i64),
    Text(String),
}

impl Plain {
    fn text(self) -> String {
        match self {
            Self::Truth(truth) => truth.to_string(),
            Self::Whole(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Config, Faults> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, faults: Vec::new() };
    for error in &errors {
        reader.fault(error.span().unwrap_or(0..0), error.message());
    }
    // A text that is no TOML leaves tables with holes, whose faults would only be echoes.
    let config = if errors.is_empty() { reader.config(document.into_inner()) } else { Config::default() };
    reader.faults.sort_by_key(|fault| (fault.line, fault.column));
    if reader.faults.is_empty() { Ok(config) } else { Err(Faults(reader.faults)) }
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<Fault>,
}

impl Reader<'_> {
    fn fault(&mut self, span: Span, what: impl Into<String>) {
        self.faults.push(Fault::at(self.text, span, what));
    }

    fn config(&mut self, mut document: DeTable<'_>) -> Config {
        let daemon = document.remove("daemon").and_then(|value| self.read::<DaemonSpec>(value)).unwrap_or_default();
        let drivers = document.remove("drivers").map(|value| self.drivers(value)).unwrap_or_default();
        let tables = self.tables(&mut document, "switch");
        for (key, _) in document {
            self.fault(key.span(), format!("there is no key {}; there are daemon, drivers and switch", shown(key.get_ref())));
        }
        let switches: Vec<(SwitchSpec, Span)> = tables.into_iter().filter_map(|table| self.switch(table)).collect();
        self.once(switches.iter().map(|(switch, span)| (&switch.name, span.clone())), "a switch of that name");
        self.once_place(&switches);
        Config { daemon, drivers, switches: switches.into_iter().map(|(switch, _)| switch).collect() }
    }

    /// The options of drivers: an option that did nothing would leave networks without the guard that the file asks for.
    fn drivers(&mut self, value: Spanned<DeValue<'_>>) -> Drivers {
        let mut drivers = Drivers::new();
        for (name, options) in self.table(value).unwrap_or_default() {
            let Some(options) = self.table(options) else { continue };
            if let Err(what) = defaults::driver(name.get_ref()) {
                self.fault(name.span(), what);
                continue;
            }
            let read: BTreeMap<String, String> =
                options.into_iter().filter_map(|(key, value)| self.option(name.get_ref(), key, value)).collect();
            drivers.insert(name.get_ref().to_string(), read);
        }
        drivers
    }

    fn option(&mut self, driver: &str, key: Spanned<Key<'_>>, value: Spanned<DeValue<'_>>) -> Option<(String, String)> {
        let (at_key, at_value) = (key.span(), value.span());
        let key = key.into_inner().to_string();
        let value = self.read::<Plain>(value)?.text();
        let known = defaults::option(driver, &key).map_err(|what| (at_key, what));
        let fault = known.and_then(|()| defaults::value(driver, &key, &value).map_err(|what| (at_value, what))).err();
        fault.map(|(span, what)| self.fault(span, what)).map_or(Some((key, value)), |()| None)
    }

    fn switch(&mut self, table: Spanned<DeValue<'_>>) -> Option<(SwitchSpec, Span)> {
        let whole = table.span();
        let mut table = self.table(table)?;
        let name = self.take::<Name>(&mut table, "name", &whole);
        let (ports, fdb) = (self.tables(&mut table, "port"), self.tables(&mut table, "fdb"));
        let settings = self.rest(table, &whole);
        let ports: Vec<(PortSpec, Span)> = ports.into_iter().filter_map(|port| self.port(port)).collect();
        self.once(ports.iter().map(|(port, span)| (&port.name, span.clone())), "a port of that name on this switch");
        let entries = fdb.into_iter().filter_map(|entry| Some((entry.span(), self.read::<FdbSpec>(entry)?)));
        let entries: Vec<(Span, FdbSpec)> = entries.collect();
        self.entries(&entries, &ports);
        let (name, span) = name?;
        let ports = ports.into_iter().map(|(port, _)| port).collect();
        let fdb = entries.into_iter().map(|(_, entry)| entry).collect();
        Some((SwitchSpec { name, settings: settings?, ports, fdb }, span))
    }

    fn port(&mut self, table: Spanned<DeValue<'_>>) -> Option<(PortSpec, Span)> {
        let whole = table.span();
        let mut table = self.table(table)?;
        let (name, url) = (self.take::<Name>(&mut table, "name", &whole), self.take::<PortUrl>(&mut table, "url", &whole));
        let settings = self.rest(table, &whole);
        let ((name, span), (url, _)) = (name?, url?);
        Some((PortSpec { name, url, settings: settings? }, span))
    }

    fn entries(&mut self, entries: &[(Span, FdbSpec)], ports: &[(PortSpec, Span)]) {
        self.once(entries.iter().map(|(span, entry)| ((entry.key(), entry.vid), span.clone())), "an entry of that address");
        for (span, entry) in entries {
            let port = ports.iter().find(|(port, _)| port.name == entry.port).map(|(port, _)| port);
            if port.is_none() {
                self.fault(span.clone(), format!("port {} is not on this switch; add it, or name another", entry.port));
            }
            if let (Some(port), Some(_)) = (port, entry.dst)
                && !matches!(port.url, PortUrl::Vxlan(_))
            {
                let what = format!(
                    "port {} is no tunnel, and so has no other ends; leave dst out, or name a vxlan:// port",
                    entry.port
                );
                self.fault(span.clone(), what);
            }
            if entry.dst.is_none() && entry.mac == MacAddr::ZERO {
                self.fault(span.clone(), "the zero address stands for a tunnel's floods; add dst = \"ADDRESS\"");
            } else if entry.mac != MacAddr::ZERO && !entry.mac.is_valid_source() {
                self.fault(span.clone(), format!("{} is not the address of one station", entry.mac));
            }
            if entry.dst.is_some() && entry.sticky {
                self.fault(span.clone(), "what leads to the other end of a tunnel neither ages nor moves; leave sticky out");
            }
            if entry.vid != 0 {
                self.fault(
                    span.clone(),
                    format!("the switch does not look at VLAN tags, and so has no VLAN {}; leave vid out", entry.vid),
                );
            }
        }
    }

    /// Two ports cannot have one interface, or one end of a network.
    fn once_place(&mut self, switches: &[(SwitchSpec, Span)]) {
        let ports = switches.iter().flat_map(|(switch, _)| &switch.ports);
        let mut seen = HashMap::new();
        for (port, place) in ports.filter_map(|port| Some((port, port.url.place()?))) {
            let shared = match &place {
                Place::Interface(..) => "the interface",
                Place::Vxlan(..) => "the network at the address and UDP port",
            };
            if let Some(other) = seen.insert(place, &port.name) {
                let what = format!("{shared} of {} is also that of port {other}; give each port its own", port.url);
                let span = self.find(&port.url.to_string()).or_else(|| self.find(&port.url.target()));
                self.fault(span.unwrap_or(0..0), what);
            }
        }
    }

    /// The last place of a text, for a fault that has no span of its own.
    fn find(&self, what: &str) -> Option<Span> {
        self.text.rfind(what).map(|start| start..start + what.len())
    }

    fn once<K: Eq + Hash>(&mut self, keys: impl Iterator<Item = (K, Span)>, what: &str) {
        let mut seen = HashMap::new();
        for (key, span) in keys {
            let line = Fault::at(self.text, span.clone(), "").line;
            if let Some(first) = seen.insert(key, line) {
                self.fault(span, format!("{what} is on line {first} already; give it another, or leave one out"));
            }
        }
    }

    /// The tables of `[[key]]`.
    fn tables<'a>(&mut self, table: &mut DeTable<'a>, key: &str) -> Vec<Spanned<DeValue<'a>>> {
        let Some(value) = table.remove(key) else { return Vec::new() };
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(tables) => tables.into_iter().collect(),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                self.fault(span, format!("{key} is a list of tables; write [[{key}]] with two brackets"));
                Vec::new()
            }
        }
    }

    fn table<'a>(&mut self, value: Spanned<DeValue<'a>>) -> Option<DeTable<'a>> {
        let span = value.span();
        if let DeValue::Table(table) = value.into_inner() {
            return Some(table);
        }
        self.fault(span, "a table is wanted here, with KEY = VALUE in it");
        None
    }

    /// A key that must be there, and where its value is.
    fn take<T: DeserializeOwned>(&mut self, table: &mut DeTable<'_>, key: &str, whole: &Span) -> Option<(T, Span)> {
        let Some(value) = table.remove(key) else {
            self.fault(whole.clone(), format!("it has no {key}; add {key} = \"…\""));
            return None;
        };
        let span = value.span();
        self.read(value).map(|read| (read, span))
    }

    /// The settings that are left in a table when what it must have was taken.
    fn rest<T: DeserializeOwned>(&mut self, table: DeTable<'_>, whole: &Span) -> Option<T> {
        self.read(Spanned::new(whole.clone(), DeValue::Table(table)))
    }

    fn read<T: DeserializeOwned>(&mut self, value: Spanned<DeValue<'_>>) -> Option<T> {
        let span = value.span();
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(read) => Some(read),
            Err(error) => {
                self.fault(error.span().unwrap_or(span), error.message());
                None
            }
        }
    }
}
