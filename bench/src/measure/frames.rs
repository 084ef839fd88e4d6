//! The frame generator and its counter.
//!
//! The generator sends copies of one UDP frame from an address that is no host's to another: the receiver's stack throws them
//! away early, and answers nothing. The counter is a packet socket with a filter for this frame, its addresses and the tag of
//! this trial: the kernel counts what the filter accepts, so nothing else that the interface receives is counted, no frame is
//! missed because a reader was slow, and no user process takes part in receiving. It counts before the host's own stack does
//! anything.

use crate::fault::{Fault, Result};
use crate::lan::{Host, Lan};
use crate::packet::{BATCH, PacketSocket};
use crate::stop;
use etherparse::PacketBuilder;
use nix::errno::Errno;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The station that the generator plays in host a.
const STATION_A: [u8; 6] = [0x02, 0x4c, 0x4c, 0, 0, 0x0a];
/// The station in host b that it speaks to.
const STATION_B: [u8; 6] = [0x02, 0x4c, 0x4c, 0, 0, 0x0b];

/// Ethernet, IPv4 and UDP headers; the tag follows.
const TAG_AT: u32 = 14 + 20 + 8;

/// How long the receiver must hear nothing more for a trial to be over, and how long it may take.
const QUIET: Duration = Duration::from_millis(60);
const QUIET_LIMIT: Duration = Duration::from_secs(3);

/// The length of a frame without its check sequence, which no virtual interface carries: a 64-byte frame is 60 bytes here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireSize(pub(crate) usize);

impl WireSize {
    fn in_memory(self) -> usize {
        self.0 - 4
    }
}

/// How fast the generator offers frames.
#[derive(Clone, Copy)]
pub(crate) enum Load {
    /// As fast as system calls of [`BATCH`] frames go.
    Unlimited,
    /// Frames a second, evenly spaced as far as one system call a frame allows.
    Rate(f64),
}

/// What one trial showed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    /// Frames that the generator handed to its interface, including those refused there.
    pub(crate) offered: u64,
    /// Frames that the receiver's interface received.
    pub(crate) delivered: u64,
    /// Time that the generator sent for, in seconds.
    pub(crate) secs: f64,
}

impl Trial {
    pub(crate) fn offered_rate(&self) -> f64 {
        self.offered as f64 / self.secs
    }

    pub(crate) fn delivered_rate(&self) -> f64 {
        self.delivered as f64 / self.secs
    }

    pub(crate) fn without_loss(&self) -> bool {
        self.delivered >= self.offered
    }
}

/// Lets both stations speak, so that the switch knows where they are, and then offers frames for a time.
///
/// # Errors
/// If a socket cannot be opened, the switch does not deliver even slow frames, or the run was asked to stop.
pub(crate) fn trial(lan: &Lan, size: WireSize, load: Load, time: Duration) -> Result<Trial> {
    introduce(lan)?;
    let tag = next_tag();
    let counter = counter(&lan.b, STATION_B, tag)?;
    let frame = frame(STATION_A, STATION_B, size, tag);
    let (offered, took) = lan.a.netns.enter(|| generate(lan.a.interface, &frame, load, time))?;
    Ok(Trial { offered, delivered: count_until_quiet(&counter)?, secs: took.as_secs_f64() })
}

/// Station b speaks first, then station a. What a then sends to b is no longer flooded.
fn introduce(lan: &Lan) -> Result<()> {
    for (from, source, to, target) in [(&lan.b, STATION_B, &lan.a, STATION_A), (&lan.a, STATION_A, &lan.b, STATION_B)] {
        let tag = next_tag();
        let heard = counter(to, target, tag)?;
        let frame = frame(source, target, WireSize(64), tag);
        let (slow, short) = (Load::Rate(1000.0), Duration::from_millis(10));
        from.netns.enter(|| generate(from.interface, &frame, slow, short))?;
        let mut frames = 0;
        stop::wait_until("the frames of a station that speaks slowly", QUIET_LIMIT, || {
            frames += heard.take_count()?;
            Ok(frames > 0)
        })?;
    }
    Ok(())
}

/// Sends until the time is over. Returns what was offered and the time it took.
fn generate(interface: &str, frame: &[u8], load: Load, time: Duration) -> Result<(u64, Duration)> {
    let socket = PacketSocket::sender(interface)?;
    let begin = Instant::now();
    let mut offered = 0;
    loop {
        let elapsed = begin.elapsed();
        if elapsed >= time {
            return Ok((offered, elapsed));
        }
        let due = match load {
            Load::Unlimited => BATCH,
            Load::Rate(rate) => ((rate * elapsed.as_secs_f64()) as u64).saturating_sub(offered).min(BATCH as u64) as usize,
        };
        if due == 0 {
            std::hint::spin_loop();
            continue;
        }
        offered += match socket.send(frame, due) {
            Ok(sent) => sent as u64,
            // The interface's queue is full: one frame is lost.
            Err(Errno::ENOBUFS | Errno::EAGAIN) => 1,
            Err(why) => return Err(Fault::on(format!("sending frames on {interface}"), why)),
        };
        if stop::requested() {
            return Err(Fault::Stopped);
        }
    }
}

