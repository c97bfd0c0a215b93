//! YKC V1.6: every frame of the group both ways; what must be refused is refused with its reason.
//!
//! Of the tolerable frames `depotd` takes those of the group; it reads exactly what their vectors say and counts them.

use crate::harness::{self, Vector};
use depotd::wire::codec::{Codec, Decoded, Options};
use depotd::wire::hex;
use depotd::wire::ykc16::{Found, Receiver, frame, open};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::sync::LazyLock;

const GROUP: &str = "ykc16";

fn codec() -> &'static Codec {
    harness::codec(GROUP)
}

fn is_stream(vector: &Vector) -> bool {
    vector.text("kind") == "stream"
}

/// Frames that mean something, tolerable ones among them.
fn meaningful() -> impl Iterator<Item = Vector> {
    harness::load(GROUP).into_iter().filter(|v| v.text("validity") != "invalid" && !is_stream(v))
}

/// The parts of an object that a vector determines.
fn part(object: &Map<String, Value>, keys: &[&str]) -> Value {
    let kept = keys.iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone())));
    Value::Object(kept.collect())
}

/// The octets of [`meaningful`], read once.
static FRAMES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| meaningful().map(|v| v.octets()).collect());

const SHOWN: [&str; 9] =
    ["type", "seq", "flags", "title", "direction", "fields", "scaled", "trailing", "deviation"];

#[test]
fn every_frame_means_what_its_vector_says_and_nothing_else() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in meaningful() {
        checked += 1;
        let object = match harness::one_good(codec(), &vector.octets(), &Options::default()) {
            Ok(object) => object,
            Err(error) => {
                wrong.push(format!("{}: {error}", vector.name()));
                continue;
            }
        };
        // a checksum that reads the same both ways is in order
        let symmetric = vector.text("name") == "c-03-crc-swapped";
        let keys = if symmetric { &SHOWN[..8] } else { &SHOWN[..] };
        let (wanted, found) = (part(&vector.object, keys), part(&object, keys));
        let difference =
            harness::difference(&wanted, &found).or_else(|| harness::difference(&found, &wanted));
        wrong.extend(difference.map(|d| format!("{}: {d}", vector.name())));
    }
    harness::verdict("ykc16 decode", checked, &wrong);
}

#[test]
fn every_frame_is_made_from_its_header_and_fields_again() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in meaningful() {
        let mut object = vector.object.clone();
        if vector.text("validity") == "valid" {
            object.retain(|key, _| ["type", "seq", "flags", "fields"].contains(&key.as_str()));
        }
        checked += 1;
        match (codec().encode)(&object, &Options::default()) {
            Ok(octets) if octets == vector.octets() => {}
            other => wrong.push(format!("{}: {:?}", vector.name(), other.map(|o| hex::upper(&o)))),
        }
    }
    harness::verdict("ykc16 encode", checked, &wrong);
}

#[test]
fn every_invalid_frame_is_refused_with_its_reason() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in harness::load(GROUP).iter().filter(|v| v.text("validity") == "invalid") {
        checked += 1;
        match &(codec().decode)(&vector.octets(), &Options::default())[..] {
            [Decoded::Bad { offset: 0, error }] if error.starts_with(vector.text("error")) => {}
            other => wrong.push(format!("{}: {other:?}", vector.name())),
        }
    }
    harness::verdict("ykc16 refused", checked, &wrong);
}

#[test]
fn a_stream_in_pieces_of_any_size_gives_its_frames() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in harness::load(GROUP).iter().filter(|v| is_stream(v)) {
        let expected: Vec<Vec<u8>> = vector.object["expect"]
            .as_array()
            .expect("expect")
            .iter()
            .map(|f| hex::parse(f.as_str().unwrap()).unwrap())
            .collect();
        let octets = vector.octets();
        for decoded in (codec().decode)(&octets, &Options::default()) {
            if let Decoded::Bad { .. } = decoded {
                wrong.push(format!("{}: noise is told as {decoded:?}", vector.name()));
            }
        }
        for piece in 1..=octets.len() {
            checked += 1;
            let frames = received(octets.chunks(piece));
            if frames != expected {
                wrong.push(format!("{} in pieces of {piece}: {frames:02X?}", vector.name()));
            }
        }
    }
    harness::verdict("ykc16 streams", checked, &wrong);
}

