//! TCP throughput by iperf3, as the receiver sees it, and the largest frame that arrives meanwhile.

use crate::fault::{Fault, Result, Tried};
use crate::lan::Lan;
use crate::packet::PacketSocket;
use crate::process::{Process, output};
use crate::stop;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Time that iperf3 has beyond the time that it is to send for.
const SLACK: Duration = Duration::from_secs(15);
/// What is sent while the largest frame is looked for: no figure of time comes from it.
const SAMPLE_BYTES: &str = "64M";

/// What one run showed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Throughput {
    /// At the receiver, in 10^9 bits a second of payload.
    pub(crate) gbit_per_sec: f64,
    /// Segments that the sender sent again.
    pub(crate) retransmits: f64,
}

/// TCP from host a to host b.
///
/// # Errors
/// If iperf3 fails.
pub(crate) fn throughput(lan: &Lan, streams: u32, secs: u64) -> Result<Throughput> {
    throughput_to(lan, lan.b.address, streams, secs)
}

/// The same to another address of host b.
///
/// # Errors
/// If iperf3 fails.
pub(crate) fn throughput_to(lan: &Lan, address: &str, streams: u32, secs: u64) -> Result<Throughput> {
    let (time, streams) = (secs.to_string(), streams.to_string());
    iperf3(lan, address, &["-t", &time, "-P", &streams], Duration::from_secs(secs) + SLACK)
}

/// The length in bytes of the largest frame that host b's interface receives during a short TCP run, without check sequence:
/// 1514 if every frame was cut to the wire's size, up to 65,549 if super-frames arrived whole.
///
/// It is looked for in a run of its own, since looking takes time from the switch.
///
/// # Errors
/// If iperf3 fails or nothing was seen.
pub(crate) fn largest_frame(lan: &Lan) -> Result<usize> {
    let accept_all = [libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: u32::MAX }];
    let socket = lan.b.netns.enter(|| PacketSocket::receiver(lan.b.interface, &accept_all))?;
    let done = AtomicBool::new(false);
    let largest = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&socket, &done));
        let sent = iperf3(lan, lan.b.address, &["-n", SAMPLE_BYTES], SLACK * 2);
        done.store(true, Ordering::Relaxed);
        let largest = watch.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        sent.and(largest)
    })?;
    if largest == 0 { Err(Fault::on("looking for the largest frame", "none was seen")) } else { Ok(largest) }
}

fn watch(socket: &PacketSocket, done: &AtomicBool) -> Result<usize> {
    let mut largest = 0;
    while !done.load(Ordering::Relaxed) {
        match socket.next_len()? {
            Some(length) => largest = largest.max(length),
            None => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    Ok(largest)
}

fn iperf3(lan: &Lan, address: &str, arguments: &[&str], limit: Duration) -> Result<Throughput> {
    let mut command = lan.b.netns.command("iperf3");
    command.args(["-s", "--forceflush"]);
    let mut server = Process::start("iperf3-server", &mut command, lan.dir.path())?;
    server.wait_until("the listening socket", Duration::from_secs(10), |printed| printed.contains("Server listening"))?;
    let mut client = lan.a.netns.command("iperf3");
    client.args(["-c", address, "--connect-timeout", "5000", "-J"]).args(arguments);
    let output = output(&mut client, limit)?;
    // The last segments are still on their way through slow switches when the client ends.
    stop::sleep(Duration::from_millis(50))?;
    parse(&output.stdout)
}

/// Reads iperf3's JSON.
fn parse(json: &str) -> Result<Throughput> {
    let report: Value = serde_json::from_str(json).tried(|| "reading what iperf3 printed")?;
    if let Some(error) = report["error"].as_str() {
        return Err(Fault::on("measuring with iperf3", error));
    }
    let number = |part: &str, key: &str| {
        let value = report["end"][part][key].as_f64();
        value.ok_or_else(|| Fault::on("reading what iperf3 printed", format!("no end.{part}.{key}")))
    };
    Ok(Throughput {
        gbit_per_sec: number("sum_received", "bits_per_second")? / 1e9,
        retransmits: number("sum_sent", "retransmits")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receivers_figure_and_the_senders_retransmits_are_read() {
        let json = r#"{"end":{"sum_sent":{"bits_per_second":13e9,"retransmits":7},"sum_received":{"bits_per_second":12.5e9}}}"#;
        assert_eq!(parse(json).unwrap(), Throughput { gbit_per_sec: 12.5, retransmits: 7.0 });
    }

    #[test]
    fn what_iperf3_calls_an_error_is_a_fault_even_beside_figures() {
        let json = r#"{"end":{},"error":"unable to connect to server"}"#;
        assert!(parse(json).unwrap_err().to_string().contains("unable to connect"));
        assert!(parse("").is_err());
        assert!(parse(r#"{"end":{}}"#).unwrap_err().to_string().contains("sum_received"));
    }
}
