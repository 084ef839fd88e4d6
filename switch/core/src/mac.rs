//! Ethernet addresses.

use std::fmt;
use std::str::FromStr;

/// A 48-bit MAC address in transmission order.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// FF-FF-FF-FF-FF-FF.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// 00-00-00-00-00-00, which no station may use as its own.
    pub const ZERO: Self = Self([0; 6]);

    /// The first of the sixteen group addresses reserved by 802.1D-2004 Table 7-10.
    pub const RESERVED: Self = Self([0x01, 0x80, 0xc2, 0x00, 0x00, 0x00]);

    /// Whether the group bit is set: multicast or broadcast.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether this is the broadcast address.
    pub fn is_broadcast(self) -> bool {
        self == Self::BROADCAST
    }

    /// Whether a station may send from this address: individual and not zero.
    pub fn is_valid_source(self) -> bool {
        !self.is_group() && self != Self::ZERO
    }

    /// The last four bits of a reserved address 01-80-C2-00-00-0X (Table 7-10), or `None` for any other.
    pub fn reserved(self) -> Option<u8> {
        (self.0[..5] == Self::RESERVED.0[..5] && self.0[5] <= 0x0f).then_some(self.0[5])
    }

    /// The address as a number below 2^48.
    pub fn to_bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address of the low 48 bits of a number.
    pub fn from_bits(bits: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = bits.to_be_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, f] = self.0;
        write!(out, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for MacAddr {
    type Err = MacParseError;

    /// Reads six hexadecimal bytes parted by `:` or `-`.
    fn from_str(text: &str) -> Result<Self, MacParseError> {
        let parting = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut parts = text.split(parting);
        for byte in &mut bytes {
            let part = parts.next().filter(|part| matches!(part.len(), 1 | 2)).ok_or(MacParseError)?;
            if !part.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return Err(MacParseError);
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| MacParseError)?;
        }
        if parts.next().is_some() { Err(MacParseError) } else { Ok(Self(bytes)) }
    }
}

/// A text that is not a MAC address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacParseError;

impl fmt::Display for MacParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("not a MAC address: write six hexadecimal bytes, like 02:00:00:00:00:0a")
    }
}

impl std::error::Error for MacParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        let mac: MacAddr = "02:00:5e:10:00:ff".parse().expect("a valid address");
        assert_eq!(mac.to_string(), "02:00:5e:10:00:ff");
        assert_eq!("02-00-5E-10-00-FF".parse(), Ok(mac));
        assert_eq!(MacAddr::from_bits(mac.to_bits()), mac);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "02:00", "02:00:00:00:00:0a:0b", "02:00:00:00:00:+a", "02:00:00:00:00:0g", "0200:00:00:00:00"] {
            assert_eq!(text.parse::<MacAddr>(), Err(MacParseError), "{text}");
        }
    }

    #[test]
    fn only_the_sixteen_addresses_of_table_7_10_are_reserved() {
        let at = |last| MacAddr([0x01, 0x80, 0xc2, 0, 0, last]).reserved();
        assert_eq!(at(0x00), Some(0));
        assert_eq!(at(0x0f), Some(15));
        assert_eq!(at(0x10), None);
        assert_eq!(MacAddr::BROADCAST.reserved(), None);
    }
}
