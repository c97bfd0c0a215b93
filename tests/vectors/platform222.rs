//! Wire profile 222. The file has a form of its own: an array, each frame with its dialect.

use crate::harness::{self, Vector};
use depotd::wire::codec::{Decoded, Options};
use depotd::wire::platform222::{Checksum, Order, Variant, Verdict, frame, refusal};
use serde_json::{Map, Value};

const HEADER: [&str; 7] = ["type", "reply", "device", "seq", "flags", "version", "fields"];

fn options(vector: &Vector) -> Options {
    Options {
        crc: Some(vector.text("crc").to_owned()),
        crc_little_endian: vector.text("crc_order") == "le",
        ..Options::default()
    }
}

fn checksum(vector: &Vector) -> Checksum {
    let order = if vector.text("crc_order") == "le" { Order::LowFirst } else { Order::HighFirst };
    Checksum { variant: Variant::by_name(vector.text("crc")).expect("variant"), order }
}

#[test]
fn every_frame_of_profile_222_reads_and_writes_as_published() {
    let codec = harness::codec("platform222");
    let (mut checked, mut wrong) = (0, Vec::new());
    for vector in harness::load("platform222") {
        let name = vector.name().to_owned();
        let mut fault = |why: String| wrong.push(format!("{name}: {why}"));
        checked += 1;
        if vector.object.contains_key("error") {
            refused(&vector).into_iter().for_each(&mut fault);
            continue;
        }
        let wanted: Map<String, Value> =
            HEADER.iter().map(|key| ((*key).to_owned(), vector.object[*key].clone())).collect();
        match harness::one_good(codec, &vector.octets(), &options(&vector)) {
            Err(error) => fault(error),
            Ok(object) => {
                if object.keys().map(String::as_str).ne(HEADER) {
                    fault(format!("keys {:?}", object.keys()));
                }
                harness::difference(&Value::Object(wanted.clone()), &Value::Object(object.clone()))
                    .or_else(|| harness::difference(&Value::Object(object), &Value::Object(wanted.clone())))
                    .into_iter()
                    .for_each(&mut fault);
            }
        }
        if vector.object.get("decode_only") != Some(&Value::Bool(true)) {
            match (codec.encode)(&wanted, &options(&vector)) {
                Ok(octets) if octets == vector.octets() => {}
                other => fault(format!("encoded {other:02x?}")),
            }
        }
    }
    harness::verdict("platform222", checked, &wrong);
}

/// The error must begin with the verdict, and the answer due must be the published one.
fn refused(vector: &Vector) -> Vec<String> {
    let mut wrong = Vec::new();
    let all = (harness::codec("platform222").decode)(&vector.octets(), &options(vector));
    match &all[..] {
        [Decoded::Bad { offset: 0, error }] if error.starts_with(vector.text("error")) => {}
        other => wrong.push(format!("wanted {}, found {other:?}", vector.text("error"))),
    }
    let answer = vector.object.get("answer").and_then(Value::as_u64);
    let octets = vector.octets();
    let found = frame::open(checksum(vector), &octets).ok().and_then(|(header, _)| {
        let verdict = verdict(vector.text("error"))?;
        let octets = refusal(checksum(vector), &header, verdict)?;
        let (reply, body) = frame::open(checksum(vector), &octets).expect("our own frame");
        assert_eq!(reply, header.reply());
        Some(u64::from(body[0]))
    });
    if found != answer {
        wrong.push(format!("answer {found:?}, wanted {answer:?}"));
    }
    wrong
}

fn verdict(name: &str) -> Option<Verdict> {
    use Verdict::*;
    let all = [
        BadStart,
        BadLength,
        Truncated,
        BadCrc,
        BadVersion,
        FlagsReserved,
        BadDevice,
        UnknownType,
        BodyShort,
        BadCount,
        BadValue,
        BodyLong,
    ];
    all.into_iter().find(|v| v.name() == name)
}

#[test]
fn a_stream_shows_its_good_frames_and_refuses_the_rest_by_name() {
    let codec = harness::codec("platform222");
    let heartbeat = "535a1a001000020000000201440300123400018051010000000000020002b5ac";
    let octets = |text: &str| depotd::wire::hex::parse(text).expect("hex");
    let decode = |text: &str| (codec.decode)(&octets(text), &Options::default());
    let noisy = decode(&format!("0011{heartbeat}{heartbeat}"));
    assert_eq!(noisy.len(), 2, "noise before a good frame is nothing: {noisy:?}");
    assert!(matches!(noisy[1], Decoded::Good { offset: 34, length: 32, .. }));
    let broken = decode(&format!("{}{heartbeat}", heartbeat.replace("b5ac", "b5ad")));
    assert!(
        matches!(&broken[0], Decoded::Bad { offset: 0, error } if error.starts_with("bad_crc")),
        "{broken:?}"
    );
    assert!(matches!(broken[1], Decoded::Good { offset: 32, .. }));
    let hopeless = decode(&format!("{}{heartbeat}", "535a0000".repeat(40)));
    assert!(
        matches!(hopeless.last(), Some(Decoded::Good { offset: 160, .. })),
        "a capture is read to its end"
    );
    assert!(decode("").is_empty());
    assert!(matches!(&decode("53")[..], [Decoded::Bad { error, .. }] if error.starts_with("truncated")));
}

#[test]
fn an_object_that_determines_no_frame_is_refused_with_the_field() {
    let codec = harness::codec("platform222");
    let encode = |text: &str| {
        let Value::Object(object) = serde_json::from_str(text).expect("JSON") else { panic!("object") };
        (codec.encode)(&object, &Options::default())
    };
    let time_set = |fields: &str| {
        encode(&format!(r#"{{"type":"0104","device":"44030012340001","seq":1,"fields":{fields}}}"#))
    };
    assert!(time_set(r#"{"time":null}"#).is_ok());
    assert_eq!(time_set("{}"), Err("time is absent".to_owned()));
    assert_eq!(time_set(r#"{"time":null,"x":1}"#), Err("x: no field of this message".to_owned()));
    assert!(time_set(r#"{"time":"2026-13-01T00:00:00.000"}"#).is_err());
    assert!(encode(r#"{"type":"030B","device":"44030012340001","seq":1,"fields":{}}"#).is_err());
    assert!(encode(r#"{"type":"0104","device":"4403001234000a","seq":1,"fields":{"time":null}}"#).is_err());
}
