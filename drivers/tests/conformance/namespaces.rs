//! Namespaces: made, listed, deleted, held.

use lanloom_drivers::kernel::{LinkKind, Netns, Why};

use super::bench::{Bench, eventually, if_name, names, netns_name, veth};

pub(crate) async fn a_namespace_has_lo_up_and_is_listed(bench: &Bench) {
    let netns = bench.netns("a").await;
    assert_eq!(netns, Netns::At(bench.dir.join("a")));
    assert_eq!(bench.kernel.netns("a").expect("a valid name"), netns);
    bench.netns("b").await;
    assert_eq!(bench.kernel.list_netns().await.expect("names"), ["a", "b"]);
    assert!(bench.kernel.netns_exists(&netns).await.expect("an answer"));
    let lo = bench.kernel.link(&netns, &if_name("lo")).await.expect("lo");
    assert!(lo.up && lo.carrier, "{lo:?}");
    assert_eq!((lo.kind, lo.index), (LinkKind::Loopback, 1));
    assert_eq!(names(&*bench.kernel, &netns).await, ["lo"]);
}

pub(crate) async fn a_namespace_that_exists_is_not_made_again(bench: &Bench) {
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    let error = bench.kernel.create_netns(&netns_name("a")).await.expect_err("taken");
    assert_eq!(error.why(), &Why::Exists, "{error}");
    assert_eq!(names(&*bench.kernel, &netns).await.len(), 3, "it is still the first one");
}

pub(crate) async fn a_deleted_namespace_is_gone_with_what_was_in_it(bench: &Bench) {
    let (gone, stays) = (bench.netns("gone").await, bench.netns("stays").await);
    bench.kernel.create_veth(&veth(&gone, &stays)).await.expect("a veth");
    // Every operation that enters a namespace, for one of them might keep it.
    let e0 = if_name("e0");
    bench.kernel.list_links(&gone).await.expect("interfaces");
    bench.kernel.foreign_offloads(&gone, &e0).await.expect("offloads");
    bench.kernel.create_address(&gone, &e0, "10.0.0.1/24".parse().expect("an address")).await.expect("an address");
    bench.kernel.list_routes(&gone).await.expect("routes");
    let occupants = bench.kernel.delete_netns(&gone).await.expect("deleted");
    assert_eq!(occupants, []);
    assert!(!bench.kernel.netns_exists(&gone).await.expect("an answer"));
    assert_eq!(bench.kernel.list_netns().await.expect("names"), ["stays"]);
    let error = bench.kernel.list_links(&gone).await.expect_err("it is gone");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
    // The peer goes when the namespace itself does, not when its file does: nobody of us holds it.
    eventually("the other end is gone", async || names(&*bench.kernel, &stays).await == ["lo"]).await;
}

pub(crate) async fn what_is_no_namespace_cannot_be_deleted(bench: &Bench) {
    let absent = bench.kernel.netns("absent").expect("a valid name");
    let error = bench.kernel.delete_netns(&absent).await.expect_err("not there");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
    let error = bench.kernel.delete_netns(&Netns::Daemon).await.expect_err("not to be deleted");
    assert!(matches!(error.why(), Why::InvalidValue(_)), "{error}");
    assert_eq!(bench.kernel.list_netns().await.expect("an absent directory is empty"), Vec::<String>::new());
}

pub(crate) async fn plumbing_without_a_path_lives_as_long_as_its_holder(bench: &Bench) {
    let netns = bench.netns("a").await;
    let plumbing = bench.kernel.open_plumbing(None).await.expect("plumbing");
    let lo = bench.kernel.link(&plumbing, &if_name("lo")).await.expect("lo");
    assert!(!lo.up, "nothing is up there");
    bench.kernel.create_veth(&veth(&netns, &plumbing)).await.expect("a veth");
    assert_eq!(names(&*bench.kernel, &plumbing).await, ["lo", "p0"]);
    drop(bench.kernel.link(&plumbing, &if_name("p0")).await.expect("the peer"));
    let other = plumbing.clone();
    drop(plumbing);
    assert_eq!(names(&*bench.kernel, &other).await, ["lo", "p0"], "a clone holds it too");
    drop(other);
    eventually("the veth is gone", async || names(&*bench.kernel, &netns).await == ["lo"]).await;
}

pub(crate) async fn plumbing_at_a_path_is_adopted_as_it_is(bench: &Bench) {
    let (netns, path) = (bench.netns("a").await, bench.dir.join("plumbing"));
    let plumbing = bench.kernel.open_plumbing(Some(&path)).await.expect("plumbing");
    assert_eq!(plumbing, Netns::At(path.clone()));
    bench.kernel.create_veth(&veth(&netns, &plumbing)).await.expect("a veth");
    let again = bench.kernel.open_plumbing(Some(&path)).await.expect("the same plumbing");
    assert_eq!(again, plumbing);
    assert_eq!(names(&*bench.kernel, &again).await, ["lo", "p0"]);
    bench.kernel.delete_netns(&plumbing).await.expect("deleted");
    eventually("the veth is gone", async || names(&*bench.kernel, &netns).await == ["lo"]).await;
}
