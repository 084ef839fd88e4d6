//! The text of a sandbox's `/etc/hosts` (hosts(5)): localhost, what was asked for, and the sandbox itself.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::str::FromStr;

/// What every file begins with: the addresses that mean the machine itself, and the groups of IPv6 that are always there.
const LOCALHOST: &str = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::0\tip6-localnet
ff00::0\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
";

/// One line: an address and the names that mean it, the official one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLine {
    /// The address.
    pub address: IpAddr,
    /// Its names; a line without any is left out.
    pub names: Vec<String>,
}

/// `NAME:ADDRESS` or `NAME:host-gateway`, as `--add-host` takes it. `=` parts the two as well, and an IPv6 address may stand in
/// brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHost {
    /// The name.
    pub name: String,
    /// What it means.
    pub target: HostTarget,
}

/// What the name of an [`ExtraHost`] means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostTarget {
    /// This address.
    Address(IpAddr),
    /// Wherever the host is reached from the sandbox: only the network knows.
    HostGateway,
}

/// The whole file. `extra` are the lines that were asked for; `own` one line for each address of each endpoint whose network
/// gives names: no network that only serves as a way out does.
pub fn text(extra: &[HostLine], own: &[HostLine]) -> String {
    let mut text = LOCALHOST.to_owned();
    for line in extra.iter().chain(own) {
        // A name that breaks the line would be another line: there is no such name.
        let names: Vec<&str> = line.names.iter().flat_map(|name| name.split_whitespace()).collect();
        if !names.is_empty() {
            let _ = writeln!(text, "{}\t{}", line.address, names.join(" "));
        }
    }
    text
}

/// What a sandbox is called: `a.example.net` and `a`, whether the domain came with the host's name or beside it.
pub fn own_names(hostname: &str, domainname: &str) -> Vec<String> {
    let (hostname, domainname) = (hostname.trim_matches('.'), domainname.trim_matches('.'));
    if hostname.is_empty() {
        return Vec::new();
    }
    let full = if domainname.is_empty() { hostname.to_owned() } else { format!("{hostname}.{domainname}") };
    match full.split_once('.') {
        Some((short, _)) => vec![full.clone(), short.to_owned()],
        None => vec![full],
    }
}

impl ExtraHost {
    /// Its lines: one, or one for each of the host's addresses.
    pub fn lines(&self, host_gateway: &[IpAddr]) -> Vec<HostLine> {
        let line = |address| HostLine { address, names: vec![self.name.clone()] };
        match self.target {
            HostTarget::Address(address) => vec![line(address)],
            HostTarget::HostGateway => host_gateway.iter().copied().map(line).collect(),
        }
    }
}

/// A text that is no [`ExtraHost`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraHostError {
    given: String,
    fault: &'static str,
}

impl FromStr for ExtraHost {
    type Err = ExtraHostError;

    fn from_str(given: &str) -> Result<Self, ExtraHostError> {
        let fault = |fault| ExtraHostError { given: given.to_owned(), fault };
        // The first of them: an IPv6 address has colons of its own.
        let (name, target) = given.split_once([':', '=']).ok_or_else(|| fault("it has no ':'"))?;
        let stray = |c: char| c.is_whitespace() || c.is_control() || c == '#';
        if name.is_empty() || name.contains(stray) {
            return Err(fault("its name is empty, or holds a space, a control character or '#'"));
        }
        let bare = target.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(target);
        let target = match (target, bare.parse()) {
            ("host-gateway", _) => HostTarget::HostGateway,
            (_, Ok(address)) => HostTarget::Address(address),
            (_, Err(_)) => return Err(fault("what stands behind the name is no IP address")),
        };
        Ok(Self { name: name.to_owned(), target })
    }
}

impl fmt::Display for ExtraHostError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} is no extra host: {}; write NAME:ADDRESS or NAME:host-gateway", self.given, self.fault)
    }
}

impl std::error::Error for ExtraHostError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(address: &str, names: &[&str]) -> HostLine {
        HostLine { address: address.parse().expect("an address"), names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[test]
    fn localhost_comes_first_then_what_was_asked_for_then_the_sandbox_itself() {
        let own = own_names("a", "example.net");
        let own: Vec<&str> = own.iter().map(String::as_str).collect();
        let text = text(&[line("192.0.2.7", &["db"])], &[line("172.18.0.2", &own), line("fd00::2", &own)]);
        let behind = text.strip_prefix("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n").expect("localhost");
        let lines: Vec<&str> = behind.lines().collect();
        assert_eq!(lines[..2], ["fe00::0\tip6-localnet", "ff00::0\tip6-mcastprefix"]);
        assert_eq!(lines[4..], ["192.0.2.7\tdb", "172.18.0.2\ta.example.net a", "fd00::2\ta.example.net a"]);
    }

    #[test]
    fn a_name_cannot_make_a_line_of_its_own() {
        let text = text(&[line("192.0.2.7", &["db\n6.6.6.6 bank"])], &[line("192.0.2.8", &[]), line("192.0.2.9", &["\n"])]);
        assert!(text.ends_with("ff02::2\tip6-allrouters\n192.0.2.7\tdb 6.6.6.6 bank\n"), "{text}");
    }

    #[test]
    fn a_domain_may_come_with_the_name_or_beside_it_or_not_at_all() {
        assert_eq!(own_names("a", ""), ["a"]);
        assert_eq!(own_names("a", "example.net"), ["a.example.net", "a"]);
        assert_eq!(own_names("a.example.net", ""), ["a.example.net", "a"]);
        assert_eq!(own_names("a.b", "example.net."), ["a.b.example.net", "a"]);
        assert!(own_names("", "example.net").is_empty());
    }

    #[test]
    fn an_extra_host_is_read_with_either_sign_and_either_family() {
        let target = |text: &str| text.parse::<ExtraHost>().map(|host| (host.name, host.target));
        let address = |text: &str| HostTarget::Address(text.parse().expect("an address"));
        assert_eq!(target("db:192.0.2.7"), Ok(("db".to_owned(), address("192.0.2.7"))));
        assert_eq!(target("db=192.0.2.7"), Ok(("db".to_owned(), address("192.0.2.7"))));
        assert_eq!(target("db:::1"), Ok(("db".to_owned(), address("::1"))));
        assert_eq!(target("db:[fd00::7]"), Ok(("db".to_owned(), address("fd00::7"))));
        assert_eq!(target("up:host-gateway"), Ok(("up".to_owned(), HostTarget::HostGateway)));
        for wrong in
            ["", "db", "db:", ":192.0.2.7", "d b:192.0.2.7", "db\n:192.0.2.7", "#db:192.0.2.7", "db:gateway", "db:[::1"]
        {
            let error = wrong.parse::<ExtraHost>().expect_err(wrong).to_string();
            assert!(error.contains(&format!("{wrong:?}")) && error.contains("NAME:host-gateway"), "{error}");
        }
    }

    #[test]
    fn the_host_s_gateway_has_a_line_for_each_of_its_addresses() {
        let host: ExtraHost = "up:host-gateway".parse().expect("an extra host");
        let gateways = ["172.17.0.1", "fd00::1"].map(|text| text.parse().expect("an address"));
        assert_eq!(host.lines(&gateways), [line("172.17.0.1", &["up"]), line("fd00::1", &["up"])]);
        assert!(host.lines(&[]).is_empty());
    }
}
