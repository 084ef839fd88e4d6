//! Fuzz: any method, path and body into the router. Never a panic, never an answer of 500, every refusal JSON in the one shape.
//!
//! `LANLOOM_FUZZ_SECS` says for how long (2 if not set); under `cargo bolero` it runs for as long as that does.

#[path = "support/service.rs"]
mod service;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use lanloom::api::http::router;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

#[test]
fn fuzz_any_request_is_answered_or_refused_in_the_one_shape() {
    let secs = std::env::var("LANLOOM_FUZZ_SECS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let target = AssertUnwindSafe(Target::new());
    let inputs = bolero::check!().with_test_time(Duration::from_secs(secs)).with_type::<(u8, u8, Vec<u8>, Vec<u8>)>();
    inputs.for_each(|(method, path, tail, body)| target.run(*method, *path, tail, body));
    let (executions, routed) = (target.executions.get(), target.routed.get());
    println!("fuzz api: {executions} executions, {routed} of them requests, in {secs} s");
    assert!(routed > 0);
}

struct Target {
    runtime: Runtime,
    router: Router,
    /// Where the service keeps files, gone with it.
    _home: TempDir,
    executions: Cell<u64>,
    routed: Cell<u64>,
}

impl Target {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let home = tempfile::tempdir().expect("a folder");
        let router = router(Arc::new(runtime.block_on(service::service(home.path()))));
        Self { runtime, router, _home: home, executions: Cell::new(0), routed: Cell::new(0) }
    }

    fn run(&self, method: u8, path: u8, tail: &[u8], body: &[u8]) {
        self.executions.set(self.executions.get() + 1);
        if self.executions.get().is_multiple_of(64) {
            // The requests before may have deleted it.
            let again = Request::post("/v1/switches").body(Body::from("{\"name\":\"s1\"}")).expect("a request");
            self.runtime.block_on(check(self.router.clone().oneshot(again)));
        }
        if let Some(request) = request(method, path, tail, body) {
            self.routed.set(self.routed.get() + 1);
            self.runtime.block_on(check(self.router.clone().oneshot(request)));
        }
    }
}

async fn check(answer: impl Future<Output = Result<axum::response::Response, std::convert::Infallible>>) {
    let response = match answer.await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status();
    if status.is_success() {
        return;
    }
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    let error: serde_json::Value = serde_json::from_slice(&body).expect("a refusal is JSON");
    for key in ["code", "what", "on", "why", "hint"] {
        assert!(error[key].is_string(), "no {key}: {error}");
    }
    assert!(status.is_client_error() || status == 503, "{status}: {error}");
}

/// A request near to what the table knows: so that the handlers are reached, not only the 404.
fn request(method: u8, path: u8, tail: &[u8], body: &[u8]) -> Option<Request<Body>> {
    let method = METHODS[usize::from(method) % METHODS.len()];
    let start = PATHS[usize::from(path) % PATHS.len()];
    let tail: String = tail
        .iter()
        .map(|byte| if byte.is_ascii_graphic() { char::from(*byte).to_string() } else { format!("%{byte:02x}") })
        .collect();
    let body = match BODIES.get(usize::from(path) % (BODIES.len() + 2)) {
        Some(start) => [start.as_bytes(), body].concat(),
        None => body.to_vec(),
    };
    Request::builder().method(method).uri(format!("{start}{tail}")).body(Body::from(body)).ok()
}

const METHODS: [&str; 5] = ["GET", "POST", "PATCH", "DELETE", "OPTIONS"];

/// Those that change the host (`/v1/system/reset`) or never end (`/v1/events`) are left out.
const PATHS: [&str; 28] = [
    "/",
    "/v1/switches",
    "/v1/switches/",
    "/v1/switches/s1",
    "/v1/switches/s1/ports",
    "/v1/switches/s1/ports/",
    "/v1/switches/s1/fdb",
    "/v1/switches/s1/fdb/",
    "/v1/switches/s1/fdb?",
    "/v1/switches/s1/counters?port=",
    "/v1/switches/s1/trace",
    "/v1/capture?",
    "/v1/capture?switch=",
    "/v1/config",
    "/metrics",
    "/v1/networks",
    "/v1/networks/",
    "/v1/networks/web",
    "/v1/networks/web/connect",
    "/v1/networks/web/disconnect",
    "/v1/networks/prune",
    "/v1/networks?filters=",
    "/v1/endpoints",
    "/v1/endpoints/web%2Ffree",
    "/v1/endpoints/web%2Ffree/join",
    "/v1/endpoints?network=",
    "/v1/sandboxes",
    "/v1/sandboxes/one",
];

const BODIES: [&str; 10] = [
    "{\"name\":\"",
    "{\"url\":\"tap://",
    "{\"mac\":\"02:",
    "{\"port\":\"p1\",\"frame\":\"",
    "{\"ageing_secs\":",
    "{\"storm\":{",
    "{\"Name\":\"",
    "{\"Container\":\"one\",\"EndpointConfig\":{",
    "{\"LabelAdd\":{\"",
    "{\"sandbox\":\"one\"",
];
