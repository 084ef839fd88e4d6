//! How often peers are asked, and when what is missing counts as lost.

use crate::storm::StormLimit;
use std::time::Duration;

/// From ask to ask while a peer answers.
pub const STEADY: Duration = Duration::from_secs(5);

/// From ask to ask at first, after a loss, and when a peer answers again.
pub const HURRIED: Duration = Duration::from_secs(1);

/// How many asks are hurried after a loss; each further loss counts anew until the peer counts as gone.
pub const HURRIED_ASKS: u8 = 10;

/// How many asks of a new peer are hurried.
pub const FIRST_ASKS: u8 = 5;

/// Losses in a row after which a peer that answered is [gone](super::Answers::NoLonger).
pub const GONE_AFTER: u8 = 3;

/// From ask to ask of a peer that is gone. It is asked at once when it is heard again.
pub const GONE: Duration = Duration::from_secs(15);

/// From ask to ask of a peer that never answered. It is asked at once when it asks.
pub const NEVER: Duration = Duration::from_secs(60);

/// An ask that was not answered for so long is lost. A later answer counts as nothing but a sign of life.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Losses after which a size does not pass (RFC 8899 5.1.2, `MAX_PROBES`).
pub const SIZE_TRIES: u8 = 3;

/// From check to check of the path MTU once it is known. If a larger size was lost, every second check tries upwards.
pub const CHECK_MTU: Duration = Duration::from_secs(30);

/// How many asks of one peer are answered: more than any prober of ours sends.
pub const ANSWERS: StormLimit = StormLimit { rate: 20, burst: 50 };
