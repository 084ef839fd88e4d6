//! What a sandbox's `resolv.conf` says, out of what was asked for and what the host has.
//!
//! It asks [`EMBEDDED`], whose server asks on: the host only gives search list and options.

use super::resolv::Resolv;
use std::net::{IpAddr, Ipv4Addr};

/// Where the server for a sandbox's names listens inside it.
pub const EMBEDDED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

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

/// All that a sandbox's file comes from. Each of search list and options is taken whole from the first of sandbox,
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
        assert_eq!(lines(&all.embedded()), ["nameserver 127.0.0.11", "search all.example", "options timeout:1 ndots:0"]);
        let rest = Sources { sandbox: &nobody, ..all };
        assert_eq!(lines(&rest.embedded()), ["nameserver 127.0.0.11", "search all.example", "options attempts:1 ndots:0"]);
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
    fn no_search_domain_or_option_makes_a_line_of_its_own() {
        let mut sandbox = wanted(&[], "", "");
        sandbox.search = vec!["example.net\nnameserver 6.6.6.6".to_owned()];
        sandbox.options = vec!["rotate\nnameserver 6.6.6.6".to_owned()];
        let file = Sources { sandbox: &sandbox, daemon: &Wanted::default(), host: &Resolv::default() }.embedded();
        assert_eq!(Resolv::parse(&file.to_string()).nameservers, [IpAddr::V4(EMBEDDED).into()]);
    }
}
