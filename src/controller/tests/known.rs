//! Frames that somebody asks about on a network have the addresses that its endpoints and its gateway have.

use super::house::{House, name, sandbox, with_subnet};
use crate::controller::Controller;
use lanloom_switch_core::Fate;
use lanloom_switch_core::build::build_where;
use lanloom_switch_io::engine::Asked;

/// What was assumed of a frame that would come in at a port of `web`, and why it would be dropped, if it would.
fn asked(controller: &Controller, port: &str, text: &str) -> (Vec<String>, Option<&'static str>) {
    let built = build_where(&controller.behind(&name("web"), &name(port)), text).expect("a frame");
    let traced = controller.fabric().trace(&name("web"), &name(port), Asked::new(built.bytes));
    let reason = match traced.expect("what would become of it").0.verdict.fate {
        Fate::Dropped(reason) => Some(reason.name()),
        Fate::Forwarded | Fate::Flooded(_) | Fate::Consumed(_) => None,
    };
    (built.assumed, reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_said_of_a_frame_on_a_network_is_what_the_network_knows() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    for named in ["one", "two"] {
        sandbox(&controller, named, &["web"]).await.expect("a sandbox");
    }
    let (gateway, one, two) = ("02:42:0a:09:00:01", "02:42:0a:09:00:02", "02:42:0a:09:00:03");
    for (port, text, src, smac, dmac) in [
        ("one", "icmp src=10.9.0.2 dst=10.9.0.3", None, one, two),
        ("one", "tcp src=10.9.0.2 dst=192.0.2.9 dport=80", None, one, gateway),
        ("two", "udp dst=10.9.0.1", Some("10.9.0.3"), two, gateway),
        ("_gateway", "tcp src=192.0.2.9 dst=10.9.0.3", None, gateway, two),
        ("_gateway", "icmp dst=10.9.0.2", Some("10.9.0.1"), gateway, one),
    ] {
        let assumed = src.map(|src| format!("src={src}")).into_iter().chain([format!("smac={smac}"), format!("dmac={dmac}")]);
        assert_eq!(asked(&controller, port, text), (assumed.collect(), None), "{port} {text}");
    }
    let (_, reason) = asked(&controller, "one", "icmp smac=02:00:00:00:00:01 src=10.9.0.3 dst=10.9.0.1");
    assert_eq!(reason, Some("spoofed"), "what was said stands");
}
