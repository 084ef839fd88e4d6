//! A network in somebody else's test suite: one dependency, no root, no kernel network, no waiting.

use lanloom_lab::{DropReason, Fate, FloodKind, Lab, LabError, LabHost, LabLink, LabSwitch, Learned};
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

struct Office {
    lab: Lab,
    switch: LabSwitch,
    alice: LabHost,
    bob: LabHost,
    cable: LabLink,
}

fn office() -> Result<Office, LabError> {
    let lab = Lab::new(42);
    let switch = lab.switch("office");
    let alice = lab.host("alice", &["192.168.7.1/24", "fd07::1/64"])?;
    let bob = lab.host("bob", &["192.168.7.2/24", "fd07::2/64"])?;
    lab.link(&alice, &switch)?;
    let cable = lab.link(&bob, &switch)?;
    Ok(Office { lab, switch, alice, bob, cable })
}

fn bob4() -> IpAddr {
    IpAddr::from([192, 168, 7, 2])
}

fn bob6() -> IpAddr {
    IpAddr::from([0xfd07, 0, 0, 0, 0, 0, 0, 2])
}

/// Which those are is printed: none, if this runs as it should.
#[test]
fn a_lab_runs_with_whatever_rights_the_process_has() {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("in every status");
        line.trim().to_owned()
    };
    println!("user {}, effective capabilities {}", field("Uid:"), field("CapEff:"));
    office().expect("a lab needs none").alice.ping(bob4()).expect("answered");
}

#[test]
fn hosts_ping_over_both_ip_versions() -> Result<(), LabError> {
    let office = office()?;
    office.alice.ping(bob4())?;
    office.alice.ping(bob6())?;
    assert_eq!(office.switch.fdb().len(), 2);
    Ok(())
}

#[test]
fn a_file_crosses_by_tcp() -> Result<(), LabError> {
    let office = office()?;
    let file: Vec<u8> = (0..500_000_u32).map(|at| (at / 7) as u8).collect();
    for address in [bob4(), bob6()] {
        let door = office.bob.listen(9000)?;
        let mut there = office.alice.connect(SocketAddr::new(address, 9000))?;
        let mut here = door.accept()?;
        there.send(&file)?;
        let mut copy = vec![0; file.len()];
        here.recv_exact(&mut copy)?;
        assert!(copy == file);
        there.finish();
        assert_eq!(here.recv(&mut copy)?, 0);
    }
    Ok(())
}

#[test]
fn a_pulled_cable_is_felt_and_a_plugged_one_heals() -> Result<(), LabError> {
    let office = office()?;
    office.alice.ping(bob4())?;
    office.cable.down();
    assert!(matches!(office.alice.ping(bob4()), Err(LabError::TimedOut { .. })));
    office.cable.up();
    office.alice.ping(bob4()).map(drop)
}

#[test]
fn five_minutes_of_ageing_pass_at_once() -> Result<(), LabError> {
    let office = office()?;
    office.alice.ping(bob4())?;
    let start = std::time::Instant::now();
    office.lab.run_for(Duration::from_secs(302));
    println!("302 s of virtual time took {:?}", start.elapsed());
    assert!(office.switch.fdb().is_empty());
    Ok(())
}

#[test]
fn every_frame_says_why_it_went_where_it_went() -> Result<(), LabError> {
    let office = office()?;
    office.alice.ping(bob4())?;
    let fates: Vec<_> = office.switch.verdicts().iter().map(|judged| (judged.verdict.fate, judged.verdict.learned)).collect();
    let forwarded = (Fate::Forwarded, Learned::Refreshed);
    let asked = (Fate::Flooded(FloodKind::Broadcast), Learned::New);
    assert_eq!(fates, [asked, (Fate::Forwarded, Learned::New), forwarded, forwarded]);
    let counters = office.switch.counters(office.switch.ports()[0])?;
    assert_eq!((counters.rx.frames, counters.forwarded, counters.tx.frames), (2, 2, 2));
    Ok(())
}

#[test]
fn a_trace_foretells_a_drop() -> Result<(), LabError> {
    let office = office()?;
    let lldp = [&[0x01, 0x80, 0xc2, 0, 0, 0x0e][..], &office.alice.mac().0, &[0x88, 0xcc], &[0; 46]].concat();
    let trace = office.switch.trace(office.switch.ports()[0], &lldp)?;
    assert_eq!(trace.verdict.fate, Fate::Dropped(DropReason::ReservedAddress));
    office.alice.send_frame(&lldp)?;
    office.lab.run_for(Duration::from_millis(1));
    assert_eq!(office.switch.verdicts()[0].verdict, trace.verdict);
    Ok(())
}
