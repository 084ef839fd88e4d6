//! What a port is plugged into, as users write it: `tap://t0?netns=blue&mtu=1400`.
//!
//! A [`PortUrl`] is parsed once and prints back in one canonical form: keys in a fixed order, defaults left out, bytes that mean
//! something in a URL as `%XX`. It says nothing about whether the interface exists.

use crate::names::{IfName, Name, NameError, NetnsRef, shown};
use lanloom_switch_core::MacAddr;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is plugged into a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PortUrl {
    /// `tap://IFNAME[?netns=NAME][&offload=off][&mtu=N][&persist=no][&mac=M]`: a TAP that we make.
    Tap(TapUrl),
    /// `veth://IFNAME?netns=NAME[&mtu=N][&mac=M]`: a pair that we make, the named end in the namespace.
    Veth(VethUrl),
    /// `iface://IFNAME`: an interface that somebody else made.
    Iface(IfName),
    /// `memory://NAME`: an end in this process; nobody can make one from outside.
    Memory(Name),
}

/// A TAP to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TapUrl {
    /// Its name.
    pub ifname: IfName,
    /// Where it goes; `None` leaves it in the daemon's namespace.
    pub netns: Option<NetnsRef>,
    /// Whether super-frames and partial checksums pass. `off` for who wants to see frames as they would be on a wire.
    pub offload: bool,
    /// Its MTU in bytes; `None` is the kernel's 1500.
    pub mtu: Option<u32>,
    /// Whether it stays when the daemon stops.
    pub persist: bool,
    /// Its address; `None` is a random local one.
    pub mac: Option<MacAddr>,
}

/// A veth pair to make.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VethUrl {
    /// The name of the end in the namespace.
    pub ifname: IfName,
    /// Where that end goes.
    pub netns: NetnsRef,
    /// MTU of both ends in bytes; `None` is the kernel's 1500.
    pub mtu: Option<u32>,
    /// The address of that end; `None` is a random local one.
    pub mac: Option<MacAddr>,
}

/// Least MTU of an interface (RFC 791).
pub const MTU_MIN: u32 = 68;

/// Largest MTU of a TAP: the kernel's 65,535 bytes without the Ethernet header.
pub const TAP_MTU_MAX: u32 = 65_521;

/// Largest MTU of a veth (`ETH_MAX_MTU`).
pub const VETH_MTU_MAX: u32 = 65_535;

const SCHEMES: &str = "tap://, veth://, iface://";
const TAP_KEYS: &str = "netns, offload, mtu, persist, mac";
const VETH_KEYS: &str = "netns, mtu, mac";

impl TapUrl {
    fn new(ifname: IfName) -> Self {
        Self { ifname, netns: None, offload: true, mtu: None, persist: true, mac: None }
    }
}

impl PortUrl {
    /// A TAP with every setting at its default.
    pub fn tap(ifname: IfName) -> Self {
        Self::Tap(TapUrl::new(ifname))
    }

    /// The word before `://`.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Tap(_) => "tap",
            Self::Veth(_) => "veth",
            Self::Iface(_) => "iface",
            Self::Memory(_) => "memory",
        }
    }

    /// The name after `://`.
    pub fn target(&self) -> &str {
        match self {
            Self::Tap(tap) => tap.ifname.as_str(),
            Self::Veth(veth) => veth.ifname.as_str(),
            Self::Iface(ifname) => ifname.as_str(),
            Self::Memory(name) => name.as_str(),
        }
    }

    /// The namespace that it names.
    pub fn netns(&self) -> Option<&NetnsRef> {
        match self {
            Self::Tap(tap) => tap.netns.as_ref(),
            Self::Veth(veth) => Some(&veth.netns),
            Self::Iface(_) | Self::Memory(_) => None,
        }
    }

    /// The MTU that it names.
    pub fn mtu(&self) -> Option<u32> {
        match self {
            Self::Tap(tap) => tap.mtu,
            Self::Veth(veth) => veth.mtu,
            Self::Iface(_) | Self::Memory(_) => None,
        }
    }

    fn parse_tap(target: &str, query: &str) -> Result<Self, Fault> {
        let mut tap = TapUrl::new(target.parse()?);
        for pair in Pairs::of(query) {
            let (key, value) = pair?;
            match key {
                "netns" => tap.netns = Some(value.parse()?),
                "offload" => tap.offload = switch_value(key, &value, "on", "off")?,
                "mtu" => tap.mtu = Some(mtu_value(&value, TAP_MTU_MAX)?),
                "persist" => tap.persist = switch_value(key, &value, "yes", "no")?,
                "mac" => tap.mac = Some(mac_value(&value)?),
                _ => return Err(Fault::unknown_key(key, "tap", TAP_KEYS)),
            }
        }
        Ok(Self::Tap(tap))
    }

    fn parse_veth(target: &str, query: &str) -> Result<Self, Fault> {
        let (ifname, mut netns, mut mtu, mut mac) = (target.parse()?, None, None, None);
        for pair in Pairs::of(query) {
            let (key, value) = pair?;
            match key {
                "netns" => netns = Some(value.parse()?),
                "mtu" => mtu = Some(mtu_value(&value, VETH_MTU_MAX)?),
                "mac" => mac = Some(mac_value(&value)?),
                _ => return Err(Fault::unknown_key(key, "veth", VETH_KEYS)),
            }
        }
        let netns = netns.ok_or(Fault::NoNetns)?;
        Ok(Self::Veth(VethUrl { ifname, netns, mtu, mac }))
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let (scheme, rest) = text.split_once("://").ok_or(Fault::NoScheme)?;
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let target = decode(target)?;
        match scheme {
            "tap" => Self::parse_tap(&target, query),
            "veth" => Self::parse_veth(&target, query),
            "iface" => no_keys(scheme, query).and_then(|()| Ok(Self::Iface(target.parse()?))),
            // Its other end is in this process: nobody outside can have it.
            "memory" => Err(Fault::InProcess),
            _ => Err(Fault::UnknownScheme(shown(scheme))),
        }
    }
}

