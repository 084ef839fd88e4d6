//! Changes one after the other, each to its end.

use super::Refusal;
use super::refusal::Attempt;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Something whose changes come one after the other.
pub(super) trait InTurn: Send + Sync + 'static {
    /// Held by the change whose turn it is.
    fn writer(&self) -> &Mutex<()>;
}

/// Runs a change when those before it have ended, and to its end even if nobody waits for it any more.
pub(super) async fn change<I: InTurn, T: Send + 'static, F>(
    inner: &Arc<I>,
    work: impl FnOnce(Arc<I>) -> F + Send + 'static,
) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>> + Send,
{
    let inner = Arc::clone(inner);
    let task = tokio::spawn(async move {
        let _turn = inner.writer().lock().await;
        work(Arc::clone(&inner)).await
    });
    task.await.unwrap_or_else(|_| {
        let attempt = Attempt::new("change", "the controller");
        Err(attempt.failed("it stopped halfway; the daemon's log says why", "restart the daemon: it finds its way back"))
    })
}
