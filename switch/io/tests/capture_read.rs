//! Frames back out of capture files, and files that lie.

use lanloom_switch_core::{DropReason, Fate, Learned, PortId};
use lanloom_switch_io::capture::read::{Captured, ReadError, Reader, frame_at};
use lanloom_switch_io::capture::{Origin, PortLabel, Record, Settings, Writer};
use lanloom_switch_io::vnet::VnetHeader;
use proptest::prelude::*;

const P0: PortId = PortId::new(0, 0);

/// A file of ours with frames of these lengths.
fn ours(lengths: &[usize], snaplen: u32) -> Vec<u8> {
    let mut writer = Writer::new(Settings { snaplen, ..Settings::default() });
    writer.port(&PortLabel { port: P0, name: "p0".into(), description: "memory://".into() });
    for (id, len) in lengths.iter().enumerate() {
        let bytes = vec![id as u8; *len];
        let (fate, learned) = (Fate::Dropped(DropReason::Isolated), Learned::Nothing);
        let origin = Origin::Received { fate, learned, answer: None };
        let (time, id, original_len) = (1_700_000_000_000_000_001 + id as u64, id as u64, *len as u32);
        let (vnet, segments) = (VnetHeader::default(), 1);
        writer.record(&Record {
            time,
            id,
            port: P0,
            bytes: &bytes,
            original_len,
            vnet,
            segments,
            origin,
            copies: &[],
            lost_before: 0,
        });
    }
    writer.finish(&[]).to_vec()
}

fn read_all(file: &[u8]) -> Result<Vec<Captured>, ReadError> {
    let mut reader = Reader::new(file)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next()? {
        frames.push(frame);
    }
    Ok(frames)
}

#[test]
fn what_we_wrote_reads_back() {
    let file = ours(&[60, 61, 1514], 100);
    let frames = read_all(&file).expect("a sound file");
    let lengths: Vec<_> = frames.iter().map(|frame| (frame.bytes.len(), frame.original_len)).collect();
    assert_eq!(lengths, [(60, 60), (61, 61), (100, 1514)]);
    let second = Captured {
        interface: 0,
        time: 1_700_000_000_000_000_002,
        bytes: vec![1; 61],
        original_len: 61,
        comment: Some("p0 dropped: isolated".into()),
        id: Some(1),
    };
    assert_eq!(frame_at(&file[..], 2).expect("the second frame"), second);
    let mut reader = Reader::new(&file[..]).expect("a sound file");
    reader.next().expect("a sound file");
    assert_eq!((reader.interface_name(0), reader.interface_name(1)), (Some("p0"), None));
}

/// A classic file with one frame, in units of a microsecond or a nanosecond.
fn classic(big: bool, nanos: bool) -> Vec<u8> {
    let word = |word: u32| if big { word.to_be_bytes() } else { word.to_le_bytes() };
    let half = |half: u16| if big { half.to_be_bytes() } else { half.to_le_bytes() };
    let magic = if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let head = [&word(magic)[..], &half(2), &half(4), &word(0), &word(0), &word(262_144), &word(1)].concat();
    [&head[..], &word(7), &word(5), &word(14), &word(60), &[9; 14]].concat()
}

#[test]
fn classic_files_of_either_order_and_unit_are_read() {
    for (big, nanos) in [(false, false), (false, true), (true, false), (true, true)] {
        let frame = frame_at(&classic(big, nanos)[..], 1).expect("one frame");
        assert_eq!(
            (frame.time, frame.bytes, frame.original_len),
            (7_000_000_000 + if nanos { 5 } else { 5000 }, vec![9; 14], 60)
        );
    }
}

#[test]
fn big_endian_sections_other_clocks_and_old_packet_blocks_are_read() {
    let mut file = Vec::new();
    let block = |file: &mut Vec<u8>, kind: u32, body: &[u8]| {
        let len = (body.len() as u32 + 12).to_be_bytes();
        file.extend([&kind.to_be_bytes(), &len, body, &len].concat());
    };
    block(&mut file, 0x0a0d_0d0a, &[0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    // An interface whose clock counts 2^-10 seconds, then one that counts microseconds as nothing else is said.
    block(&mut file, 1, &[0, 1, 0, 0, 0, 0, 0, 8, 0, 9, 0, 1, 0x8a, 0, 0, 0]);
    block(&mut file, 1, &[0, 1, 0, 0, 0, 0, 0, 0]);
    block(&mut file, 0x0bad, &[1, 2, 3, 4]);
    block(&mut file, 6, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 2, 0, 0, 0, 9, 0xaa, 0xbb, 0, 0]);
    block(&mut file, 2, &[0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 1, 0xcc, 0, 0, 0]);
    block(&mut file, 3, &[0, 0, 0, 10, 1, 2, 3, 4, 5, 6, 7, 8]);
    file.extend(ours(&[60], 100));
    let frames = read_all(&file).expect("a sound file");
    let seen: Vec<_> =
        frames.iter().map(|frame| (frame.interface, frame.time, frame.bytes.len(), frame.original_len)).collect();
    let ours = (0, 1_700_000_000_000_000_001, 60, 60);
    // 1,025 / 1,024 seconds.
    assert_eq!(seen, [(0, 1_000_976_562, 2, 9), (1, 7_000, 1, 1), (0, 0, 8, 10), ours]);
}

#[test]
fn what_is_no_frame_is_refused_with_the_reason() {
    let refused = |file: &[u8], number| frame_at(file, number).expect_err("no frame").to_string();
    let file = ours(&[60, 60], 100);
    assert_eq!(refused(&file, 3), "there is no frame 3: the capture has 2");
    assert_eq!(refused(&file, 0), "there is no frame 0: frames are counted from 1");
    assert_eq!(refused(&[], 1), "the capture is empty: it has not even a header");
    assert!(refused(b"\x1f\x8b\x08\x00", 1).contains("gunzip"));
    assert!(refused(b"hello, world", 1).starts_with("no capture: it starts with [68, 65, 6c, 6c]; give a file in pcap"));
    assert!(refused(&file[..file.len() - 3], 3).contains("in the middle of a frame or header"));
    let mut wrong = classic(false, false);
    wrong[20] = 113;
    assert!(refused(&wrong, 1).contains("link type 113, not of Ethernet"));
    let mut lying = classic(false, false);
    lying[32..36].copy_from_slice(&[0xff; 4]);
    assert!(refused(&lying, 1).contains("a frame longer than 16 MiB"));
    let mut lying = file;
    let end = lying.len() - 4;
    lying[end] ^= 4;
    assert!(refused(&lying, 3).contains("a block whose two lengths differ"));
}

proptest! {
    #[test]
    fn no_file_panics_or_makes_us_take_more_memory_than_it_has(
        kind in 0..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let mut file = match kind {
            0 => ours(&[60, 200], 100),
            1 => classic(true, false),
            _ => classic(false, true),
        };
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        file.truncate(end.index(file.len() + 1));
        let whole = file.len();
        let mut taken = 0;
        if let Ok(mut reader) = Reader::new(&file[..]) {
            while let Ok(Some(frame)) = reader.next() {
                taken += frame.bytes.len();
            }
        }
        prop_assert!(taken <= whole, "{taken} of {whole}");
    }

    #[test]
    fn a_length_in_the_middle_of_nowhere_ends_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..400), ng: bool) {
        let head = if ng { ours(&[], 100) } else { classic(false, false)[..24].to_vec() };
        let file = [head, bytes].concat();
        let read = read_all(&file);
        prop_assert!(read.is_err() || read.is_ok_and(|frames| frames.len() <= file.len() / 16));
    }
}
