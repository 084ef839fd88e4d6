//! Moments as people and programs write them (RFC 3339), and as `docker` lets them be written.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `2026-01-02T03:04:05.000000006Z`. What is before 1970 is shown as its first moment.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (secs, nanos) = (since.as_secs(), since.subsec_nanos());
    let (year, month, day) = date(secs / 86_400);
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of the day so many days after 1970-01-01, in the Gregorian calendar. Years are counted from March, so
/// that a leap day is the last of its year; 400 of them have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

/// A moment in nanoseconds since 1970, from a date, an RFC 3339 time, seconds since 1970, or a span before `now`: `2026-01-02`,
/// `2026-01-02T03:04:05Z`, `1767323045`, `1h30m`. A time without a zone is UTC's. None for anything else.
pub(super) fn moment(text: &str, now: u64) -> Option<u64> {
    let seconds = || text.parse::<u64>().ok().and_then(|secs| secs.checked_mul(NANOS));
    seconds().or_else(|| stamp(text)).or_else(|| span(text).map(|span| now.saturating_sub(span)))
}

/// Nanoseconds of `1h30m`, `1.5h`, `300ms`.
fn span(text: &str) -> Option<u64> {
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let number: f64 = rest[..digits].parse().ok()?;
        let letters = rest[digits..].find(|c: char| !c.is_ascii_alphabetic()).map_or(rest.len(), |at| digits + at);
        let unit = match &rest[digits..letters] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return None,
        };
        total += number * unit;
        rest = &rest[letters..];
    }
    Some(Duration::try_from_secs_f64(total).ok()?.as_nanos().try_into().unwrap_or(u64::MAX)).filter(|_| !text.is_empty())
}

/// Nanoseconds since 1970 of `2026-01-02` or `2026-01-02T03:04:05[.678][Z|+02:00]`.
fn stamp(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').unwrap_or((text, "00:00:00"));
    let (time, offset) = zone(time)?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [year, month, day] = numbers(date, '-')?;
    let [hour, minute, second] = numbers(clock, ':')?;
    let fits = (1970..=2500).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !fits || hour > 23 || minute > 59 || second > 60 || fraction.is_empty() || fraction.len() > 9 {
        return None;
    }
    let nanos: u64 = format!("{fraction:0<9}").parse().ok()?;
    let local = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    local.checked_add_signed(-offset)?.checked_mul(NANOS)?.checked_add(nanos)
}

/// A time of day without its zone, and the seconds that this zone is ahead of UTC.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.find(['+', '-']) else { return Some((time, 0)) };
    let [hours, minutes] = numbers(&time[at + 1..], ':')?;
    let ahead = i64::try_from(hours * 3600 + minutes * 60).ok().filter(|ahead| *ahead <= 86_400)?;
    Some((&time[..at], if time[at..].starts_with('+') { ahead } else { -ahead }))
}

fn numbers<const N: usize>(text: &str, between: char) -> Option<[u64; N]> {
    let number = |part: &str| part.parse().ok().filter(|_| part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit()));
    text.split(between).map(number).collect::<Option<Vec<u64>>>()?.try_into().ok()
}

/// Days from 1970-01-01 to a day, by the same calendar as [`date`].
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_date_says_them() {
        // `date -u -d @SECS +%FT%TZ`
        for (secs, text) in [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (1_700_000_000, "2023-11-14T22:13:20.000000007Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000000007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000000007Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::new(secs, 7)), text);
        }
    }

    #[test]
    fn moments_are_read_as_they_are_written_and_spans_count_back_from_now() {
        let now = 1_700_000_000 * NANOS;
        for (text, secs) in [
            ("1970-01-01", 0),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("2023-11-14T22:13:20", 1_700_000_000),
            ("2023-11-15T00:13:20+02:00", 1_700_000_000),
            ("2023-11-14T20:13:20-02:00", 1_700_000_000),
            ("2100-03-01", 4_107_542_400),
            ("1700000000", 1_700_000_000),
            ("1h30m", 1_700_000_000 - 5400),
            ("1.5h", 1_700_000_000 - 5400),
            ("1000000h", 0),
        ] {
            assert_eq!(moment(text, now), Some(secs * NANOS), "{text}");
        }
        assert_eq!(moment("1970-01-01T00:00:01.5Z", now), Some(1_500_000_000));
        for wrong in ["", "h", "1x", "1h30", "-1h", "2023-13-01", "2023-11-14T25:00:00Z", "yesterday", "é", "1é", "T", "+"] {
            assert_eq!(moment(wrong, now), None, "{wrong}");
        }
        let told = rfc3339(UNIX_EPOCH + Duration::from_nanos(now + 7));
        assert_eq!(moment(&told, 0), Some(now + 7));
    }
}
