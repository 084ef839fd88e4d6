//! The driver `null`: sandboxes on its network have `lo` and nothing else. The network is `none`, and always there.

use crate::driver::Singular;

/// The driver's name.
pub const NAME: &str = "null";

/// The driver, whose network is still to be made.
pub const fn driver() -> Singular {
    Singular::new(NAME)
}
