//! Name servers of sandboxes in trouble: many idle connections, upstreams that say nothing, and services that nobody offers.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2), `nft` (nftables) and `dig` (bind9-dnsutils).

#[path = "lab/asking.rs"]
mod asking;
#[path = "lab/keep.rs"]
mod keep;

use asking::{Upstream, empty, set_resolv_conf, short, start, status, unknown};
use keep::{End, STATE, end, v4};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

/// Where names are asked for in every sandbox.
const RESOLVER: ([u8; 4], u16) = ([127, 0, 0, 11], 53);
/// As many connections as a server takes at once.
const CONNECTIONS: usize = 100;
/// Liveness only: an answer takes less than a millisecond.
const DEADLINE: Duration = Duration::from_secs(10);

/// A query for the IPv4 addresses of `b` (RFC 1035 §4.1).
fn query(id: u16) -> Vec<u8> {
    [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'b', 0, 0, 1, 0, 1]].concat()
}

#[test]
fn a_hundred_connections_that_ask_nothing_keep_neither_datagrams_nor_another_connection_waiting() {
    let Some(house) = start() else { return };
    house.says("network create web");
    house.says("sandbox create a --network web");
    house.says("sandbox create b --network web");
    let to = SocketAddr::from(RESOLVER);
    let connect = || TcpStream::connect_timeout(&to, DEADLINE).expect("it is taken");
    let _idle: Vec<TcpStream> = house.inside("a", || (0..CONNECTIONS).map(|_| connect()).collect());
    let socket = house.inside("a", || UdpSocket::bind("127.0.0.1:0").expect("a socket"));
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    socket.connect(to).expect("an address");
    let address: Ipv4Addr = v4(&house, "web", "b").parse().expect("an address");
    let mut answer = [0; 512];
    for id in 1..=500_u16 {
        socket.send(&query(id)).expect("sent");
        let length = socket.recv(&mut answer).expect("an answer in time");
        assert_eq!((&answer[..2], &answer[length - 4..length]), (&id.to_be_bytes()[..], &address.octets()[..]));
    }
    assert_eq!(short(&house, "a", "+tcp b"), [address.to_string()], "one connection more");
}

#[test]
fn of_the_servers_given_for_a_sandbox_the_next_is_asked_when_one_says_nothing_or_is_not_there() {
    let Some(house) = start() else { return };
    house.sh("ip -n outside address add 192.0.2.3/24 dev up1");
    let silent = house.inside("outside", || UdpSocket::bind("192.0.2.2:53").expect("port 53"));
    silent.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    let upstream = Upstream::start(&house, "outside", Ipv4Addr::new(192, 0, 2, 3), [198, 51, 100, 3]);
    house.says("network create web");
    house.says("sandbox create a --network web --dns 192.0.2.2 --dns 192.0.2.3");
    // 192.0.2.9 is nobody's.
    house.says("sandbox create b --network web --dns 192.0.2.9 --dns 192.0.2.2 --dns 192.0.2.3");
    assert_eq!(short(&house, "a", "far.example.test"), ["198.51.100.3"]);
    assert!(silent.recv(&mut [0; 512]).is_ok(), "the first was asked first");
    assert_eq!(upstream.asked(), ["far.example.test."]);
    assert_eq!(short(&house, "b", "+time=15 far.example.test"), ["198.51.100.3"]);
    assert_eq!(short(&house, "a", "a"), [v4(&house, "web", "a")], "our own names wait for nobody");
}

#[test]
fn a_service_that_no_sandbox_offers_does_not_exist_a_name_has_no_srv_and_others_services_are_asked_elsewhere() {
    let Some(mut house) = start() else { return };
    assert!(house.command(&["sh", "-c", "ip netns attach house $$"]).status().expect("it runs").success());
    let upstream = Upstream::start(&house, "house", Ipv4Addr::LOCALHOST, [198, 51, 100, 7]);
    set_resolv_conf(&house, "nameserver 127.0.0.1\n");
    end(&mut house, End::Asked);
    house.start_daemon(&STATE);
    house.says("network create web");
    house.says("sandbox create a --network web");
    house.says("sandbox create b --network web");
    for name in ["_80._tcp.b", "_80._udp.b", "_80._tcp.b.web"] {
        assert_eq!(status(&house, "a", &format!("{name} SRV")), unknown(), "{name}");
    }
    assert_eq!(status(&house, "a", "b SRV"), empty());
    assert_eq!(status(&house, "a", "b.web SRV"), empty());
    assert_eq!(upstream.asked(), Vec::<String>::new(), "none of ours leaves");
    assert_eq!(status(&house, "a", "_80._tcp.far.example.test SRV"), unknown(), "what the host's server says");
    assert_eq!(upstream.asked(), ["_80._tcp.far.example.test."]);
}
