//! `lanloom network update`.

use crate::api::client::{Call, Client};
use crate::api::types::NetworkUpdate;
use crate::cli::output::Failure;
use crate::cli::words::{Pair, known, words};
use clap::Args;
use ipnet::IpNet;

/// `network update`.
#[derive(Debug, Args)]
pub struct Update {
    /// The network
    #[arg(value_parser = known)]
    network: String,
    #[command(flatten)]
    change: Change,
}

/// What `network update` can change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(super) struct Change {
    /// A label to set
    #[arg(long, value_name = "KEY=VALUE")]
    label_add: Vec<Pair>,
    /// A label to remove
    #[arg(long, value_name = "KEY")]
    label_rm: Vec<String>,
    /// A subnet to add
    #[arg(long, value_name = "SUBNET")]
    subnet_add: Vec<IpNet>,
    /// An option of the driver to set
    #[arg(short, long, value_name = "KEY=VALUE")]
    opt: Vec<Pair>,
}

impl Update {
    pub(super) async fn run(self, client: &Client) -> Result<(), Failure> {
        let call = Call::patch("update network", &self.network, &["v1", "networks", &self.network]);
        Ok(client.tell(call.json(&self.change.request())).await?)
    }
}

impl Change {
    fn request(self) -> NetworkUpdate {
        NetworkUpdate {
            label_add: words(self.label_add),
            label_rm: self.label_rm,
            subnet_add: self.subnet_add.iter().map(ToString::to_string).collect(),
            options: words(self.opt),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use serde_json::json;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        update: Update,
    }

    #[test]
    fn an_update_says_what_to_set_and_what_to_remove_and_never_nothing() {
        let parse = |line: &str| Line::try_parse_from(["update"].into_iter().chain(line.split(' ')));
        let line = "web --label-add a=b --label-rm c --label-rm d --subnet-add 10.9.0.0/24 --opt k=v";
        let request = parse(line).expect("known flags").update.change.request();
        let expected =
            json!({"LabelAdd": {"a": "b"}, "LabelRm": ["c", "d"], "SubnetAdd": ["10.9.0.0/24"], "Options": {"k": "v"}});
        assert_eq!(serde_json::to_value(request).ok(), Some(expected));
        for wrong in ["web", "web --subnet-add 10.9.0.0", "--label-rm a"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
