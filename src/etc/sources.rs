//! What a sandbox's `resolv.conf` says, out of what was asked for and what the host has.
//!
//! A sandbox with names of its own asks [`EMBEDDED`], whose server asks on: the host then only gives search list and options.
//! One without asks the host's nameservers itself, except those on a loopback address, which inside means the sandbox.

use super::resolv::{Nameserver, Resolv};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where the server for a sandbox's names listens inside it.
pub const EMBEDDED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// Public ones, for a host that has none to give.
const FALLBACK_V4: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)), IpAddr::V4(Ipv4Addr::new(8, 8, 4, 4))];
const FALLBACK_V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8844)),
];

/// What somebody asked for; what is empty was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// `--dns`.
    pub nameservers: Vec<IpAddr>,
    /// `--dns-search`; `.` alone for no search list.
    pub search: Vec<String>,
    /// `--dns-option`.
    pub options: Vec<String>,
}

/// All that a sandbox's file comes from. Each of nameservers, search list and options is taken whole from the first of sandbox,
/// daemon and host that has any.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// What was asked for this sandbox.
    pub sandbox: &'a Wanted,
    /// What was asked for all of them.
    pub daemon: &'a Wanted,
    /// What the host has, by [`Resolv::of_host`].
    pub host: &'a Resolv,
}

impl Sources<'_> {
    /// The file of a sandbox whose names a server at [`EMBEDDED`] answers. Names have no dots there, and are to be asked as they
    /// are first: `ndots:0`, unless a valid number is among the options.
    pub fn embedded(&self) -> Resolv {
        let mut found =
            Resolv { nameservers: vec![IpAddr::V4(EMBEDDED).into()], search: self.search(), options: self.options() };
        if found.ndots().is_none() {
            found.options.push("ndots:0".to_owned());
        }
        found
    }

    /// The file of a sandbox that asks for itself. Nameservers that were asked for are taken as they are. Of the host's, those
    /// that cannot be reached from inside are left out: on a loopback address, on an interface of the host's, of IPv6 where the
    /// sandbox has none (`ipv6`); if none is left, public ones stand in.
    pub fn direct(&self, ipv6: bool) -> Resolv {
        let mut nameservers = self.nameservers();
        if nameservers.is_empty() {
            let inside = |server: &&Nameserver| {
                !server.address.is_loopback() && server.zone.is_none() && (ipv6 || server.address.is_ipv4())
            };
            nameservers = self.host.nameservers.iter().filter(inside).cloned().collect();
        }
        if nameservers.is_empty() {
            let v6 = FALLBACK_V6.into_iter().filter(|_| ipv6);
            nameservers = FALLBACK_V4.into_iter().chain(v6).map(Nameserver::from).collect();
        }
        Resolv { nameservers, search: self.search(), options: self.options() }
    }

    /// The nameservers that were asked for.
    fn nameservers(&self) -> Vec<Nameserver> {
        let wanted = [&self.sandbox.nameservers, &self.daemon.nameservers].into_iter().find(|list| !list.is_empty());
        wanted.into_iter().flatten().copied().map(Nameserver::from).collect()
    }

    fn search(&self) -> Vec<String> {
        first_of([&self.sandbox.search, &self.daemon.search, &self.host.search])
    }

    /// Without invalid numbers of dots, which resolvers would take for 0.
    fn options(&self) -> Vec<String> {
        let mut options = first_of([&self.sandbox.options, &self.daemon.options, &self.host.options]);
        options.retain(|option| option.strip_prefix("ndots:").is_none_or(|number| number.parse::<u32>().is_ok()));
        options
    }
}

