//! Somebody else on the line, and octets that mean nothing.

use crate::bench::{Bench, card};
use depotd::driver::{Driver, Foreign, Heard};
use depotd::model::report::Report;
use depotd::sim::slave::Slave;
use depotd::wire::Cut;
use depotd::wire::codec::Options;
use depotd::wire::osdp::{Block, CODEC, Check, Frame, Header, Reply, Security, cut};
use proptest::prelude::*;

/// The frame with one bit turned and its CRC made good again.
fn turned(octets: &[u8], bit: usize) -> Vec<u8> {
    const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_SPI_FUJITSU);
    let start = usize::from(octets[0] == 0xFF);
    let mut turned = octets[..octets.len() - 2].to_vec();
    turned[start + bit / 8] ^= 1 << (bit % 8);
    let sum = CRC.checksum(&turned[start..]);
    turned.extend(sum.to_le_bytes());
    turned
}

#[test]
fn no_turned_bit_of_a_secure_card_is_believed_and_the_true_one_still_is() {
    let mut bench = Bench::online();
    bench.device.present(card("04A23B9C"));
    let question = bench.ask();
    let answer = bench.answer(&question).expect("an answer");
    let bits = (answer.len() - 3) * 8;
    for bit in 0..bits {
        let heard = bench.driver.hear(bench.now, &turned(&answer, bit));
        assert!(matches!(heard, Heard::Foreign(_)), "bit {bit}: {heard:?}");
    }
    assert!(bench.driver.counters().mac_refused > 0);
    let heard = bench.driver.hear(bench.now, &answer);
    assert_eq!(heard, Heard::Answer(vec![Report::Card(card("04A23B9C"))]));
}

#[test]
fn a_replayed_card_and_a_late_reply_are_foreign() {
    let mut bench = Bench::online();
    bench.device.present(card("04A23B9C"));
    let question = bench.ask();
    let old = bench.answer(&question).expect("an answer");
    assert!(matches!(bench.driver.hear(bench.now, &old), Heard::Answer(_)));
    for _ in 0..12 {
        let question = bench.ask();
        assert_eq!(bench.driver.hear(bench.now, &old), Heard::Foreign(Foreign::Question));
        assert_eq!(bench.hear(&question), Heard::Answer(vec![]));
    }
    assert_eq!(bench.driver.counters().mac_refused, 4, "every third has the same number");
    bench.assert_clean();
}

#[test]
fn a_card_in_plain_is_not_accepted_in_a_secure_session() {
    let mut bench = Bench::online();
    let question = bench.ask();
    let asked = Frame::parse(&question).expect("a frame").header;
    let header = Header { reply: true, ..asked };
    let data = [0, 0, 32, 0, 4, 0xA2, 0x3B, 0x9C];
    let plain = header.frame(None, 0x50, &data);
    assert_eq!(bench.driver.hear(bench.now, &plain), Heard::Foreign(Foreign::Question));
    assert_eq!(bench.driver.counters().plain_refused, 1);
    assert_eq!(bench.hear(&question), Heard::Answer(vec![]));
    bench.assert_clean();
}

#[test]
fn a_session_of_replies_that_do_not_verify_ends_with_its_question() {
    let mut bench = Bench::online();
    bench.mangle = Some(Box::new(|octets| turned(&octets, (octets.len() - 4) * 8)));
    bench.exchange();
    assert!(!bench.driver.is_online());
    assert_eq!(bench.driver.counters().mac_refused, 3);
    bench.mangle = None;
    bench.exchanges(5);
    assert!(bench.driver.is_online());
    bench.assert_clean();
}

#[test]
fn a_broken_off_handshake_is_begun_anew() {
    for broken in 0..4 {
        let mut bench = Bench::secure();
        bench.exchanges(broken);
        bench.deaf = true;
        bench.exchange();
        bench.deaf = false;
        bench.exchanges(5);
        assert!(bench.driver.is_online(), "broken off at {broken}");
        bench.assert_clean();
    }
}

