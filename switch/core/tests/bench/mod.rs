//! A small switch to try sentences on.

#![allow(dead_code, reason = "each test takes what it needs")]

use lanloom_switch_core::{
    DropReason, FdbEntry, FdbLimits, Frame, Instant, MacAddr, PortConfig, PortId, Switch, SwitchConfig, Verdict, Vid,
};
use std::time::Duration;

pub(crate) const A: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0a]);
pub(crate) const B: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0b]);
pub(crate) const C: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0c]);
pub(crate) const GROUP: MacAddr = MacAddr([0x01, 0x00, 0x5e, 0, 0, 1]);

/// A switch, its ports, and a clock that the test sets.
pub(crate) struct Bench {
    pub(crate) switch: Switch,
    pub(crate) ports: Vec<PortId>,
    pub(crate) now: Instant,
}

impl Bench {
    pub(crate) fn new(ports: usize) -> Self {
        Self::with(ports, FdbLimits::default())
    }

    pub(crate) fn with(ports: usize, fdb: FdbLimits) -> Self {
        let mut switch = Switch::new(SwitchConfig { fdb, seed: 1 });
        let ports = (0..ports).map(|_| switch.add_port(PortConfig::default()).expect("few ports")).collect();
        Self { switch, ports, now: Instant::from_secs(1000) }
    }

    pub(crate) fn set(&mut self, port: usize, change: impl FnOnce(&mut PortConfig)) {
        let mut config = self.switch.config(self.ports[port]).expect("there").clone();
        change(&mut config);
        self.switch.set_port(self.ports[port], config).expect("there");
    }

    pub(crate) fn frame(&mut self, port: usize, source: MacAddr, destination: MacAddr) -> Verdict {
        self.bytes(port, &plain(source, destination))
    }

    pub(crate) fn bytes(&mut self, port: usize, bytes: &[u8]) -> Verdict {
        let frame = Frame::new(bytes).expect("long enough");
        self.switch.handle_frame(self.now, self.ports[port], &frame).expect("there").clone()
    }

    pub(crate) fn wait(&mut self, wait: Duration) {
        self.now = self.now + wait;
    }

    pub(crate) fn reaches(&mut self, port: usize, source: MacAddr, destination: MacAddr) -> Vec<usize> {
        ports_of(&self.frame(port, source, destination))
    }

    /// The steps of a trace; the first port is `p1`.
    pub(crate) fn trace(&self, port: usize, source: MacAddr, destination: MacAddr) -> Vec<String> {
        self.trace_bytes(port, &plain(source, destination))
    }

    pub(crate) fn trace_bytes(&self, port: usize, bytes: &[u8]) -> Vec<String> {
        let frame = Frame::new(bytes).expect("long enough");
        let name = |port: PortId| format!("p{}", port.index() + 1);
        self.switch.trace(self.now, self.ports[port], &frame, &name).expect("there").steps
    }

    pub(crate) fn port_of(&self, mac: MacAddr) -> Option<usize> {
        self.switch.fdb().lookup(Vid::NONE, mac, self.now).map(PortId::index)
    }

    pub(crate) fn entry(&self, mac: MacAddr) -> FdbEntry {
        self.switch.fdb().entry(Vid::NONE, mac, self.now).expect("known")
    }

    pub(crate) fn dropped(&self, port: usize, reason: DropReason) -> u64 {
        self.switch.counters(self.ports[port]).expect("there").dropped(reason)
    }
}

/// Where the copies of a verdict go.
pub(crate) fn ports_of(verdict: &Verdict) -> Vec<usize> {
    verdict.copies.iter().map(|(to, _)| to.index()).collect()
}

fn plain(source: MacAddr, destination: MacAddr) -> Vec<u8> {
    [&destination.0[..], &source.0, &[8, 0], &[0; 46]].concat()
}
