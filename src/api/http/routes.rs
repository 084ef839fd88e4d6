//! The table of routes.

use crate::api::http::route::Route;
use crate::api::http::{endpoints, fdb, frames, networks, ports, sandboxes, streams, switches, system};
use crate::api::types::{
    CaptureQuery, Counters, DeleteQuery, Diagnosis, EndpointCreate, EndpointInfo, EndpointJoin, EndpointLeave, EndpointMade,
    EndpointQuery, FdbAdd, FdbEntry, FdbFlush, FdbFlushed, FdbKey, Info, NetworkConnect, NetworkConnected, NetworkCreate,
    NetworkDisconnect, NetworkInfo, NetworkMade, NetworkQuery, NetworkUpdate, NetworksPruned, PortAdd, PortChange, PortInfo,
    PortQuery, Reloaded, ResetDone, SandboxCreate, SandboxInfo, SandboxMade, SwitchChange, SwitchCreate, SwitchInfo,
    TraceAnswer, TraceRequest,
};
use axum::routing::{delete, get, patch, post};
use utoipa::openapi::path::HttpMethod::{Delete, Get, Patch, Post};

/// Every route.
pub(super) fn table() -> Vec<Route> {
    let data_plane = [switch_routes(), port_routes(), fdb_routes(), frame_routes()];
    let model = [network_routes(), endpoint_routes(), sandbox_routes()];
    data_plane.into_iter().chain(model).chain([system_routes()]).flatten().collect()
}

fn switch_routes() -> Vec<Route> {
    const ALL: &str = "/v1/switches";
    const ONE: &str = "/v1/switches/{switch}";
    vec![
        Route::new(Get, ALL, "list_switches", "All switches", get(switches::list)).lists::<SwitchInfo>(),
        Route::new(Post, ALL, "create_switch", "Make a switch", post(switches::create))
            .takes::<SwitchCreate>()
            .gives::<SwitchInfo>(201),
        Route::new(Get, ONE, "show_switch", "One switch", get(switches::show)).gives::<SwitchInfo>(200),
        Route::new(Patch, ONE, "set_switch", "Change a switch", patch(switches::set))
            .takes::<SwitchChange>()
            .gives::<SwitchInfo>(200),
        Route::new(Delete, ONE, "delete_switch", "Delete a switch with its ports", delete(switches::delete)),
    ]
}

fn port_routes() -> Vec<Route> {
    const ALL: &str = "/v1/switches/{switch}/ports";
    const ONE: &str = "/v1/switches/{switch}/ports/{port}";
    vec![
        Route::new(Get, ALL, "list_ports", "A switch's ports", get(ports::list)).lists::<PortInfo>(),
        Route::new(Post, ALL, "add_port", "Plug a link into a switch", post(ports::add))
            .takes::<PortAdd>()
            .gives::<PortInfo>(201),
        Route::new(Get, ONE, "show_port", "One port", get(ports::show)).gives::<PortInfo>(200),
        Route::new(Patch, ONE, "set_port", "Change a port", patch(ports::set)).takes::<PortChange>().gives::<PortInfo>(200),
        Route::new(Delete, ONE, "delete_port", "Unplug a port", delete(ports::delete)),
    ]
}

fn fdb_routes() -> Vec<Route> {
    const ALL: &str = "/v1/switches/{switch}/fdb";
    const ONE: &str = "/v1/switches/{switch}/fdb/{mac}";
    vec![
        Route::new(Get, ALL, "show_fdb", "The addresses that a switch knows", get(fdb::show)).lists::<FdbEntry>(),
        Route::new(Post, ALL, "add_fdb_entry", "Set an address by hand", post(fdb::add)).takes::<FdbAdd>(),
        Route::new(Delete, ALL, "flush_fdb", "Forget what was learned", delete(fdb::flush))
            .query::<FdbFlush>()
            .gives::<FdbFlushed>(200),
        Route::new(Delete, ONE, "delete_fdb_entry", "Forget an address", delete(fdb::delete)).query::<FdbKey>(),
    ]
}

fn frame_routes() -> Vec<Route> {
    const COUNTERS: &str = "/v1/switches/{switch}/counters";
    const TRACE: &str = "/v1/switches/{switch}/trace";
    vec![
        Route::new(Get, COUNTERS, "show_counters", "Frames, bytes, and drops by reason", get(frames::counters))
            .query::<PortQuery>()
            .gives::<Counters>(200),
        Route::new(Post, TRACE, "trace_frame", "What would happen to a frame", post(frames::trace))
            .takes::<TraceRequest>()
            .gives::<TraceAnswer>(200),
        Route::new(Get, "/v1/capture", "capture", "Frames as they pass: pcapng, or a line each", get(streams::capture))
            .query::<CaptureQuery>()
            .writes("application/x-pcapng"),
        Route::new(Delete, "/v1/capture/{capture}", "end_capture", "End a capture in good order", delete(streams::end_capture)),
        Route::new(Get, "/v1/events", "events", "Changes as they happen: a line of JSON each", get(streams::events))
            .writes("application/jsonl"),
        Route::new(Get, "/metrics", "metrics", "Counters for Prometheus", get(frames::metrics)).writes("text/plain"),
    ]
}

