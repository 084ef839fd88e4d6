//! The DNS server where it is to live: at 127.0.0.11 in a namespace of its own, asked by the C library and by `dig`, and asking a
//! server that can be reached from there alone.
//!
//! Needs root, `ip` (iproute2), `unshare` (util-linux) and `dig` (bind9-dnsutils).

mod lab;

use lab::Sandbox;
use lab::sandbox::{may_make_namespaces, must};
use lanloom::dns::resolve::{Forward, From, Reply, Transport, Upstream, View, resolve};
use lanloom::dns::server::{Authority, Dialer, Dialling, HostDialer, Limits, Server};
use lanloom::dns::zone::{Names, Zone};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::Arc;
use tokio::net::{TcpStream, UdpSocket};
use tokio::runtime::{Builder, Runtime};

/// One name on one network.
struct Knows {
    zone: Zone,
    view: View,
}

impl Knows {
    fn new(name: &str, address: [u8; 4], network: &str, forward: Forward) -> Arc<Self> {
        let mut zone = Zone::new();
        let v6 = vec![Ipv4Addr::from(address).to_ipv6_compatible()];
        zone.set(network, "e1", Names { names: vec![name.to_owned()], v4: vec![address.into()], v6, services: Vec::new() });
        Arc::new(Self { zone, view: View { networks: vec![network.to_owned()], forward, ..View::default() } })
    }
}

impl Authority for Knows {
    fn resolve(&self, query: &[u8], transport: Transport, seed: u64) -> Reply {
        resolve(&self.zone, &self.view, query, transport, seed)
    }
}

/// Opens sockets inside, as a sandbox's dialer does for servers that were given for it.
struct Inside(Arc<Sandbox>);

impl Dialer for Inside {
    fn udp(&self, from: From, to: SocketAddr) -> Dialling<'_, UdpSocket> {
        Box::pin(async move {
            assert_eq!(from, From::Sandbox);
            let open = || -> io::Result<std::net::UdpSocket> {
                let socket = std::net::UdpSocket::bind("0.0.0.0:0")?;
                socket.connect(to)?;
                socket.set_nonblocking(true)?;
                Ok(socket)
            };
            UdpSocket::from_std(self.0.inside(open)?)
        })
    }

    fn tcp(&self, from: From, to: SocketAddr) -> Dialling<'_, TcpStream> {
        Box::pin(async move {
            assert_eq!(from, From::Sandbox);
            let stream = self.0.inside(|| std::net::TcpStream::connect(to))?;
            stream.set_nonblocking(true)?;
            TcpStream::from_std(stream)
        })
    }
}

/// Starts a server on port 53 of an address inside.
fn serve(sandbox: &Sandbox, address: [u8; 4], authority: Arc<Knows>, dialer: Arc<dyn Dialer>) -> Server {
    let at = SocketAddr::from((address, 53));
    let udp = sandbox.inside(|| std::net::UdpSocket::bind(at)).expect("port 53 by UDP");
    let tcp = sandbox.inside(|| std::net::TcpListener::bind(at)).expect("port 53 by TCP");
    Server::start(udp, tcp, authority, dialer, Limits::default()).expect("a server")
}

/// What a command says inside, with this for its `/etc/resolv.conf`.
fn says(sandbox: &Sandbox, resolv_conf: &str, command: &str) -> String {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), resolv_conf).expect("a file");
    let script = format!("mount --bind {} /etc/resolv.conf && exec {command}", file.path().display());
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", &script]);
    sandbox.inside(move || must(&mut unshare))
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

#[test]
fn the_c_library_and_dig_find_names_in_a_sandbox_and_what_only_the_sandboxs_own_server_knows() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Arc::new(Sandbox::new());
    // The C library asks for no family of which the machine has loopback addresses alone.
    sandbox.ip("address add 10.1.0.3/32 dev lo");
    sandbox.ip("address add fd00:1::3/128 dev lo");
    let runtime = runtime();
    let inside = runtime.enter();
    // The namespace's loopback is nobody else's, so that an answer proves from where it was asked.
    let far = Upstream { address: SocketAddr::from(([127, 0, 0, 12], 53)), from: From::Sandbox };
    let knows_far = Knows::new("far", [10, 9, 0, 9], "example.test", Forward::Never);
    let other = serve(&sandbox, [127, 0, 0, 12], knows_far, Arc::new(HostDialer));
    let own = Knows::new("db", [10, 1, 0, 2], "web", Forward::To(vec![far]));
    let server = serve(&sandbox, [127, 0, 0, 11], own, Arc::new(Inside(sandbox.clone())));
    drop(inside);

    for options in ["ndots:0", "ndots:0 use-vc", "ndots:0 edns0", "ndots:0 single-request"] {
        let resolv_conf = format!("nameserver 127.0.0.11\noptions {options}\n");
        let getent = |arguments: &str| says(&sandbox, &resolv_conf, &format!("getent {arguments}"));
        assert!(getent("ahostsv4 db").starts_with("10.1.0.2 "), "{options}");
        assert!(getent("ahostsv4 DB.web").starts_with("10.1.0.2 "), "{options}");
        assert!(getent("ahostsv6 db").starts_with("::10.1.0.2 "), "{options}");
        assert!(getent("hosts 10.1.0.2").trim().ends_with("db.web"), "{options}");
        assert!(getent("ahostsv4 far.example.test").starts_with("10.9.0.9 "), "{options}");
    }
    let dig = |arguments: &str| says(&sandbox, "nameserver 127.0.0.11\n", &format!("dig -r +short +time=10 {arguments}"));
    assert_eq!(dig("db.web"), "10.1.0.2\n");
    assert_eq!(dig("+tcp far.example.test"), "10.9.0.9\n");
    assert_eq!(dig("none.web"), "");
    assert!(server.counts().tcp_queries > 0 && other.counts().udp_queries > 0);
    assert_eq!((server.counts().failed, server.counts().malformed), (0, 0));

    runtime.block_on(async {
        server.stop().await;
        other.stop().await;
    });
    let still = sandbox.inside(|| std::net::UdpSocket::bind("127.0.0.11:53").is_err());
    assert!(!still, "port 53 is still taken");
}
