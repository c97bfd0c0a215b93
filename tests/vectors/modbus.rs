//! Modbus RTU frames of meters, chargers, readers and relay modules, both ways.

use crate::harness::{Vector, codec, difference, load, one_good, verdict};
use depotd::wire::codec::{Decoded, Options};
use depotd::wire::hex;
use serde_json::{Map, Value, json};

const GROUP: &str = "modbus_rtu";

/// What only a profile can know, and what belongs to the question.
const OF_PROFILES: [&str; 2] = ["points", "asks"];

fn options(vector: &Vector) -> Options {
    Options { response: vector.text("direction") == "reply", ..Options::default() }
}

fn fields(vector: &Vector) -> Map<String, Value> {
    let mut fields = vector.fields().as_object().cloned().unwrap_or_default();
    fields.retain(|key, _| !OF_PROFILES.contains(&key.as_str()));
    fields
}

fn is_stream(vector: &Vector) -> bool {
    vector.text("kind").ends_with("stream")
}

#[test]
fn valid_frames_decode_to_their_fields_and_encode_back() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in load(GROUP).iter().filter(|v| v.text("validity") == "valid" && !is_stream(v)) {
        checked += 1;
        let (octets, options) = (vector.octets(), options(vector));
        let fields = fields(vector);
        match one_good(codec("modbus-rtu"), &octets, &options) {
            Err(error) => wrong.push(format!("{}: {error}", vector.name())),
            Ok(object) => {
                if let Some(found) = difference(&Value::Object(fields.clone()), &object["fields"]) {
                    wrong.push(format!("{}: {found}", vector.name()));
                }
                if object["type"] != vector.text("type") {
                    wrong.push(format!("{}: type {}", vector.name(), object["type"]));
                }
            }
        }
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(vector.text("type")));
        object.insert("fields".to_owned(), Value::Object(fields));
        match (codec("modbus-rtu").encode)(&object, &options) {
            Ok(again) if again == octets => {}
            Ok(again) => wrong.push(format!("{}: encodes to {}", vector.name(), hex::upper(&again))),
            Err(error) => wrong.push(format!("{}: {error}", vector.name())),
        }
    }
    verdict(GROUP, checked, &wrong);
}

#[test]
fn a_write_that_is_its_own_answer_is_read_both_ways() {
    for vector in load(GROUP).iter().filter(|v| v.text("direction") == "both") {
        for response in [false, true] {
            let object =
                one_good(codec("modbus-rtu"), &vector.octets(), &Options { response, ..Options::default() })
                    .expect("good in both directions");
            assert_eq!(
                difference(&Value::Object(fields(vector)), &object["fields"]),
                None,
                "{}",
                vector.name()
            );
        }
    }
}

#[test]
fn invalid_frames_are_refused_with_the_reason() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in load(GROUP).iter().filter(|v| v.text("validity") == "invalid") {
        checked += 1;
        match one_good(codec("modbus-rtu"), &vector.octets(), &options(vector)) {
            Err(error) if error.starts_with(vector.text("error")) => {}
            other => wrong.push(format!("{}: wanted {}, got {other:?}", vector.name(), vector.text("error"))),
        }
    }
    verdict(GROUP, checked, &wrong);
}

#[test]
fn streams_hold_the_frames_that_are_expected() {
    let noise = [0x00, 0x01, 0x03, 0xFA, 0x55];
    let frames: Vec<Vector> =
        load(GROUP).into_iter().filter(|v| v.text("validity") == "valid" && !is_stream(v)).collect();
    let mut wrong = Vec::new();
    // every two frames of one direction, with noise before, between and behind
    for response in [false, true] {
        let same: Vec<_> = frames.iter().filter(|v| options(v).response == response).collect();
        for pair in same.windows(2) {
            let wanted = [pair[0].octets(), pair[1].octets()];
            let stream = [&noise[..], &wanted[0], &noise[..], &wanted[1], &noise[..3]].concat();
            if good(&stream, response) != wanted {
                wrong.push(format!("{} and {}", pair[0].name(), pair[1].name()));
            }
        }
    }
    for vector in load(GROUP).iter().filter(|v| is_stream(v)) {
        let wanted: Vec<Vec<u8>> = vector.object["expect"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|frame| hex::parse(frame.as_str()?))
            .collect();
        if good(&vector.octets(), options(vector).response) != wanted {
            wrong.push(vector.name().to_owned());
        }
    }
    verdict(GROUP, frames.len(), &wrong);
}

/// The good frames of a stream.
fn good(stream: &[u8], response: bool) -> Vec<Vec<u8>> {
    (codec("modbus-rtu").decode)(stream, &Options { response, ..Options::default() })
        .into_iter()
        .filter_map(|decoded| match decoded {
            Decoded::Good { offset, length, .. } => Some(stream[offset..offset + length].to_vec()),
            Decoded::Bad { .. } => None,
        })
        .collect()
}
