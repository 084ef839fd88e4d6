//! Networks, in the shapes of the Docker Engine API, so that what speaks to Docker can read and write them. As there, what is
//! unknown in a request is passed over, what is `null` or empty counts as left out, and a wrong type is refused.

use crate::api::types::doctor::PeerInfo;
use crate::api::types::endpoint::{EndpointAsked, EndpointInfo};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A network to make.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkCreate {
    /// 1 to 63 of `[A-Za-z0-9_.-]`.
    pub name: String,
    /// What kind of network; `bridge` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// How far it reaches; only `local` can be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Whether it has IPv4; yes if not given.
    #[serde(default, rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// Whether it has IPv6; no if not given.
    #[serde(default, rename = "EnableIPv6", skip_serializing_if = "Option::is_none")]
    pub enable_ipv6: Option<bool>,
    /// Who gives addresses, and which.
    #[serde(default, rename = "IPAM", skip_serializing_if = "Option::is_none")]
    pub ipam: Option<Ipam>,
    /// Whether it has no way to the world outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal: Option<bool>,
    /// Whether sandboxes made by hand may use it, where a scope asks for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachable: Option<bool>,
    /// Whether it is a swarm's ingress network, of which there is none here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<bool>,
    /// Whether it is only a configuration for other networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_only: Option<bool>,
    /// The network whose configuration it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_from: Option<ConfigFrom>,
    /// Options, which the driver gets untouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
    /// Labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// Who gives a network's addresses, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Ipam {
    /// The IPAM driver: `default` or `null`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Its options.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
    /// The pools; a family that has none is given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Vec<IpamPool>>,
}

/// A pool of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct IpamPool {
    /// The subnet: `172.18.0.0/16`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// The part of it that endpoints get their addresses from.
    #[serde(default, rename = "IPRange", skip_serializing_if = "Option::is_none")]
    pub ip_range: Option<String>,
    /// The gateway's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<String>,
    /// Addresses that others have, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auxiliary_addresses: Option<BTreeMap<String, String>>,
}

/// The network whose configuration another takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct ConfigFrom {
    /// Its name; empty for none.
    #[serde(default)]
    pub network: String,
}

/// A network that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkMade {
    /// Its id.
    pub id: String,
    /// What it does without; empty if nothing.
    pub warning: String,
}

/// A network as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkInfo {
    /// Its name.
    pub name: String,
    /// Its id: 64 hex digits.
    pub id: String,
    /// When it was made, in RFC 3339, UTC.
    pub created: String,
    /// How far it reaches: `local` or `global`.
    pub scope: String,
    /// What kind of network it is.
    pub driver: String,
    /// Whether it has IPv4.
    #[serde(rename = "EnableIPv4")]
    pub enable_ipv4: bool,
    /// Whether it has IPv6.
    #[serde(rename = "EnableIPv6")]
    pub enable_ipv6: bool,
    /// Who gives its addresses, and which.
    #[serde(rename = "IPAM")]
    pub ipam: Ipam,
    /// Whether it has no way to the world outside.
    pub internal: bool,
    /// Whether sandboxes made by hand may use it.
    pub attachable: bool,
    /// Whether it is a swarm's ingress network: never.
    pub ingress: bool,
    /// The network whose configuration it took.
    pub config_from: ConfigFrom,
    /// Whether it is only a configuration for other networks.
    pub config_only: bool,
    /// Who is on it, by the sandbox's id; an endpoint without a sandbox by `ep-` and its own.
    pub containers: BTreeMap<String, NetworkMember>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// What Docker's shape has no place for.
    pub lanloom: NetworkMore,
}

/// Who is on a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkMember {
    /// The sandbox's name; the endpoint's if it is in none.
    pub name: String,
    /// The endpoint's id.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
    /// Its hardware address; empty if it has none.
    pub mac_address: String,
    /// Its IPv4 address with its prefix length; empty if it has none.
    #[serde(rename = "IPv4Address")]
    pub ipv4_address: String,
    /// Its IPv6 address with its prefix length; empty if it has none.
    #[serde(rename = "IPv6Address")]
    pub ipv6_address: String,
}

/// What Docker's shape of a network has no place for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkMore {
    /// How far it has come: `creating`, `ready`, `dormant` or `deleting`.
    pub state: String,
    /// The switch that it is.
    pub switch: Option<String>,
    /// How many addresses of endpoints each of its subnets holds.
    pub in_use: BTreeMap<String, usize>,
    /// Its endpoints, by name.
    pub endpoints: Vec<EndpointInfo>,
    /// The hosts that it reaches by tunnels, and how they are.
    pub peers: Vec<PeerInfo>,
    /// A line for each thing that is not as it should be.
    pub notes: Vec<String>,
}

/// What to change of a network; what is not given stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct NetworkUpdate {
    /// Labels to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub label_add: BTreeMap<String, String>,
    /// Labels to remove.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub label_rm: Vec<String>,
    /// Subnets to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnet_add: Vec<String>,
    /// Options to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// A sandbox to take into a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkConnect {
    /// The sandbox, by id, name or the beginning of an id.
    pub container: String,
    /// What its endpoint is to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_config: Option<EndpointSettings>,
}

/// What an endpoint is to be, in Docker's shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointSettings {
    /// Its addresses.
    #[serde(default, rename = "IPAMConfig", skip_serializing_if = "Option::is_none")]
    pub ipam_config: Option<EndpointIpam>,
    /// Further names in DNS on the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aliases: Option<Vec<String>>,
    /// Names that only its own sandbox knows for others: `SANDBOX:ALIAS`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<String>>,
    /// Options, which the driver gets untouched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver_opts: Option<BTreeMap<String, String>>,
    /// Who gives the way out: the highest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gw_priority: Option<i32>,
    /// Its hardware address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac_address: Option<String>,
}

