//! How a port is shown that is the end of a VXLAN network.

use crate::api::types::{PortInfo, TunnelInfo, TunnelPeer};
use crate::cli::doctor::{heard, trip};
use crate::cli::table::Table;

/// What to say of it, by name.
pub(super) fn lines(port: &PortInfo, tunnel: &TunnelInfo) -> Vec<(&'static str, String)> {
    let mut lines = vec![("vni", tunnel.vni.to_string()), ("local", format!("{}, UDP port {}", tunnel.local, tunnel.udp_port))];
    if let (Some(group), Some(dev)) = (&tunnel.group, &tunnel.dev) {
        lines.push(("group", format!("{group} by {dev}")));
    }
    lines.extend([
        ("mtu is", mtu(port, tunnel)),
        ("vtep learning", on(tunnel.learning).to_owned()),
        ("suppression", on(tunnel.suppress).to_owned()),
        ("reserved bits", reserved(&tunnel.reserved).to_owned()),
        ("inner tags", tags(&tunnel.tags).to_owned()),
        ("ttl, tos", format!("{}, {}", tunnel.ttl, tunnel.tos)),
        ("addresses", format!("{} behind other ends", tunnel.addresses)),
    ]);
    if !tunnel.works.is_empty() {
        lines.push(("works by", tunnel.works.join("; ")));
    }
    lines.push(("lost", format!("{} datagrams in the kernel's queue", tunnel.lost)));
    if let Some(trouble) = &tunnel.trouble {
        lines.push(("not sent", format!("to {}, {} ago: {}", trouble.to, heard(trouble.ago_ms), trouble.what)));
    }
    for stray in &tunnel.strays {
        let (from, vni, datagrams) = (&stray.from, stray.vni, stray.datagrams);
        lines.push(("stray", format!("{datagrams} datagrams of VNI {vni} from {from}, the last {} ago", heard(stray.ago_ms))));
    }
    lines
}

/// A line for each other end.
pub(super) fn peers(peers: &[TunnelPeer]) -> Table {
    let mut table = Table::new(&[
        "PEER",
        "FLOODED",
        ">RX FRAMES",
        ">RX BYTES",
        ">TX FRAMES",
        ">TX BYTES",
        ">HEARD",
        "ANSWERS",
        ">ROUND TRIP",
        ">PATH MTU",
    ]);
    for peer in peers {
        table.row([
            peer.address.clone(),
            if peer.flooded { "yes" } else { "no" }.to_owned(),
            peer.rx.frames.to_string(),
            peer.rx.bytes.to_string(),
            peer.tx.frames.to_string(),
            peer.tx.bytes.to_string(),
            peer.last_heard_ms.map_or_else(|| "never".to_owned(), heard),
            peer.answers.as_deref().unwrap_or_default().replace('_', " "),
            peer.round_trip_us.map(trip).unwrap_or_default(),
            peer.path_mtu.map(|mtu| mtu.to_string()).unwrap_or_default(),
        ]);
    }
    table
}

/// Where its MTU comes from.
fn mtu(port: &PortInfo, tunnel: &TunnelInfo) -> String {
    let overhead = tunnel.overhead;
    match tunnel.underlay_mtu {
        None => format!("not known yet: the underlay's, less {overhead} for the tunnel"),
        Some(underlay) if port.mtu < underlay.saturating_sub(overhead) => {
            format!("set; the underlay's {underlay} less {overhead} for the tunnel would be {}", underlay - overhead)
        }
        Some(underlay) => format!("the underlay's {underlay} less {overhead} for the tunnel"),
    }
}

fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn reserved(word: &str) -> &'static str {
    if word == "ignore" { "ignored" } else { "must be zero" }
}

