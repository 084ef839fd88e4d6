//! What hosts say to each other when all of them, or those in this process, do.

use super::hosts::{Body, Host};
use super::outcome::Seen;
use super::pattern::Pattern;
use super::stage::PATIENCE;
use super::words;
use crate::cli::demo::Subject;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// Where a host in this process answers over TCP with what it got.
const ECHO_PORT: u16 = 7;

/// Every host asks every other, all at once.
pub(super) fn ping_all_ways(hosts: &[Host], family: Subject) -> Seen {
    let ways: Vec<_> = hosts.iter().flat_map(|from| hosts.iter().map(move |to| (from, to))).collect();
    let ways: Vec<_> = ways.into_iter().filter(|(from, to)| from.role != to.role).collect();
    let answers: Vec<_> = thread::scope(|scope| {
        let asked: Vec<_> =
            ways.iter().map(|(from, to)| scope.spawn(move || from.ping(to.role.address(family), PATIENCE))).collect();
        asked.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()))).collect()
    });
    judge_pings(&ways.iter().map(|(from, to)| (from.role.name, to.role.name)).collect::<Vec<_>>(), &answers)
}

fn judge_pings(ways: &[(&str, &str)], answers: &[Result<Duration, String>]) -> Seen {
    let failed = ways
        .iter()
        .zip(answers)
        .filter_map(|((from, to), answer)| answer.as_ref().err().map(|why| format!("{from} → {to}: {why}")));
    let failed: Vec<_> = failed.collect();
    if let Some(first) = failed.first() {
        return Err(format!("{} of {} ways without an answer; {first}", failed.len(), ways.len()));
    }
    let quickest = answers.iter().flatten().min().copied().unwrap_or_default();
    Ok(format!("all {} ways answered, the quickest in {}", ways.len(), words::time(quickest)))
}

/// Between hosts in this process: there and back again.
pub(super) fn exchange(from: &Host, to: &Host, size: u64, flip: bool) -> Result<Duration, String> {
    let (Body::InProcess(Some(sender)), Body::InProcess(Some(receiver))) = (&from.body, &to.body) else {
        return Err("it is switched off".to_owned());
    };
    let pattern = Pattern::new();
    let mut bytes = Vec::with_capacity(size as usize);
    while (bytes.len() as u64) < size {
        let piece = pattern.from(bytes.len() as u64);
        bytes.extend_from_slice(&piece[..piece.len().min((size - bytes.len() as u64) as usize)]);
    }
    if flip {
        bytes[size as usize / 2] ^= 1;
    }
    receiver.serve_echo(ECHO_PORT).map_err(|error| error.to_string())?;
    let begin = Instant::now();
    let address = SocketAddr::new(to.role.v4().into(), ECHO_PORT);
    let back = sender.exchange(address, &bytes, PATIENCE * 6).map_err(|error| error.to_string())?;
    let took = begin.elapsed();
    match pattern.first_difference(0, &back) {
        Some(place) => Err(format!("byte {place} did not arrive as it was sent")),
        None => Ok(took),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_without_an_answer_is_named() {
        let ways = [("blue", "green"), ("green", "blue")];
        let fine = Ok(Duration::from_micros(80));
        assert_eq!(
            judge_pings(&ways, &[fine.clone(), fine.clone()]),
            Ok("all 2 ways answered, the quickest in 80 µs".to_owned())
        );
        let failed = judge_pings(&ways, &[fine, Err("no answer".to_owned())]);
        assert_eq!(failed, Err("1 of 2 ways without an answer; green → blue: no answer".to_owned()));
    }
}
