//! `lanloom doctor`.

use crate::api::client::{Call, Client};
use crate::api::types::{Diagnosis, Finding, Member, PeerInfo};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use crate::cli::table::Table;
use crate::cli::words::known;
use clap::Args;

/// `doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// The network
    #[arg(value_name = "NETWORK", value_parser = known)]
    network: String,
    #[command(flatten)]
    listing: Listing,
}

const EXAMPLES: &str = "\
It sees this host, and of others what probes inside the network's tunnels tell; it changes nothing.
Exit status: 0 nothing is wrong, 1 something is, and each is named with what to do next.

Example:
  lanloom doctor web
  lanloom doctor web --json";

impl DoctorArgs {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let call = Call::get("diagnose network", &self.network, &["v1", "networks", &self.network, "doctor"]);
        let found: Diagnosis = client.ask(call).await?;
        if self.listing.json {
            out.json(&found)?;
        } else {
            say(&found, out)?;
        }
        match found.findings.len() {
            0 => Ok(()),
            1 => Err(Failure::failed(format!("network {} is not well: 1 fault", found.network))),
            faults => Err(Failure::failed(format!("network {} is not well: {faults} faults", found.network))),
        }
    }
}

fn say(found: &Diagnosis, out: &mut Output) -> Result<(), Failure> {
    if found.ok {
        out.line(summary(found))?;
    }
    found.findings.iter().try_for_each(|finding| out.line(line(finding)))?;
    if found.peers.is_empty() {
        return Ok(());
    }
    out.line("")?;
    out.table(&peers(&found.peers))
}

/// A line for a fault: which, where, what was seen, and what to do next.
pub(super) fn line(finding: &Finding) -> String {
    let Finding { fault, place, what, hint } = finding;
    format!("{fault}: {place}: {what}; {hint}").replace(char::is_control, " ")
}

/// That all is well, and with how many.
fn summary(found: &Diagnosis) -> String {
    let count = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let reached = found.members.iter().filter(|member: &&Member| member.state == "up").count();
    let answering = found.peers.iter().filter(|peer| peer.answers == "yes").count();
    let mut parts = vec![count(reached, "sandbox", "sandboxes") + " here"];
    if !found.peers.is_empty() {
        parts.push(format!("{answering} of {} answering", count(found.peers.len(), "peer", "peers")));
    }
    format!("network {} is well: {}", found.network, parts.join(", "))
}

/// A line per peer.
pub(super) fn peers(peers: &[PeerInfo]) -> Table {
    let mut table = Table::new(&["PEER", ">VNI", "ANSWERS", ">HEARD", ">ROUND TRIP", ">LOST", ">PATH MTU", "FLOODED"]);
    for peer in peers {
        table.row([
            peer.address.clone(),
            peer.vni.to_string(),
            peer.answers.replace('_', " "),
            peer.last_heard_ms.map_or_else(|| "never".to_owned(), heard),
            peer.round_trip_us.map(trip).unwrap_or_default(),
            format!("{}/{}", peer.lost, peer.asked),
            path_mtu(peer),
            if peer.flooded { "yes" } else { "no" }.to_owned(),
        ]);
    }
    table
}

/// How long ago: tenths of a second below ten, then whole ones.
pub(super) fn heard(millis: u64) -> String {
    if millis < 10_000 { format!("{}.{} s", millis / 1000, millis / 100 % 10) } else { format!("{} s", millis / 1000) }
}

/// Milliseconds with two digits behind the point.
pub(super) fn trip(micros: u64) -> String {
    format!("{}.{:02} ms", micros / 1000, micros / 10 % 100)
}

/// The largest that passes; `+` if nothing larger was lost, `?` if that is still being found out.
fn path_mtu(peer: &PeerInfo) -> String {
    match (peer.path_mtu, peer.path_mtu_below) {
        (None, _) => String::new(),
        (Some(passes), None) => format!("{passes}+"),
        (Some(passes), Some(lost)) if lost > passes + 1 => format!("{passes}?"),
        (Some(passes), Some(_)) => passes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> PeerInfo {
        PeerInfo {
            address: address.to_owned(),
            vni: 4097,
            port: "_vxlan-4097".to_owned(),
            flooded: true,
            answers: "yes".to_owned(),
            last_heard_ms: Some(1_270),
            round_trip_us: Some(288),
            round_trip_last_us: Some(300),
            lost: 0,
            asked: 64,
            path_mtu: Some(1450),
            path_mtu_below: None,
        }
    }

    #[test]
    fn a_peer_is_a_line_whose_columns_align() {
        let small = PeerInfo { path_mtu: Some(1280), path_mtu_below: Some(1351), lost: 12, ..peer("192.0.2.13") };
        let other = PeerInfo {
            answers: "never".to_owned(),
            flooded: false,
            last_heard_ms: None,
            round_trip_us: None,
            path_mtu: None,
            asked: 7,
            lost: 7,
            ..peer("2001:db8::7")
        };
        let gone = PeerInfo {
            answers: "no_longer".to_owned(),
            last_heard_ms: Some(75_400),
            round_trip_us: Some(12_345),
            path_mtu_below: Some(1451),
            ..peer("192.0.2.4")
        };
        let expected = "\
PEER          VNI  ANSWERS    HEARD  ROUND TRIP   LOST  PATH MTU  FLOODED
192.0.2.2    4097  yes        1.2 s     0.28 ms   0/64     1450+  yes
192.0.2.13   4097  yes        1.2 s     0.28 ms  12/64     1280?  yes
2001:db8::7  4097  never      never                7/7            no
192.0.2.4    4097  no longer   75 s    12.34 ms   0/64      1450  yes
";
        assert_eq!(peers(&[peer("192.0.2.2"), small, other, gone]).render(false), expected);
    }

    #[test]
    fn all_that_is_well_is_counted() {
        let member = |state: &str| Member { state: state.to_owned(), ..Member::default() };
        let mut found = Diagnosis { network: "web".to_owned(), ok: true, ..Diagnosis::default() };
        assert_eq!(summary(&found), "network web is well: 0 sandboxes here");
        found.members = vec![member("up"), member("free")];
        found.peers = vec![peer("192.0.2.2"), PeerInfo { answers: "never".to_owned(), ..peer("192.0.2.3") }];
        assert_eq!(summary(&found), "network web is well: 1 sandbox here, 1 of 2 peers answering");
    }

    #[test]
    fn a_fault_is_one_line_with_what_to_do() {
        let finding = Finding {
            fault: "peer_dead".to_owned(),
            place: "peer 192.0.2.2 of VNI 42".to_owned(),
            what: "nothing ever came\nfrom it".to_owned(),
            hint: "see whether it is up".to_owned(),
        };
        assert_eq!(line(&finding), "peer_dead: peer 192.0.2.2 of VNI 42: nothing ever came from it; see whether it is up");
    }
}
