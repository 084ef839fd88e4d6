//! Where a daemon keeps its things when it is not told.

use std::env;
use std::path::PathBuf;

/// Who starts it, as far as places depend on that.
#[derive(Clone, Debug, Default)]
pub struct Starter {
    /// Whether it is root.
    pub root: bool,
    /// `$XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
}

impl Starter {
    /// This process' own.
    pub fn current() -> Self {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        Self { root: nix::unistd::geteuid().is_root(), state_home: absolute("XDG_STATE_HOME"), home: absolute("HOME") }
    }

    /// `/var/lib/lanloom` for root, `$XDG_STATE_HOME/lanloom` for a user, by default `~/.local/state/lanloom`.
    ///
    /// # Errors
    /// If a user has neither variable.
    pub fn state_dir(&self) -> Result<PathBuf, String> {
        if self.root {
            return Ok(PathBuf::from("/var/lib/lanloom"));
        }
        let home = || self.home.as_ref().map(|home| home.join(".local/state"));
        let base = self.state_home.clone().or_else(home);
        base.map(|base| base.join("lanloom")).ok_or_else(|| {
            "cannot find a place for state: neither XDG_STATE_HOME nor HOME is set; name one with --state-dir, or keep none with --ephemeral"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_users_keep_state_in_their_own_places() {
        let user = Starter { home: Some("/home/ann".into()), ..Starter::default() };
        assert_eq!(user.state_dir(), Ok("/home/ann/.local/state/lanloom".into()));
        let user = Starter { state_home: Some("/state".into()), ..user };
        assert_eq!(user.state_dir(), Ok("/state/lanloom".into()));
        assert_eq!(Starter { root: true, ..user }.state_dir(), Ok("/var/lib/lanloom".into()));
        assert!(Starter::default().state_dir().is_err_and(|error| error.contains("--state-dir")));
    }
}
