//! Connections: as many as the limits allow, none for longer than it speaks.

use axum::Router;
use axum::body::Body;
use axum::serve::Listener;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt;

/// What bounds one listener's callers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; more wait in the kernel's queue.
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may idle between two.
    pub head: Duration,
    /// How long answers may still take after the listener was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, head: Duration::from_secs(5), drain: Duration::from_millis(500) }
    }
}

/// Answers on a listener until `stop` becomes true. Out of descriptors or memory, the listener itself waits before it tries
/// again.
pub async fn serve<L>(mut listener: L, router: Router, limits: Limits, mut stop: watch::Receiver<bool>)
where
    L: Listener<Io: 'static>,
{
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut callers = JoinSet::new();
    loop {
        let next = async { (Arc::clone(&places).acquire_owned().await, listener.accept().await) };
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = callers.join_next() => {}
            (Ok(place), (stream, _)) = next => {
                callers.spawn(speak(stream, router.clone(), limits, stop.clone(), place));
            }
        }
    }
    let finish = async { while callers.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(limits.drain, finish).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could say so is gone, which says it too.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn speak<S>(stream: S, router: Router, limits: Limits, mut stop: watch::Receiver<bool>, _place: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.map_request(|request: Request<Incoming>| request.map(Body::new)));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(64 << 10).half_close(false);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
