//! What asks for names in sandboxes, and servers of a test's own that are asked for other names.

#![allow(dead_code, reason = "each test file uses its part")]

use super::keep::house::{House, has};
use super::keep::{STATE, exec, with_world};
use lanloom::dns::resolve::{Forward, Reply, Transport, View, resolve};
use lanloom::dns::server::{Authority, HostDialer, Limits, Server};
use lanloom::dns::zone::{Names, Zone};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use tokio::runtime::{Builder, Runtime};

/// A house with a daemon.
pub(crate) fn start() -> Option<House> {
    if !has("nft") || !has("dig") {
        return None;
    }
    let mut house = with_world()?;
    house.start_daemon(&STATE);
    Some(house)
}

/// What `dig` prints in a sandbox. It is told which word is a name: it takes `a` and `ns` for types.
pub(crate) fn dig(house: &House, sandbox: &str, words: &str) -> String {
    let told = words.split(' ').map(|word| if ["a", "ns"].contains(&word) { format!("-q {word}") } else { word.to_owned() });
    let words = told.collect::<Vec<_>>().join(" ");
    exec(house, sandbox, &format!("dig -r +time=10 +tries=1 {words}"))
}

/// Its answers, sorted.
pub(crate) fn short(house: &House, sandbox: &str, words: &str) -> Vec<String> {
    let mut lines: Vec<String> = dig(house, sandbox, &format!("+short {words}")).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The answer's code and how many records it has.
pub(crate) fn status(house: &House, sandbox: &str, words: &str) -> (String, usize) {
    let said = dig(house, sandbox, words);
    let after = |key: &str| said.split_once(key).and_then(|(_, rest)| rest.split([',', '\n']).next()).unwrap_or_default();
    (after("status: ").to_owned(), after("ANSWER: ").trim().parse().unwrap_or_else(|_| panic!("{said}")))
}

pub(crate) fn empty() -> (String, usize) {
    ("NOERROR".to_owned(), 0)
}

pub(crate) fn unknown() -> (String, usize) {
    ("NXDOMAIN".to_owned(), 0)
}

/// A name server of the test's own that knows `far.example.test`, and notes what it is asked.
pub(crate) struct Upstream {
    asked: Arc<Mutex<Vec<String>>>,
    _server: Server,
    _runtime: Runtime,
}

struct Knows {
    zone: Zone,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Authority for Knows {
    fn resolve(&self, query: &[u8], transport: Transport, seed: u64) -> Reply {
        self.asked.lock().expect("nobody panicked").push(question(query));
        let view = View { networks: vec!["example.test".to_owned()], forward: Forward::Never, ..View::default() };
        resolve(&self.zone, &view, query, transport, seed)
    }
}

/// The name that is asked for (RFC 1035 §4.1.2).
fn question(query: &[u8]) -> String {
    let (mut at, mut name) = (12, String::new());
    while let Some(length) = query.get(at).map(|length| usize::from(*length)).filter(|length| *length > 0) {
        let label = query.get(at + 1..at + 1 + length).unwrap_or_default();
        name.push_str(&String::from_utf8_lossy(label));
        name.push('.');
        at += 1 + length;
    }
    name
}

impl Upstream {
    pub(crate) fn start(house: &House, netns: &str, at: Ipv4Addr, answer: [u8; 4]) -> Self {
        let (mut zone, asked) = (Zone::new(), Arc::default());
        let names = Names { names: vec!["far".to_owned()], v4: vec![answer.into()], v6: Vec::new(), services: Vec::new() };
        zone.set("example.test", "e", names);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let server = {
            let _inside = runtime.enter();
            let at = SocketAddr::from((at, 53));
            let udp = house.inside(netns, || UdpSocket::bind(at)).expect("port 53 by UDP");
            let tcp = house.inside(netns, || TcpListener::bind(at)).expect("port 53 by TCP");
            let knows = Arc::new(Knows { zone, asked: Arc::clone(&asked) });
            Server::start(udp, tcp, knows, Arc::new(HostDialer), Limits::default()).expect("a server")
        };
        Self { asked, _server: server, _runtime: runtime }
    }

    /// What it was asked since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("nobody panicked"))
    }
}

/// Has the house's own `resolv.conf` say this, for the daemon and all that starts in the house.
pub(crate) fn set_resolv_conf(house: &House, text: &str) {
    let file = house.path("resolv.conf");
    let is_mounted = file.exists();
    std::fs::write(&file, text).expect("written");
    if !is_mounted {
        house.sh(&format!("mount --bind {} /etc/resolv.conf", file.display()));
    }
}
