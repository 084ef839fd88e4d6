//! What becomes of a batch when links misbehave, and of a thread when something goes wrong on it.

use super::runtime::{Buffers, SwitchRuntime};
use super::{BATCH, EngineConfig, EngineGone, Engines};
use crate::buffer::Batch;
use crate::capture::ring::ring;
use crate::capture::{Heard, Origin, Scope};
use crate::clock;
use crate::link::memory::{Bound, MemoryEnd, pair};
use crate::link::packet::Packet;
use crate::link::{Link, LinkError, Offloads, Waiting};
use crate::offload::MIN_TCP_SIZE;
use crate::plug::{Plug, Source, SourceKind};
use crate::sys::netns::{alone, ip};
use crate::vnet::{Checksum, Gso, GsoKind, VnetHeader};
use etherparse::PacketBuilder;
use lanloom_switch_core::{
    Counters, DropReason, EgressFate, Fate, FdbLimits, Generated, Guard, Learned, MacAddr, PortConfig, PortId, Prefixes,
    SwitchConfig,
};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use std::os::fd::BorrowedFd;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// More than any of these tests sends.
const ROOMY: Bound = Bound { frames: 1 << 20, bytes: 1 << 30 };

fn runtime() -> SwitchRuntime {
    SwitchRuntime::new("s", SwitchConfig::default(), clock::now())
}

fn plug(runtime: &mut SwitchRuntime, link: Box<dyn Link>) -> PortId {
    let id = runtime.add_port("p", "p", PortConfig::default()).expect("a place");
    let port = runtime.port_mut(id).expect("the port just made");
    (port.link, port.down) = (Some(link), None);
    runtime.settle(id).expect("the port just made");
    id
}

fn plug_memory(runtime: &mut SwitchRuntime, offloads: Offloads) -> (PortId, MemoryEnd) {
    let (ours, theirs) = pair(ROOMY, offloads).expect("descriptors");
    (plug(runtime, Box::new(theirs)), ours)
}

fn counters(runtime: &SwitchRuntime, id: PortId) -> &Counters {
    runtime.switch.counters(id).expect("a port that is there")
}

fn broadcast(from: u8) -> Vec<u8> {
    let mut bytes = [[0xff; 6], [2, 0, 0, 0, 0, from]].concat();
    bytes.extend([0x88, 0xb5]);
    bytes.resize(60, from);
    bytes
}

#[test]
fn a_copy_for_a_port_whose_link_is_gone_ends_there_and_later_ones_pass() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let ((one, from), (two, to)) = (plug_memory(&mut runtime, Offloads::ALL), plug_memory(&mut runtime, Offloads::ALL));
    // The switch has not been told yet.
    let link = runtime.port_mut(two).expect("there").link.take();
    from.send_frame(&broadcast(1), VnetHeader::default());
    assert_eq!(runtime.serve(one, true, &mut buffers).expect("a link that is up"), 1);
    assert_eq!((counters(&runtime, two).dropped(DropReason::LinkError), counters(&runtime, two).tx.frames), (1, 0));
    runtime.port_mut(two).expect("there").link = link;
    from.send_frame(&broadcast(2), VnetHeader::default());
    assert_eq!(runtime.serve(one, true, &mut buffers).expect("a link that is up"), 1);
    let got = to.recv_frame(Duration::ZERO).expect("there").expect("the second frame");
    assert_eq!(*got.0, broadcast(2));
    assert!(to.recv_frame(Duration::ZERO).expect("there").is_none(), "each copy once");
}

/// Hands over what is no frame, then a frame.
struct Rejecting(MemoryEnd);

impl Link for Rejecting {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        batch.reject(70_000, DropReason::Oversize);
        batch.push_copy(&broadcast(1), VnetHeader::default());
        batch.reject(9, DropReason::Malformed);
        Ok(Waiting::None)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        self.0.send(batch, slots, fates);
    }

    fn overrun(&mut self) -> u64 {
        0
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd()
    }
}

