//! How a capture ends by Ctrl-C or SIGTERM: in good order the first time, at once the second.

use std::io;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The wish to end.
#[derive(Debug)]
pub(super) struct Ending {
    first: oneshot::Receiver<()>,
}

impl Ending {
    /// Listens from now on, in a thread of its own: the second signal is to end the process even while this one is stuck in
    /// writing to somebody who does not read.
    ///
    /// # Errors
    /// If the kernel gives no thread or takes no handler.
    pub(super) fn listen() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _inside = runtime.enter();
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
        };
        let (tell, first) = oneshot::channel();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || wait(&runtime, signals, tell))?;
        Ok(Self { first })
    }

    /// The first signal.
    pub(super) async fn asked_for(&mut self) {
        if (&mut self.first).await.is_err() {
            // The thread that could say so is gone.
            std::future::pending::<()>().await;
        }
    }
}

fn wait(runtime: &Runtime, (mut interrupt, mut terminate): (Signal, Signal), tell: oneshot::Sender<()>) {
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => SignalKind::interrupt(),
            _ = terminate.recv() => SignalKind::terminate(),
        }
    };
    let signal = runtime.block_on(async {
        next().await;
        // If nobody hears it, the capture has ended just now.
        let _ = tell.send(());
        next().await
    });
    // What a shell says of a process that a signal has ended.
    std::process::exit(128 + signal.as_raw_value());
}
