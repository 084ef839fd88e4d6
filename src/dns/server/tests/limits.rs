//! How much at once.

use super::*;

#[tokio::test]
async fn queries_above_the_limit_of_forwards_are_refused_and_those_below_go_on() {
    let upstream = FakeUpstream::start(Behaviour::Silent).await;
    let running =
        Running::start(&[upstream.address], Limits { forwards: 2, upstream: Duration::from_secs(1), ..Limits::default() });
    let client = running.client().await;
    for id in [1, 2, 3] {
        client.send(&query(id, "example.com")).await.unwrap();
    }
    assert_eq!(gist(&received(&client).await), (3, Rcode::REFUSED, 0));
    let mut stream = running.connect().await;
    write(&mut stream, &query(4, "example.com")).await;
    assert_eq!(gist(&read(&mut stream).await).0, 4);
    for _ in 0..2 {
        assert_eq!(gist(&received(&client).await).1, Rcode::SERVFAIL);
    }
    running.counted(|counts| counts.failed >= 2 && counts.refused >= 1).await;
    // The places are free again.
    assert_eq!(gist(&running.ask(&query(5, "example.com")).await), (5, Rcode::SERVFAIL, 0));
}

#[tokio::test]
async fn a_hundred_idle_connections_are_kept_and_udp_is_answered_beside_them() {
    let running = Running::start(&[], Limits::default());
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(running.connect().await);
    }
    running.counted(|counts| counts.connections == 100).await;
    for id in 0..100 {
        assert_eq!(gist(&running.ask(&query(id, "db")).await), (id, Rcode::NOERROR, 1));
    }
    for stream in &mut streams {
        write(stream, &query(1, "db")).await;
        assert_eq!(gist(&read(stream).await), (1, Rcode::NOERROR, 1));
    }
    assert_eq!(running.server.counts().crowded_out, 0);
}

#[tokio::test]
async fn one_connection_too_many_closes_the_one_that_was_idle_for_longest() {
    let running = Running::start(&[], Limits { connections: 3, ..Limits::default() });
    let mut streams = Vec::new();
    for connections in 1..=3 {
        streams.push(running.connect().await);
        running.counted(|counts| counts.connections == connections).await;
    }
    // The first has just been used, so that the second is the oldest.
    write(&mut streams[0], &query(1, "db")).await;
    read(&mut streams[0]).await;
    let mut fourth = running.connect().await;
    assert_eq!(closed(&mut streams[1]).await, 0);
    for stream in [&mut fourth].into_iter().chain(streams.iter_mut().step_by(2)) {
        write(stream, &query(2, "db")).await;
        assert_eq!(gist(&read(stream).await), (2, Rcode::NOERROR, 1));
    }
    assert_eq!(running.server.counts().crowded_out, 1);
}

#[tokio::test]
async fn a_connection_that_waits_for_an_answer_is_not_closed_for_another() {
    let upstream = FakeUpstream::start(Behaviour::Silent).await;
    let running = Running::start(&[upstream.address], Limits { connections: 1, ..hasty() });
    let mut busy = running.connect().await;
    write(&mut busy, &query(1, "example.com")).await;
    running.counted(|counts| counts.tcp_queries == 1).await;
    let mut other = running.connect().await;
    assert_eq!(closed(&mut other).await, 0);
    assert_eq!(gist(&read(&mut busy).await), (1, Rcode::SERVFAIL, 0));
}

#[tokio::test]
async fn a_connection_that_is_silent_for_too_long_is_closed() {
    let running = Running::start(&[], Limits { idle: Duration::from_millis(100), ..Limits::default() });
    let mut silent = running.connect().await;
    let mut used = running.connect().await;
    write(&mut used, &query(1, "db")).await;
    read(&mut used).await;
    assert_eq!((closed(&mut silent).await, closed(&mut used).await), (0, 0));
}

#[tokio::test]
async fn a_query_that_comes_in_crumbs_has_no_more_time_than_one_that_does_not_come() {
    let running = Running::start(&[], Limits { idle: Duration::from_millis(200), ..Limits::default() });
    let mut stream = running.connect().await;
    let crumbs = async {
        stream.write_all(&1000u16.to_be_bytes()).await?;
        loop {
            stream.write_all(b"x").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let end: Result<io::Result<()>, _> = timeout(PATIENCE, crumbs).await;
    assert!(end.expect("the server closes it").is_err());
}

#[tokio::test]
async fn a_connection_that_waits_for_upstreams_is_not_idle() {
    let upstream = FakeUpstream::start(Behaviour::Silent).await;
    let limits = Limits { idle: Duration::from_millis(50), upstream: Duration::from_millis(400), ..Limits::default() };
    let running = Running::start(&[upstream.address], limits);
    let mut stream = running.connect().await;
    write(&mut stream, &query(1, "example.com")).await;
    assert_eq!(gist(&read(&mut stream).await), (1, Rcode::SERVFAIL, 0));
}
