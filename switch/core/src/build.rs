//! A frame from words, as `lanloom trace` takes them.
//!
//! ```text
//! arp   src=10.0.0.1 dst=10.0.0.2
//! icmp  src=02:00:00:00:00:0a src=10.0.0.1 dst=02:00:00:00:00:0b dst=10.0.0.2
//! tcp   src=fe80::1 dst=fe80::2 dport=443 flags=S. vlan=5
//! udp   src=… dst=… sport=68 dport=67 len=300
//! eth   src=02:00:00:00:00:0a dst=ff:ff:ff:ff:ff:ff type=0x88b5
//! ff ff ff ff ff ff 02 …
//! ```
//! `src` and `dst` take a MAC address, an IP address, or (said twice) both; `smac` and `dmac` only a MAC address. What is not
//! said is assumed, of what is [`Known`] or else always the same, and told in [`Built::assumed`]. It is *not* a packet generator: it
//! makes whole, correct frames; wrong ones come as hexadecimal.

mod layers;
mod words;

use crate::mac::MacAddr;
use std::fmt;
use std::net::IpAddr;

/// Bytes of the longest frame that can be built.
pub const BUILD_MAX: usize = 65_536;

/// A frame that was made from words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// From the destination address on, all checksums right.
    pub bytes: Vec<u8>,
    /// What nobody said and had to be chosen, like `dmac=02:00:0a:00:00:02`.
    pub assumed: Vec<String>,
}

/// What is known where the frame would be sent, for what nobody says. `()` knows nothing.
pub trait Known {
    /// The hardware address of whoever sends it.
    fn sender(&self) -> Option<MacAddr>;

    /// An address that they have: of IPv6, or of IPv4.
    fn sender_address(&self, v6: bool) -> Option<IpAddr>;

    /// The hardware address that they send to for an IP address: its owner's, or a router's.
    fn neighbour(&self, ip: IpAddr) -> Option<MacAddr>;
}

impl Known for () {
    fn sender(&self) -> Option<MacAddr> {
        None
    }

    fn sender_address(&self, _: bool) -> Option<IpAddr> {
        None
    }

    fn neighbour(&self, _: IpAddr) -> Option<MacAddr> {
        None
    }
}

/// Makes the frame that `text` describes. The same text gives the same bytes.
///
/// # Errors
/// If a word is unknown or its value is none; the error says which, and what would be right.
pub fn build(text: &str) -> Result<Built, BuildError> {
    build_where(&(), text)
}

/// The same where something is known of who would send it and who would get it.
///
/// # Errors
/// As [`build`].
pub fn build_where(known: &dyn Known, text: &str) -> Result<Built, BuildError> {
    let mut words = text.split_whitespace();
    let first = words.next().ok_or(BuildError::Empty)?;
    match words::Kind::of(first) {
        Some(kind) => layers::write(known, &words::Words::parse(kind, words)?),
        None if is_hex(first) => Ok(Built { bytes: hex(text)?, assumed: Vec::new() }),
        None => Err(BuildError::UnknownKind { word: first.to_owned() }),
    }
}

fn is_hex(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit() || matches!(digit, b':' | b'-'))
}

/// Bytes as hexadecimal digits; spaces, colons and dashes between them do not matter.
fn hex(text: &str) -> Result<Vec<u8>, BuildError> {
    let mut digits = Vec::new();
    for word in text.split_whitespace() {
        for digit in word.strip_prefix("0x").unwrap_or(word).chars().filter(|letter| !matches!(letter, ':' | '-')) {
            digits.push(digit.to_digit(16).ok_or(BuildError::NoHexDigit { found: digit })? as u8);
        }
    }
    if !digits.len().is_multiple_of(2) {
        return Err(BuildError::OddHex { digits: digits.len() });
    }
    if digits.len() / 2 > BUILD_MAX {
        return Err(BuildError::TooLong { len: digits.len() / 2 });
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Why a text is no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildError {
    /// There are no words.
    Empty,
    /// The first word names nothing that can be built.
    UnknownKind {
        /// That word.
        word: String,
    },
    /// A character among hexadecimal digits is none.
    NoHexDigit {
        /// That character.
        found: char,
    },
    /// Half a byte is missing.
    OddHex {
        /// How many digits there are.
        digits: usize,
    },
    /// A word is not `key=value` with a key that this kind of frame has.
    UnknownKey {
        /// That word.
        word: String,
        /// The keys that it has.
        known: &'static str,
    },
    /// A value cannot be read.
    BadValue {
        /// Its key.
        key: &'static str,
        /// The value.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// A key came twice that may come once.
    Twice {
        /// The key.
        key: &'static str,
    },
    /// A key is missing that nothing can be assumed for.
    Missing {
        /// The key.
        key: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// One address is IPv4 and the other IPv6, or ARP was given IPv6.
    MixedFamilies,
    /// More than a frame holds.
    TooLong {
        /// Bytes that the frame would have.
        len: usize,
    },
}

impl fmt::Display for BuildError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => {
                out.write_str("no frame given: write one like `icmp src=10.0.0.1 dst=10.0.0.2`, or its bytes in hexadecimal")
            }
            Self::UnknownKind { word } => write!(
                out,
                "a frame cannot start with {word:?}: write arp, icmp, tcp, udp or eth and then key=value words, or the frame's bytes in hexadecimal"
            ),
            Self::NoHexDigit { found } => {
                write!(out, "{found:?} is no hexadecimal digit: write the frame's bytes as 0-9 and a-f")
            }
            Self::OddHex { digits } => {
                write!(out, "{digits} hexadecimal digits are half a byte too many: write two for each byte")
            }
            Self::UnknownKey { word, known } => {
                write!(out, "cannot use {word:?}: write key=value, with one of the keys {known}")
            }
            Self::BadValue { key, value, expected } => write!(out, "{key}={value} cannot be: write {expected}"),
            Self::Twice { key } => write!(out, "{key} is given twice: leave one"),
            Self::Missing { key, expected } => write!(out, "{key} is missing: write {key}= and {expected}"),
            Self::MixedFamilies => out.write_str(
                "the addresses do not fit together: give src and dst both as IPv4 or both as IPv6; arp has only IPv4",
            ),
            Self::TooLong { len } => {
                write!(out, "a frame of {len} bytes is too long: {BUILD_MAX} is the most; give a smaller len or fewer bytes")
            }
        }
    }
}

impl std::error::Error for BuildError {}