/// Drains octets through the cutter as a line does; it always ends.
fn drained(octets: &[u8]) -> usize {
    let (mut at, mut frames) = (0, 0);
    while at < octets.len() {
        match cut(&octets[at..]) {
            Cut::More => break,
            Cut::Noise(count) => {
                assert!(count > 0 && at + count <= octets.len());
                at += count;
            }
            Cut::Frame(size) => {
                assert!(Frame::parse(&octets[at..at + size]).is_ok() || size >= 8);
                frames += 1;
                at += size;
            }
        }
    }
    frames
}

prop_compose! {
    /// A frame whose checksum is good and whose content is anything.
    fn frame()(
        mark: bool, address in 0..3_u8, reply: bool, sequence in 0..4_u8, crc: bool,
        kind in 0..12_u8, key in prop::option::of(0..3_u8), code: u8, known in 0..60_usize,
        body in prop::collection::vec(any::<u8>(), 0..48),
    ) -> Vec<u8> {
        const KNOWN: &[u8] = &[0x40, 0x41, 0x45, 0x46, 0x48, 0x4B, 0x50, 0x53, 0x60, 0x61, 0x69, 0x6B, 0x76, 0x77, 0x78, 0x79];
        let check = if crc { Check::Crc } else { Check::Sum };
        let security = Block::from_code(0x11 + kind).map(|block| Security { block, data: key });
        let code = KNOWN.get(known).copied().unwrap_or(code);
let header = Header { mark, address, reply, sequence, check };
        let mut message = header.message(security, code, &body);
        if security.is_some_and(|s| s.block.has_mac()) {
            message.extend([7; 4]);
        }
        header.close(message)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_the_codec_panic(octets in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x53), Just(0xFF), 0..40_u8], 0..80)) {
        drained(&octets);
        let decoded = (CODEC.decode)(&octets, &Options { key: Some([1; 16]), ..Options::default() });
        prop_assert!(!decoded.is_empty());
    }

    #[test]
    fn no_frames_make_codec_driver_or_device_panic(frames in prop::collection::vec(frame(), 1..12), turns in 0..8_usize, secure: bool) {
        let mut bench = if secure { Bench::secure() } else { Bench::plain() };
        bench.exchanges(turns);
        bench.ask();
        for octets in &frames {
            drained(octets);
            let _ = bench.driver.hear(bench.now, octets);
            let _ = bench.answer(octets);
        }
        let cards = bench.take().iter().filter(|r| matches!(r, Report::Card(_))).count();
        prop_assert!(!secure || cards == 0);
        (CODEC.decode)(&frames.concat(), &Options { key: Some([1; 16]), ..Options::default() });
    }

    #[test]
    fn what_decodes_is_written_again_as_it_was(octets in frame()) {
        for decoded in (CODEC.decode)(&octets, &Options::default()) {
            if let depotd::wire::codec::Decoded::Good { object, .. } = decoded {
                prop_assert_eq!((CODEC.encode)(&object, &Options::default()), Ok(octets.clone()));
            }
        }
    }

    #[test]
    fn every_reply_is_read_as_it_was_written(code: u8, data in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(reply) = Reply::decode(code, &data) {
            prop_assert_eq!((reply.code(), reply.data()), (code, data));
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_frames(frames in prop::collection::vec(frame(), 1..6), size in 1..9_usize) {
        let stream = frames.concat();
        let (mut buffer, mut found) = (Vec::new(), 0);
        for piece in stream.chunks(size) {
            buffer.extend(piece);
            loop {
                match cut(&buffer) {
                    Cut::More => break,
                    Cut::Noise(count) | Cut::Frame(count) if count == 0 => unreachable!("at least one"),
                    Cut::Noise(count) => { buffer.drain(..count); }
                    Cut::Frame(count) => { found += 1; buffer.drain(..count); }
                }
            }
        }
        prop_assert_eq!(found, frames.len());
    }
}

#[test]
fn the_reader_is_not_shown_a_frame_of_another_one() {
    let mut bench = Bench::online_plain();
    let other = Header { mark: true, address: 2, reply: false, sequence: 0, check: Check::Crc };
    assert_eq!(bench.answer(&other.frame(None, 0x60, &[])), None);
    assert!(bench.device.complaints().is_empty());
}
