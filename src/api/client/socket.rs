//! Where the API's socket is: always a path, never an abstract name.

use std::env;
use std::path::{Path, PathBuf};

/// The variable that names the socket.
pub const SOCKET_VAR: &str = "LANLOOM_SOCKET";

const SYSTEM: &str = "/run/lanloom/lanloom.sock";

/// Where a daemon started by this user listens if it is not told: `/run/lanloom/lanloom.sock` for root, otherwise
/// `$XDG_RUNTIME_DIR/lanloom/lanloom.sock`. `None` if that variable is not set.
pub fn daemon_default() -> Option<PathBuf> {
    default_for(nix::unistd::geteuid().is_root(), env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
}

/// Where this user's client looks if it is not told: as [`daemon_default`]; where that does not exist, the system's.
pub fn client_default() -> PathBuf {
    daemon_default().filter(|path| path.exists()).unwrap_or_else(|| {
        let system = Path::new(SYSTEM);
        if system.exists() { system.to_owned() } else { daemon_default().unwrap_or_else(|| system.to_owned()) }
    })
}

fn default_for(root: bool, runtime: Option<PathBuf>) -> Option<PathBuf> {
    if root {
        Some(PathBuf::from(SYSTEM))
    } else {
        runtime.filter(|dir| dir.is_absolute()).map(|dir| dir.join("lanloom/lanloom.sock"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_users_have_their_own_places() {
        let runtime = || Some(PathBuf::from("/run/user/1000"));
        assert_eq!(default_for(true, runtime()), Some(PathBuf::from("/run/lanloom/lanloom.sock")));
        assert_eq!(default_for(false, runtime()), Some(PathBuf::from("/run/user/1000/lanloom/lanloom.sock")));
        assert_eq!(default_for(false, None), None);
        assert_eq!(default_for(false, Some(PathBuf::from("relative"))), None);
    }
}
