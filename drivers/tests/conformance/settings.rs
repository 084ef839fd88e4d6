//! Settings of a namespace.

use lanloom_drivers::kernel::{Netns, SysctlKey, VethSpec, Why};

use super::bench::{Bench, if_name, veth};

pub(crate) fn key(text: &str) -> SysctlKey {
    SysctlKey::new(text).expect("a valid name")
}

fn to(text: &str, value: &str) -> (SysctlKey, String) {
    (key(text), value.to_owned())
}

/// Two namespaces, with `e0` in the first.
async fn places(bench: &Bench) -> (Netns, Netns) {
    let (a, b) = (bench.netns("a").await, bench.netns("b").await);
    bench.kernel.create_veth(&veth(&a, &b)).await.expect("a veth");
    (a, b)
}

pub(crate) async fn a_setting_is_changed_in_its_own_namespace_only(bench: &Bench) {
    let (a, b) = places(bench).await;
    let forwarding = key("net.ipv4.conf.default.forwarding");
    let changes = [to("net.ipv4.conf.default.forwarding", "1"), to("net/ipv4/conf/e0/proxy_arp", "1")];
    bench.kernel.set_sysctl(&a, &changes).await.expect("changed");
    assert_eq!(bench.kernel.sysctl(&a, &forwarding).await, Ok("1".to_owned()));
    assert_eq!(bench.kernel.sysctl(&a, &key("net.ipv4.conf.e0.proxy_arp")).await, Ok("1".to_owned()));
    assert_eq!(bench.kernel.sysctl(&b, &forwarding).await, Ok("0".to_owned()));
}

pub(crate) async fn settings_are_changed_all_or_none(bench: &Bench) {
    let (a, _) = places(bench).await;
    let changes = [to("net.ipv4.conf.e0.forwarding", "1"), to("net.ipv4.conf.absent0.forwarding", "1")];
    let error = bench.kernel.set_sysctl(&a, &changes).await.expect_err("there is no such interface");
    assert_eq!((error.why(), error.also()), (&Why::NoSuchSetting, [].as_slice()), "{error}");
    assert_eq!(bench.kernel.sysctl(&a, &key("net.ipv4.conf.e0.forwarding")).await, Ok("0".to_owned()));
}

pub(crate) async fn a_host_that_begins_to_forward_or_stops_has_all_its_interfaces_do_so_and_those_that_come(bench: &Bench) {
    let (a, b) = places(bench).await;
    let shows = async |names: &[&str], setting: &str, expected: &str| {
        for name in names {
            let key = key(&format!("net.{name}.{setting}"));
            assert_eq!(bench.kernel.sysctl(&a, &key).await, Ok(expected.to_owned()), "{name}");
        }
    };
    let set = async |name: &str, value: &str| bench.kernel.set_sysctl(&a, &[to(name, value)]).await.expect("changed");
    let [v4, v6] =
        [["ipv4.conf.all", "ipv4.conf.default", "ipv4.conf.e0"], ["ipv6.conf.all", "ipv6.conf.default", "ipv6.conf.e0"]];
    set("net.ipv4.ip_forward", "1").await;
    shows(&v4, "forwarding", "1").await;
    shows(&v6, "forwarding", "0").await;
    shows(&["ipv4.conf.all"], "accept_redirects", "0").await;
    shows(&["ipv6.conf.all"], "accept_redirects", "1").await;
    let later = VethSpec { name: if_name("later"), peer_name: if_name("later"), ..veth(&a, &b) };
    bench.kernel.create_veth(&later).await.expect("a veth");
    shows(&["ipv4.conf.later"], "forwarding", "1").await;
    // What is said again changes nothing.
    for (name, value) in [("net.ipv4.conf.e0.forwarding", "0"), ("net.ipv4.ip_forward", "1")] {
        set(name, value).await;
    }
    shows(&["ipv4.conf.e0"], "forwarding", "0").await;
    set("net.ipv6.conf.all.forwarding", "1").await;
    shows(&v6, "forwarding", "1").await;
    for name in ["net.ipv4.conf.all.forwarding", "net.ipv6.conf.all.forwarding"] {
        set(name, "0").await;
    }
    shows(&[v4, v6].concat(), "forwarding", "0").await;
    shows(&["ipv4.conf.all"], "accept_redirects", "1").await;
    shows(&["ipv4"], "ip_forward", "0").await;
}

pub(crate) async fn a_setting_that_is_not_there_is_named(bench: &Bench) {
    let (a, _) = places(bench).await;
    for name in ["net.ipv4.conf.absent0.forwarding", "net.nonsense.at_all"] {
        let error = bench.kernel.sysctl(&a, &key(name)).await.expect_err("not there");
        assert_eq!((error.why(), error.on()), (&Why::NoSuchSetting, name), "{error}");
    }
    let absent = bench.kernel.netns("absent").expect("a valid name");
    let error = bench.kernel.set_sysctl(&absent, &[to("net.ipv4.ip_forward", "1")]).await.expect_err("no namespace");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
    let error = bench.kernel.set_sysctl(&a, &[to("net.ipv4.ip_forward", "1\n0")]).await.expect_err("two lines");
    assert!(matches!(error.why(), Why::InvalidValue(_)), "{error}");
}
