//! From facts to findings: what is wrong, where, and what to do next. What follows from something else that is wrong is not said
//! beside it: behind an underlay that is down, every peer is silent.

use super::facts::{Facts, MemberFacts, MemberState, PeerFacts, TunnelFacts, Way};
use lanloom_switch_core::vxlan::probe::{Answers, Loss, PathMtu, PeerHealth};
use std::net::IpAddr;
use std::time::Duration;

/// What was sent longer ago says nothing of now. Every peer of ours is asked, and asks, more often.
const FRESH: Duration = Duration::from_secs(90);

/// A peer that was heard since then is there: one of ours asks every five seconds, and more often once it goes without answers.
const THERE: Duration = Duration::from_secs(7);

/// Asks without an answer after which a peer is judged.
const ENOUGH_ASKS: u32 = 3;

/// A peer loses too much if it is one ask in so many, of at least twice as many.
const LOSES_ONE_IN: u32 = 5;

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// What is under a tunnel carries nothing: its address or interface, or the way to its peers.
    UnderlayDown,
    /// A tunnel's own port carries nothing.
    TunnelDown,
    /// A peer sends another VXLAN network than this one has.
    WrongVni,
    /// A peer is not on the flood list: what goes to all does not go to it.
    MissingFdbEntry,
    /// The path to a peer, or the tunnel, carries less than the network's frames.
    MtuTooSmall,
    /// Somebody sends this network here and is no peer.
    UnknownPeer,
    /// A peer does not answer, and nothing comes from it.
    PeerDead,
    /// A peer sends, and answers no more.
    PeerDeaf,
    /// A peer answers, but too much is lost.
    PeerLossy,
    /// A sandbox on this host is not reached.
    SandboxDown,
    /// Something else that the controller says of the network.
    Note,
}