#[test]
fn a_capture_tells_every_drop_that_the_counters_tell_of() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let (_far, near) = pair(ROOMY, Offloads::ALL).expect("descriptors");
    let id = plug(&mut runtime, Box::new(Rejecting(near)));
    let (sender, mut receiver) = ring(Scope::default());
    runtime.capture(sender);
    assert_eq!(runtime.serve(id, true, &mut buffers).expect("a link that is up"), 1);
    let (mut told, mut times) = (Vec::new(), Vec::new());
    loop {
        match receiver.next(Duration::ZERO) {
            Heard::Records(records) => {
                times.extend(records.iter().map(|record| record.time));
                told.extend(records.iter().map(|record| (record.origin, record.original_len, record.id)));
            }
            Heard::Port(_) => {}
            Heard::Nothing | Heard::End(_) => break,
        }
    }
    assert!(times.is_sorted(), "no time runs backwards: {times:?}");
    let dropped = |reason, learned| Origin::Received { fate: Fate::Dropped(reason), learned, answer: None };
    told.sort_by_key(|(_, len, _)| *len);
    let origins: Vec<_> = told.iter().map(|(origin, len, _)| (*origin, *len)).collect();
    assert_eq!(
        origins,
        [
            (dropped(DropReason::Malformed, Learned::Nothing), 9),
            (dropped(DropReason::NoDestination, Learned::New), 60),
            (dropped(DropReason::Oversize, Learned::Nothing), 70_000)
        ]
    );
    let mut ids: Vec<_> = told.iter().map(|(.., id)| *id).collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3], "numbers of their own");
    assert_eq!((counters(&runtime, id).rx.frames, counters(&runtime, id).rx_dropped()), (3, 3));
}

#[test]
fn what_the_switch_makes_is_sent_counted_and_captured_as_made_whatever_its_link_does_with_it() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let ((one, from), (two, to)) = (plug_memory(&mut runtime, Offloads::NONE), plug_memory(&mut runtime, Offloads::ALL));
    let (sender, mut receiver) = ring(Scope { port: Some(two), ..Scope::default() });
    runtime.capture(sender);
    let mut serve = |runtime: &mut SwitchRuntime| {
        runtime.switch.generate(two, Generated::ArpReply, |bytes| bytes.extend(broadcast(9))).expect("there");
        from.send_frame(&broadcast(1), VnetHeader::default());
        runtime.serve(one, true, &mut buffers).expect("a link that is up");
    };
    serve(&mut runtime);
    let got = || to.recv_frame(Duration::ZERO).expect("there").map(|frame| frame.0.to_vec());
    assert_eq!([got(), got(), got()], [Some(broadcast(1)), Some(broadcast(9)), None], "the copy first");
    runtime.port_mut(two).expect("there").link = None;
    serve(&mut runtime);
    let Counters { generated, tx, .. } = counters(&runtime, two);
    assert_eq!((*generated, tx.frames, counters(&runtime, two).dropped(DropReason::LinkError)), (1, 2, 2));

    let gone = EgressFate::Dropped(DropReason::LinkError);
    let mut told = Vec::new();
    loop {
        match receiver.next(Duration::ZERO) {
            Heard::Records(records) => {
                told.extend(records.iter().map(|record| (record.id, record.port, record.origin, record.copies.to_vec())));
            }
            Heard::Port(_) => {}
            Heard::Nothing | Heard::End(_) => break,
        }
    }
    let made: Vec<_> = told.iter().filter(|(_, _, origin, _)| *origin == Origin::Generated(Generated::ArpReply)).collect();
    assert_eq!((told.len(), made.len()), (4, 2), "{told:?}");
    assert_eq!((made[0].0, made[0].1, &made[0].3[..]), (2, two, &[(two, EgressFate::Sent)][..]));
    assert_eq!((made[1].0, made[1].1, &made[1].3[..]), (4, two, &[(two, gone)][..]));
}

