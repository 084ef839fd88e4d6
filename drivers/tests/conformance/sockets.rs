//! Sockets inside a namespace.

use std::io::ErrorKind;
use std::net::SocketAddr;

use lanloom_drivers::kernel::Why;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::bench::Bench;

fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) async fn sockets_inside_neither_block_nor_are_inherited(bench: &Bench) {
    let netns = bench.netns("a").await;
    let listening = bench.kernel.listen(&netns, any(), any()).await.expect("listening");
    let upstream = bench.kernel.open_udp(&netns, any()).await.expect("a socket");
    for udp in [&listening.udp, &upstream] {
        assert_eq!(udp.recv(&mut [0; 9]).expect_err("nothing came").kind(), ErrorKind::WouldBlock);
        assert_eq!(fcntl(udp, FcntlArg::F_GETFD), Ok(FdFlag::FD_CLOEXEC.bits()));
    }
    assert_eq!(listening.tcp.accept().expect_err("nobody came").kind(), ErrorKind::WouldBlock);
    assert_eq!(fcntl(&listening.tcp, FcntlArg::F_GETFD), Ok(FdFlag::FD_CLOEXEC.bits()));
    assert_ne!(listening.udp.local_addr().expect("bound").port(), 0);
    assert_ne!(listening.tcp.local_addr().expect("bound").port(), 0);
}

pub(crate) async fn sockets_need_a_namespace(bench: &Bench) {
    let absent = bench.kernel.netns("absent").expect("a valid name");
    let error = bench.kernel.listen(&absent, any(), any()).await.expect_err("no namespace");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
    let error = bench.kernel.open_udp(&absent, any()).await.expect_err("no namespace");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
}
