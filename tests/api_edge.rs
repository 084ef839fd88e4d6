//! The API's edge: whatever comes in, the answer is one refusal in one shape, and others are served meanwhile.

#[path = "support/api.rs"]
mod api;

use api::{Server, connect};
use lanloom::api::http::description;
use lanloom::api::http::server::Limits;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

#[test]
fn the_committed_description_is_the_one_served() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(path, description()).expect("written");
    }
    let committed = std::fs::read_to_string(path).expect("docs/openapi.json");
    assert!(committed == description(), "docs/openapi.json is out of date: run `UPDATE_OPENAPI=1 cargo test --test api_edge`");
    let server = Server::start(Limits::default());
    assert_eq!(server.ask("GET", "/v1/openapi.json", "").body, committed);
}

#[test]
fn every_reference_of_the_description_leads_somewhere() {
    let description: serde_json::Value = serde_json::from_str(&description()).expect("JSON");
    let text = description.to_string();
    let names: Vec<&str> = text.split("#/components/schemas/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(description["components"]["schemas"][name].is_object(), "{name} is not described");
    }
}

#[test]
fn what_does_not_exist_is_404_and_a_wrong_method_405_in_the_one_shape() {
    let server = Server::start(Limits::default());
    for target in
        ["/", "/v1", "/v1/nothing", "/v1/switches/", "/v1/switches/s1/ports/p1/x", "//v1/info", "/v1/switches/../info"]
    {
        server.ask("GET", target, "").assert_refused(404);
    }
    server.ask("PUT", "/v1/switches", "{}").assert_refused(405);
    server.ask("POST", "/v1/info", "").assert_refused(405);
}

