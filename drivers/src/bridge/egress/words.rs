//! What is said of the way out of the host.

use std::collections::BTreeSet;

use super::super::forwarding::Family;
use crate::driver::{DriverError, DriverErrorKind, NO_WAY_OUT};
use crate::kernel::{IfName, KernelError, Opened};

/// That others may drop what is forwarded.
pub(super) fn uncertain(why: &String) -> String {
    format!("whether other firewalls drop what leaves sandboxes cannot be seen: {why}")
}

/// That the host forwards a family though none of our networks needs it.
pub(super) fn goes_on(family: &Family, others: &BTreeSet<IfName>) -> String {
    let others: Vec<_> = others.iter().map(IfName::as_str).collect();
    format!("the host goes on forwarding {} for what came after it began to: {}", family.name(), others.join(", "))
}

/// That nothing leaves the host.
pub(super) fn closed(why: &String) -> String {
    format!("{NO_WAY_OUT}: {why}")
}

/// That a table of others has rules of ours.
pub(super) fn accepts(place: &Opened) -> String {
    let Opened { family, table, chain } = place;
    format!(
        "chain {chain} of table {family} {table} accepts what goes through our gateways now, and no more once they are gone"
    )
}

/// What the kernel refused about the way out, for a network.
pub(in super::super) fn refused(what: &str, network: &str, error: &KernelError) -> DriverError {
    let failed = DriverError::kernel(what, network, error);
    // Whatever it was, it is not that the network is there or not.
    DriverError { kind: DriverErrorKind::Failed, ..failed }
}
