//! Where this host is in the underlay, and what that carries.

use lanloom_drivers::driver::{Driver, DriverErrorKind};
use lanloom_drivers::kernel::{Kernel, LinkChange, Netns};

use super::{Bench, MTU, PEERS, UNDER, endpoint, if_name, ip, large, net, v4};

#[tokio::test]
async fn its_address_is_the_option_s_then_the_daemon_s_then_the_file_s_then_the_kernel_s() {
    let local = async |underlay: Option<&str>, file: Option<&str>, options: &[(&str, &str)]| {
        let bench = Bench::with(underlay).await;
        for address in ["192.0.2.11/24", "192.0.2.12/24", "192.0.2.13/24"] {
            bench.kernel.create_address(&Netns::Daemon, &if_name(UNDER), net(address)).await.expect("an address");
        }
        let file = file.map(|address| ("underlay".to_owned(), address.to_owned()));
        bench.driver.config(&file.into_iter().collect()).expect("configured");
        let network = v4(1, options);
        bench.create(&network).await;
        assert_eq!(
            bench.driver.chosen(&network.id).get("lanloom.local"),
            Some(&bench.tunnels(&network).await[0].path.local.to_string())
        );
        bench.tunnels(&network).await[0].path.local
    };
    let all = (Some("192.0.2.12"), Some("192.0.2.13"));
    assert_eq!(local(all.0, all.1, &[PEERS, ("lanloom.local", "192.0.2.11")]).await, ip("192.0.2.11"));
    assert_eq!(local(all.0, all.1, &[PEERS]).await, ip("192.0.2.12"));
    assert_eq!(local(None, all.1, &[PEERS]).await, ip("192.0.2.13"));
    assert_eq!(local(None, None, &[PEERS]).await, ip("192.0.2.1"));
    assert_eq!(local(None, None, &[("lanloom.peers", "2001:db8::2")]).await, ip("2001:db8::1"));
}

#[tokio::test]
async fn what_cannot_be_in_this_underlay_is_refused() {
    for (options, why) in [
        (vec![("lanloom.peers", "192.0.2.1")], "the peer 192.0.2.1 is this host itself, by under0"),
        (vec![PEERS, ("lanloom.local", "192.0.2.200")], "this host does not have the address 192.0.2.200"),
        (vec![("lanloom.peers", "203.0.113.1")], "no route leads to the peer 203.0.113.1"),
        (vec![("lanloom.peers", "192.0.2.2,203.0.113.1")], "no route leads to the peer 203.0.113.1"),
        (vec![], "it has no peers, and nothing else says which address of this host is to be used"),
        (vec![PEERS, (MTU, "1501")], "is 1501 bytes, and the underlay carries 1500"),
    ] {
        let error = Bench::new().await.refused(&v4(1, &options)).await;
        assert_eq!(error.kind, DriverErrorKind::Invalid, "{error}");
        assert!(error.why.contains(why), "{error}");
    }
    let error = Bench::with(Some("192.0.2.1")).await.refused(&v4(1, &[("lanloom.peers", "2001:db8::2")])).await;
    assert!(error.why.contains("192.0.2.1, and the peer 2001:db8::2 are of different families"), "{error}");
}

#[tokio::test]
async fn endpoints_have_what_the_underlay_leaves() {
    for (peers, underlay, left) in [("192.0.2.2", 1500, 1450), ("2001:db8::2", 1500, 1430), ("192.0.2.2", 9000, 8950)] {
        let bench = Bench::new().await;
        bench.set_underlay(LinkChange { mtu: Some(underlay), ..LinkChange::default() }).await;
        let network = large(1, &[("lanloom.peers", peers)]);
        bench.create(&network).await;
        let (joined, join) = bench.join(&network, &endpoint("a", &["10.1.0.2/24", "fd00:1::2/64"], &[])).await;
        assert_eq!(joined.mtu, Some(left));
        let netns = bench.kernel.netns(&join.netns.expect("a namespace").display().to_string()).expect("a valid path");
        assert_eq!(bench.kernel.link(&netns, &if_name("eth0")).await.map(|link| link.mtu), Ok(left));
        assert_eq!(bench.driver.chosen(&network.id).get(MTU), Some(&underlay.to_string()), "as libnetwork counts");
    }
}

#[tokio::test]
async fn peers_to_whom_less_is_carried_than_endpoints_send_are_refused() {
    let bench = Bench::new().await;
    bench.create(&v4(1, &[PEERS])).await;
    bench.set_underlay(LinkChange { mtu: Some(1400), ..LinkChange::default() }).await;
    let error = bench.driver.update_network(&v4(1, &[("lanloom.peers", "192.0.2.9")])).await.expect_err("too small");
    assert!(error.why.contains("take 1500 bytes") && error.why.contains("it carries 1400"), "{error}");
    assert_eq!(bench.tunnels(&v4(1, &[])).await[0].path.peers.len(), 2, "as before");
}
