//! `resolv.conf(5)` as a value: read from a file, written to one.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// Where systemd-resolved keeps the nameservers that it asks itself.
pub const SYSTEMD: &str = "/run/systemd/resolve/resolv.conf";

/// The nameserver of a file that only points to systemd-resolved.
const SYSTEMD_STUB: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolv {
    /// Whom to ask, in order, those on loopback included. However many there are: resolvers ask the first three.
    pub nameservers: Vec<Nameserver>,
    /// The domains that a short name is tried in; `.` alone means none.
    pub search: Vec<String>,
    /// As `ndots:1` or `rotate`, of all lines together.
    pub options: Vec<String>,
}

/// A nameserver's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nameserver {
    /// Its address.
    pub address: IpAddr,
    /// The interface, by name or number, that a link-local address is on, as in `fe80::1%eth0`.
    pub zone: Option<String>,
}

impl Resolv {
    /// Reads a file as resolvers do: a keyword at the beginning of its line, the last of `domain` and `search`, all options;
    /// what makes no sense is passed over.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        // Keywords stand at the very beginning; `#` and `;` there begin no keyword.
        for line in text.lines().filter(|line| !line.starts_with(char::is_whitespace)) {
            let mut words = line.split_whitespace();
            let keyword = words.next();
            let mut words = words.take_while(|word| !word.starts_with(['#', ';'])).map(str::to_owned);
            match keyword {
                Some("nameserver") => found.nameservers.extend(words.next().and_then(|word| Nameserver::parse(&word))),
                Some("domain") => found.search = words.take(1).collect(),
                Some("search") => found.search = words.collect(),
                Some("options") => found.options.extend(words),
                _ => {}
            }
        }
        found
    }

    /// What the host has: `main` is its `/etc/resolv.conf`, `resolved` the file [`SYSTEMD`] if there is one, which counts instead
    /// if the other only points to systemd-resolved.
    pub fn of_host(main: &str, resolved: Option<&str>) -> Self {
        let found = Self::parse(main);
        let stub = !found.nameservers.is_empty() && found.nameservers.iter().all(|server| server.address == SYSTEMD_STUB);
        let behind = resolved.filter(|_| stub).map(Self::parse);
        behind.filter(|behind| !behind.nameservers.is_empty()).unwrap_or(found)
    }

    /// How many dots a name needs to be tried as it is first, if a valid number is given; the last counts.
    pub fn ndots(&self) -> Option<u32> {
        self.options.iter().rev().find_map(|option| option.strip_prefix("ndots:")?.parse().ok())
    }
}

impl Nameserver {
    fn parse(word: &str) -> Option<Self> {
        let (address, zone) = word.split_once('%').map_or((word, None), |(address, zone)| (address, Some(zone.to_owned())));
        Some(Self { address: address.parse().ok()?, zone })
    }
}

impl From<IpAddr> for Nameserver {
    fn from(address: IpAddr) -> Self {
        Self { address, zone: None }
    }
}

impl fmt::Display for Nameserver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.address)?;
        self.zone.as_ref().map_or(Ok(()), |zone| write!(out, "%{zone}"))
    }
}

impl fmt::Display for Resolv {
    /// The file.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("# Written by lanloom. Once it is edited, it is left as it is.\n")?;
        for server in &self.nameservers {
            writeln!(out, "nameserver {server}")?;
        }
        for (keyword, words) in [("search", &self.search), ("options", &self.options)] {
            let nothing = words.is_empty() || (keyword == "search" && words.iter().all(|word| word == "."));
            if !nothing {
                writeln!(out, "{keyword} {}", words.join(" "))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_is_read_as_resolvers_read_it() {
        let text = "\
# nameserver 192.0.2.1
; nameserver 192.0.2.2
  nameserver 192.0.2.3
nameserver\t127.0.0.1 # here
nameserver fe80::1%eth0
nameserver nonsense
nameserver
domain example.org
search example.net  b.example ; and more
options ndots:2 rotate
options edns0
sortlist 192.0.2.0
";
        let found = Resolv::parse(text);
        assert_eq!(found.nameservers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["127.0.0.1", "fe80::1%eth0"]);
        assert_eq!(found.search, ["example.net", "b.example"]);
        assert_eq!(found.options, ["ndots:2", "rotate", "edns0"]);
        assert_eq!(Resolv::parse("search a b\ndomain c d\n").search, ["c"], "the last line counts");
        assert_eq!(Resolv::parse(""), Resolv::default());
    }

    #[test]
    fn what_was_written_is_read_back_the_same() {
        let text = "nameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch example.net b.example\noptions ndots:2 rotate\n";
        let found = Resolv::parse(text);
        assert_eq!(found.to_string().lines().skip(1).collect::<Vec<_>>(), text.lines().collect::<Vec<_>>());
        assert_eq!(Resolv::parse(&found.to_string()), found);
    }

    #[test]
    fn a_search_list_of_one_dot_is_no_line() {
        let none = Resolv { search: vec![".".to_owned()], ..Resolv::default() };
        assert!(!none.to_string().contains("search"), "{none}");
    }

    #[test]
    fn the_last_valid_number_of_dots_counts() {
        let ndots = |text: &str| Resolv::parse(text).ndots();
        assert_eq!(ndots("options ndots:1 rotate ndots:3 ndots:x"), Some(3));
        assert_eq!(ndots("options ndots:0"), Some(0));
        assert_eq!(ndots("options ndots:-1 ndots"), None);
    }

    #[test]
    fn behind_systemd_s_stub_its_own_file_counts() {
        let (stub, behind) = ("nameserver 127.0.0.53\noptions edns0 trust-ad\n", "nameserver 192.0.2.1\nsearch example.net\n");
        assert_eq!(Resolv::of_host(stub, Some(behind)), Resolv::parse(behind));
        assert_eq!(Resolv::of_host(stub, None), Resolv::parse(stub));
        assert_eq!(Resolv::of_host(stub, Some("# empty\n")), Resolv::parse(stub), "it names nobody");
        for main in ["nameserver 127.0.0.53\nnameserver 192.0.2.9\n", "nameserver 127.0.0.1\n", ""] {
            assert_eq!(Resolv::of_host(main, Some(behind)), Resolv::parse(main), "{main:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_file_holds_it_is_read_and_what_was_read_can_be_written(
            lines in proptest::collection::vec("(nameserver|search|domain|options|\\PC{0,4})[ \t]\\PC{0,20}", 0..8),
        ) {
            let found = Resolv::parse(&lines.join("\n"));
            let again = Resolv::parse(&found.to_string());
            let no_search = found.search.iter().all(|word| word == ".");
            let search = if no_search { Vec::new() } else { found.search.clone() };
            prop_assert_eq!(again, Resolv { search, ..found });
        }
    }
}
