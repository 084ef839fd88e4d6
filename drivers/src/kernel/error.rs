//! What can go wrong with a kernel, said so that a person knows what to do next.

use std::fmt;
use std::path::PathBuf;

use nix::errno::Errno;

/// One refused operation: what was tried, on what, why it failed, and ([`KernelError::hint`]) what to do next.
///
/// An operation that failed has left nothing behind, unless [`KernelError::also`] says what could not be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelError {
    what: &'static str,
    on: String,
    why: Why,
    also: Vec<Self>,
}

/// Why the kernel, or we before it, said no.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// `EPERM`, `EACCES`: rights are missing; these.
    NotPermitted(Needs),
    /// `EEXIST`: something of that name is there.
    Exists,
    /// `ENODEV`: no interface of that name in that namespace.
    NoSuchLink,
    /// No network namespace is mounted at that path.
    NoSuchNetns(PathBuf),
    /// `EADDRNOTAVAIL` at deleting: the interface has no such address.
    NoSuchAddress,
    /// `ESRCH`: there is no such route.
    NoSuchRoute,
    /// There is no such setting: this kernel lacks it, or the interface that it is of is not there.
    NoSuchSetting,
    /// A program of others is not installed.
    MissingTool {
        /// The program.
        tool: &'static str,
        /// The package that brings it, by Debian's name.
        package: &'static str,
    },
    /// A table of somebody else's drops what the host forwards, and has no place for what we would accept.
    NoPlace {
        /// The table.
        table: String,
    },
    /// A name breaks this rule.
    InvalidName(&'static str),
    /// A value breaks this rule.
    InvalidValue(String),
    /// `EBUSY`.
    Busy,
    /// `EOPNOTSUPP` and its kin: this kernel lacks it.
    Unsupported,
    /// `EROFS`: as in a container whose `/proc/sys` is read-only.
    ReadOnly,
    /// A [`Failing`](super::Failing) twin said no: the same seed says no again at the same call.
    Injected {
        /// The twin's seed.
        seed: u64,
        /// The number of the call, from 0.
        call: u64,
    },
    /// Any other error number.
    Os(Errno),
    /// No error number: a thread could not be made, an answer had no sense.
    Other(String),
}

/// The rights that an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// `CAP_NET_ADMIN` in the user namespace that owns the network namespace.
    NetAdmin,
    /// `CAP_SYS_ADMIN`: making, entering and mounting namespaces.
    SysAdmin,
    /// `CAP_NET_BIND_SERVICE` in that user namespace: ports below 1,024.
    LowPort,
    /// `CAP_SYS_PTRACE`: what another user's process has.
    Process,
    /// The file's own rights.
    File,
}

impl KernelError {
    /// A failure of `what`, tried on `on`.
    pub fn new(what: &'static str, on: impl Into<String>, why: Why) -> Self {
        Self { what, on: on.into(), why, also: Vec::new() }
    }

    /// A failure by error number; `needs` are the rights that are missing if it says so.
    pub(crate) fn errno(what: &'static str, on: impl Into<String>, errno: Errno, needs: Needs) -> Self {
        Self::new(what, on, Why::from_errno(errno, needs))
    }

    /// Adds what failed while this was being undone, or besides it.
    #[must_use]
    pub fn and(mut self, other: impl IntoIterator<Item = Self>) -> Self {
        self.also.extend(other);
        self
    }

    /// What was tried, as "creating a veth".
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// On what it was tried.
    pub fn on(&self) -> &str {
        &self.on
    }

    /// Why it failed.
    pub fn why(&self) -> &Why {
        &self.why
    }

    /// What failed besides: mostly, what could not be undone and is left behind.
    pub fn also(&self) -> &[Self] {
        &self.also
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        self.why.hint()
    }
}

