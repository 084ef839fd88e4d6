//! `lanloom info`.

use crate::api::client::{Call, Client};
use crate::api::types::Info;
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::table::Table;
use clap::Args;

/// `info`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lanloom info --json")]
pub struct InfoArgs {
    #[command(flatten)]
    listing: Listing,
}

impl InfoArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let info: Info = client.ask(Call::get("ask the daemon", "", &["v1", "info"])).await?;
        if self.listing.json {
            return out.json(&info);
        }
        let state = if info.state.is_empty() { "none: nothing is kept" } else { &info.state };
        out.line(format_args!("lanloom   {} (process {})", info.version, info.pid))?;
        out.line(format_args!("up for    {}", span(info.uptime_secs)))?;
        out.line(format_args!("socket    {}", info.socket))?;
        out.line(format_args!("state     {state} ({} store)", info.store))?;
        out.line(format_args!("switches  {} with {} ports", info.switches, info.ports))?;
        out.line(format_args!("networks  {} with {} endpoints", info.networks, info.endpoints))?;
        out.line(format_args!("sandboxes {}", info.sandboxes))?;
        for engine in &info.engines {
            out.line(format_args!(
                "engine {}  {} wake-ups, spins {} µs after work now, up to {} µs under load",
                engine.engine, engine.wakeups, engine.spin_now_micros, engine.spin_micros
            ))?;
        }
        out.line("")?;
        out.table(&kernel(&info))
    }
}

fn kernel(info: &Info) -> Table {
    let mut table = Table::new(&["KERNEL", "HERE", "WHY NOT", "TO HAVE IT"]);
    for have in &info.kernel {
        let mark = if have.ok { "yes" } else { "no" };
        table.row([have.name.clone(), mark.into(), have.detail.clone(), have.hint.clone()]);
    }
    table
}

/// A time span in the two largest units that say something.
fn span(secs: u64) -> String {
    match (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, s) => format!("{s} s"),
        (0, 0, m, s) => format!("{m} min {s} s"),
        (0, h, m, _) => format!("{h} h {m} min"),
        (d, h, _, _) => format!("{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_shows_its_two_largest_units() {
        assert_eq!([5, 65, 3_725, 90_061].map(span), ["5 s", "1 min 5 s", "1 h 2 min", "1 d 1 h"]);
    }
}
