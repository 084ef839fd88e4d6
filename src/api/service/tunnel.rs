//! Ends of VXLAN networks, with the API's keys.

use super::doctor::{answers_word, passing};
use super::view::flow;
use crate::api::types::{TunnelInfo, TunnelPeer, TunnelStray, TunnelTrouble};
use crate::url::{VxlanUrl, tos_text, ttl_text};
use lanloom_switch_core::Instant;
use lanloom_switch_core::vxlan::probe::PeerHealth;
use lanloom_switch_core::vxlan::{InnerTags, Peer, ReservedBits, UnknownSender};
use lanloom_switch_io::engine::VtepStatus;
use std::time::Duration;

/// A tunnel as it is at a moment.
pub(super) fn tunnel(url: &VxlanUrl, status: VtepStatus, now: Instant) -> TunnelInfo {
    let VtepStatus { config, mtu, peers, addresses, features, health, unknown, trouble, strays, lost } = status;
    let ago_ms = |then: Instant| millis(now.since(then));
    let reserved = match config.reserved {
        ReservedBits::Strict => "strict",
        ReservedBits::Tolerant => "ignore",
    };
    let tags = match config.tags {
        InnerTags::Discard => "discard",
        InnerTags::Keep => "keep",
    };
    let healthy = |peer: &Peer| health.iter().find(|(address, _)| *address == peer.address).map(|(_, health)| *health);
    let overhead = config.overhead();
    let stray = |stray: lanloom_switch_io::engine::Stray| TunnelStray {
        from: stray.from.to_string(),
        vni: stray.vni.get(),
        datagrams: stray.datagrams,
        ago_ms: ago_ms(stray.last),
    };
    let vni = config.vni.get();
    let stranger = |sender: UnknownSender| TunnelStray {
        from: sender.address.to_string(),
        vni,
        datagrams: sender.datagrams,
        ago_ms: ago_ms(sender.last),
    };
    TunnelInfo {
        vni,
        local: config.local.to_string(),
        udp_port: config.port,
        group: config.group.as_ref().map(|group| group.address.to_string()),
        dev: config.group.as_ref().map(|group| group.ifname.clone()),
        learning: config.learning,
        reserved: reserved.to_owned(),
        tags: tags.to_owned(),
        ttl: ttl_text(config.ttl).unwrap_or_else(|| "default".to_owned()),
        tos: tos_text(config.tos),
        suppress: url.suppress,
        underlay_mtu: mtu.map(|mtu| mtu.saturating_add(overhead)),
        overhead,
        addresses,
        works: features,
        trouble: trouble.map(|trouble| TunnelTrouble {
            to: trouble.to.to_string(),
            what: trouble.what,
            ago_ms: ago_ms(trouble.at),
        }),
        lost,
        peers: peers.iter().map(|one| peer(one, healthy(one), now)).collect(),
        strays: strays.into_iter().map(stray).chain(unknown.into_iter().map(stranger)).collect(),
    }
}

fn peer(peer: &Peer, health: Option<PeerHealth>, now: Instant) -> TunnelPeer {
    TunnelPeer {
        address: peer.address.to_string(),
        named: peer.named,
        flooded: peer.flooded,
        rx: flow(peer.received),
        tx: flow(peer.sent),
        last_heard_ms: peer.heard.map(|heard| millis(now.since(heard))),
        answers: health.map(|health| answers_word(health.answers).to_owned()),
        round_trip_us: health.and_then(|health| health.round_trip).map(|trip| whole(trip.smoothed.as_micros())),
        path_mtu: health.and_then(|health| passing(health.path_mtu).0),
    }
}

fn millis(time: Duration) -> u64 {
    whole(time.as_millis())
}

fn whole(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::PortUrl;
    use lanloom_switch_core::vxlan::probe::{Answers, Loss, PathMtu, RoundTrip};
    use lanloom_switch_core::{Flow, PortId};
    use lanloom_switch_io::engine::Stray;
    use std::net::IpAddr;

    fn url(text: &str) -> VxlanUrl {
        match text.parse() {
            Ok(PortUrl::Vxlan(url)) => url,
            other => panic!("{other:?}"),
        }
    }

    fn status(url: &VxlanUrl) -> VtepStatus {
        let address: IpAddr = [192, 0, 2, 7].into();
        let (sent, received) = (Flow::default(), Flow { frames: 2, bytes: 120, ..Flow::default() });
        let heard = Some(Instant::from_secs(8));
        let peer = Peer { id: PortId::new(0, 0), address, named: true, flooded: true, received, sent, heard };
        let aside = Peer { address: [192, 0, 2, 8].into(), named: false, flooded: false, heard: None, ..peer.clone() };
        let trip = RoundTrip { last: Duration::from_micros(300), smoothed: Duration::from_micros(310) };
        let loss = Loss { lost: 0, asked: 9 };
        let (last_heard, answers, path_mtu) = (Some(Duration::from_secs(2)), Answers::NoLonger, PathMtu::Between(1280, 1450));
        let health = PeerHealth { last_heard, answers, round_trip: Some(trip), loss, path_mtu, checking: false };
        let unknown = UnknownSender { address: [192, 0, 2, 9].into(), datagrams: 3, last: Instant::from_secs(7) };
        let stray = Stray { from: address, vni: url.vni, datagrams: 4, last: Instant::from_secs(9) };
        VtepStatus {
            config: url.config(),
            mtu: Some(1430),
            peers: vec![peer, aside],
            addresses: 5,
            features: vec!["UDP_GRO".into()],
            health: vec![(address, health)],
            unknown: vec![unknown],
            trouble: None,
            strays: vec![stray],
            lost: 6,
        }
    }

    #[test]
    fn a_tunnel_is_told_with_the_words_of_its_url_and_the_health_of_those_that_are_probed() {
        let url = url("vxlan://7?local=fd00::1&group=ff05::7&dev=eth0&reserved=ignore&tags=keep&ttl=3&suppress=off");
        let told = tunnel(&url, status(&url), Instant::from_secs(10));
        let words = [&told.local, &told.reserved, &told.tags, &told.ttl, &told.tos].map(String::as_str);
        assert_eq!(words, ["fd00::1", "ignore", "keep", "3", "0"]);
        assert_eq!((told.group.as_deref(), told.dev.as_deref(), told.suppress), (Some("ff05::7"), Some("eth0"), false));
        assert_eq!((told.vni, told.udp_port, told.underlay_mtu, told.overhead, told.lost), (7, 4789, Some(1500), 70, 6));
        let [probed, aside] = &told.peers[..] else { panic!("{told:?}") };
        assert_eq!((probed.rx.bytes, probed.last_heard_ms, probed.answers.as_deref()), (120, Some(2000), Some("no_longer")));
        assert_eq!((probed.round_trip_us, probed.path_mtu), (Some(310), Some(1280)));
        assert_eq!((&aside.answers, aside.last_heard_ms), (&None, None));
        assert_eq!((told.strays[0].ago_ms, told.strays[0].datagrams), (1000, 4));
        let stranger = &told.strays[1];
        assert_eq!((stranger.from.as_str(), stranger.vni, stranger.datagrams, stranger.ago_ms), ("192.0.2.9", 7, 3, 3000));
    }
}
