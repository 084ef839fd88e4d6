//! Reverse names: an address as labels under `in-addr.arpa` (RFC 1035 §3.5) or `ip6.arpa` (RFC 3596 §2.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that `name`, without its last dot, stands for; `None` if it is not the reverse name of a whole address.
pub(super) fn address(name: &str) -> Option<IpAddr> {
    let name = name.to_ascii_lowercase();
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        return v4(labels).map(IpAddr::V4);
    }
    v6(name.strip_suffix(".ip6.arpa")?).map(IpAddr::V6)
}

/// Four numbers, the last of the address first.
fn v4(labels: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut numbers = labels.split('.');
    for octet in octets.iter_mut().rev() {
        let number = numbers.next()?;
        let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && (number == "0" || !number.starts_with('0'));
        *octet = plain.then(|| number.parse().ok())??;
    }
    numbers.next().is_none().then(|| octets.into())
}

/// Thirty-two hexadecimal digits, the last of the address first.
fn v6(labels: &str) -> Option<Ipv6Addr> {
    let mut bits = 0;
    let mut digits = labels.split('.');
    for place in 0..32 {
        let mut digit = digits.next()?.chars();
        let value = u128::from(digit.next()?.to_digit(16)?);
        bits |= value << (4 * place);
        if digit.next().is_some() {
            return None;
        }
    }
    digits.next().is_none().then(|| Ipv6Addr::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reverse_name_stands_for_its_address_in_any_case() {
        assert_eq!(address("4.3.2.1.in-addr.arpa"), Some("1.2.3.4".parse().unwrap()));
        assert_eq!(address("0.0.0.10.IN-ADDR.ARPA"), Some("10.0.0.0".parse().unwrap()));
        let name = "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.Ip6.arpa";
        assert_eq!(address(name), Some("2001:db8::567:89ab".parse().unwrap()));
    }

    #[test]
    fn what_is_no_whole_address_stands_for_none() {
        for name in [
            "in-addr.arpa",
            "3.2.1.in-addr.arpa",
            "5.4.3.2.1.in-addr.arpa",
            "256.3.2.1.in-addr.arpa",
            "04.3.2.1.in-addr.arpa",
            "+4.3.2.1.in-addr.arpa",
            ".3.2.1.in-addr.arpa",
            "4.3.2.1.example",
            "1.0.0.2.ip6.arpa",
            "arpa",
            "",
        ] {
            assert_eq!(address(name), None, "{name}");
        }
        let digits = |digit: &str| format!("{}ip6.arpa", format!("{digit}.").repeat(32));
        assert!(address(&digits("0")).is_some());
        assert_eq!(address(&digits("00")), None);
        assert_eq!(address(&digits("g")), None);
        assert_eq!(address(&format!("0.{}", digits("0"))), None);
    }
}