fn tags(word: &str) -> &'static str {
    if word == "keep" { "kept" } else { "not taken, and taken off" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{Flow, PortState, TunnelStray, TunnelTrouble};

    fn tunnel() -> TunnelInfo {
        TunnelInfo {
            vni: 42,
            local: "192.0.2.1".into(),
            udp_port: 4789,
            learning: true,
            reserved: "strict".into(),
            tags: "discard".into(),
            ttl: "default".into(),
            tos: "0".into(),
            suppress: true,
            underlay_mtu: Some(1500),
            overhead: 50,
            addresses: 3,
            works: vec!["64 source ports".into(), "no UDP_SEGMENT: works, slower".into(), "UDP_GRO".into()],
            ..TunnelInfo::default()
        }
    }

    fn port(mtu: u32) -> PortInfo {
        PortInfo {
            port: "p1".into(),
            url: "vxlan://42?local=192.0.2.1".into(),
            state: PortState::Up,
            reason: String::new(),
            mtu,
            features: Vec::new(),
            admin_up: true,
            learning: true,
            flood: true,
            mcast_flood: true,
            bcast_flood: true,
            isolated: false,
            forward: Vec::new(),
            storm: "off".into(),
            fdb_limit: None,
            fdb_limit_drops: false,
            origin: "command".into(),
            tunnel: None,
        }
    }

    fn shown(port: &PortInfo, tunnel: &TunnelInfo) -> String {
        lines(port, tunnel).into_iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
    }

    #[test]
    fn a_tunnel_says_what_it_is_where_its_mtu_comes_from_and_what_the_kernel_lacks() {
        let expected = "\
vni: 42
local: 192.0.2.1, UDP port 4789
mtu is: the underlay's 1500 less 50 for the tunnel
vtep learning: on
suppression: on
reserved bits: must be zero
inner tags: not taken, and taken off
ttl, tos: default, 0
addresses: 3 behind other ends
works by: 64 source ports; no UDP_SEGMENT: works, slower; UDP_GRO
lost: 0 datagrams in the kernel's queue
";
        assert_eq!(shown(&port(1450), &tunnel()), expected);
        let set = shown(&port(1300), &tunnel());
        assert!(set.contains("mtu is: set; the underlay's 1500 less 50 for the tunnel would be 1450\n"), "{set}");
        let waits = shown(&port(u32::MAX), &TunnelInfo { underlay_mtu: None, works: Vec::new(), ..tunnel() });
        assert!(waits.contains("mtu is: not known yet") && !waits.contains("works by"), "{waits}");
    }

    #[test]
    fn what_is_set_otherwise_and_what_goes_wrong_is_said() {
        let odd = TunnelInfo {
            group: Some("239.1.1.1".into()),
            dev: Some("eth0".into()),
            learning: false,
            suppress: false,
            reserved: "ignore".into(),
            tags: "keep".into(),
            ttl: "inherit".into(),
            tos: "16".into(),
            lost: 7,
            trouble: Some(TunnelTrouble { to: "192.0.2.9".into(), what: "Network is unreachable".into(), ago_ms: 1500 }),
            strays: vec![TunnelStray { from: "192.0.2.8".into(), vni: 43, datagrams: 9, ago_ms: 75_000 }],
            ..tunnel()
        };
        let said = shown(&port(1450), &odd);
        for line in [
            "group: 239.1.1.1 by eth0\n",
            "vtep learning: off\nsuppression: off\nreserved bits: ignored\ninner tags: kept\nttl, tos: inherit, 16\n",
            "lost: 7 datagrams in the kernel's queue\nnot sent: to 192.0.2.9, 1.5 s ago: Network is unreachable\n",
            "stray: 9 datagrams of VNI 43 from 192.0.2.8, the last 75 s ago\n",
        ] {
            assert!(said.contains(line), "{line}{said}");
        }
    }

    #[test]
    fn other_ends_are_lines_whose_columns_align() {
        let flow = |frames, bytes| Flow { frames, bytes, ..Flow::default() };
        let ours = TunnelPeer {
            address: "192.0.2.7".into(),
            named: true,
            flooded: true,
            rx: flow(12, 1200),
            tx: flow(3, 180),
            last_heard_ms: Some(250),
            answers: Some("yes".into()),
            round_trip_us: Some(310),
            path_mtu: Some(1450),
        };
        let learned =
            TunnelPeer { address: "192.0.2.100".into(), rx: flow(1, 60), last_heard_ms: Some(12_000), ..TunnelPeer::default() };
        let silent =
            TunnelPeer { address: "192.0.2.8".into(), flooded: true, answers: Some("never".into()), ..TunnelPeer::default() };
        let expected = "\
PEER         FLOODED  RX FRAMES  RX BYTES  TX FRAMES  TX BYTES  HEARD  ANSWERS  ROUND TRIP  PATH MTU
192.0.2.7    yes             12      1200          3       180  0.2 s  yes         0.31 ms      1450
192.0.2.100  no               1        60          0         0   12 s
192.0.2.8    yes              0         0          0         0  never  never
";
        assert_eq!(peers(&[ours, learned, silent]).render(false), expected);
    }
}