#[test]
fn a_thread_that_died_answers_that_it_is_gone_instead_of_never() {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads");
    let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    let mailbox = &engines.inner.threads[0].mailbox;
    assert!(mailbox.ask(|_| -> () { panic!("on purpose") }).is_err());
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || answer.send(switch.ports()));
    assert_eq!(answered.recv_timeout(Duration::from_secs(10)), Ok(Err(EngineGone)));
}

#[test]
fn a_link_is_refused_by_a_port_that_is_not_there() {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads");
    let _switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    let (_far, near) = pair(ROOMY, Offloads::ALL).expect("descriptors");
    let (let_close, closing) = mpsc::channel();
    let slow = Box::new(Slow(near, closing));
    let mailbox = Arc::clone(&engines.inner.threads[0].mailbox);
    let (answer, answered) = mpsc::channel();
    std::thread::spawn(move || answer.send(mailbox.ask(|engine| engine.attach(0, PortId::new(7, 0), slow).is_ok())));
    // The thread does not wait for the kernel to close it.
    assert_eq!(answered.recv_timeout(Duration::from_secs(10)), Ok(Ok(false)));
    drop(let_close);
}

/// Takes long to close, as the kernel's do.
struct Slow(MemoryEnd, mpsc::Receiver<()>);

impl Link for Slow {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        self.0.recv(batch)
    }

    fn send(&mut self, batch: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        self.0.send(batch, slots, fates);
    }

    fn overrun(&mut self) -> u64 {
        3
    }

    fn offloads(&self) -> Offloads {
        Offloads::ALL
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.fd()
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // Until the test lets it, or is over.
        let _ = self.1.recv();
    }
}

#[test]
fn nobody_waits_for_the_kernel_to_close_a_deleted_ports_link_and_what_it_lost_is_counted() {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads");
    let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
    let (_far, near) = pair(ROOMY, Offloads::ALL).expect("descriptors");
    let (let_close, closing) = mpsc::channel();
    let source = Source {
        ifname: "nothing".to_owned(),
        netns: Some("/nowhere/to/be/found".into()),
        kind: SourceKind::Packet,
        label: None,
    };
    let mut slow: Option<Box<dyn Link>> = Some(Box::new(Slow(near, closing)));
    // Watched as an interface that is not there: the watch pulls the link at once.
    let id = switch.add_port("p", "p", Plug::Interface(source, slow.take()), PortConfig::default()).expect("a port");
    let (answer, answered) = mpsc::channel();
    let asking = switch.clone();
    std::thread::spawn(move || answer.send(asking.counters()));
    let counters = answered.recv_timeout(Duration::from_secs(10)).expect("an engine that answers").expect("there");
    assert_eq!((counters[0].0, counters[0].2.dropped(DropReason::RxOverrun)), (id, 3));
    drop(let_close);
}

#[test]
fn what_the_kernel_lost_on_the_way_to_a_tap_is_in_the_last_counters_of_a_deleted_port() {
    alone(|| {
        let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads");
        let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
        let kind = SourceKind::Tap { offload: true, persist: false };
        let source = Source { ifname: "t0".to_owned(), netns: None, kind, label: None };
        let id = switch.add_port("p", "p", Plug::Interface(source, None), PortConfig::default()).expect("a TAP");
        ip("link set t0 addrgenmode none txqueuelen 2 up");
        // While this is not answered, nobody reads.
        let (go_on, hold) = mpsc::channel::<()>();
        let (begun, is_held) = mpsc::channel();
        let held = engines.inner.threads[0].mailbox.tell(move |_| {
            let _ = (begun.send(()), hold.recv());
        });
        held.expect("there");
        is_held.recv().expect("the thread held");
        let mut far = Packet::open("t0").expect("the far end");
        let (mut batch, mut fates) = (Batch::new(BATCH), Vec::new());
        (0..BATCH).for_each(|_| assert!(batch.push_copy(&broadcast(1), VnetHeader::default())));
        far.send(&mut batch, &(0..BATCH as u16).collect::<Vec<_>>(), &mut fates);
        assert!(fates.iter().all(|fate| *fate == EgressFate::Sent), "the kernel says nothing: {fates:?}");
        drop(go_on);
        let last = switch.delete_port(id).expect("a port that is there");
        let lost = last.dropped(DropReason::RxOverrun);
        println!("{} received, {lost} lost before us", last.rx.frames);
        assert!(lost >= 60, "{last:?}");
    });
}

