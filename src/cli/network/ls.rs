//! `lanloom network ls`.

use super::show;
use crate::api::client::{Call, Client};
use crate::api::types::{Filters, NetworkInfo, NetworkQuery, Purpose};
use crate::cli::Listing;
use crate::cli::output::{Failure, Output};
use clap::{Args, ValueEnum};

/// `network ls`.
#[derive(Debug, Args)]
pub struct Ls {
    /// Only ids
    #[arg(short, long, conflicts_with_all = ["json", "format"])]
    quiet: bool,
    /// Whole ids
    #[arg(long)]
    no_trunc: bool,
    /// Only networks of which this holds
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// A table, or JSON
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Format>,
    #[command(flatten)]
    listing: Listing,
}

/// How networks are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Table,
    Json,
}

impl Ls {
    pub(super) async fn run(self, client: &Client, out: &mut Output) -> Result<(), Failure> {
        let filters = filters("list networks", Purpose::List, &self.filter)?;
        let call = Call::get("list networks", "", &["v1", "networks"]).query(&NetworkQuery { filters: filters.to_json() });
        let networks: Vec<NetworkInfo> = client.ask(call).await?;
        if self.listing.json || self.format == Some(Format::Json) {
            return out.json(&networks);
        }
        if self.quiet {
            return out.ids(networks.iter().map(|network| network.id.as_str()), self.no_trunc);
        }
        out.table(&show::table(&networks, self.no_trunc))
    }
}

/// The filters that these words say; one that there is not is wrong usage.
pub(super) fn filters(what: &str, purpose: Purpose, terms: &[String]) -> Result<Filters, Failure> {
    let mut filters = Filters::new(purpose);
    let added = terms.iter().try_for_each(|term| filters.add(term));
    added.map_err(|error| Failure::usage(format!("cannot {what}: {error}").replace(char::is_control, " ")))?;
    Ok(filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_filter_is_wrong_usage_and_told_what_there_is() {
        let failure = filters("list networks", Purpose::List, &["colour=red".to_owned()]).expect_err("no such filter");
        assert_eq!(failure.status(), 2);
        assert!(failure.lines()[0].starts_with("cannot list networks: there is no filter \"colour\"; there are dangling,"));
        let known = filters("prune networks", Purpose::Prune, &["until=24h".to_owned(), "label!=keep".to_owned()]);
        assert_eq!(known.expect("known").to_json().as_deref(), Some(r#"{"label!":["keep"],"until":["24h"]}"#));
    }
}
