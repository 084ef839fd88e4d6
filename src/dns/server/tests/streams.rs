//! What may come by TCP.

use super::*;

#[tokio::test]
async fn queries_that_come_at_once_are_all_answered() {
    let upstream = FakeUpstream::start(Behaviour::Answers(Rcode::NOERROR)).await;
    let running = Running::start(&[upstream.address], Limits::default());
    let mut stream = running.connect().await;
    let names = ["db", "example.com"];
    let all: Vec<u8> = (0..200u16).flat_map(|id| forward::framed(&query(id, names[usize::from(id) % 2]))).collect();
    stream.write_all(&all).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..200 {
        let (id, rcode, records) = gist(&read(&mut stream).await);
        assert_eq!((rcode, records), (Rcode::NOERROR, 1));
        ids.push(id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_query_may_come_byte_by_byte() {
    let running = Running::start(&[], Limits::default());
    let mut stream = running.connect().await;
    stream.set_nodelay(true).unwrap();
    for byte in forward::framed(&query(1, "db")) {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(gist(&read(&mut stream).await), (1, Rcode::NOERROR, 1));
}

#[tokio::test]
async fn a_length_that_no_query_has_ends_the_connection() {
    for length in [0u16, 1] {
        let running = Running::start(&[], Limits::default());
        let mut stream = running.connect().await;
        let message = [&length.to_be_bytes()[..], &[7; 40]].concat();
        stream.write_all(&message).await.unwrap();
        assert_eq!(closed(&mut stream).await, 0, "length {length}");
        assert_eq!(running.server.counts().malformed, 1, "length {length}");
    }
}

#[tokio::test]
async fn the_longest_message_is_read_and_the_connection_goes_on() {
    let running = Running::start(&[], Limits::default());
    let mut stream = running.connect().await;
    let mut longest = vec![0xff; 65_535];
    longest[..4].copy_from_slice(&[0, 9, 0, 0]);
    write(&mut stream, &longest).await;
    assert_eq!(gist(&read(&mut stream).await), (9, Rcode::FORMERR, 0));
    write(&mut stream, &query(1, "db")).await;
    assert_eq!(gist(&read(&mut stream).await), (1, Rcode::NOERROR, 1));
}

#[tokio::test]
async fn a_client_that_closes_its_half_gets_all_its_answers_and_then_the_end() {
    let upstream = FakeUpstream::start(Behaviour::Answers(Rcode::NOERROR)).await;
    let running = Running::start(&[upstream.address], Limits::default());
    let mut stream = running.connect().await;
    write(&mut stream, &query(1, "example.com")).await;
    write(&mut stream, &query(2, "db")).await;
    stream.shutdown().await.unwrap();
    let mut ids = [gist(&read(&mut stream).await).0, gist(&read(&mut stream).await).0];
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    assert_eq!(closed(&mut stream).await, 0);
}

#[tokio::test]
async fn a_client_that_leaves_at_once_or_in_the_middle_leaves_nothing() {
    let running = Running::start(&[], Limits { connections: 1, ..Limits::default() });
    for sent in [&[][..], &[0], &[0, 9, 1, 2, 3]] {
        let mut stream = running.connect().await;
        stream.write_all(sent).await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(closed(&mut stream).await, 0);
    }
    running.counted(|counts| counts.malformed == 2).await;
    let mut stream = running.connect().await;
    write(&mut stream, &query(1, "db")).await;
    assert_eq!(gist(&read(&mut stream).await), (1, Rcode::NOERROR, 1));
    assert_eq!(running.server.counts().crowded_out, 0);
}

#[tokio::test]
async fn a_client_that_takes_no_answers_is_given_up() {
    let running = Running::start(&[], Limits { idle: Duration::from_millis(200), ..Limits::default() });
    let mut stream = running.connect().await;
    let asking = async {
        loop {
            stream.write_all(&forward::framed(&query(1, "db"))).await?;
        }
    };
    let end: Result<io::Result<()>, _> = timeout(Duration::from_secs(60), asking).await;
    assert!(end.expect("the server closes it").is_err());
}