/// What a receiver finds; after the last octet its time-outs run until nothing is left.
fn received<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut receiver = Receiver::new();
    let mut found: Vec<Found> = pieces.flat_map(|piece| receiver.feed(piece)).collect();
    while receiver.unfinished().is_some() {
        found.extend(receiver.expire());
    }
    let frames = found.into_iter().filter_map(|one| match one {
        Found::Frame { frame, .. } => Some(frame::seal(frame.header, &frame.body, frame.order)),
        Found::Bad { .. } | Found::Hopeless => None,
    });
    frames.collect()
}

#[test]
fn all_frames_of_the_group_in_one_stream_are_found_whatever_is_between() {
    let noise: &[&[u8]] = &[&[], &[0], &[0xFF; 7], &[0x68, 0x03], &[0x68], &[0x16, 0x0D, 0x0A]];
    let mut stream = Vec::new();
    for (frame, noise) in FRAMES.iter().zip(noise.iter().cycle()) {
        stream.extend(*noise);
        stream.extend(frame);
    }
    for piece in [1, 2, 3, 16, 200, 1460, stream.len()] {
        assert_eq!(received(stream.chunks(piece)), *FRAMES, "in pieces of {piece}");
    }
}

#[test]
fn one_flipped_bit_anywhere_is_never_taken_for_a_frame() {
    for octets in FRAMES.iter() {
        for bit in 0..octets.len() * 8 {
            let mut broken = octets.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(frame::open(&broken).is_err(), "{octets:02X?} with bit {bit} flipped");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_body_under_any_type_is_shown_and_made_again_or_refused(
        kind in prop_oneof![Just(0x44u8), Just(0x45), Just(0x48), Just(0xF0), any::<u8>()],
        sequence in any::<[u8; 2]>(),
        length in 0usize..252,
        seed in any::<u64>(),
        plain in any::<bool>(),
    ) {
        let header = frame::Header { sequence, encryption: 0, kind };
        let order = if plain { frame::Order::LowFirst } else { frame::Order::HighFirst };
        let mut octets = seed.to_le_bytes().into_iter().cycle().map(|o| if plain { o } else { o & 0x83 });
        let body: Vec<u8> = octets.by_ref().take(length).collect();
        let octets = frame::seal(header, &body, order);
        round_trip(&octets)?;
    }

    #[test]
    fn a_body_of_the_right_length_always_comes_back_bit_for_bit(
        pick in any::<proptest::sample::Index>(),
        octets in proptest::collection::vec(any::<u8>(), 252),
    ) {
        let mut wire = pick.get(&FRAMES).clone();
        let end = wire.len() - 2;
        let list = [0x44, 0x45, 0x46, 0x47, 0x48, 0xF0].contains(&wire[5]);
        let from = if list { 15.min(end) } else { 6 };
        wire[from..end].copy_from_slice(&octets[from..end]);
        let header = frame::Header { sequence: [wire[2], wire[3]], encryption: 0, kind: wire[5] };
        let wire = frame::seal(header, &wire[6..end], frame::Order::LowFirst);
        let opened = frame::open(&wire).expect("our own frame");
        if !list {
            prop_assert!(open(&opened).is_ok());
        }
        round_trip(&wire)?;
    }

    #[test]
    fn any_octets_are_shown_or_refused(octets in proptest::collection::vec(prop_oneof![Just(0x68u8), Just(4), any::<u8>()], 0..400)) {
        let all = (codec().decode)(&octets, &Options::default());
        prop_assert_eq!(all.is_empty(), octets.is_empty());
    }
}

/// What is shown determines its frame.
fn round_trip(octets: &[u8]) -> Result<(), TestCaseError> {
    for decoded in (codec().decode)(octets, &Options::default()) {
        let Decoded::Good { object, offset, length } = decoded else { continue };
        let again = (codec().encode)(&object, &Options::default());
        prop_assert_eq!(again, Ok(octets[offset..offset + length].to_vec()), "{:?}", object);
    }
    Ok(())
}
