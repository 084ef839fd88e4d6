//! What to look at and to try next: commands that need no package but this one.

use super::board::SWITCH;
use super::outcome::{Check, Status};
use super::recording::Example;
use super::rights::Rights;
use super::stage::Stage;
use std::path::Path;

/// Columns of a frame's description, so that verdicts stand below each other.
const WHAT: usize = 56;

/// What the capture says of the first frames.
pub(super) fn frames(path: Option<&Path>, examples: &[Example]) -> Option<String> {
    let path = path.filter(|_| !examples.is_empty())?;
    let lines = examples.iter().map(|Example { what, verdict, .. }| format!("    {what:<WHAT$}  {verdict}"));
    Some(format!("\n  A ping from blue to green, in {}:\n\n{}\n", path.display(), lines.collect::<Vec<_>>().join("\n")))
}

/// How to look around in what is up.
pub(super) fn while_kept(stage: &Stage, rights: &Rights) -> String {
    let sudo = if std::env::var_os("SUDO_USER").is_some() { "sudo " } else { "" };
    let program = std::env::current_exe().map_or_else(|_| program(), |path| path.display().to_string());
    let line = |words: &str, what: &str| format!("    {words:<34} {what}");
    let command = |words: &str, what: &str| line(&format!("lanloom {words}"), what);
    let mut lines = vec![
        "  All stays up until Ctrl-C; pings go on every second. In another terminal:\n".to_owned(),
        format!("    alias lanloom='{sudo}{program} --socket {}'", stage.socket().display()),
        command(&format!("capture {SWITCH}"), "each frame, and what became of it"),
        command(&format!("fdb show {SWITCH}"), "who is where"),
        command(&format!("counters {SWITCH}"), "frames, bytes, and drops by reason"),
        command(&format!("port set {SWITCH} p2 down"), "then capture and counters again"),
        format!("    lanloom trace {SWITCH} p1 'icmp src=10.1.0.1 dst=10.1.0.2'"),
    ];
    if stage.networks.example().is_some() {
        lines.push(command("sandbox ls", "the sandboxes, and where they are"));
        lines.push(command("capture front", "what goes through a network"));
        if *rights == Rights::Machine {
            lines.push(command("sandbox ping web app", "from one sandbox to another, by name"));
            lines.push(command("sandbox exec web -- sh", "a shell in a sandbox"));
        }
    }
    if let Some((host, socket)) = stage.overlay.example(&stage.folder) {
        lines.push(format!("    alias {host}='{sudo}{program} --socket {}'", socket.display()));
        lines.push(line(&format!("{host} capture wide"), "what passes in the network over both hosts"));
        lines.push(command("capture underlay", "the same between the hosts, in VXLAN"));
        lines.push(line(&format!("{host} doctor wide"), "how it is: that a host was cut off shows for a while"));
    }
    let name = stage.hosts.iter().find_map(|host| host.role.namespace.as_deref());
    if let (Some(name), true) = (name, *rights == Rights::Machine && has_ip()) {
        lines.push(format!("    {sudo}ip netns exec {name} sh"));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// What to try when all is gone.
pub(super) fn afterwards(checks: &[Check], kept: bool) -> String {
    let count = |status| checks.iter().filter(|check| check.status == status).count();
    let (ok, failed, skipped) = (count(Status::Ok), count(Status::Failed), count(Status::Skipped));
    let sum = format!("\n  {ok} ok, {failed} failed, {skipped} skipped");
    if kept {
        return sum;
    }
    let program = program();
    let command = |words: &str, what: &str| format!("    {program} {words:<20}{what}");
    let lines = [
        format!("{sum}\n\n  Next:\n"),
        command("demo --keep", "the same, left up for you to look around"),
        command("demo --break fdb", "the same with a fault, and how it is caught"),
        command("help", "all commands"),
    ];
    lines.join("\n")
}

/// As this program was called.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "lanloom".to_owned())
}

fn has_ip() -> bool {
    ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"].iter().any(|path| Path::new(path).exists())
}
