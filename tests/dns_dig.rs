//! What `dig` makes of the DNS server: a client that is not ours reads every answer.

use lanloom::dns::resolve::{Reply, Transport, View, resolve};
use lanloom::dns::server::{Authority, HostDialer, Limits, Server};
use lanloom::dns::zone::{Names, Proto, Zone};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A sandbox on the network `web`, which has no way out.
struct Web {
    zone: Zone,
    view: View,
}

impl Authority for Web {
    fn resolve(&self, query: &[u8], transport: Transport, seed: u64) -> Reply {
        resolve(&self.zone, &self.view, query, transport, seed)
    }
}

/// `db`, and `many` with a hundred addresses.
fn web() -> Web {
    let mut zone = Zone::new();
    let db = Names {
        names: vec!["db".to_owned(), "store".to_owned()],
        v4: vec![Ipv4Addr::new(10, 1, 0, 2)],
        v6: vec!["fd00:1::2".parse().expect("an address")],
        services: vec![("sql".to_owned(), 5432, Proto::Tcp)],
    };
    zone.set("web", "e1", db);
    for last in 100..200 {
        let v4 = vec![Ipv4Addr::new(10, 1, 0, last)];
        zone.set("web", &format!("m{last}"), Names { names: vec!["many".to_owned()], v4, ..Names::default() });
    }
    Web { zone, view: View { networks: vec!["web".to_owned()], ..View::default() } }
}

/// A server on one port by UDP and TCP, since `dig` takes but one.
struct Running {
    /// Where the server runs; it ends with it.
    _runtime: Runtime,
    _server: Server,
    port: u16,
}

impl Running {
    fn start() -> Self {
        let (udp, tcp) = (0..100).find_map(|_| one_port()).expect("a port that is free by UDP and TCP");
        let port = udp.local_addr().expect("bound").port();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let _inside = runtime.enter();
        let server = Server::start(udp, tcp, Arc::new(web()), Arc::new(HostDialer), Limits::default()).expect("a server");
        drop(_inside);
        Self { _runtime: runtime, _server: server, port }
    }

    /// All that `dig` says; it may complain of nothing.
    fn dig(&self, arguments: &str) -> String {
        let mut dig = Command::new("dig");
        dig.args(["-r", "@127.0.0.1", "-p", &self.port.to_string(), "+tries=1", "+time=10"]);
        let said = dig.args(arguments.split(' ')).output().expect("dig (bind9-dnsutils)");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        assert!(said.status.success(), "dig {arguments}: {text}");
        for complaint in ["WARNING", "bad packet", "mismatch", "timed out", "extra bytes", "parse"] {
            assert!(!text.contains(complaint), "dig {arguments}: {text}");
        }
        text
    }

    /// The status, and the records of the answer with the blanks in them made one.
    fn ask(&self, arguments: &str) -> (String, Vec<String>) {
        let text = self.dig(arguments);
        let status =
            text.split_once("status: ").and_then(|(_, rest)| rest.split_once(',')).map_or("none", |(status, _)| status);
        (status.to_owned(), section(&text, "ANSWER"))
    }
}

fn one_port() -> Option<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
    let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
    Some((udp, tcp))
}

fn section(text: &str, name: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| *line != format!(";; {name} SECTION:")).skip(1);
    let records = lines.take_while(|line| !line.is_empty());
    records.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn answer(records: &[&str]) -> (String, Vec<String>) {
    ("NOERROR".to_owned(), records.iter().map(|record| (*record).to_owned()).collect())
}

fn status(word: &str) -> (String, Vec<String>) {
    (word.to_owned(), Vec::new())
}

/// Whether `dig` is there. In CI it must be.
fn has_dig() -> bool {
    let there = Command::new("dig").arg("-v").output().is_ok();
    assert!(there || std::env::var_os("CI").is_none(), "dig is not there, and with CI set nothing is skipped");
    if !there {
        println!("skipped: dig is not there (bind9-dnsutils)");
    }
    there
}

#[test]
fn dig_reads_addresses_names_services_and_empty_answers() {
    if !has_dig() {
        return;
    }
    let running = Running::start();
    assert_eq!(running.ask("db A"), answer(&["db. 600 IN A 10.1.0.2"]));
    assert_eq!(running.ask("db.web AAAA"), answer(&["db.web. 600 IN AAAA fd00:1::2"]));
    assert_eq!(running.ask("dB.web A"), answer(&["dB.web. 600 IN A 10.1.0.2"]));
    assert_eq!(running.ask("-x 10.1.0.2"), answer(&["2.0.1.10.in-addr.arpa. 600 IN PTR db.web."]));
    let v6 = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa. 600 IN PTR db.web.";
    assert_eq!(running.ask("-x fd00:1::2"), answer(&[v6]));
    for rtype in ["MX", "TXT", "ANY +notcp", "HTTPS", "TYPE65280"] {
        assert_eq!(running.ask(&format!("store {rtype}")), answer(&[]), "{rtype}");
    }
    let service = running.dig("_sql._tcp.store SRV");
    assert_eq!(section(&service, "ANSWER"), ["_sql._tcp.store. 600 IN SRV 0 0 5432 db.web."]);
    assert_eq!(section(&service, "ADDITIONAL"), ["db.web. 600 IN A 10.1.0.2", "db.web. 600 IN AAAA fd00:1::2"]);
}

#[test]
fn dig_gets_as_much_as_it_takes_by_udp_and_everything_by_tcp() {
    if !has_dig() {
        return;
    }
    let running = Running::start();
    for (how, records, cut) in [
        ("+ignore +noedns", 30, true),
        ("+ignore +bufsize=512 +nocookie", 29, true),
        ("+ignore +bufsize=4096", 100, false),
        ("+tcp +noedns", 100, false),
        ("+noedns", 100, false),
    ] {
        let text = running.dig(&format!("many A {how}"));
        assert_eq!(section(&text, "ANSWER").len(), records, "{how}");
        assert_eq!(text.contains(" tc "), cut, "{how}: {text}");
    }
    assert!(running.dig("many A +noedns").contains("Truncated, retrying in TCP mode"));
}

#[test]
fn dig_hears_why_it_gets_nothing() {
    if !has_dig() {
        return;
    }
    let running = Running::start();
    assert_eq!(running.ask("none.web A"), status("NXDOMAIN"));
    assert_eq!(running.ask("example.com A"), status("NXDOMAIN"));
    assert_eq!(running.ask("version.bind CH TXT"), status("REFUSED"));
    assert_eq!(running.ask("db A +noedns +opcode=NOTIFY"), status("NOTIMP"));
    assert_eq!(running.ask("db A +noedns +header-only"), status("FORMERR"));
    assert_eq!(running.ask("db A +edns=1 +noednsnegotiation"), status("BADVERS"));
    assert_eq!(running.ask("db A +edns=1 +ednsnegotiation"), answer(&["db. 600 IN A 10.1.0.2"]));
}