fn network_routes() -> Vec<Route> {
    const ALL: &str = "/v1/networks";
    const ONE: &str = "/v1/networks/{network}";
    const CONNECT: &str = "/v1/networks/{network}/connect";
    const DISCONNECT: &str = "/v1/networks/{network}/disconnect";
    const PRUNE: &str = "/v1/networks/prune";
    const DOCTOR: &str = "/v1/networks/{network}/doctor";
    vec![
        Route::new(Get, ALL, "list_networks", "All networks, or those that filters take", get(networks::list))
            .query::<NetworkQuery>()
            .lists::<NetworkInfo>(),
        Route::new(Post, ALL, "create_network", "Make a network", post(networks::create))
            .takes::<NetworkCreate>()
            .gives::<NetworkMade>(201),
        Route::new(Post, PRUNE, "prune_networks", "Delete the networks that nobody uses", networks::prune_or_named())
            .query::<NetworkQuery>()
            .gives::<NetworksPruned>(200),
        Route::new(Get, ONE, "show_network", "One network", get(networks::show)).gives::<NetworkInfo>(200),
        Route::new(Patch, ONE, "update_network", "Change a network", patch(networks::update))
            .takes::<NetworkUpdate>()
            .gives::<NetworkInfo>(200),
        Route::new(Delete, ONE, "delete_network", "Delete a network that nobody uses", delete(networks::delete)),
        Route::new(Get, DOCTOR, "diagnose_network", "What is wrong with a network, and where", get(networks::diagnose))
            .gives::<Diagnosis>(200),
        Route::new(Post, CONNECT, "connect", "Take a sandbox into a network", post(networks::connect))
            .takes::<NetworkConnect>()
            .gives::<NetworkConnected>(200),
        Route::new(Post, DISCONNECT, "disconnect", "Take a sandbox out of a network", post(networks::disconnect))
            .takes::<NetworkDisconnect>(),
    ]
}

fn endpoint_routes() -> Vec<Route> {
    const ALL: &str = "/v1/endpoints";
    const ONE: &str = "/v1/endpoints/{endpoint}";
    const JOIN: &str = "/v1/endpoints/{endpoint}/join";
    const LEAVE: &str = "/v1/endpoints/{endpoint}/leave";
    vec![
        Route::new(Get, ALL, "list_endpoints", "All endpoints, or those of a network", get(endpoints::list))
            .query::<EndpointQuery>()
            .lists::<EndpointInfo>(),
        Route::new(Post, ALL, "create_endpoint", "Make an endpoint", post(endpoints::create))
            .takes::<EndpointCreate>()
            .gives::<EndpointMade>(201),
        Route::new(Get, ONE, "show_endpoint", "One endpoint", get(endpoints::show)).gives::<EndpointInfo>(200),
        Route::new(Delete, ONE, "delete_endpoint", "Delete an endpoint", delete(endpoints::delete)).query::<DeleteQuery>(),
        Route::new(Post, JOIN, "join_endpoint", "Give a sandbox an endpoint", post(endpoints::join)).takes::<EndpointJoin>(),
        Route::new(Post, LEAVE, "leave_endpoint", "Take an endpoint from its sandbox", post(endpoints::leave))
            .takes::<EndpointLeave>(),
    ]
}

fn sandbox_routes() -> Vec<Route> {
    const ALL: &str = "/v1/sandboxes";
    const ONE: &str = "/v1/sandboxes/{sandbox}";
    vec![
        Route::new(Get, ALL, "list_sandboxes", "All sandboxes", get(sandboxes::list)).lists::<SandboxInfo>(),
        Route::new(Post, ALL, "create_sandbox", "Make a sandbox on its networks", post(sandboxes::create))
            .takes::<SandboxCreate>()
            .gives::<SandboxMade>(201),
        Route::new(Get, ONE, "show_sandbox", "One sandbox", get(sandboxes::show)).gives::<SandboxInfo>(200),
        Route::new(Delete, ONE, "delete_sandbox", "Delete a sandbox with its endpoints", delete(sandboxes::delete))
            .query::<DeleteQuery>(),
    ]
}

fn system_routes() -> Vec<Route> {
    vec![
        Route::new(Get, "/v1/info", "info", "The daemon, and what this kernel offers", get(system::info)).gives::<Info>(200),
        Route::new(Get, "/v1/config", "show_config", "The running state as TOML", get(system::config))
            .writes("application/toml"),
        Route::new(Post, "/v1/config/reload", "reload_config", "Read the configuration file again", post(system::reload))
            .gives::<Reloaded>(200),
        Route::new(Post, "/v1/system/reset", "reset", "Remove everything of ours from this host", post(system::reset))
            .gives::<ResetDone>(200),
        Route::new(Get, "/v1/openapi.json", "describe", "This description", get(system::openapi)).writes("application/json"),
    ]
}
