//! What speaks to the daemon: one HTTP/1.1 request a connection, over its Unix socket.

pub mod socket;

use crate::api::types::{ApiError, ErrorCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;

/// A daemon's socket.
#[derive(Clone, Debug)]
pub struct Client {
    socket: PathBuf,
}

/// A request, and the words for it in an error.
#[derive(Clone, Debug)]
pub struct Call {
    what: &'static str,
    on: String,
    method: Method,
    target: String,
    body: Vec<u8>,
}

/// An answer without an end.
#[derive(Debug)]
pub struct Stream {
    call: Call,
    socket: PathBuf,
    headers: HeaderMap,
    body: Incoming,
}

impl Call {
    /// A GET of the resource that `path`'s parts lead to: `["v1", "switches", "s1"]`.
    pub fn get(what: &'static str, on: impl Into<String>, path: &[&str]) -> Self {
        Self::new(Method::GET, what, on, path)
    }

    /// A POST.
    pub fn post(what: &'static str, on: impl Into<String>, path: &[&str]) -> Self {
        Self::new(Method::POST, what, on, path)
    }

    /// A PATCH.
    pub fn patch(what: &'static str, on: impl Into<String>, path: &[&str]) -> Self {
        Self::new(Method::PATCH, what, on, path)
    }

    /// A DELETE.
    pub fn delete(what: &'static str, on: impl Into<String>, path: &[&str]) -> Self {
        Self::new(Method::DELETE, what, on, path)
    }

    /// With this as JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        // Our own request types have string keys only, which is all that can fail here.
        self.body = serde_json::to_vec(body).unwrap_or_default();
        self
    }

    /// With this as query.
    pub fn query(mut self, query: &impl Serialize) -> Self {
        let text = serde_urlencoded::to_string(query).unwrap_or_default();
        if !text.is_empty() {
            let _ = write!(self.target, "?{text}");
        }
        self
    }

    fn new(method: Method, what: &'static str, on: impl Into<String>, path: &[&str]) -> Self {
        let target = path.iter().fold(String::new(), |mut target, part| {
            let _ = write!(target, "/{}", utf8_percent_encode(part, UNSAFE));
            target
        });
        Self { what, on: on.into(), method, target, body: Vec::new() }
    }

    fn refused(&self, code: ErrorCode, why: impl Into<String>, hint: impl Into<String>) -> ApiError {
        ApiError::new(code, self.what, self.on.clone(), why, hint)
    }
}

impl Client {
    /// A client of the daemon that listens on `socket`. Connects at each call.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// Makes the call and reads its JSON answer.
    ///
    /// # Errors
    /// What the daemon refused, or why it cannot be spoken to.
    pub async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, ApiError> {
        let bytes = self.bytes(&call).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let hint = "the daemon may be of another version: compare `lanloom --version` with `lanloom info`";
            call.refused(ErrorCode::Failed, format!("its answer cannot be read ({error})"), hint)
        })
    }

    /// Makes the call and reads its answer as text.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn text(&self, call: Call) -> Result<String, ApiError> {
        self.bytes(&call).await.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Makes the call, whose answer says nothing more than that it was done.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn tell(&self, call: Call) -> Result<(), ApiError> {
        self.bytes(&call).await.map(|_| ())
    }

    /// Makes the call and hands over its answer as it comes.
    ///
    /// # Errors
    /// As for [`Client::ask`].
    pub async fn stream(&self, call: Call) -> Result<Stream, ApiError> {
        let (head, body) = self.send(&call).await?.into_parts();
        Ok(Stream { call, socket: self.socket.clone(), headers: head.headers, body })
    }

    async fn bytes(&self, call: &Call) -> Result<Bytes, ApiError> {
        let response = self.send(call).await?;
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| lost(call, &self.socket, &error))
    }

    async fn send(&self, call: &Call) -> Result<Response<Incoming>, ApiError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| unreachable_daemon(call, &self.socket, &error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| lost(call, &self.socket, &error))?;
        tokio::spawn(connection);
        let request = Request::builder()
            .method(call.method.clone())
            .uri(&call.target)
            .header("host", "lanloom")
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from(call.body.clone())))
            .map_err(|error| call.refused(ErrorCode::Invalid, error.to_string(), "check the spelling of the name"))?;
        let response = sender.send_request(request).await.map_err(|error| lost(call, &self.socket, &error))?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(call, response).await) }
    }
}