#[test]
fn a_port_brings_no_more_than_its_budget_in_a_round() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let (one, from) = plug_memory(&mut runtime, Offloads::ALL);
    (0..130).for_each(|_| assert_eq!(from.send_frame(&broadcast(1), VnetHeader::default()), EgressFate::Sent));
    let rounds = [(); 4].map(|()| runtime.serve(one, true, &mut buffers).expect("a link that is up"));
    assert_eq!(rounds, [64, 64, 2, 0]);
}

#[test]
fn a_super_frame_without_a_partial_checksum_goes_whole_and_has_one_then() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let ((one, from), (_, to)) = (plug_memory(&mut runtime, Offloads::ALL), plug_memory(&mut runtime, Offloads::ALL));
    let (bytes, vnet) = splinters();
    let gso = vnet.gso.map(|gso| Gso { size: 1000, ..gso });
    assert_eq!(from.send_frame(&bytes, VnetHeader { gso, checksum: Checksum::Valid, ..vnet }), EgressFate::Sent);
    assert_eq!(runtime.serve(one, true, &mut buffers).expect("a link that is up"), 1);
    let (got, header) = to.recv_frame(Duration::ZERO).expect("there").expect("the super-frame");
    assert_eq!((got.len(), header.gso, header.checksum), (bytes.len(), gso, vnet.checksum));
}

#[test]
fn an_engine_says_what_it_cannot_hear_of_where_that_is_hidden_from_it() {
    alone(|| {
        let lacks = || Engines::start(EngineConfig::default()).expect("threads").lacks().to_vec();
        assert_eq!(lacks(), Vec::<String>::new());
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).expect("mounts of this thread's own");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
        mount(Some("none"), "/proc", Some("tmpfs"), MsFlags::empty(), none).expect("an empty /proc");
        let lacks = lacks();
        assert!(lacks.len() == 1 && lacks[0].starts_with("names of namespaces"), "{lacks:?}");
    });
}

#[test]
fn an_engine_has_a_thread_for_each_core_unless_told_otherwise() {
    let engines = Engines::start(EngineConfig::default()).expect("threads");
    assert_eq!(engines.stats().len(), std::thread::available_parallelism().map_or(1, usize::from));
}

/// A super-frame of the smallest segments that there can be: 60,000 bytes in 7,500 of them.
fn splinters() -> (Vec<u8>, VnetHeader) {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    builder.tcp(1, 2, 3, 4).write(&mut bytes, &[5; 60_000]).expect("a frame that can be built");
    let gso = Some(Gso { kind: GsoKind::Tcp4, size: MIN_TCP_SIZE, ecn: false });
    (bytes, VnetHeader { gso, checksum: Checksum::Partial { start: 34, offset: 16 }, header_len: 54 })
}

#[test]
fn a_sender_of_splinters_pays_for_them_in_rounds_and_takes_no_more_than_a_bounded_part_of_one() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let ((one, from), (two, to)) = (plug_memory(&mut runtime, Offloads::ALL), plug_memory(&mut runtime, Offloads::NONE));
    // Known, so that the storm limit has no say.
    to.send_frame(&broadcast(2), VnetHeader::default());
    assert_eq!(runtime.serve(two, false, &mut buffers).expect("a link that is up"), 1);
    let (bytes, vnet) = splinters();
    for _ in 0..3 {
        assert_eq!(from.send_frame(&bytes, vnet), EgressFate::Sent);
    }
    assert_eq!(runtime.serve(one, false, &mut buffers).expect("a link that is up"), 3);
    let mut segments = 0;
    while to.recv_frame(Duration::ZERO).expect("there").is_some() {
        segments += 1;
    }
    assert_eq!(segments, 7500);
    let ended = counters(&runtime, two);
    assert_eq!((ended.tx.frames, ended.dropped(DropReason::QueueFull)), (1, 2), "each copy ended");

    from.send_frame(&broadcast(2), VnetHeader::default());
    let mut rounds = 0;
    while runtime.serve(one, false, &mut buffers).expect("a link that is up") == 0 {
        rounds += 1;
        assert!(rounds < 1000, "served again at last");
    }
    assert_eq!(rounds, (7500 - BATCH).div_ceil(BATCH), "as many rounds as others could have had");

    from.send_frame(&bytes, vnet);
    from.send_frame(&bytes, vnet);
    assert_eq!(runtime.serve(one, true, &mut buffers).expect("a link that is up"), 2);
    from.send_frame(&broadcast(2), VnetHeader::default());
    assert_eq!(runtime.serve(one, true, &mut buffers).expect("a link that is up"), 1, "alone, nobody is kept waiting");
}

