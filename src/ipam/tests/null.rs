//! Networks without addresses.

use super::*;

fn null() -> Driver {
    Driver::named("null", Defaults::for_host(b"test")).unwrap()
}

#[test]
fn the_null_driver_gives_every_network_the_same_pool_and_no_address() {
    let mut null = null();
    let pool = null.request_pool(&PoolAsk::any(Family::V4)).unwrap();
    assert_eq!((null.name(), null.address_space(), pool.subnet), ("null", "null", net("0.0.0.0/0")));
    assert_eq!(null.request_pool(&PoolAsk::any(Family::V4)), Ok(pool.clone()));
    assert_eq!(null.request_address(&pool.id, &AddressAsk::gateway("web", None)), Ok(None));
    assert_eq!(null.request_from(std::slice::from_ref(&pool.id), &AddressAsk::endpoint("a")), Ok(None));
    assert_eq!(null.release_address(&pool.id, ip("10.0.0.1")), None);
    assert_eq!((null.usage(&pool.id), null.release_pool(&pool.id)), (None, None));
}

#[test]
fn the_null_driver_refuses_what_it_cannot_give() {
    let mut null = null();
    let specific = null.request_pool(&PoolAsk::subnet(net("10.0.0.0/24"))).unwrap_err();
    assert_eq!(specific.to_string(), "null ipam driver does not handle specific address pool requests: 10.0.0.0/24");
    let v6 = null.request_pool(&PoolAsk::any(Family::V6)).unwrap_err();
    assert_eq!(v6.to_string(), "null ipam driver does not handle IPv6 address pool requests");
    assert!([specific.hint(), v6.hint()].iter().all(|hint| hint.contains("default IPAM driver")));
    let pool = null.request_pool(&PoolAsk::any(Family::V4)).unwrap().id;
    let address = null.request_address(&pool, &AddressAsk::endpoint("a").at(ip("10.0.0.1"))).unwrap_err();
    assert_eq!(address.to_string(), "null ipam driver gives no addresses: 10.0.0.1");
    let other: PoolId = "10.0.0.0/24".parse().unwrap();
    assert_eq!(
        null.request_from(std::slice::from_ref(&other), &AddressAsk::endpoint("a")),
        Err(AddressError::NoSuchPool(other))
    );
}

#[test]
fn drivers_go_by_their_names() {
    let named = |name: &str| Driver::named(name, Defaults::for_host(b"test")).map(|driver| driver.name());
    assert_eq!(Driver::NAMES.map(named), Driver::NAMES.map(Some));
    assert_eq!((named(""), named("dhcp")), (Some("default"), None));
}

#[test]
fn the_default_driver_answers_as_the_allocator_does() {
    let mut driver = Driver::named("default", Defaults::for_host(b"test")).unwrap();
    assert_eq!(driver.address_space(), "LocalDefault");
    let pool = driver.request_pool(&PoolAsk::any(Family::V4)).unwrap().id;
    let ask = AddressAsk::endpoint("a");
    assert_eq!(driver.request_address(&pool, &ask), Ok(Some(net("172.17.0.1/16"))));
    assert_eq!(driver.request_from(std::slice::from_ref(&pool), &ask), Ok(Some((pool.clone(), net("172.17.0.1/16")))));
    assert_eq!(driver.usage(&pool).map(|usage| usage.in_use), Some(3));
    assert!(driver.release_address(&pool, ip("172.17.0.1")).is_some());
    assert_eq!(driver.release_pool(&pool), Some(Vec::new()));
}
