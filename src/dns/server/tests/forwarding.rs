//! Asking upstreams.

use super::*;

async fn upstreams(behaviours: &[Behaviour]) -> (Vec<FakeUpstream>, Vec<SocketAddr>) {
    let mut all = Vec::new();
    for behaviour in behaviours {
        all.push(FakeUpstream::start(*behaviour).await);
    }
    let addresses = all.iter().map(|upstream| upstream.address).collect();
    (all, addresses)
}

/// What comes of one query by UDP, and how often each upstream was asked.
async fn asked(behaviours: &[Behaviour]) -> ((u16, Rcode, u16), Vec<usize>, Vec<String>) {
    let (all, addresses) = upstreams(behaviours).await;
    let running = Running::start(&addresses, hasty());
    let answer = running.ask(&query(7, "example.com")).await;
    let failures = running.known.failures.lock().unwrap().clone();
    (gist(&answer), all.iter().map(|upstream| upstream.asked().len()).collect(), failures)
}

const FINE: Behaviour = Behaviour::Answers(Rcode::NOERROR);

#[tokio::test]
async fn the_answer_of_an_upstream_comes_back_under_the_clients_own_id() {
    assert_eq!(asked(&[FINE, FINE]).await, ((7, Rcode::NOERROR, 1), vec![1, 0], vec![]));
}

#[tokio::test]
async fn the_next_upstream_is_asked_after_silence_failure_and_refusal() {
    for (behaviour, why) in [
        (Behaviour::Silent, "it did not answer in time"),
        (Behaviour::Answers(Rcode::SERVFAIL), "it answered SERVFAIL"),
        (Behaviour::Answers(Rcode::REFUSED), "it answered REFUSED"),
        (Behaviour::Floods, "what came in its place was no answer"),
    ] {
        let (gist, asked, failures) = asked(&[behaviour, FINE]).await;
        assert_eq!((gist, asked), ((7, Rcode::NOERROR, 1), vec![1, 1]), "{behaviour:?}");
        assert!(failures.len() == 1 && failures[0].ends_with(why), "{failures:?}");
    }
}

#[tokio::test]
async fn any_other_answer_is_returned_and_nobody_else_is_asked() {
    for rcode in [Rcode::NXDOMAIN, Rcode::FORMERR, Rcode::NOTIMP] {
        assert_eq!(asked(&[Behaviour::Answers(rcode), FINE]).await, ((7, rcode, 0), vec![1, 0], vec![]), "{rcode}");
    }
}

