//! How long five minutes are in a lab: `cargo run --release -p lanloom-lab --example ageing`.

use lanloom_lab::{Lab, LabError};
use std::net::IpAddr;
use std::time::{Duration, Instant};

fn main() -> Result<(), LabError> {
    let lab = Lab::new(1);
    let switch = lab.switch("s1");
    let hosts = (1..=100)
        .map(|number| lab.host(&format!("h{number}"), &[&format!("10.0.0.{number}/24")]))
        .collect::<Result<Vec<_>, _>>()?;
    for host in &hosts {
        lab.link(host, &switch)?;
    }
    for host in &hosts[1..] {
        host.ping(IpAddr::from([10, 0, 0, 1]))?;
    }
    println!("{} hosts have pinged the first; the switch knows {} addresses", hosts.len() - 1, switch.fdb().len());

    let start = Instant::now();
    lab.run_for(Duration::from_secs(302));
    println!("302 s of virtual time took {:?}; the switch knows {} addresses", start.elapsed(), switch.fdb().len());
    Ok(())
}