fn no_keys(scheme: &str, query: &str) -> Result<(), Fault> {
    match Pairs::of(query).next() {
        None => Ok(()),
        Some(pair) => Err(Fault::KeyOfNone(shown(pair?.0), scheme.to_owned())),
    }
}

fn switch_value(key: &str, value: &str, yes: &'static str, no: &'static str) -> Result<bool, Fault> {
    match value {
        _ if value == yes => Ok(true),
        _ if value == no => Ok(false),
        _ => Err(Fault::Value { key: key.to_owned(), value: shown(value), right: format!("{yes} or {no}") }),
    }
}

fn mtu_value(value: &str, most: u32) -> Result<u32, Fault> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let mtu = value.parse().ok().filter(|mtu| digits && (MTU_MIN..=most).contains(mtu));
    mtu.ok_or_else(|| Fault::Value { key: "mtu".into(), value: shown(value), right: format!("{MTU_MIN} to {most}") })
}

fn mac_value(value: &str) -> Result<MacAddr, Fault> {
    let right = "the address of one station, like 02:00:00:00:00:0a";
    let mac = value.parse().ok().filter(|mac: &MacAddr| mac.is_valid_source());
    mac.ok_or_else(|| Fault::Value { key: "mac".into(), value: shown(value), right: right.into() })
}

/// The `key=value` pairs of a query, each key once.
struct Pairs<'a> {
    rest: Option<&'a str>,
    seen: Vec<&'a str>,
}

impl<'a> Pairs<'a> {
    fn of(query: &'a str) -> Self {
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
fn decode(text: &str) -> Result<String, Fault> {
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
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'&' | b'#' | b'=' | b'"' | b'\'');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl fmt::Display for PortUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys: Vec<(&str, String)> = Vec::new();
        keys.extend(self.netns().map(|netns| ("netns", encode(&netns.to_string()))));
        if matches!(self, Self::Tap(tap) if !tap.offload) {
            keys.push(("offload", "off".into()));
        }
        keys.extend(self.mtu().map(|mtu| ("mtu", mtu.to_string())));
        if matches!(self, Self::Tap(tap) if !tap.persist) {
            keys.push(("persist", "no".into()));
        }
        let mac = match self {
            Self::Tap(tap) => tap.mac,
            Self::Veth(veth) => veth.mac,
            Self::Iface(_) | Self::Memory(_) => None,
        };
        keys.extend(mac.map(|mac| ("mac", mac.to_string())));
        write!(out, "{}://{}", self.scheme(), encode(self.target()))?;
        for (at, (key, value)) in keys.iter().enumerate() {
            write!(out, "{}{key}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl FromStr for PortUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text).map_err(|fault| UrlError { url: shown(text), fault })
    }
}

impl TryFrom<String> for PortUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

impl From<PortUrl> for String {
    fn from(url: PortUrl) -> Self {
        url.to_string()
    }
}

/// A text that is no port URL: what was given, what is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    url: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    NoScheme,
    UnknownScheme(String),
    InProcess,
    UnknownKey { key: String, scheme: &'static str, known: &'static str },
    KeyOfNone(String, String),
    NoValue(String),
    Twice(String),
    Value { key: String, value: String, right: String },
    NoNetns,
    Name(NameError),
    Escape,
    NotUtf8,
}

impl Fault {
    fn unknown_key(key: &str, scheme: &'static str, known: &'static str) -> Self {
        Self::UnknownKey { key: shown(key), scheme, known }
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScheme => write!(out, "it does not say what kind of port; there are {SCHEMES}"),
            Self::UnknownScheme(scheme) => write!(out, "no kind of port is called {scheme}; there are {SCHEMES}"),
            Self::InProcess => write!(out, "a memory:// port is made in process only; write one of {SCHEMES}"),
            Self::UnknownKey { key, scheme, known } => write!(out, "{scheme}:// has no key {key}; it has {known}"),
            Self::KeyOfNone(key, scheme) => write!(out, "{scheme}:// has no keys, and so no {key}; leave out what follows '?'"),
            Self::NoValue(pair) => write!(out, "{pair} has no value; write KEY=VALUE"),
            Self::Twice(key) => write!(out, "{key} is given twice; leave one out"),
            Self::Value { key, value, right } => write!(out, "{key}={value} is not possible; write {right}"),
            Self::NoNetns => write!(out, "a veth needs a namespace for its other end; add ?netns=NAME"),
            Self::Name(error) => write!(out, "{error}"),
            Self::Escape => write!(out, "'%' is not followed by two hexadecimal digits; write %25 for '%' itself"),
            Self::NotUtf8 => write!(out, "what its %XX stand for is not UTF-8; check them"),
        }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} is no port URL: {}", self.url, self.fault)
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::option;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        text.parse::<PortUrl>().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_form_of_the_manual_reads_and_prints_back() {
        for text in [
            "tap://t0",
            "tap://t0?netns=blue&offload=off&mtu=9000&persist=no&mac=02:00:00:00:00:0a",
            "veth://eth0?netns=/run/netns/blue&mtu=1400",
            "iface://enp3s0",
            "tap://a%26b?netns=/tmp/with%20space/%3F",
        ] {
            assert_eq!(text.parse::<PortUrl>().map(|url| url.to_string()), Ok(text.to_owned()));
        }
        let spelt_out = "tap://t0?persist=yes&offload=on&mtu=1500".parse::<PortUrl>();
        assert_eq!(spelt_out.map(|url| url.to_string()), Ok("tap://t0?mtu=1500".to_owned()));
    }

