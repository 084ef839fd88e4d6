//! Hosts before a tunnel: the switch answers for those behind it, and real stacks take its word.

use lanloom_lab::{Consumed, Fate, Generated, Lab, LabHost, LabSwitch, PortId};
use std::net::{IpAddr, SocketAddr};

/// Alice and carol here; bob behind a tunnel that suppresses.
fn three() -> (LabSwitch, [LabHost; 3]) {
    let lab = Lab::new(1);
    let switch = lab.switch("s1");
    let host = |number: u8| {
        let addresses = [format!("10.0.0.{number}/24"), format!("fd00::{number}/64")];
        let host = lab.host(&format!("h{number}"), &[&addresses[0], &addresses[1]]).expect("good addresses");
        lab.link(&host, &switch).expect("free");
        host
    };
    let hosts = [1, 2, 3].map(host);
    switch.set_port(switch.ports()[1], |port| (port.tunnel, port.suppress) = (true, true)).expect("there");
    (switch, hosts)
}

fn answers(switch: &LabSwitch, port: PortId) -> Vec<Option<Generated>> {
    let consumed = |fate| fate == Fate::Consumed(Consumed::Answered);
    let asked = switch.verdicts().into_iter().filter(|judged| judged.port == port && consumed(judged.verdict.fate));
    asked.map(|judged| judged.verdict.answer).collect()
}

#[test]
fn a_host_takes_the_switchs_word_for_where_another_is_behind_the_tunnel() {
    let (switch, [alice, bob, carol]) = three();
    let ports = switch.ports();
    let (here, there) = (carol.udp(0).expect("free"), bob.udp(53).expect("free"));
    for (to, what) in [("10.0.0.2", Generated::ArpReply), ("fd00::2", Generated::NeighbourAdvertisement)] {
        let to: IpAddr = to.parse().expect("an address");
        alice.ping(to).expect("bob is asked and answers");
        assert_eq!(answers(&switch, ports[0]), [], "nobody knew before");
        let before = switch.counters(ports[1]).expect("there").tx.frames;
        here.send_to(SocketAddr::new(to, 53), b"hello").expect("routed");
        assert_eq!(there.recv_from().expect("carol believes where bob is").0, b"hello");
        assert_eq!(answers(&switch, ports[2]), [Some(what)]);
        assert_eq!(switch.counters(ports[1]).expect("there").tx.frames, before + 1, "her datagram and not her question");
        switch.clear_history();
    }
    let counters = switch.counters(ports[2]).expect("there");
    assert_eq!((counters.consumed, counters.generated), (2, 2));
    assert_eq!(counters.rx.frames, counters.forwarded + counters.consumed + counters.rx_dropped());
}
