//! Why a frame went where it went: `cargo run -p lanloom-lab --example why`.

use lanloom_lab::{Lab, LabError};
use std::net::IpAddr;

fn main() -> Result<(), LabError> {
    let lab = Lab::new(1);
    let switch = lab.switch("s1");
    let [alice, bob, carol] = [1, 2, 3].map(|number| lab.host(&format!("h{number}"), &[&format!("10.0.0.{number}/24")]));
    let (alice, bob, carol) = (alice?, bob?, carol?);
    for host in [&alice, &bob, &carol] {
        let link = lab.link(host, &switch)?;
        let isolated = host.name() != carol.name();
        link.port_on(&switch).map_or(Ok(()), |port| switch.set_port(port, |config| config.isolated = isolated))?;
    }

    for number in [3, 2] {
        let to = IpAddr::from([10, 0, 0, number]);
        match alice.ping(to) {
            Ok(took) => println!("{} pings {to}: {took:?}", alice.name()),
            Err(error) => println!("{error}"),
        }
    }
    for judged in switch.verdicts() {
        println!(
            "{:>12?} p{} {:?}",
            judged.at.since(lanloom_lab::Instant::from_nanos(0)),
            judged.port.index() + 1,
            judged.verdict
        );
    }

    let frame = [&bob.mac().0[..], &alice.mac().0, &[0x08, 0x00], &[0; 46]].concat();
    println!("\nA frame from {} to {}:", alice.name(), bob.name());
    for step in switch.trace(switch.ports()[0], &frame)?.steps {
        println!("  {step}");
    }
    Ok(())
}
