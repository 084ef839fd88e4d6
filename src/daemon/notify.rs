//! What systemd is told (`sd_notify(3)`): one datagram to the socket that `NOTIFY_SOCKET` names.

use std::env;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// A change that systemd wants to know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Requests are answered.
    Ready,
    /// The configuration is being read again; [`Notice::Ready`] follows.
    Reloading,
    /// On the way out.
    Stopping,
}

/// Tells systemd, if it asked to be told. That nobody listens is no fault of ours.
pub fn tell(notice: Notice) {
    if let Some(address) = env::var_os("NOTIFY_SOCKET").and_then(|name| address(name.as_bytes())) {
        let sent = UnixDatagram::unbound().and_then(|socket| socket.send_to_addr(message(notice).as_bytes(), &address));
        if let Err(error) = sent {
            tracing::warn!(%error, ?notice, "systemd was not told");
        }
    }
}

fn message(notice: Notice) -> String {
    match notice {
        Notice::Ready => "READY=1\n".to_owned(),
        // Type=notify-reload wants the moment, in microseconds of CLOCK_MONOTONIC.
        Notice::Reloading => format!("RELOADING=1\nMONOTONIC_USEC={}\n", monotonic().as_micros()),
        Notice::Stopping => "STOPPING=1\n".to_owned(),
    }
}

/// A path, or behind `@` an abstract name; it is systemd that chooses.
fn address(name: &[u8]) -> Option<SocketAddr> {
    match name {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest).ok(),
        [b'/', ..] => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name)).ok(),
        _ => None,
    }
}

fn monotonic() -> Duration {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_and_abstract_names_are_addresses() {
        assert!(address(b"/run/systemd/notify").is_some());
        assert!(address(b"@systemd").is_some());
        assert!(address(b"relative").is_none());
        assert!(address(b"").is_none());
    }

    #[test]
    fn a_reload_carries_its_moment() {
        let text = message(Notice::Reloading);
        let micros = text.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("the moment");
        assert!(micros.parse::<u64>().is_ok_and(|micros| micros > 0), "{text}");
    }
}
