//! The sockets of this thread's namespace, as `/proc/net/udp` and `udp6` list them.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A socket that is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bound {
    local: SocketAddr,
    /// The number by which descriptors name it.
    inode: u64,
}

/// The socket that keeps another from being bound to that address: one with the address itself rather than with all.
pub(super) fn in_the_way(local: SocketAddr) -> io::Result<Option<u64>> {
    let mut all = read("/proc/thread-self/net/udp", local)?;
    all.extend(read("/proc/thread-self/net/udp6", local)?);
    all.sort_by_key(|bound| bound.local.ip().is_unspecified());
    Ok(all.first().map(|bound| bound.inode))
}

/// What of a file is in the way; a kernel without IPv6 has no `udp6`.
fn read(path: &str, local: SocketAddr) -> io::Result<Vec<Bound>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().filter_map(bound).filter(|bound| conflicts(bound.local, local)).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether a socket with the one address can be in the way of one with the other. One with all addresses of IPv6 has those of IPv4
/// too, unless it says otherwise, which is not listed.
fn conflicts(there: SocketAddr, wanted: SocketAddr) -> bool {
    let overlap = match (there.ip().to_canonical(), wanted.ip().to_canonical()) {
        (IpAddr::V6(there), IpAddr::V4(_)) => there.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(wanted)) => wanted.is_unspecified(),
        (there, wanted) => there == wanted || there.is_unspecified() || wanted.is_unspecified(),
    };
    there.port() == wanted.port() && overlap
}

/// A line: the address in words of the machine's byte order, the port as a number, and the inode in the tenth column.
fn bound(line: &str) -> Option<Bound> {
    let mut columns = line.split_whitespace();
    let (address, port) = columns.nth(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let inode = columns.nth(7)?.parse().ok()?;
    Some(Bound { local: SocketAddr::new(self::address(address)?, port), inode })
}

fn address(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(digits.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    match digits.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_one_that_is_cut_is_not() {
        let line = " 7824: 0100007F:12B5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 33183085 2 0 0";
        let local = "127.0.0.1:4789".parse().expect("an address");
        if cfg!(target_endian = "little") {
            assert_eq!(bound(line), Some(Bound { local, inode: 33_183_085 }));
            let six = line.replace("0100007F", "00000000000000000000000001000000");
            assert_eq!(bound(&six).map(|bound| bound.local), "[::1]:4789".parse().ok());
        }
        for cut in 0..line.find("33183085").expect("the inode") {
            assert_eq!(bound(&line[..cut]), None, "{cut}");
        }
        assert_eq!(
            bound("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"),
            None
        );
        assert_eq!(bound(&line.replace("0100007F", "é100007F")), None);
    }

    #[test]
    fn all_addresses_of_ipv6_are_in_the_way_of_ipv4_and_others_only_of_their_own() {
        let conflict =
            |there: &str, wanted: &str| conflicts(there.parse().expect("an address"), wanted.parse().expect("an address"));
        for (there, wanted) in [
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("0.0.0.0:1", "10.0.0.1:1"),
            ("[::]:1", "10.0.0.1:1"),
            ("[::ffff:10.0.0.1]:1", "10.0.0.1:1"),
            ("[::]:1", "[fd00::1]:1"),
        ] {
            assert!(conflict(there, wanted), "{there} {wanted}");
        }
        for (there, wanted) in [
            ("10.0.0.1:2", "10.0.0.1:1"),
            ("10.0.0.2:1", "10.0.0.1:1"),
            ("0.0.0.0:1", "[fd00::1]:1"),
            ("[fd00::2]:1", "[fd00::1]:1"),
            ("[fd00::1]:1", "10.0.0.1:1"),
        ] {
            assert!(!conflict(there, wanted), "{there} {wanted}");
        }
    }
}
