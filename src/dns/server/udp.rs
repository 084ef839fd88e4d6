//! Datagrams: one task reads and answers them, and each that goes to others is a task of its own.

use super::Shared;
use super::counters::Counters;
use super::forward::forward;
use crate::dns::resolve::{Reply, Transport, UDP_MAX};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long a socket that fails is left alone.
const PAUSE: Duration = Duration::from_millis(50);

/// The port of servers: what comes from there is an answer that went astray, or is meant to make two servers talk.
const SERVERS: u16 = 53;

/// Answers until told to stop.
pub(super) async fn serve(socket: UdpSocket, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let socket = Arc::new(socket);
    let mut forwards = JoinSet::new();
    let mut buffer = vec![0; UDP_MAX.into()];
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            Some(_) = forwards.join_next(), if !forwards.is_empty() => {}
            received = socket.recv_from(&mut buffer) => match received {
                Ok((_, from)) if is_astray(from, shared.own[0]) => Counters::add(&shared.counters.reflected),
                Ok((len, from)) => take(&socket, &shared, &buffer[..len], from, &mut forwards).await,
                Err(_) => {
                    Counters::add(&shared.counters.socket_errors);
                    sleep(PAUSE).await;
                }
            }
        }
    }
    forwards.shutdown().await;
}

/// Whether a datagram comes from a server, perhaps from this one.
fn is_astray(from: SocketAddr, own: SocketAddr) -> bool {
    from.port() == SERVERS || from == own
}

async fn take(socket: &Arc<UdpSocket>, shared: &Arc<Shared>, query: &[u8], from: SocketAddr, forwards: &mut JoinSet<()>) {
    match shared.resolve(query, Transport::Udp) {
        Reply::Answer(answer) => send(socket, shared, &answer, from).await,
        Reply::Drop(_) => {}
        Reply::Forward { upstreams, query } => {
            let Ok(permit) = shared.forwards.clone().try_acquire_owned() else {
                Counters::add(&shared.counters.refused);
                return send(socket, shared, &query.refused(), from).await;
            };
            let (socket, shared) = (socket.clone(), shared.clone());
            forwards.spawn(async move {
                let answer = forward(&shared, &upstreams, &query).await;
                drop(permit);
                send(&socket, &shared, &answer, from).await;
            });
        }
    }
}

async fn send(socket: &UdpSocket, shared: &Shared, answer: &[u8], to: SocketAddr) {
    if socket.send_to(answer, to).await.is_err() {
        Counters::add(&shared.counters.socket_errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_a_server_or_from_ourselves_is_astray() {
        let own = "127.0.0.11:40000".parse().unwrap();
        assert!(is_astray(own, own));
        assert!(is_astray("127.0.0.1:53".parse().unwrap(), own));
        assert!(!is_astray("127.0.0.1:40000".parse().unwrap(), own));
        assert!(!is_astray("127.0.0.11:40001".parse().unwrap(), own));
    }
}