impl Stream {
    /// What the answer's head says under this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The next piece, or `None` at the end.
    ///
    /// # Errors
    /// If the daemon went away.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(_)) => return Err(stopped(&self.call, &self.socket)),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }
}

async fn refusal(call: &Call, response: Response<Incoming>) -> ApiError {
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    serde_json::from_slice(&body).unwrap_or_else(|_| {
        let hint = "is it lanloom that listens there? name another socket with --socket";
        call.refused(ErrorCode::Failed, format!("the answer was {status}"), hint)
    })
}

fn unreachable_daemon(call: &Call, socket: &Path, error: &io::Error) -> ApiError {
    let at = socket.display();
    let kind = error.kind();
    if matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) {
        let start = socket::start_command(socket);
        let hint = format!("start one with `{start}`, or name its socket with --socket or LANLOOM_SOCKET");
        return call.refused(ErrorCode::Unavailable, format!("no daemon listens on {at}"), hint);
    }
    if kind == io::ErrorKind::PermissionDenied {
        let hint = socket::admission_hint(socket::has_group());
        return call.refused(ErrorCode::Unavailable, format!("you may not open {at}"), hint);
    }
    call.refused(ErrorCode::Unavailable, format!("{at}: {error}"), "name the daemon's socket with --socket or LANLOOM_SOCKET")
}

fn lost(call: &Call, socket: &Path, error: &dyn std::fmt::Display) -> ApiError {
    let why = format!("the daemon on {} broke off ({error})", socket.display());
    call.refused(ErrorCode::Unavailable, why, "see its log, and whether it still runs: `lanloom info`")
}

/// An answer without an end was cut off: only a daemon that ends does that.
fn stopped(call: &Call, socket: &Path) -> ApiError {
    let hint = "start it again, and ask again; `lanloom info` says whether it runs";
    call.refused(ErrorCode::Unavailable, format!("the daemon stopped (it listened on {})", socket.display()), hint)
}

/// More than the largest table takes.
const MAX_ANSWER: usize = 256 << 20;

/// What a part of a path may not hold as it is (RFC 3986, 2.3).
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b':');

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn a_name_cannot_leave_its_place_in_the_path() {
        let call = Call::get("show switch", "x", &["v1", "switches", "a/b?c#d e"]);
        assert_eq!(call.target, "/v1/switches/a%2Fb%3Fc%23d%20e");
    }

    #[tokio::test]
    async fn a_stream_that_is_cut_off_says_that_the_daemon_stopped() {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = folder.path().join("lanloom.sock");
        let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
        let daemon = async {
            let (mut caller, _) = listener.accept().await.expect("a caller");
            let mut asked = [0; 4096];
            assert_ne!(caller.read(&mut asked).await.expect("a request"), 0);
            caller.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}\n\r\n").await.expect("answered");
        };
        let client = Client::new(&socket);
        let (stream, ()) = tokio::join!(client.stream(Call::get("follow events", "", &["v1", "events"])), daemon);
        let mut stream = stream.expect("a stream");
        assert_eq!(stream.next().await.expect("a piece"), Some(Bytes::from("{}\n")));
        let error = stream.next().await.expect_err("the daemon is gone");
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert!(error.why.starts_with("the daemon stopped"), "{error}");
    }

    #[tokio::test]
    async fn an_absent_daemon_is_named_by_its_socket_and_how_to_start_it() {
        let client = Client::new("/nonexistent/lanloom.sock");
        let error = client.tell(Call::get("list switches", "", &["v1", "switches"])).await.expect_err("nobody listens");
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert!(error.why.contains("/nonexistent/lanloom.sock"), "{error}");
        assert!(error.hint.contains("lanloom daemon --socket /nonexistent/lanloom.sock"), "{error}");
    }
}
