//! Whether the kernel has IPv6 at all: one that was started with `ipv6.disable=1` has no settings of it, and takes no addresses.

use super::refusal::Attempt;
use super::{Inner, Refusal};
use lanloom_drivers::kernel::{Kernel, Netns, SysctlKey, Why};
use std::sync::atomic::Ordering;

/// A setting that every kernel with IPv6 has.
const A_SETTING: &str = "net/ipv6/conf/all/disable_ipv6";

/// Asks the kernel. One that cannot be asked is taken for one that has it, as nearly all do.
pub(super) async fn has_ipv6(kernel: &dyn Kernel) -> bool {
    let Ok(key) = SysctlKey::new(A_SETTING) else { return true };
    let answer = kernel.sysctl(&Netns::Daemon, &key).await;
    !matches!(answer, Err(error) if *error.why() == Why::NoSuchSetting)
}

impl Inner {
    /// The same, asked again only while it has none: it may still be loaded.
    pub(super) async fn has_ipv6(&self) -> bool {
        if !self.has_ipv6.load(Ordering::Relaxed) {
            self.has_ipv6.store(has_ipv6(&*self.kernel).await, Ordering::Relaxed);
        }
        self.has_ipv6.load(Ordering::Relaxed)
    }

    /// Refuses what wants IPv6 where there is none.
    pub(super) async fn check_ipv6(&self, attempt: &Attempt, is_wanted: bool) -> Result<(), Refusal> {
        if !is_wanted || self.has_ipv6().await {
            return Ok(());
        }
        let hint = "leave IPv6 out, or start this machine without ipv6.disable=1 (or load the module ipv6)";
        Err(attempt.failed("this kernel has no IPv6", hint))
    }
}
