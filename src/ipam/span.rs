//! Addresses as numbers, and runs of them: the one arithmetic for both families.

use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A run of addresses of one family, both ends included, as numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u128,
    pub(super) last: u128,
}

impl Family {
    /// The family of an address.
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// The family of a subnet.
    pub fn of_net(net: IpNet) -> Self {
        Self::of(net.addr())
    }

    /// Bits of an address: 32 or 128.
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// The other one.
    pub(super) const fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }

    /// All of its addresses.
    pub(super) const fn all(self) -> Span {
        Span { first: 0, last: self.ones(self.bits()) }
    }

    /// The address with that number.
    pub(super) fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from_bits((number & 0xffff_ffff) as u32).into(),
            Self::V6 => Ipv6Addr::from_bits(number).into(),
        }
    }

    /// The host part of a subnet of this family with every bit set, for 0 to [`Family::bits`] bits of host.
    const fn ones(self, host: u8) -> u128 {
        match host {
            0 => 0,
            host => u128::MAX >> (128 - host as u32),
        }
    }

    /// The distance from the first to the last address of a subnet with that prefix length.
    pub(super) const fn reach(self, prefix: u8) -> u128 {
        self.ones(self.bits().saturating_sub(prefix))
    }
}

impl fmt::Display for Family {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl Span {
    /// All addresses of a subnet, the reserved ones too.
    pub(super) fn of(net: IpNet) -> Self {
        Self { first: number(net.network()), last: number(net.broadcast()) }
    }

    /// A single address.
    pub(super) const fn one(number: u128) -> Self {
        Self { first: number, last: number }
    }

    /// Whether `number` lies in it.
    pub(super) const fn contains(self, number: u128) -> bool {
        self.first <= number && number <= self.last
    }

    /// What both have, if anything.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let both = Self { first: self.first.max(other.first), last: self.last.min(other.last) };
        (both.first <= both.last).then_some(both)
    }

    /// How many addresses it has. All of IPv6 has one more than can be said here, and counts as one less than it has.
    pub(super) const fn count(self) -> u128 {
        (self.last - self.first).saturating_add(1)
    }
}

/// An address as a number: in network byte order, the highest bit first.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// Whether all of `inner` lies in `outer`; never across families.
pub(super) fn within(outer: IpNet, inner: IpNet) -> bool {
    Family::of_net(outer) == Family::of_net(inner) && outer.contains(&inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_comes_back_from_its_number() {
        for text in ["0.0.0.0", "10.1.2.3", "255.255.255.255", "::", "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(Family::of(address).address(number(address)), address);
        }
    }

    #[test]
    fn a_span_counts_its_ends() {
        for (text, count) in [("10.0.0.0/24", 256), ("10.0.0.1/32", 1), ("0.0.0.0/0", 1 << 32), ("fd00::/64", 1 << 64)] {
            assert_eq!(Span::of(net(text)).count(), count, "{text}");
            assert_eq!(Family::of_net(net(text)).reach(net(text).prefix_len()), count - 1, "{text}");
        }
        assert_eq!(Span::of(net("::/0")), Family::V6.all());
        assert_eq!(Family::V6.all().count(), u128::MAX);
    }

    #[test]
    fn spans_share_what_lies_in_both() {
        let span = |first, last| Span { first, last };
        assert_eq!(span(1, 5).and(span(5, 9)), Some(span(5, 5)));
        assert_eq!(span(1, 5).and(span(2, 3)), Some(span(2, 3)));
        assert_eq!(span(1, 5).and(span(6, 9)), None);
    }

    #[test]
    fn nothing_lies_in_a_subnet_of_the_other_family() {
        assert!(within(net("10.0.0.0/8"), net("10.1.0.0/16")));
        assert!(!within(net("10.1.0.0/16"), net("10.0.0.0/8")));
        assert!(!within(net("::/0"), net("10.0.0.0/8")) && !within(net("0.0.0.0/0"), net("fd00::/8")));
    }
}