#[test]
fn names_that_could_leave_their_place_are_400_wherever_they_come_in() {
    let server = Server::start(Limits::default());
    let long = "x".repeat(64);
    for name in ["..", ".", "a%2Fb", "a%00b", "a%1b%5b2J", "%ff%fe", "-x", "gr%C3%B6%C3%9Fe", long.as_str()] {
        server.ask("GET", &format!("/v1/switches/{name}"), "").assert_refused(400);
        server.ask("DELETE", &format!("/v1/switches/s1/ports/{name}"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/switches/{name}/fdb"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/switches/{name}/counters"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/capture?switch={name}"), "").assert_refused(400);
        server.ask("DELETE", &format!("/v1/switches/s1/fdb?port={name}"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/networks/{name}"), "").assert_refused(400);
        server.ask("DELETE", &format!("/v1/networks/{name}"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/sandboxes/{name}"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/endpoints/web%2F{name}"), "").assert_refused(400);
        server.ask("GET", &format!("/v1/endpoints?network={name}"), "").assert_refused(400);
    }
    for name in ["", "..", "a/b", "a\\u0000b", "a\\u001b[2J", "a b", long.as_str()] {
        server.ask("POST", "/v1/switches", &format!("{{\"name\":\"{name}\"}}")).assert_refused(400);
        let port = format!("{{\"url\":\"tap://t0\",\"name\":\"{name}\"}}");
        server.ask("POST", "/v1/switches/s1/ports", &port).assert_refused(400);
        let entry = format!("{{\"mac\":\"02:00:00:00:00:0a\",\"port\":\"{name}\"}}");
        server.ask("POST", "/v1/switches/s1/fdb", &entry).assert_refused(400);
        server.ask("POST", "/v1/networks", &format!("{{\"Name\":\"{name}\"}}")).assert_refused(400);
        server.ask("POST", "/v1/networks/web/connect", &format!("{{\"Container\":\"{name}\"}}")).assert_refused(400);
        server.ask("POST", "/v1/networks/web/disconnect", &format!("{{\"Container\":\"{name}\"}}")).assert_refused(400);
        server.ask("POST", "/v1/sandboxes", &format!("{{\"name\":\"{name}\"}}")).assert_refused(400);
        let on = format!("{{\"name\":\"x\",\"networks\":[{{\"network\":\"{name}\"}}]}}");
        server.ask("POST", "/v1/sandboxes", &on).assert_refused(400);
        let endpoint = format!("{{\"name\":\"{name}\",\"network\":\"web\"}}");
        server.ask("POST", "/v1/endpoints", &endpoint).assert_refused(400);
        server.ask("POST", "/v1/endpoints/web%2Ffree/join", &format!("{{\"sandbox\":\"{name}\"}}")).assert_refused(400);
    }
}

#[test]
fn bodies_and_queries_that_say_something_else_are_400() {
    let server = Server::start(Limits::default());
    let nested = "[".repeat(10_000);
    for body in ["", "{", "[]", "null", "{\"name\":1}", "{\"name\":\"s1\",\"colour\":\"red\"}", "\u{0}", nested.as_str()] {
        server.ask("POST", "/v1/switches", body).assert_refused(400);
        server.ask("PATCH", "/v1/switches/s1", &format!("{body}x")).assert_refused(400);
    }
    for url in [
        "",
        "tap://",
        "tap://a/b",
        "file:///etc/passwd",
        "tap://t0?netns=../x",
        "tap://t0?colour=red",
        "veth://v0",
        "memory://m0",
    ] {
        server.ask("POST", "/v1/switches/s1/ports", &format!("{{\"url\":\"{url}\"}}")).assert_refused(400);
    }
    for query in ["", "?switch=s1&count=x", "?switch=s1&format=gif", "?colour=red", "?switch=s1&switch=s2"] {
        server.ask("GET", &format!("/v1/capture{query}"), "").assert_refused(400);
    }
    server.ask("DELETE", "/v1/capture/x", "").assert_refused(400);
    server.ask("DELETE", "/v1/capture/7", "").assert_refused(404);
    for body in ["{\"port\":\"p1\",\"frame\":\"arp\",\"segment_size\":9}", "{\"port\":\"p1\",\"frame\":\"arp\",\"len\":-1}"] {
        server.ask("POST", "/v1/switches/s1/trace", body).assert_refused(400);
    }
    for entry in ["{\"mac\":\"nonsense\",\"port\":\"p1\"}", "{\"mac\":\"02:00:00:00:00:0a\",\"port\":\"p1\",\"vid\":4095}"] {
        server.ask("POST", "/v1/switches/s1/fdb", entry).assert_refused(400);
    }
}

#[test]
fn neither_a_content_type_nor_a_host_is_needed() {
    let server = Server::start(Limits::default());
    let answer = server.raw(b"GET /v1/switches HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let switches = answer.json();
    assert!(switches.as_array().is_some_and(|all| all.iter().any(|switch| switch["name"] == "s1")), "{switches}");
    let body = "{\"name\":\"a/b\"}";
    let post =
        format!("POST /v1/switches HTTP/1.1\r\nHost:\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    server.raw(post.as_bytes()).assert_refused(400);
}

#[test]
fn a_body_over_a_mebibyte_is_refused_whether_its_length_is_said_or_not() {
    let server = Server::start(Limits::default());
    server.ask("POST", "/v1/switches", &"x".repeat((1 << 20) + 1)).assert_refused(413);
    let mut chunked =
        b"POST /v1/switches HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".to_vec();
    for _ in 0..17 {
        chunked.extend(b"10000\r\n");
        chunked.extend(std::iter::repeat_n(b'x', 0x10000));
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    server.raw(&chunked).assert_refused(413);
}

#[test]
fn callers_that_never_finish_a_request_neither_stop_others_nor_stay() {
    let server = Server::start(Limits { head: Duration::from_secs(2), ..Limits::default() });
    let mut slow: Vec<_> = (0..300).map(|_| connect(&server.socket())).collect();
    let start = Instant::now();
    for stream in &mut slow {
        stream.write_all(b"GET /v1/info HT").expect("taken");
    }
    for _ in 0..20 {
        assert_eq!(server.ask("GET", "/v1/switches", "").status, 200);
    }
    let mut rest = Vec::new();
    let closed = slow.iter_mut().map(|stream| stream.read_to_end(&mut rest)).filter(Result::is_ok).count();
    assert_eq!(closed, 300, "all are closed, after {:?}", start.elapsed());
}

#[test]
fn more_callers_than_the_limit_wait_and_are_then_answered() {
    let server = Server::start(Limits { connections: 4, head: Duration::from_secs(1), ..Limits::default() });
    let idle: Vec<_> = (0..4).map(|_| connect(&server.socket())).collect();
    assert_eq!(server.ask("GET", "/v1/switches", "").status, 200, "when one of {} idle ones was closed", idle.len());
}

#[test]
fn networks_that_say_something_else_than_docker_would_are_400() {
    let server = Server::start(Limits::default());
    for body in [
        "",
        "[]",
        "{}",
        "{\"Name\":7}",
        "{\"Name\":\"x\",\"Internal\":\"yes\"}",
        "{\"Name\":\"x\",\"Labels\":[]}",
        "{\"Name\":\"x\",\"Ingress\":true}",
        "{\"Name\":\"x\",\"Scope\":\"swarm\"}",
        "{\"Name\":\"x\",\"Driver\":\"no-such\"}",
        "{\"Name\":\"x\",\"IPAM\":{\"Config\":[{\"Subnet\":\"10.0.0.0\"}]}}",
        "{\"Name\":\"x\",\"IPAM\":{\"Config\":[{\"Subnet\":\"10.77.0.0/24\",\"Gateway\":\"router\"}]}}",
    ] {
        let answer = server.ask("POST", "/v1/networks", body);
        assert!([400, 404].contains(&answer.status), "{body}: {} {}", answer.status, answer.body);
        answer.assert_refused(answer.status);
    }
    for filters in ["x", "%7B%22colour%22%3A%5B%22red%22%5D%7D", "%7B%22scope%22%3A%5B%22moon%22%5D%7D"] {
        server.ask("GET", &format!("/v1/networks?filters={filters}"), "").assert_refused(400);
        server.ask("POST", &format!("/v1/networks/prune?filters={filters}"), "").assert_refused(400);
    }
    for body in ["{\"name\":\"x\",\"netns\":\"blue\"}", "{\"name\":\"x\",\"dns\":[\"y\"]}", "{\"name\":\"x\",\"colour\":1}"] {
        server.ask("POST", "/v1/sandboxes", body).assert_refused(400);
    }
    server.ask("DELETE", "/v1/sandboxes/one?force=perhaps", "").assert_refused(400);
    server.ask("PATCH", "/v1/networks/web", "{\"Colour\":\"red\"}").assert_refused(400);
}

#[test]
fn a_network_is_made_found_changed_and_deleted_as_docker_s_clients_do_it() {
    let server = Server::start(Limits::default());
    let asked = "{\"Name\":\"shop\",\"CheckDuplicate\":true,\"Driver\":\"bridge\",\"Labels\":{\"tier\":\"front\"},\
                 \"IPAM\":{\"Config\":[{\"Subnet\":\"10.77.0.0/24\",\"IPRange\":\"\"}]}}";
    let made = server.ask("POST", "/v1/networks", asked);
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["Id"].as_str().expect("an id").to_owned();
    server.ask("POST", "/v1/networks", asked).assert_refused(409);
    for text in ["shop", &id, &id[..12]] {
        let shown = server.ask("GET", &format!("/v1/networks/{text}?verbose=true"), "").json();
        assert_eq!((&shown["Id"], &shown["IPAM"]["Config"][0]["Subnet"]), (&id.clone().into(), &"10.77.0.0/24".into()));
    }
    let found = server.ask("GET", "/v1/networks?filters=%7B%22label%22%3A%7B%22tier%3Dfront%22%3Atrue%7D%7D", "").json();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["Name"]), (Some(1), &"shop".into()), "{found}");
    let changed = server.ask("PATCH", "/v1/networks/shop", "{\"LabelAdd\":{\"a\":\"b\"},\"LabelRm\":[\"tier\"]}").json();
    assert_eq!(changed["Labels"], serde_json::json!({"a": "b"}));
    assert_eq!(server.ask("DELETE", "/v1/networks/shop", "").status, 204);
    server.ask("GET", "/v1/networks/shop", "").assert_refused(404);
}

#[test]
fn a_sandbox_is_connected_and_disconnected_and_its_network_kept_meanwhile() {
    let server = Server::start(Limits::default());
    let connected =
        server.ask("POST", "/v1/networks/back/connect", "{\"Container\":\"one\",\"EndpointConfig\":{\"Links\":null}}");
    assert_eq!(connected.status, 200, "{}", connected.body);
    let endpoint = connected.json()["EndpointID"].as_str().expect("an id").to_owned();
    let network = server.ask("GET", "/v1/networks/back", "").json();
    let members = network["Containers"].as_object().expect("an object");
    assert_eq!(members.values().map(|member| &member["EndpointID"]).collect::<Vec<_>>(), [&endpoint]);
    server.ask("POST", "/v1/networks/back/connect", "{\"Container\":\"one\"}").assert_refused(409);
    server.ask("DELETE", "/v1/networks/back", "").assert_refused(409);
    let pruned = server.ask("POST", "/v1/networks/prune", "").json();
    assert_eq!(pruned, serde_json::json!({"NetworksDeleted": []}));
    assert_eq!(server.ask("POST", "/v1/networks/back/disconnect", "{\"Container\":\"one\"}").status, 204);
    server.ask("GET", &format!("/v1/endpoints/{endpoint}"), "").assert_refused(404);
    let pruned = server.ask("POST", "/v1/networks/prune", "").json();
    assert_eq!(pruned, serde_json::json!({"NetworksDeleted": ["back"]}));
}

#[test]
fn an_endpoint_goes_by_its_network_s_name_and_its_own_from_its_making_to_its_end() {
    let server = Server::start(Limits::default());
    let made = server.ask("POST", "/v1/endpoints", "{\"name\":\"e\",\"network\":\"web\",\"endpoint\":{\"aliases\":[\"db\"]}}");
    assert_eq!(made.status, 201, "{}", made.body);
    let shown = server.ask("GET", "/v1/endpoints/back%2Fe", "");
    shown.assert_refused(404);
    let shown = server.ask("GET", "/v1/endpoints/web%2Fe", "").json();
    assert_eq!((&shown["id"], &shown["state"]), (&made.json()["id"], &"free".into()), "{shown}");
    let all = server.ask("GET", "/v1/endpoints?network=web", "").json();
    assert!(all.as_array().is_some_and(|all| all.iter().any(|endpoint| endpoint["name"] == "e")), "{all}");
    let made = server.ask("POST", "/v1/sandboxes", "{\"name\":\"third\"}");
    assert_eq!(made.status, 201, "{}", made.body);
    let joined = server.ask("POST", "/v1/endpoints/web%2Fe/join", "{\"sandbox\":\"third\"}");
    assert_eq!(joined.status, 204, "{}", joined.body);
    let shown = server.ask("GET", "/v1/sandboxes/third", "").json();
    assert_eq!((&shown["endpoints"][0]["name"], &shown["endpoints"][0]["state"]), (&"e".into(), &"joined".into()), "{shown}");
    assert_eq!(server.ask("POST", "/v1/endpoints/web%2Fe/leave", "").status, 204);
    assert_eq!(server.ask("DELETE", "/v1/sandboxes/third?force=true", "").status, 204);
    server.ask("GET", "/v1/sandboxes/third", "").assert_refused(404);
}

#[test]
fn a_network_may_be_called_prune() {
    let server = Server::start(Limits::default());
    assert_eq!(server.ask("POST", "/v1/networks", "{\"Name\":\"prune\",\"ConfigOnly\":true}").status, 201);
    assert_eq!(server.ask("GET", "/v1/networks/prune", "").json()["Name"], "prune");
    assert_eq!(server.ask("DELETE", "/v1/networks/prune", "").status, 204);
}