/// Counts what arrives until nothing does: what waited in queues was delivered too.
fn count_until_quiet(counter: &PacketSocket) -> Result<u64> {
    let end = Instant::now() + QUIET_LIMIT;
    let mut total = 0;
    loop {
        stop::sleep(QUIET)?;
        let more = counter.take_count()?;
        total += more;
        if more == 0 || Instant::now() > end {
            return Ok(total);
        }
    }
}

/// A counter in `host` of frames to `target` with a tag.
fn counter(host: &Host, target: [u8; 6], tag: u32) -> Result<PacketSocket> {
    host.netns.enter(|| PacketSocket::receiver(host.interface, &filter(target, tag))?.without_queue())
}

/// Classic BPF: accepts one byte of a frame whose last four bytes of the target's address, and whose tag, are these.
fn filter(target: [u8; 6], tag: u32) -> [libc::sock_filter; 6] {
    let load = |at| libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: at };
    let unless = |value, skip| libc::sock_filter {
        code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
        jt: 0,
        jf: skip,
        k: value,
    };
    let answer = |bytes| libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: bytes };
    let [_, _, end @ ..] = target;
    [load(2), unless(u32::from_be_bytes(end), 3), load(TAG_AT), unless(tag, 1), answer(1), answer(0)]
}

/// A UDP frame with right checksums and the tag as the first bytes of its payload. The ports never change, so that a switch
/// that remembers flows remembers this one.
fn frame(source: [u8; 6], target: [u8; 6], size: WireSize, tag: u32) -> Vec<u8> {
    let mut payload = vec![0; size.in_memory() - TAG_AT as usize];
    payload[..4].copy_from_slice(&tag.to_be_bytes());
    let (low, high) = if source < target { ([10, 9, 0, 101], [10, 9, 0, 102]) } else { ([10, 9, 0, 102], [10, 9, 0, 101]) };
    let builder = PacketBuilder::ethernet2(source, target).ipv4(low, high, 64).udp(9000, 9001);
    let mut frame = Vec::with_capacity(size.in_memory());
    // Writing to memory does not fail, and the payload is far below what the length fields hold.
    let _ = builder.write(&mut frame, &payload);
    frame
}

/// A number that no frame of this process has had.
fn next_tag() -> u32 {
    static TAG: AtomicU32 = AtomicU32::new(0x4c4c_0001);
    TAG.fetch_add(1, Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_as_long_as_said_and_parse_with_right_checksums() {
        for size in [64, 1518] {
            let bytes = frame(STATION_A, STATION_B, WireSize(size), 7);
            assert_eq!(bytes.len(), size - 4);
            let packet = etherparse::PacketHeaders::from_ethernet_slice(&bytes).unwrap();
            let Some(etherparse::NetHeaders::Ipv4(ip, _)) = packet.net else { panic!("not IPv4") };
            assert_eq!(ip.header_checksum, ip.calc_header_checksum());
            let udp = packet.transport.unwrap().udp().unwrap();
            assert_eq!(udp.checksum, udp.calc_checksum_ipv4(&ip, packet.payload.slice()).unwrap());
            assert_eq!(bytes[TAG_AT as usize..][..4], 7u32.to_be_bytes());
        }
    }

    #[test]
    fn only_the_frames_of_one_trial_are_counted_whatever_else_arrives() {
        let Some(lan) = crate::lan::tests::bridged() else { return };
        let (tag, other) = (next_tag(), next_tag());
        let counter = counter(&lan.b, STATION_B, tag).unwrap();
        let send = |tag| {
            let frame = frame(STATION_A, STATION_B, WireSize(64), tag);
            let generate = || generate(lan.a.interface, &frame, Load::Rate(2000.0), Duration::from_millis(50));
            lan.a.netns.enter(generate).unwrap().0
        };
        assert!(send(other) > 0);
        let offered = send(tag);
        crate::process::run(lan.a.netns.command("ping").args(["-c", "3", "-i", "0.01", lan.b.address]), QUIET_LIMIT * 10)
            .unwrap();
        assert!(offered > 0);
        assert_eq!(count_until_quiet(&counter).unwrap(), offered);
    }

    #[test]
    fn a_trial_over_a_bridge_delivers_what_it_offers() {
        let Some(lan) = crate::lan::tests::bridged() else { return };
        let outcome = trial(&lan, WireSize(1518), Load::Rate(1000.0), Duration::from_millis(100)).unwrap();
        assert!(outcome.offered > 0 && outcome.without_loss(), "{outcome:?}");
    }
}
