//! Questions over HTTP to a daemon's Unix socket. It is HTTP/1.0, so that an answer ends where its connection does.

use crate::fault::{Fault, Result, Tried};
use crate::stop;
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(120);

/// What is sent along.
pub(crate) enum Body<'a> {
    Nothing,
    Json(Value),
    Tar(&'a [u8]),
}

/// Asks, and returns the answer's JSON; null if it has none.
///
/// # Errors
/// If there is no answer, it refuses, or the run was asked to end.
pub(crate) fn ask(socket: &Path, method: &str, path: &str, body: &Body<'_>) -> Result<Value> {
    if stop::requested() {
        return Err(Fault::Stopped);
    }
    let what = || format!("{method} {path}");
    let (kind, bytes) = match body {
        Body::Nothing => ("application/json", Vec::new()),
        Body::Json(value) => ("application/json", value.to_string().into_bytes()),
        Body::Tar(bytes) => ("application/x-tar", bytes.to_vec()),
    };
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    let mut stream = UnixStream::connect(socket).tried(|| format!("connecting to {}", socket.display()))?;
    stream.set_read_timeout(Some(LIMIT)).tried(what)?;
    stream.write_all(&[head.as_bytes(), &bytes].concat()).tried(what)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).tried(what)?;
    parse(&String::from_utf8_lossy(&answer)).map_err(|why| Fault::on(what(), why))
}

/// The JSON of a good answer, or what a bad one says.
fn parse(answer: &str) -> std::result::Result<Value, String> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the answer has no end of its head")?;
    let status: u16 = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("the answer has no status")?;
    if !(200..300).contains(&status) {
        return Err(format!("{status} · {}", body.trim()));
    }
    // What an import answers is several values, of which the last says what came of it.
    let values = serde_json::Deserializer::from_str(body).into_iter::<Value>();
    values.last().unwrap_or(Ok(Value::Null)).map_err(|why| format!("the answer is no JSON: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_json_or_its_refusal() {
        assert_eq!(parse("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{\"a\":1}\n").unwrap()["a"], 1);
        assert_eq!(parse("HTTP/1.0 204 No Content\r\n\r\n").unwrap(), Value::Null);
        assert_eq!(parse("HTTP/1.1 409 Conflict\r\n\r\n{\"message\":\"busy\"}\n").unwrap_err(), "409 · {\"message\":\"busy\"}");
        assert!(parse("").unwrap_err().contains("head"));
    }
}