#[test]
fn an_address_that_moves_with_every_frame_is_not_told_of_every_time_and_the_rest_is_counted() {
    let (mut runtime, mut buffers) = (runtime(), Buffers::new());
    let ((one, a), (two, b)) = (plug_memory(&mut runtime, Offloads::ALL), plug_memory(&mut runtime, Offloads::ALL));
    let (mut told, mut lost, started) = (0, 0, clock::now());
    for _ in 0..2000 {
        for (id, end) in [(one, &a), (two, &b)] {
            end.send_frame(&broadcast(9), VnetHeader::default());
            runtime.serve(id, true, &mut buffers).expect("a link that is up");
        }
        let (kinds, more) = runtime.events();
        (told, lost) = (told + kinds.len() as u64, lost + more);
    }
    let seconds = clock::now().since(started).as_secs() + 2;
    assert!(told <= seconds * 100 + 2, "{told} told in less than {seconds} s");
    assert!(told + lost >= 3999, "{told} told and {lost} lost of 3,999 moves");
}

#[test]
fn timers_run_on_a_thread_that_never_sleeps() {
    let spin = Duration::from_secs(1_000_000);
    let engines = Engines::start(EngineConfig { threads: 1, spin, events: None }).expect("threads");
    let fdb = FdbLimits { ageing_secs: 1, ..FdbLimits::default() };
    let switch = engines.create_switch("s", SwitchConfig { fdb, ..SwitchConfig::default() }).expect("a switch");
    let (far, near) = pair(ROOMY, Offloads::ALL).expect("descriptors");
    switch.add_port("p", "p", Plug::Memory(near), PortConfig::default()).expect("a port");
    far.send_frame(&broadcast(1), VnetHeader::default());
    let until = |addresses| {
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while switch.status().expect("there").addresses != addresses {
            assert!(std::time::Instant::now() < deadline, "{addresses} addresses did not come");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    until(1);
    until(0);
}

#[test]
fn a_guard_stays_when_a_port_is_set_and_goes_only_when_it_is_taken_away() {
    let mut runtime = runtime();
    let (port, _end) = plug_memory(&mut runtime, Offloads::ALL);
    let guard = Arc::new(Guard { mac: Some(MacAddr([2, 0, 0, 0, 0, 1])), ..Guard::default() });
    let guards = |runtime: &SwitchRuntime| {
        let shown = runtime.port(port).expect("there").config.guard.clone();
        assert_eq!(runtime.switch.config(port).expect("there").guard, shown);
        shown
    };
    runtime.set_guard(port, Some(guard.clone())).expect("there");
    runtime.set_port(port, PortConfig { isolated: true, ..PortConfig::default() }).expect("there");
    assert_eq!(guards(&runtime), Some(guard.clone()));
    let foreign = Arc::new(Prefixes::new([([10, 1, 0, 0].into(), 16)]));
    runtime.set_foreign(&foreign);
    assert_eq!(guards(&runtime), Some(Arc::new(guard.with_foreign(foreign))));
    runtime.set_guard(port, None).expect("there");
    assert_eq!(guards(&runtime), None);
}
