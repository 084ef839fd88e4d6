//! The API on a socket of its own, over switches that no kernel knows of.

#[path = "service.rs"]
mod service;

use lanloom::api::http::router;
use lanloom::api::http::server::{Limits, serve};
use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

/// A server in a thread of its own, gone when dropped.
pub(crate) struct Server {
    folder: TempDir,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// An answer's status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Server {
    pub(crate) fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (stop, stopped) = watch::channel(false);
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("api.sock")).expect("bound");
        listener.set_nonblocking(true).expect("set");
        let home = folder.path().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).expect("registered");
                serve(listener, router(Arc::new(service::service(&home).await)), limits, stopped).await;
            });
        });
        Self { folder, stop, thread: Some(thread) }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// Asks with what a well-behaved client sends.
    pub(crate) fn ask(&self, method: &str, target: &str, body: &str) -> Answer {
        let head =
            format!("{method} {target} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        self.raw(&[head.as_bytes(), body.as_bytes()].concat())
    }

    /// Sends bytes as they are and reads to the end.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = connect(&self.socket());
        // A server that refuses early may close while we still write.
        let _ = stream.write_all(request);
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, body: body.to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.body))
    }

    /// Fails unless this is a refusal with the five keys and that status.
    pub(crate) fn assert_refused(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.body);
        let error = self.json();
        for key in ["code", "what", "on", "why", "hint"] {
            assert!(error[key].is_string(), "no {key}: {}", self.body);
        }
        assert!(
            !error["why"].as_str().unwrap_or("").is_empty() && !error["hint"].as_str().unwrap_or("").is_empty(),
            "{}",
            self.body
        );
    }
}

pub(crate) fn connect(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    stream
}
