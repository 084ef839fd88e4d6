//! `key=value` words, read and checked one by one.

use super::BuildError;
use crate::mac::MacAddr;
use std::net::IpAddr;
use std::str::FromStr;

/// What a frame is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Arp,
    Icmp,
    Tcp,
    Udp,
    Ethernet,
}

impl Kind {
    pub(super) fn of(word: &str) -> Option<Self> {
        match word {
            "arp" => Some(Self::Arp),
            "icmp" => Some(Self::Icmp),
            "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "eth" => Some(Self::Ethernet),
            _ => None,
        }
    }

    fn keys(self) -> &'static str {
        match self {
            Self::Arp => "src dst smac dmac vlan op",
            Self::Icmp => "src dst smac dmac vlan op id seq ttl len",
            Self::Tcp => "src dst smac dmac vlan sport dport flags seq ack ttl len",
            Self::Udp => "src dst smac dmac vlan sport dport ttl len",
            Self::Ethernet => "src dst smac dmac vlan type len",
        }
    }
}

/// One end of what is sent, as far as it was said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    pub(super) mac: Option<MacAddr>,
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
}

/// All that was said.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) kind: Kind,
    pub(super) src: End,
    pub(super) dst: End,
    /// Outermost first, at most two.
    pub(super) vlans: Vec<u16>,
    pub(super) reply: Option<bool>,
    pub(super) id: Option<u16>,
    pub(super) seq: Option<u32>,
    pub(super) ack: Option<u32>,
    pub(super) flags: Option<Flags>,
    pub(super) ttl: Option<u8>,
    pub(super) len: Option<usize>,
    pub(super) ethertype: Option<u16>,
}

/// The flags of a TCP segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) fin: bool,
    pub(super) syn: bool,
    pub(super) rst: bool,
    pub(super) psh: bool,
    pub(super) ack: bool,
    pub(super) urg: bool,
}

impl Words {
    pub(super) fn parse<'a>(kind: Kind, words: impl Iterator<Item = &'a str>) -> Result<Self, BuildError> {
        let (src, dst) = (End::default(), End::default());
        let mut parsed = Self {
            kind,
            src,
            dst,
            vlans: Vec::new(),
            reply: None,
            id: None,
            seq: None,
            ack: None,
            flags: None,
            ttl: None,
            len: None,
            ethertype: None,
        };
        for word in words {
            let known = kind.keys();
            let unknown = || BuildError::UnknownKey { word: word.to_owned(), known };
            let (name, value) = word.split_once('=').ok_or_else(unknown)?;
            let key = known.split(' ').find(|key| *key == name).ok_or_else(unknown)?;
            parsed.set(key, value)?;
        }
        Ok(parsed)
    }

    fn set(&mut self, key: &'static str, value: &str) -> Result<(), BuildError> {
        match key {
            "src" => set_address(&mut self.src, key, value),
            "dst" => set_address(&mut self.dst, key, value),
            "smac" => once(&mut self.src.mac, key, read(key, value, "a MAC address")?),
            "dmac" => once(&mut self.dst.mac, key, read(key, value, "a MAC address")?),
            "vlan" => self.add_vlan(value),
            "sport" => once(&mut self.src.port, key, read(key, value, PORT)?),
            "dport" => once(&mut self.dst.port, key, read(key, value, PORT)?),
            "op" => once(&mut self.reply, key, read_operation(value)?),
            "id" => once(&mut self.id, key, read(key, value, "a number from 0 to 65535")?),
            "seq" if self.kind == Kind::Icmp => {
                let seq: u16 = read(key, value, "a number from 0 to 65535")?;
                once(&mut self.seq, key, u32::from(seq))
            }
            "seq" => once(&mut self.seq, key, read(key, value, "a number from 0 to 4294967295")?),
            "ack" => once(&mut self.ack, key, read(key, value, "a number from 0 to 4294967295")?),
            "flags" => once(&mut self.flags, key, read_flags(value)?),
            "ttl" => once(&mut self.ttl, key, read(key, value, "a number from 0 to 255")?),
            "len" => once(&mut self.len, key, read(key, value, "the payload's bytes, a number from 0 on")?),
            _ => once(&mut self.ethertype, key, read_type(value)?),
        }
    }

    fn add_vlan(&mut self, value: &str) -> Result<(), BuildError> {
        let vid = read::<u16>("vlan", value, VLAN)?;
        if vid > 4094 {
            return Err(BuildError::BadValue { key: "vlan", value: value.to_owned(), expected: VLAN });
        }
        if self.vlans.len() == 2 {
            return Err(BuildError::BadValue { key: "vlan", value: value.to_owned(), expected: "at most two VLAN tags" });
        }
        self.vlans.push(vid);
        Ok(())
    }
}

const PORT: &str = "a port number from 0 to 65535";
const VLAN: &str = "a VLAN id from 0 to 4094";

/// A MAC or an IP address: they cannot be taken for each other, as an IPv6 address of six parts has a `::`.
fn set_address(end: &mut End, key: &'static str, value: &str) -> Result<(), BuildError> {
    if let Ok(mac) = value.parse() {
        return once(&mut end.mac, key, mac);
    }
    once(&mut end.ip, key, read(key, value, "a MAC address like 02:00:00:00:00:0a or an IP address")?)
}

fn once<T>(place: &mut Option<T>, key: &'static str, value: T) -> Result<(), BuildError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(BuildError::Twice { key }),
    }
}

fn read<T: FromStr>(key: &'static str, value: &str, expected: &'static str) -> Result<T, BuildError> {
    value.parse().map_err(|_| BuildError::BadValue { key, value: value.to_owned(), expected })
}

/// Whether it is a reply.
fn read_operation(value: &str) -> Result<bool, BuildError> {
    match value {
        "request" => Ok(false),
        "reply" => Ok(true),
        _ => Err(BuildError::BadValue { key: "op", value: value.to_owned(), expected: "request or reply" }),
    }
}

/// Letters as tcpdump has them, `A` also for `.`.
fn read_flags(value: &str) -> Result<Flags, BuildError> {
    let mut flags = Flags::default();
    for letter in value.chars() {
        match letter.to_ascii_uppercase() {
            'F' => flags.fin = true,
            'S' => flags.syn = true,
            'R' => flags.rst = true,
            'P' => flags.psh = true,
            'A' | '.' => flags.ack = true,
            'U' => flags.urg = true,
            _ => {
                let expected = "some of the letters F S R P A U, with . for A";
                return Err(BuildError::BadValue { key: "flags", value: value.to_owned(), expected });
            }
        }
    }
    Ok(flags)
}

fn read_type(value: &str) -> Result<u16, BuildError> {
    let digits = value.strip_prefix("0x").unwrap_or(value);
    let read = u16::from_str_radix(digits, 16).ok().filter(|_| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let expected = "an Ethernet type in hexadecimal, like 0x88b5";
    read.ok_or_else(|| BuildError::BadValue { key: "type", value: value.to_owned(), expected })
}
