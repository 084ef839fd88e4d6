//! The API's server side: from a connection to the controller and back.
//!
//! | module | one idea |
//! |---|---|
//! | [`server`] | connections and their limits |
//! | `route`, `routes` | one table for router and description |
//! | `ask`, `answer` | what comes in, how an answer looks |
//! | `switches`, `ports`, `fdb`, `frames`, `networks`, `endpoints`, `sandboxes`, `system` | the handlers |
//! | `streams` | answers without an end |

mod answer;
mod ask;
mod endpoints;
mod fdb;
mod frames;
mod networks;
mod ports;
mod route;
mod routes;
mod sandboxes;
pub mod server;
mod streams;
mod switches;
mod system;

use crate::api::service::Service;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;

/// What every handler shares.
type Shared = Arc<Service>;

/// The whole API over a service. Every refusal is JSON with the five keys of [`crate::api::types::ApiError`].
pub fn router(service: Arc<Service>) -> Router {
    route::router(routes::table()).fallback(answer::no_such_path).layer(from_fn(bound)).with_state(service)
}

/// Only `/metrics`, for a scraper on TCP: nobody who cannot open the socket can ask for more.
pub fn metrics_router(service: Arc<Service>) -> Router {
    let metrics = Router::new().route("/metrics", axum::routing::get(frames::metrics));
    metrics.fallback(answer::no_such_path).layer(from_fn(bound)).with_state(service)
}

/// The OpenAPI description as JSON, as `/v1/openapi.json` serves it and `docs/openapi.json` has it.
pub fn description() -> String {
    let mut text = route::describe(&routes::table()).to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

/// Takes in a request's body whole, within bounds, and gives every refusal its shape.
async fn bound(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (method, uri) = (parts.method.clone(), parts.uri.clone());
    let response = match ask::whole(body, answer::MAX_BODY, BODY_PATIENCE).await {
        Ok(body) => next.run(Request::from_parts(parts, Body::from(body))).await,
        Err(status) => status.into_response(),
    };
    answer::unify(&method, &uri, response)
}

/// How long a body may take to come in.
const BODY_PATIENCE: Duration = Duration::from_secs(10);