/// Addresses that an endpoint is to have, in Docker's shape.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointIpam {
    /// Its IPv4 address; one is chosen if none is given.
    #[serde(default, rename = "IPv4Address", skip_serializing_if = "Option::is_none")]
    pub ipv4_address: Option<String>,
    /// Its IPv6 address; one is chosen if none is given.
    #[serde(default, rename = "IPv6Address", skip_serializing_if = "Option::is_none")]
    pub ipv6_address: Option<String>,
    /// Addresses of the link alone to set beside these.
    #[serde(default, rename = "LinkLocalIPs", skip_serializing_if = "Option::is_none")]
    pub link_local_ips: Option<Vec<String>>,
}

/// A sandbox that was taken into a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NetworkConnected {
    /// The id of the endpoint that was made for it.
    #[serde(rename = "EndpointID")]
    pub endpoint_id: String,
}

/// A sandbox to take out of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworkDisconnect {
    /// The sandbox, by id, name or the beginning of an id.
    pub container: String,
    /// Go on where something refuses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
}

/// Networks that were removed because nothing was on them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub struct NetworksPruned {
    /// Their names.
    pub networks_deleted: Vec<String>,
}

/// Which networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
pub struct NetworkQuery {
    /// Filters in Docker's JSON: `{"driver":["bridge"],"label":["tier=front"]}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filters: Option<String>,
}

impl From<EndpointAsked> for EndpointSettings {
    fn from(asked: EndpointAsked) -> Self {
        let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
        let ipam = EndpointIpam { ipv4_address: asked.ipv4, ipv6_address: asked.ipv6, link_local_ips: some(asked.link_local) };
        Self {
            ipam_config: Some(ipam).filter(|ipam| *ipam != EndpointIpam::default()),
            aliases: some(asked.aliases),
            links: some(asked.links),
            driver_opts: Some(asked.options).filter(|options| !options.is_empty()),
            gw_priority: Some(asked.priority).filter(|priority| *priority != 0),
            mac_address: asked.mac,
        }
    }
}

impl From<EndpointSettings> for EndpointAsked {
    fn from(settings: EndpointSettings) -> Self {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        let ipam = settings.ipam_config.unwrap_or_default();
        Self {
            ipv4: given(ipam.ipv4_address),
            ipv6: given(ipam.ipv6_address),
            link_local: ipam.link_local_ips.unwrap_or_default(),
            mac: given(settings.mac_address),
            aliases: settings.aliases.unwrap_or_default(),
            links: settings.links.unwrap_or_default(),
            priority: settings.gw_priority.unwrap_or_default(),
            options: settings.driver_opts.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(body: &Value) -> Option<NetworkCreate> {
        serde_json::from_value(body.clone()).ok()
    }

    #[test]
    fn what_docker_s_clients_send_is_read() {
        let sent = json!({
            "CheckDuplicate": true, "Name": "web", "Driver": "bridge", "Scope": "", "EnableIPv4": true, "EnableIPv6": false,
            "IPAM": {"Driver": "default", "Options": null, "Config": [
                {"Subnet": "10.9.0.0/24", "IPRange": "", "Gateway": "10.9.0.1", "AuxiliaryAddresses": {"host": "10.9.0.5"}}
            ]},
            "Internal": false, "Attachable": false, "Ingress": false, "ConfigOnly": false, "ConfigFrom": {"Network": ""},
            "Options": {}, "Labels": null
        });
        let network = read(&sent).expect("Docker's own");
        assert_eq!((network.name.as_str(), network.driver.as_deref(), network.labels), ("web", Some("bridge"), None));
        let pools = network.ipam.and_then(|ipam| ipam.config).expect("one pool");
        assert_eq!(pools[0].auxiliary_addresses.as_ref().map(|all| all["host"].as_str()), Some("10.9.0.5"));
        assert_eq!(read(&json!({"Name": "web"})), Some(NetworkCreate { name: "web".into(), ..NetworkCreate::default() }));
    }

    #[test]
    fn a_wrong_type_is_refused() {
        for wrong in [
            json!({}),
            json!({"Name": 1}),
            json!({"Name": "web", "Internal": "yes"}),
            json!({"Name": "web", "Labels": ["a=b"]}),
            json!({"Name": "web", "Options": {"mtu": 1400}}),
            json!({"Name": "web", "IPAM": {"Config": {"Subnet": "10.0.0.0/24"}}}),
            json!({"Name": "web", "ConfigFrom": "other"}),
        ] {
            assert_eq!(read(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn an_endpoint_says_the_same_in_docker_s_shape_and_in_ours() {
        let asked = EndpointAsked {
            ipv4: Some("10.9.0.7".into()),
            mac: Some("02:00:00:00:00:07".into()),
            aliases: vec!["db".into()],
            links: vec!["a:b".into()],
            priority: 5,
            options: [("k".to_owned(), "v".to_owned())].into(),
            ..EndpointAsked::default()
        };
        let docker = serde_json::to_value(EndpointSettings::from(asked.clone())).expect("plain data");
        let expected = json!({
            "IPAMConfig": {"IPv4Address": "10.9.0.7"}, "Aliases": ["db"], "Links": ["a:b"], "DriverOpts": {"k": "v"},
            "GwPriority": 5, "MacAddress": "02:00:00:00:00:07"
        });
        assert_eq!(docker, expected);
        let back: EndpointSettings = serde_json::from_value(docker).expect("our own");
        assert_eq!(EndpointAsked::from(back), asked);
    }
}
