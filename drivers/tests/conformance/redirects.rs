//! DNS inside a sandbox, redirected from port 53.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::Duration;

use lanloom_drivers::kernel::{Listening, Netns, Why};

use super::bench::{Bench, Twin};
use super::linux::inside;
use super::packets::receive;

/// Liveness only.
const DEADLINE: Duration = Duration::from_secs(20);

fn server(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 11], port))
}

pub(crate) async fn a_redirection_can_be_made_changed_and_ended_again_and_again(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let netns = bench.netns("a").await;
    for port in [5301, 5301, 5302] {
        bench.kernel.redirect_dns(&netns, server(port), port + 1000).await.expect("redirected");
    }
    for _ in 0..2 {
        bench.kernel.delete_dns_redirect(&netns).await.expect("ended");
    }
}

pub(crate) async fn a_redirection_is_known_to_stand_until_somebody_changes_a_rule(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let netns = bench.netns("a").await;
    let redirect = async || {
        let change = bench.kernel.redirect_dns(&netns, server(5301), 5301).await.expect("redirected");
        change.expect("nobody else changes rules there")
    };
    let stands = async |change| bench.kernel.dns_redirect_stands(&netns, change).await.expect("an answer");
    let first = redirect().await;
    assert!(stands(first).await && stands(first).await, "looking changes nothing");
    let second = redirect().await;
    assert!(stands(second).await && !stands(first).await);
    bench.kernel.delete_dns_redirect(&netns).await.expect("ended");
    assert!(!stands(second).await);
    let other = bench.netns("b").await;
    assert!(!bench.kernel.dns_redirect_stands(&other, 1).await.expect("an answer"), "nothing was redirected there");
    let absent = Netns::At("/nonexistent".into());
    let error = bench.kernel.dns_redirect_stands(&absent, 1).await.expect_err("no namespace");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
}

pub(crate) async fn a_redirection_that_cannot_be_is_refused(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let netns = bench.netns("a").await;
    let wrong = [(server(0), 5301), (server(5301), 0), (SocketAddr::from(([10, 0, 0, 1], 5301)), 5301)];
    for (to, tcp) in wrong.into_iter().chain([("[::1]:5301".parse().expect("an address"), 5301)]) {
        let error = bench.kernel.redirect_dns(&netns, to, tcp).await.expect_err("no server is there");
        assert!(matches!(error.why(), Why::InvalidValue(_)), "{error}");
    }
    let absent = bench.kernel.netns("absent").expect("a valid name");
    let error = bench.kernel.redirect_dns(&absent, server(5301), 5301).await.expect_err("no namespace");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
}

/// Answers one datagram and one connection with what it is called.
fn serve(listening: Listening, name: &'static str) -> thread::JoinHandle<()> {
    let Listening { udp, tcp } = listening;
    thread::spawn(move || {
        udp.set_nonblocking(false).expect("it waits");
        udp.set_read_timeout(Some(DEADLINE)).expect("but not for ever");
        let (_, asker) = receive(&udp);
        udp.send_to(name.as_bytes(), asker).expect("answered");
        tcp.set_nonblocking(false).expect("it waits");
        tcp.accept().expect("a connection").0.write_all(name.as_bytes()).expect("answered");
    })
}

/// Asks 127.0.0.11:53 by UDP and TCP from inside; a UDP answer from elsewhere is not taken, for the socket is connected.
fn ask(netns: &Netns) -> (String, String) {
    inside(netns, || {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        udp.connect(server(53)).expect("connected");
        udp.set_read_timeout(Some(DEADLINE)).expect("not for ever");
        udp.send(b"who?").expect("asked");
        let (answer, _) = receive(&udp);
        let mut by_tcp = String::new();
        TcpStream::connect(server(53)).expect("connected").read_to_string(&mut by_tcp).expect("an answer");
        (String::from_utf8_lossy(&answer).into_owned(), by_tcp)
    })
}

async fn listen_and_redirect(bench: &Bench, netns: &Netns) -> Listening {
    let listening = bench.kernel.listen(netns, server(0), server(0)).await.expect("listening");
    let (udp, tcp) = (listening.udp.local_addr().expect("bound"), listening.tcp.local_addr().expect("bound"));
    bench.kernel.redirect_dns(netns, udp, tcp.port()).await.expect("redirected");
    listening
}

#[tokio::test]
async fn who_asks_port_53_is_answered_from_there_by_the_server_of_last() {
    let Some(bench) = Bench::new(Twin::Linux).filter(|bench| !bench.lacks(&["nft"])) else { return };
    let netns = bench.netns("a").await;
    for name in ["first", "second"] {
        let serving = serve(listen_and_redirect(&bench, &netns).await, name);
        assert_eq!(ask(&netns), (name.to_owned(), name.to_owned()));
        serving.join().expect("it served");
    }
}

#[tokio::test]
async fn the_sandbox_s_own_port_53_stays_free() {
    let Some(bench) = Bench::new(Twin::Linux).filter(|bench| !bench.lacks(&["nft"])) else { return };
    let netns = bench.netns("a").await;
    let serving = serve(listen_and_redirect(&bench, &netns).await, "ours");
    let theirs = inside(&netns, || (UdpSocket::bind("0.0.0.0:53"), TcpListener::bind("0.0.0.0:53")));
    let (udp, _tcp) = (theirs.0.expect("UDP port 53 is free"), theirs.1.expect("TCP port 53 is free"));
    assert_eq!(ask(&netns), ("ours".to_owned(), "ours".to_owned()), "127.0.0.11 is ours");
    serving.join().expect("it served");
    let own = inside(&netns, || UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.send_to(b"x", "127.0.0.1:53")));
    own.expect("sent");
    udp.set_read_timeout(Some(DEADLINE)).expect("not for ever");
    assert_eq!(receive(&udp).0, b"x", "127.0.0.1 is theirs");
}

#[tokio::test]
async fn an_answer_that_comes_late_has_the_right_source_too() {
    let Some(bench) = Bench::new(Twin::Linux).filter(|bench| !bench.lacks(&["nft"])) else { return };
    let netns = bench.netns("a").await;
    let listening = listen_and_redirect(&bench, &netns).await;
    // The kernel knows of no question that this could answer, as if it had forgotten it.
    let asker = bench.kernel.open_udp(&netns, SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a socket");
    asker.set_nonblocking(false).expect("it waits");
    asker.set_read_timeout(Some(DEADLINE)).expect("but not for ever");
    listening.udp.send_to(b"late", asker.local_addr().expect("bound")).expect("sent");
    assert_eq!(receive(&asker).1, server(53));
}

#[tokio::test]
async fn after_a_redirection_nobody_is_at_port_53() {
    let Some(bench) = Bench::new(Twin::Linux).filter(|bench| !bench.lacks(&["nft"])) else { return };
    let netns = bench.netns("a").await;
    let _listening = listen_and_redirect(&bench, &netns).await;
    bench.kernel.delete_dns_redirect(&netns).await.expect("ended");
    let refused = inside(&netns, || TcpStream::connect(server(53)).map(drop).expect_err("nobody is there").kind());
    assert_eq!(refused, std::io::ErrorKind::ConnectionRefused);
}
