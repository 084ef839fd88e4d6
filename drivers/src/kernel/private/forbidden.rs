//! What keeps a user from namespaces of their own, and the setting that would have to change.

use std::fmt;
use std::fs;

use nix::errno::Errno;

/// Namespaces of one's own cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateError {
    pub(super) step: Step,
    pub(super) why: Forbidden,
}

/// What was being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Trying it by a child process.
    Child,
    /// `unshare` of the user, network and mount namespaces.
    Unshare,
    /// Becoming root in the user namespace.
    Map,
    /// Keeping our mounts from the machine's.
    Propagation,
    /// A `/run` of our own.
    Run,
    /// Setting `lo` up.
    Loopback,
}

/// What forbids it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forbidden {
    /// This kernel setting, which would have to be another.
    Setting {
        /// As `sysctl` names it.
        name: &'static str,
        /// What it is.
        is: String,
        /// What it would have to be.
        wanted: &'static str,
    },
    /// A seccomp filter, as containers have.
    Seccomp,
    /// The process has so many threads already.
    Threads(usize),
    /// No setting that we know of.
    Errno(Errno),
    /// Something after that.
    Other(String),
}

impl PrivateError {
    /// What was being done.
    pub fn step(&self) -> Step {
        self.step
    }

    /// What forbids it.
    pub fn why(&self) -> &Forbidden {
        &self.why
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match &self.why {
            Forbidden::Setting { name, wanted, .. } => format!("as root: sysctl -w {name}={wanted}, or run this as root"),
            Forbidden::Seccomp => {
                "run the container with --cap-add SYS_ADMIN --cap-add NET_ADMIN --security-opt seccomp=unconfined".to_owned()
            }
            Forbidden::Threads(_) => "this is an error in the program: report it".to_owned(),
            Forbidden::Errno(_) | Forbidden::Other(_) => "run this as root".to_owned(),
        }
    }
}

impl fmt::Display for PrivateError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "making namespaces of our own ({}): {}; {}", self.step, self.why, self.hint())
    }
}

impl std::error::Error for PrivateError {}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Child => "trying it",
            Self::Unshare => "unshare of user, network and mounts",
            Self::Map => "becoming its root",
            Self::Propagation => "making mounts private",
            Self::Run => "a /run of our own",
            Self::Loopback => "setting lo up",
        })
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { name, is, .. } => write!(out, "{name} is {is}"),
            Self::Seccomp => out.write_str("a seccomp filter forbids it, as containers have"),
            Self::Threads(count) => write!(out, "this process has {count} threads already"),
            Self::Errno(errno) => write!(out, "{} ({errno:?})", errno.desc()),
            Self::Other(text) => out.write_str(text),
        }
    }
}

impl Step {
    pub(super) fn of(number: u8) -> Self {
        let all = [Self::Child, Self::Unshare, Self::Map, Self::Propagation, Self::Run, Self::Loopback];
        all.into_iter().find(|step| *step as u8 == number).unwrap_or(Self::Child)
    }
}

/// A step that failed.
pub(super) struct Failed {
    pub(super) step: Step,
    pub(super) errno: Errno,
}

impl Failed {
    pub(super) fn explain(&self) -> PrivateError {
        let setting = |name: &str| fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok();
        PrivateError { step: self.step, why: self.forbidden(setting, filtered()) }
    }

    /// Looks for the setting that explains the error number.
    fn forbidden(&self, setting: impl Fn(&str) -> Option<String>, filtered: bool) -> Forbidden {
        let is = |name: &'static str, bad: &str, wanted: &'static str| {
            let is = setting(name)?.trim().to_owned();
            (is == bad).then_some(Forbidden::Setting { name, is, wanted })
        };
        let limits = || {
            ["user.max_user_namespaces", "user.max_net_namespaces", "user.max_mnt_namespaces"]
                .into_iter()
                .find_map(|name| is(name, "0", "65536"))
        };
        #[expect(clippy::wildcard_enum_match_arm, reason = "error numbers are many, and these are the ones that settings give")]
        let found = match self.errno {
            Errno::EPERM | Errno::EACCES => is("kernel.unprivileged_userns_clone", "0", "1")
                .or_else(|| is("kernel.apparmor_restrict_unprivileged_userns", "1", "0"))
                .or_else(|| filtered.then_some(Forbidden::Seccomp)),
            Errno::ENOSPC | Errno::EUSERS => limits(),
            _ => None,
        };
        found.unwrap_or(Forbidden::Errno(self.errno))
    }
}

/// Whether a seccomp filter is on this process.
fn filtered() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(errno: Errno, settings: &[(&str, &str)], filtered: bool) -> Forbidden {
        let setting = |name: &str| Some(format!("{}\n", settings.iter().find(|(known, _)| *known == name)?.1));
        Failed { step: Step::Unshare, errno }.forbidden(setting, filtered)
    }

    #[test]
    fn the_setting_that_forbids_it_is_named() {
        let cases = [
            (Errno::EPERM, "kernel.unprivileged_userns_clone", "0"),
            (Errno::EPERM, "kernel.apparmor_restrict_unprivileged_userns", "1"),
            (Errno::EACCES, "kernel.apparmor_restrict_unprivileged_userns", "1"),
            (Errno::ENOSPC, "user.max_user_namespaces", "0"),
            (Errno::ENOSPC, "user.max_net_namespaces", "0"),
        ];
        for (errno, setting, value) in cases {
            let why = explain(errno, &[(setting, value)], true);
            assert!(matches!(&why, Forbidden::Setting { name, .. } if *name == setting), "{why}");
            let error = PrivateError { step: Step::Unshare, why };
            assert!(error.to_string().contains(&format!("{setting} is {value}")), "{error}");
            assert!(error.hint().contains(&format!("sysctl -w {setting}=")), "{error}");
        }
    }

    #[test]
    fn a_container_s_filter_is_named_when_no_setting_explains_it() {
        let settings = [("kernel.unprivileged_userns_clone", "1"), ("user.max_user_namespaces", "100")];
        assert_eq!(explain(Errno::EPERM, &settings, true), Forbidden::Seccomp);
        assert_eq!(explain(Errno::EPERM, &settings, false), Forbidden::Errno(Errno::EPERM));
        assert_eq!(explain(Errno::ENOSPC, &settings, true), Forbidden::Errno(Errno::ENOSPC));
    }
}
