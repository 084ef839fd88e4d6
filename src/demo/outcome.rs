//! What the checks found: values, and the JSON made of them.

use crate::cli::demo::Subject;
use serde::Serialize;
use std::path::Path;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It looked, and it was so.
    Ok,
    /// It looked, and it was not so.
    Failed,
    /// It did not look; the detail says why.
    Skipped,
}

/// One check and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    name: &'static str,
    /// How it ended.
    pub(super) status: Status,
    /// What was seen, or why it was not looked at.
    pub(super) detail: String,
}

/// What a check says of itself: what was seen, or what was wrong.
pub(super) type Seen = Result<String, String>;

impl Check {
    /// One that looked.
    pub(super) fn of(subject: Subject, seen: Seen) -> Self {
        let (status, detail) = match seen {
            Ok(detail) => (Status::Ok, detail),
            Err(detail) => (Status::Failed, detail),
        };
        Self { name: subject.name(), status, detail }
    }

    /// One that did not look.
    pub(super) fn skipped(subject: Subject, why: impl Into<String>) -> Self {
        Self { name: subject.name(), status: Status::Skipped, detail: why.into() }
    }

    /// What it is about.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

/// All checks, as `--json` prints them.
#[derive(Debug, Serialize)]
pub(super) struct Outcome<'a> {
    ok: bool,
    checks: &'a [Check],
    pcap: Option<&'a Path>,
}

impl<'a> Outcome<'a> {
    pub(super) fn new(checks: &'a [Check], pcap: Option<&'a Path>) -> Self {
        Self { ok: is_ok(checks), checks, pcap }
    }
}

/// At least one check looked and saw what it should, and none saw otherwise.
pub(super) fn is_ok(checks: &[Check]) -> bool {
    let any = |status| checks.iter().any(|check| check.status == status);
    any(Status::Ok) && !any(Status::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_skipped_is_not_ok_and_one_failure_spoils_everything() {
        let ok = Check::of(Subject::Fdb, Ok("3 addresses".to_owned()));
        let failed = Check::of(Subject::Ping6, Err("no answer".to_owned()));
        let skipped = Check::skipped(Subject::Tap, "no rights");
        assert!(!is_ok(&[]));
        assert!(!is_ok(std::slice::from_ref(&skipped)));
        assert!(is_ok(&[ok.clone(), skipped.clone()]));
        assert!(!is_ok(&[ok, failed, skipped]));
    }

    #[test]
    fn the_json_has_the_promised_keys() {
        let checks = [Check::of(Subject::Fdb, Ok("3 addresses".to_owned())), Check::skipped(Subject::InProcess, "why")];
        let json = serde_json::to_value(Outcome::new(&checks, Some(Path::new("demo.pcapng")))).expect("serializable");
        let expected = serde_json::json!({
            "ok": true,
            "checks": [
                {"name": "fdb", "status": "ok", "detail": "3 addresses"},
                {"name": "in-process", "status": "skipped", "detail": "why"},
            ],
            "pcap": "demo.pcapng",
        });
        assert_eq!(json, expected);
    }
}