impl Fault {
    /// The name that users see, which stays.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnderlayDown => "underlay_down",
            Self::TunnelDown => "tunnel_down",
            Self::WrongVni => "wrong_vni",
            Self::MissingFdbEntry => "missing_fdb_entry",
            Self::MtuTooSmall => "mtu_too_small",
            Self::UnknownPeer => "unknown_peer",
            Self::PeerDead => "peer_dead",
            Self::PeerDeaf => "peer_deaf",
            Self::PeerLossy => "peer_lossy",
            Self::SandboxDown => "sandbox_down",
            Self::Note => "note",
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of fault it is.
    pub fault: Fault,
    /// Where it is.
    pub place: String,
    /// What was seen.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

impl Finding {
    fn new(fault: Fault, place: impl Into<String>, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { fault, place: place.into(), what: what.into(), hint: hint.into() }
    }
}

/// Everything that is wrong, in the order of where to look first; empty if all is well.
pub fn diagnose(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<Finding> = facts.tunnels.iter().flat_map(|tunnel| tunnel_findings(facts, tunnel)).collect();
    findings.extend(facts.members.iter().filter_map(member_finding));
    findings.extend(facts.notes.iter().map(|note| {
        let hint = format!("see `lanloom network inspect {}`", facts.network);
        Finding::new(Fault::Note, format!("network {}", facts.network), note, hint)
    }));
    findings.sort_by_key(|finding| finding.fault);
    findings
}

fn tunnel_findings(facts: &Facts, tunnel: &TunnelFacts) -> Vec<Finding> {
    if let Some(finding) = no_way(facts, tunnel) {
        return vec![finding];
    }
    let mut findings: Vec<Finding> = small_tunnel(facts, tunnel).into_iter().collect();
    for peer in &tunnel.peers {
        findings.extend(unflooded(facts, tunnel, peer));
        findings.extend(peer.health.as_ref().and_then(|health| unwell(facts, tunnel, peer, health)));
    }
    findings.extend(unknown(facts, tunnel));
    findings
}

/// Who should perhaps be a peer.
fn unknown(facts: &Facts, tunnel: &TunnelFacts) -> impl Iterator<Item = Finding> {
    let fresh = tunnel.unknown.iter().filter(|(_, ago)| *ago < FRESH);
    fresh.map(|(from, _)| {
        let what = format!("it sends VNI {} here and is no peer: all of it is dropped", tunnel.vni);
        let named = tunnel.peers.iter().filter(|peer| peer.named).map(|peer| peer.address);
        let peers: Vec<String> = named.chain([*from]).map(|peer| peer.to_string()).collect();
        let hint =
            format!("if it should be one, `lanloom network update {} --opt lanloom.peers={}`", facts.network, peers.join(","));
        Finding::new(Fault::UnknownPeer, format!("host {from}"), what, hint)
    })
}

/// Why nothing can leave by a tunnel at all.
fn no_way(facts: &Facts, tunnel: &TunnelFacts) -> Option<Finding> {
    let TunnelFacts { local, port, .. } = tunnel;
    let down = |place: String, what: String, hint: String| Some(Finding::new(Fault::UnderlayDown, place, what, hint));
    match &tunnel.way {
        Way::Down { ifname, no_carrier: false } => {
            let what = format!("it is down, and {local}, which the tunnel sends from, is on it");
            return down(format!("interface {ifname}"), what, format!("`ip link set {ifname} up`"));
        }
        Way::Down { ifname, no_carrier: true } => {
            let what = format!("it has no carrier, and {local}, which the tunnel sends from, is on it");
            return down(format!("interface {ifname}"), what, "see to its cable, or to what is at its other end".to_owned());
        }
        Way::NoAddress => {
            let what = format!("no interface has {local}, which the tunnel sends from");
            let hint = format!("give it to an interface: `ip address add {local}/… dev …`");
            return down("this host".to_owned(), what, hint);
        }
        Way::Up { .. } | Way::Unseen { .. } => {}
    }
    if let Some(why) = &tunnel.down {
        let hint = format!("see `lanloom port show {} {port}`", facts.network);
        return Some(Finding::new(Fault::TunnelDown, format!("port {port}"), format!("it carries nothing: {why}"), hint));
    }
    let is_heard = |peer: &PeerFacts| peer.health.is_some_and(|health| health.last_heard.is_some_and(|heard| heard < THERE));
    let error = tunnel.error.as_ref().filter(|error| error.ago < FRESH && !tunnel.peers.iter().any(is_heard))?;
    let what = format!("sending to {} from {local} fails: {}", error.to, error.what);
    down("this host".to_owned(), what, format!("see to the way there: `ip route get {} from {local}`", error.to))
}

/// A tunnel that carries less than what sandboxes send.
fn small_tunnel(facts: &Facts, tunnel: &TunnelFacts) -> Option<Finding> {
    let sends = facts.members.iter().filter_map(|member| Some((member.mtu?, member))).max_by_key(|(mtu, _)| *mtu);
    let (mtu, member) = sends.filter(|(mtu, _)| *mtu > tunnel.mtu)?;
    let what = format!("it carries {} bytes, and {} sends up to {mtu}", tunnel.mtu, title(member));
    let hint = format!("raise the underlay's MTU to {} or more, or make the network anew", mtu + overhead(tunnel.local));
    Some(Finding::new(Fault::MtuTooSmall, format!("port {}", tunnel.port), what, hint))
}

/// A peer that does not get what goes to all.
fn unflooded(facts: &Facts, tunnel: &TunnelFacts, peer: &PeerFacts) -> Option<Finding> {
    if !peer.named || peer.flooded {
        return None;
    }
    let (network, port, address) = (&facts.network, &tunnel.port, peer.address);
    let what = "the flood list has no entry for it: no broadcast, and nothing to an unknown address, is sent there";
    let hint = format!("`lanloom fdb add {network} 00:00:00:00:00:00 {port} --dst {address}`");
    Some(Finding::new(Fault::MissingFdbEntry, at(tunnel, peer), what, hint))
}

/// What is wrong with a peer or the path there: one thing, the first that holds.
fn unwell(facts: &Facts, tunnel: &TunnelFacts, peer: &PeerFacts, health: &PeerHealth) -> Option<Finding> {
    let heard = |within: Duration| health.last_heard.is_some_and(|heard| heard < within);
    match health.answers {
        Answers::Yes => small_path(tunnel, peer, health.path_mtu).or_else(|| lossy(tunnel, peer, health.loss)),
        Answers::Never if health.loss.asked < ENOUGH_ASKS => None,
        Answers::Never if heard(FRESH) => None,
        Answers::NoLonger if heard(THERE) => {
            let what =
                "it sends, and answers probes no more: what is sent to it is lost on the way, or another VTEP took its place";
            let hint =
                format!("run `lanloom doctor {}` there, and see what drops UDP port {} on the way", facts.network, tunnel.udp);
            Some(Finding::new(Fault::PeerDeaf, at(tunnel, peer), what, hint))
        }
        Answers::Never | Answers::NoLonger => wrong_vni(facts, tunnel, peer).or_else(|| Some(dead(tunnel, peer, health))),
    }
}

fn wrong_vni(facts: &Facts, tunnel: &TunnelFacts, peer: &PeerFacts) -> Option<Finding> {
    let ours = |stray: u32| facts.tunnels.iter().any(|tunnel| tunnel.vni == stray);
    let sent = tunnel.strays.iter().filter(|stray| stray.from == peer.address && stray.ago < FRESH && !ours(stray.vni));
    let stray = sent.min_by_key(|stray| stray.ago)?;
    let what = format!("it sends VNI {}, which no network here has, and this network is VNI {}", stray.vni, tunnel.vni);
    let hint = format!("make both ends one: the VNI of {} is chosen when it is made, here or there", facts.network);
    Some(Finding::new(Fault::WrongVni, at(tunnel, peer), what, hint))
}

fn dead(tunnel: &TunnelFacts, peer: &PeerFacts, health: &PeerHealth) -> Finding {
    let heard = match health.last_heard {
        Some(heard) => format!("nothing came from it for {} s", heard.as_secs()),
        None => "nothing ever came from it".to_owned(),
    };
    let Loss { lost, asked } = health.loss;
    let what = format!("{heard}, and it answered {} of the last {asked} probes", asked - lost);
    let hint = format!(
        "see whether {} is up (`ping {0}`), has this network with {} among its peers, and lets UDP port {} in",
        peer.address, tunnel.local, tunnel.udp
    );
    Finding::new(Fault::PeerDead, at(tunnel, peer), what, hint)
}

fn small_path(tunnel: &TunnelFacts, peer: &PeerFacts, path_mtu: PathMtu) -> Option<Finding> {
    let carries = match path_mtu {
        PathMtu::Is(passes) if passes < tunnel.mtu => format!("{passes} bytes"),
        PathMtu::Between(passes, lost) if lost <= tunnel.mtu => format!("between {passes} and {} bytes", lost - 1),
        PathMtu::Unknown | PathMtu::AtLeast(_) | PathMtu::Is(_) | PathMtu::Between(..) => return None,
    };
    let what = format!("the path there carries {carries} of the tunnel's {}", tunnel.mtu);
    let hint = format!(
        "raise the MTU on the way to {}, or make the network anew with what passes",
        tunnel.mtu + overhead(tunnel.local)
    );
    Some(Finding::new(Fault::MtuTooSmall, at(tunnel, peer), what, hint))
}

fn lossy(tunnel: &TunnelFacts, peer: &PeerFacts, Loss { lost, asked }: Loss) -> Option<Finding> {
    let much = asked >= 2 * LOSES_ONE_IN && lost * LOSES_ONE_IN >= asked;
    let hint = format!("see to the way there: `ping {}`", peer.address);
    much.then(|| Finding::new(Fault::PeerLossy, at(tunnel, peer), format!("{lost} of the last {asked} probes were lost"), hint))
}

fn member_finding(member: &MemberFacts) -> Option<Finding> {
    let (what, hint) = match (&member.state, &member.sandbox) {
        (MemberState::Up | MemberState::Free, _) => return None,
        (MemberState::Lost, Some(sandbox)) => {
            let hint = format!("`lanloom sandbox inspect {sandbox}`; make it again, or `lanloom sandbox delete {sandbox}`");
            ("its namespace is gone".to_owned(), hint)
        }
        (MemberState::Lost, None) => ("its namespace is gone".to_owned(), "delete the endpoint".to_owned()),
        (MemberState::Down { why }, Some(sandbox)) => {
            let hint = format!("`lanloom sandbox exec {sandbox} -- ip link` shows its interfaces: set this one up");
            (format!("its interface on this network carries nothing: {why}"), hint)
        }
        (MemberState::Down { why }, None) => {
            (format!("it carries nothing: {why}"), format!("see `lanloom endpoint inspect {}`", member.endpoint))
        }
    };
    Some(Finding::new(Fault::SandboxDown, title(member), what, hint))
}

fn title(member: &MemberFacts) -> String {
    match &member.sandbox {
        Some(sandbox) => format!("sandbox {sandbox}"),
        None => format!("endpoint {}", member.endpoint),
    }
}

fn at(tunnel: &TunnelFacts, peer: &PeerFacts) -> String {
    format!("peer {} of VNI {}", peer.address, tunnel.vni)
}

/// Bytes that a tunnel adds outside of a payload.
fn overhead(local: IpAddr) -> u32 {
    if local.is_ipv4() { lanloom_switch_core::vxlan::OVERHEAD_V4 } else { lanloom_switch_core::vxlan::OVERHEAD_V6 }
}