impl Why {
    /// Sorts an error number.
    fn from_errno(errno: Errno, needs: Needs) -> Self {
        if errno == Errno::EOPNOTSUPP || errno == Errno::ENOSYS {
            return Self::Unsupported;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "error numbers are many, and most mean nothing particular here")]
        match errno {
            Errno::EPERM | Errno::EACCES => Self::NotPermitted(needs),
            Errno::EEXIST => Self::Exists,
            Errno::ENODEV => Self::NoSuchLink,
            Errno::ESRCH => Self::NoSuchRoute,
            Errno::EADDRNOTAVAIL => Self::NoSuchAddress,
            Errno::EBUSY => Self::Busy,
            Errno::EROFS => Self::ReadOnly,
            other => Self::Os(other),
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::NotPermitted(Needs::NetAdmin) => {
                "it needs CAP_NET_ADMIN over that namespace: run as root, or in namespaces of your own".to_owned()
            }
            Self::NotPermitted(Needs::SysAdmin) => {
                "it needs CAP_SYS_ADMIN: run as root, or in namespaces of your own".to_owned()
            }
            Self::NotPermitted(Needs::LowPort) => "it needs CAP_NET_BIND_SERVICE over that namespace: run as root".to_owned(),
            Self::NotPermitted(Needs::Process) => {
                "it needs CAP_SYS_PTRACE if the process is another user's: run as root, or as that user".to_owned()
            }
            Self::NotPermitted(Needs::File) => "look at the rights of that file and its directories".to_owned(),
            Self::Exists => "choose another name, or delete what is there".to_owned(),
            Self::NoSuchLink => "list the interfaces of that namespace; names are case-sensitive".to_owned(),
            Self::NoSuchNetns(_) => "create it first; `ip netns list` shows what is there".to_owned(),
            Self::NoSuchAddress => "list the addresses of that interface".to_owned(),
            Self::NoSuchRoute => "list the routes of that namespace".to_owned(),
            Self::NoSuchSetting => "`sysctl -a` in that namespace lists what is there; each interface has its own".to_owned(),
            Self::MissingTool { package, .. } => format!("install the package {package}: apt install {package}"),
            Self::NoPlace { table } if table == "firewalld" => {
                "let firewalld trust the gateway interfaces: firewall-cmd --permanent --zone=trusted --add-interface=ll-+ (or \
                 the name that com.docker.network.bridge.name gives), then firewall-cmd --reload; gateway modes that let others in \
                 cannot be had beside it"
                    .to_owned()
            }
            Self::NoPlace { .. } => "have whoever made that table accept what comes from the gateway interfaces".to_owned(),
            Self::InvalidName(_) => "choose a name within that rule".to_owned(),
            Self::InvalidValue(_) => "give a value within that rule".to_owned(),
            Self::Busy => "find who uses it, or try again".to_owned(),
            Self::Unsupported => "this kernel lacks it; `lanloom info` shows what it offers".to_owned(),
            Self::ReadOnly => "in a container, give it a writable /proc/sys".to_owned(),
            Self::Injected { .. } => "nothing: a test asked for this failure".to_owned(),
            Self::Os(Errno::EINVAL | Errno::ERANGE) => "a value is out of what the kernel takes (MTU, MAC, address)".to_owned(),
            Self::Os(Errno::EMFILE | Errno::ENFILE) => "raise the limit of open files".to_owned(),
            Self::Os(Errno::ENOSPC | Errno::EUSERS) => "raise user.max_net_namespaces or user.max_user_namespaces".to_owned(),
            Self::Os(_) | Self::Other(_) => "`dmesg` may say more".to_owned(),
        }
    }
}

impl fmt::Display for KernelError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}): {}; {}", self.what, self.on, self.why, self.hint())?;
        self.also.iter().try_for_each(|other| write!(out, "; and {other}"))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted(_) => out.write_str("not permitted"),
            Self::Exists => out.write_str("it exists already"),
            Self::NoSuchLink => out.write_str("there is no such interface"),
            Self::NoSuchNetns(path) => write!(out, "no network namespace is mounted at {}", path.display()),
            Self::NoSuchAddress => out.write_str("there is no such address"),
            Self::NoSuchRoute => out.write_str("there is no such route"),
            Self::NoSuchSetting => out.write_str("there is no such setting"),
            Self::MissingTool { tool, .. } => write!(out, "the program {tool} is missing"),
            Self::NoPlace { .. } => out.write_str("it drops what is forwarded, and has no place for rules of ours"),
            Self::InvalidName(rule) => write!(out, "the name is invalid: {rule}"),
            Self::InvalidValue(rule) => out.write_str(rule),
            Self::Busy => out.write_str("it is in use"),
            Self::Unsupported => out.write_str("this kernel does not support it"),
            Self::ReadOnly => out.write_str("the file system is read-only"),
            Self::Injected { seed, call } => write!(out, "made to fail (seed {seed}, call {call})"),
            Self::Os(errno) => write!(out, "{} ({errno:?})", errno.desc()),
            Self::Other(text) => out.write_str(text),
        }
    }
}

impl std::error::Error for KernelError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_on_what_why_and_what_next() {
        let error = KernelError::errno("creating a veth", "e0 in /run/netns/a", Errno::EPERM, Needs::NetAdmin);
        assert_eq!(
            error.to_string(),
            "creating a veth (e0 in /run/netns/a): not permitted; \
             it needs CAP_NET_ADMIN over that namespace: run as root, or in namespaces of your own"
        );
    }

    #[test]
    fn what_could_not_be_undone_is_in_the_line_too() {
        let left = KernelError::errno("deleting an interface", "e0", Errno::EBUSY, Needs::NetAdmin);
        let error = KernelError::errno("creating a veth", "e0", Errno::EEXIST, Needs::NetAdmin).and([left]);
        assert_eq!(error.why(), &Why::Exists);
        assert!(error.to_string().contains("; and deleting an interface (e0): it is in use"), "{error}");
    }
}
