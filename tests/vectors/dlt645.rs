//! DL/T 645: every frame of the group both ways; what must be refused is refused with its reason.
//!
//! The two DL/T 698.45 frames of the group are left out: `depotd` does not speak it. The 1997 frames are run; their
//! broadcast of time cannot be told from the one of 2007, so `protocol` is not compared there.

use crate::harness::{self, Vector};
use depotd::wire::codec::{Codec, Decoded, Options};
use depotd::wire::{Cut, dlt645, hex};
use serde_json::{Map, Value};

const GROUP: &str = "dlt645";

fn vectors(wanted: impl Fn(&Vector) -> bool) -> Vec<Vector> {
    let (mut kept, all) = (Vec::new(), harness::load(GROUP));
    let mut foreign = 0;
    for vector in all {
        if vector.text("kind").starts_with("698") {
            foreign += 1;
        } else if wanted(&vector) {
            kept.push(vector);
        }
    }
    println!("{GROUP}: {foreign} frames of DL/T 698.45 left out (not spoken)");
    kept
}

fn is_stream(vector: &Vector) -> bool {
    vector.text("kind").ends_with("stream")
}

fn codec() -> &'static Codec {
    harness::codec(GROUP)
}

/// `fields` as they can be compared: without what the octets do not tell.
fn comparable(vector: &Vector) -> Value {
    let mut fields = vector.fields().clone();
    if let Some(fields) = fields.as_object_mut()
        && fields.get("control").and_then(Value::as_str) == Some("08")
    {
        fields.remove("protocol");
    }
    fields
}

#[test]
fn every_valid_frame_means_what_its_vector_says() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in vectors(|v| v.text("validity") == "valid" && !is_stream(v)) {
        checked += 1;
        match harness::one_good(codec(), &vector.octets(), &Options::default()) {
            Err(error) => wrong.push(format!("{}: {error}", vector.name())),
            Ok(object) => {
                let kind = vector.text("type");
                if object["type"] != kind {
                    wrong.push(format!("{}: type {} wanted {kind}", vector.name(), object["type"]));
                }
                let difference = harness::difference(&comparable(&vector), &object["fields"]);
                wrong.extend(difference.map(|d| format!("{}: {d}", vector.name())));
            }
        }
    }
    harness::verdict("dlt645 decode", checked, &wrong);
}

#[test]
fn every_valid_frame_is_made_from_its_fields_again() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in vectors(|v| v.text("validity") == "valid" && !is_stream(v)) {
        checked += 1;
        let mut object = Map::new();
        object.insert("fields".to_owned(), vector.fields().clone());
        match (codec().encode)(&object, &Options::default()) {
            Ok(octets) if octets == vector.octets() => {}
            other => wrong.push(format!("{}: {:?}", vector.name(), other.map(|o| hex::upper(&o)))),
        }
    }
    harness::verdict("dlt645 encode", checked, &wrong);
}

#[test]
fn a_frame_is_determined_by_its_meaning_without_its_data() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in vectors(|v| v.text("validity") == "valid" && !is_stream(v)) {
        let mut fields = vector.fields().as_object().expect("fields").clone();
        // functions that are shown raw, and values that are no values
        let raw = ["02", "03", "10", "19", "1A", "1B", "1C"]
            .contains(&vector.fields()["control"].as_str().unwrap());
        if raw || fields.contains_key("quality") {
            continue;
        }
        checked += 1;
        fields.remove("data");
        match (codec().encode)(&fields, &Options::default()) {
            Ok(octets) if octets == vector.octets() => {}
            other => wrong.push(format!("{}: {:?}", vector.name(), other.map(|o| hex::upper(&o)))),
        }
    }
    harness::verdict("dlt645 encode by meaning", checked, &wrong);
}

#[test]
fn every_invalid_frame_is_refused_with_its_reason() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in vectors(|v| v.text("validity") == "invalid") {
        checked += 1;
        match &(codec().decode)(&vector.octets(), &Options::default())[..] {
            [Decoded::Bad { error, .. }] if error.starts_with(vector.text("error")) => {}
            other => wrong.push(format!("{}: {other:?}", vector.name())),
        }
    }
    harness::verdict("dlt645 refused", checked, &wrong);
}

#[test]
fn a_stream_in_pieces_of_any_size_gives_the_same_frames() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in vectors(is_stream) {
        let expected: Vec<Vec<u8>> = vector.object["expect"]
            .as_array()
            .expect("expect")
            .iter()
            .map(|f| hex::parse(f.as_str().unwrap()).unwrap())
            .collect();
        let octets = vector.octets();
        let decoded: Vec<Vec<u8>> = (codec().decode)(&octets, &Options::default())
            .iter()
            .filter_map(|d| match d {
                Decoded::Good { offset, length, .. } => Some(octets[*offset..offset + length].to_vec()),
                Decoded::Bad { .. } => None,
            })
            .collect();
        if decoded != expected {
            wrong.push(format!("{}: decode gives {decoded:02X?}", vector.name()));
        }
        for piece in 1..=octets.len() {
            checked += 1;
            let frames = received(octets.chunks(piece));
            if frames != expected {
                wrong.push(format!("{} in pieces of {piece}: {frames:02X?}", vector.name()));
            }
        }
    }
    harness::verdict("dlt645 streams", checked, &wrong);
}

/// What a receiver finds; after the last octet its time-outs run until nothing is left.
fn received<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let (mut buffer, mut frames) = (Vec::new(), Vec::new());
    let mut settle = |buffer: &mut Vec<u8>| loop {
        match dlt645::cut(buffer) {
            Cut::More => break,
            Cut::Noise(count) => drop(buffer.drain(..count)),
            Cut::Frame(count) => {
                let frame: Vec<u8> = buffer.drain(..count).collect();
                frames.push(frame[dlt645::frame::preamble(&frame)..].to_vec());
            }
        }
    };
    for piece in pieces {
        buffer.extend(piece);
        settle(&mut buffer);
    }
    while !buffer.is_empty() {
        buffer.remove(0);
        settle(&mut buffer);
    }
    frames
}