    #[test]
    fn a_refused_url_is_told_what_exists() {
        for (text, said) in [
            ("t0", "there are tap://, veth://, iface://"),
            ("vde://x", "no kind of port is called \"vde\"; there are tap://"),
            ("memory://demo", "made in process only; write one of tap://"),
            ("tap://t0?color=red", "no key \"color\"; it has netns, offload, mtu, persist, mac"),
            ("veth://t0?netns=a&offload=off", "no key \"offload\"; it has netns, mtu, mac"),
            ("veth://t0", "add ?netns=NAME"),
            ("iface://t0?mtu=1", "has no keys"),
            ("tap://t0?mtu=67", "write 68 to 65521"),
            ("tap://t0?mtu=+1500", "write 68 to 65521"),
            ("tap://t0?mac=ff:ff:ff:ff:ff:ff", "address of one station"),
            ("tap://t0?persist=maybe", "yes or no"),
            ("tap://t0?mtu=1500&mtu=1500", "given twice"),
            ("tap://t0?", ""),
            ("tap://t0?&", "has no value"),
            ("tap://", "it is empty"),
            ("tap://a/b", "'/' in it"),
            ("tap://t0?netns=../x", "absolute path"),
            ("tap://t0?netns=%00", "it has '\\0' in it"),
            ("tap://%zz", "write %25"),
            ("tap://%é", "write %25"),
            ("tap://%ff", "not UTF-8"),
        ] {
            assert!(refusal(text).contains(said), "{text}: {}", refusal(text));
            assert_eq!(refusal(text).is_empty(), said.is_empty(), "{text}");
        }
    }

    fn netns() -> impl Strategy<Value = NetnsRef> {
        "/?[A-Za-z0-9_][A-Za-z0-9_.]{0,9}|/[ -~é]{1,20}".prop_filter_map("a namespace", |text| text.parse().ok())
    }

    fn mac() -> impl Strategy<Value = MacAddr> {
        (1u64..1 << 40).prop_map(MacAddr::from_bits)
    }

    fn any_url() -> impl Strategy<Value = PortUrl> {
        let ifname = || "[!-~]{1,15}".prop_filter_map("an interface name", |text| text.parse::<IfName>().ok());
        let mtu = || option::of(MTU_MIN..=TAP_MTU_MAX);
        let tap = (ifname(), option::of(netns()), any::<bool>(), mtu(), any::<bool>(), option::of(mac()));
        let tap = tap.prop_map(|(ifname, netns, offload, mtu, persist, mac)| {
            PortUrl::Tap(TapUrl { ifname, netns, offload, mtu, persist, mac })
        });
        let veth = (ifname(), netns(), mtu(), option::of(mac()));
        let veth = veth.prop_map(|(ifname, netns, mtu, mac)| PortUrl::Veth(VethUrl { ifname, netns, mtu, mac }));
        prop_oneof![tap, veth, ifname().prop_map(PortUrl::Iface)]
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(url in any_url()) {
            let text = url.to_string();
            prop_assert!(text.is_ascii(), "{}", text);
            prop_assert_eq!(text.parse(), Ok(url));
        }

        #[test]
        fn whatever_is_typed_is_read_or_refused_in_one_line(text in "(tap|veth|iface)?(://)?.{0,40}") {
            match text.parse::<PortUrl>() {
                Ok(url) => prop_assert_eq!(url.to_string().parse(), Ok(url)),
                Err(error) => prop_assert!(!error.to_string().contains(char::is_control)),
            }
        }
    }
}
