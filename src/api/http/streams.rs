//! Answers without an end: captures and events. A reader that is too slow loses the stream, never holds up a switch.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, done, plain};
use crate::api::http::ask::Ask;
use crate::api::types::{CAPTURE_HEADER, CaptureFormat, CaptureQuery};
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderValue;
use hyper::body::Frame;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

pub(super) async fn capture(State(service): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let query: CaptureQuery = Ask::new("capture", "").query(query.as_deref())?;
    let on = query.port.as_ref().map_or_else(|| query.switch.clone(), |port| format!("{}/{port}", query.switch));
    let ask = Ask::new("capture", on);
    let (switch, port) = (ask.name(&query.switch)?, query.port.as_deref().map(|port| ask.name(port)).transpose()?);
    let content_type = match query.format {
        CaptureFormat::Pcapng => "application/x-pcapng",
        CaptureFormat::Text => "text/plain; charset=utf-8",
    };
    let started = service.capture(&switch, port.as_ref(), &query)?;
    let mut answer = plain(content_type, Body::new(Pieces(started.pieces)))?;
    answer.headers_mut().insert(CAPTURE_HEADER, HeaderValue::from(started.id.0));
    Ok(answer)
}

pub(super) async fn end_capture(State(service): State<Shared>, Path(number): Path<String>) -> Answer {
    let number =
        number.parse().map_err(|_| Ask::new("end capture", &number).invalid("that is no number", "give its number"))?;
    service.capture_end(number)?;
    done()
}

pub(super) async fn events(State(service): State<Shared>) -> Answer {
    plain("application/jsonl", Body::new(Pieces(service.events())))
}

/// A body of what a channel hands out.
struct Pieces(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
