//! `lanloom counters`.

use crate::api::client::{Call, Client};
use crate::api::types::{Counters, PortQuery};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::place::Place;
use crate::cli::table::Table;
use clap::Args;

/// `counters`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lanloom counters s1\n  lanloom counters s1/p1 --json")]
pub struct CountersArgs {
    /// The switch, or one of its ports
    #[arg(value_name = "SWITCH[/PORT]")]
    place: Place,
    #[command(flatten)]
    listing: Listing,
}

impl CountersArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let switch = self.place.switch.as_str();
        let query = PortQuery { port: self.place.port.as_ref().map(ToString::to_string) };
        let path = ["v1", "switches", switch, "counters"];
        let counters: Counters =
            client.ask(Call::get("show the counters of", self.place.to_string(), &path).query(&query)).await?;
        if self.listing.json {
            return out.json(&counters);
        }
        out.table(&frames(&counters))?;
        if counters.ports.iter().any(|port| !port.drops.is_empty()) {
            out.line("")?;
            out.table(&drops(&counters))?;
        }
        Ok(())
    }
}

fn frames(counters: &Counters) -> Table {
    let columns =
        ["PORT", ">RX FRAMES", ">RX BYTES", ">FORWARDED", ">CONSUMED", ">DROPPED", ">TX FRAMES", ">TX BYTES", ">GENERATED"];
    let mut table = Table::new(&columns);
    for port in &counters.ports {
        let dropped: u64 = port.drops.values().sum();
        let numbers = [port.rx.frames, port.rx.bytes, port.forwarded, port.consumed, dropped, port.tx.frames, port.tx.bytes];
        let [rx, rx_bytes, forwarded, consumed, dropped, tx, tx_bytes] = numbers.map(|number| number.to_string());
        let generated = port.generated.to_string();
        table.row([port.port.clone(), rx, rx_bytes, forwarded, consumed, dropped, tx, tx_bytes, generated]);
    }
    table
}

fn drops(counters: &Counters) -> Table {
    let mut table = Table::new(&["PORT", "REASON", ">DROPPED"]);
    for port in &counters.ports {
        for (reason, frames) in &port.drops {
            table.row([port.port.clone(), reason.clone(), frames.to_string()]);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{Flow, PortCounters};

    #[test]
    fn drops_stand_under_their_port_with_their_reason() {
        let port = PortCounters {
            port: "p1".into(),
            rx: Flow { frames: 1_234_567, bytes: 99, ..Flow::default() },
            drops: [("storm".to_owned(), 3), ("isolated".to_owned(), 4)].into(),
            ..PortCounters::default()
        };
        let counters = Counters { switch: "s1".into(), ports: vec![port], ..Counters::default() };
        let expected = "\
PORT  RX FRAMES  RX BYTES  FORWARDED  CONSUMED  DROPPED  TX FRAMES  TX BYTES  GENERATED
p1      1234567        99          0         0        7          0         0          0
";
        assert_eq!(frames(&counters).render(false), expected);
        assert_eq!(
            drops(&counters).render(false),
            "PORT  REASON    DROPPED\np1    isolated        4\np1    storm           3\n"
        );
    }
}
