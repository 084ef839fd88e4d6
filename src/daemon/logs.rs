//! Logs: to stderr, as much as `LANLOOM_LOG` says, never per frame.

use std::env;
use std::io::{self, IsTerminal};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. Without the variable: what an operator has to know.
///
/// # Errors
/// If `LANLOOM_LOG` cannot be read.
pub fn start() -> Result<(), String> {
    let filter = filter(env::var("LANLOOM_LOG").ok().as_deref())?;
    let colour = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    // systemd's journal has its own clock.
    let journal = env::var_os("JOURNAL_STREAM").is_some();
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_ansi(colour).with_target(false);
    let layer = if journal { layer.without_time().boxed() } else { layer.boxed() };
    // A second start in one process (a test) keeps the first one's.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    Ok(())
}

fn filter(text: Option<&str>) -> Result<Targets, String> {
    let text = text.filter(|text| !text.is_empty()).unwrap_or("info");
    text.parse().map_err(|error| {
        format!("cannot start logging as LANLOOM_LOG={text:?} says: {error}; write a level (error, warn, info, debug, trace) or TARGET=LEVEL,…")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn a_level_or_targets_with_levels_are_understood_and_nonsense_refused() {
        assert!(filter(None).expect("default").would_enable("lanloom", &Level::INFO));
        let debug = filter(Some("warn,lanloom::api=debug")).expect("targets");
        assert!(debug.would_enable("lanloom::api", &Level::DEBUG) && !debug.would_enable("lanloom", &Level::INFO));
        assert!(filter(Some("lanloom=loud")).expect_err("no level").contains("LANLOOM_LOG"));
    }
}
