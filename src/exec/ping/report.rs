//! What became of each request, and of all together; as lines and as JSON.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

/// One request's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Echo {
    /// Its number, from 1.
    pub number: u32,
    /// Where it went.
    pub address: IpAddr,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered.
    Answered {
        /// After so long; in JSON, `time_us` in microseconds.
        #[serde(rename = "time_us", serialize_with = "as_micros")]
        time: Duration,
    },
    /// Nothing came as long as was waited.
    Silent,
    /// It could not be sent, or the kernel or a router said that it does not get there.
    Refused {
        /// Why, in words.
        why: String,
    },
}

/// All requests together.
///
/// In JSON: `{"target","address","sent","answered","time_us":{"min","avg","max"},"echoes":[…],"failure"}`; `time_us` and
/// `failure` may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    target: String,
    address: IpAddr,
    wait: Duration,
    echoes: Vec<Echo>,
}

/// The times of all answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The shortest.
    #[serde(serialize_with = "as_micros")]
    pub min: Duration,
    /// Their average.
    #[serde(serialize_with = "as_micros")]
    pub avg: Duration,
    /// The longest.
    #[serde(serialize_with = "as_micros")]
    pub max: Duration,
}

impl Summary {
    pub(super) fn new(target: &str, address: IpAddr, wait: Duration, echoes: Vec<Echo>) -> Self {
        Self { target: target.to_owned(), address, wait, echoes }
    }

    /// The address that was asked.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Each request, in order.
    pub fn echoes(&self) -> &[Echo] {
        &self.echoes
    }

    /// How many were answered.
    pub fn answered(&self) -> usize {
        self.answers().count()
    }

    /// How long answers took, if there was one.
    pub fn times(&self) -> Option<Times> {
        let (min, max) = (self.answers().min()?, self.answers().max()?);
        let count = u32::try_from(self.answered()).ok()?;
        Some(Times { min, avg: self.answers().sum::<Duration>() / count, max })
    }

    /// Why this ping failed, if it did: nobody answered. A line for people; `network` is by which its requests went, if that is known.
    pub fn failure(&self, network: Option<&str>) -> Option<String> {
        if self.answered() > 0 {
            return None;
        }
        let refused = self.echoes.iter().rev().find_map(|echo| match &echo.outcome {
            Outcome::Refused { why } => Some(why.clone()),
            Outcome::Answered { .. } | Outcome::Silent => None,
        });
        let silence = || format!("{} sent and {} s waited for each", requests(self.echoes.len()), self.wait.as_secs_f64());
        let why = refused.unwrap_or_else(silence);
        let hint = match network {
            Some(network) => format!("`lanloom capture {network}` shows how far requests come"),
            None => "`lanloom capture` on its network shows how far requests come".to_owned(),
        };
        Some(format!("no answer from {}: {why}; {hint}", self.who()))
    }

    fn answers(&self) -> impl Iterator<Item = Duration> {
        self.echoes.iter().filter_map(|echo| match echo.outcome {
            Outcome::Answered { time } => Some(time),
            Outcome::Silent | Outcome::Refused { .. } => None,
        })
    }

    /// The name and its address, or the address alone.
    fn who(&self) -> String {
        let address = self.address.to_string();
        if address == self.target { address } else { format!("{} ({address})", self.target) }
    }
}

fn requests(count: usize) -> String {
    format!("{count} request{}", if count == 1 { "" } else { "s" })
}

/// Milliseconds with three digits behind the point: the clock of a ping is no better.
fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}

fn as_micros<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(time.as_micros().try_into().unwrap_or(u64::MAX))
}

impl fmt::Display for Echo {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}: ", self.number, self.address)?;
        match &self.outcome {
            Outcome::Answered { time } => out.write_str(&millis(*time)),
            Outcome::Silent => out.write_str("no answer"),
            Outcome::Refused { why } => out.write_str(why),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}, {} answered", self.who(), requests(self.echoes.len()), self.answered())?;
        let Some(Times { min, avg, max }) = self.times() else { return Ok(()) };
        write!(out, ", in {} to {}, {} on average", millis(min), millis(max), millis(avg))
    }
}

impl Serialize for Summary {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut object = to.serialize_struct("Summary", 7)?;
        object.serialize_field("target", &self.target)?;
        object.serialize_field("address", &self.address)?;
        object.serialize_field("sent", &self.echoes.len())?;
        object.serialize_field("answered", &self.answered())?;
        object.serialize_field("time_us", &self.times())?;
        object.serialize_field("echoes", &self.echoes)?;
        object.serialize_field("failure", &self.failure(None))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary(target: &str, outcomes: Vec<Outcome>) -> Summary {
        let address = "172.18.0.3".parse().expect("an address");
        let echo = |(at, outcome)| Echo { number: at as u32 + 1, address, outcome };
        Summary::new(target, address, Duration::from_millis(1500), outcomes.into_iter().enumerate().map(echo).collect())
    }

    fn answered(micros: u64) -> Outcome {
        Outcome::Answered { time: Duration::from_micros(micros) }
    }

    #[test]
    fn each_request_has_a_line_and_all_together_one() {
        let refused = Outcome::Refused { why: "no route leads there".to_owned() };
        let summary = summary("b", vec![answered(52), Outcome::Silent, answered(1250), refused]);
        let lines: Vec<String> = summary.echoes().iter().map(ToString::to_string).collect();
        assert_eq!(lines[..2], ["1 172.18.0.3: 0.052 ms", "2 172.18.0.3: no answer"]);
        assert_eq!(lines[2..], ["3 172.18.0.3: 1.250 ms", "4 172.18.0.3: no route leads there"]);
        let all = "b (172.18.0.3): 4 requests, 2 answered, in 0.052 ms to 1.250 ms, 0.651 ms on average";
        assert_eq!(summary.to_string(), all);
        assert_eq!(summary.failure(None), None, "one answer is enough");
    }

    #[test]
    fn without_an_answer_the_failure_says_what_happened() {
        let silent = summary("172.18.0.3", vec![Outcome::Silent]);
        assert_eq!(silent.to_string(), "172.18.0.3: 1 request, 0 answered");
        let said = silent.failure(None).expect("nobody answered");
        assert!(said.starts_with("no answer from 172.18.0.3: 1 request sent and 1.5 s waited for each; "), "{said}");
        let refused =
            summary("b", vec![Outcome::Silent, Outcome::Refused { why: "no route leads there".to_owned() }, Outcome::Silent]);
        let said = refused.failure(None).expect("nobody answered");
        assert!(said.starts_with("no answer from b (172.18.0.3): no route leads there; "), "{said}");
        assert!(
            refused
                .failure(Some("web"))
                .is_some_and(|said| said.ends_with("; `lanloom capture web` shows how far requests come"))
        );
    }

    #[test]
    fn json_says_the_same_in_microseconds() {
        let summary = summary("b", vec![answered(50), Outcome::Silent]);
        let shape = json!({
            "target": "b", "address": "172.18.0.3", "sent": 2, "answered": 1, "time_us": {"min": 50, "avg": 50, "max": 50},
            "echoes": [
                {"number": 1, "address": "172.18.0.3", "outcome": "answered", "time_us": 50},
                {"number": 2, "address": "172.18.0.3", "outcome": "silent"},
            ],
            "failure": null,
        });
        assert_eq!(serde_json::to_value(&summary).expect("JSON"), shape);
    }
}
