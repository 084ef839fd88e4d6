//! The way from the engine to whoever writes: nothing lost while there is room, all of the loss told when there is not.

use lanloom_switch_core::{DropReason, EgressFate, Fate, FloodKind, Learned, PortId};
use lanloom_switch_io::capture::ring::ring;
use lanloom_switch_io::capture::{Heard, Origin, PortLabel, Receiver, Record, Scope};
use lanloom_switch_io::vnet::VnetHeader;
use std::thread;
use std::time::Duration;

const P0: PortId = PortId::new(0, 0);
const P1: PortId = PortId::new(1, 0);
const P2: PortId = PortId::new(2, 0);
const LONG: Duration = Duration::from_secs(30);

fn record<'a>(id: u64, port: PortId, bytes: &'a [u8], copies: &'a [(PortId, EgressFate)]) -> Record<'a> {
    let fate = if copies.is_empty() { Fate::Dropped(DropReason::Isolated) } else { Fate::Flooded(FloodKind::Unknown) };
    Record {
        time: 1_700_000_000_000_000_000 + id,
        id,
        port,
        bytes,
        original_len: bytes.len() as u32,
        vnet: VnetHeader::default(),
        segments: 1,
        origin: Origin::Received { fate, learned: Learned::New, answer: None },
        copies,
        lost_before: 0,
    }
}

/// A record's number, length, first byte, copies and losses before it.
type Read = (u64, usize, u8, usize, u32);

/// Reads to the end: the records, and the losses after the last.
fn read_all(mut receiver: Receiver) -> (Vec<Read>, Vec<(PortId, u64)>) {
    let mut read = Vec::new();
    loop {
        match receiver.next(LONG) {
            Heard::Records(records) => read.extend(
                records
                    .iter()
                    .map(|r| (r.id, r.bytes.len(), r.bytes.first().copied().unwrap_or(0), r.copies.len(), r.lost_before)),
            ),
            Heard::End(lost) => return (read, lost),
            Heard::Port(_) => {}
            Heard::Nothing => panic!("no word from the engine's end for {LONG:?}"),
        }
    }
}

#[test]
fn everything_arrives_in_order_while_there_is_room() {
    let (mut sender, receiver) = ring(Scope::default());
    let reader = thread::spawn(|| read_all(receiver));
    let copies = [(P1, EgressFate::Sent), (P2, EgressFate::Dropped(DropReason::QueueFull))];
    let mut expected = Vec::new();
    for id in 0..2_000_u64 {
        let len = 14 + (id as usize * 37) % 3_000;
        let bytes = vec![id as u8; len];
        sender.record(&record(id, P0, &bytes, &copies[..id as usize % 3]));
        expected.push((id, len, id as u8, id as usize % 3, 0));
        if id % 64 == 63 {
            assert!(sender.flush());
        }
    }
    drop(sender);
    let (read, lost) = reader.join().expect("the reader ended well");
    assert_eq!(read, expected);
    assert_eq!(lost, []);
}

#[test]
fn a_reader_that_stopped_costs_no_more_than_its_room_and_every_loss_is_told_on_its_port() {
    let (mut sender, mut receiver) = ring(Scope { room: 10_000, ..Scope::default() });
    let bytes = [7; 900];
    for id in 0..100 {
        sender.record(&record(id, if id % 2 == 0 { P0 } else { P1 }, &bytes, &[]));
        assert!(sender.flush());
    }
    let lost = sender.lost();
    assert!((89..=92).contains(&lost), "{lost} of 100 lost with room for ten");
    let mut kept = 0;
    while let Heard::Records(records) = receiver.next(Duration::ZERO) {
        kept += records.len() as u64;
    }
    assert_eq!(kept + lost, 100, "every frame is kept or counted");
    sender.record(&record(100, P0, &bytes, &[]));
    sender.flush();
    let Heard::Records(records) = receiver.next(LONG) else { panic!("room was given back") };
    let told = u64::from(records.iter().next().expect("one record").lost_before);
    drop(sender);
    let Heard::End(rest) = receiver.next(LONG) else { panic!("the engine's end is gone") };
    assert_eq!(rest, [(P1, lost - told)], "what P0 lost was told with its next frame, the rest at the end");
    assert!(told > 40 && told < 50, "{told}");
}

