//! A daemon's socket, and the runtime that it is spoken to on.

use super::recording::Recording;
use crate::api::client::{Call, Client};
use crate::api::types::{ApiError, CaptureFormat, CaptureQuery};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::path::Path;
use tokio::runtime::Handle;

/// Speaks to one daemon.
#[derive(Clone, Debug)]
pub(super) struct Line {
    runtime: Handle,
    client: Client,
}

impl Line {
    /// To the daemon that listens on `socket`.
    pub(super) fn new(runtime: &Handle, socket: &Path) -> Self {
        Self { runtime: runtime.clone(), client: Client::new(socket) }
    }

    /// The runtime.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Makes a call and reads its answer.
    ///
    /// # Errors
    /// What the daemon refused, or why it cannot be spoken to.
    pub(super) fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, String> {
        self.runtime.block_on(self.client.ask(call)).map_err(words)
    }

    /// Begins to write all frames of a switch to `file`, `snaplen` bytes of each or all of it, until the recording is ended. Frames
    /// that are whole are written as on a wire: super-frames are cut.
    ///
    /// # Errors
    /// As for [`Line::ask`].
    pub(super) fn record(&self, switch: &str, snaplen: Option<u32>, file: File, path: &Path) -> Result<Recording, String> {
        let query = CaptureQuery {
            switch: switch.to_owned(),
            port: None,
            format: CaptureFormat::Pcapng,
            count: None,
            snaplen,
            drops: false,
            filter: None,
            segments: snaplen.is_none(),
            colour: false,
        };
        let call = Call::get("capture", switch, &["v1", "capture"]).query(&query);
        let stream = self.runtime.block_on(self.client.stream(call)).map_err(words)?;
        Ok(Recording::start(&self.runtime, stream, file, path))
    }
}

fn words(error: ApiError) -> String {
    error.to_string()
}
