//! A kernel that says no at random, by a seed: what acts on a kernel is tried against every failure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use ipnet::IpNet;

use super::error::{KernelError, Why};
use super::{
    Bystanders, Capability, Firewall, Forwarding, Gate, IfName, Kernel, LinkChange, LinkInfo, Listening, Netns, NetnsName,
    Obstacle, Occupant, Opened, Others, Plan, Route, Seen, SysctlKey, TableName, TapMove, Veth, VethSpec, WayTo,
};

/// Decides which calls fail: the same seed, the same decisions in the same order. [`fmt::Display`] says how to have them again.
#[derive(Debug, Default)]
pub struct Faults {
    seed: u64,
    /// Of 2^32 calls, so many fail.
    share: AtomicU64,
    calls: AtomicU64,
    /// One more than the calls that pass before one fails; none is to fail so if it is 0.
    countdown: AtomicU64,
}

/// One of 2^32.
const WHOLE: f64 = 4_294_967_296.0;

impl Faults {
    /// Calls fail with a probability from 0 to 1.
    pub fn new(seed: u64, probability: f64) -> Self {
        Self { seed, share: AtomicU64::new((probability.clamp(0.0, 1.0) * WHOLE) as u64), ..Self::none() }
    }

    /// No call fails.
    pub fn none() -> Self {
        Self::default()
    }

    /// From now on no call fails.
    pub fn heal(&self) {
        self.share.store(0, Ordering::Relaxed);
        self.countdown.store(0, Ordering::Relaxed);
    }

    /// From now on calls fail with that probability.
    pub fn worsen(&self, probability: f64) {
        self.share.store((probability.clamp(0.0, 1.0) * WHOLE) as u64, Ordering::Relaxed);
    }

    /// One call fails after so many from now on; it may not come to that.
    pub fn fail_after(&self, calls: u64) {
        self.countdown.store(calls.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether a call that [`Faults::fail_after`] chose is still to come.
    pub fn is_armed(&self) -> bool {
        self.countdown.load(Ordering::Relaxed) > 0
    }

    /// Whether it is this call's turn to fail.
    fn is_chosen(&self) -> bool {
        let before = self.countdown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        before == Ok(1)
    }

    /// How many calls were asked about.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Whether this call may go on.
    ///
    /// # Errors
    /// [`Why::Injected`].
    pub fn pass(&self, what: &'static str, on: impl fmt::Display) -> Result<(), KernelError> {
        let (share, is_chosen) = (self.share.load(Ordering::Relaxed), self.is_chosen());
        if share == 0 && !is_chosen {
            return Ok(());
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        if is_chosen || mix(self.seed ^ mix(call)) >> 32 < share {
            return Err(KernelError::new(what, on.to_string(), Why::Injected { seed: self.seed, call }));
        }
        Ok(())
    }
}

/// SplitMix64's finish: every bit of the input reaches every bit of the output.
fn mix(input: u64) -> u64 {
    let a = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share.load(Ordering::Relaxed) as f64 / WHOLE * 100.0;
        write!(out, "seed {}, {percent:.1} % of calls fail, {} asked so far", self.seed, self.calls())
    }
}

/// A twin that makes calls of another kernel fail before they reach it. Steps *within* a call are made to fail by
/// [`LinuxKernel::with_faults`](super::LinuxKernel::with_faults).
pub struct Failing {
    inner: Arc<dyn Kernel>,
    faults: Faults,
}

impl Failing {
    /// Wraps a kernel.
    pub fn new(inner: Arc<dyn Kernel>, faults: Faults) -> Self {
        Self { inner, faults }
    }

    /// What decides.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }
}

#[async_trait]
impl Kernel for Failing {
    fn netns_dir(&self) -> &Path {
        self.inner.netns_dir()
    }

    async fn create_netns(&self, name: &NetnsName) -> Result<Netns, KernelError> {
        self.faults.pass("creating a network namespace", name)?;
        self.inner.create_netns(name).await
    }

    async fn delete_netns(&self, netns: &Netns) -> Result<Vec<Occupant>, KernelError> {
        self.faults.pass("deleting a network namespace", netns)?;
        self.inner.delete_netns(netns).await
    }

    async fn netns_exists(&self, netns: &Netns) -> Result<bool, KernelError> {
        self.faults.pass("looking at a network namespace", netns)?;
        self.inner.netns_exists(netns).await
    }

    async fn list_netns(&self) -> Result<Vec<String>, KernelError> {
        self.faults.pass("listing network namespaces", self.netns_dir().display())?;
        self.inner.list_netns().await
    }

    async fn open_plumbing(&self, at: Option<&Path>) -> Result<Netns, KernelError> {
        self.faults.pass("making the plumbing namespace", at.unwrap_or(Path::new("held")).display())?;
        self.inner.open_plumbing(at).await
    }

    async fn create_veth(&self, spec: &VethSpec) -> Result<Veth, KernelError> {
        self.faults.pass("creating a veth", &spec.name)?;
        self.inner.create_veth(spec).await
    }

    async fn move_tap(&self, tap: &TapMove) -> Result<LinkInfo, KernelError> {
        self.faults.pass("moving a TAP", &tap.name)?;
        self.inner.move_tap(tap).await
    }

    async fn set_link(&self, netns: &Netns, name: &IfName, change: &LinkChange) -> Result<LinkInfo, KernelError> {
        self.faults.pass("changing an interface", name)?;
        self.inner.set_link(netns, name, change).await
    }

    async fn delete_link(&self, netns: &Netns, name: &IfName) -> Result<(), KernelError> {
        self.faults.pass("deleting an interface", name)?;
        self.inner.delete_link(netns, name).await
    }

    async fn link(&self, netns: &Netns, name: &IfName) -> Result<LinkInfo, KernelError> {
        self.faults.pass("looking at an interface", name)?;
        self.inner.link(netns, name).await
    }

    async fn list_links(&self, netns: &Netns) -> Result<Vec<LinkInfo>, KernelError> {
        self.faults.pass("listing interfaces", netns)?;
        self.inner.list_links(netns).await
    }

    async fn foreign_offloads(&self, netns: &Netns, name: &IfName) -> Result<Vec<String>, KernelError> {
        self.faults.pass("reading an interface's offloads", name)?;
        self.inner.foreign_offloads(netns, name).await
    }

    async fn create_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        self.faults.pass("creating an address", address)?;
        self.inner.create_address(netns, name, address).await
    }

    async fn delete_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        self.faults.pass("deleting an address", address)?;
        self.inner.delete_address(netns, name, address).await
    }