#[test]
fn each_end_notices_that_the_other_is_gone() {
    let (mut sender, receiver) = ring(Scope::default());
    sender.record(&record(1, P0, &[1; 60], &[]));
    assert!(sender.flush() && sender.is_heard());
    drop(receiver);
    assert!(!sender.is_heard());
    sender.record(&record(2, P0, &[1; 60], &[]));
    assert!(!sender.flush());

    let (sender, mut receiver) = ring(Scope::default());
    assert!(matches!(receiver.next(Duration::ZERO), Heard::Nothing));
    drop(sender);
    assert!(matches!(receiver.next(LONG), Heard::End(lost) if lost.is_empty()));
    assert!(matches!(receiver.next(LONG), Heard::End(_)), "and stays so");
}

#[test]
fn a_scope_keeps_a_ports_frames_both_ways_or_what_was_dropped_or_what_a_filter_takes() {
    let sent = [(P1, EgressFate::Sent)];
    let full = [(P1, EgressFate::Sent), (P2, EgressFate::Dropped(DropReason::QueueFull))];
    let kept = |scope: Scope| {
        let (mut sender, receiver) = ring(scope);
        sender.record(&record(0, P0, &[0; 60], &sent));
        sender.record(&record(1, P0, &[0; 60], &full));
        sender.record(&record(2, P2, &[0; 60], &[]));
        drop(sender);
        read_all(receiver).0.into_iter().map(|(id, ..)| id).collect::<Vec<_>>()
    };
    assert_eq!(kept(Scope::default()), [0, 1, 2]);
    assert_eq!(kept(Scope { port: Some(P2), ..Scope::default() }), [1, 2]);
    assert_eq!(kept(Scope { port: Some(P1), ..Scope::default() }), [0, 1]);
    assert_eq!(kept(Scope { drops: true, ..Scope::default() }), [1, 2]);
    let filter = |text: &str| Some(text.parse().expect("a filter"));
    assert_eq!(kept(Scope { filter: filter("less 60"), ..Scope::default() }), [0, 1, 2]);
    assert_eq!(kept(Scope { filter: filter("arp"), ..Scope::default() }), []);
}

#[test]
fn a_snaplen_cuts_frames_and_their_length_is_still_known() {
    let (mut sender, mut receiver) = ring(Scope { snaplen: 96, ..Scope::default() });
    sender.port(PortLabel { port: P0, name: "p0".into(), description: "memory://".into() });
    sender.record(&record(0, P0, &[9; 1514], &[]));
    sender.record(&record(1, P0, &[8; 60], &[]));
    sender.flush();
    assert!(matches!(receiver.next(LONG), Heard::Port(label) if label.name == "p0"));
    let Heard::Records(records) = receiver.next(LONG) else { panic!("two records") };
    let lengths: Vec<_> = records.iter().map(|r| (r.bytes.len(), r.original_len, r.is_whole())).collect();
    assert_eq!(lengths, [(96, 1514, false), (60, 60, true)]);
    assert_eq!(records.bytes(1).expect("the second"), &[8; 60][..]);
    assert!(records.bytes(2).is_none());
}

#[test]
fn however_small_the_snaplen_it_is_told_who_sent_a_frame() {
    let (mut sender, mut receiver) = ring(Scope { snaplen: 1, ..Scope::default() });
    let bytes = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 0x0a], &[8, 6], &[0; 46]].concat();
    sender.record(&record(0, P0, &bytes, &[]));
    sender.flush();
    let Heard::Records(records) = receiver.next(LONG) else { panic!("one record") };
    let record = records.iter().next().expect("one record");
    assert_eq!((record.bytes.len(), record.source().to_string()), (14, "02:00:00:00:00:0a".to_owned()));
}

#[test]
fn records_tell_of_the_losses_that_no_record_has_told_yet() {
    let (mut sender, mut receiver) = ring(Scope { room: 2000, ..Scope::default() });
    sender.record(&record(0, P0, &[7; 900], &[]));
    for id in 1..4 {
        sender.record(&record(id, P1, &[7; 1900], &[]));
    }
    sender.record(&record(4, P0, &[7; 60], &[]));
    sender.flush();
    let Heard::Records(records) = receiver.next(LONG) else { panic!("two records") };
    assert_eq!((records.len(), records.lost()), (2, &[(P1, 3)][..]));
}
