//! Address space, to ask whether an address lies in it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A set of IPv4 and IPv6 prefixes, merged into ranges that do not touch. Asking takes a binary search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefixes {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl Prefixes {
    /// The space that is covered by prefixes, each an address in it and its length in bits. Bits beyond the length do not matter; a
    /// length beyond the address's is that address alone.
    pub fn new(prefixes: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (address, len) in prefixes {
            match address {
                IpAddr::V4(address) => {
                    let host = u32::MAX.checked_shr(len.into()).unwrap_or(0);
                    v4.push((address.to_bits() & !host, address.to_bits() | host));
                }
                IpAddr::V6(address) => {
                    let host = u128::MAX.checked_shr(len.into()).unwrap_or(0);
                    v6.push((address.to_bits() & !host, address.to_bits() | host));
                }
            }
        }
        Self { v4: merged(v4, |end| end.checked_add(1)), v6: merged(v6, |end| end.checked_add(1)) }
    }

    /// Whether an address lies in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => lies_in(&self.v4, address.to_bits()),
            IpAddr::V6(address) => lies_in(&self.v6, address.to_bits()),
        }
    }

    /// Whether no address lies in them.
    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// The ranges as first and last address, in order, IPv4 before IPv6.
    pub fn ranges(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> + '_ {
        let v4 = self.v4.iter().map(|&(first, last)| (Ipv4Addr::from_bits(first).into(), Ipv4Addr::from_bits(last).into()));
        let v6 = self.v6.iter().map(|&(first, last)| (Ipv6Addr::from_bits(first).into(), Ipv6Addr::from_bits(last).into()));
        v4.chain(v6)
    }
}

/// The same ranges in order, with those made one that overlap or touch. `after` is the number behind one, if there is one.
fn merged<T: Ord + Copy>(mut ranges: Vec<(T, T)>, after: impl Fn(T) -> Option<T>) -> Box<[(T, T)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if after(before.1).is_none_or(|next| first <= next) => before.1 = before.1.max(last),
            Some(_) | None => merged.push((first, last)),
        }
    }
    merged.into_boxed_slice()
}

fn lies_in<T: Ord + Copy>(ranges: &[(T, T)], number: T) -> bool {
    let behind = ranges.partition_point(|(first, _)| *first <= number);
    behind > 0 && number <= ranges[behind - 1].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefixes(texts: &[&str]) -> Prefixes {
        Prefixes::new(texts.iter().map(|text| {
            let (address, len) = text.split_once('/').expect("a prefix");
            (address.parse().expect("an address"), len.parse().expect("a length"))
        }))
    }

    fn shown(texts: &[&str]) -> Vec<String> {
        prefixes(texts).ranges().map(|(first, last)| format!("{first}-{last}")).collect()
    }

    #[test]
    fn prefixes_that_overlap_or_touch_become_one_range() {
        assert_eq!(
            shown(&["10.0.1.0/24", "10.0.0.9/24", "10.0.0.128/25", "10.0.3.0/24"]),
            ["10.0.0.0-10.0.1.255", "10.0.3.0-10.0.3.255"]
        );
        assert_eq!(
            shown(&["255.255.255.0/24", "0.0.0.0/1", "128.0.0.0/1", "fd00::/64"]),
            ["0.0.0.0-255.255.255.255", "fd00::-fd00::ffff:ffff:ffff:ffff"]
        );
    }

    #[test]
    fn a_prefix_may_be_everything_or_one_address() {
        let all = prefixes(&["0.0.0.0/0", "::/0"]);
        assert!(["0.0.0.0", "255.255.255.255", "::", "ffff::1"].iter().all(|text| all.contains(text.parse().expect("valid"))));
        let one = prefixes(&["10.0.0.1/32", "fd00::1/128", "10.0.0.5/200"]);
        let inside = |text: &str| one.contains(text.parse().expect("valid"));
        assert_eq!(
            ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.5", "fd00::", "fd00::1", "fd00::2"].map(inside),
            [false, true, false, true, false, true, false]
        );
        assert!(Prefixes::default().is_empty() && !one.is_empty());
    }

    proptest! {
        #[test]
        fn an_address_lies_in_the_set_if_it_lies_in_one_prefix(
            prefixes in prop::collection::vec((any::<u8>(), 20..36_u8), 0..8),
            address: u8,
            six: bool,
        ) {
            // Numbers of 24 bits behind ten, the last eight of them 0, so that some lie in each prefix.
            let bits = |number: u8| 0x0a00_0000 | u32::from(number) << 8;
            let at = |number: u8| -> IpAddr {
                if six { Ipv6Addr::from_bits(u128::from(bits(number)) << 96).into() } else { Ipv4Addr::from_bits(bits(number)).into() }
            };
            let within = |(prefix, len): &(u8, u8)| (bits(*prefix) ^ bits(address)).leading_zeros() >= u32::from(*len).min(32);
            let set = Prefixes::new(prefixes.iter().map(|(number, len)| (at(*number), *len)));
            prop_assert_eq!(set.contains(at(address)), prefixes.iter().any(within));
        }
    }
}