    async fn list_addresses(&self, netns: &Netns, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
        self.faults.pass("listing addresses", name)?;
        self.inner.list_addresses(netns, name).await
    }

    async fn way_to(&self, netns: &Netns, from: Option<IpAddr>, to: IpAddr) -> Result<WayTo, KernelError> {
        self.faults.pass("looking for a route", to)?;
        self.inner.way_to(netns, from, to).await
    }

    async fn look_inside(&self, netns: &Netns, name: &IfName) -> Result<Seen, KernelError> {
        self.faults.pass("looking at an interface", name)?;
        self.inner.look_inside(netns, name).await
    }

    async fn list_addresses_all(&self, netns: &Netns) -> Result<Vec<(IfName, IpNet)>, KernelError> {
        self.faults.pass("listing addresses", netns)?;
        self.inner.list_addresses_all(netns).await
    }

    async fn configure(&self, netns: &Netns, plan: &Plan) -> Result<(), KernelError> {
        self.faults.pass("setting an interface up as planned", &plan.link)?;
        self.inner.configure(netns, plan).await
    }

    async fn set_sysctl(&self, netns: &Netns, sysctls: &[(SysctlKey, String)]) -> Result<(), KernelError> {
        self.faults.pass("changing a setting", netns)?;
        self.inner.set_sysctl(netns, sysctls).await
    }

    async fn sysctl(&self, netns: &Netns, key: &SysctlKey) -> Result<String, KernelError> {
        self.faults.pass("reading a setting", key)?;
        self.inner.sysctl(netns, key).await
    }

    async fn listen(&self, netns: &Netns, udp: SocketAddr, tcp: SocketAddr) -> Result<Listening, KernelError> {
        self.faults.pass("listening in a network namespace", netns)?;
        self.inner.listen(netns, udp, tcp).await
    }

    async fn open_udp(&self, netns: &Netns, local: SocketAddr) -> Result<UdpSocket, KernelError> {
        self.faults.pass("opening a socket in a network namespace", netns)?;
        self.inner.open_udp(netns, local).await
    }

    async fn open_tcp(&self, netns: &Netns, to: SocketAddr) -> Result<TcpStream, KernelError> {
        self.faults.pass("connecting from a network namespace", netns)?;
        self.inner.open_tcp(netns, to).await
    }

    async fn create_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError> {
        self.faults.pass("creating a route", route.to)?;
        self.inner.create_route(netns, route).await
    }

    async fn delete_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError> {
        self.faults.pass("deleting a route", route.to)?;
        self.inner.delete_route(netns, route).await
    }

    async fn list_routes(&self, netns: &Netns) -> Result<Vec<Route>, KernelError> {
        self.faults.pass("listing routes", netns)?;
        self.inner.list_routes(netns).await
    }

