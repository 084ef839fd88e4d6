//! The driver `host`: sandboxes on its network are in the daemon's own namespace, and get no interface. The network is `host`, and
//! always there.

use crate::driver::Singular;

/// The driver's name.
pub const NAME: &str = "host";

/// The driver, whose network is still to be made.
pub const fn driver() -> Singular {
    Singular::new(NAME)
}
