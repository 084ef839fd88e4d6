//! What is said of links that could not be made or opened, and what to do then.

use super::Refusal;
use super::refusal::Attempt;
use crate::url::PortUrl;
use lanloom_switch_io::link::LinkError;

/// What to do about what the kernel refuses for reasons of its own.
pub(super) const UNKNOWN_HINT: &str = "see `lanloom info` for what this kernel lets us do";

/// That a TAP could not be made.
pub(super) fn tap_failed(attempt: &Attempt, error: &std::io::Error) -> Refusal {
    use std::io::ErrorKind::{NotFound, PermissionDenied};
    let hint = match error.kind() {
        PermissionDenied => "it needs CAP_NET_ADMIN, and /dev/net/tun readable and writable: run as root, or use veth://",
        NotFound => "there is no /dev/net/tun: load the tun module, or give the container that device",
        _ => UNKNOWN_HINT,
    };
    attempt.failed(format!("making a TAP: {error}"), hint)
}

/// That what is there could not be opened.
pub(super) fn open_failed(attempt: &Attempt, url: &PortUrl, error: &LinkError) -> Refusal {
    let incompatible = matches!(error, LinkError::Io(error) if error.raw_os_error() == Some(nix::libc::EINVAL));
    if let (PortUrl::Tap(tap), true) = (url, incompatible) {
        let other = if tap.offload { "without" } else { "with" };
        let why = format!("the TAP {} that is there was made {other} offloads", tap.ifname);
        return attempt.conflict(why, "delete it, choose another name, or give the other offload=");
    }
    let busy = matches!(error, LinkError::Io(error) if error.raw_os_error() == Some(nix::libc::EBUSY));
    if busy {
        return attempt.conflict(format!("another process has {} open", url.target()), "stop that process");
    }
    attempt.failed(format!("opening {}: {error}", url.target()), open_hint(error))
}

fn open_hint(error: &LinkError) -> &'static str {
    let LinkError::Io(error) = error else { return "look at the interface with `ip link`, and retry" };
    match error.raw_os_error() {
        Some(nix::libc::EPERM | nix::libc::EACCES) => "it needs CAP_NET_RAW and CAP_NET_ADMIN: run as root",
        Some(nix::libc::EMFILE | nix::libc::ENFILE) => {
            "no file descriptor is left: delete ports, or start the daemon with a higher `ulimit -n` (LimitNOFILE= of systemd)"
        }
        Some(nix::libc::ENOBUFS | nix::libc::ENOMEM) => "no memory is left for its buffers: free some, and retry",
        _ => UNKNOWN_HINT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn what_cannot_be_opened_is_told_what_would_help_and_not_always_to_be_root() {
        let attempt = Attempt::new("add port", "s1/p1");
        let hint = |errno: i32| {
            let url = "iface://e0".parse().expect("a URL");
            let refusal = open_failed(&attempt, &url, &LinkError::Io(io::Error::from_raw_os_error(errno)));
            assert!(refusal.why.contains("e0"), "{refusal}");
            refusal.hint
        };
        assert_eq!(hint(nix::libc::EPERM), "it needs CAP_NET_RAW and CAP_NET_ADMIN: run as root");
        assert!(hint(nix::libc::EMFILE).contains("ulimit -n"));
        assert!(hint(nix::libc::ENOBUFS).contains("no memory is left"));
        assert_eq!(hint(nix::libc::EBUSY), "stop that process");
        assert_eq!(hint(nix::libc::ENETDOWN), UNKNOWN_HINT);
        let url = "iface://e0".parse().expect("a URL");
        assert!(open_failed(&attempt, &url, &LinkError::Gone).hint.contains("ip link"));
    }
}