    async fn raise_neighbour_limits(&self, at_least: [u32; 3]) -> Result<Vec<String>, KernelError> {
        self.faults.pass("raising the limits of neighbours", "the host")?;
        self.inner.raise_neighbour_limits(at_least).await
    }

    async fn set_firewall(&self, firewall: &Firewall) -> Result<(), KernelError> {
        self.faults.pass("setting the firewall", &firewall.table)?;
        self.inner.set_firewall(firewall).await
    }

    async fn extend_firewall(&self, loaded: &Firewall, firewall: &Firewall) -> Result<(), KernelError> {
        self.faults.pass("extending the firewall", &firewall.table)?;
        self.inner.extend_firewall(loaded, firewall).await
    }

    async fn delete_firewall(&self, table: &TableName) -> Result<(), KernelError> {
        self.faults.pass("deleting a table of the firewall", table)?;
        self.inner.delete_firewall(table).await
    }

    async fn firewall_intact(&self, firewall: &Firewall) -> Result<bool, KernelError> {
        self.faults.pass("looking at the firewall", &firewall.table)?;
        self.inner.firewall_intact(firewall).await
    }

    async fn bystanders(&self, table: &TableName) -> Result<Bystanders, KernelError> {
        self.faults.pass("looking at who was there before", table)?;
        self.inner.bystanders(table).await
    }

    async fn gateways(&self, prefix: &str) -> Result<BTreeMap<TableName, BTreeSet<IfName>>, KernelError> {
        self.faults.pass("looking for networks of all daemons", prefix)?;
        self.inner.gateways(prefix).await
    }

    async fn forwarding(&self) -> Result<Forwarding, KernelError> {
        self.faults.pass("looking at how the host forwards", "the host")?;
        self.inner.forwarding().await
    }

    async fn others(&self) -> Result<Others, KernelError> {
        self.faults.pass("looking at what the host forwards", "all tables")?;
        self.inner.others().await
    }

    async fn open_forward(&self, obstacles: &[Obstacle], gates: &[Gate], comment: &str) -> Result<Vec<Opened>, KernelError> {
        self.faults.pass("having the host forward", comment)?;
        self.inner.open_forward(obstacles, gates, comment).await
    }

    async fn close_forward(&self, comment: &str) -> Result<(), KernelError> {
        self.faults.pass("having the host forward no more", comment)?;
        self.inner.close_forward(comment).await
    }

    async fn redirect_dns(&self, netns: &Netns, to: SocketAddr, tcp: u16) -> Result<Option<u32>, KernelError> {
        self.faults.pass("redirecting DNS", netns)?;
        self.inner.redirect_dns(netns, to, tcp).await
    }

    async fn dns_redirect_stands(&self, netns: &Netns, change: u32) -> Result<bool, KernelError> {
        self.faults.pass("looking at a redirection of DNS", netns)?;
        self.inner.dns_redirect_stands(netns, change).await
    }

    async fn delete_dns_redirect(&self, netns: &Netns) -> Result<(), KernelError> {
        self.faults.pass("ending a redirection of DNS", netns)?;
        self.inner.delete_dns_redirect(netns).await
    }

    async fn capabilities(&self) -> Vec<Capability> {
        self.inner.capabilities().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(seed: u64, probability: f64) -> Vec<u64> {
        let faults = Faults::new(seed, probability);
        (0..1_000).filter(|_| faults.pass("trying", "it").is_err()).collect()
    }

    #[test]
    fn one_seed_fails_the_same_calls_again() {
        assert_eq!(failures(7, 0.3), failures(7, 0.3));
        assert_ne!(failures(7, 0.3), failures(8, 0.3));
    }

    #[test]
    fn about_as_many_calls_fail_as_asked_for() {
        assert_eq!(failures(1, 0.0).len(), 0);
        assert_eq!(failures(1, 1.0).len(), 1_000);
        let some = failures(1, 0.3).len();
        assert!((250..350).contains(&some), "{some} of 1000");
    }

    #[test]
    fn exactly_the_call_that_was_chosen_fails() {
        let faults = Faults::none();
        faults.fail_after(2);
        let failed: Vec<usize> = (0..9).filter(|_| faults.pass("trying", "it").is_err()).collect();
        assert_eq!((failed, faults.is_armed()), (vec![2], false));
        faults.fail_after(0);
        faults.heal();
        assert!(faults.pass("trying", "it").is_ok() && !faults.is_armed());
    }

    #[test]
    fn a_failure_says_how_to_have_it_again() {
        let error = Faults::new(9, 1.0).pass("creating a veth", "e0").expect_err("always fails");
        assert_eq!(error.why(), &Why::Injected { seed: 9, call: 0 });
        assert!(error.to_string().contains("made to fail (seed 9, call 0)"), "{error}");
    }
}