/// The first list that has anything, in words: what comes from a command may hold anything.
fn first_of(lists: [&Vec<String>; 3]) -> Vec<String> {
    let words =
        |list: &Vec<String>| list.iter().flat_map(|word| word.split_whitespace()).map(str::to_owned).collect::<Vec<_>>();
    lists.into_iter().map(words).find(|list| !list.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn wanted(nameservers: &[&str], search: &str, options: &str) -> Wanted {
        let nameservers = nameservers.iter().map(|text| text.parse().expect("an address")).collect();
        Wanted { nameservers, search: words(search), options: words(options) }
    }

    /// The file's lines behind its comment.
    fn lines(file: &Resolv) -> Vec<String> {
        file.to_string().lines().skip(1).map(str::to_owned).collect()
    }

    const HOST: &str = "nameserver 127.0.0.1\nnameserver 192.0.2.1\nnameserver 2001:db8::1\nnameserver fe80::1%eth0\n\
        search host.example\noptions rotate\n";

    #[test]
    fn a_sandbox_with_names_of_its_own_asks_the_embedded_server_without_dots() {
        let (nobody, host) = (Wanted::default(), Resolv::parse(HOST));
        let file = Sources { sandbox: &nobody, daemon: &nobody, host: &host }.embedded();
        assert_eq!(lines(&file), ["nameserver 127.0.0.11", "search host.example", "options rotate ndots:0"]);
    }

    #[test]
    fn what_was_asked_for_the_sandbox_counts_before_the_daemon_s_and_that_before_the_host_s() {
        let (sandbox, daemon) = (wanted(&["192.0.2.8"], "", "timeout:1"), wanted(&["192.0.2.9"], "all.example", "attempts:1"));
        let (nobody, host) = (Wanted::default(), Resolv::parse(HOST));
        let all = Sources { sandbox: &sandbox, daemon: &daemon, host: &host };
        assert_eq!(lines(&all.direct(true)), ["nameserver 192.0.2.8", "search all.example", "options timeout:1"]);
        assert_eq!(lines(&all.embedded()), ["nameserver 127.0.0.11", "search all.example", "options timeout:1 ndots:0"]);
        let rest = Sources { sandbox: &nobody, ..all };
        assert_eq!(lines(&rest.direct(true)), ["nameserver 192.0.2.9", "search all.example", "options attempts:1"]);
    }

    #[test]
    fn a_dot_asks_for_no_search_list_whatever_the_host_has() {
        let (sandbox, nobody, host) = (wanted(&[], ".", ""), Wanted::default(), Resolv::parse(HOST));
        let file = Sources { sandbox: &sandbox, daemon: &nobody, host: &host }.embedded();
        assert_eq!(lines(&file), ["nameserver 127.0.0.11", "options rotate ndots:0"]);
    }

    #[test]
    fn a_valid_number_of_dots_stays_and_an_invalid_one_goes() {
        let (nobody, host) = (Wanted::default(), Resolv::parse(HOST));
        let options = |options: &str| {
            let sandbox = wanted(&[], "", options);
            Sources { sandbox: &sandbox, daemon: &nobody, host: &host }.embedded().options.join(" ")
        };
        assert_eq!(options("ndots:2 edns0"), "ndots:2 edns0");
        assert_eq!(options("ndots:0"), "ndots:0");
        assert_eq!(options("ndots:many edns0"), "edns0 ndots:0");
        assert_eq!(options("ndots:2 ndots:-1"), "ndots:2");
    }

    #[test]
    fn a_sandbox_that_asks_for_itself_gets_only_nameservers_that_it_can_reach() {
        let (nobody, host) = (Wanted::default(), Resolv::parse(HOST));
        let sources = Sources { sandbox: &nobody, daemon: &nobody, host: &host };
        let both = ["nameserver 192.0.2.1", "nameserver 2001:db8::1", "search host.example", "options rotate"];
        assert_eq!(lines(&sources.direct(true)), both);
        assert_eq!(lines(&sources.direct(false)), [both[0], both[2], both[3]]);
    }

    #[test]
    fn public_nameservers_stand_in_when_the_host_has_none_to_give() {
        let (nobody, host) = (Wanted::default(), Resolv::parse("nameserver 127.0.0.53\nnameserver ::1\n"));
        let sources = Sources { sandbox: &nobody, daemon: &nobody, host: &host };
        let v4 = ["nameserver 8.8.8.8", "nameserver 8.8.4.4"];
        assert_eq!(lines(&sources.direct(false)), v4);
        let v6 = ["nameserver 2001:4860:4860::8888", "nameserver 2001:4860:4860::8844"];
        assert_eq!(lines(&sources.direct(true)), [v4, v6].concat());
    }

    #[test]
    fn a_nameserver_that_was_asked_for_is_taken_as_it_is() {
        let (sandbox, nobody) = (wanted(&["127.0.0.1", "fd00::1"], "", ""), Wanted::default());
        let file = Sources { sandbox: &sandbox, daemon: &nobody, host: &Resolv::parse(HOST) }.direct(false);
        assert_eq!(lines(&file)[..2], ["nameserver 127.0.0.1", "nameserver fd00::1"]);
    }

    #[test]
    fn no_search_domain_or_option_makes_a_line_of_its_own() {
        let mut sandbox = wanted(&[], "", "");
        sandbox.search = vec!["example.net\nnameserver 6.6.6.6".to_owned()];
        sandbox.options = vec!["rotate\nnameserver 6.6.6.6".to_owned()];
        let file = Sources { sandbox: &sandbox, daemon: &Wanted::default(), host: &Resolv::default() }.embedded();
        assert_eq!(Resolv::parse(&file.to_string()).nameservers, [IpAddr::V4(EMBEDDED).into()]);
    }
}
