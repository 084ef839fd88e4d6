//! Networks without addresses.

use super::*;

#[test]
fn the_null_driver_gives_every_network_the_same_pool() {
    let given = [(); 2].map(|()| Null.request_pool(&PoolAsk::any(Family::V4)).map(|pool| pool.subnet));
    assert_eq!(given, [Ok(net("0.0.0.0/0")), Ok(net("0.0.0.0/0"))]);
}

#[test]
fn the_null_driver_refuses_what_it_cannot_give() {
    let specific = Null.request_pool(&PoolAsk::subnet(net("10.0.0.0/24"))).unwrap_err();
    assert_eq!(specific.to_string(), "null ipam driver does not handle specific address pool requests: 10.0.0.0/24");
    let v6 = Null.request_pool(&PoolAsk::any(Family::V6)).unwrap_err();
    assert_eq!(v6.to_string(), "null ipam driver does not handle IPv6 address pool requests");
    assert!([specific.hint(), v6.hint()].iter().all(|hint| hint.contains("default IPAM driver")));
}
