//! A whole plan for an interface, in one entry into its namespace.

use ipnet::IpNet;

use super::super::error::{KernelError, Why};
use super::super::failing::Faults;
use super::super::link::{LinkChange, LinkInfo};
use super::super::name::IfName;
use super::super::netns::Netns;
use super::super::plan::Plan;
use super::inside::{Opened, Session};
use super::{address, announce, link, sysctl};

/// What undoes a step that was done.
type Undo<'a> = Box<dyn FnOnce(&Session) -> Vec<KernelError> + 'a>;

/// Does all of it, or undoes what it did, the last step first.
pub(super) fn configure(netns: &Netns, plan: &Plan, faults: &Faults) -> Result<(), KernelError> {
    plan.check()?;
    let session = Session::enter(&Opened::open(netns)?)?;
    let mut undo = Vec::new();
    let done = steps(&session, plan, faults, &mut undo);
    done.map_err(|error| error.and(undo.into_iter().rev().flat_map(|step| step(&session))))
}

fn steps<'a>(session: &Session, plan: &'a Plan, faults: &Faults, undo: &mut Vec<Undo<'a>>) -> Result<(), KernelError> {
    let before = link::get(session, &plan.link)?;
    change(session, plan, &before, faults, undo)?;
    let settings = sysctl::change(&plan.sysctls, faults)?;
    undo.push(Box::new(move |_| sysctl::restore(&settings)));
    for one in &plan.addresses {
        faults.pass("creating an address", one)?;
        address::create(session, plan.name(), *one)?;
        undo.push(Box::new(|session| delete_address(session, plan, *one).err().into_iter().collect()));
    }
    if plan.up && !before.up {
        faults.pass("setting an interface up", plan.name())?;
        turn(session, plan, true)?;
        undo.push(Box::new(|session| turn(session, plan, false).err().into_iter().collect()));
    }
    for route in &plan.routes {
        faults.pass("creating a route", route.to)?;
        address::create_route(session, route)?;
        undo.push(Box::new(|session| address::delete_route(session, route).err().into_iter().collect()));
    }
    let mac = plan.mac.or(before.mac).filter(|_| !plan.addresses.is_empty());
    if let Some(mac) = mac {
        // Neighbours that cannot be told find out by themselves, later.
        let _ = announce::announce(session, plan.name(), mac, &plan.addresses);
    }
    Ok(())
}

/// Name, MAC and MTU by one request.
fn change<'a>(
    session: &Session,
    plan: &'a Plan,
    before: &LinkInfo,
    faults: &Faults,
    undo: &mut Vec<Undo<'a>>,
) -> Result<(), KernelError> {
    let to = plan.change();
    if to == LinkChange::default() {
        return Ok(());
    }
    faults.pass("changing an interface", &plan.link)?;
    let back = LinkChange {
        name: plan.rename.as_ref().map(|_| plan.link.clone()),
        mac: plan.mac.and(before.mac),
        mtu: plan.mtu.map(|_| before.mtu),
        ..LinkChange::default()
    };
    let (index, up) = (before.index, before.up);
    // One that fails half way may have its new name, or not.
    let undone = move |session: &Session| undo_change(session, index, &back, up).err().into_iter().collect();
    undo.push(Box::new(undone));
    apply(session, &plan.link, &to, up)
}

fn undo_change(session: &Session, index: u32, back: &LinkChange, up: bool) -> Result<(), KernelError> {
    let Some(now) = link::list(session)?.into_iter().find(|link| link.index == index) else { return Ok(()) };
    apply(session, &IfName::new(&now.name)?, back, up)
}

/// Before Linux 6.2 an interface that is up cannot be renamed (`EBUSY`): it goes down for that.
fn apply(session: &Session, name: &IfName, to: &LinkChange, up: bool) -> Result<(), KernelError> {
    match link::set(session, name, to) {
        Err(error) if error.why() == &Why::Busy && up && to.name.is_some() => {
            link::set(session, name, &LinkChange { up: Some(false), ..LinkChange::default() })?;
            link::set(session, name, &LinkChange { up: Some(true), ..to.clone() }).map(drop)
        }
        done => done.map(drop),
    }
}

/// Going down has taken those of IPv6 along.
fn delete_address(session: &Session, plan: &Plan, address: IpNet) -> Result<(), KernelError> {
    match address::delete(session, plan.name(), address) {
        Err(error) if error.why() == &Why::NoSuchAddress => Ok(()),
        done => done,
    }
}

fn turn(session: &Session, plan: &Plan, up: bool) -> Result<(), KernelError> {
    link::set(session, plan.name(), &LinkChange { up: Some(up), ..LinkChange::default() }).map(drop)
}
