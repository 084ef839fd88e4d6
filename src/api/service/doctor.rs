//! Health of networks.

use super::{Answer, Service};
use crate::api::types::{Diagnosis, Finding, Member, PeerInfo};
use crate::controller::doctor::{self, Facts, MemberFacts, MemberState, PeerFacts, TunnelFacts};
use lanloom_switch_core::vxlan::probe::{Answers, PathMtu, PeerHealth};
use std::time::Duration;

impl Service {
    pub(in crate::api) async fn diagnose(&self, network: &str) -> Answer<Diagnosis> {
        let facts = self.controller.facts(network).await?;
        Ok(diagnosis(&facts))
    }
}

fn diagnosis(facts: &Facts) -> Diagnosis {
    let findings: Vec<Finding> = doctor::diagnose(facts).into_iter().map(finding).collect();
    Diagnosis {
        network: facts.network.clone(),
        ok: findings.is_empty(),
        findings,
        peers: facts.tunnels.iter().flat_map(peers).collect(),
        members: facts.members.iter().map(member).collect(),
    }
}

fn finding(finding: doctor::Finding) -> Finding {
    let doctor::Finding { fault, place, what, hint } = finding;
    Finding { fault: fault.name().to_owned(), place, what, hint }
}

fn member(member: &MemberFacts) -> Member {
    let (state, why) = match &member.state {
        MemberState::Up => ("up", None),
        MemberState::Down { why } => ("down", Some(why.clone())),
        MemberState::Lost => ("lost", None),
        MemberState::Free => ("free", None),
    };
    Member { endpoint: member.endpoint.clone(), sandbox: member.sandbox.clone(), state: state.to_owned(), why }
}

/// The peers of a tunnel whose health is kept.
pub(super) fn peers(tunnel: &TunnelFacts) -> impl Iterator<Item = PeerInfo> {
    tunnel.peers.iter().filter_map(|peer| Some(peer_info(tunnel, peer, &peer.health?)))
}

fn peer_info(tunnel: &TunnelFacts, peer: &PeerFacts, health: &PeerHealth) -> PeerInfo {
    let (path_mtu, path_mtu_below) = passing(health.path_mtu);
    let whole = |time: u128| u64::try_from(time).unwrap_or(u64::MAX);
    let micros = |time: Duration| whole(time.as_micros());
    PeerInfo {
        address: peer.address.to_string(),
        vni: tunnel.vni,
        port: tunnel.port.clone(),
        flooded: peer.flooded,
        answers: answers_word(health.answers).to_owned(),
        last_heard_ms: health.last_heard.map(|heard| whole(heard.as_millis())),
        round_trip_us: health.round_trip.map(|trip| micros(trip.smoothed)),
        round_trip_last_us: health.round_trip.map(|trip| micros(trip.last)),
        lost: health.loss.lost,
        asked: health.loss.asked,
        path_mtu,
        path_mtu_below,
    }
}

/// The largest payload that was seen to reach a peer, and the smallest that did not.
pub(super) const fn passing(path: PathMtu) -> (Option<u32>, Option<u32>) {
    match path {
        PathMtu::Unknown => (None, None),
        PathMtu::AtLeast(passes) => (Some(passes), None),
        PathMtu::Between(passes, lost) => (Some(passes), Some(lost)),
        PathMtu::Is(passes) => (Some(passes), Some(passes + 1)),
    }
}

pub(super) const fn answers_word(answers: Answers) -> &'static str {
    match answers {
        Answers::Yes => "yes",
        Answers::NoLonger => "no_longer",
        Answers::Never => "never",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::doctor::Way;
    use lanloom_switch_core::vxlan::probe::{Loss, RoundTrip};
    use serde_json::json;
    use std::net::{IpAddr, Ipv4Addr};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn facts(path_mtu: PathMtu) -> Facts {
        let trip = RoundTrip { last: Duration::from_micros(310), smoothed: Duration::from_nanos(280_999) };
        let health = PeerHealth {
            last_heard: Some(Duration::from_millis(1250)),
            answers: Answers::Yes,
            round_trip: Some(trip),
            loss: Loss { lost: 1, asked: 64 },
            path_mtu,
            checking: false,
        };
        let peer =
            PeerFacts { address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), named: true, flooded: true, health: Some(health) };
        let aside = PeerFacts { named: false, flooded: false, health: None, ..peer.clone() };
        let tunnel = TunnelFacts {
            port: "_vxlan-42".to_owned(),
            vni: 42,
            local: HERE,
            udp: 4789,
            down: None,
            mtu: 1450,
            way: Way::Up { ifname: "eth0".to_owned() },
            error: None,
            peers: vec![peer, aside],
            strays: Vec::new(),
            unknown: Vec::new(),
        };
        Facts { network: "web".to_owned(), tunnels: vec![tunnel], ..Facts::default() }
    }

    #[test]
    fn a_peer_shows_what_its_probes_tell() {
        let shown = serde_json::to_value(diagnosis(&facts(PathMtu::AtLeast(1450)))).expect("plain data");
        let peer = json!({
            "address": "192.0.2.2", "vni": 42, "port": "_vxlan-42", "flooded": true, "answers": "yes", "last_heard_ms": 1250,
            "round_trip_us": 280, "round_trip_last_us": 310, "lost": 1, "asked": 64, "path_mtu": 1450, "path_mtu_below": null
        });
        let expected = json!({"network": "web", "ok": true, "findings": [], "peers": [peer], "members": []});
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_known_of_a_path_is_what_passed_and_what_did_not() {
        let shown = |path_mtu| {
            let peer = diagnosis(&facts(path_mtu)).peers.remove(0);
            (peer.path_mtu, peer.path_mtu_below)
        };
        assert_eq!(shown(PathMtu::Unknown), (None, None));
        assert_eq!(shown(PathMtu::Between(1280, 1400)), (Some(1280), Some(1400)));
        assert_eq!(shown(PathMtu::Is(1350)), (Some(1350), Some(1351)));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_name_and_place() {
        let diagnosis = diagnosis(&facts(PathMtu::Is(1350)));
        assert!(!diagnosis.ok);
        assert_eq!(diagnosis.findings.len(), 1);
        assert_eq!(diagnosis.findings[0].fault, "mtu_too_small");
        assert_eq!(diagnosis.findings[0].place, "peer 192.0.2.2 of VNI 42");
    }
}
