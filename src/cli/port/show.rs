//! How ports are shown.

use super::tunnel;
use crate::api::types::{PortInfo, PortState};
use crate::cli::output::{Failure, Output};
use crate::cli::table::Table;
use crate::names::Name;

/// A line per port.
pub(super) fn table(ports: &[PortInfo]) -> Table {
    let mut table = Table::new(&["PORT", "STATE", ">MTU", "URL", "FEATURES", "REASON"]);
    for port in ports {
        let features = port.features.join(",");
        table.row([
            port.port.clone(),
            state(port.state).into(),
            mtu(port.mtu),
            port.url.clone(),
            features,
            port.reason.clone(),
        ]);
    }
    table
}

/// A line per setting.
pub(super) fn details(switch: &Name, port: &PortInfo, out: &mut Output) -> Result<(), Failure> {
    let reason = if port.reason.is_empty() { String::new() } else { format!(" ({})", port.reason) };
    out.line(format_args!("port            {switch}/{}", port.port))?;
    out.line(format_args!("url             {}", port.url))?;
    out.line(format_args!("state           {}{reason}", state(port.state)))?;
    out.line(format_args!("admin           {}", if port.admin_up { "up" } else { "down" }))?;
    out.line(format_args!("mtu             {}", mtu(port.mtu)))?;
    out.line(format_args!("features        {}", port.features.join(",")))?;
    let switches = [
        ("learning", port.learning),
        ("flood", port.flood),
        ("mcast_flood", port.mcast_flood),
        ("bcast_flood", port.bcast_flood),
        ("isolated", port.isolated),
    ];
    for (name, on) in switches {
        out.line(format_args!("{name:<15} {}", if on { "on" } else { "off" }))?;
    }
    let forward = if port.forward.is_empty() { "none".to_owned() } else { port.forward.join(",") };
    out.line(format_args!("forward         {forward}"))?;
    out.line(format_args!("storm           {}", port.storm))?;
    let limit = port.fdb_limit.map_or_else(|| "off".to_owned(), |limit| limit.to_string());
    out.line(format_args!("fdb_limit       {limit}{}", if port.fdb_limit_drops { ", drops what is above" } else { "" }))?;
    out.line(format_args!("made by         {}", port.origin))?;
    let Some(end) = &port.tunnel else { return Ok(()) };
    for (name, value) in tunnel::lines(port, end) {
        out.line(format_args!("{name:<15} {}", value.replace(char::is_control, " ")))?;
    }
    if end.peers.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.table(&tunnel::peers(&end.peers))
}

fn state(state: PortState) -> &'static str {
    match state {
        PortState::Up => "up",
        PortState::Down => "down",
    }
}

fn mtu(mtu: u32) -> String {
    if mtu == u32::MAX { "any".to_owned() } else { mtu.to_string() }
}
