//! Round-trip times by ping: an ICMP echo each millisecond, one at a time, so that every one finds an idle switch.

use crate::fault::{Fault, Result};
use crate::lan::Lan;
use crate::process::run;
use crate::results::percentile;
use std::time::Duration;

/// Round-trip times in microseconds, to ping's resolution of one.
pub(crate) struct RoundTrip {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Pings host b from host a.
///
/// # Errors
/// If ping fails, or less than nine in ten echoes come back.
pub(crate) fn round_trip(lan: &Lan, echoes: u32) -> Result<RoundTrip> {
    let count = echoes.to_string();
    let mut ping = lan.a.netns.command("ping");
    ping.env("LC_ALL", "C").args(["-n", "-c", &count, "-i", "0.001", "-W", "1", lan.b.address]);
    let printed = run(&mut ping, Duration::from_secs(30) + Duration::from_millis(10) * echoes)?;
    let mut times = parse(&printed);
    if times.len() * 10 < echoes as usize * 9 {
        return Err(Fault::on("pinging", format!("{} of {echoes} echoes came back", times.len())));
    }
    times.sort_by(f64::total_cmp);
    Ok(RoundTrip { p50: percentile(&times, 0.50), p99: percentile(&times, 0.99) })
}

/// The `time=` of every line, in microseconds.
fn parse(printed: &str) -> Vec<f64> {
    let millis = |line: &str| line.split_once("time=")?.1.split(' ').next()?.parse::<f64>().ok();
    printed.lines().filter_map(millis).map(|millis| millis * 1000.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_echos_time_is_read_and_the_summary_is_not() {
        let printed = "PING 10.9.0.2 (10.9.0.2) 56(84) bytes of data.\n\
            64 bytes from 10.9.0.2: icmp_seq=1 ttl=64 time=0.033 ms\n\
            64 bytes from 10.9.0.2: icmp_seq=2 ttl=64 time=1.5 ms\n\n\
            2 packets transmitted, 2 received, 0% packet loss, time 1ms\n\
            rtt min/avg/max/mdev = 0.033/0.766/1.500/0.015 ms\n";
        assert_eq!(parse(printed), [33.0, 1500.0]);
    }
}
