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

/// The group whose members may speak to a daemon of root's.
const GROUP: &str = "lanloom";

/// The command that starts a daemon at a socket, as this user would write it.
pub(super) fn start_command(socket: &Path) -> String {
    start_command_of(socket, nix::unistd::geteuid().is_root(), daemon_default().as_deref())
}

fn start_command_of(socket: &Path, root: bool, usual: Option<&Path>) -> String {
    let system = Path::new(SYSTEM);
    let sudo = if !root && Some(socket.parent()) == Some(system.parent()) { "sudo " } else { "" };
    let is_usual = socket == system || usual == Some(socket);
    let option = if is_usual { String::new() } else { format!(" --socket {}", socket.display()) };
    format!("{sudo}lanloom daemon{option}")
}

/// Whether this machine has that group.
pub(super) fn has_group() -> bool {
    // What cannot be asked is taken to be there.
    nix::unistd::Group::from_name(GROUP).map_or(true, |group| group.is_some())
}

/// What somebody does who may not open the socket.
pub(super) fn admission_hint(has_group: bool) -> &'static str {
    if has_group {
        "join the group lanloom (`sudo usermod -aG lanloom $USER`, then log in again) or use sudo"
    } else {
        "use sudo, or make the group lanloom, which this machine has not (`sudo groupadd --system lanloom`), start the daemon \
         again, and join it (`sudo usermod -aG lanloom $USER`, then log in again)"
    }
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
    fn a_daemon_is_started_as_whoever_asks_would_write_it() {
        let users = PathBuf::from("/run/user/1000/lanloom/lanloom.sock");
        let command = |socket: &str, root| start_command_of(Path::new(socket), root, (!root).then_some(users.as_path()));
        assert_eq!(command(SYSTEM, false), "sudo lanloom daemon");
        assert_eq!(command(SYSTEM, true), "lanloom daemon");
        assert_eq!(command("/run/user/1000/lanloom/lanloom.sock", false), "lanloom daemon");
        assert_eq!(command("/run/lanloom/two.sock", false), "sudo lanloom daemon --socket /run/lanloom/two.sock");
        assert_eq!(command("/tmp/l.sock", false), "lanloom daemon --socket /tmp/l.sock");
        assert_eq!(command("/tmp/l.sock", true), "lanloom daemon --socket /tmp/l.sock");
    }

    #[test]
    fn a_group_that_is_not_there_is_made_before_it_is_joined() {
        assert!(!admission_hint(true).contains("groupadd"));
        let hint = admission_hint(false);
        let order = ["groupadd", "start the daemon again", "usermod"].map(|step| hint.find(step));
        assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{hint}");
    }

    #[test]
    fn root_and_users_have_their_own_places() {
        let runtime = || Some(PathBuf::from("/run/user/1000"));
        assert_eq!(default_for(true, runtime()), Some(PathBuf::from("/run/lanloom/lanloom.sock")));
        assert_eq!(default_for(false, runtime()), Some(PathBuf::from("/run/user/1000/lanloom/lanloom.sock")));
        assert_eq!(default_for(false, None), None);
        assert_eq!(default_for(false, Some(PathBuf::from("relative"))), None);
    }
}
