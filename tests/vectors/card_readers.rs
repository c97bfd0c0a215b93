//! Card readers: MINGTE frames, and the frames of other makes under their built-in profiles.

use super::harness::{Vector, codec, difference, load, one_good, verdict};
use depotd::wire::codec::{Decoded, Options};
use depotd::wire::uid_frame::{BUILT_IN, Profile};
use depotd::wire::{Cut, hex, mt62x};
use proptest::prelude::*;

fn options(vector: &Vector) -> Options {
    let profile = vector.object.get("profile").and_then(|p| p.as_str());
    Options { profile: profile.map(str::to_owned), ..Options::default() }
}

/// One frame: read, and written again.
fn message(vector: &Vector) -> Result<(), String> {
    let (codec, options) = (codec(vector.text("protocol")), options(vector));
    let object = one_good(codec, &vector.octets(), &options)?;
    if object["type"] != vector.object["type"] {
        return Err(format!("type {}", object["type"]));
    }
    if let Some(difference) = difference(vector.fields(), &object["fields"]) {
        return Err(difference);
    }
    let fields = vector.fields().as_object().ok_or("no fields")?;
    for wanted in [&object, fields] {
        let again = (codec.encode)(wanted, &options)?;
        if again != vector.octets() {
            return Err(format!("written again as {}", hex::upper(&again)));
        }
    }
    Ok(())
}

fn refused(vector: &Vector) -> Result<(), String> {
    match one_good(codec(vector.text("protocol")), &vector.octets(), &options(vector)) {
        Ok(object) => Err(format!("accepted as {}", object["fields"])),
        Err(error) if error.starts_with(vector.text("error")) => Ok(()),
        Err(error) => Err(format!("wanted {}, found {error}", vector.text("error"))),
    }
}

/// In pieces of every size.
fn stream(vector: &Vector) -> Result<(), String> {
    let octets = vector.octets();
    let wanted: Vec<&str> =
        vector.object["expect"].as_array().ok_or("no expect")?.iter().filter_map(|f| f.as_str()).collect();
    let decoded = (codec("mt62x").decode)(&octets, &Options::default());
    let whole: Vec<String> = decoded
        .iter()
        .map(|d| match d {
            Decoded::Good { offset, length, .. } => hex::upper(&octets[*offset..offset + length]),
            Decoded::Bad { error, .. } => error.clone(),
        })
        .collect();
    if whole != wanted {
        return Err(format!("wanted {wanted:?}, found {whole:?}"));
    }
    for size in 1..=octets.len() {
        let pieces = received(octets.chunks(size), mt62x::cut);
        if pieces != wanted {
            return Err(format!("in pieces of {size}: {pieces:?}"));
        }
    }
    Ok(())
}

fn received<'a>(pieces: impl Iterator<Item = &'a [u8]>, cut: impl Fn(&[u8]) -> Cut) -> Vec<String> {
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match cut(&buffer) {
                Cut::More => break,
                Cut::Noise(count) => drop(buffer.drain(..count)),
                Cut::Frame(count) => frames.push(hex::upper(&buffer.drain(..count).collect::<Vec<u8>>())),
            }
        }
    }
    frames
}

#[test]
fn every_frame_of_a_card_reader_means_what_its_vector_says() {
    let vectors = load("card_readers");
    let mut wrong = Vec::new();
    for vector in &vectors {
        let outcome = match (vector.text("kind"), vector.text("validity")) {
            ("stream", _) => stream(vector),
            (_, "valid") => message(vector),
            (_, "invalid") => refused(vector),
            (_, other) => Err(format!("validity {other:?} is not of this file")),
        };
        if let Err(why) = outcome {
            wrong.push(format!("{}: {why}", vector.name()));
        }
    }
    verdict("card_readers", vectors.len(), &wrong);
}

/// A turned bit, a missing end, a second frame behind: under every profile and for MINGTE.
#[test]
fn damaged_frames_are_refused_and_glued_ones_are_two() {
    for vector in
        load("card_readers").iter().filter(|v| v.text("validity") == "valid" && v.text("kind") != "stream")
    {
        let (codec, options, octets) = (codec(vector.text("protocol")), options(vector), vector.octets());
        let good = |octets: &[u8]| {
            let all = (codec.decode)(octets, &options);
            all.iter().filter(|d| matches!(d, Decoded::Good { .. })).count()
        };
        // the letter case of written digits is free, so bit 5 of a digit may turn
        let free = |bit: usize| bit % 8 == 5 && octets[bit / 8].is_ascii_alphabetic();
        for bit in (0..octets.len() * 8).filter(|bit| !free(*bit)) {
            let mut turned = octets.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(good(&turned), 0, "{} bit {bit}", vector.name());
        }
        for short in 0..octets.len() {
            assert_eq!(good(&octets[..short]), 0, "{} cut at {short}", vector.name());
        }
        assert_eq!(good(&[octets.clone(), octets.clone()].concat()), 2, "{}", vector.name());
        let noisy = [b"-> pcbcommOK\r\n".as_slice(), &octets].concat();
        assert!(
            matches!((codec.decode)(&noisy, &options)[..], [Decoded::Good { offset: 14, .. }]),
            "{}",
            vector.name()
        );
    }
}

#[test]
fn without_a_profile_the_refusal_names_those_there_are() {
    let refused = one_good(codec("uid-frame"), &[2, 3], &Options::default()).expect_err("refused");
    assert!(BUILT_IN.iter().all(|(name, _)| refused.contains(name)), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_octets_upset_a_codec_and_what_it_shows_it_writes(
        octets in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4, Just(0x0D)], 0..120),
        which in 0..=BUILT_IN.len(),
    ) {
        let profile = BUILT_IN.get(which).map(|(name, _)| (*name).to_owned());
        let codec = codec(if profile.is_some() { "uid-frame" } else { "mt62x" });
        let options = Options { profile, ..Options::default() };
        for decoded in (codec.decode)(&octets, &options) {
            if let Decoded::Good { object, .. } = decoded
                && let Ok(again) = (codec.encode)(&object, &options)
            {
                let same = |d: &Decoded| matches!(d, Decoded::Good { object: o, .. } if *o == object);
                prop_assert!((codec.decode)(&again, &options).iter().any(same), "{:?}", object);
            }
        }
    }

    #[test]
    fn no_octets_upset_the_cutter_of_a_profile(octets in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..4, Just(0x0D)], 0..700)) {
        for (name, _) in BUILT_IN {
            let profile = Profile::by_name(name).expect("built in");
            for cut in [profile.cut(&octets), profile.cut_at_rest(&octets)] {
                if let Cut::Noise(n) | Cut::Frame(n) = cut {
                    prop_assert!(n >= 1 && n <= octets.len().max(1));
                }
            }
        }
    }
}