#[tokio::test]
async fn if_three_upstreams_fail_the_client_is_told_so_and_a_fourth_is_not_asked() {
    let refuses = Behaviour::Answers(Rcode::REFUSED);
    let (gist, asked, failures) = asked(&[Behaviour::Silent, refuses, Behaviour::Silent, FINE]).await;
    assert_eq!((gist, asked), ((7, Rcode::SERVFAIL, 0), vec![1, 1, 1, 0]));
    assert_eq!(failures.len(), 3);
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_gives_way_to_the_next() {
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fine = FakeUpstream::start(FINE).await;
    let running = Running::start(&[gone, fine.address], Limits::default());
    assert_eq!(gist(&running.ask(&query(7, "example.com")).await), (7, Rcode::NOERROR, 1));
    assert!(running.known.failures.lock().unwrap()[0].contains("it cannot be reached"));
}

#[tokio::test]
async fn it_never_asks_itself() {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let own = udp.local_addr().unwrap();
    let running = Running::start_on(udp, &[own], Limits::default());
    assert_eq!(gist(&running.ask(&query(7, "example.com")).await), (7, Rcode::SERVFAIL, 0));
    let counts = running.server.counts();
    assert_eq!((counts.udp_queries, counts.failed), (1, 1));
}

#[tokio::test]
async fn forged_answers_are_counted_and_the_right_one_is_taken() {
    let upstream = FakeUpstream::start(Behaviour::Forges).await;
    let running = Running::start(&[upstream.address], Limits::default());
    assert_eq!(gist(&running.ask(&query(7, "example.com")).await), (7, Rcode::NOERROR, 1));
    assert_eq!(running.server.counts().foreign, 3);
}

#[tokio::test]
async fn what_follows_the_question_goes_along_unchanged_and_ids_and_ports_change() {
    let upstream = FakeUpstream::start(FINE).await;
    let running = Running::start(&[upstream.address], Limits::default());
    let sent = query_with(7, "Example.com", Some(1400));
    for _ in 0..8 {
        running.ask(&sent).await;
    }
    let asked = upstream.asked();
    assert!(asked.iter().all(|(_, query)| query[2..] == sent[2..]));
    let ids: std::collections::BTreeSet<_> = asked.iter().map(|(_, query)| query[..2].to_vec()).collect();
    let ports: std::collections::BTreeSet<_> = asked.iter().map(|(from, _)| from.port()).collect();
    assert!(ids.len() > 1 && ports.len() > 1, "ids {ids:?}, ports {ports:?}");
}

#[tokio::test]
async fn a_cut_answer_is_fetched_by_tcp_for_a_client_of_tcp_and_passed_to_one_of_udp() {
    for behaviour in [Behaviour::Cuts, Behaviour::Swamps] {
        let upstream = FakeUpstream::start(behaviour).await;
        let running = Running::start(&[upstream.address], Limits::default());
        let by_udp = running.ask(&query(7, "example.com")).await;
        assert_eq!(gist(&by_udp), (7, Rcode::NOERROR, 0), "{behaviour:?}");
        assert!(Message::from_octets(&by_udp[..]).unwrap().header().tc(), "{behaviour:?}");
        let mut stream = running.connect().await;
        write(&mut stream, &query(8, "example.com")).await;
        let by_tcp = read(&mut stream).await;
        assert_eq!(gist(&by_tcp), (8, Rcode::NOERROR, 1), "{behaviour:?}");
        assert!(!Message::from_octets(&by_tcp[..]).unwrap().header().tc(), "{behaviour:?}");
    }
}

#[tokio::test]
async fn names_of_ours_are_answered_while_upstreams_are_silent() {
    let upstream = FakeUpstream::start(Behaviour::Silent).await;
    let running = Running::start(&[upstream.address], Limits::default());
    let waiting = running.client().await;
    for id in 0..50 {
        waiting.send(&query(id, "example.com")).await.unwrap();
    }
    assert_eq!(gist(&running.ask(&query(7, "db")).await), (7, Rcode::NOERROR, 1));
    let mut stream = running.connect().await;
    write(&mut stream, &query(1, "example.com")).await;
    write(&mut stream, &query(2, "db")).await;
    assert_eq!(gist(&read(&mut stream).await), (2, Rcode::NOERROR, 1));
    assert_eq!(running.server.counts().forwarded, 0);
}

/// Opens no socket, and remembers for what it was asked.
#[derive(Default)]
struct Walled(Mutex<Vec<(From, SocketAddr)>>);

impl Dialer for Walled {
    fn udp(&self, from: From, to: SocketAddr) -> Dialling<'_, UdpSocket> {
        self.0.lock().unwrap().push((from, to));
        Box::pin(async { Err(io::ErrorKind::NetworkUnreachable.into()) })
    }

    fn tcp(&self, from: From, to: SocketAddr) -> Dialling<'_, TcpStream> {
        self.0.lock().unwrap().push((from, to));
        Box::pin(async { Err(io::ErrorKind::NetworkUnreachable.into()) })
    }
}

/// What the client gets for a name of the world, and which sockets were to be opened.
async fn dialled(forward: Forward) -> (Rcode, Vec<(From, SocketAddr)>) {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let view = View { networks: vec!["web".to_owned()], forward, ..View::default() };
    let known = Arc::new(Known { zone: Zone::new(), view, failures: Mutex::default() });
    let walled = Arc::new(Walled::default());
    let server = Server::start(udp, tcp, known, walled.clone(), Limits::default()).unwrap();
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(address).await.unwrap();
    client.send(&query(7, "example.com")).await.unwrap();
    let rcode = gist(&received(&client).await).1;
    server.stop().await;
    let dialled = walled.0.lock().unwrap().clone();
    (rcode, dialled)
}

#[tokio::test]
async fn each_upstream_is_asked_from_its_own_namespace() {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    let all = [(From::Sandbox, address("192.0.2.1:53")), (From::Host, address("127.0.0.53:53"))];
    let upstreams = all.map(|(from, address)| Upstream { address, from }).to_vec();
    assert_eq!(dialled(Forward::To(upstreams)).await, (Rcode::SERVFAIL, all.to_vec()));
}

#[tokio::test]
async fn for_a_sandbox_without_a_way_out_no_socket_is_opened() {
    assert_eq!(dialled(Forward::Never).await, (Rcode::NXDOMAIN, vec![]));
}
